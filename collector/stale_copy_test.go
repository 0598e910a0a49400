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
