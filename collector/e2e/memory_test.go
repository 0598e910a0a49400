package e2e

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// mostResident is what the exporter may have in memory at any time, whatever it has read.
const mostResident = 64 << 20

// The exporter remembers what is unfinished, the allowed lateness, and the series: never the history, however long.
func TestMemoryDoesNotGrowWithHistory(t *testing.T) {
	if os.Getenv("HOOP_MEMORY_SESSIONS") == "" {
		collectortest.LongOnly(t, "measures memory")
	}
	p := built(t)
	if _, err := os.Stat("/proc/self/status"); err != nil {
		if runtime.GOOS == "linux" && os.Getenv("CI") == "true" {
			t.Fatalf("memory cannot be measured: %v", err)
		}
		t.Skipf("memory cannot be measured: %v", err)
	}
	sessions := int(collectortest.Number(t, "HOOP_MEMORY_SESSIONS", 20_000))
	unfinished, pending := max(sessions/500, 20), max(sessions/10_000, 5)
	// New sessions meanwhile, on each of the connections, for these bring the histograms.
	_, gateway := serve(t, p.Gateway, "--history="+strconv.Itoa(sessions), "--history-span=2160h", "--connections=200",
		"--unfinished="+strconv.Itoa(unfinished), "--pending="+strconv.Itoa(pending), "--rate=50", "--hurry=20", "--seed=1")
	began := time.Now()
	e, exporter := serve(t, p.Exporter, "--hoop.url="+gateway, "--state.dir="+t.TempDir(), "--sessions.lookback=95d", "--sessions.forget-after=100d", "--web.listen-address=127.0.0.1:0")
	var last collectortest.Series
	collectortest.Eventually(t, 15*time.Minute, 2*time.Second, func() string {
		var err error
		if last, err = observe(t.Context(), exporter); err != nil {
			t.Fatal(err)
		}
		if collectortest.Sum(last.Values, "hoop_exporter_baseline_complete") == 1 {
			return ""
		}
		return fmt.Sprintf("%.0f h are not read yet", collectortest.Sum(last.Values, "hoop_exporter_unread_seconds")/3600)
	})
	took := time.Since(began)
	for _, format := range []string{protobuf, openMetrics, plainText} {
		if _, err := fetch(t.Context(), "GET", exporter+"/metrics", format); err != nil {
			t.Error(err)
		}
	}
	now, most, err := e.resident()
	if err != nil {
		t.Fatal(err)
	}
	s := stats(t, gateway)
	t.Logf("%d sessions over 200 connections, read in %v with %d requests of %d rows: %d series; resident %s now, %s at most",
		sessions, took.Round(time.Second), s.Requests["/sessions"], s.Rows, len(last.Values), mib(now), mib(most))
	if most > mostResident {
		t.Errorf("%s were resident, want at most %s", mib(most), mib(mostResident))
	}
	// A small memory proves nothing unless everything was read.
	if s.Rows < sessions || collectortest.Sum(last.Values, "hoop_open_sessions") < float64(unfinished) || collectortest.Sum(last.Values, "hoop_connection_info") != 200 {
		t.Errorf("%d of %d sessions were read, %v are open and %d of them for long, on %v of 200 connections",
			s.Rows, sessions, collectortest.Sum(last.Values, "hoop_open_sessions"), unfinished, collectortest.Sum(last.Values, "hoop_connection_info"))
	}
}
