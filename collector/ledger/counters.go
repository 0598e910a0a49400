package ledger

import (
	"strconv"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// What is exposed of a target goes when nothing of it is open and it had no session for this long.
const exposedFor = 30 * 24 * time.Hour

// Impossible values are no observations.
const (
	maxEventSize = 1 << 50                   // bytes
	maxDuration  = 10 * 365 * 24 * time.Hour // of a session, and of the wait for a decision
)

// targetCounters holds the counters of one target.
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
	committed bool      // committed once
	exposed   bool
}

func newTargetCounters(t Target) *targetCounters {
	return &targetCounters{
		target: t, started: map[string]*series{}, finished: map[string]*series{}, exitCodes: map[string]*series{}, resolved: map[string]*series{},
	}
}

func increment(m map[string]*series, label string, who sessionRef) {
	s := m[label]
	if s == nil {
		s = &series{}
		m[label] = s
	}
	s.value++
	s.exemplar.offer(who, 1)
}

// createHistograms makes the histograms exist: they are born with the first counted session.
func (a *targetCounters) createHistograms() {
	if a.histograms[0] != nil {
		return
	}
	for m := range Measures {
		a.histograms[m] = newHistogram(m)
	}
}

func (a *targetCounters) countStarted(verb string) {
	a.createHistograms()
	s := a.started[verb]
	if s == nil {
		s = &series{}
		a.started[verb] = s
	}
	s.value++
}

func (a *targetCounters) countFinished(f *sessionStatus, who sessionRef) {
	a.createHistograms()
	outcome := f.outcome()
	increment(a.finished, outcome, who)
	if outcome != outcomeRejected {
		increment(a.exitCodes, exitCodeLabel(f.exitCode), who)
		if f.eventSize != 0 {
			a.observe(EventSize, f.eventSize, maxEventSize, who)
		}
	}
	if !f.end.IsZero() && f.review == nil {
		a.observe(Duration, f.end.Sub(who.start).Microseconds(), maxDuration.Microseconds(), who)
	}
}

func (a *targetCounters) countWait(r *review, who sessionRef) {
	a.createHistograms()
	a.observe(ReviewWait, r.decision.Sub(r.created).Microseconds(), maxDuration.Microseconds(), who)
}

func (a *targetCounters) observe(m Measure, units, limit int64, who sessionRef) {
	if units < 0 || units > limit {
		a.unobserved[m]++
		return
	}
	a.histograms[m].observe(m, units, Bounds(m), who)
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

// add takes in what another account counted in the refresh that is under way.
func (a *targetCounters) add(o *targetCounters) {
	addAll(a.started, o.started)
	addAll(a.finished, o.finished)
	addAll(a.exitCodes, o.exitCodes)
	addAll(a.resolved, o.resolved)
	a.requested.value += o.requested.value
	a.lastStart = later(a.lastStart, o.lastStart)
	for m := range Measures {
		a.unobserved[m] += o.unobserved[m]
		if o.histograms[m] != nil {
			a.createHistograms()
			a.histograms[m].add(o.histograms[m])
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

// fold moves what was counted under words that were not admitted to "other".
func fold(m map[string]*series, w *labelLimiter) {
	for label, s := range m {
		if to := w.lookup(label); to != label && !s.exists() {
			addAll(m, map[string]*series{to: s})
			delete(m, label)
		}
	}
}

// ensureZeros are the series that a known target has beforehand, so that their first value is an increase.
func (a *targetCounters) ensureZeros() {
	for _, v := range []string{client.VerbConnect, client.VerbExec} {
		ensure(a.started, v)
	}
	for _, v := range outcomes() {
		ensure(a.finished, v)
	}
	for _, v := range finalStatuses() {
		ensure(a.resolved, v)
	}
}

// finalStatuses are the documented statuses in which a review can come to rest.
func finalStatuses() []string {
	return []string{
		client.ReviewApproved, client.ReviewExecuted, client.ReviewProcessing, client.ReviewRejected, client.ReviewRevoked, client.ReviewUnknown,
	}
}

func ensure(m map[string]*series, label string) {
	if m[label] == nil {
		m[label] = &series{}
	}
}

// eachSeries calls f for every series: whether it has counted anything, its birth, and what stamps its exemplars.
func (a *targetCounters) eachSeries(f func(counted bool, b *lifecycle, stamp func(time.Time))) {
	for _, m := range []map[string]*series{a.started, a.finished, a.exitCodes, a.resolved} {
		for _, s := range m {
			f(s.value > 0, &s.lifecycle, s.exemplar.stamp)
		}
	}
	f(a.requested.value > 0, &a.requested.lifecycle, a.requested.exemplar.stamp)
	for _, h := range a.histograms {
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
