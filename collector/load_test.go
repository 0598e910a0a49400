package collector

import (
	"cmp"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// Whatever the gateway costs and does, the exporter keeps to its budget, shows how far it lags, and is exact once it has caught up.
func TestEveryLoadStaysWithinTheBudgetAndIsCountedExactly(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	busy := collectortest.Pick(20*time.Minute, 2*time.Hour)
	reviews := collectortest.Pick(3000, 50_000)
	flood, floods := collectortest.Pick(1000, 5000), collectortest.Pick(20*time.Minute, time.Hour)
	always := func(d time.Duration) func(gatewaytest.Request) time.Duration {
		return func(gatewaytest.Request) time.Duration { return d }
	}
	for _, tc := range []struct {
		name    string
		dialect gatewaytest.Dialect
		life    func(*gatewaytest.Life)
		history gatewaytest.HistoryOptions
		cost    func(gatewaytest.Request) time.Duration
		busy    time.Duration // of life that is to be survived
		// sessions is the length of the history; 0: 2,000.
		sessions int
		// calm is how long no session has started in the end; 0: 36h.
		calm time.Duration
	}{
		{
			name: "half a second a request", dialect: gatewaytest.Old, cost: always(500 * time.Millisecond), busy: busy,
			history: gatewaytest.HistoryOptions{Unfinished: 500, Pending: 50},
		},
		{
			name: "what an old gateway costs", dialect: gatewaytest.Old, cost: gatewaytest.OldCost, busy: busy,
		},
		{
			name: "what a new gateway costs", dialect: gatewaytest.New2026, cost: gatewaytest.NewCost, busy: busy,
			history: gatewaytest.HistoryOptions{Unfinished: 500, Pending: 50},
		},
		{
			name: "a flood: thousands of sessions at once", dialect: gatewaytest.New2026, cost: gatewaytest.NewCost, busy: busy,
			life: func(l *gatewaytest.Life) { l.BurstSize, l.BurstEvery = flood, floods },
		},
		{
			name: "tens of thousands of pending reviews", dialect: gatewaytest.New2026, cost: gatewaytest.NewCost, busy: collectortest.Pick(10*time.Minute, 20*time.Minute),
			history: gatewaytest.HistoryOptions{Unfinished: reviews, Pending: reviews}, sessions: reviews + 2000,
			life: func(l *gatewaytest.Life) { l.LongTail = 0 }, calm: 4 * time.Hour,
		},
		{
			name: "slow for reviews by status only", dialect: gatewaytest.New2026, busy: busy,
			cost: func(r gatewaytest.Request) time.Duration {
				if r.Filtered {
					return 45 * time.Second
				}
				return gatewaytest.NewCost(r)
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				life := gatewaytest.DefaultLife()
				life.Rate, life.Rewritten, life.Overturned = 0.1, 0, 0
				if tc.life != nil {
					tc.life(&life)
				}
				g := gatewaytest.New(gatewaytest.Config{Dialect: tc.dialect, Seed: 1, Life: life, Cost: tc.cost})
				g.AddHistory(max(tc.sessions, 2000), time.Now().Add(-6*day), time.Now().Add(-time.Minute), tc.history)
				w := newWorld(t, g, truthConfig())
				defer w.stop()
				w.scrapeFor(10*time.Minute, refreshEvery)
				if !w.collector.published.Load().snapshot.BaselineComplete {
					t.Error("the backfill takes longer than ten minutes")
				}
				before, from := g.Stats().Busy, time.Now()
				lagged := time.Duration(0)
				for range tc.busy / (10 * time.Minute) {
					w.scrapeFor(10*time.Minute, refreshEvery)
					lagged = max(lagged, w.lag())
				}
				t.Logf("rechecks were late by up to %v", lagged)
				w.keptBudget(before, from)
				g.Calm()
				w.scrapeFor(cmp.Or(tc.calm, 36*time.Hour), collectortest.Pick(25*time.Minute, 10*time.Minute))
				w.keptBudget(before, from)
				w.equalsTruth()
			})
		})
	}
}

// lag is the lag that the exporter shows, which has to be what the gateway knows.
func (w *world) lag() time.Duration {
	w.Helper()
	s := w.collector.published.Load().snapshot
	// The snapshot is for the moment when it was taken, the truth for now.
	if time.Since(w.collector.published.Load().at) > 0 {
		w.scrape()
		s = w.collector.published.Load().snapshot
	}
	want := w.gateway.Truth(gatewaytest.TruthOptions{T0: s.T0, Lookback: w.collector.cfg().Lookback, Now: s.At}).RecheckLag
	if d := s.RecheckLag - want; d.Abs() > 2*time.Second {
		w.Errorf("the lag is shown as %v, and is %v", s.RecheckLag, want)
	}
	return s.RecheckLag
}

