package ledger

import "time"

// A session can have one review after another. Each has its own id, and is requested after the one before has reached its final state, so
// at a different time. The ledger knows the review of a tracked session. Of an untracked session it remembers the id of the last review as
// long as that could look new: until it is known that all reviews requested at that time have been seen.

// furtherReviewsFrom is the time from which a review of a session that has been counted is new, unless it is remembered. It never goes back
// further than the lookback, so that what is remembered has a limit even if the list of pending reviews cannot be read.
func (l *Ledger) furtherReviewsFrom() time.Time {
	return Later(l.reviewsFrom, l.head.Add(-l.options.Lookback))
}

// isFurtherReview reports whether the review of an untracked session, which itself has been counted, has not been counted yet. If no review
// of the session is remembered, a review that comes with a session that shows up too late is not new.
func (l *Ledger) isFurtherReview(r *review, seen seenRow, start, at time.Time) bool {
	if r == nil || r.id == 0 || r.isSame(seen.review, seen.requested) || start.Before(at.Add(-l.options.ForgetAfter)) {
		return false
	}
	from := l.furtherReviewsFrom()
	if seen.review == 0 {
		from = Later(from, start.Add(l.options.AllowedLateness))
	}
	return !r.created.Before(from)
}

// isSame reports whether r is the review of its session with this id, requested at this time. The same id is enough, and so is the same
// time: a session cannot request two reviews at one time, but replicas of a gateway can give one review different ids.
func (r *review) isSame(id uint64, requested time.Time) bool {
	return r.id == id || id != 0 && !requested.IsZero() && r.created.Equal(requested)
}

// couldLookNew reports whether the review of a row would look like a further one if the row were forgotten.
func (l *Ledger) couldLookNew(row seenRow) bool {
	return row.review != 0 && !row.requested.Before(l.furtherReviewsFrom())
}

// hasLaterReview reports whether a review of the row is known that is later than r.
func (row seenRow) hasLaterReview(r *review) bool {
	return r != nil && r.id != 0 && r.id != row.review && r.created.Before(row.requested)
}

// replaceReview goes from the review known before to the one in the last row. A further review is requested, waits and is resolved like the
// first one, but it is not new if it was requested before the time from, and the one before has been counted. An earlier review comes from
// an old answer.
func (s *session) replaceReview(before *review, from time.Time) {
	r := s.review
	switch {
	case r == nil || before == nil:
	case r.id == 0 || before.id == 0: // the API did not say
		r.id = max(r.id, before.id)
	case r.isSame(before.id, before.created):
	case r.created.Before(before.created):
		s.review = before
	case !s.countedResolve || !r.created.Before(from):
		s.countedRequest, s.countedResolve, s.countedWait, s.countedDecisions = false, false, false, false
		s.sawReviewOpen, s.sawUndecided, s.doneSeen, s.decisions = false, false, time.Time{}, nil
	default:
		s.countedDecisions, s.decisions = true, nil
	}
}
