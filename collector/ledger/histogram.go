package ledger

import (
	"math"
	"slices"
	"sort"
)

const (
	// nativeSchema gives eight buckets per doubling: a quantile is off by at most 4.4 %.
	nativeSchema = 3
	// nativeSchemaMin is the coarsest resolution that Prometheus knows.
	nativeSchemaMin = -4
	// nativeBuckets bounds the populated buckets of one histogram; more of them halve the resolution.
	nativeBuckets = 160
	// zeroThreshold is below any value that the gateway's resolution can give.
	zeroThreshold = 2.938735877055719e-39 // 2^-128, the usual one
)

// histogram counts observations in whole units (bytes, microseconds), so that its sum does not depend on their order. Invariant: classic
// and native buckets hold the same observations, and count is their number.
type histogram struct {
	lifecycle
	measure   Measure
	bounds    []float64 // shared with snapshots, and never changed
	count     uint64
	sum       int64
	zero      uint64
	classic   []uint64
	exemplars []exemplar
	schema    int32
	native    []NativeBucket

	// published is what was last shown.
	published *Histogram
}

func newHistogram(m Measure) *histogram {
	bounds := Bounds(m)
	n := len(bounds) + 1
	return &histogram{measure: m, bounds: bounds, schema: nativeSchema, classic: make([]uint64, n), exemplars: make([]exemplar, n)}
}

// unitsPerBase is how many of the whole units that a histogram counts in make one base unit (byte, second).
func unitsPerBase(m Measure) float64 {
	if m == EventSize || m == InputSize {
		return 1
	}
	return 1e6
}

func (h *histogram) observe(units int64, ref sessionRef) {
	v := float64(units) / unitsPerBase(h.measure)
	h.count++
	h.sum = addSaturated(h.sum, units)
	i := sort.SearchFloat64s(h.bounds, v)
	h.classic[i]++
	h.exemplars[i].offer(ref, v)
	if units <= 0 {
		h.zero++
		return
	}
	h.addNative(nativeIndex(v, h.schema), 1)
	for len(h.native) > nativeBuckets {
		h.coarsen()
	}
}

// addSaturated adds without overflow: a sum must not fall.
func addSaturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func (h *histogram) addNative(index int32, n uint64) {
	i, found := slices.BinarySearchFunc(h.native, index, func(b NativeBucket, index int32) int { return int(b.Index) - int(index) })
	if found {
		h.native[i].Count += n
		return
	}
	h.native = slices.Insert(h.native, i, NativeBucket{Index: index, Count: n})
}

// coarsen merges neighboring buckets two by two.
func (h *histogram) coarsen() {
	old := h.native
	h.native = nil
	h.schema--
	for _, b := range old {
		h.addNative((b.Index+1)>>1, b.Count)
	}
}

// nativeIndex is the bucket of v > 0: the smallest i with v <= 2^(i * 2^-schema).
func nativeIndex(v float64, schema int32) int32 {
	frac, exp := math.Frexp(v) // v = frac * 2^exp, frac in [0.5, 1)
	if schema <= 0 {
		i := int32(exp)
		if frac == 0.5 {
			i--
		}
		shift := -schema
		return (i + (1 << shift) - 1) >> shift
	}
	per := 1 << schema
	i := sort.Search(per, func(i int) bool { return frac <= math.Exp2(float64(i)/float64(per)-1) })
	return int32(i + (exp-1)*per)
}

// add adds what another histogram counted.
func (h *histogram) add(o *histogram) {
	h.count += o.count
	h.sum = addSaturated(h.sum, o.sum)
	h.zero += o.zero
	for i := range o.classic {
		h.classic[i] += o.classic[i]
		h.exemplars[i].merge(o.exemplars[i])
	}
	for h.schema > o.schema {
		h.coarsen()
	}
	for o.schema > h.schema {
		o.coarsen()
	}
	for _, b := range o.native {
		h.addNative(b.Index, b.Count)
	}
	for len(h.native) > nativeBuckets {
		h.coarsen()
	}
}

// visible returns what may be shown, shared by all snapshots until it changes.
func (h *histogram) visible() *Histogram {
	switch {
	case h.published != nil && (h.delayed() || h.published.Count == h.count):
	case h.delayed():
		h.published = h.emptySnapshot()
	default:
		h.published = h.fullSnapshot()
	}
	return h.published
}

// emptySnapshot is what a new histogram shows while its first value is delayed.
func (h *histogram) emptySnapshot() *Histogram {
	return &Histogram{
		Created: h.created, Bounds: h.bounds, Buckets: make([]uint64, len(h.classic)), Exemplars: make([]*Exemplar, len(h.classic)),
		Schema: h.schema, ZeroThreshold: zeroThreshold,
	}
}

// fullSnapshot is all that was counted.
func (h *histogram) fullSnapshot() *Histogram {
	out := h.emptySnapshot()
	out.Count, out.Sum, out.Zero = h.count, float64(h.sum)/unitsPerBase(h.measure), h.zero
	copy(out.Buckets, h.classic)
	out.Native = slices.Clone(h.native)
	for i := range h.exemplars {
		out.Exemplars[i] = h.exemplars[i].visible()
	}
	return out
}
