package collector

import (
	"math"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// flatten writes series as name{label="value",...}, histograms as their _count, _sum and cumulative _bucket series.
func flatten(families []*dto.MetricFamily) map[string]float64 {
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := make([]string, 0, len(m.GetLabel()))
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+strconv.Quote(l.GetValue()))
			}
			flattenMetric(out, f.GetName(), labels, m)
		}
	}
	return out
}

func flattenMetric(out map[string]float64, name string, labels []string, m *dto.Metric) {
	key := func(suffix string) string {
		if len(labels) == 0 {
			return name + suffix
		}
		return name + suffix + "{" + strings.Join(labels, ",") + "}"
	}
	switch {
	case m.Gauge != nil:
		out[key("")] = m.GetGauge().GetValue()
	case m.Counter != nil:
		out[key("")] = m.GetCounter().GetValue()
	case m.Histogram != nil:
		h := m.GetHistogram()
		// "le" sorts among the others.
		i := 0
		for i < len(labels) && labels[i] < "le=" {
			i++
		}
		before := name + "_bucket{" + strings.Join(append(labels[:i:i], `le="`), ",")
		after := strings.Join(append([]string{`"`}, labels[i:]...), ",") + "}"
		out[key("_count")], out[key("_sum")] = float64(h.GetSampleCount()), h.GetSampleSum()
		out[before+"+Inf"+after] = float64(h.GetSampleCount())
		for _, b := range h.GetBucket() {
			if math.IsInf(b.GetUpperBound(), 1) {
				continue
			}
			out[before+strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64)+after] = float64(b.GetCumulativeCount())
		}
	}
}
