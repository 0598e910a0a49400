package collector

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// However many gateways hang, there are slots for those that do not.
func TestGatewaysThatHangLeaveSlotsToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := NewSlots(2)
		cfg := truthConfig()
		cfg.Slots = slots
		var hanging []*world
		for range 20 {
			g := gatewaytest.New(gatewaytest.Config{Fault: func(*http.Request) http.Handler {
				return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			}})
			hanging = append(hanging, newWorld(t, g, cfg))
		}
		good := newWorld(t, gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026}), cfg)
		longest := good.longestScrape(20, hanging)
		// At worst all the others, two at a time, give their slots up a second after they got them.
		if !good.collector.Health().Up || longest > 10*time.Second {
			t.Errorf("up: %v, a scrape took %v", good.collector.Health().Up, longest)
		}
		for _, w := range append(hanging, good) {
			w.stop()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if slots.free.Acquire(ctx, 2) != nil {
			t.Error("a slot was lost")
		}
	})
}

// A collector that needs many requests, of less than a second each, does not keep its slot all that time.
func TestGatewaysWithManyRequestsLeaveSlotsToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := truthConfig()
		cfg.Slots = NewSlots(2)
		var busy []*world
		for range 8 {
			g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Cost: func(gatewaytest.Request) time.Duration { return 900 * time.Millisecond }})
			g.AddHistory(2000, time.Now().Add(-48*time.Hour), time.Now(), gatewaytest.HistoryOptions{Unfinished: 500, Pending: 100})
			busy = append(busy, newWorld(t, g, cfg))
		}
		good := newWorld(t, gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026}), cfg)
		longest := good.longestScrape(6, busy)
		// At worst each of the others, two at a time, has its second and the rest of a request.
		if longest > 8*time.Second {
			t.Errorf("a scrape took %v", longest)
		}
		t.Logf("the longest scrape took %v", longest)
		for _, w := range append(busy, good) {
			w.stop()
		}
	})
}

// What counts as a gateway's time is the time that it worked, however many gateways wait for a slot; and none is queried less often for
// that wait.
func TestTheWaitForASlotIsNotTheGatewaysTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, requestTakes = 60, 1200 * time.Millisecond
		play := func(slots *Slots) (refreshes, busy float64, worked time.Duration) {
			cfg := truthConfig()
			cfg.Slots = slots
			var worlds []*world
			var scrapes sync.WaitGroup
			for range n {
				g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Cost: func(gatewaytest.Request) time.Duration { return requestTakes }})
				w := newWorld(t, g, cfg)
				worlds = append(worlds, w)
				scrapes.Go(func() { w.scrapeFor(30*time.Minute, 30*time.Second) })
			}
			scrapes.Wait()
			time.Sleep(5 * time.Minute) // what is under way ends
			for _, w := range worlds {
				seen := prometheus.NewRegistry()
				seen.MustRegister(w.collector.instruments)
				families, err := seen.Gather()
				if err != nil {
					t.Fatal(err)
				}
				values := flatten(families)
				refreshes += values["hoop_exporter_refreshes_total"]
				busy += values["hoop_exporter_gateway_busy_seconds_total"]
				worked += w.gateway.Stats().Busy
				w.stop()
			}
			return refreshes, busy, worked
		}
		free, _, _ := play(nil)
		refreshes, busy, worked := play(NewSlots(2))
		if worked := worked.Seconds(); busy < worked-1 || busy > worked+1 {
			t.Errorf("busy for %.0f s, the gateways worked for %.0f s", busy, worked)
		}
		// Each refresh has a slot for a second, so two slots are just enough for all of them in 30 s, without their backfill.
		if refreshes < 0.9*free {
			t.Errorf("%.0f refreshes, without a bound %.0f", refreshes, free)
		}
		t.Logf("%.0f refreshes (without a bound %.0f), busy for %.0f s, the gateways worked for %.0f s", refreshes, free, busy, worked.Seconds())
	})
}
