//go:build !linux

package e2e

import "syscall"

// withParent would have a process end with the test's, where the system can do that.
func withParent() *syscall.SysProcAttr { return nil }
