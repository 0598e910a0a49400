//go:build !linux

package processtest

import "syscall"

// withParent would have a process end with the test's, where the system can do that.
func withParent() *syscall.SysProcAttr { return nil }
