package state

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// unlocked is a file whose lock could not be had when it was opened, as on a read-only disk, but can be had now.
func unlocked(t *testing.T, dir *Directory, name string) Record {
	t.Helper()
	lock := filepath.Join(dir.path, name+".lock")
	if err := os.Mkdir(lock, 0o700); err != nil {
		t.Fatal(err)
	}
	disk, err := dir.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	return disk
}

func TestOnlyRegularFilesAreRead(t *testing.T) {
	disk, err := newDirectory(t).Open(t.Context(), "x.state")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	if err := os.Mkdir(disk.Name(), 0o700); err != nil {
		t.Fatal(err)
	}
	if content, err := disk.Load(t.Context()); err == nil || err.Error() != "it is not a regular file: move it away" {
		t.Errorf("%q, %v for a directory", content, err)
	}
}

func TestAMissingFileCannotBeMovedAside(t *testing.T) {
	disk, err := newDirectory(t).Open(t.Context(), "x.state")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	if aside, err := disk.MoveAside(t.Context(), noon()); !errors.Is(err, fs.ErrNotExist) || aside != "" {
		t.Errorf("%q, %v; want an error and no name", aside, err)
	}
}

func TestTheFirstSaveAfterALateLockWrites(t *testing.T) {
	for _, before := range []string{"", "old"} {
		dir := newDirectory(t)
		if before != "" {
			write(t, filepath.Join(dir.path, "x.state"), before, noon())
		}
		disk := unlocked(t, dir, "x.state")
		if content, err := disk.Load(t.Context()); string(content) != before {
			t.Fatalf("%q, %v; want %q", content, err, before)
		}
		if err := disk.Save(t.Context(), []byte("new")); err != nil {
			t.Errorf("%v after %q", err, before)
		}
		if content, err := os.ReadFile(disk.Name()); string(content) != "new" {
			t.Errorf("%q, %v after %q; want what was saved", content, err, before)
		}
	}
}

// A file that cannot be read again under its lock may be another one: nothing is written, and the lock is released.
func TestALateLockIsReleasedIfTheFileCannotBeReadAgain(t *testing.T) {
	dir := newDirectory(t)
	disk := unlocked(t, dir, "x.state")
	if err := os.Mkdir(disk.Name(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := disk.Save(t.Context(), []byte("new")); err == nil || !strings.Contains(err.Error(), "it is not a regular file") {
		t.Errorf("%v; want that it is not a regular file", err)
	}
	other, err := dir.Open(t.Context(), "x.state")
	if err != nil {
		t.Fatalf("%v; want that the lock is released", err)
	}
	_ = other.Close()
}

// An organization whose id is not valid UTF-8 cannot be written. What is there is kept.
func TestAnIdentityThatCannotBeEncodedWritesNothing(t *testing.T) {
	invalid := Identity{Organization: "\xff"}
	if content, err := encode(invalid, someImage()); err == nil || content != nil || !strings.HasPrefix(err.Error(), "encoding the state: ") {
		t.Errorf("%q, %v; want an error and nothing else", content, err)
	}
	disk := &memory{content: []byte("old")}
	s, err := Open(t.Context(), disk, invalid)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), someImage(), noon()); err == nil || disk.saves != 0 || !bytes.Equal(disk.content, []byte("old")) {
		t.Errorf("%v after %d writes, and the file has %q", err, disk.saves, disk.content)
	}
}
