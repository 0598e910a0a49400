package web

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

// noon is when the pages of these tests are opened.
func noon() time.Time { return time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC) }

// healthy is the status of a gateway that is up.
func healthy() collector.Status {
	return collector.Status{
		At: noon(), Attempted: true, Up: true, LastRefresh: noon().Add(-12 * time.Second), LastSuccess: noon().Add(-12 * time.Second), Version: "1.148.0",
		RequestsPerMinute: 8.4, Busy: 0.031, Budget: 0.1, Lookback: 7 * 24 * time.Hour, Backfilled: true,
		Counts: &collector.Counts{Pending: 7, Running: 31, Ready: 3, Waiting: 7, OldestWait: 2*time.Hour + 5*time.Minute + 30*time.Second}, Role: "auditor",
	}
}

// changed is the status of a gateway that is up but for a change.
func changed(change func(*collector.Status)) collector.Status {
	s := healthy()
	change(&s)
	return s
}

// statuses are gateways in all kinds of states, by name.
func statuses() map[string]collector.Status {
	failed := func(s *collector.Status) {
		s.Up, s.Failed, s.Withheld, s.Counts = false, true, true, nil
		s.LastSuccess, s.NextTry = noon().Add(-47*time.Minute), noon().Add(38*time.Second)
		s.Reason = "HTTP 401: the credential is missing, wrong or expired: create a new one"
	}
	return map[string]collector.Status{
		"up":   healthy(),
		"new":  {At: noon(), Budget: 0.1, Lookback: 7 * 24 * time.Hour, Unread: 7 * 24 * time.Hour},
		"down": changed(failed),
		"backfill": changed(func(s *collector.Status) {
			s.Backfilled, s.Unread, s.Busy, s.Budget, s.RequestsPerMinute = false, 79*time.Hour, 0.48, 0.5, 212.4
		}),
		"limited": changed(func(s *collector.Status) { s.Limited, s.Role = true, "standard" }),
		"stale": changed(func(s *collector.Status) {
			s.Up, s.Withheld, s.Counts, s.LastRefresh = false, true, nil, noon().Add(-26*time.Hour)
		}),
		"expiring": changed(func(s *collector.Status) { s.CredentialExpiry = noon().Add(50 * time.Hour) }),
	}
}

// shown are gateways for a status page: those of statuses are watched here.
type shown struct {
	names     []string
	statuses  map[string]collector.Status
	elsewhere map[string]string // by name: the URL of the process that watches it; "" for none
}

func (g shown) Names() []string                                { return g.names }
func (g shown) Wake()                                          {}
func (g shown) Targets(string, string) ([]fleet.Target, error) { return nil, nil }

func (g shown) Locate(name string) (Collector, string, error) {
	if s, ok := g.statuses[name]; ok {
		return &fake{status: s}, "", nil
	}
	at, ok := g.elsewhere[name]
	switch {
	case !ok:
		return nil, "", fleet.ErrUnknown
	case at == "":
		return (*fake)(nil), "", errors.New("no process watches the gateway at the moment: it moves from one to another, which takes a few seconds")
	}
	return (*fake)(nil), at, nil
}

// many returns n gateways as a company could have them: most are up, and a few in each other state.
func many(n int) shown {
	kinds := statuses()
	regions := []string{"eu-west", "us-east", "ap-south", "sa-east"}
	g := shown{statuses: map[string]collector.Status{}, elsewhere: map[string]string{}}
	for i := range n {
		name := fmt.Sprintf("%s-%s-%03d", []string{"production", "staging", "sandbox"}[i%3], regions[i%4], i)
		g.names = append(g.names, name)
		s := kinds["up"]
		switch {
		case i%67 == 5:
			s = kinds["down"]
		case i%61 == 7:
			s = kinds["limited"]
		case i%53 == 11:
			s = kinds["backfill"]
		case i%97 == 13:
			s = kinds["stale"]
		case i%101 == 17:
			s = kinds["new"]
		case i%103 == 19:
			g.elsewhere[name] = ""
			continue
		case i%41 == 23:
			g.elsewhere[name] = "https://hoop-exporter-1.monitoring.svc:10068/"
			continue
		case i%31 == 29:
			s = kinds["expiring"]
		}
		if s.Attempted {
			s.LastRefresh = s.LastRefresh.Add(-time.Duration(i*7%18) * time.Second)
		}
		s.RequestsPerMinute *= 1 + float64(i*13%40)/20
		s.Busy = min(s.Busy*(1+float64(i*29%50)/20), s.Budget)
		if i%5 == 0 {
			s.Version = "1.49.10"
		}
		if s.Counts != nil {
			c := *s.Counts
			c.Running += i * 37 % 260
			if c.Waiting = i * 11 % 9; c.Waiting == 0 {
				c.OldestWait = 0
			}
			c.OldestWait += c.OldestWait * time.Duration(i*17%23) / 5
			s.Counts = &c
		}
		g.statuses[name] = s
	}
	slices.Sort(g.names)
	return g
}

// pageOf returns the handler of the pages of these gateways.
func pageOf(t *testing.T, change func(*Config)) http.Handler {
	t.Helper()
	cfg := Config{Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), TelemetryPath: "/metrics", clock: noon}
	cfg.Configuration = func(io.Writer) error { return nil } // the program always has one
	change(&cfg)
	h, err := Handler(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
