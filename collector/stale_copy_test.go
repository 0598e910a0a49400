package collector

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// A cache in between ignores the query, and keeps an empty page for an hour. That does not count as an hour without sessions: refreshes
// fail, and each session counts when the gateway answers again.
func TestACopyThatACacheKeepsLosesNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said logs
		frozen := newWeather(1)
		var kept *httptest.ResponseRecorder
		frozen.now, frozen.until = fault{"a cache", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/sessions") {
				w.gateway.Normal().ServeHTTP(rw, r)
				return
			}
			if kept == nil {
				kept = httptest.NewRecorder()
				w.gateway.Normal().ServeHTTP(kept, r)
			}
			maps.Copy(rw.Header(), kept.Header())
			_, _ = rw.Write(kept.Body.Bytes())
		}}, time.Now().Add(1000*time.Hour)
		frozen.calm = true
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: frozen.handler})
		frozen.gateway = g
		cfg := truthConfig()
		cfg.Logger = log.NewLogfmtLogger(&said)
		w := newWorld(t, g, cfg)
		defer w.stop()
		w.scrapeFor(time.Hour, refreshEvery)
		frozen.mu.Lock()
		frozen.calm = false
		frozen.mu.Unlock()
		w.scrapeFor(time.Minute, refreshEvery)
		for range 60 {
			g.Add(gatewaytest.Row{Connection: "pg", Type: "database", Verb: "exec", Status: "open", StartDate: time.Now()})
			w.scrapeFor(time.Minute, refreshEvery)
		}
		if got := w.scrape(); got["hoop_up"] != 0 || got["hoop_exporter_gauges_withheld"] != 1 || strings.Count(said.String(), "level=warn") != 1 || !strings.Contains(said.String(), "is a copy") {
			t.Errorf("up %v, withheld %v\n%s", got["hoop_up"], got["hoop_exporter_gauges_withheld"], said.String())
		}
		frozen.clear()
		w.scrapeFor(time.Hour, refreshEvery)
		got := w.scrape()
		if counted, running := got[startedOfPg], got[runningOfPg]; counted != 60 || running != 60 || got["hoop_up"] != 1 {
			t.Errorf("%v counted and %v shown of 60, up %v\n%s", counted, running, got["hoop_up"], said.String())
		}
	})
}

// A cache in between keeps the answer to each request for a day. Rechecks of unfinished sessions repeat the same requests, so the cache
// answers them with copies. Copies must not confirm that sessions are still running.
func TestACopyOfARecheckConfirmsNothing(t *testing.T) {
	for name, cost := range map[string]time.Duration{"by page": 0, "by ID": 300 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kept := map[string]*httptest.ResponseRecorder{}
				caches := true
				var g *gatewaytest.Gateway
				answer := func(rw http.ResponseWriter, r *http.Request) {
					copied, ok := kept[r.URL.String()]
					if !ok || !caches {
						copied = httptest.NewRecorder()
						g.Normal().ServeHTTP(copied, r)
						kept[r.URL.String()] = copied
					}
					maps.Copy(rw.Header(), copied.Header())
					rw.WriteHeader(copied.Code)
					_, _ = rw.Write(copied.Body.Bytes())
				}
				g = gatewaytest.New(gatewaytest.Config{
					Dialect: gatewaytest.New2026, Fault: func(*http.Request) http.Handler { return http.HandlerFunc(answer) },
					Cost: func(r gatewaytest.Request) time.Duration {
						if r.Path != gatewaytest.PathSessions {
							return cost / 40
						}
						return cost
					},
				})
				var said logs
				cfg := truthConfig()
				cfg.Logger = log.NewLogfmtLogger(&said)
				w := newWorld(t, g, cfg)
				defer w.stop()
				var ids []string
				for range 10 {
					ids = append(ids, g.Add(gatewaytest.Row{Connection: "pg", Type: "database", Verb: "exec", Status: "open"}))
					w.scrapeFor(5*time.Minute, refreshEvery)
				}
				for _, id := range ids {
					g.Update(id, func(r *gatewaytest.Row) { r.Status, r.EndDate = "done", time.Now() })
				}
				w.scrapeFor(2*time.Hour, refreshEvery)
				got := w.scrape()
				if got[runningOfPg] > 0 && got["hoop_exporter_recheck_lag_seconds"] < 900 || !strings.Contains(said.String(), "exclude the API from the cache") {
					t.Errorf("%v ended sessions are shown as running, and the recheck lag is %v s:\n%s", got[runningOfPg], got["hoop_exporter_recheck_lag_seconds"], said.String())
				}
				caches = false
				w.scrapeFor(2*time.Hour, refreshEvery)
				if got := w.scrape(); got[runningOfPg] != 0 || got["hoop_exporter_recheck_lag_seconds"] != 0 || got[startedOfPg] != 10 {
					t.Errorf("without the cache, %v are running, the lag is %v s, %v counted", got[runningOfPg], got["hoop_exporter_recheck_lag_seconds"], got[startedOfPg])
				}
			})
		})
	}
}
