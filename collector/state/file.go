package state

import (
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

// maxSize is the size in bytes up to which a file is written, and read into memory: a few million unfinished sessions.
const maxSize = 512 << 20

// Directory is a [Folder] of the file system.
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
		return &Directory{path, maxSize}, syncDirectory(filepath.Dir(path))
	case err != nil:
		return nil, fmt.Errorf("looking at the directory for the state: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is not a directory: name one for the state", path)
	}
	return &Directory{path, maxSize}, nil
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

// Open implements [Folder]. Where locking fails for another reason than that another process holds the lock, as on a read-only disk, the file
// can be read, and Save tries to lock it again.
func (d *Directory) Open(name string) (Disk, error) {
	f := &file{path: filepath.Join(d.path, name), maxSize: d.maxSize}
	if err := f.acquire(); errors.Is(err, errHeld) {
		return nil, err
	}
	return f, nil
}

// file is a [Disk]. It is written only while its lock is held.
type file struct {
	path    string
	maxSize int64
	lock    *flock.Flock // nil: not held
	read    [sha256.Size]byte
}

// Name implements [Disk].
func (f *file) Name() string { return f.path }

// acquire locks a file beside the state file: that one itself is replaced at each save, and a lock would stay with the old one.
func (f *file) acquire() error {
	name := f.path + ".lock"
	lock, err := lockFile(name)
	if errors.Is(err, errHeld) {
		return fmt.Errorf("the state file %s is in use by another process, or by another gateway of this one (%s): a shard that had this gateway lets go of it when it is restarted; otherwise stop that process, or give each a directory of its own: %w", f.path, name, err)
	}
	if err != nil {
		return fmt.Errorf("locking the state file: %w", err)
	}
	f.lock = lock
	f.removeLeftovers()
	return nil
}

// removeLeftovers removes temporary files of a process that was killed while it wrote. They do no harm if that fails.
func (f *file) removeLeftovers() {
	dir, name := filepath.Split(f.path)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+name) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// Load implements [Disk].
func (f *file) Load() ([]byte, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file: move it away")
	}
	if info.Size() > f.maxSize {
		return nil, fmt.Errorf("%w: it has %d bytes, and no state has more than %d", errDamaged, info.Size(), f.maxSize)
	}
	content, err := os.ReadFile(f.path)
	f.read = sha256.Sum256(content)
	return content, err
}

// Save implements [Disk]. What Load would refuse is not written.
func (f *file) Save(content []byte) error {
	if size := int64(len(content)); size > f.maxSize {
		return fmt.Errorf("the state has %d bytes, and a file may have no more than %d: the one that is there is kept; watch fewer sessions or connections (--sessions.connection, --sessions.type, --metrics.max-connections) or for a shorter time (--sessions.forget-after)", size, f.maxSize)
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
	before := f.read
	if err := f.acquire(); err != nil {
		return err
	}
	if _, err := f.Load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, f.Close())
	}
	if f.read != before {
		f.read = before
		return errors.Join(errors.New("another process has written it since it was read: start again to go on from there"), f.Close())
	}
	return nil
}

// PutAside implements [Disk].
func (f *file) PutAside(now time.Time) (string, error) {
	name := f.path + ".corrupt-" + stamp(now)
	if err := os.Rename(f.path, name); err != nil {
		return "", err
	}
	_ = syncDirectory(filepath.Dir(f.path)) // if a power cut undoes the rename, it is repeated
	return name, nil
}

// stamp is a time for a file's name, without colons because Windows allows none.
func stamp(t time.Time) string { return t.UTC().Format("20060102T150405.000000000Z") }

// Close implements [Disk].
func (f *file) Close() error {
	if f.lock == nil {
		return nil
	}
	err := f.lock.Close()
	f.lock = nil
	return err
}
