package collector

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
)

// otherClient queries the same gateway with another credential.
func otherClient(t *testing.T, g *gatewaytest.Gateway, key string) *client.Client {
	t.Helper()
	c, err := client.New("https://hoop.example", &http.Client{Transport: g.Transport()}, client.WithAPIKey(func() (string, error) { return key, nil }))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// After a change, counters go on, nothing is counted twice or missed, and scrapes are answered.
func TestReconfigureKeepsWhatWasCounted(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(t *testing.T, g *gatewaytest.Gateway, cfg *Config)
		after  func(t *testing.T, was, is map[string]float64)
	}{
		{"nothing", func(*testing.T, *gatewaytest.Gateway, *Config) {}, nil},
		{"credential", func(t *testing.T, g *gatewaytest.Gateway, cfg *Config) { cfg.Client = otherClient(t, g, "org|other") }, nil},
		{"budget and timeout", func(_ *testing.T, _ *gatewaytest.Gateway, cfg *Config) { cfg.Budget, cfg.Timeout = 0.05, 5*time.Second }, nil},
		{"shorter allowed lateness", func(_ *testing.T, _ *gatewaytest.Gateway, cfg *Config) { cfg.AllowedLateness = 5 * time.Minute }, nil},
		{"longer lookback", func(_ *testing.T, _ *gatewaytest.Gateway, cfg *Config) { cfg.Lookback = 20 * 24 * time.Hour }, nil},
		{"longer allowed lateness", func(_ *testing.T, _ *gatewaytest.Gateway, cfg *Config) { cfg.AllowedLateness = time.Hour }, nil},
		{"cache", func(_ *testing.T, _ *gatewaytest.Gateway, cfg *Config) {
			cfg.CacheTTL, cfg.StaleAfter = time.Minute, time.Hour
		}, func(t *testing.T, _, is map[string]float64) {
			if is["hoop_exporter_stale_after_seconds"] != 3600 {
				t.Error("the new limit is not shown")
			}
		}},
		{"thresholds and tags", func(_ *testing.T, _ *gatewaytest.Gateway, cfg *Config) {
			cfg.Overdue, cfg.ConnectionTags = []exposition.Threshold{{Name: "7m", Duration: 7 * time.Minute}}, []string{"environment"}
		}, func(t *testing.T, _, is map[string]float64) {
			old, young := 0, 0
			for k := range is {
				if strings.HasPrefix(k, "hoop_overdue_reviews{") && strings.Contains(k, `threshold="7m"`) {
					young++
				} else if strings.HasPrefix(k, "hoop_overdue_reviews{") || strings.Contains(k, "tag_team") {
					old++
				}
			}
			if young == 0 || old > 0 {
				t.Errorf("%d series of the new threshold, %d of old labels", young, old)
			}
		}},
		{"histograms", func(_ *testing.T, _ *gatewaytest.Gateway, cfg *Config) { cfg.NoClassicHistograms = true }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				life := gatewaytest.DefaultLife()
				life.Rate, life.Rewritten, life.Overturned = 0.05, 0, 0
				g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Life: life, Cost: gatewaytest.NewCost})
				g.AddHistory(500, time.Now().Add(-48*time.Hour), time.Now(), gatewaytest.HistoryOptions{Unfinished: 20, Pending: 5})
				w := newWorld(t, g, truthConfig())
				defer w.stop()
				around := collectortest.Pick(8*time.Minute, 20*time.Minute)
				w.scrapeFor(around, 30*time.Second)
				was, t0 := w.scrape(), w.collector.published.Load().snapshot.T0

				cfg := w.collector.cfg()
				tc.change(t, g, &cfg)
				apply, err := w.collector.Reconfigure(cfg)
				if err != nil {
					t.Fatal(err)
				}
				apply()
				synctest.Wait()
				is := w.scrape()
				for k, before := range was {
					if cfg.NoClassicHistograms && strings.Contains(k, "_bucket{") {
						continue
					}
					if now, ok := is[k]; isCounter(k) && (!ok || now < before) {
						t.Errorf("%s was %v, is %v (there: %v)", k, before, now, ok)
					}
				}
				if is["hoop_up"] != 1 || is["hoop_exporter_gauges_withheld"] != 0 {
					t.Error("it is not up")
				}
				if tc.after != nil {
					tc.after(t, was, is)
				}
				w.scrapeFor(around, 30*time.Second)
				g.Calm()
				w.scrapeFor(36*time.Hour, collectortest.Pick(time.Hour, 30*time.Minute))
				if now := w.collector.published.Load().snapshot.T0; !now.Equal(t0) {
					t.Errorf("counts since %v, before the change since %v", now, t0)
				}
				if !cfg.NoClassicHistograms {
					w.equalsTruth()
				}
			})
		})
	}
}

func isCounter(key string) bool {
	name, _, _ := strings.Cut(key, "{")
	return strings.HasPrefix(name, "hoop_") && (strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_count") || strings.HasSuffix(name, "_bucket"))
}

// A configuration whose series cannot be shown changes nothing.
func TestReconfigureRefusesWhatCannotBeShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, gatewaytest.New(gatewaytest.Config{}), truthConfig())
		defer w.stop()
		cfg := w.collector.cfg()
		cfg.ConnectionTags = []string{"a.b", "a-b"}
		if _, err := w.collector.Reconfigure(cfg); err == nil || !strings.Contains(err.Error(), "tag_a_b") {
			t.Errorf("%v", err)
		}
	})
}

