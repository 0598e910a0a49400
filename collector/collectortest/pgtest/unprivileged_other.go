//go:build !linux

package pgtest

import (
	"context"
	"os/exec"
)

// unprivileged returns a function that makes commands. PostgreSQL refuses to run as root.
func unprivileged(folder string) (func(name string, args ...string) *exec.Cmd, error) {
	return func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(context.Background(), name, args...) //nolint:gosec // a test's own
		cmd.Dir = folder
		return cmd
	}, nil
}
