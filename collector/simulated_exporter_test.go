package collector

import (
	"context"
	"net/http"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// world is a simulated gateway and an exporter of it, on the clock of the test's bubble (testing/synctest).
type world struct {
	*testing.T
	gateway       *gatewaytest.Gateway
	collector     *Collector
	stop          func()
	clockWasWrong bool // the gateway's, for so long that a review may have ended by it
}

// newWorld starts a collector on a gateway. cfg.Client is made here.
func newWorld(t *testing.T, g *gatewaytest.Gateway, cfg Config) *world {
	t.Helper()
	return newWorldBehind(t, g, g.Transport(), cfg)
}

// newWorldBehind starts a collector that reaches its gateway by way of a transport.
func newWorldBehind(t *testing.T, g *gatewaytest.Gateway, way http.RoundTripper, cfg Config) *world {
	t.Helper()
	c, err := client.New("https://hoop.example", &http.Client{Transport: way}, client.WithAPIKey(func() (string, error) { return "org|secret", nil }))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Client = c
	col, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	stop := collectortest.Run(t, col.Run, func() []*gatewaytest.Gateway { return []*gatewaytest.Gateway{g} })
	return &world{T: t, gateway: g, collector: col, stop: stop}
}

// scrape returns what a scrape with a deadline of 10 s shows.
func (w *world) scrape() map[string]float64 {
	w.Helper()
	return collectortest.Scrape(w, w.collector)
}

// visit does what a scrape does, without the metrics, which would be dropped: making them takes a sixth of the time that these simulations
// need.
func (w *world) visit(ctx context.Context) {
	if collectortest.Long() {
		collectortest.Visit(ctx, w.collector)
		return
	}
	w.collector.serve(ctx, func(*settings, *published, time.Time) {})
}

// scrapeFor scrapes every interval for a while. What the scrapes show is dropped.
func (w *world) scrapeFor(d, interval time.Duration) {
	w.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(interval) {
		ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
		w.visit(ctx)
		cancel()
	}
}

// refreshEvery is the interval of scrapes, and so that of refreshes.
const refreshEvery = collectortest.RefreshEvery

// logs is a log that can be read while it is written.
type logs = collectortest.Log

// flatten returns the values of what a registry has gathered, in which no series is there twice.
func flatten(families []*dto.MetricFamily) map[string]float64 {
	series, err := collectortest.Flatten(families)
	if err != nil {
		return nil
	}
	return series.Values
}
