package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// A hundredth of 10,000 gateways and 10 million sessions a day.
const costGateways, costSessions = 100, 100_000

// What 100 gateways cost a process, while no scrape finds a gateway down. Scraped every 30 s.
func TestAProcessKeepsAHundredGatewaysUp(t *testing.T) {
	duration := collectortest.Duration(t, "HOOP_COST", 0, 2*time.Minute)
	if duration == 0 {
		t.Skip("measures for as long as HOOP_COST says: make cost")
	}
	p := built(t)
	const each = costSessions / costGateways
	_, gateway := serve(t, p.Gateway, fmt.Sprintf("--gateways=%d", costGateways), fmt.Sprintf("--history=%d", 7*each), "--unfinished=20", "--pending=5",
		fmt.Sprintf("--rate=%f", float64(each)/86400), "--cost=new")
	dir, yaml := t.TempDir(), &strings.Builder{}
	fmt.Fprintln(yaml, "defaults: {token_file: token}\ngateways:")
	for i := range costGateways {
		fmt.Fprintf(yaml, "  g%d: {url: '%s/g%d/api'}\n", i, gateway, i)
	}
	for name, text := range map[string]string{"hoop.yml": yaml.String(), "token": "any"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, exporter := serveWith(t, nil, p.Exporter, "--config.file="+filepath.Join(dir, "hoop.yml"), "--state.dir="+filepath.Join(dir, "state"), "--web.listen-address=127.0.0.1:0")
	made := func() (requests int, total gatewaytest.Stats) {
		for i := range costGateways {
			s := stats(t, gateway+"/g"+strconv.Itoa(i))
			for _, n := range s.Requests {
				requests += n
			}
			total.Rows += s.Rows
			total.Busy += s.Busy
		}
		return requests, total
	}
	began := time.Now()
	c := &costs{}
	c.scrape(t, exporter, duration/2)
	before, first := made()
	firstTook := time.Since(began)
	own, err := observe(t.Context(), exporter)
	if err != nil {
		t.Fatal(err)
	}
	cpu, from := collectortest.Sum(own.Values, "process_cpu_seconds_total"), time.Now()
	c.scrape(t, exporter, duration/2)
	took := time.Since(from)
	after, then := made()
	if own, err = observe(t.Context(), exporter); err != nil {
		t.Fatal(err)
	}
	now, most, err := e.resident()
	if err != nil {
		t.Fatal(err)
	}
	var state int64
	files, err := filepath.Glob(filepath.Join(dir, "state", "*.state"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			state += info.Size()
		}
	}
	n := float64(after - before)
	t.Logf("at first, %v: %d requests, %d rows; gateways busy for %v", firstTook.Round(time.Second), before, first.Rows, first.Busy.Round(time.Second))
	t.Logf("then, %v: %.2f requests a second, %.0f rows a second, each gateway busy for %.3f %% of the time", took.Round(time.Second), n/took.Seconds(),
		float64(then.Rows-first.Rows)/took.Seconds(), 100*(then.Busy-first.Busy).Seconds()/took.Seconds()/costGateways)
	t.Logf("CPU %.3f s a second; resident %s now, %s at most; %.0f goroutines, %.0f open files", (collectortest.Sum(own.Values, "process_cpu_seconds_total")-cpu)/took.Seconds(), mib(now), mib(most),
		collectortest.Sum(own.Values, "go_goroutines"), collectortest.Sum(own.Values, "process_open_fds"))
	t.Logf("%d series and %d bytes of text a gateway; %d state files of %d bytes on average", c.series/c.n, c.bytes/c.n, len(files), state/int64(max(1, len(files))))
	if c.downs > 0 {
		t.Errorf("%d scrapes found a gateway down", c.downs)
	}
	e.stop(t)
}

// costs are those of scrapes.
type costs struct {
	mu                      sync.Mutex
	n, series, bytes, downs int
}

// spread calls scrape for each of n gateways every 30 s, one after the other, as Prometheus spreads them; i counts on.
func spread(t *testing.T, n int, d time.Duration, scrape func(i int)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	again := time.NewTicker(30 * time.Second / time.Duration(n))
	defer again.Stop()
	var scrapes sync.WaitGroup
	defer scrapes.Wait()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		scrapes.Go(func() { scrape(i) })
	}
}

// scrape probes all gateways.
func (c *costs) scrape(t *testing.T, exporter string, d time.Duration) {
	spread(t, costGateways, d, func(i int) {
		body, err := fetch(t.Context(), http.MethodGet, exporter+"/probe?gateway=g"+strconv.Itoa(i%costGateways), plainText)
		if err != nil {
			t.Error(err)
			return
		}
		lines := 0
		for line := range strings.Lines(string(body)) {
			if !strings.HasPrefix(line, "#") {
				lines++
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.n, c.series, c.bytes = c.n+1, c.series+lines, c.bytes+len(body)
		if i > costGateways && !strings.Contains(string(body), "\nhoop_up 1\n") {
			c.downs++
		}
	})
}
