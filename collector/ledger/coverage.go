package ledger

import "time"

// watermarkAt is the watermark that belongs to a head. It is a whole second, because gateways cut a window to whole seconds: so their count
// for a window can be compared with what is remembered of it.
func watermarkAt(head time.Time, lateness time.Duration) time.Time {
	return head.Add(-lateness).Truncate(time.Second)
}

// Unread returns the gaps: the stretches that have not been read to the end, oldest first.
func (l *Ledger) Unread() []Span { return l.unread }

// BaselineComplete reports whether the first backfill is over.
func (l *Ledger) BaselineComplete() bool { return l.baselineComplete }

// MarkUnread adds a stretch that still has to be read.
func (l *Ledger) MarkUnread(s Span) { l.unread = l.unread.add(s) }

// MarkRead records that all rows of a stretch have been read and applied.
func (l *Ledger) MarkRead(s Span) {
	l.unread = l.unread.remove(s)
	l.prune()
}

// AdvanceWatermark records that every row that was visible at the time head has been read from the watermark on. The watermark moves to
// head less the allowed lateness: an older row that shows up only after this is never counted.
func (l *Ledger) AdvanceWatermark(head time.Time) {
	l.unread = l.unread.remove(Span{l.watermark, head.Add(Tick)})
	l.moveWatermark(Later(l.watermark, watermarkAt(head, l.options.AllowedLateness)))
}

// Head is the time up to which the newest page was requested.
func (l *Ledger) Head() time.Time { return l.head }

// AdvanceHead records that the newest page was requested at the time head: what lies between the last head and this one is now unread.
// Closed coverage does not become unread by this, even if the gateway's clock was set back in between: its rows have been counted, and
// forgotten.
func (l *Ledger) AdvanceHead(head time.Time) {
	if l.isStep(l.stepTo(head)) {
		l.retain(head)
	}
	l.clock.headNow = l.clock.now
	if head.Sub(l.head) > l.options.AllowedLateness || head.Sub(l.watermark) > 4*l.options.AllowedLateness {
		l.openGap(head)
	}
	l.MarkUnread(Span{Later(l.head, l.OpenFrom()), head.Add(Tick)})
	l.clock.before, l.head = l.head, head
}

// openGap moves the watermark to where it would be without the pause, and leaves what it skips as a gap, as far as the lookback reaches.
// Anything older is never read.
func (l *Ledger) openGap(head time.Time) {
	watermark := Later(l.watermark, watermarkAt(head, l.options.AllowedLateness))
	l.MarkUnread(Span{Later(l.OpenFrom(), head.Add(-l.options.Lookback)), watermark})
	l.moveWatermark(watermark)
}

// moveWatermark moves the watermark ahead, which closes what lies before it.
func (l *Ledger) moveWatermark(watermark time.Time) {
	l.watermark = watermark
	if !l.retains() {
		l.retainedFrom = Later(l.retainedFrom, watermark)
	}
	l.prune()
}

// prune forgets rows of closed coverage, once there are enough of them to be worth the time that it takes.
func (l *Ledger) prune() {
	if len(l.seen) > 2*l.prunedSize+1000 {
		l.forgetSeen()
	}
}

func (l *Ledger) forgetSeen() {
	l.limitRetained()
	for id, row := range l.seen {
		if !l.mustRemember(row) {
			delete(l.seen, id)
		}
	}
	l.prunedSize = len(l.seen)
}

// mustRemember reports whether a row would look new if it were forgotten.
func (l *Ledger) mustRemember(row seenRow) bool {
	return l.isOpen(row.start) || !row.start.Before(l.retainedFrom) || row.start.Before(l.backfillStart) || l.couldLookNew(row)
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
