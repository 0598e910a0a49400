package gatewaytest

import "time"

// The rules of the metrics, as functions of what the API says about one session. They are written from the description of the metrics
// alone. The exporter is tested against them, so they must not share code with it.

// sessionStatus is what the API says about a session at some moment, as far as metrics depend on it. Times are Unix microseconds; 0 is
// null.
type sessionStatus struct {
	verb, status     string
	exit             int16
	start, end, size int64
	review           *Review
	script           int64
	flags            flag
	handmade         *handmade // nil: as other rows
}

func (g *Gateway) statusOf(r *row) sessionStatus {
	f := sessionStatus{
		verb: g.words.at(uint32(r.verb)), status: g.words.at(uint32(r.status)), exit: r.exit,
		start: r.start, end: r.end, size: r.size, review: r.review(),
		script: int64(r.script), flags: r.flags,
	}
	if r.extra != nil {
		f.handmade = r.extra.handmade
	}
	return f
}

// The states of a session. All but the first are values of the label "state".
const (
	stateFinished = "finished"
	statePending  = "pending"
	stateRunning  = "running"
	stateExpired  = "expired"
	stateReady    = "ready"
	stateUnknown  = "unknown"
)

// state returns the state of a session at a moment: the first matching line of the table "State of a session".
func (f sessionStatus) state(now int64) string {
	v := f.review
	switch {
	case v != nil && (v.Status == rejected || v.Status == revoked || v.Status == expired):
		return stateFinished
	case v != nil && v.Status == pending:
		return statePending
	case f.status == "done":
		return stateFinished
	case v != nil && !v.known():
		return stateUnknown
	case f.status == "open", f.status == "ready" && v != nil && v.Status == processing:
		return stateRunning
	case f.status == "ready" && v != nil && v.Type == jit && passed(v.RevokeAt, now):
		return stateExpired
	case f.status == "ready":
		return stateReady
	}
	return stateUnknown
}

// outcome returns the outcome of a finished session.
func (f sessionStatus) outcome() string {
	switch {
	case f.review != nil && f.review.Status == rejected:
		return "rejected"
	case f.review != nil && f.review.Status == revoked:
		return "revoked"
	case f.review != nil && f.review.Status == expired:
		return "expired"
	case f.exit == 0:
		return "success"
	case f.exit == 254 && f.verb == "connect":
		return "disconnected"
	case f.exit == 254:
		return "aborted"
	case f.exit != noExit:
		return "failure"
	}
	return "unknown"
}

// known reports whether the description of the metrics names the review's status.
func (v *Review) known() bool {
	switch v.Status {
	case pending, approved, rejected, revoked, processing, executed, expired, unknown:
		return true
	}
	return false
}

// decision returns when the review was decided. It returns false if it is undecided or if the API does not say when.
func (v *Review) decision() (int64, bool) {
	if v.Status == pending {
		return 0, false
	}
	if v.Status != rejected && !v.RevokeAt.IsZero() {
		return microsOf(v.RevokeAt.Add(-v.AccessDuration)), true
	}
	if v.Status == expired || !v.known() {
		for _, d := range v.Groups {
			if d.Status == pending {
				return 0, false
			}
		}
	}
	var no, yes time.Time // the earliest rejection, the latest approval
	for _, d := range v.Groups {
		switch {
		case d.ReviewDate.IsZero():
		case d.Status == rejected && (no.IsZero() || d.ReviewDate.Before(no)):
			no = d.ReviewDate
		case d.Status == approved && d.ReviewDate.After(yes):
			yes = d.ReviewDate
		}
	}
	switch {
	case !no.IsZero():
		return microsOf(no), true
	case !yes.IsZero():
		return microsOf(yes), true
	}
	return 0, false
}

// granted reports whether a decided review was decided by an approval, even if that was taken back or has expired.
func (v *Review) granted() bool {
	if v.Status == rejected {
		return false
	}
	if !v.RevokeAt.IsZero() {
		return true
	}
	for _, d := range v.Groups {
		if d.Status == rejected {
			return false
		}
	}
	return true
}

// finalReview is how a review reached its final state.
type finalReview struct {
	status   string
	at       int64 // when it did
	reported int64 // the same, if the API reports it; otherwise 0
}

// grace is how long a one-time review can still become EXECUTED after its session has ended.
const grace = int64(time.Minute / time.Microsecond)

// final returns how the review reached its final state, and whether it has by now. finished is when the session finished, if it has.
func (f sessionStatus) final(finished, now int64) (finalReview, bool) {
	v := f.review
	over := f.state(now) == stateFinished
	ended := f.end
	if ended == 0 {
		ended = finished
	}
	switch {
	case v.Status == pending:
		return finalReview{}, false
	case v.Status == rejected:
		reported, _ := v.decision()
		return finalReview{v.Status, now, reported}, true
	case v.Status == revoked:
		return finalReview{v.Status, now, v.lastDecision(revoked)}, true
	case v.Status == executed, v.Status == expired:
		return finalReview{v.Status, now, f.end}, true
	case v.Status == approved && v.Type == jit && !v.RevokeAt.IsZero():
		at := microsOf(v.RevokeAt)
		return finalReview{v.Status, at, at}, passed(v.RevokeAt, now)
	case v.Status == processing:
		if f.end == 0 {
			return finalReview{v.Status, ended + grace, 0}, over && now >= ended+grace
		}
		return finalReview{v.Status, ended + grace, f.end + grace}, over && now >= ended+grace
	}
	return finalReview{v.Status, now, f.end}, over
}

// lastDecision returns when a group last decided with this status, or 0.
func (v *Review) lastDecision(status string) int64 {
	var last int64
	for _, d := range v.Groups {
		if d.Status == status {
			last = max(last, microsOf(d.ReviewDate))
		}
	}
	return last
}

// passed reports whether a moment is set and in the past.
func passed(t time.Time, now int64) bool { return !t.IsZero() && microsOf(t) <= now }
