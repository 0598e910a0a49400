package collector

import (
	"net/http"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// witness stands between a process and its gateway and sees what the process requests.
type witness struct {
	http.RoundTripper
	mu        sync.Mutex
	now, most int           // requests at once
	busy      time.Duration // that all requests took
	longest   time.Duration
	answered  time.Time // when an answer last came that was no failure

	budget  time.Duration // that the exporter may use so far
	since   time.Time     // of the last look
	settled bool          // the backfill was complete then
}

func newWitness(r http.RoundTripper) *witness { return &witness{RoundTripper: r, since: time.Now()} }

// RoundTrip implements http.RoundTripper.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	w.mu.Lock()
	w.now++
	w.most = max(w.most, w.now)
	w.mu.Unlock()
	resp, err := w.RoundTripper.RoundTrip(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now--
	took := time.Since(began)
	w.busy, w.longest = w.busy+took, max(w.longest, took)
	if err == nil && resp.StatusCode == http.StatusOK {
		w.answered = time.Now()
	}
	return resp, err
}

// check fails the test, at a scrape, on a second request at once, on more time than the budget allows, and on gauges that are older than
// they say.
func (w *witness) check(t *testing.T, families []*dto.MetricFamily) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.most > 1 {
		t.Fatalf("%v: %d requests at once", time.Now(), w.most)
	}
	shown := map[string]float64{}
	for _, f := range families {
		shown[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
	}
	rate := 0.5
	if w.settled {
		rate = 0.1
	}
	w.budget += time.Duration(float64(time.Since(w.since)) * rate)
	w.since, w.settled = time.Now(), shown["hoop_exporter_baseline_complete"] == 1
	// A burst, and for each of the four kinds of requests the one that went beyond what was left.
	if limit := w.budget + 10*time.Second + 4*w.longest; w.busy > limit {
		t.Fatalf("%v: requests took %v, want at most %v", time.Now(), w.busy, limit)
	}
	_, gauges := shown["hoop_open_sessions"]
	old := time.Since(w.answered) > 5*time.Minute
	if withheld := shown["hoop_exporter_gauges_withheld"] == 1; withheld && (gauges || shown["hoop_up"] == 1) || old && !withheld {
		t.Fatalf("%v: withheld %v, gauges there: %v, up %v, last answer %v ago", time.Now(), withheld, gauges, shown["hoop_up"], time.Since(w.answered))
	}
}
