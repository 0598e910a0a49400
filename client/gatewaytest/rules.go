package gatewaytest

import "time"

// The rules of the metrics, as functions of what the API says about one session. They are written from the metrics'
// description alone: the exporter's own code is held to them, so they must not share anything with it.

// facts are what the API says about a session at some moment, as far as metrics depend on it. Times are Unix
// microseconds, 0 being null.
type facts struct {
	verb, status     string
	exit             int16
	start, end, size int64
	review           *Review
}

func (g *Gateway) facts(r *row) facts {
	return facts{
		verb: g.words.at(uint32(r.verb)), status: g.words.at(uint32(r.status)), exit: r.exit,
		start: r.start, end: r.end, size: r.size, review: r.review(),
	}
}

// The states of a session. All but the first are the values of the label state.
const (
	stateFinished = "finished"
	statePending  = "pending"
	stateRunning  = "running"
	stateExpired  = "expired"
	stateReady    = "ready"
	stateUnknown  = "unknown"
)

// state is the first line that fits of the table "State of a session".
func (f facts) state(now int64) string {
	v := f.review
	switch {
	case v != nil && (v.Status == rejected || v.Status == revoked):
		return stateFinished
	case v != nil && v.Status == pending:
		return statePending
	case f.status == "done":
		return stateFinished
	case f.status == "open", f.status == "ready" && v != nil && v.Status == processing:
		return stateRunning
	case f.status == "ready" && v != nil && v.Type == jit && passed(v.RevokeAt, now):
		return stateExpired
	case f.status == "ready":
		return stateReady
	}
	return stateUnknown
}

// outcome of a session that has finished.
func (f facts) outcome() string {
	switch {
	case f.review != nil && f.review.Status == rejected:
		return "rejected"
	case f.review != nil && f.review.Status == revoked:
		return "revoked"
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

// decision is when the review was decided, and false while it is not or where nothing tells.
func (v *Review) decision() (int64, bool) {
	if v.Status == pending {
		return 0, false
	}
	if v.Status != rejected && !v.RevokeAt.IsZero() {
		return microsOf(v.RevokeAt.Add(-v.AccessDuration)), true
	}
	var no, yes time.Time // the earliest no, the latest yes
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

// rest is how a review came to rest.
type rest struct {
	status string
	at     int64 // when it did
	told   int64 // the same, as far as the API tells; otherwise 0
}

// grace is for how long a one-time review may still become EXECUTED after its session has ended.
const grace = int64(time.Minute / time.Microsecond)

// rest tells whether the review is at rest by now. finished is when the session finished, as far as it has.
func (f facts) rest(finished, now int64) (rest, bool) {
	v := f.review
	over := f.state(now) == stateFinished
	ended := f.end
	if ended == 0 {
		ended = finished
	}
	switch {
	case v.Status == pending:
		return rest{}, false
	case v.Status == rejected:
		told, _ := v.decision()
		return rest{v.Status, now, told}, true
	case v.Status == revoked:
		return rest{v.Status, now, v.lastSaid(revoked)}, true
	case v.Status == executed:
		return rest{v.Status, now, f.end}, true
	case v.Status == approved && v.Type == jit && !v.RevokeAt.IsZero():
		at := microsOf(v.RevokeAt)
		return rest{v.Status, at, at}, passed(v.RevokeAt, now)
	case v.Status == processing:
		if f.end == 0 {
			return rest{v.Status, ended + grace, 0}, over && now >= ended+grace
		}
		return rest{v.Status, ended + grace, f.end + grace}, over && now >= ended+grace
	}
	return rest{v.Status, now, f.end}, over
}

// lastSaid is when a group last gave the review this status, 0 where none did.
func (v *Review) lastSaid(status string) int64 {
	var last int64
	for _, d := range v.Groups {
		if d.Status == status {
			last = max(last, microsOf(d.ReviewDate))
		}
	}
	return last
}

// passed tells whether a moment that is set lies behind.
func passed(t time.Time, now int64) bool { return !t.IsZero() && microsOf(t) <= now }
