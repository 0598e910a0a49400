package fleet

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// scrapeAgainAndAgain scrapes a gateway as one target of Prometheus.
func (s *clusterSimulation) scrapeAgainAndAgain(ctx context.Context, host string) {
	r := s.random("scrapes of " + host)
	time.Sleep(time.Duration(r.IntN(15_000)) * time.Millisecond)
	for ctx.Err() == nil {
		interval := 15 * time.Second
		if s.calm.Load() {
			interval = 5 * time.Minute
		}
		next := time.Now().Add(interval)
		s.note("scrapes")
		if series, ok := s.scrape(ctx, host, r); ok {
			s.enter(host, series)
		} else {
			s.note("failed scrapes")
		}
		select {
		case <-time.After(time.Until(next)):
		case <-ctx.Done():
		}
	}
}

// enter holds what a scrape shows against the last one and the truth.
func (s *clusterSimulation) enter(host string, series map[string]float64) {
	now, truth := counted(series), s.truth(host)
	s.mu.Lock()
	last := s.last[host]
	s.last[host] = maps.Clone(now)
	s.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(last)) {
		if now[k] < last[k] && (now[k] > 0 || len(now) > 0) {
			s.complain("%s: %s fell from %v to %v", host, k, last[k], now[k])
		}
	}
	if len(now) == 0 && len(last) > 0 { // a new process has not loaded the state yet: that is a gap, and not a fall
		s.mu.Lock()
		s.last[host] = last
		s.mu.Unlock()
	}
	for k, v := range now {
		if v > truth[k] {
			s.complain("%s: %s is %v, and in truth %v", host, k, v, truth[k])
		}
	}
}

// scrape sends a request to any process, and follows one redirect. It does what package web does.
func (s *clusterSimulation) scrape(ctx context.Context, host string, r *rand.Rand) (series map[string]float64, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	m := s.machineAt(r.IntN(len(s.machines)))
	for range 2 {
		if m == nil || !m.lives() {
			return nil, false
		}
		m.gate("scrape")
		c, url, err := m.fleet.Locate(host)
		if err != nil {
			return nil, false
		}
		if c == nil {
			s.note("redirects")
			var slot int
			if _, err := fmt.Sscanf(url, "http://m%d:1", &slot); err != nil {
				s.complain("redirected to %q", url)
			}
			m = s.machineAt(slot)
			continue
		}
		registry := prometheus.NewRegistry()
		within, cancel := context.WithTimeout(ctx, 9500*time.Millisecond) // some time is kept for the way back
		registry.MustRegister(c.Scrape(within))
		families, err := registry.Gather()
		cancel()
		if err != nil {
			s.complain("%v", err)
		}
		m.gate("gathered")
		if c.CheckTerm() != nil {
			s.note("scrapes that outlived the lease")
			return nil, false
		}
		m.gate("scraped")
		if ctx.Err() != nil || !m.lives() {
			return nil, false
		}
		flat, err := collectortest.Flatten(families)
		if err != nil {
			s.complain("%v", err)
		}
		return flat.Values, true
	}
	return nil, false
}

func (s *clusterSimulation) machineAt(slot int) *machine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.machines[slot]
}

func (m *machine) lives() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.dead
}
