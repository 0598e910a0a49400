package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// recheckShare: an unfinished session is looked at again when this share of its age has passed since the last look.
const recheckShare = 20

// entry is a session that is looked at again: unfinished, or with a review that is not at rest.
type entry struct {
	id     string
	target Target // as the API says it
	user   uint64
	start  time.Time
	facts

	looked time.Time // when it was last seen, or confirmed
	done   time.Time // when it was first seen finished
	missed int       // complete looks in a row that did not find it
	left   bool      // it was expected in a list, and was not there
	lost   bool

	// Each thing is counted once; true: counted, or not to be counted.
	started, finished, requested, resolved, waited bool
	// Seen since T0 in a condition that counts when it ends, however old the session is.
	sawUnfinished, sawUnrest, sawUndecided bool
}

// hashUser tells users apart without keeping who they are.
func hashUser(id string) uint64 {
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.Uint64(sum[:])
}

// update takes in what the gateway says now and counts what happened.
func (e *entry) update(l *Ledger, s *client.Session, at time.Time) {
	e.facts = factsOf(s)
	e.looked, e.missed, e.left, e.lost = at, 0, false, false
	a, who := l.account(e.target), sighting{e.id, e.start}
	a.lastStart = later(a.lastStart, e.start)
	if !e.started {
		e.started = true
		if l.counts(e.start) {
			a.countStarted(l.verbs.use(e.verb))
		}
	}
	if e.state(at) != Finished {
		e.sawUnfinished = true
		e.done = time.Time{}
	} else {
		if e.done.IsZero() {
			e.done = at
		}
		if !e.finished {
			e.finished = true
			if e.sawUnfinished || l.counts(e.start) || l.counts(e.end) {
				a.countFinished(&e.facts, who)
			}
		}
	}
	if e.review != nil {
		e.updateReview(l, a, who, at)
	}
}

func (e *entry) updateReview(l *Ledger, a *account, who sighting, at time.Time) {
	r := e.review
	since := l.counts(r.created)
	status := l.statuses.use(r.status)
	for _, g := range r.pendingGroups {
		l.groups.use(g)
	}
	if !e.requested {
		e.requested = true
		if since {
			a.requested.value++
		}
	}
	if r.decision.IsZero() {
		e.sawUndecided = true
	} else if !e.waited {
		e.waited = true
		if e.sawUndecided || since || l.counts(r.decision) {
			a.countWait(r, who)
		}
	}
	if !e.atRest(at, e.done) {
		e.sawUnrest = true
	} else if !e.resolved {
		e.resolved = true
		if e.sawUnrest || since || l.counts(e.rested()) {
			ensure(a.resolved, status)
			a.resolved[status].value++
		}
	}
}

// over tells whether there is nothing left to look for. It goes by what was seen: a review whose time to rest comes later is
// looked at then.
func (e *entry) over(at time.Time) bool {
	return e.state(at) == Finished && (e.review == nil || e.atRest(at, e.done))
}

// pending tells whether the list of pending reviews should show it.
func (e *entry) pending() bool { return e.review != nil && e.review.status == client.ReviewPending }

// due is when it should be looked at again.
func (e *entry) due() time.Time {
	if e.left {
		return e.looked
	}
	age := e.looked.Sub(e.start)
	due := e.looked.Add(max(age, 0) / (recheckShare - 1))
	if rest := e.restAt(e.done); rest.After(e.looked) && rest.Before(due) {
		return rest
	}
	return due
}
