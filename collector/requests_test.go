package collector

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// A million sessions of history, of which 2,000 have not finished, and nothing new: the exporter asks at most four times a refresh.
func TestRequestsDoNotGrowWithHistory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a million sessions")
	}
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Seed: 1})
		g.AddHistory(1_000_000, time.Now().Add(-30*24*time.Hour), time.Now(), gatewaytest.HistoryOptions{Unfinished: 2000, Pending: 100, Connections: 200})
		w := newWorld(t, g, Config{Lookback: 31 * 24 * time.Hour})
		defer w.stop()
		w.scrape()
		if err := w.collector.Baseline(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("baseline %v: %+v", time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)), g.Stats())
		w.scrapeFor(5*time.Minute, 30*time.Second)
		before := g.Stats()
		w.scrapeFor(24*time.Hour, 30*time.Second)
		after := g.Stats()
		lists := after.Requests[gatewaytest.PathSessions] - before.Requests[gatewaytest.PathSessions]
		t.Logf("%d requests in 2880 refreshes: %.2f; %v", lists, float64(lists)/2880, after)
	})
}
