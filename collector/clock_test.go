package collector

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/go-kit/log"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// wallClock is a machine's clock that is set, or that was wrong from the start: its wall clock jumps, while what is measured with it goes
// on, as with time.Now.
type wallClock struct {
	mu    sync.Mutex
	epoch time.Time // a time.Now from outside the bubble: inside there is no monotonic clock
	began time.Time // the bubble's time of that
	off   time.Duration
}

func newWallClock(epoch time.Time) *wallClock {
	return &wallClock{epoch: epoch, began: time.Now()}
}

func (c *wallClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	mono := c.epoch.Add(time.Since(c.began))
	wall := mono.Add(time.Now().Add(c.off).Sub(mono.Round(0)))
	// The monotonic reading is the second word of a Time that has one.
	type words struct {
		_    uint64
		mono int64
	}
	(*words)(unsafe.Pointer(&wall)).mono = (*words)(unsafe.Pointer(&mono)).mono
	return wall
}

// set has the clock be off by so much from now on.
func (c *wallClock) set(off time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = off
}

// anOffset is how far a clock is off: mostly not, else by seconds, minutes, hours, days or years, either way.
func anOffset(rng *rand.Rand) time.Duration {
	most := []time.Duration{0, 0, 0, 10 * time.Second, 10 * time.Minute, 10 * time.Hour, 30 * 24 * time.Hour, 3 * 365 * 24 * time.Hour}[rng.IntN(8)]
	return time.Duration((2*rng.Float64() - 1) * float64(most)).Round(time.Millisecond)
}

// The simulation's clock proves nothing unless it behaves as Go's does.
func TestTheSimulatedClockBehavesAsGosDoes(t *testing.T) {
	epoch := time.Now()
	synctest.Test(t, func(t *testing.T) {
		c := newWallClock(epoch)
		before := c.now()
		for i, off := range []time.Duration{0, time.Hour, -1000 * time.Hour, 1500 * time.Millisecond} {
			time.Sleep(10 * time.Second)
			c.set(off)
			now := c.now()
			if want := time.Duration(i+1) * 10 * time.Second; now.Sub(before) != want {
				t.Errorf("off by %v: %v are measured, and it was %v", off, now.Sub(before), want)
			}
			if wall := time.Until(now.Round(0)); wall != off {
				t.Errorf("off by %v: it shows %v more", off, wall)
			}
			if later := now.Add(time.Minute); later.Sub(now) != time.Minute || later.Round(0).Sub(now.Round(0)) != time.Minute {
				t.Errorf("off by %v: a minute later is %v", off, later)
			}
		}
	})
}

// The cache uses the wall clock. If that is set back by an hour, what is in the cache must not answer for another hour.
func TestAClockThatIsSetBackKeepsNoScrapeFromRefreshing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026})
		w := newWorld(t, g, DefaultConfig())
		defer w.stop()
		w.scrape()
		last, _ := w.collector.calls.cache.Get(outcomeKey)
		w.collector.calls.cache.Set(outcomeKey, last, time.Hour)
		time.Sleep(11 * time.Second)
		before := g.Stats().Requests[gatewaytest.PathSessions]
		w.scrape()
		if g.Stats().Requests[gatewaytest.PathSessions] == before {
			t.Error("no request was made")
		}
	})
}

// Until the gateway's time is known, nothing of an answer is used, so nothing is reported about its sessions: they only seem to start in a
// far future.
func TestNothingIsReportedOfSessionsBeforeTheTimeIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := newWeather(1)
		wrong.now, wrong.off, wrong.until = clockFaults()[1], -5*24*time.Hour, time.Now().Add(4*time.Second)
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Fault: wrong.handler})
		wrong.gateway = g
		for range 3 {
			g.Add(gatewaytest.Row{Connection: "pg", Type: "database", Status: "open", StartDate: time.Now().Add(-time.Minute)})
		}
		var said logs
		cfg := truthConfig()
		cfg.Logger = log.NewLogfmtLogger(&said)
		w := newWorld(t, g, cfg)
		defer w.stop()
		w.scrapeFor(time.Second, time.Second)
		if text := said.String(); strings.Count(text, "level=warn") != 1 || !strings.Contains(text, "until the gateway's time is known") {
			t.Errorf("log:\n%s", text)
		}
		wrong.clear()
		w.scrapeFor(time.Minute, refreshEvery)
		if n := w.scrape()[`hoop_open_sessions{connection="pg",state="running",type="database"}`]; n != 3 || strings.Contains(said.String(), "far future") {
			t.Errorf("%v sessions are running, want 3:\n%s", n, said.String())
		}
	})
}

// Setting the exporter's clock does not set the gateway's.
func TestAClockThatIsSetDoesNotMoveTheGatewaysTime(t *testing.T) {
	epoch := time.Now()
	synctest.Test(t, func(t *testing.T) {
		clock := newWallClock(epoch)
		cfg := DefaultConfig()
		cfg.clock = clock.now
		w := newWorld(t, gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026}), cfg)
		defer w.stop()
		w.scrape()
		for _, off := range []time.Duration{-1000 * time.Hour, 0, 20 * time.Minute, 1000 * time.Hour, -20 * time.Minute} {
			clock.set(off)
			for range 3 {
				time.Sleep(11 * time.Second)
				w.scrape()
				if d := time.Since(w.collector.published.Load().snapshot.At); d < 0 || d > 2*time.Second {
					t.Errorf("off by %v: the numbers are said to be %v old", off, d)
				}
			}
		}
	})
}
