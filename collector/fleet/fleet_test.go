package fleet

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
)

func TestMain(m *testing.M) { collectortest.Main(m) }

// world is a fleet with simulated gateways, each at an address of its own, on the clock of the test's bubble.
type world struct {
	*Fleet
	t        *testing.T
	gateways map[string]*gatewaytest.Gateway // by host
	since    map[string]*counting            // by host
	log      *collectortest.Log
	stop     func()
}

func newWorld(t *testing.T, o Options) *world {
	t.Helper()
	w := &world{t: t, gateways: map[string]*gatewaytest.Gateway{}, since: map[string]*counting{}, log: &collectortest.Log{}}
	o.Logger = log.NewLogfmtLogger(w.log)
	if o.Client == nil {
		o.Client = w.connect
	}
	w.Fleet = New(o)
	w.stop = collectortest.Run(t, w.Run, func() []*gatewaytest.Gateway { return slices.Collect(maps.Values(w.gateways)) })
	return w
}

// connect makes the client of a gateway that is alone at its address.
func (w *world) connect(g *config.Gateway) (*client.Client, error) {
	host := strings.TrimSuffix(strings.TrimPrefix(g.Address(), "https://"), "/api")
	if w.gateways[host] == nil {
		return nil, fmt.Errorf("no such host as %s", host)
	}
	key := client.WithAPIKey(func() (string, error) { return "org|secret", nil })
	if w.since[host] == nil {
		w.since[host] = &counting{RoundTripper: w.gateways[host].Transport()}
	}
	return client.New(g.Address(), &http.Client{Transport: w.since[host]}, key, client.WithMaxResponseBytes(2<<20))
}

// lively adds a gateway in which something happens.
func (w *world) lively(host string) *gatewaytest.Gateway {
	life := gatewaytest.DefaultLife()
	life.Rate = 0.1
	g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, OrgID: "org-" + host, Life: life, Cost: gatewaytest.NewCost})
	g.AddHistory(200, time.Now().Add(-24*time.Hour), time.Now(), gatewaytest.HistoryOptions{Unfinished: 10, Pending: 3})
	w.gateways[host] = g
	return g
}

// parse takes a configuration that is right.
func (w *world) parse(yaml string) *config.Config {
	w.t.Helper()
	c, err := config.Parse("hoop.yml", []byte(yaml))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) apply(yaml string) {
	w.t.Helper()
	if err := w.Apply(w.parse(yaml)); err != nil {
		w.t.Fatal(err)
	}
}

// scrape returns the series of a gateway, as a probe shows them; nil if there is none.
func (w *world) scrape(name string) map[string]float64 {
	w.t.Helper()
	c, ok := w.Collector(name)
	if !ok {
		return nil
	}
	return collectortest.Scrape(w.t, c)
}

const one = `
gateways:
  one: {url: https://one, token_file: t}
`

