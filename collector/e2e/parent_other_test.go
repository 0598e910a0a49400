//go:build !linux

package e2e

import "syscall"

// withParent would make a process end with the test's, if the system could do that.
func withParent() *syscall.SysProcAttr { return nil }
