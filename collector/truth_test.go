package collector

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// A day of life in each dialect: when nothing new has happened for a while, every metric is what the simulation knows it to be.
func TestEqualsTheTruth(t *testing.T) {
	for _, dialect := range []gatewaytest.Dialect{gatewaytest.Old, gatewaytest.New2026} {
		for seed := range seeds(t, 3) {
			t.Run(fmt.Sprintf("%v/seed %d", dialect, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { dayOfLife(t, dialect, seed) })
			})
		}
	}
}

func dayOfLife(t *testing.T, dialect gatewaytest.Dialect, seed uint64) {
	life := gatewaytest.DefaultLife()
	life.Rate = 0.1
	g := gatewaytest.New(gatewaytest.Config{Dialect: dialect, Seed: seed, Life: life})
	g.AddHistory(5000, time.Now().Add(-10*24*time.Hour), time.Now().Add(-time.Minute), gatewaytest.HistoryOptions{Unfinished: 100, Pending: 20, Ready: 10})
	time.Sleep(2 * time.Hour) // the gateway lived before the exporter was there
	w := newWorld(t, g, truthConfig())
	defer w.stop()
	w.scrapeFor(24*time.Hour, 30*time.Second)
	g.Calm()
	w.scrapeFor(36*time.Hour, 5*time.Minute)
	w.equalsTruth()
}

func seeds(t *testing.T, n uint64) uint64 {
	if testing.Short() {
		return 1
	}
	return n
}

func truthConfig() Config {
	return Config{
		LongRunning:    []Threshold{{"1h", time.Hour}, {"8h", 8 * time.Hour}},
		Overdue:        []Threshold{{"5m", 5 * time.Minute}, {"1h", time.Hour}},
		ConnectionTags: []string{"team"},
	}
}

// equalsTruth compares a scrape with what the gateway knows.
func (w *world) equalsTruth() {
	w.Helper()
	got := w.scrape()
	cfg := w.collector.cfg
	o := gatewaytest.TruthOptions{
		T0: w.collector.published.Load().snapshot.T0, Lookback: cfg.Lookback, Overlap: cfg.Overlap, ForgetAfter: cfg.ForgetAfter,
		EventSizeBuckets: ledger.Bounds(ledger.EventSize), DurationBuckets: ledger.Bounds(ledger.Duration), WaitBuckets: ledger.Bounds(ledger.ReviewWait),
		ConnectionTags: cfg.ConnectionTags,
	}
	for _, th := range cfg.LongRunning {
		o.LongRunning, o.LongRunningLabels = append(o.LongRunning, th.Duration), append(o.LongRunningLabels, th.Name)
	}
	for _, th := range cfg.Overdue {
		o.Overdue, o.OverdueLabels = append(o.Overdue, th.Duration), append(o.OverdueLabels, th.Name)
	}
	truth := w.gateway.Truth(o)
	maps.DeleteFunc(got, func(k string, _ float64) bool { return k == "hoop_up" || strings.HasPrefix(k, "hoop_exporter_") })
	w.compare(got, truth)
}

// breakdowns are the families whose totals are exact and whose breakdown is what the API said at first sight of the end.
func (w *world) compare(got map[string]float64, truth gatewaytest.Truth) {
	w.Helper()
	keys := slices.Sorted(maps.Keys(truth.Samples))
	for k := range got {
		if _, ok := truth.Samples[k]; !ok {
			keys = append(keys, k)
		}
	}
	differences := 0
	for _, k := range keys {
		g, okGot := got[k]
		want, okWant := truth.Samples[k]
		if okGot && okWant && math.Abs(g-want) <= 1e-9*math.Abs(want) {
			continue
		}
		differences++
		if differences < 40 {
			w.Logf("%s: got %v (%v), want %v (%v)", k, g, okGot, want, okWant)
		}
	}
	if differences > 0 {
		w.Errorf("%d of %d series differ; %d rewritten", differences, len(keys), truth.Rewritten)
	}
}
