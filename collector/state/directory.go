package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

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

// After returns a [Folder] of the directory in which only files count that were written after a moment. An older one is put aside when it
// is opened, and reported.
func (d *Directory) After(since time.Time, report func(file, aside string)) Folder {
	return after{d, since, report}
}

type after struct {
	*Directory
	since  time.Time
	report func(file, aside string)
}

// Open implements [Folder].
func (a after) Open(name string) (Disk, error) {
	disk, err := a.Directory.Open(name)
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
