package ledger

import (
	"time"
)

// birth is when a series came to be, and whether it has to show 0 first.
//
// Prometheus' increase() cannot see a counter that is born at 1, so a series shows its old value (0 for a new one) until that has been
// served for a while.
type birth struct {
	created    time.Time     // zero: not committed yet
	generation uint64        // of the first snapshot that has it
	servedAt   time.Time     // when a snapshot with it was first served; zero: not yet
	hold       time.Duration // how long after servedAt the old value is shown
	released   bool
}

func (b *birth) born() bool { return !b.created.IsZero() }
func (b *birth) held() bool { return !b.released }

func (b *birth) bear(now time.Time, generation uint64, hold time.Duration) {
	*b = birth{created: now, generation: generation, hold: hold, released: hold < 0}
}

// again is for a series that was not exposed for long: it shows its old value first.
func (b *birth) again(generation uint64, hold time.Duration) {
	b.generation, b.servedAt, b.hold, b.released = generation, time.Time{}, hold, hold <= 0
}

func (b *birth) serve(generation uint64, at time.Time) {
	if b.servedAt.IsZero() && b.generation <= generation {
		b.servedAt = at
	}
}

func (b *birth) release(now time.Time) bool {
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
	birth
	value uint64
	ex    exemplar
	shown uint64
}

func (s *series) publish(label string) Counter {
	c := Counter{Label: label, Created: s.created}
	if s.released {
		s.shown = s.value
		c.Exemplar = s.ex.show()
	}
	c.Value = s.shown
	return c
}

// sighting is a session that was just counted.
type sighting struct {
	id    string
	start time.Time
}

func (a sighting) newer(b sighting) bool {
	if c := a.start.Compare(b.start); c != 0 {
		return c > 0
	}
	return a.id > b.id
}

// exemplar is the newest session counted in the last refresh that counted any: not the last one applied, so that the order
// of rows does not matter.
type exemplar struct {
	who   sighting
	value float64
	at    time.Time // zero: counted in the refresh that is under way
	set   bool
}

func (e *exemplar) offer(who sighting, value float64) {
	if e.set && e.at.IsZero() && !who.newer(e.who) {
		return
	}
	*e = exemplar{who: who, value: value, set: true}
}

func (e *exemplar) merge(o exemplar) {
	if o.set {
		e.offer(o.who, o.value)
	}
}

func (e *exemplar) stamp(now time.Time) {
	if e.set && e.at.IsZero() {
		e.at = now
	}
}

func (e *exemplar) show() *Exemplar {
	if !e.set {
		return nil
	}
	return &Exemplar{SessionID: e.who.id, Value: e.value, At: e.at}
}
