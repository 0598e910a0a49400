package ledger

import "time"

// horizonOf is a whole second, because that is how the gateway cuts a window: what it counts there is what is remembered.
func horizonOf(head time.Time, overlap time.Duration) time.Time {
	return head.Add(-overlap).Truncate(time.Second)
}

// Unread returns the stretches that have not been read to the end, oldest first.
func (l *Ledger) Unread() []Span { return l.unread }

// Baseline tells whether the first read-back is over.
func (l *Ledger) Baseline() bool { return l.baseline }

// Leave says that a stretch has still to be read: a walk went past it.
func (l *Ledger) Leave(s Span) { l.unread = l.unread.add(s) }

// Read says that all rows of a stretch have been read and applied.
func (l *Ledger) Read(s Span) {
	l.unread = l.unread.remove(s)
	l.prune()
}

// Settle says that every row that was visible at the time head has been read from the horizon on: a row from before
// head - overlap that has not shown up by now is not counted any more.
func (l *Ledger) Settle(head time.Time) {
	l.unread = l.unread.remove(Span{l.horizon, head.Add(tick)})
	l.horizon = later(l.horizon, horizonOf(head, l.o.Overlap))
	l.prune()
}

// Head is the time up to which the newest page was asked for.
func (l *Ledger) Head() time.Time { return l.head }

// Advance says that the newest page was asked for at the time head: what began since it was last asked for is to be read. Nothing before the
// horizon becomes unread by that, even where the gateway's clock was set back in between: it has been counted, and forgotten.
func (l *Ledger) Advance(head time.Time) {
	if head.Sub(l.head) > l.o.Overlap || head.Sub(l.horizon) > 4*l.o.Overlap {
		l.Resume(head)
	}
	l.Leave(Span{later(l.head, l.horizon), head.Add(tick)})
	l.head = head
}

// Resume says that nothing was asked for longer than the overlap: what lies between is to be read like any other unread stretch, as far as
// the lookback reaches. What is older is given up.
func (l *Ledger) Resume(head time.Time) {
	horizon := horizonOf(head, l.o.Overlap)
	if !l.horizon.Before(horizon) {
		return
	}
	l.unread = l.unread.add(Span{later(l.horizon, head.Add(-l.o.Lookback)), head.Add(tick)})
	l.horizon = horizon
	l.prune()
}

// prune forgets rows that left open territory. It waits until that is worth the time it takes.
func (l *Ledger) prune() {
	if len(l.seen) > 2*l.pruned+1000 {
		l.forget()
	}
}

func (l *Ledger) forget() {
	for id, m := range l.seen {
		if !l.remembers(m) {
			delete(l.seen, id)
		}
	}
	l.pruned = len(l.seen)
}

// remembers tells whether a row has to be known so that it is not taken for a new one.
func (l *Ledger) remembers(m memory) bool { return l.open(m.start) || m.start.Before(l.floor) }

// KnownIn counts the rows that are known from open territory with from <= start <= to.
func (l *Ledger) KnownIn(from, to time.Time) int {
	n := 0
	for _, m := range l.seen {
		if !m.start.Before(from) && !m.start.After(to) {
			n++
		}
	}
	return n
}

// PendingIn counts the tracked sessions whose review is pending with from <= start <= to.
func (l *Ledger) PendingIn(from, to time.Time) int {
	n := 0
	for _, e := range l.tracked {
		if e.listed(from, to) {
			n++
		}
	}
	return n
}

func (e *entry) listed(from, to time.Time) bool {
	return e.pending() && !e.left && !e.lost && !e.start.Before(from) && !e.start.After(to)
}

// ConfirmPending says that the gateway counts as many pending reviews with from <= start <= to as are known: it is as good as a look at each.
func (l *Ledger) ConfirmPending(from, to, at time.Time) {
	for _, e := range l.tracked {
		if e.listed(from, to) {
			e.looked = later(e.looked, at)
		}
	}
}

// PendingRead says that the list of pending reviews was read from to down to after (itself not included), beginning at the time since:
// a review that was not there has left the list, and is due for a look.
func (l *Ledger) PendingRead(after, to, since time.Time) {
	for _, e := range l.tracked {
		if e.listed(after.Add(tick), to) && e.looked.Before(since) {
			e.left = true
		}
	}
}

// PendingComplete says that all pending reviews have been read at least once.
func (l *Ledger) PendingComplete() { l.pendingRead = true }

// Look is a session that is looked at again.
type Look struct {
	ID    string
	Start time.Time
	// Due is when the next look is due; from Early on one that comes by the way is worth taking.
	Due, Early time.Time
}

// Looks returns the sessions whose next look is due, or worth taking by the way, at the time now. They come in no order; due tells
// whether any is due.
func (l *Ledger) Looks(now time.Time) (looks []Look, due bool) {
	for _, e := range l.tracked {
		d := e.due()
		if early := e.looked.Add(d.Sub(e.looked) / 2); !early.After(now) {
			looks = append(looks, Look{e.id, e.start, d, early})
			due = due || !d.After(now)
		}
	}
	return looks, due
}

// Due tells whether a session's next look is due at the time now. One that is not tracked needs none.
func (l *Ledger) Due(id string, now time.Time) bool {
	e := l.tracked[id]
	return e != nil && !e.due().After(now)
}

// Missed says that a complete look for a session did not find it. The second one in a row means that the gateway does not show it any
// more: it leaves the gauges, and comes back when it is seen again.
func (l *Ledger) Missed(id string, at time.Time) {
	e := l.tracked[id]
	if e == nil {
		return
	}
	e.missed++
	e.looked, e.left = at, false
	if e.missed == 2 && !e.lost {
		e.lost = true
		l.lost++
	}
}
