package collectortest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Programs are the paths of the built binaries.
type Programs struct {
	Exporter string // hoop_exporter
	Gateway  string // gatewayd, the simulated gateway as a process
}

// Build builds the programs into a directory, without cgo and symbols, as the image is built.
func Build(ctx context.Context, dir string) (Programs, error) {
	const module = "github.com/hoop-exporter/hoop_exporter"
	args := []string{"build", "-ldflags=-s -w", "-o", dir + string(filepath.Separator), module, module + "/client/gatewaytest/gatewayd"}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the directory is a test's own
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return Programs{}, fmt.Errorf("building: %w\n%s", err, out)
	}
	path := func(name string) string {
		if runtime.GOOS == "windows" {
			name += ".exe"
		}
		return filepath.Join(dir, name)
	}
	return Programs{Exporter: path("hoop_exporter"), Gateway: path("gatewayd")}, nil
}
