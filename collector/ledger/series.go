package ledger

import (
	"math"
	"time"
)

// lifecycle is when a series was created, and how long it still shows its old value.
//
// Prometheus' increase() does not see the first value of a new counter, so a series shows its old value (0 for a new one) until that has
// been served for a while: this is the delay, which [Options.FirstValueHold] sets. In order: create at a commit, markServed after a scrape,
// release at a later commit; reappear at a commit, if the series has not been exposed for long.
type lifecycle struct {
	created    time.Time     // zero: not committed yet
	generation uint64        // of the first snapshot that has it
	servedAt   time.Time     // when a snapshot with it was first served; zero: not yet
	delay      time.Duration // how long after servedAt the old value is shown
	released   bool
}

func (l *lifecycle) exists() bool  { return !l.created.IsZero() }
func (l *lifecycle) delayed() bool { return !l.released }

// create starts the lifecycle; a delay below 0 means none.
func (l *lifecycle) create(now time.Time, generation uint64, delay time.Duration) {
	*l = lifecycle{created: now, generation: generation, delay: delay, released: delay < 0}
}

// reappear starts another delay, for a series that has not been exposed for long.
func (l *lifecycle) reappear(generation uint64, delay time.Duration) {
	l.generation, l.servedAt, l.delay, l.released = generation, time.Time{}, delay, delay <= 0
}

// markServed records that a snapshot of the generation was served.
func (l *lifecycle) markServed(generation uint64, at time.Time) {
	if l.servedAt.IsZero() && l.generation <= generation {
		l.servedAt = at
	}
}

// release ends the delay once it has lasted long enough.
func (l *lifecycle) release(now time.Time) {
	if now.Before(l.servedAt) {
		l.servedAt = now // the clock was set back while the process was stopped
	}
	if !l.released && !l.servedAt.IsZero() && !now.Before(l.servedAt.Add(l.delay)) {
		l.released = true
	}
}

// series is one counter. Invariant: published <= value, and neither falls.
type series struct {
	lifecycle
	value     uint64
	exemplar  exemplar
	published uint64
}

// increase adds n. A counter stays at its maximum, because it must not fall.
func (s *series) increase(n uint64) {
	if s.value += n; s.value < n {
		s.value = math.MaxUint64
	}
}

// add counts n. ref is the session that it is about.
func (s *series) add(n uint64, ref sessionRef) {
	s.increase(n)
	s.exemplar.offer(ref, 1)
}

// merge adds what another series counted in the refresh that is under way.
func (s *series) merge(o *series) {
	s.increase(o.value)
	s.exemplar.merge(o.exemplar)
}

func (s *series) visible(labels Labels) Counter {
	c := Counter{Labels: labels, Created: s.created}
	if s.released {
		s.published = s.value
		c.Exemplar = s.exemplar.visible()
	}
	c.Value = s.published
	return c
}

// sessionRef names a session that was just counted.
type sessionRef struct {
	id    string
	start time.Time
}

func (a sessionRef) newer(b sessionRef) bool {
	if c := a.start.Compare(b.start); c != 0 {
		return c > 0
	}
	return a.id > b.id
}

// exemplar is the newest session, by start and id, that was counted in the last refresh that counted any, with its largest value. It is not
// the session that was applied last, so that the order of rows does not matter.
type exemplar struct {
	session sessionRef
	value   float64
	at      time.Time // zero: counted in the refresh that is under way
	set     bool
}

func (e *exemplar) offer(who sessionRef, value float64) {
	if e.set && e.at.IsZero() && !who.newer(e.session) && (e.session.newer(who) || value <= e.value) {
		return
	}
	*e = exemplar{session: who, value: value, set: true}
}

func (e *exemplar) merge(o exemplar) {
	if o.set {
		e.offer(o.session, o.value)
	}
}

func (e *exemplar) stamp(now time.Time) {
	if e.set && e.at.IsZero() {
		e.at = now
	}
}

func (e *exemplar) visible() *Exemplar {
	if !e.set {
		return nil
	}
	return &Exemplar{SessionID: e.session.id, Value: e.value, At: e.at}
}
