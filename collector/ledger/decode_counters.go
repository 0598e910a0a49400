package ledger

import (
	"math"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/state/statepb"
)

func decodeUnobserved(m *statepb.Unobserved) (n [Measures]uint64) {
	if m != nil {
		for measure, field := range unobservedFields(m) {
			n[measure] = *field
		}
	}
	return n
}

func (d *decoder) targets(targets []*statepb.TargetCounters) {
	var last *targetCounters
	for _, m := range targets {
		a := newTargetCounters(Target{d.label(m.Connection), d.label(m.Type)})
		d.check(last == nil || last.target.compare(a.target) < 0, "targets are not in order, or one is there twice")
		last = a
		a.committed, a.exposed, a.lastStart, a.unobserved = m.Committed, m.Exposed, timeOf(m.NewestStart), decodeUnobserved(m.Unobserved)
		for f, list := range counterLists(m) {
			d.counters(a, family(f), *list)
		}
		d.check(!m.Committed || len(m.Requested) > 0, "a target has no counter of requested reviews")
		d.targetHistograms(a, m)
		d.l.counters[a.target] = a
	}
}

// counters reads the counters of a family. What the options leave out is checked, but not kept.
func (d *decoder) counters(a *targetCounters, f family, counters []*statepb.Counter) {
	var last Labels
	for i, m := range counters {
		labels := Labels{d.label(m.Label), d.label(m.SecondLabel), d.label(m.ThirdLabel)}
		d.check(i == 0 || last.compare(labels) < 0, "counters of a target are not in order, or one is there twice")
		last = labels
		s := &series{}
		if d.counter(s, m); d.l.options.keeps(f) {
			*a.series(f, labels) = *s
		}
	}
}

// targetHistograms reads the histograms of a target. What the options leave out is checked, but not kept.
func (d *decoder) targetHistograms(a *targetCounters, m *statepb.TargetCounters) {
	counted := m.EventSize != nil
	for i, field := range histogramsOf(m) {
		measure, h := Measure(i), *field
		optional := measure == InputSize || measure == AccessDuration
		d.check((h != nil) == counted || h == nil && optional, "a target has only some of its histograms")
		if h == nil {
			continue
		}
		if read := d.histogram(measure, h); d.l.options.keepsMeasure(measure) {
			a.histograms[measure] = read
		}
	}
}

// groupWaits reads the histograms of groups.
func (d *decoder) groupWaits(waits []*statepb.GroupWait) {
	next := d.ascending("groups that decided")
	for _, m := range waits {
		group := d.label(m.Group)
		next(group)
		if m.Wait == nil {
			d.check(false, "a group has no histogram")
			return
		}
		if h := d.histogram(GroupWait, m.Wait); h != nil && !d.l.options.NoDecisions {
			d.l.groupWaits[group] = h
		}
	}
}

func (d *decoder) counter(s *series, m *statepb.Counter) {
	s.lifecycle = d.birth(m.GetCreated(), m.GetDelay())
	d.check(m.GetNotShown() <= m.GetValue(), "a counter has shown more than was counted")
	s.value, s.published = m.GetValue(), m.GetValue()-m.GetNotShown()
	if x := m.GetExemplar(); x != nil {
		d.check(x.Value == 0 && x.Bucket == 0, "a counter's exemplar has a value")
		s.exemplar = d.exemplar(x)
		s.exemplar.value = 1
	}
}

func (d *decoder) birth(created int64, delay *statepb.Delay) lifecycle {
	b := lifecycle{created: timeOf(created), released: delay == nil}
	if delay != nil {
		d.check(delay.Duration <= math.MaxInt64, "the delay of a series is too long")
		b.generation, b.servedAt, b.delay = delay.Generation, timeOf(delay.Served), time.Duration(delay.Duration)
	}
	return b
}

