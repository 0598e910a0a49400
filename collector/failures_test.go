package collector

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// A gateway that refuses everything is reported in one line an hour, which starts with the reason.
func TestARefusedCredentialIsOneLineAnHour(t *testing.T) {
	for _, test := range []struct {
		name, line string
		saved      bool
		answer     http.Handler
	}{
		{"a wrong token, saved", `level=warn msg="the gateway is not queried" err="get user info: HTTP 401 from /api/userinfo`, true, gatewaytest.Fail(401, "no")},
		{"a wrong token", `level=warn msg="a request to the gateway failed" err="list sessions: HTTP 401 from /api/sessions`, false, gatewaytest.Fail(401, "no")},
		{"no JSON, saved", `level=warn msg="the gateway is not queried" err="get user info: the answer is not JSON`, true, gatewaytest.Spoil(200, "text/html", []byte("<p>"))},
		{"no JSON", `level=warn msg="a request to the gateway failed" err="list sessions: the answer is not JSON`, false, gatewaytest.Spoil(200, "text/html", []byte("<p>"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: func(*http.Request) http.Handler { return test.answer }})
				var logged logs
				cfg := truthConfig()
				cfg.Logger = level.NewFilter(log.NewLogfmtLogger(&logged), level.AllowInfo())
				if test.saved {
					cfg.State = newDisk()
				}
				w := newWorld(t, g, cfg)
				defer w.stop()
				w.scrapeFor(3*time.Hour+30*time.Minute, refreshEvery)
				lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
				if len(lines) != 4 {
					t.Fatalf("%d lines in three and a half hours, want 4:\n%s", len(lines), logged.String())
				}
				for i, line := range lines {
					if !strings.HasPrefix(line, test.line) || strings.Contains(line, "since=") != (i > 0) {
						t.Errorf("line %d is not %s…: %s", i, test.line, line)
					}
				}
			})
		})
	}
}

// The first backfill, and each gap after a pause without scrapes, has one line when it is complete, if it had one when it began.
func TestTheLogSaysWhenABackfillIsComplete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.Old, Seed: 1, Life: gatewaytest.DefaultLife(), Cost: gatewaytest.OldCost})
		g.AddHistory(3000, time.Now().Add(-10*24*time.Hour), time.Now().Add(-time.Minute), gatewaytest.HistoryOptions{})
		var said bytes.Buffer
		cfg := truthConfig()
		cfg.Logger = log.NewLogfmtLogger(log.NewSyncWriter(&said))
		w := newWorld(t, g, cfg)
		w.scrapeFor(20*time.Minute, refreshEvery)
		time.Sleep(6 * time.Hour)
		w.scrapeFor(20*time.Minute, refreshEvery)
		w.stop()
		var lines []string
		for line := range strings.Lines(said.String()) {
			for _, word := range []string{"in progress", "complete"} {
				if strings.Contains(line, `msg="backfill `+word+`"`) && (len(lines) == 0 || lines[len(lines)-1] != word) {
					lines = append(lines, word)
				}
			}
		}
		if got, want := strings.Join(lines, ", "), "in progress, complete, in progress, complete"; got != want {
			t.Errorf("the log says %s; want %s", got, want)
		}
		if n := strings.Count(said.String(), "backfill complete"); n != 2 {
			t.Errorf("%d times complete, want 2", n)
		}
	})
}

// Only requests for pending reviews are refused. The next one is sent only after several refreshes, and until then the reason stays.
func TestTheReasonStaysWhileNothingIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := false
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: func(r *http.Request) http.Handler {
			if refused && r.URL.Query().Get("review.status") != "" {
				return gatewaytest.Fail(http.StatusForbidden, "no")
			}
			return nil
		}})
		w := newWorld(t, g, truthConfig())
		defer w.stop()
		w.scrapeFor(5*time.Minute, refreshEvery)
		refused = true
		w.scrapeFor(time.Minute, 15*time.Second)
		for range 40 {
			time.Sleep(15 * time.Second)
			if got, s := w.scrape(), w.collector.Status(); got[`hoop_exporter_refresh_error{reason="forbidden"}`] != 1 || !strings.HasPrefix(s.Reason, "HTTP 403") {
				t.Fatalf("the metric says forbidden: %v, the status says %q", got[`hoop_exporter_refresh_error{reason="forbidden"}`], s.Reason)
			}
		}
	})
}

// A gateway is so slow that the budget is too small for a refresh. No request fails, so the log has to say why hoop_up is 0.
func TestABudgetThatDoesNotSufficeIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said logs
		cfg := truthConfig()
		cfg.Logger = log.NewLogfmtLogger(&said)
		w := newWorld(t, gatewaytest.New(gatewaytest.Config{Cost: func(gatewaytest.Request) time.Duration { return 28 * time.Second }}), cfg)
		defer w.stop()
		down, shown := 0, false
		for range 240 {
			time.Sleep(refreshEvery)
			if w.scrape()["hoop_up"] == 0 {
				down++
				s := w.collector.Status()
				shown = shown || s.Failed && strings.Contains(s.Reason, "raise --hoop.duty")
			}
		}
		if n := strings.Count(said.String(), "level=warn"); down < 20 || n != 1 || !shown || !strings.Contains(said.String(), "raise --hoop.duty") {
			t.Errorf("down %d times, warned %d times, shown by the status: %v\n%s", down, n, shown, said.String())
		}
	})
}

// The first refreshes fail because the gateway's time is not believed yet.
func TestTheReasonWhileTheTimeIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newClockWorld(t)
		w.dates.set(always(3 * time.Hour))
		w.start()
		defer w.end()
		w.scrapeFor(30*time.Second, refreshEvery)
		if got := w.scrape(); got["hoop_up"] != 0 || got[`hoop_exporter_refresh_error{reason="clock"}`] != 1 || !strings.Contains(w.collector.Status().Reason, "clock") {
			t.Errorf("up %v, the reason is the clock: %v", got["hoop_up"], got[`hoop_exporter_refresh_error{reason="clock"}`])
		}
		w.scrapeFor(3*time.Minute, refreshEvery)
		if got := w.scrape(); got["hoop_up"] != 1 || got[`hoop_exporter_refresh_error{reason="clock"}`] != 0 {
			t.Errorf("up %v, the reason is the clock: %v", got["hoop_up"], got[`hoop_exporter_refresh_error{reason="clock"}`])
		}
	})
}
