package fleet

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest/scenario"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// Of 200 gateways in a long run, more than half fail, ten in each scenario. The others stay up to date and exact, as if they were alone.
func TestFailingGatewaysDoNotAffectOthers(t *testing.T) {
	t.Parallel()
	// A ledger of 50,000 reviews takes a tenth of a second each time: that is for the real processes of collector/e2e.
	healthy, each := collectortest.Pick(10, 70), collectortest.Pick(1, 10)
	many, busy := collectortest.Pick(200, 1000), collectortest.Pick(15*time.Minute, 30*time.Minute)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Concurrency: 20})
		defer w.stop()
		yaml := &strings.Builder{}
		fmt.Fprintln(yaml, "gateways:")
		add := func(host string, g *gatewaytest.Gateway) {
			w.gateways[host] = g
			fmt.Fprintf(yaml, "  %s: {url: https://%s, token_file: t}\n", host, host)
		}
		for i := range healthy {
			add(fmt.Sprintf("healthy-%02d", i), scenario.Scenario{}.Gateway(sound(i)))
		}
		for kind, s := range scenario.All(many) {
			for i := range each {
				add(fmt.Sprintf("scenario-%02d-%d", kind, i), s.Gateway(sound(i)))
			}
		}
		w.apply(yaml.String())
		s := w.scrapers()
		s.run(busy, 30*time.Second)
		s.noneIsLate(9 * time.Second)
		for _, g := range w.gateways {
			g.Calm()
		}
		s.run(4*time.Hour, 10*time.Minute)
		for i := range healthy {
			host := fmt.Sprintf("healthy-%02d", i)
			if wrong := differs(counted(w.scrape(host)), w.truth(host)); wrong != "" {
				t.Errorf("%s: %s", host, wrong)
			}
		}
		for host, g := range w.gateways {
			// If an answer is spoiled, the usual one counts beside it.
			if n := g.Stats().MaxInFlight; n > 1 && (n > 2 || strings.HasPrefix(host, "healthy")) {
				t.Errorf("%s: %d requests at once", host, n)
			}
		}
	})
}

// sound is a gateway that does what it should, an old one or a new one, each at its usual cost. It reports nothing differently later, so
// counters must be exact in every label. It revokes no approval either: whether that counts as approved or as revoked depends on what was
// saved in between.
func sound(i int) gatewaytest.Config {
	life := gatewaytest.DefaultLife()
	life.Rate, life.Rewritten, life.Overturned, life.Revoked, life.LongTail, life.LongWait = 0.02, 0, 0, 0, 0, 0
	cfg := gatewaytest.Config{Dialect: gatewaytest.New2026, Cost: gatewaytest.NewCost, Seed: uint64(i), OrgID: fmt.Sprintf("org-%d", i), Life: life}
	if i%2 == 0 {
		cfg.Dialect, cfg.Cost = gatewaytest.Old, gatewaytest.OldCost
	}
	return cfg
}

// scrapers scrape every gateway of a world, all at the same moment.
type scrapers struct {
	*world
	mu     sync.Mutex
	took   map[string]time.Duration // the longest
	downs  map[string]int
	n      int
	warmUp time.Time // what has to be up does by then
}

func (w *world) scrapers() *scrapers {
	return &scrapers{world: w, took: map[string]time.Duration{}, downs: map[string]int{}, warmUp: time.Now().Add(time.Minute)}
}

func (s *scrapers) run(d, interval time.Duration) {
	var running sync.WaitGroup
	for _, name := range s.Names() {
		running.Go(func() {
			for end := time.Now().Add(d); time.Now().Before(end); {
				next := time.Now().Add(interval)
				s.look(name)
				time.Sleep(time.Until(next))
			}
		})
	}
	running.Wait()
}

// look scrapes a gateway. Of what it shows it only looks whether it is up.
func (s *scrapers) look(name string) {
	c, _ := s.Collector(name)
	ctx, cancel := context.WithTimeout(s.t.Context(), 29*time.Second)
	defer cancel()
	began := time.Now()
	collectortest.Visit(ctx, c)
	took, up := time.Since(began), c.Health().Up
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	s.took[name] = max(s.took[name], took)
	if !up && time.Now().After(s.warmUp) {
		s.downs[name]++
	}
}

// noneIsLate wants healthy gateways to be up always, and their scrapes to be answered within a while.
func (s *scrapers) noneIsLate(within time.Duration) {
	s.t.Helper()
	var most time.Duration
	for name, took := range s.took {
		if !strings.HasPrefix(name, "healthy") {
			continue
		}
		most = max(most, took)
		if took > within || s.downs[name] > 0 {
			s.t.Errorf("%s: a scrape took %v, %d found it down", name, took, s.downs[name])
		}
	}
	for i, failing := range scenario.All(1) {
		name := fmt.Sprintf("scenario-%02d-0", i)
		s.t.Logf("%-33s slowest scrape %v, %d found it down", failing.Name+":", s.took[name].Round(time.Millisecond), s.downs[name])
	}
	s.t.Logf("%d scrapes, the slowest of a healthy gateway took %v", s.n, most.Round(time.Millisecond))
}
