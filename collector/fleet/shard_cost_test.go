package fleet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// One of the gateways that one of 100 shards has, of 10,000 with 10 million sessions a day. docs/fleet.md says what all of them need.
func TestAShardCostsNoMoreThanIsDocumented(t *testing.T) {
	const gateways, sessions, interval = 1, 1000, collectortest.RefreshEvery
	while := collectortest.Pick(4*time.Hour, 24*time.Hour)
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir()
		dir, err := state.NewDirectory(path)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, Options{Concurrency: 20, State: func(string) state.Store { return dir }})
		defer w.stop()
		yaml := &strings.Builder{}
		fmt.Fprintln(yaml, "gateways:")
		for i := range gateways {
			host := fmt.Sprintf("g%d", i)
			life := gatewaytest.DefaultLife()
			life.Rate = float64(sessions) / 86400
			w.gateways[host] = gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Cost: gatewaytest.NewCost, Seed: uint64(i), OrgID: host, Life: life})
			w.gateways[host].AddHistory(7*sessions, time.Now().Add(-7*24*time.Hour), time.Now(), gatewaytest.HistoryOptions{Unfinished: 20, Pending: 5})
			fmt.Fprintf(yaml, "  %s: {url: https://%s, token_file: t}\n", host, host)
		}
		w.apply(yaml.String())
		s := w.scrapers()
		s.run(10*time.Minute, interval) // the backfill
		asked, rows, busy := w.asked()
		s.run(while, interval)
		then, rowsThen, busyThen := w.asked()
		refreshes := float64(gateways * (while / interval))
		each, busyShare := float64(then-asked)/refreshes, (busyThen-busy).Seconds()/while.Seconds()/gateways
		reg := prometheus.NewPedanticRegistry()
		c, _ := w.Collector("g0")
		reg.MustRegister(c.Scrape(context.Background()))
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		series := 0
		for _, f := range families {
			for _, m := range f.GetMetric() {
				series++
				if h := m.GetHistogram(); h != nil {
					series += len(h.GetBucket()) + 2 // +Inf and _sum
				}
			}
		}
		files, err := filepath.Glob(filepath.Join(path, "*.state"))
		if err != nil {
			t.Fatal(err)
		}
		var size int64
		for _, f := range files {
			info, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			size = max(size, info.Size())
		}
		t.Logf("a backfill: %d requests, %d rows; then %.2f requests and %.1f rows a refresh, busy for %.3f %% of the time; %d series, a state of %d bytes",
			asked/gateways, rows/gateways, each, float64(rowsThen-rows)/refreshes, 100*busyShare, series, size)
		if each > 3 || busyShare > 0.005 || series > 2500 || size > 64<<10 || len(files) != gateways {
			t.Error("this is more than the documentation says")
		}
	})
}

// asked is how many requests all gateways had, what they answered, and how long they worked.
func (w *world) asked() (n, rows int, busy time.Duration) {
	for _, g := range w.gateways {
		n += requests(g)
		rows += g.Stats().Rows
		busy += g.Stats().Busy
	}
	return n, rows, busy
}
