package state

import (
	"errors"
	"os"

	"github.com/gofrs/flock"
)

// errLocked is the error for a file that another process has locked.
var errLocked = errors.New("the file is locked")

// lockFile takes a lock that ends with the process, however the process ends. It fails with errLocked if another process has the lock. The
// file is opened for writing, because NFS and some systems cannot lock it otherwise.
func lockFile(name string) (*flock.Flock, error) {
	lock := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR))
	locked, err := lock.TryLock()
	if err == nil && !locked {
		err = errLocked
	}
	if err != nil {
		return nil, err
	}
	return lock, nil
}
