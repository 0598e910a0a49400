package state

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
		{"check a file", check, file, file + " is not a directory: name one for the state"},
		{"check below a file", check, filepath.Join(file, "new"), "looking at the directory for the state: "},
		{"check in a missing one", check, missing, "looking at the directory for the state: "},
		{"check one without room for a name", check, fullPath(t), "the state cannot be saved: "},
		{"create at a file", create, file, file + " is not a directory: name one for the state"},
		{"create below a file", create, filepath.Join(file, "new"), "looking at the directory for the state: "},
		{"create in a missing one", create, missing, "creating the directory for the state: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.use(tc.path); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

func TestNotesAreReadAsTheyWereWritten(t *testing.T) {
	dir := newDirectory(t)
	if content, err := dir.Note("a.note"); err != nil || content != nil {
		t.Errorf("%q, %v; want nothing where there is no note", content, err)
	}
	for _, want := range []string{"first", "second"} {
		if err := dir.SetNote("a.note", []byte(want)); err != nil {
			t.Fatal(err)
		}
		if content, err := dir.Note("a.note"); err != nil || string(content) != want {
			t.Errorf("%q, %v; want %q", content, err, want)
		}
	}
	if err := os.Mkdir(filepath.Join(dir.path, "folder.note"), 0o700); err != nil {
		t.Fatal(err)
	}
	if content, err := dir.Note("folder.note"); err == nil {
		t.Errorf("%q was read from a directory", content)
	}
}

func TestNotesAreFoundByPattern(t *testing.T) {
	dir := newDirectory(t)
	for _, name := range []string{"b.note", "a.note", "a.other"} {
		if err := dir.SetNote(name, nil); err != nil {
			t.Fatal(err)
		}
	}
	for pattern, want := range map[string][]string{"*.note": {"a.note", "b.note"}, "a.*": {"a.note", "a.other"}, "c.*": nil} {
		if names, err := dir.Notes(pattern); err != nil || !slices.Equal(names, want) {
			t.Errorf("%q, %v for %s; want %q", names, err, pattern, want)
		}
	}
	if names, err := dir.Notes("["); err == nil || names != nil {
		t.Errorf("%q, %v for a pattern that is not valid", names, err)
	}
}

func TestADirectoryThatIsGoneIsAnError(t *testing.T) {
	dir := newDirectory(t)
	if err := os.Remove(dir.path); err != nil {
		t.Fatal(err)
	}
	if names, err := dir.Notes("*"); err == nil {
		t.Errorf("it has the notes %q", names)
	}
	if err := dir.SetNote("a.note", nil); err == nil {
		t.Error("a note was written in it")
	}
	if err := syncDirectory(dir.path); !os.IsNotExist(err) {
		t.Errorf("%v when it is synced, want that it does not exist", err)
	}
}

func TestOnlyFilesLastWrittenBeforeATimeAreMovedAside(t *testing.T) {
	since := noon()
	for name, tc := range map[string]struct {
		written time.Time // zero: there is no file
		moved   bool
	}{
		"missing":       {},
		"a second old":  {since.Add(-time.Second), true},
		"as old":        {since, false},
		"a second less": {since.Add(time.Second), false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newDirectory(t)
			path := filepath.Join(dir.path, "x.state")
			aside := path + ".moved-20260803T115959.000000000Z"
			if !tc.written.IsZero() {
				write(t, path, "old", tc.written)
			}
			var reported []string
			disk, err := dir.After(since, func(file, aside string) { reported = append(reported, file, aside) }).Open(t.Context(), "x.state")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = disk.Close() })
			var want []string
			if tc.moved {
				want = []string{path, aside}
				if kept, err := os.ReadFile(aside); err != nil || string(kept) != "old" {
					t.Errorf("%q, %v is in the file that was moved aside", kept, err)
				}
			}
			if !slices.Equal(reported, want) {
				t.Errorf("%q was reported, want %q", reported, want)
			}
			if _, err := os.Stat(path); (err == nil) != (!tc.written.IsZero() && !tc.moved) {
				t.Errorf("the file is there: %v", err == nil)
			}
		})
	}
}

func TestAnOldFileThatCannotBeUsedIsNotReported(t *testing.T) {
	dir := newDirectory(t)
	path := filepath.Join(dir.path, "x.state")
	write(t, path, "old", noon())
	folder := dir.After(noon().Add(time.Second), func(file, aside string) { t.Errorf("%s was reported as %s", file, aside) })

	if err := os.MkdirAll(filepath.Join(path+".moved-20260803T120000.000000000Z", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Open(t.Context(), "x.state"); err == nil {
		t.Error("an old file is used, because it could not be moved aside")
	}

	held, err := dir.Open(t.Context(), "x.state") // possible only because the failed attempt released the lock
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	if _, err := folder.Open(t.Context(), "x.state"); err == nil {
		t.Error("a file that is held was opened")
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != "old" {
		t.Errorf("%q, %v is left of the file", kept, err)
	}
}
