//go:build !windows

package state

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

// replaceFile puts content in the place of a file, so that whatever happens there is the old or the new one, and returns once the new one
// outlives a power cut.
func replaceFile(name string, content []byte) (err error) {
	dir := filepath.Dir(name)
	f, err := renameio.NewPendingFile(name, renameio.WithTempDir(dir), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Cleanup() // what it cannot remove is removed at the next start
		}
	}()
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncDirectory(dir)
}

// syncDirectory makes sure that the names in a directory outlive a power cut.
func syncDirectory(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // this file system has no such thing
	}
	return errors.Join(err, d.Close())
}
