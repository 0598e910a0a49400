package fleet

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// counting records the time from which an exporter counts: the Date of the first good answer with sessions.
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

// counted leaves only what counts something of a gateway.
func counted[V any](series map[string]V) map[string]V {
	series = maps.Clone(series)
	maps.DeleteFunc(series, func(k string, _ V) bool {
		family, _, _ := strings.Cut(k, "{")
		return !slices.Contains(collectortest.Counted(), family) && !slices.Contains(collectortest.Measured(), strings.TrimSuffix(family, "_count"))
	})
	return series
}

// truth is what has to be counted of a gateway by now, since an exporter first queried it.
func (w *world) truth(host string) map[string]float64 {
	t0 := w.since[host].t0
	return counted(w.gateways[host].Truth(gatewaytest.TruthOptions{T0: t0, Lookback: 168 * time.Hour, AllowedLateness: 15 * time.Minute, Everything: true}).Samples)
}

// differs returns where counters are not what they have to be. A series that is not there counts as 0.
func differs(got, want map[string]float64) string {
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	var wrong []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if !collectortest.Equal(got[k], want[k]) {
			wrong = append(wrong, fmt.Sprintf("%s is %v, want %v", k, got[k], want[k]))
		}
	}
	if n := len(wrong); n > 5 {
		wrong = append(wrong[:5:5], fmt.Sprintf("and %d more", n-5))
	}
	return strings.Join(wrong, "; ")
}
