package ledger

import "time"

// watermarkAt is the watermark that belongs to a head. It is a whole second, because gateways cut a window to whole seconds: what they
// count in a window is then what is remembered of it.
func watermarkAt(head time.Time, lateness time.Duration) time.Time {
	return head.Add(-lateness).Truncate(time.Second)
}

// Unread returns the gaps: the stretches that have not been read to the end, oldest first.
func (l *Ledger) Unread() []Span { return l.unread }

// BaselineComplete reports whether the first backfill is over.
func (l *Ledger) BaselineComplete() bool { return l.baselineComplete }

// MarkUnread adds a stretch that has still to be read, since a walk skipped it.
func (l *Ledger) MarkUnread(s Span) { l.unread = l.unread.add(s) }

// MarkRead records that all rows of a stretch have been read and applied.
func (l *Ledger) MarkRead(s Span) {
	l.unread = l.unread.remove(s)
	l.prune()
}

// AdvanceWatermark records that every row that was visible at the time head has been read from the watermark on. The watermark moves to
// head less the allowed lateness: an older row that has not shown up by now is never counted.
func (l *Ledger) AdvanceWatermark(head time.Time) {
	l.unread = l.unread.remove(Span{l.watermark, head.Add(Tick)})
	l.moveWatermark(Later(l.watermark, watermarkAt(head, l.options.AllowedLateness)))
}

// Head is the time up to which the newest page was requested.
func (l *Ledger) Head() time.Time { return l.head }

// AdvanceHead records that the newest page was requested at the time head: what lies between the last head and this one is unread. Nothing
// that is closed becomes unread by that, even where the gateway's clock was set back in between: it has been counted, and forgotten.
func (l *Ledger) AdvanceHead(head time.Time) {
	if l.isStep(l.stepTo(head)) {
		l.hold(head)
	}
	l.clock.headNow = l.clock.now
	if head.Sub(l.head) > l.options.AllowedLateness || head.Sub(l.watermark) > 4*l.options.AllowedLateness {
		l.openGap(head)
	}
	l.MarkUnread(Span{Later(l.head, l.OpenFrom()), head.Add(Tick)})
	l.clock.before, l.head = l.head, head
}

// openGap moves the watermark to where it would be had there been no pause, and leaves what it skips as a gap, as far as the lookback
// reaches. What is older than that is never read.
func (l *Ledger) openGap(head time.Time) {
	watermark := Later(l.watermark, watermarkAt(head, l.options.AllowedLateness))
	l.MarkUnread(Span{Later(l.OpenFrom(), head.Add(-l.options.Lookback)), watermark})
	l.moveWatermark(watermark)
}

// moveWatermark moves the watermark ahead. What lies before it is closed by that.
func (l *Ledger) moveWatermark(watermark time.Time) {
	l.watermark = watermark
	if !l.holds() {
		l.heldFrom = Later(l.heldFrom, watermark)
	}
	l.prune()
}

// prune forgets rows whose time is closed by now. It waits until that is worth the time it takes.
func (l *Ledger) prune() {
	if len(l.seen) > 2*l.prunedSize+1000 {
		l.forgetSeen()
	}
}

func (l *Ledger) forgetSeen() {
	l.limitHeld()
	for id, row := range l.seen {
		if !l.mustRemember(row) {
			delete(l.seen, id)
		}
	}
	l.prunedSize = len(l.seen)
}

// mustRemember reports whether a row would look new if it were forgotten.
func (l *Ledger) mustRemember(row seenRow) bool {
	return l.isOpen(row.start) || !row.start.Before(l.heldFrom) || row.start.Before(l.backfillStart) || l.couldLookNew(row)
}

// CountSeen counts the rows that are known from open coverage with from <= start <= to.
func (l *Ledger) CountSeen(from, to time.Time) int {
	n := 0
	for _, row := range l.seen {
		if !row.start.Before(from) && !row.start.After(to) {
			n++
		}
	}
	return n
}

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

// ConfirmPending records that the gateway counts as many pending reviews with from <= start <= to as are known: that is as good as a look
// at each.
func (l *Ledger) ConfirmPending(from, to, at time.Time) {
	for _, s := range l.tracked {
		if s.inPendingList(from, to) {
			s.lastSeen = Later(s.lastSeen, at)
		}
	}
}

// MarkPendingRead records that the list of pending reviews was read from to down to after (itself not included), starting at the time
// since: a review that was not in it has left the list, and its session is due for a recheck.
func (l *Ledger) MarkPendingRead(after, to, since time.Time) {
	for _, s := range l.tracked {
		if s.inPendingList(after.Add(Tick), to) && s.lastSeen.Before(since) {
			s.leftPendingList = true
		}
	}
}

// MarkPendingComplete records that all reviews that were pending at the time at are known. What was requested before that, by more than the allowed
// lateness, and waited, has been counted.
func (l *Ledger) MarkPendingComplete(at time.Time) {
	l.pendingComplete = true
	if !l.holds() {
		l.reviewsFrom = Later(l.reviewsFrom, at.Add(-l.options.AllowedLateness))
	}
}

// Recheck is a session that has to be looked at again.
type Recheck struct {
	ID    string
	Start time.Time
	// LastSeen is when the session was last seen.
	LastSeen time.Time
	// Lost says that the gateway does not show the session any more.
	Lost bool
	// Due is when the next look is due; from Early on it may be taken where it costs nothing extra.
	Due, Early time.Time
}

// Rechecks returns the sessions whose next look is due at the time now, or may be taken early, in no order. due reports whether any is due.
func (l *Ledger) Rechecks(now time.Time) (rechecks []Recheck, due bool) {
	for _, s := range l.tracked {
		if s.isFinal() {
			continue
		}
		d := s.recheckDue()
		if early := s.lastSeen.Add(d.Sub(s.lastSeen) / 2); !early.After(now) {
			rechecks = append(rechecks, Recheck{s.id, s.start, s.lastSeen, s.lost, d, early})
			due = due || !d.After(now)
		}
	}
	return rechecks, due
}

// RecheckDue reports whether a session's next look is due at the time now. One that is not tracked needs none.
func (l *Ledger) RecheckDue(id string, now time.Time) bool {
	s := l.tracked[id]
	return s != nil && !s.isFinal() && !s.recheckDue().After(now)
}

// MarkMissed records that a complete look for a session did not find it. The second time in a row means that the gateway does not show it
// any more: it leaves the gauges, and comes back when it is seen again.
func (l *Ledger) MarkMissed(id string, at time.Time) {
	s := l.tracked[id]
	if s == nil {
		return
	}
	s.misses++
	s.lastSeen, s.leftPendingList = at, false
	if s.misses == 2 && !s.lost {
		s.lost = true
		l.lost++
	}
}
