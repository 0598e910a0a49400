package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// bounds are what an exporter of so many gateways may need at most, on a machine that has other work as well.
const (
	mostFleetResident = 2 << 30         // half a million reviews wait at ten of them
	slowestScrape     = 9 * time.Second // of a healthy gateway: Prometheus waits for ten
)

// Many gateways in one process, some that go wrong in each way there is: what the others show is up to date, and what the process needs is bounded.
func TestGatewaysInTroubleKeepNoOtherWaiting(t *testing.T) {
	healthy, each, many, duration := 20, 1, 500, 20*time.Second
	if d := collectortest.Duration(t, "HOOP_FLEET", 0, time.Second); d > 0 {
		healthy, each, many, duration = 70, 10, 10_000, d
	} else {
		collectortest.LongOnly(t, "measures memory and the time of scrapes")
	}
	p := built(t)
	_, gateway := serve(t, p.Gateway, "--gateways="+strconv.Itoa(healthy), "--scenarios="+strconv.Itoa(each), "--many="+strconv.Itoa(many),
		"--history=1000", "--unfinished=20", "--pending=5", "--rate=0.1", "--cost=new", "--no-leftovers")
	var list []struct{ Name, Path, Scenario string }
	body, err := fetch(t.Context(), http.MethodGet, gateway+"/gateways", "application/json")
	if err == nil {
		err = json.Unmarshal(body, &list)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir, yaml := t.TempDir(), &strings.Builder{}
	fmt.Fprintln(yaml, "defaults: {token_file: token}\ngateways:")
	scenarios := map[string]string{}
	for _, g := range list {
		scenarios[g.Name] = g.Scenario
		fmt.Fprintf(yaml, "  %s: {url: '%s%s/api'}\n", g.Name, gateway, g.Path)
	}
	for name, text := range map[string]string{"hoop.yml": yaml.String(), "token": "any"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, exporter := serveWith(t, nil, p.Exporter, "--config.file="+filepath.Join(dir, "hoop.yml"), "--state.dir="+filepath.Join(dir, "state"), "--web.listen-address=127.0.0.1:0")
	w := &fleetWatch{exporter: exporter, took: map[string]time.Duration{}, downs: map[string]int{}}
	before := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var scrapes sync.WaitGroup
	for i, g := range list {
		scrapes.Go(func() {
			w.scrape(ctx, t, g.Name, time.Duration(i)*15*time.Second/time.Duration(len(list)), min(duration/4, time.Minute), before)
		})
	}
	scrapes.Wait()
	own, err := observe(t.Context(), exporter)
	if err != nil {
		t.Fatal(err)
	}
	_, most, err := e.resident()
	if err != nil && !strings.Contains(err.Error(), errNoProc.Error()) {
		t.Fatal(err)
	}
	cpu := collectortest.Sum(own.Values, "process_cpu_seconds_total") / time.Since(before).Minutes()
	t.Logf("%d gateways for %v: resident at most %s, %.1f CPU seconds a minute, %.0f goroutines, %.0f open files", len(list), duration, mib(most), cpu,
		collectortest.Sum(own.Values, "go_goroutines"), collectortest.Sum(own.Values, "process_open_fds"))
	slowest := map[string]time.Duration{}
	downs := map[string]int{}
	for name, took := range w.took {
		slowest[scenarios[name]] = max(slowest[scenarios[name]], took)
		downs[scenarios[name]] += w.downs[name]
	}
	for _, m := range slices.Sorted(maps.Keys(slowest)) {
		t.Logf("slowest scrape %6v, %4d of them found it down: %s", slowest[m].Round(time.Millisecond), downs[m], m)
	}
	t.Logf("%d scrapes", w.n)
	if slowest[""] > slowestScrape || downs[""] > 0 {
		t.Errorf("of the healthy gateways a scrape took %v, and %d found one down", slowest[""], downs[""])
	}
	if most > mostFleetResident {
		t.Errorf("%s were resident, want at most %s", mib(most), mib(mostFleetResident))
	}
	if n := collectortest.Sum(own.Values, "process_open_fds"); n > float64(4*len(list)) {
		t.Errorf("%v open files for %d gateways", n, len(list))
	}
	if n := collectortest.Sum(own.Values, "go_goroutines"); n > float64(15*len(list)) {
		t.Errorf("%v goroutines for %d gateways", n, len(list))
	}
	if n := collectortest.Sum(own.Values, "hoop_exporter_gateways"); int(n) != len(list) {
		t.Errorf("%v of %d gateways are there", n, len(list))
	}
	e.stop(t)
}

// fleetWatch is what scrapes have found.
type fleetWatch struct {
	exporter string

	mu    sync.Mutex
	n     int
	took  map[string]time.Duration // by gateway, the longest
	downs map[string]int
}

// scrape probes a gateway every 15 s, or four times in a short test. What is to be up is so after warmUp.
func (w *fleetWatch) scrape(ctx context.Context, t *testing.T, name string, first, warmUp time.Duration, began time.Time) {
	every := min(15*time.Second, warmUp)
	again := time.NewTimer(min(first, every))
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		from := time.Now()
		again.Reset(every)
		body, err := fetch(ctx, http.MethodGet, w.exporter+"/probe?gateway="+name, plainText)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		w.mu.Lock()
		w.n++
		w.took[name] = max(w.took[name], time.Since(from))
		if !strings.Contains(string(body), "\nhoop_up 1\n") && time.Since(began) > warmUp {
			w.downs[name]++
		}
		w.mu.Unlock()
	}
}
