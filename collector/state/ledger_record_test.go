package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func noon() time.Time { return time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC) }

func options() ledger.Options {
	return ledger.Options{Lookback: 24 * time.Hour, AllowedLateness: 15 * time.Minute, ForgetAfter: 90 * 24 * time.Hour}
}

// counting is a ledger that has counted n sessions.
func counting(n int) *ledger.Ledger {
	l := ledger.New(options(), noon())
	for i := range n {
		l.Apply(noon(), []client.Session{{ID: string(rune('a' + i)), Connection: "pg", Type: "database", Verb: "exec", Status: "open", StartDate: client.Time{Time: noon()}}})
	}
	l.Finish(noon(), noon())
	return l
}

// image is what a ledger is written as.
func image(t testing.TB, l *ledger.Ledger) ledger.Image {
	t.Helper()
	i, err := l.Image()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// memory is a disk that has one file and fails on demand.
type memory struct {
	content []byte
	err     error
	saves   int
}

func (m *memory) Open(context.Context, string) (Record, error) { return m, nil }
func (m *memory) Name() string                                 { return "memory" }
func (m *memory) Close() error                                 { return nil }

func (m *memory) Load(context.Context) ([]byte, error) {
	if m.content == nil {
		return nil, fs.ErrNotExist
	}
	return m.content, m.err
}

func (m *memory) Save(_ context.Context, content []byte) error {
	m.saves++
	if m.err == nil {
		m.content = content
	}
	return m.err
}

func (m *memory) MoveAside(context.Context, time.Time) (string, error) {
	m.content = nil
	return "aside", m.err
}

func newStore(t *testing.T, f Store) *LedgerRecord {
	t.Helper()
	s, err := Open(t.Context(), f, someone())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestALedgerOutlivesAProcess(t *testing.T) {
	dir, err := NewDirectory(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	first := newStore(t, dir)
	if found, err := first.Load(t.Context(), options(), noon()); err != nil || found.Ledger != nil || found.Damage != nil {
		t.Fatalf("%+v, %v on a first run", found, err)
	}
	want := image(t, counting(3))
	if err := first.Save(t.Context(), want, noon()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(first.Name()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want a file that nobody else may read", info, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	found, err := newStore(t, dir).Load(t.Context(), options(), noon())
	if err != nil || found.Ledger == nil || !bytes.Equal(image(t, found.Ledger).Ledger, want.Ledger) {
		t.Errorf("%+v, %v after a restart", found, err)
	}
}

func TestTwoProcessesCannotShareAFile(t *testing.T) {
	dir, err := NewDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	first := newStore(t, dir)
	_, err = Open(t.Context(), dir, someone())
	if err == nil || !strings.Contains(err.Error(), first.Name()+" is in use by another process") {
		t.Errorf("%v, want an error that names %s", err, first.Name())
	}
	if _, err := Open(t.Context(), dir, Identity{Organization: "other"}); err != nil {
		t.Errorf("%v, though another organization's file is another one", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	newStore(t, dir)
}

func TestDamagedFilesAreMovedAside(t *testing.T) {
	for name, content := range map[string][]byte{
		"empty": {}, "garbage": []byte("garbage"),
		"whole, but no ledger": content(t, someone(), someImage()),
		"torn":                 content(t, someone(), image(t, counting(2)))[:100],
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := NewDirectory(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			s := newStore(t, dir)
			if err := os.WriteFile(s.Name(), content, 0o600); err != nil {
				t.Fatal(err)
			}
			found, err := s.Load(t.Context(), options(), noon())
			if err != nil || found.Ledger != nil || found.Damage == nil || found.Aside != s.Name()+".corrupt-20260803T120000.000000000Z" {
				t.Fatalf("%+v, %v", found, err)
			}
			if kept, err := os.ReadFile(found.Aside); err != nil || !bytes.Equal(kept, content) {
				t.Errorf("%q, %v is left of %q", kept, err, content)
			}
			if found, err := s.Load(t.Context(), options(), noon()); err != nil || found.Damage != nil {
				t.Errorf("%+v, %v the second time", found, err)
			}
		})
	}
}

// A file that cannot be used, but is not damaged either, stays where it is.
func TestOtherFilesAreLeftAlone(t *testing.T) {
	for name, test := range map[string]struct {
		disk *memory
		want error
	}{
		"newer":                        {&memory{content: newer(t, 2)}, errNewer},
		"of another organization":      {&memory{content: content(t, Identity{Organization: "o"}, someImage())}, errOther},
		"unreadable":                   {&memory{content: []byte{1}, err: fs.ErrPermission}, fs.ErrPermission},
		"damaged, on a read-only disk": {&memory{content: []byte{}, err: nil}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := bytes.Clone(test.disk.content)
			var f Store = test.disk
			if test.want == nil {
				f, test.want = stuck{test.disk}, fs.ErrPermission
			}
			if found, err := newStore(t, f).Load(t.Context(), options(), noon()); !errors.Is(err, test.want) || found.Ledger != nil || !strings.Contains(err.Error(), "the state memory") {
				t.Errorf("%+v, %v", found, err)
			}
			if !bytes.Equal(test.disk.content, before) {
				t.Error("it was changed")
			}
		})
	}
}

// stuck is a disk whose files cannot get another name.
type stuck struct{ *memory }

func (s stuck) Open(context.Context, string) (Record, error)       { return s, nil }
func (stuck) MoveAside(context.Context, time.Time) (string, error) { return "", fs.ErrPermission }

// What is written already is not written again.
func TestSavesThatAreNotNeeded(t *testing.T) {
	disk := &memory{}
	s := newStore(t, disk)
	one := ledger.Image{Ledger: []byte("1"), Progress: []byte("1")}
	later := ledger.Image{Ledger: []byte("1"), Progress: []byte("2")}
	two := ledger.Image{Ledger: []byte("2"), Progress: []byte("2")}
	for i, step := range []struct {
		image ledger.Image
		after time.Duration
		saved bool
	}{
		{one, 0, true},
		{one, time.Hour, false},                     // nothing happened
		{two, time.Hour, true},                      // something was counted
		{one, time.Hour, true},                      // whatever it is
		{later, time.Hour + time.Minute, false},     // the progress changed
		{later, time.Hour + progressEvery, true},    // for long
		{later, time.Hour + 2*progressEvery, false}, // and stopped
	} {
		before := disk.saves
		if err := s.Save(t.Context(), step.image, noon().Add(step.after)); err != nil {
			t.Fatal(err)
		}
		if got := disk.saves > before; got != step.saved {
			t.Errorf("step %d: saved %v, want %v", i, got, step.saved)
		}
	}
	disk.err = errors.New("the disk is full")
	for range 2 { // it tries until it can
		if err := s.Save(t.Context(), two, noon()); !errors.Is(err, disk.err) || !strings.Contains(err.Error(), "writing the state memory") {
			t.Errorf("%v on a full disk", err)
		}
	}
	disk.err = nil
	before := disk.saves
	if err := s.Save(t.Context(), two, noon()); err != nil || disk.saves == before {
		t.Errorf("%v, saved %v once it could", err, disk.saves > before)
	}
}

// What is too large to be read is not written: the file that is there stays, and the error says what to do.
func TestWhatIsTooLargeToReadIsNotWritten(t *testing.T) {
	dir, err := NewDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if dir.maxSize != MaxSize {
		t.Errorf("up to %d bytes are written, want %d", dir.maxSize, MaxSize)
	}
	fits, larger := image(t, counting(1)), image(t, counting(20))
	written := content(t, someone(), fits)
	dir.maxSize = int64(len(written))
	s := newStore(t, dir)
	if err := s.Save(t.Context(), fits, noon()); err != nil {
		t.Fatalf("%v for the largest state that can be read", err)
	}
	size := fmt.Sprintf("the state has %d bytes, more than the limit of %d", len(content(t, someone(), larger)), dir.maxSize)
	for range 2 { // it is tried, and fails, at each refresh
		if err := s.Save(t.Context(), larger, noon()); err == nil || !strings.Contains(err.Error(), size) || !strings.Contains(err.Error(), "--metrics.max-connections") {
			t.Errorf("%v, want %q and what to do", err, size)
		}
	}
	if found, err := s.Load(t.Context(), options(), noon()); err != nil || found.Ledger == nil || !bytes.Equal(image(t, found.Ledger).Ledger, fits.Ledger) {
		t.Errorf("%+v, %v; want the state that was written before", found, err)
	}
	if err := os.WriteFile(s.Name(), append(written, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Load(t.Context(), options(), noon()); err != nil || found.Damage == nil || !strings.Contains(found.Damage.Error(), "more than the limit of") {
		t.Errorf("%+v, %v for a file that is too large", found, err)
	}
}

func TestNoOrganizationNoFile(t *testing.T) {
	if _, err := Open(t.Context(), &memory{}, Identity{}); err == nil {
		t.Error("sessions of nobody in particular have a file")
	}
}

// A process that was killed while it wrote leaves a file that the next one removes, and nothing else.
func TestLeftoversAreRemoved(t *testing.T) {
	dir, err := NewDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir.path, someone().name())
	mine, others := filepath.Join(dir.path, "."+someone().name()+"123"), filepath.Join(dir.path, "."+Identity{Organization: "o"}.name()+"123")
	for _, f := range []string{name, mine, others} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	newStore(t, dir)
	for f, want := range map[string]bool{name: true, mine: false, others: true} {
		if _, err := os.Stat(f); (err == nil) != want {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func TestAFailedSaveLeavesNothing(t *testing.T) {
	dir, err := NewDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(t, dir)
	if err := os.MkdirAll(filepath.Join(s.Name(), "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), someImage(), noon()); err == nil {
		t.Error("a directory was replaced")
	}
	entries, err := os.ReadDir(dir.path)
	if err != nil || len(entries) != 2 { // the lock, and what was in the way
		t.Errorf("%v, %v is left", entries, err)
	}
}

// If the lock cannot be tried, as on a read-only disk, a file is read, and written only once the lock is there and nobody else wrote.
func TestAFileIsWrittenOnlyOnceItsLockIsThere(t *testing.T) {
	for _, changed := range []bool{false, true} {
		dir, err := NewDirectory(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir.path, someone().name())
		if err := os.WriteFile(name, content(t, someone(), image(t, counting(1))), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(name+".lock", 0o700); err != nil { // no lock can be had there, whoever one is
			t.Fatal(err)
		}
		s := newStore(t, dir)
		if found, err := s.Load(t.Context(), options(), noon()); err != nil || found.Ledger == nil {
			t.Fatalf("%+v, %v", found, err)
		}
		if err := s.Save(t.Context(), someImage(), noon()); err == nil || !strings.Contains(err.Error(), "locking the state file") {
			t.Errorf("%v without a lock", err)
		}
		if err := os.Remove(name + ".lock"); err != nil {
			t.Fatal(err)
		}
		if changed {
			if err := os.WriteFile(name, content(t, someone(), image(t, counting(2))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := s.Save(t.Context(), image(t, counting(3)), noon()); (err != nil) != changed {
				t.Errorf("changed %v: %v", changed, err)
			}
		}
	}
}

func TestDirectoriesThatCannotBeUsedAreRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, path string
		good       bool
	}{
		{"one that is there", t.TempDir(), true},
		{"one that is to be made", filepath.Join(t.TempDir(), "new"), true},
		{"a file", file, false},
		{"below a file", filepath.Join(file, "new"), false},
		{"in one that is not there", filepath.Join(t.TempDir(), "a", "b"), false},
	} {
		_, before := os.Stat(tc.path)
		if err := CheckDirectory(tc.path); (err == nil) != tc.good {
			t.Errorf("checking %s: %v", tc.name, err)
		}
		if _, after := os.Stat(tc.path); (after == nil) != (before == nil) {
			t.Errorf("checking made %s", tc.name)
		}
		_, err := NewDirectory(tc.path)
		if (err == nil) != tc.good {
			t.Errorf("making %s: %v", tc.name, err)
		}
		if left, err := os.ReadDir(tc.path); tc.good && (err != nil || len(left) > 0) {
			t.Errorf("%v, %v is in %s", left, err, tc.name)
		}
	}
}
