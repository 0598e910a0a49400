package gatewaytest

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// samples are the values of series, by name and labels in the notation of the text format.
type samples map[string]float64

// set sets a series. labels are pairs of name and value, sorted by name.
func (s samples) set(v float64, name string, labels ...string) { s[seriesKey(name, labels)] = v }

// setSorted sets a series and sorts its labels by name.
func (s samples) setSorted(v float64, name string, names []string, labels map[string]string) {
	slices.Sort(names)
	var pairs []string
	for _, n := range names {
		pairs = append(pairs, n, labels[n])
	}
	s.set(v, name, pairs...)
}

// seriesKey returns name{label="value",...}, or the name alone if there are no labels.
func seriesKey(name string, labels []string) string {
	if len(labels) == 0 {
		return name
	}
	var b strings.Builder
	b.WriteString(name)
	for i := 0; i < len(labels); i += 2 {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(labels[i])
		b.WriteString(`="`)
		b.WriteString(escape(labels[i+1]))
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}

// escape escapes a label value as the text format does.
func escape(value string) string {
	if !strings.ContainsAny(value, "\\\n\"") {
		return value
	}
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(value)
}

// histogram counts observations in whole units (microseconds or bytes), so sums are exact.
type histogram struct {
	unit    float64 // units per unit of the metric: 1e6 for seconds
	bounds  []float64
	buckets []int // not cumulative; the last one is above all bounds
	count   int
	sum     int64
}

func newHistogram(unit float64, bounds []float64) histogram {
	return histogram{unit: unit, bounds: bounds, buckets: make([]int, len(bounds)+1)}
}

func (h *histogram) observe(v int64) {
	h.count++
	h.sum += v
	at := 0
	for at < len(h.bounds) && float64(v)/h.unit > h.bounds[at] {
		at++
	}
	h.buckets[at]++
}

// put sets the series of the histogram. labels are pairs of name and value, sorted by name.
func (h *histogram) put(s samples, name string, labels ...string) {
	s.set(float64(h.count), name+"_count", labels...)
	s.set(float64(h.sum)/h.unit, name+"_sum", labels...)
	at := 0 // of the label "le"
	for at < len(labels) && labels[at] < "le" {
		at += 2
	}
	sofar := 0
	for i, n := range h.buckets {
		sofar += n
		bound := math.Inf(1)
		if i < len(h.bounds) {
			bound = h.bounds[i]
		}
		s.set(float64(sofar), name+"_bucket", slices.Insert(slices.Clone(labels), at, "le", formatFloat(bound))...)
	}
}

// formatFloat formats a number as the text format does.
func formatFloat(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
