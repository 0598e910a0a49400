package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// unprivileged returns a function that makes commands which root may run too: PostgreSQL refuses root, so they run as the user nobody then,
// who gets the folder. They end with the test's process, should that be killed before it could clean up.
func unprivileged(folder string) (func(name string, args ...string) *exec.Cmd, error) {
	attributes := syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Getuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			return nil, err
		}
		uid, errUser := strconv.Atoi(nobody.Uid)
		gid, errGroup := strconv.Atoi(nobody.Gid)
		if errUser != nil || errGroup != nil {
			return nil, fmt.Errorf("the user nobody has the ids %s and %s", nobody.Uid, nobody.Gid)
		}
		if err := os.Chown(folder, uid, gid); err != nil {
			return nil, err
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(context.Background(), name, args...) //nolint:gosec // a test's own
		cmd.Dir, cmd.SysProcAttr = folder, &attributes
		return cmd
	}, nil
}