func (d *decoder) exemplar(m *statepb.Exemplar) exemplar {
	d.check(finite(m.Value), "an exemplar's value is not a number")
	return exemplar{session: sessionRef{m.SessionId, timeOf(m.SessionStart)}, value: m.Value, at: timeOf(m.Counted), set: true}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (d *decoder) histogram(measure Measure, m *statepb.Histogram) *histogram {
	h, counted := newHistogram(measure), m.GetCounted()
	if !d.buckets(counted, len(h.bounds)+1) {
		return nil
	}
	h.lifecycle = d.birth(m.Created, m.Delay)
	h.count, h.sum, h.classic = counted.Count, m.Sum, counted.Classic
	d.check(h.sum >= 0, "a histogram's sum is below 0")
	h.schema, h.zero, h.native = counted.Schema, counted.Zero, nativeOf(counted)
	for _, x := range counted.Exemplars {
		h.exemplars[x.Bucket] = d.exemplar(x)
	}
	switch {
	case m.Shown != nil:
		d.check(!m.ShownAll, "a histogram shows all and less than all")
		d.check(m.Shown.Count <= h.count, "a histogram has shown more than was counted")
		h.published = d.shown(h, m)
	case m.ShownAll:
		h.published = h.fullSnapshot()
	}
	return h
}

// shown is what a histogram shows if it has counted more than that.
func (d *decoder) shown(h *histogram, m *statepb.Histogram) *Histogram {
	s := h.emptySnapshot()
	if !d.buckets(m.Shown, len(h.bounds)+1) {
		return s
	}
	d.check(finite(m.ShownSum), "a histogram's sum is not a number")
	s.Count, s.Sum, s.Buckets = m.Shown.Count, m.ShownSum, m.Shown.Classic
	s.Schema, s.Zero, s.Native = m.Shown.Schema, m.Shown.Zero, nativeOf(m.Shown)
	for _, m := range m.Shown.Exemplars {
		x := d.exemplar(m)
		s.Exemplars[m.Bucket] = x.visible()
	}
	return s
}

// buckets checks that the number of classic buckets is right, that each exemplar has a bucket, and that the buckets have all observations.
func (d *decoder) buckets(m *statepb.Buckets, classic int) bool {
	if len(m.GetClassic()) != classic {
		d.check(false, "a histogram has other buckets")
		return false
	}
	const differs = "a histogram's buckets differ from its count"
	sum := uint64(0)
	for _, n := range m.Classic {
		d.check(n <= m.Count-sum, differs)
		sum += n
	}
	d.check(sum == m.Count, differs)
	bucket := -1
	for _, x := range m.Exemplars {
		if int64(x.Bucket) <= int64(bucket) || int64(x.Bucket) >= int64(classic) {
			d.check(false, "a histogram's exemplars are not in order")
			return false
		}
		bucket = int(x.Bucket)
	}
	d.check(m.Schema <= nativeSchema && m.Schema >= nativeSchemaMin, "a histogram's resolution is invalid")
	if len(m.NativeIndex) != len(m.NativeCount) || len(m.NativeIndex) > nativeBuckets {
		d.check(false, differs)
		return false
	}
	d.check(m.Zero <= m.Count, differs)
	sum = m.Zero
	for i, n := range m.NativeCount {
		d.check(i == 0 || m.NativeIndex[i-1] < m.NativeIndex[i], "a histogram's buckets are not in order")
		d.check(m.NativeIndex[i] > -maxNativeIndex && m.NativeIndex[i] < maxNativeIndex, "a histogram's bucket is out of range")
		d.check(n <= m.Count-sum, differs)
		sum += n
	}
	d.check(sum == m.Count, differs)
	return true
}

// maxNativeIndex is far beyond any index that can occur.
const maxNativeIndex = 1 << 20

func nativeOf(m *statepb.Buckets) []NativeBucket {
	var b []NativeBucket
	for i, index := range m.NativeIndex {
		b = append(b, NativeBucket{Index: index, Count: m.NativeCount[i]})
	}
	return b
}
