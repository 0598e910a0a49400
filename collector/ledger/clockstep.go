package ledger

import (
	"slices"
	"time"
)

// The gateway's clock can be ahead for a while, and be believed. Then coverage is closed too early: rows that start in it later are taken for rows that have
// been counted. So after a step of the head, the rows of closed coverage are held: they are remembered for some time. When the clock goes back, that coverage
// is opened and read again, and no row counts twice.
const (
	// holdFor is for how long after a step rows are held, and how much is read again at most, by the gateway's clock.
	holdFor = 24 * time.Hour
	// maxHeld is how many rows of closed coverage are held, the newest ones.
	maxHeld = 4_000
)

// isStep reports whether so much time between two heads can be a wrong clock that matters. Less does not matter, because the watermark is a whole
// allowed lateness behind.
func (l *Ledger) isStep(d time.Duration) bool { return d > l.options.AllowedLateness/3 }

// stepTo returns how much of the time to the next head has not passed by the exporter's clock: where refreshes are rare, there is no step. After a restart
// it is not known what has passed, and all of it may be a step.
func (l *Ledger) stepTo(head time.Time) time.Duration {
	if l.headNow.IsZero() {
		return head.Sub(l.head)
	}
	return head.Sub(l.head) - l.now.Sub(l.headNow)
}

// hold has the rows remembered that are remembered now, because the head makes a step to the time head.
func (l *Ledger) hold(head time.Time) { l.heldUntil = head.Add(holdFor) }

// holds reports whether the rows of closed coverage are held: the gateway's clock may be ahead.
func (l *Ledger) holds() bool { return !l.head.After(l.heldUntil) }

// ObserveTime records that the gateway's time is at, when the exporter's clock shows now. Call it before [Ledger.AdvanceHead].
//
// It decides which T0 was right, once the first one is there again. If the gateway's clock came there by a step, it was only behind for a while; if it came
// there as time passed, the first T0 was ahead.
func (l *Ledger) ObserveTime(at, now time.Time) {
	l.now = now.Round(0)
	if l.firstT0.IsZero() || at.Before(l.firstT0) {
		return
	}
	if l.isStep(at.Sub(now.Round(0)) - l.ahead) {
		l.t0 = l.firstT0
	}
	l.firstT0 = time.Time{}
}

// limitHeld lets go of the oldest held rows, where there are more than maxHeld.
func (l *Ledger) limitHeld() {
	if !l.heldFrom.Before(l.watermark) {
		return
	}
	var starts []time.Time
	for _, row := range l.seen {
		if !row.start.Before(l.heldFrom) && !l.isOpen(row.start) {
			starts = append(starts, row.start)
		}
	}
	if len(starts) > maxHeld {
		slices.SortFunc(starts, time.Time.Compare)
		l.heldFrom = starts[len(starts)-maxHeld-1].Add(Tick)
	}
}

// StepBack records that the gateway's time is at, when the exporter's clock shows now. Where the gateway's clock has gone back, the coverage whose rows are
// held is unread again; and where the head or the watermark is ahead of at, they go back, too. It reports whether it has, and how far the clock has gone back.
// To take the exporter's clock going ahead for that does no harm. After a restart either clock can have been set either way, or both: where their difference
// is another one, the same is unread again, but that is not going back.
//
// A ledger whose T0 is later than at counts from at on, unless the clock turns out to have been behind only for a while. Closed coverage whose rows are not held stays closed: see OpenFrom.
func (l *Ledger) StepBack(at, now time.Time) (back time.Duration, unread bool) {
	watermark := watermarkAt(at, l.options.AllowedLateness)
	ahead := at.Sub(now.Round(0))
	back = max(l.watermark.Sub(watermark), max(l.ahead, ahead)-ahead)
	wasSet := l.restored && l.isStep(ahead-l.ahead)
	l.restored, l.ahead = false, max(l.ahead, ahead)
	switch {
	case l.isStep(back):
	case wasSet:
		back = 0
	default:
		return 0, false
	}
	l.forgetSeen()
	wasAhead := Earlier(at, l.before) // it was at the latest, if nothing was read for long
	l.watermark, l.head, l.ahead = Earlier(l.watermark, watermark), Earlier(l.head, at), ahead
	if at.Before(l.t0) {
		if l.firstT0.IsZero() {
			l.firstT0 = l.t0
		}
		l.t0 = at
	}
	l.hold(at)
	from := Later(wasAhead.Add(-holdFor), at.Add(-l.options.Lookback))
	l.MarkUnread(Span{Later(l.heldFrom, from), at.Add(Tick)})
	for _, s := range l.tracked {
		l.stepBack(s, at)
	}
	return back, true
}

// isUncounted reports whether nothing of a session has been counted, because it was first seen in closed coverage: all others are known whose rows are held.
func (l *Ledger) isUncounted(s *session, row seenRow, known bool) bool {
	return (row.uncounted || !known && !s.start.Before(l.heldFrom)) && !l.isOpen(s.start)
}

// stepBack corrects a tracked session. If nothing of it has been counted, and its coverage is open now, it counts.
func (l *Ledger) stepBack(s *session, at time.Time) {
	s.lastSeen, s.doneSeen = Earlier(s.lastSeen, at), Earlier(s.doneSeen, at)
	if row, known := l.seen[s.id]; (!known || row.uncounted) && l.isOpen(s.start) {
		s.countedStart, s.countedFinish = false, false
		s.countedRequest, s.countedResolve, s.countedWait, s.countedDecisions, s.decisions = false, false, false, false, nil
		l.remember(s.id, seenRow{start: s.start})
	}
}
