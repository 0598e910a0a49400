package state

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newDirectory is a directory that exists already.
func newDirectory(t *testing.T) *Directory {
	t.Helper()
	dir, err := NewDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// write makes a file with this content, last written at a time.
func write(t *testing.T, name, content string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

// fullPath is a directory whose path is so long that no path of a file in it is allowed.
func fullPath(t *testing.T) string {
	t.Helper()
	path := t.TempDir()
	for _, name := range []string{strings.Repeat("d", 100), "d"} {
		for os.Mkdir(filepath.Join(path, name), 0o700) == nil {
			path = filepath.Join(path, name)
		}
	}
	return path
}

func TestOnlyTheOwnerMayEnterANewDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new")
	dir, err := NewDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("%v, %v; want a directory with mode 700", info, err)
	}
	if dir.maxSize != MaxSize {
		t.Errorf("files of up to %d bytes are written, want %d", dir.maxSize, MaxSize)
	}
}

func TestErrorsSayWhatIsWrongWithADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "", noon())
	missing := filepath.Join(t.TempDir(), "a", "b")
	check := CheckDirectory
	create := func(path string) error { _, err := NewDirectory(path); return err }
	for _, tc := range []struct {
		name string
		use  func(string) error
		path string
		want string
	}{
		{"check a file", check, file, file + " is not a directory: name a directory for the state"},
		{"check below a file", check, filepath.Join(file, "new"), "checking the directory for the state: "},
		{"check in a missing one", check, missing, "checking the directory for the state: "},
		{"check one without room for a name", check, fullPath(t), "the state cannot be saved: "},
		{"create at a file", create, file, file + " is not a directory: name a directory for the state"},
		{"create below a file", create, filepath.Join(file, "new"), "checking the directory for the state: "},
		{"create in a missing one", create, missing, "creating the directory for the state: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.use(tc.path); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

func TestADirectoryThatIsGoneIsAnError(t *testing.T) {
	dir := newDirectory(t)
	if err := os.Remove(dir.path); err != nil {
		t.Fatal(err)
	}
	if err := syncDirectory(dir.path); !os.IsNotExist(err) {
		t.Errorf("%v when it is synced, want that it does not exist", err)
	}
}
