package ledger

import "time"

// A session can have one review after another. Each has its own id, and is requested when the one before is in its final state, so at
// another moment. Of a tracked session the ledger knows the review; of an untracked one it remembers the id of the last review as long as
// that could look new: until it is known that all reviews requested at that time have been seen.

// furtherReviewsFrom is from when on a review of a session that has been counted is new, unless it is remembered. It is never longer ago
// than the lookback, so that what is remembered has a limit also where the list of pending reviews cannot be read.
func (l *Ledger) furtherReviewsFrom() time.Time {
	return Later(l.reviewsFrom, l.head.Add(-l.options.Lookback))
}

// isFurtherReview reports whether nothing has been counted of the review of an untracked session that has been counted itself. Where no
// review of it is remembered, the one that comes with a session that shows up too late is not new.
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
// time: a session cannot request two reviews at one moment, but replicas of a gateway can give a review different ids.
func (r *review) isSame(id uint64, requested time.Time) bool {
	return r.id == id || id != 0 && !requested.IsZero() && r.created.Equal(requested)
}

// couldLookNew reports whether the review of a row would look like a further one if the row were forgotten.
func (l *Ledger) couldLookNew(row seenRow) bool {
	return row.review != 0 && !row.requested.Before(l.furtherReviewsFrom())
}

// hasLaterReview reports whether a later review of the row is known than r.
func (row seenRow) hasLaterReview(r *review) bool {
	return r != nil && r.id != 0 && r.id != row.review && r.created.Before(row.requested)
}

// replaceReview goes over to the review of the last row from the one before. A further one is requested, waits and is resolved like the
// first; one that was requested before the time from is not new where the one before has been counted. An earlier one comes from an old
// answer.
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
