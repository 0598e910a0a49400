package ledger

import (
	"maps"
	"slices"

	"github.com/hoop-exporter/hoop_exporter/collector/state/statepb"
)

// counterLists returns the lists of a message in the order of the families.
func counterLists(m *statepb.TargetCounters) [families]*[]*statepb.Counter {
	return [families]*[]*statepb.Counter{
		startedSessions: &m.Started, finishedSessions: &m.Finished, exitCodes: &m.ExitCodes, requestedReviews: &m.Requested, resolvedReviews: &m.Resolved,
		redactions: &m.Redactions, redactedBytes: &m.RedactedBytes, redactionErrors: &m.RedactionErrors, truncatedRecordings: &m.TruncatedRecordings,
		guardrailMatches: &m.GuardrailMatches, aiAnalyses: &m.AiAnalyses, groupDecisions: &m.GroupDecisions,
	}
}

// histogramsOf returns the histograms of a message by measure.
func histogramsOf(m *statepb.TargetCounters) [TargetMeasures]**statepb.Histogram {
	return [TargetMeasures]**statepb.Histogram{
		EventSize: &m.EventSize, Duration: &m.Duration, ReviewWait: &m.ReviewWait, InputSize: &m.InputSize, AccessDuration: &m.AccessDuration,
	}
}

// unobservedFields returns the numbers of a message by measure.
func unobservedFields(m *statepb.Unobserved) [Measures]*uint64 {
	return [Measures]*uint64{
		EventSize: &m.EventSize, Duration: &m.Duration, ReviewWait: &m.ReviewWait, InputSize: &m.InputSize, AccessDuration: &m.AccessDuration,
		GroupWait: &m.GroupWait, Redactions: &m.Redactions, RedactedBytes: &m.RedactedBytes, RedactionErrors: &m.RedactionErrors,
	}
}

func encodeUnobserved(n [Measures]uint64) *statepb.Unobserved {
	if n == [Measures]uint64{} {
		return nil
	}
	m := &statepb.Unobserved{}
	for measure, field := range unobservedFields(m) {
		*field = n[measure]
	}
	return m
}

func (e *encoder) targets(l *Ledger) {
	piece := &statepb.Ledger{Targets: make([]*statepb.TargetCounters, 1)}
	for _, a := range slices.SortedFunc(maps.Values(l.counters), func(a, b *targetCounters) int { return a.target.compare(b.target) }) {
		m := &statepb.TargetCounters{
			Connection:  e.symbol(a.target.Connection),
			Type:        e.symbol(a.target.Type),
			Committed:   a.committed,
			Exposed:     a.exposed,
			NewestStart: nanoseconds(a.lastStart),
			Unobserved:  encodeUnobserved(a.unobserved),
		}
		for f, list := range counterLists(m) {
			*list = e.series(a.counters[f])
		}
		for measure, h := range histogramsOf(m) {
			*h = e.histogram(a.histograms[measure])
		}
		piece.Targets[0] = m
		e.add(piece)
	}
}

// groupWaits encodes the histograms of groups.
func (e *encoder) groupWaits(l *Ledger) {
	piece := &statepb.Ledger{}
	for _, group := range sortedKeys(l.groupWaits) {
		piece.GroupWaits = append(piece.GroupWaits, &statepb.GroupWait{Group: e.symbol(group), Wait: e.histogram(l.groupWaits[group])})
	}
	e.add(piece)
}

func (e *encoder) series(m map[Labels]*series) []*statepb.Counter {
	if len(m) == 0 {
		return nil
	}
	e.keys = slices.AppendSeq(e.keys[:0], maps.Keys(m))
	slices.SortFunc(e.keys, Labels.compare)
	out := make([]*statepb.Counter, len(m))
	for i, labels := range e.keys {
		out[i] = e.counter(m[labels])
		out[i].Label, out[i].SecondLabel, out[i].ThirdLabel = e.symbol(labels[0]), e.symbol(labels[1]), e.symbol(labels[2])
	}
	return out
}

func (e *encoder) counter(s *series) *statepb.Counter {
	c := e.counters.next()
	c.Created, c.Delay = e.birth(&s.lifecycle)
	c.Value, c.NotShown = s.value, s.value-s.published
	if s.exemplar.set {
		c.Exemplar = e.exemplar(&s.exemplar)
		c.Exemplar.Value = 0
	}
	return c
}

// birth encodes a lifecycle, without the fields that no longer matter once the delay is over.
func (e *encoder) birth(b *lifecycle) (created int64, delay *statepb.Delay) {
	if !b.released {
		delay = &statepb.Delay{Generation: b.generation, Served: nanoseconds(b.servedAt), Duration: uint64(b.delay)}
	}
	return nanoseconds(b.created), delay
}

func (e *encoder) exemplar(x *exemplar) *statepb.Exemplar {
	out := e.exemplars.next()
	out.SessionId, out.Counted, out.Value = x.session.id, nanoseconds(x.at), x.value
	if x.at.IsZero() {
		out.SessionStart = nanoseconds(x.session.start)
	}
	return out
}

func (e *encoder) histogram(h *histogram) *statepb.Histogram {
	if h == nil {
		return nil
	}
	out := e.histograms.next()
	out.Created, out.Delay = e.birth(&h.lifecycle)
	out.Counted, out.Sum = e.bucketsOf(h.count, h.classic, h.schema, h.zero, h.native), h.sum
	for i := range h.exemplars {
		if h.exemplars[i].set {
			x := e.exemplar(&h.exemplars[i])
			x.Bucket = uint32(i)
			out.Counted.Exemplars = append(out.Counted.Exemplars, x)
		}
	}
	switch s := h.published; {
	case s == nil:
	case s.Count == h.count:
		out.ShownAll = true
	default:
		out.Shown, out.ShownSum = e.bucketsOf(s.Count, s.Buckets, s.Schema, s.Zero, s.Native), s.Sum
		for i, shown := range s.Exemplars {
			if shown != nil {
				x := &statepb.Exemplar{SessionId: shown.SessionID, Counted: nanoseconds(shown.At), Value: shown.Value, Bucket: uint32(i)}
				out.Shown.Exemplars = append(out.Shown.Exemplars, x)
			}
		}
	}
	return out
}

func (e *encoder) bucketsOf(count uint64, classic []uint64, schema int32, zero uint64, native []NativeBucket) *statepb.Buckets {
	b := e.buckets.next()
	b.Count, b.Classic, b.Schema, b.Zero = count, classic, schema, zero
	b.NativeIndex, b.NativeCount = make([]int32, len(native)), make([]uint64, len(native))
	for i, n := range native {
		b.NativeIndex[i], b.NativeCount[i] = n.Index, n.Count
	}
	return b
}
