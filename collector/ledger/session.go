package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// recheckShare: an unfinished session is looked at again when this share of its age has passed since the last look.
const recheckDivisor = 20

// session is a session that is looked at again: unfinished, or with a review that is not at rest.
type session struct {
	id       string
	target   Target // as the API says it
	userHash uint64
	start    time.Time
	sessionStatus

	lastSeen        time.Time // when it was last seen, or confirmed
	doneSeen        time.Time // when it was first seen finished
	misses          int       // complete looks in a row that did not find it
	leftPendingList bool      // it was expected in a list, and was not there
	lost            bool

	// Each thing is counted once; true: counted, or not to be counted.
	countedStart, countedFinish, countedRequest, countedResolve, countedWait bool
	// Seen since T0 in a condition that counts when it ends, however old the session is.
	sawUnfinished, sawReviewOpen, sawUndecided bool
}

// hashUser tells users apart without keeping who they are.
func hashUser(id string) uint64 {
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.Uint64(sum[:])
}

// update takes in what the gateway says now and counts what happened.
func (e *session) update(l *Ledger, s *client.Session, at time.Time) {
	e.sessionStatus = statusOf(s)
	e.lastSeen, e.misses, e.leftPendingList, e.lost = at, 0, false, false
	a, who := l.countersFor(e.target), sessionRef{e.id, e.start}
	a.lastStart = later(a.lastStart, e.start)
	if !e.countedStart {
		e.countedStart = true
		if l.sinceT0(e.start) {
			a.countStarted(l.verbs.register(e.verb))
		}
	}
	if e.state(at) != Finished {
		e.sawUnfinished = true
		e.doneSeen = time.Time{}
	} else {
		if e.doneSeen.IsZero() {
			e.doneSeen = at
		}
		if !e.countedFinish {
			e.countedFinish = true
			if e.sawUnfinished || l.sinceT0(e.start) || l.sinceT0(e.end) {
				a.countFinished(&e.sessionStatus, who)
			}
		}
	}
	if e.review != nil {
		e.updateReview(l, a, who, at)
	}
}

func (e *session) updateReview(l *Ledger, a *targetCounters, who sessionRef, at time.Time) {
	r := e.review
	since := l.sinceT0(r.created)
	status := l.statuses.register(r.status)
	for _, g := range r.pendingGroups {
		l.groups.register(g)
	}
	if !e.countedRequest {
		e.countedRequest = true
		if since {
			a.requested.value++
		}
	}
	if r.decision.IsZero() {
		e.sawUndecided = true
	} else if !e.countedWait {
		e.countedWait = true
		if e.sawUndecided || since || l.sinceT0(r.decision) {
			a.countWait(r, who)
		}
	}
	if !e.reviewFinal(at, e.doneSeen) {
		e.sawReviewOpen = true
	} else if !e.countedResolve {
		e.countedResolve = true
		if e.sawReviewOpen || since || l.sinceT0(e.reviewFinalSince()) {
			ensure(a.resolved, status)
			a.resolved[status].value++
		}
	}
}

// isFinal tells whether there is nothing left to look for. It goes by what was seen: a review whose time to rest comes later is
// looked at then.
func (e *session) isFinal(at time.Time) bool {
	return e.state(at) == Finished && (e.review == nil || e.reviewFinal(at, e.doneSeen))
}

// reviewPending tells whether the list of pending reviews should show it.
func (e *session) reviewPending() bool {
	return e.review != nil && e.review.status == client.ReviewPending
}

// recheckDue is when it should be looked at again.
func (e *session) recheckDue() time.Time {
	if e.leftPendingList {
		return e.lastSeen
	}
	age := e.lastSeen.Sub(e.start)
	due := e.lastSeen.Add(max(age, 0) / (recheckDivisor - 1))
	if rest := e.reviewFinalAt(e.doneSeen); rest.After(e.lastSeen) && rest.Before(due) {
		return rest
	}
	return due
}
