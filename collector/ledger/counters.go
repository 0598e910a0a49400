package ledger

import (
	"strconv"
	"time"
)

// exposedFor is how long a target with nothing open is exposed after its last session.
const exposedFor = 30 * 24 * time.Hour

// Larger values are impossible: they are counted as unobserved.
const (
	maxEventSize = 1 << 50                   // bytes, also of an input
	maxDuration  = 10 * 365 * 24 * time.Hour // of a session, of the wait for a decision, and of an access
	maxAmount    = 1 << 50                   // what one session adds to a counter
)

// targetCounters are the counters and histograms of one target. Invariant: after the first commit no value falls.
type targetCounters struct {
	target     Target
	counters   [families]map[Labels]*series // a map is nil as long as it is empty
	histograms [TargetMeasures]*histogram
	unobserved [Measures]uint64     // until the next commit
	shown      *[families][]Counter // in the last snapshot; nil: there was none

	lastStart time.Time // of its newest session
	committed bool      // by any commit so far
	exposed   bool
}

func newTargetCounters(t Target) *targetCounters { return &targetCounters{target: t} }

// countersFor returns the counters that a target's sessions go to: its own, or those that it shares.
func (l *Ledger) countersFor(t Target) *targetCounters {
	return l.countersUnder(Target{Connection: l.connectionLabel(t.Connection), Type: l.words.types.register(t.Type)})
}

func (l *Ledger) countersUnder(label Target) *targetCounters {
	c := l.counters[label]
	if c == nil {
		c = newTargetCounters(label)
		l.counters[label] = c
	}
	return c
}

// labelsOf are the label values that a target is exposed with.
func (l *Ledger) labelsOf(t Target) Target {
	return Target{Connection: l.connectionLabel(t.Connection), Type: l.words.types.lookup(t.Type)}
}

// series returns the series of a family with these labels, which exists from then on.
func (c *targetCounters) series(f family, labels Labels) *series {
	if c.counters[f] == nil {
		c.counters[f] = map[Labels]*series{}
	}
	s := c.counters[f][labels]
	if s == nil {
		s = &series{}
		c.counters[f][labels] = s
	}
	return s
}

// increment counts a session under the first label.
func (c *targetCounters) increment(f family, label string, ref sessionRef) {
	c.series(f, Labels{label}).add(1, ref)
}

// createHistograms creates the histograms that the options keep. They exist from the first counted session on.
func (c *targetCounters) createHistograms(o *Options) {
	for m := range TargetMeasures {
		if c.histograms[m] == nil && o.keepsMeasure(m) {
			c.histograms[m] = newHistogram(m)
		}
	}
}

func (c *targetCounters) countFinished(s *sessionStatus, ref sessionRef) {
	outcome := s.outcome()
	c.increment(finishedSessions, outcome, ref)
	if outcome != outcomeRejected {
		c.increment(exitCodes, exitCodeLabel(s.exitCode), ref)
		if s.eventSize != 0 {
			c.observe(EventSize, s.eventSize, maxEventSize, ref)
		}
	}
	if !s.end.IsZero() && s.review == nil {
		c.observe(Duration, s.end.Sub(ref.start).Microseconds(), maxDuration.Microseconds(), ref)
	}
}

func (c *targetCounters) observe(m Measure, units, limit int64, ref sessionRef) {
	if units < 0 || units > limit {
		c.unobserved[m]++
		return
	}
	c.histograms[m].observe(units, ref)
}

func exitCodeLabel(code *int) string {
	switch {
	case code == nil:
		return "none"
	case *code < 0 || *code > 255:
		return other
	}
	return strconv.Itoa(*code)
}

// add adds what other counters counted in the refresh that is under way.
func (c *targetCounters) add(o *targetCounters) {
	for f := range families {
		for labels, s := range o.counters[f] {
			c.series(f, labels).merge(s)
		}
	}
	c.lastStart = Later(c.lastStart, o.lastStart)
	for m := range Measures {
		c.unobserved[m] += o.unobserved[m]
	}
	for m, h := range o.histograms {
		switch {
		case h == nil:
		case c.histograms[m] == nil:
			c.histograms[m] = h
		default:
			c.histograms[m].add(h)
		}
	}
}

// ensureZeros creates the series that a known target has beforehand, so that their first value is an increase.
func (c *targetCounters) ensureZeros(o *Options) {
	for f := range families {
		if o.keeps(f) {
			eachKnown(f, func(labels Labels) { c.series(f, labels) })
		}
	}
	if c.histograms[EventSize] != nil {
		c.createHistograms(o) // the options may keep more than before
	}
}

// eachSeries calls f for every series, with whether it has counted anything, its lifecycle, and the function that stamps its exemplars.
func (c *targetCounters) eachSeries(f func(counted bool, life *lifecycle, stamp func(time.Time))) {
	for _, m := range c.counters {
		for _, s := range m {
			f(s.value > 0, &s.lifecycle, s.exemplar.stamp)
		}
	}
	for _, h := range c.histograms {
		if h != nil {
			f(true, &h.lifecycle, h.stampExemplars)
		}
	}
}

func (h *histogram) stampExemplars(now time.Time) {
	for i := range h.exemplars {
		h.exemplars[i].stamp(now)
	}
}
