package collector

import (
	"fmt"
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
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			flattenMetric(out, f.GetName(), labels, m)
		}
	}
	return out
}

func flattenMetric(out map[string]float64, name string, labels []string, m *dto.Metric) {
	key := func(suffix string, extra ...string) string {
		all := append(append([]string{}, labels...), extra...)
		// "le" sorts among the others.
		for i := len(all) - 1; i > 0 && len(extra) > 0 && all[i] < all[i-1]; i-- {
			all[i], all[i-1] = all[i-1], all[i]
		}
		if len(all) == 0 {
			return name + suffix
		}
		return name + suffix + "{" + strings.Join(all, ",") + "}"
	}
	switch {
	case m.Gauge != nil:
		out[key("")] = m.GetGauge().GetValue()
	case m.Counter != nil:
		out[key("")] = m.GetCounter().GetValue()
	case m.Histogram != nil:
		h := m.GetHistogram()
		out[key("_count")], out[key("_sum")] = float64(h.GetSampleCount()), h.GetSampleSum()
		out[key("_bucket", `le="+Inf"`)] = float64(h.GetSampleCount())
		for _, b := range h.GetBucket() {
			if math.IsInf(b.GetUpperBound(), 1) {
				continue
			}
			le := strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64)
			out[key("_bucket", `le="`+le+`"`)] = float64(b.GetCumulativeCount())
		}
	}
}