// keptBudget wants the gateway to have been busy for no more than a tenth of the time, and a burst.
func (w *world) keptBudget(before time.Duration, from time.Time) {
	w.Helper()
	s := w.gateway.Stats()
	took, limit := s.Busy-before, time.Since(from)/10+10*time.Second
	w.Logf("busy %v of %v", took, time.Since(from))
	if took > limit {
		w.Errorf("the gateway was busy for %v, want at most %v", took, limit)
	}
	if s.MaxInFlight != 1 {
		w.Errorf("%d requests at once", s.MaxInFlight)
	}
}

// Ten thousand sessions within a minute (first values are held for two): the exporter shows how far behind it is, keeps to its budget, and
// soon has counted each of them once.
func TestAFloodWithinAMinuteIsCountedExactly(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		dialect gatewaytest.Dialect
		cost    func(gatewaytest.Request) time.Duration
		within  time.Duration
	}{{gatewaytest.New2026, gatewaytest.NewCost, 3 * time.Minute}, {gatewaytest.Old, gatewaytest.OldCost, 15 * time.Minute}} {
		t.Run(tc.dialect.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const flood = 10_000
				g := gatewaytest.New(gatewaytest.Config{Dialect: tc.dialect, Cost: tc.cost})
				w := newWorld(t, g, truthConfig())
				defer w.stop()
				w.scrapeFor(10*time.Minute, refreshEvery)
				before, from := g.Stats().Busy, time.Now()
				time.Sleep(time.Minute)
				g.AddHistory(flood, time.Now().Add(-time.Minute), time.Now(), gatewaytest.HistoryOptions{Duration: time.Second})
				behind := false
				for took := time.Duration(0); ; took += refreshEvery {
					var counted float64
					s := w.scrape()
					for k, v := range s {
						if strings.HasPrefix(k, "hoop_sessions_started_total{") {
							counted += v
						}
					}
					behind = behind || s["hoop_exporter_unread_seconds"] > 0
					if counted == flood {
						t.Logf("all are counted after %v", took)
						break
					}
					if counted > flood || took > tc.within {
						t.Fatalf("%v of %d are counted after %v", counted, flood, took)
					}
					time.Sleep(refreshEvery)
				}
				if !behind {
					t.Error("it never said that it is behind")
				}
				w.keptBudget(before, from)
				w.scrapeFor(collectortest.Pick(20*time.Minute, time.Hour), refreshEvery)
				w.equalsTruth()
			})
		})
	}
}

// Ten sessions a second, and more than a thousand unfinished, on an old gateway of which the exporter may use a tenth of the time: rechecks
// keep up.
func TestRechecksKeepUpOnABusyOldGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		life := gatewaytest.DefaultLife()
		life.Rate, life.Rewritten, life.Overturned, life.BurstSize = 10, 0, 0, 0
		life.LongTail, life.LongDuration, life.Reviewed, life.Stuck = 0.01, time.Hour, 0.03, 0.0003
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.Old, Seed: 1, Life: life, Cost: smallOldCost})
		g.AddHistory(collectortest.Pick(5000, 20_000), time.Now().Add(-6*24*time.Hour), time.Now().Add(-time.Minute), gatewaytest.HistoryOptions{
			Unfinished: collectortest.Pick(1000, 500), Pending: 50,
		})
		w := newWorld(t, g, truthConfig())
		defer w.stop()
		w.scrapeFor(5*time.Minute, refreshEvery)
		before, from, lag := g.Stats().Busy, time.Now(), time.Duration(0)
		for range collectortest.Pick(24, 120) {
			w.scrapeFor(refreshEvery, refreshEvery)
			lag = max(lag, w.collector.published.Load().snapshot.RecheckLag)
		}
		t.Logf("%d sessions are unfinished, and rechecks were late by up to %v", unfinished(g), lag)
		if lag > time.Minute {
			t.Errorf("rechecks were late by %v, want at most a minute", lag)
		}
		w.keptBudget(before, from)
		if collectortest.Long() {
			g.Calm()
			w.scrapeFor(36*time.Hour, 10*time.Minute)
			w.equalsTruth()
		}
	})
}

// unfinished counts the sessions that the gateway shows and that are not done.
func unfinished(g *gatewaytest.Gateway) (n int) {
	for _, r := range g.Rows() {
		if !r.VisibleAt.After(time.Now()) && r.Status != "done" {
			n++
		}
	}
	return n
}

// smallOldCost is what requests take on an old gateway that has some ten thousand sessions: about 0.1 s a page, and more for a longer
// window.
func smallOldCost(r gatewaytest.Request) time.Duration {
	switch {
	case r.Code != http.StatusOK:
		return 2 * time.Millisecond
	case r.Path != gatewaytest.PathSessions:
		return 8 * time.Millisecond
	case !r.Windowed:
		return 270 * time.Millisecond
	}
	// The first two hours hold most of what there is to count and to sort.
	return 95*time.Millisecond + min(r.Span, 2*time.Hour)/300_000 + min(r.Span, 7*24*time.Hour)/4_000_000
}
