package collector

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/planner"
)

// The page and the metrics must not contradict each other, and what is not known yet must not look like a 0.
func TestTheStatusSaysWhatTheMetricsSay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, cfg := newStatusWorld(t, nil)
		defer w.stop()
		if s := w.collector.Status(); s.Attempted || s.Up || s.Failed || s.Counts != nil || s.Unread != cfg.Lookback || s.Lookback != cfg.Lookback || s.Backfilled || s.Role != "" {
			t.Errorf("before the first refresh: %+v", s)
		}
		w.scrapeFor(collectortest.Pick(15*time.Minute, time.Hour), refreshEvery)
		got, s := w.scrape(), w.collector.Status()
		if !s.Attempted || !s.Up || s.Failed || s.Reason != "" || s.Withheld || s.Version == "" || s.Role != "admin" && s.Role != "auditor" || s.Limited {
			t.Errorf("hours later: %+v", s)
		}
		if !s.Backfilled || s.Unread.Seconds() != got["hoop_exporter_unread_seconds"] || s.Budget != cfg.Budget || s.At.Sub(s.LastSuccess) > time.Second {
			t.Errorf("hours later: %+v", s)
		}
		open, waiting := 0.0, 0.0
		for series, v := range got {
			if strings.HasPrefix(series, "hoop_open_sessions{") {
				open += v
			}
			if strings.HasPrefix(series, "hoop_open_reviews{") && strings.Contains(series, `status="PENDING"`) {
				waiting += v
			}
		}
		if float64(s.Counts.Open()) != open || open == 0 || float64(s.Counts.Waiting) != waiting || waiting == 0 || s.Counts.OldestWait <= 0 {
			t.Errorf("%+v, and the metrics have %v open sessions and %v waiting reviews", s.Counts, open, waiting)
		}
		before := w.scrape()["hoop_exporter_gateway_requests_total{code=\"200\"}"]
		w.scrapeFor(5*time.Minute, refreshEvery)
		rate := (w.scrape()["hoop_exporter_gateway_requests_total{code=\"200\"}"] - before) / 5
		if s := w.collector.Status(); s.RequestsPerMinute < rate*0.7 || s.RequestsPerMinute > rate*1.3 {
			t.Errorf("%v requests a minute, want about %v", s.RequestsPerMinute, rate)
		}
	})
}

// newStatusWorld returns a world with a few connections, whose gateway refuses the credential while broken is true.
func newStatusWorld(t *testing.T, broken *atomic.Bool) (*world, Config) {
	t.Helper()
	life := gatewaytest.DefaultLife()
	life.Connections = gatewaytest.Connections(3)
	g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Seed: 1, Life: life, Fault: func(*http.Request) http.Handler {
		if broken == nil || !broken.Load() {
			return nil
		}
		return gatewaytest.Fail(http.StatusUnauthorized, "alice@example.com has left")
	}})
	cfg := truthConfig()
	return newWorld(t, g, cfg), cfg
}

func TestTheStatusSaysWhatFailedAndWhenTheNextTryIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		w, cfg := newStatusWorld(t, &broken)
		defer w.stop()
		w.scrapeFor(time.Hour, refreshEvery)
		broken.Store(true)
		w.scrapeFor(4*time.Minute, refreshEvery) // then the waits are a minute long
		w.scrape()                               // at this moment, so that the next try is ahead
		s := w.collector.Status()
		if s.Up || !s.Failed || s.Withheld || s.Counts == nil || !strings.HasPrefix(s.Reason, "HTTP 401: the credential is missing") || strings.Contains(s.Reason, "alice") {
			t.Errorf("minutes after the failure: %+v", s)
		}
		if s.NextTry.Before(s.LastRefresh.Add(cfg.CacheTTL)) || s.NextTry.After(s.LastRefresh.Add(2*time.Minute)) {
			t.Errorf("the next try is at %v, and the last one was at %v", s.NextTry, s.LastRefresh)
		}
		before := lists(w.gateway)
		time.Sleep(time.Until(s.NextTry) - time.Millisecond)
		w.scrape()
		if lists(w.gateway) != before {
			t.Error("queried before the time that the status says")
		}
		time.Sleep(10 * time.Second)
		if w.scrape(); lists(w.gateway) == before {
			t.Error("not queried at the time that the status says")
		}
		w.scrapeFor(cfg.StaleAfter, refreshEvery)
		if s = w.collector.Status(); !s.Withheld || s.Counts != nil {
			t.Errorf("when gauges are withheld: %+v", s)
		}
		broken.Store(false)
		w.scrapeFor(2*time.Minute, refreshEvery)
		if s = w.collector.Status(); !s.Up || s.Failed || s.Reason != "" || !s.NextTry.IsZero() || s.Counts == nil {
			t.Errorf("after it is over: %+v", s)
		}
	})
}

func TestTheReasonRepeatsNothingFromOutside(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"of a database", errors.New("user=alice: failed to connect"), "the last refresh was not complete: the log says why"},
		{"no error", nil, "the last refresh was not complete: the log says why"},
		{"no date", fmt.Errorf("alice: %w", planner.ErrNoDate), planner.ErrNoDate.Error()},
		{"stuck", errStuck, errStuck.Error()},
		{"another organization", fmt.Errorf("alice: %w", ownerError("another organization")), "another organization"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := reason(test.err); got != test.want {
				t.Errorf("says %q, want %q", got, test.want)
			}
		})
	}
}

func TestUsageIsThatOfTheLastFiveMinutes(t *testing.T) {
	start := time.Now()
	u := newUsage(start)
	for second := 0; second < 600; second += 10 { // for ten minutes, six requests a minute that take a second each
		u.add(start.Add(time.Duration(second)*time.Second), time.Second)
	}
	for _, test := range []struct {
		after     time.Duration
		perMinute float64
	}{
		{10 * time.Minute, 6}, {12 * time.Minute, 18.0 / 5}, {12*time.Minute + 30*time.Second, 18 / 5.5}, {14*time.Minute + 59*time.Second, 6 / (5 + 59.0/60)}, {15 * time.Minute, 0}, {time.Hour, 0},
	} {
		perMinute, busy := u.recent(start.Add(test.after))
		if diff := perMinute - test.perMinute; diff > 1e-9 || diff < -1e-9 || busy-perMinute/60 > 1e-9 || perMinute/60-busy > 1e-9 {
			t.Errorf("after %s: %v a minute, busy %v; want %v", test.after, perMinute, busy, test.perMinute)
		}
	}
	young := newUsage(start)
	young.add(start.Add(time.Second), time.Minute*3)
	if perMinute, busy := young.recent(start.Add(2 * time.Second)); perMinute != 1 || busy != 1 {
		t.Errorf("after two seconds: %v a minute, busy %v", perMinute, busy)
	}
}
