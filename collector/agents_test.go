package collector

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
	"github.com/hoop-exporter/hoop_exporter/collector/planner"
)

// agentSeries leaves only the series about agents.
func agentSeries(all map[string]float64) map[string]float64 {
	all = maps.Clone(all)
	maps.DeleteFunc(all, func(k string, _ float64) bool { return !strings.HasPrefix(k, "hoop_agent_up") })
	return all
}

// Agents are as the gateway says, at one request a minute, whatever the interval of scrapes.
func TestAgentsEqualTheTruth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026})
		cfg := truthConfig()
		cfg.CollectAgents = true
		w := newWorld(t, g, cfg)
		defer w.stop()
		for range 3 { // in the middle of an hour, in its first minutes, and after them
			w.scrapeFor(25*time.Minute, 15*time.Second)
			got := agentSeries(w.scrape())
			want := agentSeries(g.Truth(gatewaytest.TruthOptions{T0: time.Now(), Agents: true}).Samples)
			if !maps.Equal(got, want) || len(want) == 0 {
				t.Errorf("got %v, want %v", got, want)
			}
		}
		if n := g.Stats().Requests[gatewaytest.PathAgents]; n < 60 || n > 76 {
			t.Errorf("%d requests in 75 minutes", n)
		}
	})
}

func TestAgentsAreNotReadWithoutTheSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026})
		w := newWorld(t, g, truthConfig())
		defer w.stop()
		w.scrapeFor(10*time.Minute, refreshEvery)
		if got, n := agentSeries(w.scrape()), g.Stats().Requests[gatewaytest.PathAgents]; len(got) > 0 || n > 0 {
			t.Errorf("%v after %d requests", got, n)
		}
	})
}

// Agents are absent if the gateway refuses them, or if they could not be read for so long that they would be out of date. A failure does
// not make the refresh fail.
func TestAgentsThatCannotBeRead(t *testing.T) {
	for _, tc := range []struct {
		name   string
		code   int
		shown  time.Duration // for at least so long
		absent time.Duration
	}{
		{"refused", http.StatusForbidden, 0, 90 * time.Second},
		{"unknown to the gateway", http.StatusNotFound, 0, 90 * time.Second},
		{"failed", http.StatusInternalServerError, 3 * time.Minute, 7 * time.Minute},
		{"too many requests", http.StatusTooManyRequests, 3 * time.Minute, 7 * time.Minute},
		{"a user who could not be looked up", http.StatusUnauthorized, 3 * time.Minute, 7 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				code := 0
				g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: func(r *http.Request) http.Handler {
					if code == 0 || !strings.HasSuffix(r.URL.Path, "/agents") {
						return nil
					}
					return gatewaytest.Fail(code, "no")
				}})
				cfg := truthConfig()
				cfg.CollectAgents = true
				w := newWorld(t, g, cfg)
				defer w.stop()
				w.scrapeFor(5*time.Minute, refreshEvery)
				if len(agentSeries(w.scrape())) == 0 {
					t.Fatal("there are no agents")
				}
				code = tc.code
				w.scrapeFor(tc.shown, refreshEvery)
				if tc.shown > 0 && len(agentSeries(w.scrape())) == 0 {
					t.Error("they are absent at once")
				}
				w.scrapeFor(tc.absent-tc.shown, refreshEvery)
				if got := w.scrape(); len(agentSeries(got)) > 0 || got["hoop_up"] != 1 {
					t.Errorf("up %v, %v", got["hoop_up"], agentSeries(got))
				}
				code = 0
				w.scrapeFor(2*time.Minute, refreshEvery)
				if len(agentSeries(w.scrape())) == 0 {
					t.Error("they do not come back")
				}
			})
		})
	}
}

// A cache in between keeps one list of agents. The list is not shown once it is older than the stale limit.
func TestACopyOfTheAgentsIsNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g *gatewaytest.Gateway
		var kept *httptest.ResponseRecorder
		g = gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: func(r *http.Request) http.Handler {
			if !strings.HasSuffix(r.URL.Path, "/agents") {
				return nil
			}
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if kept == nil {
					kept = httptest.NewRecorder()
					g.Normal().ServeHTTP(kept, r)
				}
				maps.Copy(rw.Header(), kept.Header())
				_, _ = rw.Write(kept.Body.Bytes())
			})
		}})
		var said logs
		cfg := truthConfig()
		cfg.Logger, cfg.CollectAgents = log.NewLogfmtLogger(&said), true
		w := newWorld(t, g, cfg)
		defer w.stop()
		w.scrapeFor(cfg.AllowedLateness, refreshEvery)
		if len(agentSeries(w.scrape())) == 0 {
			t.Fatal("there are no agents")
		}
		w.scrapeFor(cfg.StaleAfter+2*agentsEvery, refreshEvery)
		if got := agentSeries(w.scrape()); len(got) > 0 || strings.Count(said.String(), "level=warn") != 1 {
			t.Errorf("%v\n%s", got, said.String())
		}
	})
}

