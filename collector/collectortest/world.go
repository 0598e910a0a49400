package collectortest

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// RefreshEvery is the interval at which worlds are scraped, and so the interval of refreshes.
const RefreshEvery = 30 * time.Second

// Scraper is what can be scraped until a deadline: a collector.Collector.
type Scraper interface {
	Scrape(ctx context.Context) prometheus.Collector
}

// Run runs an exporter within the test's bubble (testing/synctest). The returned stop ends it, and waits until the gateways that it queries
// have answered its last requests, because the bubble's clock stops with the test. Stop may be called more than once.
func Run(t *testing.T, run func(context.Context) error, gateways func() []*gatewaytest.Gateway) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return sync.OnceFunc(func() {
		cancel()
		<-done
		for _, g := range gateways() {
			for g.Stats().InFlight > 0 {
				time.Sleep(time.Second)
			}
		}
		synctest.Wait()
	})
}

// Gather returns the families that a scrape with a deadline of 10 s shows. A scrape that fails in part fails the test.
func Gather(t testing.TB, s Scraper) []*dto.MetricFamily {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(s.Scrape(ctx))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// Scrape returns the values of the series that [Gather] finds.
func Scrape(t testing.TB, s Scraper) map[string]float64 {
	t.Helper()
	series, err := Flatten(Gather(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return series.Values
}

// Visit scrapes and drops what the scrape shows, which costs a tenth of [Gather].
func Visit(ctx context.Context, s Scraper) {
	metrics := make(chan prometheus.Metric)
	go func() {
		defer close(metrics)
		s.Scrape(ctx).Collect(metrics)
	}()
	for range metrics {
	}
}
