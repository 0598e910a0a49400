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

// account holds the counters of one target.
type account struct {
	target     Target
	started    map[string]*series
	finished   map[string]*series
	exits      map[string]*series
	resolved   map[string]*series
	requested  series
	histograms [Measures]*histogram
	unobserved [Measures]uint64 // until the next commit

	lastStart time.Time // of its newest session
	born      bool      // committed once
	exposed   bool
}

func newAccount(t Target) *account {
	return &account{
		target: t, started: map[string]*series{}, finished: map[string]*series{}, exits: map[string]*series{}, resolved: map[string]*series{},
	}
}

func count(m map[string]*series, label string, who sighting) {
	s := m[label]
	if s == nil {
		s = &series{}
		m[label] = s
	}
	s.value++
	s.ex.offer(who, 1)
}

// counted makes the histograms exist: they are born with the first counted session.
func (a *account) counted() {
	if a.histograms[0] != nil {
		return
	}
	for m := range Measures {
		a.histograms[m] = newHistogram(m)
	}
}

func (a *account) countStarted(verb string) {
	a.counted()
	s := a.started[verb]
	if s == nil {
		s = &series{}
		a.started[verb] = s
	}
	s.value++
}

func (a *account) countFinished(f *facts, who sighting) {
	a.counted()
	outcome := f.outcome()
	count(a.finished, outcome, who)
	if outcome != outcomeRejected {
		count(a.exits, exitLabel(f.exit), who)
		if f.size != 0 {
			a.observe(EventSize, f.size, maxEventSize, who)
		}
	}
	if !f.end.IsZero() && f.review == nil {
		a.observe(Duration, f.end.Sub(who.start).Microseconds(), maxDuration.Microseconds(), who)
	}
}

func (a *account) countWait(r *review, who sighting) {
	a.counted()
	a.observe(ReviewWait, r.decision.Sub(r.created).Microseconds(), maxDuration.Microseconds(), who)
}

func (a *account) observe(m Measure, units, limit int64, who sighting) {
	if units < 0 || units > limit {
		a.unobserved[m]++
		return
	}
	a.histograms[m].observe(m, units, Bounds(m), who)
}

func exitLabel(code *int) string {
	switch {
	case code == nil:
		return "none"
	case *code < 0 || *code > 255:
		return other
	}
	return strconv.Itoa(*code)
}

// add takes in what another account counted in the refresh that is under way.
func (a *account) add(o *account) {
	addAll(a.started, o.started)
	addAll(a.finished, o.finished)
	addAll(a.exits, o.exits)
	addAll(a.resolved, o.resolved)
	a.requested.value += o.requested.value
	a.lastStart = later(a.lastStart, o.lastStart)
	for m := range Measures {
		a.unobserved[m] += o.unobserved[m]
		if o.histograms[m] != nil {
			a.counted()
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
		to[label].ex.merge(s.ex)
	}
}

// fold moves what was counted under words that were not admitted to "other".
func fold(m map[string]*series, w *words) {
	for label, s := range m {
		if to := w.label(label); to != label && !s.born() {
			addAll(m, map[string]*series{to: s})
			delete(m, label)
		}
	}
}

// zeros are the series that a known target has beforehand, so that their first value is an increase.
func (a *account) zeros() {
	for _, v := range []string{client.VerbConnect, client.VerbExec} {
		ensure(a.started, v)
	}
	for _, v := range outcomes() {
		ensure(a.finished, v)
	}
	for _, v := range restStatuses() {
		ensure(a.resolved, v)
	}
}

// restStatuses are the documented statuses in which a review can come to rest.
func restStatuses() []string {
	return []string{
		client.ReviewApproved, client.ReviewExecuted, client.ReviewProcessing, client.ReviewRejected, client.ReviewRevoked, client.ReviewUnknown,
	}
}

func ensure(m map[string]*series, label string) {
	if m[label] == nil {
		m[label] = &series{}
	}
}

// each calls f for every series: whether it has counted anything, its birth, and what stamps its exemplars.
func (a *account) each(f func(counted bool, b *birth, stamp func(time.Time))) {
	for _, m := range []map[string]*series{a.started, a.finished, a.exits, a.resolved} {
		for _, s := range m {
			f(s.value > 0, &s.birth, s.ex.stamp)
		}
	}
	f(a.requested.value > 0, &a.requested.birth, a.requested.ex.stamp)
	for _, h := range a.histograms {
		if h != nil {
			f(true, &h.birth, h.stamp)
		}
	}
}

func (h *histogram) stamp(now time.Time) {
	for i := range h.ex {
		h.ex[i].stamp(now)
	}
}
