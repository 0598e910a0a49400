package processtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Each subtest has the machine for itself: they measure.
func TestProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs programs")
	}
	p := build(t)
	t.Run("memory of a read-back", p.memory)
	t.Run("kill -9", p.kills)
	t.Run("soak", p.soak)
	t.Run("fleet", p.fleet)
	t.Run("cost", p.cost)
}

// programs are the built binaries.
type programs struct{ exporter, gateway string }

func build(t *testing.T) programs {
	t.Helper()
	const module = "github.com/hoop-exporter/hoop_exporter"
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", dir+string(filepath.Separator), module, module+"/client/gatewaytest/gatewayd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as the image is built
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return programs{exporter: filepath.Join(dir, "hoop_exporter"), gateway: filepath.Join(dir, "gatewayd")}
}

// number is what an environment variable says, or def.
func number(t *testing.T, name string, def uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is no number", name, text)
	}
	return n
}

// eventually asks again and again until there is nothing to complain about.
func eventually(t *testing.T, within, every time.Duration, complaint func() string) {
	t.Helper()
	tooLong := time.After(within)
	again := time.NewTicker(every)
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
