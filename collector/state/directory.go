package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Directory is a [Store] of the file system.
type Directory struct {
	path    string
	maxSize int64 // of a file, in bytes, for Save and Load alike
}

// NewDirectory creates the directory, unless it exists; its parent must exist.
func NewDirectory(path string) (*Directory, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.Mkdir(path, 0o700); err != nil {
			return nil, fmt.Errorf("creating the directory for the state: %w", err)
		}
		return &Directory{path, MaxSize}, syncDirectory(filepath.Dir(path))
	case err != nil:
		return nil, fmt.Errorf("checking the directory for the state: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is not a directory: name a directory for the state", path)
	}
	return &Directory{path, MaxSize}, nil
}

// CheckDirectory returns an error if no file can be written in a directory, or it does not exist and cannot be created. It creates nothing.
func CheckDirectory(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		path = filepath.Dir(path)
		info, err = os.Stat(path)
	}
	switch {
	case err != nil:
		return fmt.Errorf("checking the directory for the state: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory: name a directory for the state", path)
	}
	f, err := os.CreateTemp(path, ".check-*")
	if err != nil {
		return fmt.Errorf("the state cannot be saved: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Open implements [Store]. If locking fails although no other process has the lock, as on a read-only disk, the file can be read, and Save
// tries to lock it again.
func (d *Directory) Open(_ context.Context, name string) (Record, error) {
	f := &file{path: filepath.Join(d.path, name), maxSize: d.maxSize}
	if err := f.acquire(); errors.Is(err, errLocked) {
		return nil, err
	}
	return f, nil
}
