package collector

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// world is a simulated gateway and an exporter of it, on the clock of the test's bubble (testing/synctest).
type world struct {
	*testing.T
	gateway   *gatewaytest.Gateway
	collector *Collector
	stop      func()
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
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := col.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	w := &world{T: t, gateway: g, collector: col}
	w.stop = func() {
		cancel()
		<-done
		for g.Stats().InFlight > 0 { // the bubble's clock stops with the test
			time.Sleep(time.Second)
		}
		synctest.Wait()
	}
	return w
}

// scrape gathers as a scrape with a deadline of 10 s does.
func (w *world) scrape() map[string]float64 {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	reg := prometheus.NewRegistry()
	reg.MustRegister(w.collector.Scrape(ctx))
	families, err := reg.Gather()
	if err != nil {
		w.Fatal(err)
	}
	return flatten(families)
}

// scrapeFor scrapes every interval for a while. What the scrapes show is not looked at.
func (w *world) scrapeFor(d, interval time.Duration) {
	w.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(interval) {
		ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
		metrics := make(chan prometheus.Metric)
		go func() {
			defer close(metrics)
			w.collector.Scrape(ctx).Collect(metrics)
		}()
		for range metrics {
		}
		cancel()
	}
}