// The backfill of a slow gateway uses up the budget, so the agents are not read for minutes. Agents older than the stale limit are not
// shown.
func TestAgentsThatTheBudgetPutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var read atomic.Int64 // when the agents were read last, in nanoseconds
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.Old, Cost: func(r gatewaytest.Request) time.Duration {
			if r.Path == gatewaytest.PathAgents {
				return 0
			}
			return 10 * time.Second
		}, Agents: func(now time.Time) []gatewaytest.Agent {
			read.Store(now.UnixNano())
			return gatewaytest.DefaultAgents(now)
		}})
		cfg := truthConfig()
		cfg.CollectAgents = true
		w := newWorld(t, g, cfg)
		defer w.stop()
		shown, putOff := 0, false
		for range 240 {
			w.scrapeFor(refreshEvery, refreshEvery)
			got, age := w.scrape(), time.Since(time.Unix(0, read.Load()))
			old := age > cfg.StaleAfter+time.Minute // a refresh takes up to half a minute, and a scrape waits for it for only 10 s
			putOff = putOff || old
			if shown += len(agentSeries(got)); len(agentSeries(got)) > 0 && old {
				t.Fatalf("agents that were read %v ago are shown, hoop_up is %v", age, got["hoop_up"])
			}
		}
		if !putOff || shown == 0 {
			t.Errorf("put off for longer than the stale limit: %v; %d series were shown", putOff, shown)
		}
	})
}

// No answer makes two series of the same name, or more than are shown.
func TestShownAgents(t *testing.T) {
	many := []client.Agent{
		{Name: "b", Version: "1", Status: "DISCONNECTED"}, {Name: "b", Version: "1", Status: client.AgentConnected}, {Name: "b", Version: "1", Status: "ODD"},
		{Name: "b", Version: "0", Status: "ODD"}, {Name: "a", Status: client.AgentConnected},
	}
	want := []exposition.Agent{{Name: "a", Up: true}, {Name: "b", Version: "0"}, {Name: "b", Version: "1", Up: true}}
	if got := shownAgents(many); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for i := range 2 * maxAgents {
		many = append(many, client.Agent{Name: fmt.Sprint("c", i)})
	}
	if got := shownAgents(many); len(got) != maxAgents {
		t.Errorf("%d agents are shown", len(got))
	}
	long := shownAgents([]client.Agent{{Name: strings.Repeat("x", 1000), Version: "\xff"}})
	if len(long[0].Name) != 256 || long[0].Version != "\uFFFD" {
		t.Errorf("%v", long)
	}
}

// The reason of the last failure is there until a refresh succeeds.
func TestTheReasonOfAFailedRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fault http.Handler
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: func(*http.Request) http.Handler { return fault }})
		w := newWorld(t, g, truthConfig())
		defer w.stop()
		reasons := func() (out []string) {
			for k, v := range w.scrape() {
				if strings.HasPrefix(k, "hoop_exporter_refresh_error") {
					out = append(out, fmt.Sprint(k, " ", v))
				}
			}
			return out
		}
		for _, tc := range []struct {
			fault http.Handler
			want  string
		}{
			{nil, ""},
			{gatewaytest.Fail(http.StatusUnauthorized, "no"), "unauthorized"},
			{gatewaytest.Fail(http.StatusForbidden, "no"), "forbidden"},
			{gatewaytest.Fail(http.StatusBadGateway, "no"), "status_5xx"},
			{gatewaytest.Fail(http.StatusTeapot, "no"), "status_4xx"},
			{gatewaytest.Spoil(http.StatusOK, "text/html", []byte("<html>")), "not_json"},
			{nil, ""},
		} {
			fault = tc.fault
			w.scrapeFor(10*time.Minute, refreshEvery)
			want := "[]"
			if tc.want != "" {
				want = fmt.Sprintf(`[hoop_exporter_refresh_error{reason=%q} 1]`, tc.want)
			}
			if got := fmt.Sprint(reasons()); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}

func TestRefreshReasonsAreAFixedList(t *testing.T) {
	for err, want := range map[error]string{
		nil: "other", errStuck: "stuck", fmt.Errorf("a refresh: %w", errClocksDiffer): "clock", errIdentityPending: "other", client.ErrTimeout: "timeout",
		fmt.Errorf("a refresh: %w", planner.ErrNoDate): "clock", fmt.Errorf("a refresh: %w", ownerError("another organization")): "identity",
		fmt.Errorf("a refresh: %w", planner.ErrCopy): "copy", planner.ErrOld: "copy", fmt.Errorf("a refresh: %w", errIncompleteUser): "incomplete", stateError{context.DeadlineExceeded}: "state",
	} {
		if got := refreshReason(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

// The expiry of a token is shown from the first answer on.
func TestExpiryOfTheCredentialIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		claims := base64.RawURLEncoding.EncodeToString([]byte(`{"exp": 1785758400}`))
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026})
		c, err := client.New("https://hoop.example", &http.Client{Transport: g.Transport()}, client.WithToken(func() (string, error) { return "h." + claims + ".s", nil }))
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, g, truthConfig())
		defer w.stop()
		const name = "hoop_exporter_credential_expiry_timestamp_seconds"
		if v, ok := w.scrape()[name]; ok {
			t.Errorf("an API key expires at %v", v)
		}
		cfg := w.collector.cfg()
		cfg.Client = c
		apply, err := w.collector.Reconfigure(cfg)
		if err != nil {
			t.Fatal(err)
		}
		apply()
		w.scrapeFor(time.Minute, refreshEvery)
		if v := w.scrape()[name]; v != 1785758400 {
			t.Errorf("it expires at %v", v)
		}
	})
}
