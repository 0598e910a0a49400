package state

import (
	"errors"
	"os"

	"github.com/gofrs/flock"
)

// errHeld is a lock that another process has.
var errHeld = errors.New("the lock is held")

// lockFile takes a lock that ends with the process, however that ends. It fails with errHeld where another process has it. The file is
// opened for writing, because NFS and some systems lock no other one.
func lockFile(name string) (*flock.Flock, error) {
	lock := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR))
	locked, err := lock.TryLock()
	if err == nil && !locked {
		err = errHeld
	}
	if err != nil {
		return nil, err
	}
	return lock, nil
}
