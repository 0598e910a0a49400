//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package state

import (
	"io"
	"os"
)

// CanLock tells whether this platform keeps two processes from sharing a file.
const CanLock = false

// lockFile cannot lock here: who has two processes has to see to it.
func lockFile(name string) (io.Closer, error) { return os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) }
