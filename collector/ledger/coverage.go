package ledger

import "time"

// watermarkAt is a whole second, because that is how the gateway cuts a window: what it counts there is what is remembered.
func watermarkAt(head time.Time, overlap time.Duration) time.Time {
	return head.Add(-overlap).Truncate(time.Second)
}

// Unread returns the stretches that have not been read to the end, oldest first.
func (l *Ledger) Unread() []Span { return l.unread }

// BaselineComplete tells whether the first read-back is over.
func (l *Ledger) BaselineComplete() bool { return l.baselineComplete }

// MarkUnread says that a stretch has still to be read: a walk went past it.
func (l *Ledger) MarkUnread(s Span) { l.unread = l.unread.add(s) }

// MarkRead says that all rows of a stretch have been read and applied.
func (l *Ledger) MarkRead(s Span) {
	l.unread = l.unread.remove(s)
	l.prune()
}

// AdvanceWatermark says that every row that was visible at the time head has been read from the horizon on: a row from before
// head - overlap that has not shown up by now is not counted any more.
func (l *Ledger) AdvanceWatermark(head time.Time) {
	l.unread = l.unread.remove(Span{l.watermark, head.Add(tick)})
	l.watermark = later(l.watermark, watermarkAt(head, l.options.AllowedLateness))
	l.prune()
}

// Head is the time up to which the newest page was asked for.
func (l *Ledger) Head() time.Time { return l.head }

// AdvanceHead says that the newest page was asked for at the time head: what began since it was last asked for is to be read. Nothing before the
// horizon becomes unread by that, even where the gateway's clock was set back in between: it has been counted, and forgotten.
func (l *Ledger) AdvanceHead(head time.Time) {
	if head.Sub(l.head) > l.options.AllowedLateness || head.Sub(l.watermark) > 4*l.options.AllowedLateness {
		l.openGap(head)
	}
	l.MarkUnread(Span{later(l.head, l.watermark), head.Add(tick)})
	l.head = head
}

// openGap says that nothing was asked for longer than the overlap: what lies between is to be read like any other unread stretch, as far as
// the lookback reaches. What is older is given up.
func (l *Ledger) openGap(head time.Time) {
	horizon := watermarkAt(head, l.options.AllowedLateness)
	if !l.watermark.Before(horizon) {
		return
	}
	l.unread = l.unread.add(Span{later(l.watermark, head.Add(-l.options.Lookback)), head.Add(tick)})
	l.watermark = horizon
	l.prune()
}

// prune forgets rows that left open territory. It waits until that is worth the time it takes.
func (l *Ledger) prune() {
	if len(l.seen) > 2*l.prunedSize+1000 {
		l.forgetSeen()
	}
}

func (l *Ledger) forgetSeen() {
	for id, m := range l.seen {
		if !l.mustRemember(m) {
			delete(l.seen, id)
		}
	}
	l.prunedSize = len(l.seen)
}

// mustRemember tells whether a row has to be known so that it is not taken for a new one.
func (l *Ledger) mustRemember(m seenRow) bool {
	return l.isOpen(m.start) || m.start.Before(l.backfillStart)
}

// CountSeen counts the rows that are known from open territory with from <= start <= to.
func (l *Ledger) CountSeen(from, to time.Time) int {
	n := 0
	for _, m := range l.seen {
		if !m.start.Before(from) && !m.start.After(to) {
			n++
		}
	}
	return n
}

// CountPending counts the tracked sessions whose review is pending with from <= start <= to.
func (l *Ledger) CountPending(from, to time.Time) int {
	n := 0
	for _, e := range l.tracked {
		if e.inPendingList(from, to) {
			n++
		}
	}
	return n
}

func (e *session) inPendingList(from, to time.Time) bool {
	return e.reviewPending() && !e.leftPendingList && !e.lost && !e.start.Before(from) && !e.start.After(to)
}

// ConfirmPending says that the gateway counts as many pending reviews with from <= start <= to as are known: it is as good as a look at each.
func (l *Ledger) ConfirmPending(from, to, at time.Time) {
	for _, e := range l.tracked {
		if e.inPendingList(from, to) {
			e.lastSeen = later(e.lastSeen, at)
		}
	}
}

// MarkPendingRead says that the list of pending reviews was read from to down to after (itself not included), beginning at the time since:
// a review that was not there has left the list, and is due for a look.
func (l *Ledger) MarkPendingRead(after, to, since time.Time) {
	for _, e := range l.tracked {
		if e.inPendingList(after.Add(tick), to) && e.lastSeen.Before(since) {
			e.leftPendingList = true
		}
	}
}

// MarkPendingComplete says that all pending reviews have been read at least once.
func (l *Ledger) MarkPendingComplete() { l.pendingComplete = true }

// Recheck is a session that is looked at again.
type Recheck struct {
	ID    string
	Start time.Time
	// Due is when the next look is due; from Early on one that comes by the way is worth taking.
	Due, Early time.Time
}

// Rechecks returns the sessions whose next look is due, or worth taking by the way, at the time now. They come in no order; due tells
// whether any is due.
func (l *Ledger) Rechecks(now time.Time) (looks []Recheck, due bool) {
	for _, e := range l.tracked {
		d := e.recheckDue()
		if early := e.lastSeen.Add(d.Sub(e.lastSeen) / 2); !early.After(now) {
			looks = append(looks, Recheck{e.id, e.start, d, early})
			due = due || !d.After(now)
		}
	}
	return looks, due
}

// RecheckDue tells whether a session's next look is due at the time now. One that is not tracked needs none.
func (l *Ledger) RecheckDue(id string, now time.Time) bool {
	e := l.tracked[id]
	return e != nil && !e.recheckDue().After(now)
}

// MarkMissed says that a complete look for a session did not find it. The second one in a row means that the gateway does not show it any
// more: it leaves the gauges, and comes back when it is seen again.
func (l *Ledger) MarkMissed(id string, at time.Time) {
	e := l.tracked[id]
	if e == nil {
		return
	}
	e.misses++
	e.lastSeen, e.leftPendingList = at, false
	if e.misses == 2 && !e.lost {
		e.lost = true
		l.lost++
	}
}
