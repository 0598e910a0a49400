package ledger

import (
	"time"
)

// lifecycle is when a series came to be, and whether it has to show 0 first.
//
// Prometheus' increase() cannot see a counter that is born at 1, so a series shows its old value (0 for a new one) until that has been
// served for a while.
type lifecycle struct {
	created    time.Time     // zero: not committed yet
	generation uint64        // of the first snapshot that has it
	servedAt   time.Time     // when a snapshot with it was first served; zero: not yet
	hold       time.Duration // how long after servedAt the old value is shown
	released   bool
}

func (b *lifecycle) exists() bool { return !b.created.IsZero() }
func (b *lifecycle) held() bool   { return !b.released }

func (b *lifecycle) create(now time.Time, generation uint64, hold time.Duration) {
	*b = lifecycle{created: now, generation: generation, hold: hold, released: hold < 0}
}

// reappear is for a series that was not exposed for long: it shows its old value first.
func (b *lifecycle) reappear(generation uint64, hold time.Duration) {
	b.generation, b.servedAt, b.hold, b.released = generation, time.Time{}, hold, hold <= 0
}

func (b *lifecycle) markServed(generation uint64, at time.Time) {
	if b.servedAt.IsZero() && b.generation <= generation {
		b.servedAt = at
	}
}

func (b *lifecycle) release(now time.Time) bool {
	if now.Before(b.servedAt) {
		b.servedAt = now // the clock was set back over a stop
	}
	if !b.released && !b.servedAt.IsZero() && !now.Before(b.servedAt.Add(b.hold)) {
		b.released = true
	}
	return b.released
}

// series is one counter.
type series struct {
	lifecycle
	value     uint64
	exemplar  exemplar
	published uint64
}

func (s *series) publish(label string) Counter {
	c := Counter{Label: label, Created: s.created}
	if s.released {
		s.published = s.value
		c.Exemplar = s.exemplar.publish()
	}
	c.Value = s.published
	return c
}

// sessionRef is a session that was just counted.
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

// exemplar is the newest session counted in the last refresh that counted any: not the last one applied, so that the order
// of rows does not matter.
type exemplar struct {
	session sessionRef
	id      packed // who's, as it is written to disk: to look for the text of each then takes longer than all the rest
	value   float64
	at      time.Time // zero: counted in the refresh that is under way
	set     bool
}

func (e *exemplar) offer(who sessionRef, value float64) {
	if e.set && e.at.IsZero() && !who.newer(e.session) {
		return
	}
	*e = exemplar{session: who, id: pack(who.id), value: value, set: true}
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

func (e *exemplar) publish() *Exemplar {
	if !e.set {
		return nil
	}
	return &Exemplar{SessionID: e.session.id, Value: e.value, At: e.at}
}