// What a reload keeps of a gateway, and what begins again. docs/operating.md has the same table.
func TestAReloadKeepsWhatDidNotChange(t *testing.T) {
	t.Parallel()
	type kept struct{ ledger, cache, connections bool }
	all, none := kept{true, true, true}, kept{}
	for _, tc := range []struct {
		name, yaml string
		want       kept
	}{
		{"nothing", one, all},
		{"another gateway comes", one + "  two: {url: https://two, token_file: t}\n", all},
		{"target_labels", `{gateways: {one: {url: https://one, token_file: t, target_labels: {environment: production}}}}`, all},
		{"the URL, written differently", `{gateways: {one: {url: "HTTPS://ONE:443/api/", token_file: t}}}`, all},
		{"token_file", `{gateways: {one: {url: https://one, token_file: other}}}`, kept{true, true, false}},
		{"another kind of credential", `{gateways: {one: {url: https://one, api_key_file: key}}}`, kept{true, true, false}},
		{"http_client_config", `{gateways: {one: {url: https://one, token_file: t, http_client_config: {enable_http2: false}}}}`, kept{true, true, false}},
		{"max_response_bytes", `{gateways: {one: {url: https://one, token_file: t, max_response_bytes: 1048576}}}`, kept{true, true, false}},
		{"timeout and duty", `{gateways: {one: {url: https://one, token_file: t, timeout: 5s, duty: 0.05}}}`, all},
		{"lookback, overlap, forget_after", `{gateways: {one: {url: https://one, token_file: t, sessions: {lookback: 24h, overlap: 5m, forget_after: 30d}}}}`, all},
		{"thresholds", `{gateways: {one: {url: https://one, token_file: t, sessions: {long_running: [2h]}, reviews: {overdue: [7m]}}}}`, all},
		{"cache and stale", `{gateways: {one: {url: https://one, token_file: t, cache: {ttl: 20s}, stale: {after: 10m}}}}`, all},
		{"connection_tags", `{gateways: {one: {url: https://one, token_file: t, labels: {connection_tags: [team]}}}}`, all},
		{"metrics", `{gateways: {one: {url: https://one, token_file: t, metrics: {exemplars: false, native_histograms: false, first_value_hold: 0s, max_connections: 100}}}}`, all},
		{"a filter", `{gateways: {one: {url: https://one, token_file: t, sessions: {type: database}}}}`, none},
		{"the URL", `{gateways: {one: {url: https://two, token_file: t}}}`, none},
		{"its name", `{gateways: {uno: {url: https://one, token_file: t}}}`, none},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Options{Concurrency: 2})
				defer w.stop()
				gateway := w.lively("one")
				w.lively("two")
				w.apply(one)
				for range 20 {
					w.scrape("one")
					time.Sleep(30 * time.Second)
				}
				before := w.scrape("one")
				synctest.Wait()
				made, was := requests(gateway), w.watched["one"]

				w.apply(tc.yaml)
				synctest.Wait()
				name := w.Names()[0]
				is := w.watched[name]
				after := w.scrape(name)
				got := kept{
					ledger:      is.collector == was.collector && collectortest.Sum(after, "hoop_sessions_started_total") >= collectortest.Sum(before, "hoop_sessions_started_total"),
					cache:       is.collector == was.collector && requests(gateway) == made,
					connections: is.client == was.client,
				}
				if tc.want.ledger && !tc.want.connections {
					got.cache = true // the owner of the new credential was requested; the cache answers scrapes all the same
				}
				if got != tc.want || collectortest.Sum(before, "hoop_sessions_started_total") == 0 {
					t.Errorf("kept %+v, want %+v (%v sessions before, %v after)", got, tc.want, collectortest.Sum(before, "hoop_sessions_started_total"), collectortest.Sum(after, "hoop_sessions_started_total"))
				}
				if gone := w.scrape("one"); name != "one" && gone != nil {
					t.Error("the one that is gone still has series")
				}
				for range 20 {
					w.scrape(name)
					time.Sleep(30 * time.Second)
				}
				if end := w.scrape(name); end["hoop_up"] != 1 || collectortest.Sum(end, "hoop_sessions_started_total") <= collectortest.Sum(after, "hoop_sessions_started_total") {
					t.Errorf("up %v, %v sessions, and %v half an hour later", end["hoop_up"], collectortest.Sum(after, "hoop_sessions_started_total"), collectortest.Sum(end, "hoop_sessions_started_total"))
				}
				if s := gateway.Stats(); s.MaxInFlight > 1 || s.Abandoned > 0 {
					t.Errorf("%d requests at once, %d abandoned", s.MaxInFlight, s.Abandoned)
				}
			})
		})
	}
}

func requests(g *gatewaytest.Gateway) (n int) {
	for _, of := range g.Stats().Requests {
		n += of
	}
	return n
}

// A configuration that cannot be carried out changes nothing, not even in part.
func TestAConfigurationIsAppliedAsAWholeOrNotAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		defer w.stop()
		w.lively("one")
		w.apply(one)
		w.scrape("one")
		was := w.watched["one"]
		err := w.Apply(w.parse(one[:len(one)-2] + ", timeout: 5s}\n  two: {url: https://nowhere, token_file: t}\n"))
		if err == nil || !strings.Contains(err.Error(), "gateway two: no such host") {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		if w.watched["one"] != was || len(w.Names()) != 1 || was.collector.Health().Up != true || len(w.addresses) != 1 {
			t.Errorf("%v, %d addresses", w.Names(), len(w.addresses))
		}
	})
}

// Scrapes are answered all the time while the configuration changes again and again, and nothing is left of what has gone.
func TestScrapesAreAnsweredDuringReloads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Concurrency: 1})
		for _, host := range []string{"one", "two", "three"} {
			w.lively(host)
		}
		w.apply(one)
		var scrapes sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		last := 0.0
		scrapes.Go(func() {
			for ctx.Err() == nil {
				s := w.scrape("one")
				if now := collectortest.Sum(s, "hoop_sessions_started_total"); s == nil || now < last {
					t.Errorf("%d series, %v sessions after %v", len(s), now, last)
				} else {
					last = now
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
		for i := range collectortest.Pick(26, 200) {
			w.apply(fmt.Sprintf("gateways:\n  one: {url: https://one, token_file: t%d, timeout: %ds}\n  x%d: {url: https://two, token_file: t}\n  y: {url: https://three, token_file: t, sessions: {type: t%d}}\n",
				i%3, 1+i%7, i, i))
			time.Sleep(time.Duration(i%13) * 500 * time.Millisecond)
		}
		cancel()
		scrapes.Wait()
		time.Sleep(time.Minute)
		if last == 0 || len(w.addresses) != 3 || len(w.Names()) != 3 {
			t.Errorf("%v sessions, %d addresses, %v", last, len(w.addresses), w.Names())
		}
		for host, g := range w.gateways {
			if s := g.Stats(); s.MaxInFlight > 1 || s.Abandoned > 0 {
				t.Errorf("%s: %d requests at once, %d abandoned", host, s.MaxInFlight, s.Abandoned)
			}
		}
		w.stop()
	})
}
