package e2e

import "syscall"

// withParent has a process end with the test's, should that be killed before it could clean up.
func withParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
