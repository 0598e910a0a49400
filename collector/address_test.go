package collector

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// Many organizations on one gateway: never two requests at once, one budget for all, and each of them up to date.
func TestCollectorsOfOneAddressShareItsBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		life := gatewaytest.DefaultLife()
		life.Rate = 0.02
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Life: life, Cost: func(gatewaytest.Request) time.Duration { return 500 * time.Millisecond }})
		g.AddHistory(2000, time.Now().Add(-48*time.Hour), time.Now(), gatewaytest.HistoryOptions{Unfinished: 20, Pending: 5})
		cfg := truthConfig()
		cfg.Address = NewAddress()
		var worlds []*world
		for range 6 {
			worlds = append(worlds, newWorld(t, g, cfg))
		}
		defer func() {
			for _, w := range worlds {
				w.stop()
			}
		}()
		var scrapes sync.WaitGroup
		scrapeAll := func(d, interval time.Duration) {
			for _, w := range worlds {
				scrapes.Go(func() { w.scrapeFor(d, interval) })
			}
			scrapes.Wait()
		}
		scrapeAll(10*time.Minute, 30*time.Second) // the backfill may take more
		before, from := g.Stats().Busy, time.Now()
		scrapeAll(collectortest.Pick(20*time.Minute, time.Hour), 30*time.Second) // they want more than they get
		worlds[0].keptBudget(before, from)
		g.Calm()
		scrapeAll(36*time.Hour, collectortest.Pick(time.Hour, 20*time.Minute))
		for _, w := range worlds {
			w.equalsTruth()
		}
	})
}

// A slow gateway delays the collectors of its address by no more than its request and the budget demand.
func TestASlowOneAtOneAddressDelaysTheOthersLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		address := NewAddress()
		quick := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026})
		slow := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Cost: func(gatewaytest.Request) time.Duration { return 5 * time.Second }})
		cfg := truthConfig()
		cfg.Address = address
		one, other := newWorld(t, quick, cfg), newWorld(t, slow, cfg)
		defer one.stop()
		defer other.stop()
		var scrapes sync.WaitGroup
		scrapes.Go(func() { other.scrapeFor(time.Hour, 30*time.Second) })
		time.Sleep(time.Second)
		var longest time.Duration
		for range 100 {
			began := time.Now()
			one.scrape()
			longest = max(longest, time.Since(began))
			time.Sleep(30*time.Second - time.Since(began))
			if !one.collector.Health().Up {
				t.Errorf("after %v the quick one is not up", time.Since(began))
			}
		}
		scrapes.Wait()
		if longest > 10*time.Second {
			t.Errorf("a scrape took %v", longest)
		}
	})
}

// longestScrape is how long the longest of n scrapes takes, one every 30 s, while the others are scraped as often.
func (w *world) longestScrape(n int, others []*world) (longest time.Duration) {
	w.Helper()
	var scrapes sync.WaitGroup
	for _, o := range others {
		scrapes.Go(func() { o.scrapeFor(time.Duration(n)*30*time.Second, 30*time.Second) })
	}
	time.Sleep(100 * time.Millisecond)
	for range n {
		began := time.Now()
		w.scrape()
		longest = max(longest, time.Since(began))
		time.Sleep(30*time.Second - time.Since(began))
	}
	scrapes.Wait()
	return longest
}
