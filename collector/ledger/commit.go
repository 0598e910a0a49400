package ledger

import "time"

// commit decides what depends on the order of rows. It goes through them in sorted order, so that the order in which they came makes no
// difference.
func (l *Ledger) commit(at, now time.Time) *Snapshot {
	l.admitNames()
	l.untrackFinal()
	l.abandon(at)
	if len(l.seen) > 0 {
		l.prune()
	}
	l.baselineComplete = l.baselineComplete || len(l.unread) == 0
	l.generation++
	gauges := l.gauges(at)
	for label := range gauges {
		l.countersUnder(label)
	}
	for label, c := range l.counters {
		l.commitCounters(c, gauges[label] != nil || at.Sub(c.lastStart) < exposedFor, now)
	}
	for _, h := range l.groupWaits {
		l.commitSeries(true, false, &h.lifecycle, h.stampExemplars, now)
	}
	return l.snapshot(at, gauges)
}

// admitNames decides which new connections and label values keep their name, and moves what was counted under the others.
func (l *Ledger) admitNames() {
	l.admitConnections()
	for _, limiter := range l.words.all() {
		limiter.admit()
	}
	l.foldGroupWaits()
	for t, c := range l.counters {
		l.words.fold(c)
		if c.committed {
			continue
		}
		if label := l.labelsOf(t); label != t {
			delete(l.counters, t)
			l.countersUnder(label).add(c)
		}
	}
}

// abandon drops sessions that have been unfinished for too long.
func (l *Ledger) abandon(at time.Time) {
	limit := at.Add(-l.options.ForgetAfter)
	for id, tracked := range l.tracked {
		if !tracked.start.Before(limit) {
			continue
		}
		if tracked.state(at) != Finished {
			l.abandoned++
		}
		delete(l.tracked, id)
	}
	for id, row := range l.seen {
		if row.start.Before(l.backfillStart) && row.start.Before(limit) {
			delete(l.seen, id)
		}
	}
	for key, start := range l.malformed {
		if start.Before(limit) {
			delete(l.malformed, key)
		}
	}
}

// commitCounters creates the new series, and releases those that have been shown at their old value for long enough.
func (l *Ledger) commitCounters(c *targetCounters, expose bool, now time.Time) {
	for m := range Measures {
		l.unobserved[m] += c.unobserved[m]
		c.unobserved[m] = 0
	}
	back := expose && !c.exposed && c.committed
	c.committed, c.exposed = true, expose
	c.ensureZeros(&l.options)
	c.eachSeries(func(counted bool, life *lifecycle, stamp func(time.Time)) {
		l.commitSeries(counted, back, life, stamp, now)
	})
}

// commitSeries creates a series if it is new, and releases it if it has been shown at its old value for long enough. back says that the
// series is exposed again after a long time.
func (l *Ledger) commitSeries(counted, back bool, life *lifecycle, stamp func(time.Time), now time.Time) {
	stamp(now)
	switch {
	case !life.exists():
		life.create(l.createdAt(now), l.generation, l.delayFor(counted))
	case back:
		life.reappear(l.generation, l.delayFor(true))
	}
	life.release(now)
}

// createdAt is the created timestamp of a series that is created now.
func (l *Ledger) createdAt(now time.Time) time.Time {
	if l.zeroAt.IsZero() || l.zeroAt.After(now) {
		return now
	}
	return l.zeroAt
}

// delayFor is how long a new series shows its old value once it was served. A series that has counted nothing yet needs to be served only
// once.
func (l *Ledger) delayFor(counted bool) time.Duration {
	switch {
	case l.options.FirstValueHold <= 0:
		return -1
	case counted:
		return l.options.FirstValueHold
	}
	return 0
}
