package state

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// replaceFile replaces the content of a file, so that whatever happens, the file has either the old or the new one. It returns once the new
// content survives a power cut. Only its owner may read it.
func replaceFile(name string, content []byte) error {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDirectory(dir)
}

// syncDirectory makes sure that the names in a directory survive a power cut. Windows has no way to do that.
func syncDirectory(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // this file system does not support it
	}
	return errors.Join(err, d.Close())
}
