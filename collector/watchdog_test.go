package collector

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// tap is a transport before a gateway. While it is shut, requests hang, whatever their deadline.
type tap struct {
	next    http.RoundTripper
	inBody  bool // hang in the middle of the answer
	shut    atomic.Pointer[chan struct{}]
	hanging atomic.Int32
	most    atomic.Int32
}

func (t *tap) close()  { t.shut.Store(new(make(chan struct{}))) }
func (t *tap) reopen() { close(*t.shut.Swap(nil)) }

func (t *tap) hang() {
	if shut := t.shut.Load(); shut != nil {
		t.most.Store(max(t.most.Load(), t.hanging.Add(1)))
		<-*shut
		t.hanging.Add(-1)
	}
}

func (t *tap) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.inBody {
		t.hang()
	}
	resp, err := t.next.RoundTrip(r)
	if err == nil && t.inBody {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(strings.NewReader(" "), hangingReader{t}, resp.Body), resp.Body}
	}
	return resp, err
}

type hangingReader struct{ *tap }

func (r hangingReader) Read([]byte) (int, error) { r.hang(); return 0, io.EOF }

// tapped is a world whose gateway lies behind a tap. What it logs can be read once it has stopped.
func tapped(t *testing.T, inBody bool) (*world, *tap, *bytes.Buffer) {
	g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Seed: 1})
	g.AddHistory(300, time.Now().Add(-24*time.Hour), time.Now().Add(-time.Minute), gatewaytest.HistoryOptions{Unfinished: 20, Pending: 5})
	between := &tap{next: g.Transport(), inBody: inBody}
	key := client.WithAPIKey(func() (string, error) { return "org|secret", nil })
	c, err := client.New("https://hoop.example", &http.Client{Transport: between}, key)
	if err != nil {
		t.Fatal(err)
	}
	logged := &bytes.Buffer{}
	cfg := DefaultConfig()
	cfg.Client, cfg.Lookback, cfg.Logger = c, 25*time.Hour, log.NewLogfmtLogger(log.NewSyncWriter(logged))
	col, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := col.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return &world{T: t, gateway: g, collector: col, stop: func() { cancel(); <-done }}, between, logged
}

// A request that ignores its deadline is logged and given up; there is no other one until it ends.
func TestAStuckRequestIsGivenUpAndLogged(t *testing.T) {
	for name, inBody := range map[string]bool{"before the answer": false, "within the answer": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, between, logged := tapped(t, inBody)
				w.scrapeFor(5*time.Minute, refreshEvery)
				if s := w.scrape(); s["hoop_up"] != 1 {
					t.Fatal("not up before")
				}
				between.close()
				failures := 0.0
				for range 6 {
					w.scrapeFor(10*time.Minute, refreshEvery)
					began := time.Now()
					s := w.scrape()
					if d := time.Since(began); d > 10*time.Second {
						t.Errorf("a scrape takes %v", d)
					}
					if s["hoop_up"] != 0 || s["hoop_exporter_refresh_failures_total"] <= failures {
						t.Errorf("up %v, %v failures after %v", s["hoop_up"], s["hoop_exporter_refresh_failures_total"], failures)
					}
					failures = s["hoop_exporter_refresh_failures_total"]
				}
				if n := w.scrape()[`hoop_exporter_gateway_requests_total{code="stuck"}`]; n != 1 || between.most.Load() != 1 {
					t.Errorf("%v requests were given up, %d hung at once", n, between.most.Load())
				}
				between.reopen()
				w.scrapeFor(20*time.Minute, refreshEvery)
				if s := w.scrape(); s["hoop_up"] != 1 {
					t.Error("not up again")
				}
				w.stop()
				warned := 0
				for line := range strings.Lines(logged.String()) {
					if strings.Contains(line, "level=warn") && strings.Contains(line, "a request to the gateway failed") && strings.Contains(line, "has not ended") {
						warned++
					}
				}
				if warned != 1 || !strings.Contains(logged.String(), "msg=recovered subject=head") {
					t.Errorf("warned %d times, want once, and that it is over: %s", warned, logged)
				}
			})
		})
	}
}

func TestAStuckRequestDoesNotKeepTheExporterFromStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, between, _ := tapped(t, false)
		between.close()
		waiting, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.collector.Refresh(waiting); err == nil {
			t.Error("refreshed from a gateway that hangs")
		}
		began := time.Now()
		w.stop()
		if d := time.Since(began); between.hanging.Load() != 1 || d > grace {
			t.Errorf("%d requests hang, stopped after %v, want %v", between.hanging.Load(), d, grace)
		}
		between.reopen()
	})
}

// Thousands of scrapes wait together for a gateway that hangs, show at their deadline what was known before, and leave no goroutine.
func TestScrapesDoNotPileUpOnAGatewayThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, between, _ := tapped(t, false)
		w.scrapeFor(5*time.Minute, refreshEvery)
		want := w.scrape()
		time.Sleep(time.Minute)
		between.close()
		base := runtime.NumGoroutine()
		scrapes := 2000
		if !collectortest.Long() {
			scrapes = 200
		}
		ended := make(chan map[string]float64, scrapes)
		began := time.Now()
		for i := range scrapes {
			go func() {
				// Every second one goes away long before.
				timeout := 10 * time.Second
				if i%2 == 0 {
					timeout = time.Second
				}
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				reg := prometheus.NewRegistry()
				reg.MustRegister(w.collector.Scrape(ctx))
				families, err := reg.Gather()
				if err != nil || time.Since(began) > timeout {
					t.Errorf("after %v of %v: %v", time.Since(began), timeout, err)
				}
				ended <- flatten(families)
			}()
		}
		synctest.Wait()
		if n := between.hanging.Load(); n != 1 {
			t.Errorf("%d requests hang, want one for all", n)
		}
		if p := w.collector.Progress(); p.Unread != 0 { // nor does anybody else wait
			t.Errorf("unread: %v", p.Unread)
		}
		for range scrapes {
			got := <-ended
			for _, name := range []string{"hoop_up", "hoop_exporter_tracked_sessions", "hoop_exporter_last_refresh_timestamp_seconds"} {
				if got[name] != want[name] || got[name] == 0 {
					t.Fatalf("%s is %v, was %v before", name, got[name], want[name])
				}
			}
		}
		synctest.Wait()
		// The refresh under way goes on, and the runtime has goroutines of its own, which come and go.
		if n := runtime.NumGoroutine(); n > base+10 {
			t.Errorf("%d goroutines after %d scrapes, %d before", n, scrapes, base)
		}
		between.reopen()
		w.stop()
	})
}

// Frequent scrapes do not put the backfill off.
func TestFrequentRefreshesDoNotPutOffTheBackfill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Seed: 1, Cost: gatewaytest.NewCost})
		g.AddHistory(300, time.Now().Add(-24*time.Hour), time.Now().Add(-time.Minute), gatewaytest.HistoryOptions{})
		cfg := DefaultConfig()
		cfg.Lookback, cfg.CacheTTL = 25*time.Hour, time.Millisecond
		w := newWorld(t, g, cfg)
		defer w.stop()
		w.scrapeFor(collectortest.Pick(time.Minute, 5*time.Minute), 100*time.Millisecond)
		if s := w.scrape(); s["hoop_exporter_baseline_complete"] != 1 {
			t.Errorf("%v s are still unread", s["hoop_exporter_unread_seconds"])
		}
	})
}
