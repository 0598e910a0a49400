package ledger

import (
	"slices"
	"time"
)

// The gateway's clock can be ahead for a while, and the exporter believes it. Coverage is then closed too early: rows that start in it
// later look like rows that have been counted. So after a step of the head, the ledger retains the rows of closed coverage: it remembers
// them for some time. When the clock goes back, that coverage is opened and read again, and no row counts twice.
const (
	// retainFor is how long after a step rows are retained, and the most time that is read again, by the gateway's clock.
	retainFor = 24 * time.Hour
	// maxRetained is how many rows of closed coverage are retained, the newest ones.
	maxRetained = 4_000
)

// clock is what the ledger knows about the gateway's clock, compared with the exporter's. The ledger calls compare once for each answer,
// and sets the other fields itself.
type clock struct {
	// now is the exporter's clock as of the last answer, and headNow as of the head; zero: not known in this process.
	now, headNow time.Time
	// before is what the head was before it was last advanced.
	before time.Time
	// ahead is the farthest that the gateway's clock has been ahead of the exporter's since it last went back.
	ahead time.Duration
	// restored says that the ledger was restored, and the clocks have not been compared since.
	restored bool
	// firstT0 is what T0 was before the gateway's clock went back beyond it; it is kept until that clock is there again; zero: it did not
	// go back so far.
	firstT0 time.Time
}

// sinceHead is how much time has passed since the head, by the exporter's clock; 0 if that is not known.
func (c *clock) sinceHead() (d time.Duration) {
	if !c.headNow.IsZero() {
		d = c.now.Sub(c.headNow)
	}
	return d
}

// compare records the difference between the clocks. It returns how far the gateway's clock has gone back and, for the first answer after a
// restart, how far it has gone ahead, both compared with the exporter's.
func (c *clock) compare(at, now time.Time) (back, forth time.Duration) {
	ahead := at.Sub(now)
	if c.restored {
		forth = ahead - c.ahead
	}
	c.restored, c.ahead = false, max(c.ahead, ahead)
	return c.ahead - ahead, forth
}

// isStep reports whether d, between two heads, is long enough for a wrong clock to matter. Less does not matter, because the watermark is a
// whole allowed lateness behind.
func (l *Ledger) isStep(d time.Duration) bool { return d > l.options.AllowedLateness/3 }

// stepTo returns how much of the time between the last head and the next one has not passed by the exporter's clock, so that rare refreshes
// are not steps. After a restart, it is not known how much has passed, so all of it may be a step.
func (l *Ledger) stepTo(head time.Time) time.Duration { return head.Sub(l.head) - l.clock.sinceHead() }

// retain begins to retain the rows that are remembered now, because the head makes a step to the time head.
func (l *Ledger) retain(head time.Time) { l.retainedUntil = head.Add(retainFor) }

// retains reports whether the rows of closed coverage are retained: the gateway's clock may be ahead.
func (l *Ledger) retains() bool { return !l.head.After(l.retainedUntil) }

// ObserveTime records that the gateway's time is at, when the exporter's clock shows now, without a monotonic reading. Call it before
// [Ledger.AdvanceHead].
//
// Once the gateway's clock is at the first T0 again, ObserveTime decides which T0 was right. If the clock got there by a step, it had only
// been behind for a while; if it got there as time passed, the first T0 was too late.
func (l *Ledger) ObserveTime(at, now time.Time) {
	c := &l.clock
	c.now = now
	if c.firstT0.IsZero() || at.Before(c.firstT0) {
		return
	}
	if l.isStep(at.Sub(now) - c.ahead) {
		l.t0 = c.firstT0
	}
	c.firstT0 = time.Time{}
}

// limitRetained forgets the oldest retained rows if there are more than maxRetained.
func (l *Ledger) limitRetained() {
	var starts []time.Time
	for _, row := range l.seen {
		if !row.start.Before(l.retainedFrom) && !l.isOpen(row.start) {
			starts = append(starts, row.start)
		}
	}
	if len(starts) > maxRetained {
		slices.SortFunc(starts, time.Time.Compare)
		l.retainedFrom = starts[len(starts)-maxRetained-1].Add(Tick)
	}
}

// StepBack records that the gateway's time is at, when the exporter's clock shows now. If the gateway's clock has gone back, coverage whose
// rows are retained becomes unread again, and a head or a watermark that is ahead of at goes back, too. It returns how far the clock has
// gone back, and whether coverage became unread. It looks the same if the exporter's clock goes ahead instead; reading again does no harm.
// After a restart, either clock, or both, can have been set: if their difference has changed, the same coverage becomes unread, and back is
// 0.
//
// If T0 is later than at, the ledger counts from at on, unless it turns out that the clock was only behind for a while. Closed coverage
// whose rows are not retained stays closed: see OpenFrom.
func (l *Ledger) StepBack(at, now time.Time) (back time.Duration, unread bool) {
	watermark := watermarkAt(at, l.options.AllowedLateness)
	back, forth := l.clock.compare(at, now)
	back = max(back, l.watermark.Sub(watermark))
	switch {
	case l.isStep(back):
	case l.isStep(forth):
		back = 0
	default:
		return 0, false
	}
	wasAhead := Earlier(at, l.clock.before) // when the clock may last have been ahead: before the pause, if nothing was read for long
	l.watermark, l.head, l.clock.ahead = Earlier(l.watermark, watermark), Earlier(l.head, at), at.Sub(now)
	if at.Before(l.t0) {
		if l.clock.firstT0.IsZero() {
			l.clock.firstT0 = l.t0
		}
		l.t0 = at
	}
	l.retain(at)
	from := Later(wasAhead.Add(-retainFor), at.Add(-l.options.Lookback))
	l.MarkUnread(Span{Later(l.retainedFrom, from), at.Add(Tick)})
	for _, s := range l.tracked {
		l.stepBack(s, at)
	}
	return back, true
}

// isUncounted reports whether nothing of a session has been counted, because it was first seen in closed coverage. As long as rows are
// retained, all other sessions there are known.
func (l *Ledger) isUncounted(s *session, row seenRow, known bool) bool {
	return (row.uncounted || !known && !s.start.Before(l.retainedFrom)) && !l.isOpen(s.start)
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
