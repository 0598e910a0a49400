package collector

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// hangs never answers.
func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// refusesForADay answers that no request is wanted for a day.
func refusesForADay(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "86400")
	w.WriteHeader(http.StatusTooManyRequests)
}

// An organization whose requests fail does not keep the others at its address from making theirs, and gets no more requests for that. If
// all of them fail, all of them wait.
func TestFailuresAtOneAddressDoNotBlockTheOthers(t *testing.T) {
	const n, hours = 5, 6
	for _, tc := range []struct {
		name     string
		fault    http.HandlerFunc
		bad      int           // of n
		requests int64         // to those that fail, at most
		busy     time.Duration // with those, at most
		up       float64       // portion of the checks in which another one is up, at least
	}{
		// It has a timeout of 4 minutes in the end, and a pause of 16 minutes after each.
		{"one hangs", hangs, 1, 40, hours * time.Hour / 4, 0.99},
		// It gets one every five minutes, and so do all.
		{"one refuses", refusesForADay, 1, hours*12 + 2, time.Second, 0.99},
		{"all hang", hangs, n, 40, hours * time.Hour / 4, 0},
		{"all refuse", refusesForADay, n, n * (hours*12 + 2), time.Second, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int64
				var busy atomic.Int64
				var broken atomic.Bool
				bad := func(*http.Request) http.Handler {
					if !broken.Load() {
						return nil
					}
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						requests.Add(1)
						began := time.Now()
						tc.fault(w, r)
						busy.Add(int64(time.Since(began)))
					})
				}
				cfg := truthConfig()
				cfg.Address = NewAddress()
				var worlds []*world
				for i := range n {
					g := gatewaytest.Config{Dialect: gatewaytest.New2026, Cost: gatewaytest.NewCost}
					if i >= n-tc.bad {
						g.Fault = bad
					}
					worlds = append(worlds, newWorld(t, gatewaytest.New(g), cfg))
				}
				rounds := func(d time.Duration) (up, all float64) {
					for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(30 * time.Second) {
						for _, w := range worlds {
							w.collector.Wake(0)
						}
						synctest.Wait()
						if all++; worlds[0].collector.Health().Up {
							up++
						}
					}
					return up, all
				}
				rounds(5 * time.Minute)
				broken.Store(true)
				up, all := rounds(hours * time.Hour)
				if up < tc.up*all {
					t.Errorf("another one is up in %v of %v checks", up, all)
				}
				if r, b := requests.Load(), time.Duration(busy.Load()); r > tc.requests || b > tc.busy {
					t.Errorf("%d requests that failed, of %v", r, b)
				}
				for _, w := range worlds {
					w.stop()
				}
			})
		})
	}
}

// A refresh that made no request for sessions, because the gateway is to be left alone, makes no other one either: not even if the pause
// ends while another organization at the address makes its request.
func TestARefreshDuringAPauseRequestsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var takes atomic.Int64 // for how long the other organizations' requests take
		slow := func(*http.Request) http.Handler {
			time.Sleep(time.Duration(takes.Load()))
			return nil
		}
		var requests atomic.Int64 // the refused ones
		var broken atomic.Bool
		refuse := func(*http.Request) http.Handler {
			if !broken.Load() {
				return nil
			}
			requests.Add(1)
			return http.HandlerFunc(refusesForADay)
		}
		cfg := truthConfig()
		cfg.Address = NewAddress()
		var worlds []*world
		for _, fault := range []func(*http.Request) http.Handler{refuse, slow, slow} {
			worlds = append(worlds, newWorld(t, gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: fault}), cfg))
			defer worlds[len(worlds)-1].stop()
		}
		for range 58 { // the user is to be read again two minutes later
			worlds[0].collector.Wake(0)
			time.Sleep(time.Minute)
		}
		broken.Store(true)
		worlds[0].collector.Wake(0)
		time.Sleep(5*time.Minute - 3*time.Second)
		requests.Store(0)
		takes.Store(int64(2 * time.Second))
		for _, i := range []int{1, 0, 2} {
			worlds[i].collector.Wake(0)
			synctest.Wait()
		}
		time.Sleep(5 * time.Minute)
		if n := requests.Load(); n != 0 {
			t.Errorf("%d requests in a refresh that began during the pause", n)
		}
	})
}

// However long a pause the gateway or a maintenance page wants, the gateway is queried again after five minutes, and the log says when.
func TestRetryAfterIsBelievedForFiveMinutes(t *testing.T) {
	for name, header := range map[string]string{"an hour": "3600", "a day": "86400", "for ever": "99999999999999999", "a date": "Wed, 01 Jan 2200 00:00:00 GMT"} {
		for _, saved := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, saved %v", name, saved), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var broken atomic.Bool
					page := func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Retry-After", header)
						w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
						w.Header().Set("Content-Type", "text/html")
						w.WriteHeader(http.StatusServiceUnavailable)
						_, _ = io.WriteString(w, "<!doctype html><title>Maintenance</title>")
					}
					g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: func(*http.Request) http.Handler {
						if broken.Load() {
							return http.HandlerFunc(page)
						}
						return nil
					}})
					var logged logs
					cfg := truthConfig()
					cfg.Logger = level.NewFilter(log.NewLogfmtLogger(&logged), level.AllowInfo())
					if broken.Store(true); saved {
						cfg.State = newDisk() // then the first request is for the user
					}
					w := newWorld(t, g, cfg)
					defer w.stop()
					w.scrape()
					next := time.Now().Add(5 * time.Minute).UTC().Format(time.RFC3339)
					if line := " next_try=" + next; !strings.Contains(logged.String(), line) || !strings.Contains(logged.String(), "HTTP 503") {
						t.Errorf("no %q with HTTP 503 in %s", line, logged.String())
					}
					broken.Store(false)
					began := time.Now()
					for w.scrape()["hoop_up"] != 1 && time.Since(began) < 2*time.Hour {
						time.Sleep(15 * time.Second)
					}
					if d := time.Since(began); d > 5*time.Minute+30*time.Second {
						t.Errorf("up %v after the maintenance", d)
					}
				})
			})
		}
	}
}