// A credential of another organization is detected before its sessions are counted.
func TestReconfigureToAnotherOrganizationCountsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026})
		g.Add(gatewaytest.Row{Connection: "pg", Type: "database"})
		w := newWorld(t, g, truthConfig())
		defer w.stop()
		w.scrape()
		theirs := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, OrgID: "another-organization"})
		theirs.Add(gatewaytest.Row{Connection: "theirs", Type: "database"})
		cfg := w.collector.cfg()
		cfg.Client = otherClient(t, theirs, "theirs")
		apply, err := w.collector.Reconfigure(cfg)
		if err != nil {
			t.Fatal(err)
		}
		apply()
		time.Sleep(time.Minute)
		is := w.scrape()
		if is["hoop_up"] != 0 {
			t.Error("it is up")
		}
		for k := range is {
			if strings.Contains(k, "theirs") {
				t.Errorf("%s is shown", k)
			}
		}
	})
}

// A retired collector ends after the request that is under way, not in the middle of it.
func TestRetireWaitsForTheRequestUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Cost: func(gatewaytest.Request) time.Duration { return 3 * time.Second }})
		w := newWorld(t, g, truthConfig())
		defer w.stop()
		w.collector.Wake(0)
		time.Sleep(time.Second)
		if n := g.Stats().InFlight; n != 1 {
			t.Fatalf("%d requests under way", n)
		}
		w.collector.Retire()
		w.collector.Retire()
		<-w.collector.stopped
		if s := g.Stats(); s.InFlight != 0 || s.Abandoned != 0 {
			t.Errorf("%d requests are left", s.InFlight)
		}
	})
}

// While the gateway does not say whose the new credential is, nothing is counted: it may see less than the old one.
func TestReconfigureToAnUnknownCredentialCountsNothing(t *testing.T) {
	d := newDisk()
	saving(t, d, func(t *testing.T, g *gatewaytest.Gateway, cfg Config, l *logs) {
		w := newWorld(t, g, cfg)
		defer w.stop()
		w.scrapeFor(10*time.Minute, 30*time.Second)
		var mute atomic.Bool
		var requests atomic.Int64
		mute.Store(true)
		transport := roundTripper(func(r *http.Request) (*http.Response, error) {
			switch {
			case !strings.HasSuffix(r.URL.Path, "/userinfo"):
				requests.Add(1)
			case mute.Load():
				return nil, errors.New("out of order")
			}
			return g.Transport().RoundTrip(r)
		})
		cfg = w.collector.cfg()
		var err error
		if cfg.Client, err = client.New("https://hoop.example", &http.Client{Transport: transport}, client.WithAPIKey(func() (string, error) { return "org|other", nil })); err != nil {
			t.Fatal(err)
		}
		apply, err := w.collector.Reconfigure(cfg)
		if err != nil {
			t.Fatal(err)
		}
		apply()
		w.scrapeFor(5*time.Minute, 30*time.Second)
		if n := requests.Load(); n > 0 || w.scrape()["hoop_up"] != 0 || !strings.Contains(l.String(), "it is not known which sessions the new credential shows") {
			t.Errorf("%d requests for sessions, up %v: %s", n, w.scrape()["hoop_up"], l)
		}
		mute.Store(false)
		w.scrapeFor(time.Minute, 15*time.Second)
		if w.scrape()["hoop_up"] != 1 {
			t.Error("it does not go on")
		}
	}, nil)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A gateway that cannot be queried yet, because another collector's failure blocks the address, has not failed.
func TestAGatewayThatWasNotQueriedHasNotFailed(t *testing.T) {
	d := newDisk()
	saving(t, d, func(t *testing.T, g *gatewaytest.Gateway, cfg Config, l *logs) {
		cfg.Address = NewAddress()
		other := cfg
		other.State, other.Logger = nil, nil
		bad := newWorld(t, gatewaytest.New(gatewaytest.Config{Fault: func(*http.Request) http.Handler { return http.HandlerFunc(refusesForADay) }}), other)
		defer bad.stop()
		bad.scrape()
		w := newWorld(t, g, cfg)
		defer w.stop()
		if is := w.scrape(); is["hoop_exporter_refresh_failures_total"] != 0 || w.collector.Ready() {
			t.Errorf("%v failures", is["hoop_exporter_refresh_failures_total"])
		}
		if text := l.String(); strings.Contains(text, "level=warn") {
			t.Error(text)
		}
		w.scrapeFor(time.Minute, 15*time.Second)
		if w.scrape()["hoop_up"] != 1 {
			t.Error("it is not queried later")
		}
	}, nil)
}

// A collector that is retired while it waits for its address makes no request any more.
func TestRetireWhileWaitingForTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := truthConfig()
		cfg.Address = NewAddress()
		slow := newWorld(t, gatewaytest.New(gatewaytest.Config{Cost: func(gatewaytest.Request) time.Duration { return 3 * time.Second }}), cfg)
		defer slow.stop()
		slow.collector.Wake(0)
		time.Sleep(time.Second)
		g := gatewaytest.New(gatewaytest.Config{})
		w := newWorld(t, g, cfg)
		defer w.stop()
		w.collector.Wake(0)
		time.Sleep(time.Second)
		w.collector.Retire()
		<-w.collector.stopped
		if n := len(g.Stats().Requests); n > 0 {
			t.Errorf("requests: %v", g.Stats().Requests)
		}
	})
}
