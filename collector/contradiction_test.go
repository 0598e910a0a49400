package collector

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// One page that contradicts itself, in the backfill, or does not say that it is complete, is a failed request: it is logged, what it left
// unread is read later, and every session is in the gauges.
func TestAPageThatContradictsItselfLosesNoSession(t *testing.T) {
	for _, body := range []string{
		`{"data":[],"has_next_page":true,"total":57}`, `{"data":null,"has_next_page":false,"total":57}`, `{"data":[],"total":57}`, `{"data":[],"has_next_page":true}`,
		`{"data":null,"errors":[{"message":"timeout"}]}`, `{"data":[]}`,
	} {
		t.Run(body, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent atomic.Int32
				g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: func(r *http.Request) http.Handler {
					start, err := time.Parse(time.RFC3339, r.URL.Query().Get("start_date"))
					if err != nil || r.URL.Query().Get("review.status") != "" || time.Since(start) < time.Hour || !sent.CompareAndSwap(0, 1) {
						return nil
					}
					return gatewaytest.Spoil(200, "application/json", []byte(body))
				}})
				for range 50 {
					g.Add(gatewaytest.Row{Connection: "pg", Type: "database", Status: "open", StartDate: time.Now().Add(-3 * time.Hour)})
				}
				var said logs
				cfg := truthConfig()
				cfg.Logger = log.NewLogfmtLogger(&said)
				w := newWorld(t, g, cfg)
				defer w.stop()
				w.scrapeFor(time.Hour, refreshEvery)
				got := w.scrape()
				if n := got[`hoop_open_sessions{connection="pg",state="running",type="database"}`]; n != 50 || sent.Load() != 1 {
					t.Errorf("%v sessions are running, want 50; %d pages contradicted themselves", n, sent.Load())
				}
				if got[`hoop_exporter_gateway_requests_total{code="malformed"}`] != 1 || strings.Count(said.String(), "it has no sessions, ") != 1 {
					t.Errorf("%v malformed answers:\n%s", got[`hoop_exporter_gateway_requests_total{code="malformed"}`], said.String())
				}
			})
		})
	}
}

// For 40 minutes, the gateway uses another database, so its list is empty. That is logged, and no session is lost.
func TestAListThatLacksSessionsIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		empty, another := false, gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026})
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: func(*http.Request) http.Handler {
			if empty {
				return another
			}
			return nil
		}})
		var said logs
		cfg := truthConfig()
		cfg.Logger = log.NewLogfmtLogger(&said)
		w := newWorld(t, g, cfg)
		defer w.stop()
		for minute := range 80 {
			empty = minute >= 20 && minute < 60
			g.Add(gatewaytest.Row{Connection: "pg", Type: "database", Status: "done", EndDate: time.Now()})
			w.scrapeFor(time.Minute, refreshEvery)
		}
		if got := w.scrape(); got[startedOfPg] != 80 || strings.Count(said.String(), `level=warn msg="the gateway shows fewer sessions than before"`) != 1 || strings.Count(said.String(), "recovered subject=hidden") != 1 {
			t.Errorf("%v counted of 80:\n%s", got[startedOfPg], said.String())
		}
	})
}

// A field that cannot be used is counted in each answer, and reported once. Its session counts.
func TestAFieldThatCannotBeUsedIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said logs
		odd := newWeather(1)
		odd.now, odd.until = fault{"an odd exit code", func(w *weather, rw http.ResponseWriter, r *http.Request) {
			w.rewrite(rw, r, func(answer map[string]any) {
				rows, _ := answer["data"].([]any)
				for _, row := range rows {
					row.(map[string]any)["exit_code"] = "none"
				}
			})
		}}, time.Now().Add(1000*time.Hour)
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: odd.handler})
		odd.gateway = g
		cfg := truthConfig()
		cfg.Logger = log.NewLogfmtLogger(&said)
		w := newWorld(t, g, cfg)
		defer w.stop()
		w.scrapeFor(5*time.Minute, refreshEvery)
		g.Add(gatewaytest.Row{Connection: "pg", Type: "database", Status: "done", StartDate: time.Now()})
		w.scrapeFor(5*time.Minute, refreshEvery)
		got := w.scrape()
		if n := got[`hoop_sessions_finished_total{connection="pg",outcome="unknown",type="database"}`]; n != 1 {
			t.Errorf("%v finished sessions without an exit code", n)
		}
		if n := got[`hoop_exporter_malformed_fields_total{field="exit_code"}`]; n < 2 || got["hoop_exporter_malformed_sessions_total"] != 0 {
			t.Errorf("%v malformed fields, %v malformed sessions", n, got["hoop_exporter_malformed_sessions_total"])
		}
		if strings.Count(said.String(), `level=warn msg="a field cannot be used and counts as absent"`) != 1 {
			t.Errorf("log:\n%s", said.String())
		}
	})
}
