package ledger

import (
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// processingGrace is how long a finished session's review may stay PROCESSING before that is taken as its rest: on new
// gateways EXECUTED comes a moment after the session is done, on old ones it may never come.
const processingGrace = time.Minute

// sessionStatus are what the API says of a session and can still change.
type sessionStatus struct {
	verb, status string
	end          time.Time // zero: null
	exitCode     *int
	eventSize    int64
	review       *review // nil: the session never asked for one
}

// review is what matters of a client.Review.
type review struct {
	kind, status      string
	created, revokeAt time.Time
	decision          time.Time // zero: none can be told
	revokedAt         time.Time // when a group revoked it; zero: none can be told
	pendingGroups     []string  // groups that have not approved yet, each once
}

func statusOf(s *client.Session) sessionStatus {
	f := sessionStatus{verb: s.Verb, status: s.Status, end: s.EndDate.Time, exitCode: s.ExitCode, eventSize: s.EventSize}
	if s.Review != nil {
		f.review = reviewOf(s.Review)
	}
	return f
}

func reviewOf(r *client.Review) *review {
	v := &review{kind: r.Type, status: r.Status, created: r.CreatedAt.Time, revokeAt: r.RevokeAt.Time, decision: decisionTime(r)}
	for _, g := range r.Groups {
		switch g.Status {
		case client.ReviewPending:
			if v.status == client.ReviewPending && !slices.Contains(v.pendingGroups, g.Group) {
				v.pendingGroups = append(v.pendingGroups, g.Group)
			}
		case client.ReviewRevoked:
			v.revokedAt = later(v.revokedAt, g.ReviewDate.Time)
		}
	}
	return v
}

// decisionTime is when the review was decided; zero where the answer does not tell, and while it is pending.
// The gateway sets revoke_at at approval, to then + access_duration, which is more reliable than the groups' dates.
func decisionTime(r *client.Review) time.Time {
	if r.Status == client.ReviewPending {
		return time.Time{}
	}
	if !r.RevokeAt.IsZero() && r.Status != client.ReviewRejected {
		return r.RevokeAt.Add(-r.AccessDuration)
	}
	var rejected, approved time.Time
	for _, g := range r.Groups {
		switch at := g.ReviewDate.Time; {
		case at.IsZero():
		case g.Status == client.ReviewRejected:
			if rejected.IsZero() || at.Before(rejected) {
				rejected = at
			}
		case g.Status == client.ReviewApproved:
			approved = later(approved, at)
		}
	}
	if !rejected.IsZero() {
		return rejected
	}
	return approved
}

// state is the first line of the table that fits.
func (f *sessionStatus) state(now time.Time) State {
	r := f.review
	switch {
	case r != nil && (r.status == client.ReviewRejected || r.status == client.ReviewRevoked):
		return Finished
	case r != nil && r.status == client.ReviewPending:
		return Pending
	case f.status == client.StatusDone:
		return Finished
	case f.status == client.StatusOpen, f.status == client.StatusReady && r != nil && r.status == client.ReviewProcessing:
		return Running
	case f.status == client.StatusReady && r != nil && r.expires() && !now.Before(r.revokeAt):
		return Expired
	case f.status == client.StatusReady:
		return Ready
	}
	return Unknown
}

// expires tells whether the review's approval ends by itself.
func (r *review) expires() bool { return r.kind == client.ReviewJIT && !r.revokeAt.IsZero() }

// Outcomes of a finished session.
const (
	outcomeRejected     = "rejected"
	outcomeRevoked      = "revoked"
	outcomeSuccess      = "success"
	outcomeDisconnected = "disconnected"
	outcomeAborted      = "aborted"
	outcomeFailure      = "failure"
	outcomeUnknown      = "unknown"
)

func outcomes() []string {
	return []string{outcomeAborted, outcomeDisconnected, outcomeFailure, outcomeRejected, outcomeRevoked, outcomeSuccess, outcomeUnknown}
}

// exitByGateway is the exit code of what the gateway or the client ended.
const exitByGateway = 254

func (f *sessionStatus) outcome() string {
	switch {
	case f.review != nil && f.review.status == client.ReviewRejected:
		return outcomeRejected
	case f.review != nil && f.review.status == client.ReviewRevoked:
		return outcomeRevoked
	case f.exitCode == nil:
		return outcomeUnknown
	case *f.exitCode == 0:
		return outcomeSuccess
	case *f.exitCode == exitByGateway && f.verb == client.VerbConnect:
		return outcomeDisconnected
	case *f.exitCode == exitByGateway:
		return outcomeAborted
	}
	return outcomeFailure
}

// reviewFinalAt is when the review comes to rest if nothing else happens to it; zero: not by itself, or at rest already. done is when
// the session was first seen finished.
func (f *sessionStatus) reviewFinalAt(done time.Time) time.Time {
	r := f.review
	switch {
	case r == nil || unaffectedByTime(r.status):
		return time.Time{}
	case r.status == client.ReviewApproved && r.expires():
		return r.revokeAt
	case f.status != client.StatusDone:
		return time.Time{}
	case r.status == client.ReviewProcessing:
		return f.endTime(done).Add(processingGrace)
	}
	return f.endTime(done)
}

// unaffectedByTime tells whether the status alone says that time changes nothing: decided for good, or waiting for a person.
func unaffectedByTime(status string) bool {
	switch status {
	case client.ReviewRejected, client.ReviewRevoked, client.ReviewExecuted, client.ReviewPending:
		return true
	}
	return false
}

// endTime is when a done session ended: what the API says, unless it says nothing or something later than when it was seen done.
func (f *sessionStatus) endTime(done time.Time) time.Time {
	if !f.end.IsZero() && !f.end.After(done) {
		return f.end
	}
	return done
}

// reviewFinal tells whether nothing more will happen to the review.
func (f *sessionStatus) reviewFinal(now, done time.Time) bool {
	switch f.review.status {
	case client.ReviewRejected, client.ReviewRevoked, client.ReviewExecuted:
		return true
	case client.ReviewPending:
		return false
	}
	at := f.reviewFinalAt(done)
	return !at.IsZero() && !now.Before(at)
}

// reviewFinalSince is when a review that is at rest came to it, as far as the answer tells; zero: it does not.
func (f *sessionStatus) reviewFinalSince() time.Time {
	r := f.review
	switch {
	case r.status == client.ReviewRejected:
		return r.decision
	case r.status == client.ReviewRevoked:
		return r.revokedAt
	case r.status == client.ReviewApproved && r.expires():
		return r.revokeAt
	case r.status == client.ReviewProcessing && !f.end.IsZero():
		return f.end.Add(processingGrace)
	}
	return f.end
}

// runningSince is when a running session began to run: a reviewed one not before its approval.
func (f *sessionStatus) runningSince(start time.Time) time.Time {
	if f.review == nil {
		return start
	}
	return later(start, f.review.decision)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
