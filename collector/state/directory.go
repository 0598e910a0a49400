package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Directory is a [Store] of the file system.
type Directory struct {
	path    string
	maxSize int64 // of a file, in bytes, for Save and Load alike
}

// NewDirectory creates a directory, in one that exists, unless it exists already.
func NewDirectory(path string) (*Directory, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.Mkdir(path, 0o700); err != nil {
			return nil, fmt.Errorf("creating the directory for the state: %w", err)
		}
		return &Directory{path, MaxSize}, syncDirectory(filepath.Dir(path))
	case err != nil:
		return nil, fmt.Errorf("looking at the directory for the state: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is not a directory: name one for the state", path)
	}
	return &Directory{path, MaxSize}, nil
}

// CheckDirectory returns an error if no file can be written in a directory, and it cannot be created. It creates nothing.
func CheckDirectory(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		path = filepath.Dir(path)
		info, err = os.Stat(path)
	}
	switch {
	case err != nil:
		return fmt.Errorf("looking at the directory for the state: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory: name one for the state", path)
	}
	f, err := os.CreateTemp(path, ".check-*")
	if err != nil {
		return fmt.Errorf("the state cannot be saved: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Open implements [Store]. Where locking fails for another reason than that another process holds the lock, as on a read-only disk, the file
// can be read, and Save tries to lock it again.
func (d *Directory) Open(_ context.Context, name string) (Record, error) {
	f := &file{path: filepath.Join(d.path, name), maxSize: d.maxSize}
	if err := f.acquire(); errors.Is(err, errHeld) {
		return nil, err
	}
	return f, nil
}

// Note reads a small file beside the states; it is nil where there is none.
func (d *Directory) Note(name string) ([]byte, error) {
	content, err := os.ReadFile(filepath.Join(d.path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// SetNote replaces a small file beside the states as a whole.
func (d *Directory) SetNote(name string, content []byte) error {
	return replaceFile(filepath.Join(d.path, name), content)
}

// Notes are the names of the notes that a pattern of [filepath.Match] fits.
func (d *Directory) Notes(pattern string) (names []string, err error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if ok, err := filepath.Match(pattern, e.Name()); err != nil {
			return nil, err
		} else if ok {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// After returns a [Store] of the directory that ignores files last written before since. Opening such a file moves it aside and calls report.
func (d *Directory) After(since time.Time, report func(file, aside string)) Store {
	return after{d, since, report}
}

type after struct {
	*Directory
	since  time.Time
	report func(file, aside string)
}

// Open implements [Store].
func (a after) Open(ctx context.Context, name string) (Record, error) {
	disk, err := a.Directory.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	// Load reports what else may be wrong with it.
	path := disk.Name()
	if info, err := os.Stat(path); err == nil && info.ModTime().Before(a.since) {
		aside := path + ".moved-" + stamp(info.ModTime())
		if err := os.Rename(path, aside); err != nil {
			return nil, errors.Join(err, disk.Close())
		}
		a.report(path, aside)
	}
	return disk, nil
}
