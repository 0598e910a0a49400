package exposition

import (
	"math"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// maxGap is how many empty native buckets are written out instead of starting a new span, which would take more space.
// client_golang does the same.
const maxGap = 2

// histogram is one histogram of one scrape. It is immutable, and so is the ledger's histogram that it shows.
//
// It has classic and native buckets from the same observations, with the exemplars of both. None of client_golang's const histograms can:
// NewConstHistogram has only classic buckets, NewConstNativeHistogram only native ones, and a histogram vector takes observations one by
// one, so it cannot be set to what was read from a saved state.
type histogram struct {
	desc   *prometheus.Desc
	labels []*dto.LabelPair // sorted by name, without spare capacity: appending to it makes a copy
	from   *ledger.Histogram
	parts  histogramParts
}

// histogramParts says what is exposed: kinds of buckets, and exemplars (those of counters as well).
type histogramParts struct{ classic, native, exemplars bool }

// Desc implements [prometheus.Metric].
func (m *histogram) Desc() *prometheus.Desc { return m.desc }

// Write implements [prometheus.Metric]. It makes new lists each time, because a metric that wraps this one may append to them.
func (m *histogram) Write(out *dto.Metric) error {
	h := &dto.Histogram{SampleCount: new(m.from.Count), SampleSum: new(m.from.Sum)}
	if timeIsValid(m.from.Created) {
		h.CreatedTimestamp = timestamppb.New(m.from.Created)
	}
	exemplars := make([]*dto.Exemplar, len(m.from.Buckets))
	if m.parts.exemplars {
		for i, e := range m.from.Exemplars {
			exemplars[i] = exemplarOf(e)
		}
	}
	if m.parts.classic {
		h.Bucket = classicBuckets(m.from, exemplars)
	}
	if m.parts.native {
		addNative(h, m.from, exemplars)
	}
	out.Label = m.labels
	out.Histogram = h
	return nil
}

// classicBuckets returns cumulative buckets. The count implies the one for +Inf, so it is written out only if it has an exemplar.
func classicBuckets(from *ledger.Histogram, exemplars []*dto.Exemplar) []*dto.Bucket {
	type bucket struct {
		dto   dto.Bucket
		count uint64
		bound float64
	}
	n := len(from.Bounds)
	if exemplars[n] != nil {
		n++
	}
	room := make([]bucket, n)
	out := make([]*dto.Bucket, n)
	var sum uint64
	for i := range room {
		b := &room[i]
		sum += from.Buckets[i]
		b.count, b.bound = sum, math.Inf(1)
		if i < len(from.Bounds) {
			b.bound = from.Bounds[i]
		}
		b.dto.CumulativeCount, b.dto.UpperBound, b.dto.Exemplar = &b.count, &b.bound, exemplars[i]
		out[i] = &b.dto
	}
	return out
}

// addNative makes h a native histogram.
func addNative(h *dto.Histogram, from *ledger.Histogram, exemplars []*dto.Exemplar) {
	h.Schema, h.ZeroThreshold, h.ZeroCount = new(from.Schema), new(from.ZeroThreshold), new(from.Zero)
	h.PositiveSpan, h.PositiveDelta = nativeSpans(from.Native)
	if from.ZeroThreshold == 0 && from.Zero == 0 && len(from.Native) == 0 {
		// Without this a scraper could not see that it is a native histogram.
		h.PositiveSpan = []*dto.BucketSpan{{Offset: new(int32(0)), Length: new(uint32(0))}}
	}
	h.Exemplars = newestLast(exemplars)
}

// newestLast returns the exemplars that are not nil, by time, and those of the same time in the order of their buckets: the order in which
// Prometheus stores them. Where Prometheus keeps no classic histograms, it starts to read a family's second list, and each one after it, at
// the position where the list before ended (seen up to 3.16). In this order it then reads the newest exemplars. In the order of values it
// often read only old ones, which it refused as out of order.
func newestLast(exemplars []*dto.Exemplar) []*dto.Exemplar {
	var out []*dto.Exemplar
	for _, e := range exemplars {
		if e != nil {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b *dto.Exemplar) int { return a.GetTimestamp().AsTime().Compare(b.GetTimestamp().AsTime()) })
	return out
}

// nativeSpans encodes buckets that are sorted by index: as runs of buckets, and each bucket's count as the difference from the one before.
func nativeSpans(buckets []ledger.NativeBucket) ([]*dto.BucketSpan, []int64) {
	if len(buckets) == 0 {
		return nil, nil
	}
	var (
		spans  []*dto.BucketSpan
		deltas = make([]int64, 0, len(buckets))
		before int64 // the last count
		next   int32 // the index after it
	)
	put := func(count int64) {
		*spans[len(spans)-1].Length++
		deltas = append(deltas, count-before)
		before = count
	}
	for i, b := range buckets {
		gap := b.Index - next
		if i == 0 || gap > maxGap {
			spans = append(spans, &dto.BucketSpan{Offset: new(gap), Length: new(uint32(0))})
			gap = 0
		}
		for range gap {
			put(0)
		}
		put(int64(b.Count))
		next = b.Index + 1
	}
	return spans, deltas
}
