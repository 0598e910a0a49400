package ledger

import (
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// processingGrace is how long a finished session's review may stay PROCESSING before that counts as its final state: on new
// gateways EXECUTED comes a moment after the session is done, on old ones it may never come.
const processingGrace = time.Minute

// sessionStatus is what the API says about a session and may still change. It is replaced as a whole by each row.
type sessionStatus struct {
	verb, status string
	end          time.Time // zero: null
	exitCode     *int
	eventSize    int64
	review       *review // nil: no review was ever requested
}

// review is the part of a client.Review that counts.
type review struct {
	id                uint64 // its hash; 0: the API did not say
	kind, status      string
	created, revokeAt time.Time
	decision          time.Time // zero: unknown
	revokedAt         time.Time // when a group revoked it; zero: unknown
	pendingGroups     []string  // groups that have not approved yet, each once
}

func statusOf(row *client.Session) sessionStatus {
	s := sessionStatus{verb: row.Verb, status: row.Status, end: row.EndDate.Time, exitCode: row.ExitCode, eventSize: row.EventSize}
	if row.Review != nil {
		s.review = reviewOf(row.Review)
	}
	return s
}

func reviewOf(r *client.Review) *review {
	v := &review{id: hashID(r.ID), kind: r.Type, status: r.Status, created: r.CreatedAt.Time, revokeAt: r.RevokeAt.Time, decision: decisionTime(r)}
	for _, g := range r.Groups {
		switch g.Status {
		case client.ReviewPending:
			if v.status == client.ReviewPending && !slices.Contains(v.pendingGroups, g.Group) {
				v.pendingGroups = append(v.pendingGroups, g.Group)
			}
		case client.ReviewRevoked:
			v.revokedAt = Later(v.revokedAt, g.ReviewDate.Time)
		}
	}
	return v
}

// hashID is the hash of an id; 0 for none.
func hashID(id string) uint64 {
	if id == "" {
		return 0
	}
	return max(hash64(id), 1)
}

// decisionTime is when the review was decided; zero while it is pending, or if the answer does not say. The gateway sets revoke_at at
// approval, to that moment + access_duration, which is more reliable than the groups' dates.
func decisionTime(r *client.Review) time.Time {
	if r.Status == client.ReviewPending {
		return time.Time{}
	}
	if !r.RevokeAt.IsZero() && r.Status != client.ReviewRejected {
		return r.RevokeAt.Add(-r.AccessDuration)
	}
	if (r.Status == client.ReviewExpired || !isKnownReviewStatus(r.Status)) && slices.ContainsFunc(r.Groups, func(g client.ReviewGroup) bool { return g.Status == client.ReviewPending }) {
		return time.Time{} // only some of the approvals decide nothing
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
			approved = Later(approved, at)
		}
	}
	if !rejected.IsZero() {
		return rejected
	}
	return approved
}

// state is the session's state at the time now: the first case that fits, in the order of the table of states in the metrics'
// documentation.
func (s *sessionStatus) state(now time.Time) State {
	r := s.review
	switch {
	case r != nil && (r.status == client.ReviewRejected || r.status == client.ReviewRevoked || r.status == client.ReviewExpired):
		return Finished
	case r != nil && r.status == client.ReviewPending:
		return Pending
	case s.status == client.StatusDone:
		return Finished
	case r != nil && !isKnownReviewStatus(r.status):
		return Unknown
	case s.status == client.StatusOpen, s.status == client.StatusReady && r != nil && r.status == client.ReviewProcessing:
		return Running
	case s.status == client.StatusReady && r != nil && r.expires() && !now.Before(r.revokeAt):
		return Expired
	case s.status == client.StatusReady:
		return Ready
	}
	return Unknown
}

// isKnownReviewStatus reports whether the program knows what a review's status means.
func isKnownReviewStatus(status string) bool {
	return status == client.ReviewPending || slices.Contains(finalStatuses(), status)
}

