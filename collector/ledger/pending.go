package ledger

import "time"

// CountPending counts the tracked sessions whose review is pending with from <= start <= to.
func (l *Ledger) CountPending(from, to time.Time) int {
	n := 0
	for _, s := range l.tracked {
		if s.inPendingList(from, to) {
			n++
		}
	}
	return n
}

// inPendingList reports whether the list of pending reviews, over from <= start <= to, is expected to have the session.
func (s *session) inPendingList(from, to time.Time) bool {
	return s.reviewPending() && !s.leftPendingList && !s.lost && !s.start.Before(from) && !s.start.After(to)
}

// ConfirmPending records that the gateway counts as many pending reviews with from <= start <= to as are known: that is as good as a
// recheck of each.
func (l *Ledger) ConfirmPending(from, to, at time.Time) {
	for _, s := range l.tracked {
		if s.inPendingList(from, to) {
			s.lastSeen = Later(s.lastSeen, at)
		}
	}
}

// MarkPendingRead records that the list of pending reviews was read from the start to down to the start after (not included), beginning at
// the time since: a review that was not in it has left the list, and its session is due for a recheck.
func (l *Ledger) MarkPendingRead(after, to, since time.Time) {
	for _, s := range l.tracked {
		if s.inPendingList(after.Add(Tick), to) && s.lastSeen.Before(since) {
			s.leftPendingList = true
		}
	}
}

// MarkPendingComplete records that all reviews that were pending at the time at are known. A review that was requested earlier than that by
// more than the allowed lateness, and waited, has been counted.
func (l *Ledger) MarkPendingComplete(at time.Time) {
	l.pendingComplete = true
	if !l.retains() {
		l.reviewsFrom = Later(l.reviewsFrom, at.Add(-l.options.AllowedLateness))
	}
}
