package ledger

import (
	"strconv"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// exposedFor is for how long a target with nothing open is exposed after its last session.
const exposedFor = 30 * 24 * time.Hour

// Larger values are impossible: they are counted as unobserved.
const (
	maxEventSize = 1 << 50                   // bytes
	maxDuration  = 10 * 365 * 24 * time.Hour // of a session, and of the wait for a decision
)

// targetCounters are the counters and histograms of one target. Invariant: after the first commit no value falls.
type targetCounters struct {
	target     Target
	started    map[string]*series
	finished   map[string]*series
	exitCodes  map[string]*series
	resolved   map[string]*series
	requested  series
	histograms [Measures]*histogram
	unobserved [Measures]uint64 // until the next commit

	lastStart time.Time // of its newest session
	committed bool      // by any commit so far
	exposed   bool
}

func newTargetCounters(t Target) *targetCounters {
	return &targetCounters{
		target: t, started: map[string]*series{}, finished: map[string]*series{}, exitCodes: map[string]*series{}, resolved: map[string]*series{},
	}
}

func increment(m map[string]*series, label string, ref sessionRef) {
	s := m[label]
	if s == nil {
		s = &series{}
		m[label] = s
	}
	s.value++
	s.exemplar.offer(ref, 1)
}

// createHistograms makes the histograms exist, which they do from the first counted session on.
func (c *targetCounters) createHistograms() {
	if c.histograms[0] != nil {
		return
	}
	for m := range Measures {
		c.histograms[m] = newHistogram(m)
	}
}

func (c *targetCounters) countStarted(verb string) {
	c.createHistograms()
	s := c.started[verb]
	if s == nil {
		s = &series{}
		c.started[verb] = s
	}
	s.value++
}

func (c *targetCounters) countFinished(s *sessionStatus, ref sessionRef) {
	c.createHistograms()
	outcome := s.outcome()
	increment(c.finished, outcome, ref)
	if outcome != outcomeRejected {
		increment(c.exitCodes, exitCodeLabel(s.exitCode), ref)
		if s.eventSize != 0 {
			c.observe(EventSize, s.eventSize, maxEventSize, ref)
		}
	}
	if !s.end.IsZero() && s.review == nil {
		c.observe(Duration, s.end.Sub(ref.start).Microseconds(), maxDuration.Microseconds(), ref)
	}
}

func (c *targetCounters) countWait(r *review, ref sessionRef) {
	c.createHistograms()
	c.observe(ReviewWait, r.decision.Sub(r.created).Microseconds(), maxDuration.Microseconds(), ref)
}

func (c *targetCounters) observe(m Measure, units, limit int64, ref sessionRef) {
	if units < 0 || units > limit {
		c.unobserved[m]++
		return
	}
	c.histograms[m].observe(m, units, Bounds(m), ref)
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
	addAll(c.started, o.started)
	addAll(c.finished, o.finished)
	addAll(c.exitCodes, o.exitCodes)
	addAll(c.resolved, o.resolved)
	c.requested.value += o.requested.value
	c.lastStart = Later(c.lastStart, o.lastStart)
	for m := range Measures {
		c.unobserved[m] += o.unobserved[m]
		if o.histograms[m] != nil {
			c.createHistograms()
			c.histograms[m].add(o.histograms[m])
		}
	}
}

func addAll(to, from map[string]*series) {
	for label, s := range from {
		if to[label] == nil {
			to[label] = &series{}
		}
		to[label].value += s.value
		to[label].exemplar.merge(s.exemplar)
	}
}

// fold moves what was counted under labels that were not admitted to "other".
func fold(m map[string]*series, limiter *labelLimiter) {
	for label, s := range m {
		if to := limiter.lookup(label); to != label && !s.exists() {
			addAll(m, map[string]*series{to: s})
			delete(m, label)
		}
	}
}

// ensureZeros creates the series that a known target has beforehand, so that their first value is an increase.
func (c *targetCounters) ensureZeros() {
	for _, v := range []string{client.VerbConnect, client.VerbExec} {
		ensure(c.started, v)
	}
	for _, v := range outcomes() {
		ensure(c.finished, v)
	}
	for _, v := range finalStatuses() {
		ensure(c.resolved, v)
	}
}

// finalStatuses are the documented statuses that a review can have in its final state.
func finalStatuses() []string {
	return []string{
		client.ReviewApproved, client.ReviewExecuted, client.ReviewExpired, client.ReviewProcessing, client.ReviewRejected, client.ReviewRevoked,
		client.ReviewUnknown,
	}
}

func ensure(m map[string]*series, label string) {
	if m[label] == nil {
		m[label] = &series{}
	}
}

// eachSeries calls f for every series: whether it has counted anything, its lifecycle, and what stamps its exemplars.
func (c *targetCounters) eachSeries(f func(counted bool, life *lifecycle, stamp func(time.Time))) {
	for _, m := range []map[string]*series{c.started, c.finished, c.exitCodes, c.resolved} {
		for _, s := range m {
			f(s.value > 0, &s.lifecycle, s.exemplar.stamp)
		}
	}
	f(c.requested.value > 0, &c.requested.lifecycle, c.requested.exemplar.stamp)
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
