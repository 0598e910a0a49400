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

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
)

// Many organizations on one gateway, each with a credential of its own. If a tenth of the gateway's time is not enough for all, none is
// served at the cost of another: all get old alike.
func TestOrganizationsOfOneGatewayAreServedAlike(t *testing.T) {
	t.Parallel()
	many := collectortest.Pick(6, 100)
	for _, tc := range []struct {
		name    string
		dialect gatewaytest.Dialect
		cost    func(gatewaytest.Request) time.Duration
		n       int
		age     time.Duration // of what is shown, at most
	}{
		{"new", gatewaytest.New2026, gatewaytest.NewCost, many, 5 * time.Minute},
		{"old", gatewaytest.Old, gatewaytest.OldCost, collectortest.Pick(4, 8), 5 * time.Minute},
		{"too many on an old one", gatewaytest.Old, gatewaytest.OldCost, many, 3 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { organizations(t, tc.dialect, tc.cost, tc.n, tc.age) })
		})
	}
}

func organizations(t *testing.T, dialect gatewaytest.Dialect, cost func(gatewaytest.Request) time.Duration, n int, age time.Duration) {
	s := &server{tenants: map[string]*gatewaytest.Gateway{}}
	w := newWorld(t, Options{Concurrency: 20, Client: func(g *config.Gateway) (*client.Client, error) {
		key := client.WithAPIKey(func() (string, error) { return g.Name(), nil })
		return client.New(g.Address(), &http.Client{Transport: s}, key)
	}})
	yaml := &strings.Builder{}
	fmt.Fprintln(yaml, "gateways:")
	life := gatewaytest.DefaultLife()
	life.Rate, life.BurstSize = 0.005, 0
	for i := range n {
		name := fmt.Sprintf("org-%02d", i)
		s.tenants[name] = gatewaytest.New(gatewaytest.Config{Dialect: dialect, Cost: cost, Seed: uint64(i), OrgID: name, Life: life})
		s.tenants[name].AddHistory(50, time.Now().Add(-24*time.Hour), time.Now(), gatewaytest.HistoryOptions{Unfinished: 3, Pending: 1})
		w.gateways[name] = s.tenants[name]
		fmt.Fprintf(yaml, "  %s: {url: https://one, api_key_file: %s}\n", name, name)
	}
	w.apply(yaml.String())
	scrapes := w.scrapers()
	readBacks := 2 * time.Hour // for which it may take half of the time
	if dialect == gatewaytest.New2026 {
		readBacks = 20 * time.Minute
	}
	scrapes.run(readBacks, 30*time.Second)
	s.took, s.made, s.most = 0, 0, 0
	began, oldest := time.Now(), map[string]time.Duration{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			for _, m := range w.all() {
				oldest[m.gateway.Name()] = max(oldest[m.gateway.Name()], time.Since(m.collector.Health().LastSuccess))
			}
			time.Sleep(10 * time.Second)
		}
	}()
	scrapes.run(time.Hour, 30*time.Second)
	<-ctx.Done()
	time.Sleep(20 * time.Second)
	w.stop()
	duty := float64(s.took) / float64(time.Since(began))
	ages := slices.Sorted(maps.Values(oldest))
	t.Logf("%d organizations: %d requests, %.1f %% of the time; what they showed was at most %v (best) %v (middle) %v (worst) old",
		n, s.made, 100*duty, ages[0], ages[n/2], ages[n-1])
	if s.most > 1 || duty > 0.11 {
		t.Errorf("%d requests at once, %.1f %% of the time", s.most, 100*duty)
	}
	if ages[n-1] > age || ages[n-1] > 3*ages[n/2] {
		t.Errorf("what one shows is %v old, want at most %v", ages[n-1], age)
	}
}

// server is one address, where the credential decides whose sessions are meant.
type server struct {
	tenants map[string]*gatewaytest.Gateway

	mu              sync.Mutex
	now, most, made int
	took            time.Duration
}

// RoundTrip implements http.RoundTripper.
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.made++
	s.mu.Unlock()
	defer func(began time.Time) {
		s.mu.Lock()
		s.now--
		s.took += time.Since(began)
		s.mu.Unlock()
	}(time.Now())
	return s.tenants[r.Header.Get("Api-Key")].Transport().RoundTrip(r)
}
