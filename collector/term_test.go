package collector

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// A request goes on beyond the end of its term if that was replaced in the meantime: a page of an old gateway takes longer than any term.
func TestARequestEndsWithTheTerm(t *testing.T) {
	for _, tc := range []struct {
		name     string
		extended bool
		ends     time.Duration // the request, counted from its start
	}{
		{"which ends", false, 9 * time.Second},
		{"which is extended", true, 20 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Cost: func(gatewaytest.Request) time.Duration { return 20 * time.Second }})
				cfg := truthConfig()
				cfg.Address, cfg.Timeout = NewAddress(), time.Minute
				cfg.Address.SetTerm(time.Now().Add(7*time.Second), time.Now().Add(9*time.Second))
				w := newWorld(t, g, cfg)
				defer w.stop()
				w.collector.Wake(0)
				time.Sleep(5 * time.Second)
				if tc.extended {
					cfg.Address.SetTerm(time.Now().Add(time.Hour), time.Now().Add(time.Hour))
				}
				time.Sleep(tc.ends - 5*time.Second - time.Millisecond)
				if n := g.Stats().Abandoned; n > 0 || w.collector.CheckTerm() != nil {
					t.Errorf("canceled before the end: %d", n)
				}
				time.Sleep(2 * time.Millisecond)
				if err := w.collector.CheckTerm(); (err == nil) != tc.extended {
					t.Errorf("%v", err)
				}
				time.Sleep(time.Minute)
				made := g.Stats().Requests[gatewaytest.PathUserinfo] + g.Stats().Requests[gatewaytest.PathSessions]
				if n := g.Stats().Abandoned; (n == 1) == tc.extended || !tc.extended && made > 1 {
					t.Errorf("%d requests were canceled, of %d", n, made)
				}
			})
		})
	}
}

// No request begins after requestUntil, though those under way may go on; and all goes on with the next term, as if nothing had been.
func TestNoRequestBeginsAfterRequestUntil(t *testing.T) {
	d := newDisk()
	saving(t, d, func(t *testing.T, g *gatewaytest.Gateway, cfg Config, l *logs) {
		cfg.Address = NewAddress()
		w := newWorld(t, g, cfg)
		defer w.stop()
		w.scrapeFor(10*time.Minute, 30*time.Second)
		cfg.Address.SetTerm(time.Now(), time.Now().Add(time.Hour))
		before := g.Stats()
		failures := w.scrape()["hoop_exporter_refresh_failures_total"]
		w.scrapeFor(10*time.Minute, 30*time.Second)
		if after := g.Stats(); after.Rows != before.Rows || after.Requests[gatewaytest.PathUserinfo] != before.Requests[gatewaytest.PathUserinfo] {
			t.Errorf("requests: %v, before %v", after.Requests, before.Requests)
		}
		if is := w.scrape(); is["hoop_exporter_refresh_failures_total"] != failures || is["hoop_sessions"] != 0 {
			t.Errorf("%v failures, before %v", is["hoop_exporter_refresh_failures_total"], failures)
		}
		cfg.Address.SetTerm(time.Now().Add(time.Hour), time.Now().Add(time.Hour))
		w.scrapeFor(time.Minute, 30*time.Second)
		if w.scrape()["hoop_up"] != 1 || g.Stats().Rows == before.Rows {
			t.Errorf("it does not go on: %s", l)
		}
	}, nil)
}

// A collector that was dropped has lost its state to another process: it neither makes requests nor saves, and its request under way ends
// at once.
func TestADroppedCollectorEndsAtOnceAndSavesNothing(t *testing.T) {
	for name, fenced := range map[string]bool{"by a holder that knows": false, "by a save that was fenced": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &fencedStore{disk: newDisk()}
				g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Cost: func(gatewaytest.Request) time.Duration { return 3 * time.Second }})
				cfg := truthConfig()
				cfg.State = d
				var err error
				if cfg.Client, err = client.New("https://hoop.example", &http.Client{Transport: g.Transport()}, client.WithAPIKey(func() (string, error) { return "org|secret", nil })); err != nil {
					t.Fatal(err)
				}
				c, err := New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				ended := make(chan error)
				go func() { ended <- c.Run(t.Context()) }()
				time.Sleep(time.Second)
				_ = c.Refresh(t.Context())
				saves := d.saves.Load()
				if saves == 0 {
					t.Fatal("it does not save")
				}
				g.AddHistory(1, time.Now().Add(-time.Second), time.Now(), gatewaytest.HistoryOptions{})
				time.Sleep(cfg.CacheTTL)
				if d.fenced.Store(fenced); fenced {
					_ = c.Refresh(t.Context())
				} else {
					c.Wake(0)
					time.Sleep(time.Second)
					c.Drop()
					c.Drop()
				}
				began := time.Now()
				if err := <-ended; !errors.Is(err, ErrLost) || time.Since(began) > 0 || !errors.Is(c.CheckTerm(), ErrLost) {
					t.Errorf("%v after %v", err, time.Since(began))
				}
				if d.saves.Load() != saves {
					t.Error("it was saved")
				}
				time.Sleep(time.Minute) // the gateway answers
			})
		})
	}
}

// fencedStore counts saves, and may refuse them because another process has the state.
type fencedStore struct {
	*disk
	fenced atomic.Bool
	saves  atomic.Int64
}

// Open implements state.Store.
func (f *fencedStore) Open(ctx context.Context, name string) (state.Record, error) {
	r, err := f.disk.Open(ctx, name)
	return fencedRecord{r, f}, err
}

type fencedRecord struct {
	state.Record
	f *fencedStore
}

// Save implements state.Record.
func (r fencedRecord) Save(ctx context.Context, content []byte) error {
	if r.f.fenced.Load() {
		return state.ErrFenced
	}
	r.f.saves.Add(1)
	return r.Record.Save(ctx, content)
}

// A process that is stopped between the decision to make a request and the request finds at the request that the term has passed, even if
// the timer came before.
func TestARequestThatBeginsTooLateIsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAddress()
		a.SetTerm(time.Now().Add(time.Second), time.Now().Add(3*time.Second))
		if !a.mayRequest() {
			t.Fatal("no request may begin")
		}
		for _, pause := range []time.Duration{2 * time.Second, time.Minute} {
			time.Sleep(pause)
			err := a.during(t.Context(), func(ctx context.Context) {
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
					t.Errorf("it makes a request %v later", pause)
				}
			})
			if !errors.Is(err, errTermEnded) {
				t.Errorf("%v", err)
			}
		}
	})
}
