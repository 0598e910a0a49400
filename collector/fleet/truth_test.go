package fleet

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// counting notes since when an exporter counts: the Date of the first good answer with sessions.
type counting struct {
	http.RoundTripper
	once sync.Once
	t0   time.Time
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusOK && strings.HasSuffix(r.URL.Path, "/sessions") {
		if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			c.once.Do(func() { c.t0 = date })
		}
	}
	return resp, err
}

// counters are the metrics that count something of a gateway.
var counters = []string{
	"hoop_sessions_started_total", "hoop_sessions_finished_total", "hoop_session_exit_codes_total", "hoop_reviews_requested_total",
	"hoop_reviews_resolved_total",
}

// flatten writes counters and gauges as name{label="value",...}.
func flatten(families []*dto.MetricFamily) map[string]float64 {
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+strconv.Quote(l.GetValue()))
			}
			key := f.GetName()
			if labels != nil {
				key += "{" + strings.Join(labels, ",") + "}"
			}
			switch {
			case m.Counter != nil:
				out[key] = m.GetCounter().GetValue()
			case m.Gauge != nil:
				out[key] = m.GetGauge().GetValue()
			}
		}
	}
	return out
}

// counted leaves only what counts something of a gateway.
func counted(series map[string]float64) map[string]float64 {
	series = maps.Clone(series)
	maps.DeleteFunc(series, func(k string, _ float64) bool {
		family, _, _ := strings.Cut(k, "{")
		return !slices.Contains(counters, family)
	})
	return series
}

// truth is what has to be counted of a gateway by now, since an exporter first asked it.
func (w *world) truth(host string) map[string]float64 {
	t0 := w.since[host].t0
	return counted(w.gateways[host].Truth(gatewaytest.TruthOptions{T0: t0, Lookback: 168 * time.Hour, AllowedLateness: 15 * time.Minute}).Samples)
}

// differs tells where counters are not what they have to be. A series that is not there counts as 0.
func differs(got, want map[string]float64) string {
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	var wrong []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if math.Abs(got[k]-want[k]) > 1e-9 {
			wrong = append(wrong, fmt.Sprintf("%s is %v, want %v", k, got[k], want[k]))
		}
	}
	if n := len(wrong); n > 5 {
		wrong = append(wrong[:5:5], fmt.Sprintf("and %d more", n-5))
	}
	return strings.Join(wrong, "; ")
}