// expires reports whether the review's approval ends by itself.
func (r *review) expires() bool { return r.kind == client.ReviewJIT && !r.revokeAt.IsZero() }

// Outcomes of a finished session.
const (
	outcomeRejected     = "rejected"
	outcomeRevoked      = "revoked"
	outcomeExpired      = "expired"
	outcomeSuccess      = "success"
	outcomeDisconnected = "disconnected"
	outcomeAborted      = "aborted"
	outcomeFailure      = "failure"
	outcomeUnknown      = "unknown"
)

func outcomes() []string {
	return []string{outcomeAborted, outcomeDisconnected, outcomeExpired, outcomeFailure, outcomeRejected, outcomeRevoked, outcomeSuccess, outcomeUnknown}
}

// exitByGateway is the exit code of a session that the gateway or the client ended.
const exitByGateway = 254

func (s *sessionStatus) outcome() string {
	switch {
	case s.review != nil && s.review.status == client.ReviewRejected:
		return outcomeRejected
	case s.review != nil && s.review.status == client.ReviewRevoked:
		return outcomeRevoked
	case s.review != nil && s.review.status == client.ReviewExpired:
		return outcomeExpired
	case s.exitCode == nil:
		return outcomeUnknown
	case *s.exitCode == 0:
		return outcomeSuccess
	case *s.exitCode == exitByGateway && s.verb == client.VerbConnect:
		return outcomeDisconnected
	case *s.exitCode == exitByGateway:
		return outcomeAborted
	}
	return outcomeFailure
}

// reviewFinalAt is when the review reaches its final state if nothing else happens to it; zero: not by itself, or it already has. done is
// when the session was first seen finished.
func (s *sessionStatus) reviewFinalAt(done time.Time) time.Time {
	r := s.review
	switch {
	case r == nil || unaffectedByTime(r.status):
		return time.Time{}
	case r.status == client.ReviewApproved && r.expires():
		return r.revokeAt
	case s.status != client.StatusDone:
		return time.Time{}
	case r.status == client.ReviewProcessing:
		return s.endTime(done).Add(processingGrace)
	}
	return s.endTime(done)
}

// unaffectedByTime reports whether a review of this status stays as it is until somebody acts: it is final, or waits for a person.
func unaffectedByTime(status string) bool {
	switch status {
	case client.ReviewRejected, client.ReviewRevoked, client.ReviewExpired, client.ReviewExecuted, client.ReviewPending:
		return true
	}
	return false
}

// endTime is when a done session ended: what the API says, unless it says nothing or something later than when it was seen done.
func (s *sessionStatus) endTime(done time.Time) time.Time {
	if !s.end.IsZero() && !s.end.After(done) {
		return s.end
	}
	return done
}

// reviewFinal reports whether nothing more will happen to the review.
func (s *sessionStatus) reviewFinal(now, done time.Time) bool {
	switch s.review.status {
	case client.ReviewRejected, client.ReviewRevoked, client.ReviewExpired, client.ReviewExecuted:
		return true
	case client.ReviewPending:
		return false
	}
	at := s.reviewFinalAt(done)
	return !at.IsZero() && !now.Before(at)
}

// reviewFinalSince is when a final review became final; zero if the answer does not say.
func (s *sessionStatus) reviewFinalSince() time.Time {
	r := s.review
	switch {
	case r.status == client.ReviewRejected:
		return r.decision
	case r.status == client.ReviewRevoked:
		return r.revokedAt
	case r.status == client.ReviewApproved && r.expires():
		return r.revokeAt
	case r.status == client.ReviewProcessing && !s.end.IsZero():
		return s.end.Add(processingGrace)
	}
	return s.end
}

// runningSince is when a running session began to run: a reviewed one not before its approval.
func (s *sessionStatus) runningSince(start time.Time) time.Time {
	if s.review == nil {
		return start
	}
	return Later(start, s.review.decision)
}
