package e2e

import (
	"os"
	"testing"
	"time"
)

// variant is a way in which Prometheus may be set up. All have exemplars.
type variant struct {
	name string
	// native: Prometheus scrapes native histograms, and no classic ones.
	native bool
	// created: Prometheus makes a 0 out of created timestamps, so that the exporter need not.
	created bool
	// hold is what the exporter gets as --metrics.first-value-hold.
	hold string
}

// needServers skips a test unless the programs that it needs are there.
func needServers(t *testing.T) {
	t.Helper()
	if os.Getenv("HOOP_E2E") != "1" {
		t.Skip("takes minutes, and a Prometheus and an Alertmanager: .ci/e2e")
	}
}

// In Prometheus, scraping over TLS, every counter increases by what happened, although the exporter is killed; the rules alert, and the dashboards
// show data.
func TestPrometheusSeesWhatHappened(t *testing.T) {
	needServers(t)
	t.Parallel() // it waits most of the time
	variants := []variant{
		{name: "classic, first values held", hold: "15s"},
		{name: "classic, created timestamps", created: true, hold: "0s"},
		{name: "native, first values held", native: true, hold: "15s"},
		{name: "native, created timestamps", native: true, created: true, hold: "0s"},
	}
	if os.Getenv("HOOP_PROMETHEUS_OLD") == "1" {
		t.Log("#### NOT CHECKED: native histograms and created timestamps, for which this Prometheus is too old")
		variants = variants[:1]
	}
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			say := func(format string, args ...any) {
				t.Helper()
				t.Logf("%4.0f s  "+format, append([]any{time.Since(began).Seconds()}, args...)...)
			}
			r := startRig(t, v, say)
			r.targetsUp(t)
			r.reviewAlert(t)
			r.killed(t)
			r.dashboards(t, os.Getenv("HOOP_DASHBOARD_QUERIES"))
			r.rules(t)
			r.counters(t)
			r.scrapes(t)
			r.stop(t)
		})
	}
}
