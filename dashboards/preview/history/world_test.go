package history

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/config/flags"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
	"github.com/hoop-exporter/hoop_exporter/collector/web"
)

// fleetFile is the configuration of the exporter that watches many gateways.
const fleetFile = `
defaults:
  token_file: token
  collect: {agents: true}
  labels: {connection_tags: [team, environment]}
gateways:
  europe: {url: "https://europe.example.com/api"}
  staging: {url: "https://staging.example.com/api"}
`

// world is the exporters and their gateways. It lives in the bubble of a test, and nothing of it outlives stop.
type world struct {
	t        *testing.T
	ctx      context.Context
	end      time.Time
	gateways map[string]*gatewaytest.Gateway // by the host of their address
	targets  []*target
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// newWorld starts an exporter of one gateway, by flags, and one of two gateways, by a file at path. Few things go wrong until end.
func newWorld(t *testing.T, path string, end time.Time) *world {
	t.Helper()
	version.Version = "1.0.0"
	w := &world{t: t, end: end, gateways: map[string]*gatewaytest.Gateway{}}
	w.ctx, w.cancel = context.WithCancel(t.Context())
	w.gateways["production"] = w.newGateway(6, 0.06, "office", "warehouse")
	w.gateways["europe.example.com"] = w.newGateway(4, 0.02, "frankfurt")
	w.gateways["staging.example.com"] = w.newGateway(5, 0.01, "staging")
	w.forget(w.gateways["production"])
	w.single()
	w.many(path)
	return w
}

// newGateway returns a gateway with a week of history and these agents, that starts rate sessions a second on average.
func (w *world) newGateway(seed uint64, rate float64, agents ...string) *gatewaytest.Gateway {
	life := gatewaytest.DefaultLife()
	life.Rate, life.BurstEvery, life.BurstSize = rate, 8*time.Hour, int(200*rate)
	life.Stuck, life.Undecided, life.GivenUp, life.NeverRun, life.Escalated, life.Unknown = 0, 0, 0, 0, 0, 0
	life.Duration, life.LongTail, life.LongDuration = 4*time.Minute, 0.03, time.Hour
	life.Failure, life.Aborted, life.Forced = 0.03, 0.01, 0.02
	life.Wait, life.LongWait = 3*time.Minute, 0.004
	g := gatewaytest.New(gatewaytest.Config{
		Dialect: gatewaytest.New2026, Seed: seed, OrgID: fmt.Sprintf("org-%d", seed), Life: life, Cost: gatewaytest.NewCost,
		Agents: func(now time.Time) []gatewaytest.Agent { return w.agents(agents, now) },
	})
	now := time.Now()
	g.AddHistory(int(rate*100_000), now.Add(-7*24*time.Hour), now, gatewaytest.HistoryOptions{ConnectionList: gatewaytest.Connections(12), Users: 40})
	return g
}

// single starts an exporter as the flags of one gateway make it.
func (w *world) single() {
	w.t.Helper()
	var f flags.Gateway
	app := kingpin.New("hoop_exporter", "")
	f.Add(app)
	if _, err := app.Parse(nil); err != nil {
		w.t.Fatal(err)
	}
	for name, value := range map[string]string{"labels.connection-tags": "team,environment", "collect.agents": "true"} {
		if err := f.SetDefault(name, value); err != nil {
			w.t.Fatal(err)
		}
	}
	c, err := config.Simulated(f.Draft, func(opts ...client.Option) (*client.Client, error) {
		token := w.token()
		opts = append(opts, client.WithToken(func() (string, error) { return token, nil }))
		return client.New("http://production.invalid", w.transport("production"), opts...)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	fl := w.start(c)
	registry := w.registry()
	w.serve(web.Config{Registry: registry, Collector: fl.Only()}, newTarget("/metrics", "hoop", "production:10068"))
}

// many starts an exporter as a configuration file makes it.
func (w *world) many(path string) {
	w.t.Helper()
	if err := os.WriteFile(path, []byte(fleetFile), 0o600); err != nil {
		w.t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		w.t.Fatal(err)
	}
	fl := w.start(c)
	registry := w.registry()
	registry.MustRegister(fl.Health(), fleet.NewReloader(fl, path))
	targets := []*target{newTarget("/metrics", "hoop-exporter", "fleet:10068")}
	for _, name := range fl.Names() {
		targets = append(targets, newTarget("/probe?gateway="+name, "hoop", name, labels.Label{Name: "gateway", Value: name}))
	}
	w.serve(web.Config{Registry: registry, Gateways: web.FleetGateways(fl)}, targets...)
}

// start runs the fleet of a configuration until stop.
func (w *world) start(c *config.Config) *fleet.Fleet {
	w.t.Helper()
	f := fleet.New(fleet.Options{Logger: log.NewNopLogger(), Client: w.connect, Concurrency: 20})
	if err := f.Apply(c); err != nil {
		w.t.Fatal(err)
	}
	w.running.Go(func() {
		if err := f.Run(w.ctx); err != nil {
			w.t.Error(err)
		}
	})
	return f
}

// connect makes the client of a gateway of this world.
func (w *world) connect(g *config.Gateway) (*client.Client, error) {
	for host := range w.gateways {
		if g.Address() == "https://"+host+"/api" {
			key := client.WithAPIKey(func() (string, error) { return "preview", nil })
			return client.New(g.Address(), w.transport(host), key)
		}
	}
	return g.Client()
}

// registry returns what an exporter says about itself.
func (w *world) registry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(versioncollector.NewCollector("hoop_exporter"))
	registry.MustRegister(exposition.Runtime()...)
	return registry
}

// serve makes the targets those of a handler.
func (w *world) serve(cfg web.Config, targets ...*target) {
	w.t.Helper()
	cfg.Logger, cfg.TelemetryPath, cfg.TimeoutOffset, cfg.MaxRequests = nopLogger, "/metrics", 500*time.Millisecond, 40
	handler, err := web.Handler(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, t := range targets {
		t.handler = handler
	}
	w.targets = append(w.targets, targets...)
}

// stop ends the exporters, and waits until the gateways have answered their last requests.
func (w *world) stop() {
	w.cancel()
	w.running.Wait()
	for _, g := range w.gateways {
		for g.Stats().InFlight > 0 {
			time.Sleep(time.Second)
		}
	}
	synctest.Wait()
}
