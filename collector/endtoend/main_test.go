package endtoend

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

func TestEndToEnd(t *testing.T) {
	prometheus, alertmanager, queries := os.Getenv("HOOP_PROMETHEUS"), os.Getenv("HOOP_ALERTMANAGER"), os.Getenv("HOOP_DASHBOARD_QUERIES")
	if os.Getenv("HOOP_E2E") != "1" {
		t.Skip("takes minutes, and programs that .ci/e2e has")
	}
	t.Parallel() // with the fleet: both wait most of the time
	p := programs{dir: t.TempDir(), prometheus: prometheus, alertmanager: alertmanager}
	p.build(t)
	variants := []variant{
		{name: "classic, first values held", hold: "15s"},
		{name: "classic, created timestamps", created: true, hold: "0s"},
		{name: "native, first values held", native: true, hold: "15s"},
		{name: "native, created timestamps", native: true, created: true, hold: "0s"},
	}
	if os.Getenv("HOOP_PROMETHEUS_OLD") == "1" {
		t.Log("#### NOT CHECKED: native histograms and created timestamps, which this Prometheus is too old for")
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
			r := p.start(t, v, say)
			r.targetsUp(t)
			r.reviewAlert(t)
			r.killed(t)
			r.dashboards(t, queries)
			r.rules(t)
			r.counters(t)
			r.scrapes(t)
			r.stop(t)
		})
	}
}

// programs are the binaries.
type programs struct{ dir, exporter, gateway, prometheus, alertmanager string }

func (p *programs) build(t *testing.T) {
	t.Helper()
	const module = "github.com/hoop-exporter/hoop_exporter"
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", p.dir+string(filepath.Separator), module, module+"/client/gatewaytest/gatewayd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as the image is built
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	p.exporter, p.gateway = filepath.Join(p.dir, "hoop_exporter"), filepath.Join(p.dir, "gatewayd")
}

// eventually asks again and again until there is nothing to complain about.
func eventually(t *testing.T, within time.Duration, complaint func() string) {
	t.Helper()
	tooLong := time.After(within)
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	for {
		c := complaint()
		if c == "" {
			return
		}
		select {
		case <-again.C:
		case <-tooLong:
			t.Fatalf("still not so after %v: %s", within, c)
		}
	}
}
