package collector

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// lists is how many requests for lists of sessions the gateway got.
func lists(g *gatewaytest.Gateway) int {
	s := g.Stats()
	return s.Requests[gatewaytest.PathSessions] + s.Requests[gatewaytest.PathSession]
}

// A million sessions of history (in a long run), of which 2,000 have not finished, and nothing new: at most four requests a refresh.
func TestRequestsDoNotGrowWithHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Seed: 1})
		g.AddHistory(collectortest.Pick(10_000, 1_000_000), time.Now().Add(-30*24*time.Hour), time.Now(), gatewaytest.HistoryOptions{Unfinished: 2000, Pending: 100, Connections: 200})
		cfg := DefaultConfig()
		cfg.Lookback = 31 * 24 * time.Hour
		w := newWorld(t, g, cfg)
		defer w.stop()
		if err := w.collector.Baseline(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := lists(g)
		hours := collectortest.Pick(1, 8) // in which the unfinished ones, a day to a month old, are rechecked too
		w.scrapeFor(time.Duration(hours)*time.Hour, refreshEvery)
		each := float64(lists(g)-before) / float64(hours*120)
		t.Logf("%.2f requests a refresh", each)
		if s := g.Stats(); each > 4 || s.MaxInFlight != 1 {
			t.Errorf("%.2f requests a refresh, want at most 4; %d at once, want 1", each, s.MaxInFlight)
		}
		if got := w.scrape()["hoop_exporter_recheck_lag_seconds"]; got > 0 {
			t.Errorf("rechecks of unfinished sessions lag by %v s", got)
		}
	})
}

// Five short sessions a second, some of which show up late: four requests a refresh, and two more for each page of rows that changed.
func TestRequestsGrowWithWhatChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Seed: 1, Life: gatewaytest.Life{
			Rate: 5, Duration: 10 * time.Second, Late: 0.1, LateMax: time.Minute, Connect: 0.3,
		}})
		g.AddHistory(collectortest.Pick(2000, 10_000), time.Now().Add(-7*24*time.Hour), time.Now(), gatewaytest.HistoryOptions{})
		w := newWorld(t, g, DefaultConfig())
		defer w.stop()
		w.scrapeFor(collectortest.Pick(15*time.Minute, 30*time.Minute), refreshEvery)
		before, from := lists(g), time.Now()
		minutes := collectortest.Pick(10, 60)
		w.scrapeFor(time.Duration(minutes)*time.Minute, refreshEvery)
		requests := float64(lists(g)-before) / float64(2*minutes)
		changed := float64(changes(g, from, time.Now())) / float64(2*minutes)
		t.Logf("%.2f requests a refresh, in which %.0f rows changed", requests, changed)
		if limit := 4 + 2*changed/100; requests > limit {
			t.Errorf("%.2f requests a refresh, want at most %.2f", requests, limit)
		}
		g.Calm()
		w.scrapeFor(20*time.Minute, refreshEvery)
		w.equalsTruth()
	})
}

// changes adds up over all refreshes how many rows appeared or ended since the one before.
func changes(g *gatewaytest.Gateway, from, to time.Time) int {
	n := 0
	for _, r := range g.Rows() {
		refreshes := map[time.Duration]bool{}
		for _, at := range []time.Time{r.VisibleAt, r.EndDate} {
			if !at.Before(from) && at.Before(to) {
				refreshes[at.Sub(from)/refreshEvery] = true
			}
		}
		n += len(refreshes)
	}
	return n
}
