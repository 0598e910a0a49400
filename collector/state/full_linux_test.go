package state

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A disk that is full while a file is written keeps the old file, and nothing of the new one.
func TestAFullDiskKeepsTheOldFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.state")
	if err := replaceFile(name, []byte("old")); err != nil {
		t.Fatal(err)
	}
	err := withFileSize(t, 10, func() error { return replaceFile(name, bytes.Repeat([]byte("new"), 100)) })
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("%v, want the error of the write", err)
	}
	if kept, err := os.ReadFile(name); err != nil || string(kept) != "old" {
		t.Errorf("%q, %v is in the file", kept, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(name)); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v is left", entries, err)
	}
}

// withFileSize runs a function while this process may write no file beyond a number of bytes.
func withFileSize(t *testing.T, most uint64, f func() error) error {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: most, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	err := f()
	if restored := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); restored != nil {
		t.Fatal(restored)
	}
	return err
}

// Some file systems cannot sync a directory. A device answers as they do.
func TestAFileSystemWithoutSyncIsAccepted(t *testing.T) {
	if err := syncDirectory(os.DevNull); err != nil {
		t.Errorf("%v, want that it goes on", err)
	}
}
