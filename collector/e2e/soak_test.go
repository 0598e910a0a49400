package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// soakSamples is how many lines the table has.
const soakSamples = 40

// Under a load like the demo's, with scrapes of all kinds, nothing grows with time.
func TestNothingGrowsUnderLoad(t *testing.T) {
	d := collectortest.Duration(t, "HOOP_SOAK", 0, time.Second)
	if d == 0 {
		t.Skip("measures for as long as HOOP_SOAK says: make soak")
	}
	p := built(t)
	// Nothing is left over in the gateway's life: what is tracked would otherwise grow with it, as it should.
	_, gateway := serve(t, p.Gateway, "--history=40000", "--unfinished=40", "--pending=8", "--ready=6", "--rate=3", "--hurry=30", "--no-leftovers", "--seed=1")
	// A short overlap: what is remembered of it would otherwise grow for the first quarter of an hour, as it should.
	e, exporter := serve(t, p.Exporter, "--hoop.url="+gateway, "--state.dir="+t.TempDir(), "--sessions.overlap=1m", "--cache.ttl=500ms",
		"--web.listen-address=127.0.0.1:0")

	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var load sync.WaitGroup
	for _, format := range []string{protobuf, openMetrics, plainText} {
		load.Go(func() { scrapeOften(ctx, t, exporter, format) })
	}
	load.Go(func() { goAwayOften(ctx, exporter) })
	table := newTable(t.Output())
	again := time.NewTicker(d / soakSamples)
	defer again.Stop()
	for began := time.Now(); ctx.Err() == nil; {
		select {
		case <-again.C:
			if err := table.sample(t.Context(), e, exporter, time.Since(began)); err != nil {
				t.Error(err)
			}
		case <-e.ended:
			t.Fatalf("it ended by itself: %v", e.err)
		case <-ctx.Done():
		}
	}
	load.Wait()
	e.stop(t)
	for _, c := range table.columns {
		if from, to, grows := growth(c.values, c.slack); grows {
			t.Errorf("%s: grows from %.0f to %.0f", c.name, from, to)
		}
	}
}

// scrapeOften scrapes once a second.
func scrapeOften(ctx context.Context, t *testing.T, exporter, format string) {
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		if _, err := fetch(ctx, http.MethodGet, exporter+"/metrics", format); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// goAwayOften scrapes too, but does not wait for the answer's end.
func goAwayOften(ctx context.Context, exporter string) {
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		if req, err := http.NewRequestWithContext(ctx, http.MethodGet, exporter+"/metrics", nil); err == nil {
			transport := &http.Transport{DisableKeepAlives: true}
			if resp, err := transport.RoundTrip(req); err == nil {
				_, _ = io.ReadFull(resp.Body, make([]byte, 10))
				_ = resp.Body.Close()
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// table is what an exporter needs, over time.
type table struct {
	out     io.Writer
	columns []*column
}

type column struct {
	name, metric string // no metric: the resident memory
	slack        float64
	values       []float64
}

func newTable(out io.Writer) *table {
	tab := &table{out: out, columns: []*column{
		{name: "resident bytes", slack: 2 << 20},
		{name: "heap objects", metric: "go_memory_classes_heap_objects_bytes", slack: 2 << 20},
		{name: "goroutines", metric: "go_goroutines", slack: 5},
		{name: "open files", metric: "process_open_fds", slack: 5},
		{name: "tracked", metric: "hoop_exporter_tracked_sessions", slack: 50},
	}}
	_, _ = fmt.Fprintf(out, "%10s", "time")
	for _, c := range tab.columns {
		_, _ = fmt.Fprintf(out, "%16s", c.name)
	}
	_, _ = fmt.Fprintf(out, "%16s\n", "sessions")
	return tab
}

func (tab *table) sample(ctx context.Context, e *process, exporter string, since time.Duration) error {
	s, err := observe(ctx, exporter)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(tab.out, "%10v", since.Round(100*time.Millisecond))
	for _, c := range tab.columns {
		v := collectortest.Sum(s.Values, c.metric)
		if c.metric == "" {
			now, _, err := e.resident()
			if err != nil && !errors.Is(err, errNoProc) {
				return err
			}
			v = float64(now)
		}
		c.values = append(c.values, v)
		_, _ = fmt.Fprintf(tab.out, "%16.0f", v)
	}
	_, _ = fmt.Fprintf(tab.out, "%16.0f\n", collectortest.Sum(s.Values, "hoop_sessions_started_total"))
	return nil
}

// growth compares what is usual early and late, after a quarter to warm up: medians, so that a moment says nothing.
func growth(values []float64, slack float64) (from, to float64, grows bool) {
	values = values[len(values)/4:]
	if len(values) < 3 {
		return 0, 0, false
	}
	third := len(values) / 3
	from, to = median(values[:third]), median(values[len(values)-third:])
	return from, to, to > 1.05*from+slack
}

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

func TestGrowthIsSeenAndNothingElseIs(t *testing.T) {
	series := func(f func(i int) float64) []float64 {
		out := make([]float64, soakSamples)
		for i := range out {
			out[i] = f(i)
		}
		return out
	}
	for _, test := range []struct {
		name   string
		values []float64
		want   bool
	}{
		{"flat", series(func(int) float64 { return 100 }), false},
		{"a saw, as of a garbage collector", series(func(i int) float64 { return 100 + float64(i%4)*20 }), false},
		{"warms up", series(func(i int) float64 { return min(100, 10*float64(i)) }), false},
		{"a moment", series(func(i int) float64 { return map[bool]float64{true: 1000, false: 100}[i == 35] }), false},
		{"shrinks", series(func(i int) float64 { return 100 - float64(i) }), false},
		{"leaks", series(func(i int) float64 { return 100 + float64(i) }), true},
		{"leaks below a saw", series(func(i int) float64 { return 100 + float64(i) + float64(i%4)*20 }), true},
		{"too few to compare", []float64{1, 2, 3}, false},
	} {
		if from, to, grows := growth(test.values, 5); grows != test.want {
			t.Errorf("%s: from %v to %v: %v", test.name, from, to, grows)
		}
	}
}
