package state

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// file is a [Record]. It is written only while this process has its lock.
type file struct {
	path    string
	maxSize int64
	lock    *flock.Flock      // nil: not locked
	digest  [sha256.Size]byte // of what was read last
}

// Name implements [Record].
func (f *file) Name() string { return f.path }

// acquire locks a file beside the state file: the state file itself is replaced at each save, and a lock would stay with the old one.
func (f *file) acquire() error {
	name := f.path + ".lock"
	lock, err := lockFile(name)
	if errors.Is(err, errLocked) {
		return fmt.Errorf("the state file %s is in use by another process, or by another gateway of this one (%s): stop that process, or give each its own directory: %w", f.path, name, err)
	}
	if err != nil {
		return fmt.Errorf("locking the state file: %w", err)
	}
	f.lock = lock
	f.removeLeftovers()
	return nil
}

// removeLeftovers removes temporary files of a process that was killed while it was writing. If that fails, they do no harm.
func (f *file) removeLeftovers() {
	dir, name := filepath.Split(f.path)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+name) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// Load implements [Record].
func (f *file) Load(context.Context) ([]byte, error) { return f.load() }

func (f *file) load() ([]byte, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file: move it away")
	}
	if info.Size() > f.maxSize {
		return nil, fmt.Errorf("%w: it has %d bytes, more than the limit of %d", ErrDamaged, info.Size(), f.maxSize)
	}
	content, err := os.ReadFile(f.path)
	f.digest = sha256.Sum256(content)
	return content, err
}

// Save implements [Record]. It does not write what Load would reject.
func (f *file) Save(_ context.Context, content []byte) error {
	if err := CheckSize(int64(len(content)), f.maxSize); err != nil {
		return err
	}
	if f.lock == nil {
		if err := f.acquireLate(); err != nil {
			return err
		}
	}
	return replaceFile(f.path, content)
}

// acquireLate locks a file that Open could not lock. It fails if another process has written the file since it was read.
func (f *file) acquireLate() error {
	before := f.digest
	if err := f.acquire(); err != nil {
		return err
	}
	if _, err := f.load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, f.Close())
	}
	if f.digest != before {
		f.digest = before
		return errors.Join(errors.New("another process has written it since it was read: restart the exporter to continue from there"), f.Close())
	}
	return nil
}

// MoveAside implements [Record].
func (f *file) MoveAside(_ context.Context, now time.Time) (string, error) {
	name := AsideName(f.path, now)
	if err := os.Rename(f.path, name); err != nil {
		return "", err
	}
	_ = syncDirectory(filepath.Dir(f.path)) // if a power cut undoes the rename, it is repeated
	return name, nil
}

// Close implements [Record].
func (f *file) Close() error {
	if f.lock == nil {
		return nil
	}
	err := f.lock.Close()
	f.lock = nil
	return err
}
