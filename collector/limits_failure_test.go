package collector

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// hangs never answers.
func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// refusesForADay answers that no request is wanted for a day.
func refusesForADay(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "86400")
	w.WriteHeader(http.StatusTooManyRequests)
}

// An organization whose requests fail does not keep the others at its address from making theirs, and gets no more requests for that. If all
// of them fail, all of them wait.
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
		{"one refuses", refusesForADay, 1, 2, time.Second, 0.99},
		{"all hang", hangs, n, 40, hours * time.Hour / 4, 0},
		{"all refuse", refusesForADay, n, 2 * n, time.Second, 0},
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
