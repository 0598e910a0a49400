package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// recheckDivisor: an unfinished session is rechecked when its age, divided by this, has passed since it was last seen.
const recheckDivisor = 20

// session is a tracked session: it is unfinished, or its review is not final.
//
// Invariant: each event of a session (start, finish, request and resolution of its review, wait for the decision) is counted at most once:
// its counted flag is set before or with the count, and cleared only if another review replaces the one that it is about.
type session struct {
	id       string
	target   Target // as the API says it
	userHash uint64
	start    time.Time
	sessionStatus

	lastSeen        time.Time // when it was last seen, or confirmed
	doneSeen        time.Time // when it was first seen finished
	misses          int       // complete rechecks in a row that did not find it
	leftPendingList bool      // it was expected in the list of pending reviews, and was not there
	lost            bool      // the gateway no longer shows it

	// true: counted, or not to be counted.
	countedStart, countedFinish, countedRequest, countedResolve, countedWait, countedDecisions bool
	// decisions has the groups of the review whose decision was counted, unless countedDecisions is set; nil for none.
	decisions *decisions
	// Seen since T0 in a state whose end counts, however old the session is.
	sawUnfinished, sawReviewOpen, sawUndecided bool
}

// hash64 distinguishes strings without keeping them: users, connections, reviews.
func hash64(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return binary.BigEndian.Uint64(sum[:])
}

// update applies what the gateway now says in a row, and counts what has happened.
func (s *session) update(l *Ledger, row *client.Session, status sessionStatus, at time.Time) {
	before := s.review
	s.sessionStatus = status
	s.replaceReview(before, l.furtherReviewsFrom())
	s.lastSeen, s.misses, s.leftPendingList, s.lost = at, 0, false, false
	c, ref := l.countersFor(s.target), sessionRef{s.id, s.start}
	c.lastStart = Later(c.lastStart, s.start)
	if !s.countedStart {
		s.countedStart = true
		if l.sinceT0(s.start) {
			c.createHistograms(&l.options)
			c.series(startedSessions, Labels{l.words.verbs.register(s.verb), identityLabel(row.Identity)}).value++
		}
	}
	if s.state(at) != Finished {
		s.sawUnfinished = true
		s.doneSeen = time.Time{}
	} else {
		if s.doneSeen.IsZero() {
			s.doneSeen = at
		}
		if !s.countedFinish {
			s.countedFinish = true
			if s.sawUnfinished || l.sinceT0(s.start) || l.sinceT0(s.end) {
				c.createHistograms(&l.options)
				c.countFinished(&s.sessionStatus, ref)
				l.countProtection(c, row, ref)
			}
		}
	}
	if s.review == nil {
		return
	}
	said := row.Review
	if s.review != status.review {
		said = nil
	}
	s.updateReview(l, c, said, ref, at)
	if said != nil && !s.start.Before(at.Add(-l.options.ForgetAfter)) {
		s.countDecisions(l, c, said, ref)
	}
}

// updateReview applies what the gateway now says about the review. said is what the row says; nil if the row is an old answer about an
// earlier review.
func (s *session) updateReview(l *Ledger, c *targetCounters, said *client.Review, ref sessionRef, at time.Time) {
	r := s.review
	requestedSince := l.sinceT0(r.created)
	status := l.words.statuses.register(r.status)
	for _, g := range r.pendingGroups {
		l.words.groups.register(g)
	}
	if !s.countedRequest {
		s.countedRequest = true
		if requestedSince {
			c.series(requestedReviews, Labels{r.reviewType()}).value++
		}
	}
	if r.decision.IsZero() {
		s.sawUndecided = true
	} else if !s.countedWait {
		s.countedWait = true
		if s.sawUndecided || requestedSince || l.sinceT0(r.decision) {
			c.createHistograms(&l.options)
			c.observe(ReviewWait, r.decision.Sub(r.created).Microseconds(), maxDuration.Microseconds(), ref)
			if said != nil {
				c.countAccess(&l.options, said, ref)
			}
		}
	}
	if !s.reviewFinal(at, s.doneSeen) {
		s.sawReviewOpen = true
	} else if !s.countedResolve {
		s.countedResolve = true
		if s.sawReviewOpen || requestedSince || l.sinceT0(s.reviewFinalSince()) {
			c.series(resolvedReviews, Labels{status, r.reviewType()}).value++
		}
	}
}

// isFinal reports whether nothing is left to look for, as of when the session was last seen: a review that becomes final by itself later is
// rechecked then.
func (s *session) isFinal() bool {
	return s.state(s.lastSeen) == Finished && s.countedFinish && (s.review == nil || s.countedResolve && s.reviewFinal(s.lastSeen, s.doneSeen))
}

// reviewPending reports whether the list of pending reviews should show the session.
func (s *session) reviewPending() bool {
	return s.review != nil && s.review.status == client.ReviewPending
}

// recheckDue is when the session should be rechecked.
func (s *session) recheckDue() time.Time {
	if s.leftPendingList {
		return s.lastSeen
	}
	age := s.lastSeen.Sub(s.start)
	due := s.lastSeen.Add(max(age, 0) / (recheckDivisor - 1))
	if final := s.reviewFinalAt(s.doneSeen); final.After(s.lastSeen) && final.Before(due) {
		return final
	}
	return due
}
