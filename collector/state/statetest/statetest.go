// Package statetest tests what every state.Store promises.
package statetest

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

const name = "hoop_exporter-a-all-0123456789abcdef.state"

// TestStore tests the stores that a function makes, each of them empty.
func TestStore(t *testing.T, newStore func(t *testing.T) state.Store) {
	for name, test := range map[string]func(*testing.T, state.Store){
		"what was never saved does not exist":                 nothing,
		"what was saved is loaded by the next one to open it": loaded,
		"each save replaces the whole content":                replaced,
		"records of other names are other ones":               apart,
		"a record is open once at a time":                     exclusive,
		"a record that is moved aside leaves room":            aside,
		"a record that does not exist is not moved aside":     nothingAside,
		"a name can have been moved aside before":             asideAgain,
	} {
		t.Run(name, func(t *testing.T) { test(t, newStore(t)) })
	}
}

func noon() time.Time { return time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC) }

// open opens a record, loads it as is due before the first save, and closes it at the end of the test.
func open(t *testing.T, s state.Store, name string) (r state.Record, content []byte) {
	t.Helper()
	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	content, err = r.Load(t.Context())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return r, content
}

func save(t *testing.T, r state.Record, content []byte) {
	t.Helper()
	if err := r.Save(t.Context(), content); err != nil {
		t.Fatal(err)
	}
}

// has wants a record to have a content, as it says itself and as the next one to open it finds.
func has(t *testing.T, s state.Store, r state.Record, name string, want []byte) state.Record {
	t.Helper()
	if got, err := r.Load(t.Context()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v are loaded of %d that were saved", len(got), err, len(want))
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	r, got := open(t, s, name)
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes are loaded later of %d that were saved", len(got), len(want))
	}
	return r
}

// large is a content that no compression makes smaller.
func large() []byte {
	b := make([]byte, 3<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(b) // it never fails
	return b
}

func nothing(t *testing.T, s state.Store) {
	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	if content, err := r.Load(t.Context()); !errors.Is(err, fs.ErrNotExist) || content != nil {
		t.Errorf("%q, %v", content, err)
	}
	if !strings.Contains(r.Name(), name) {
		t.Errorf("its name for messages is %s", r.Name())
	}
}

func loaded(t *testing.T, s state.Store) {
	for what, content := range map[string][]byte{
		"text": []byte("content"), "nothing": {}, "every byte": {0, 1, '\'', '\\', 0x7f, 0x80, 0xff, 0}, "repetition": bytes.Repeat([]byte("again "), 10_000), "much": large(),
	} {
		t.Run(what, func(t *testing.T) {
			r, _ := open(t, s, what)
			save(t, r, content)
			has(t, s, r, what, content)
		})
	}
}

func replaced(t *testing.T, s state.Store) {
	r, _ := open(t, s, name)
	for _, content := range [][]byte{[]byte("old"), large(), []byte("new"), []byte("new"), {}} {
		save(t, r, content)
		r = has(t, s, r, name, content)
	}
}

func apart(t *testing.T, s state.Store) {
	first, _ := open(t, s, "first.state")
	save(t, first, []byte("first"))
	second, content := open(t, s, "second.state")
	if content != nil {
		t.Errorf("a new one has %q", content)
	}
	save(t, second, []byte("second"))
	has(t, s, first, "first.state", []byte("first"))
	has(t, s, second, "second.state", []byte("second"))
}

func exclusive(t *testing.T, s state.Store) {
	r, _ := open(t, s, name)
	if other, err := s.Open(t.Context(), name); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("%v, %v; want an error that names the record", other, err)
	}
	save(t, r, []byte("content")) // the other one harmed nothing
	has(t, s, r, name, []byte("content"))
}

func aside(t *testing.T, s state.Store) {
	r, _ := open(t, s, name)
	save(t, r, []byte("damaged"))
	moved, err := r.MoveAside(t.Context(), noon())
	if err != nil || !strings.Contains(moved, name+".corrupt-20260803T120000") {
		t.Errorf("%q, %v", moved, err)
	}
	if content, err := r.Load(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%q, %v is left", content, err)
	}
	save(t, r, []byte("new"))
	has(t, s, r, name, []byte("new"))
	if _, content := open(t, s, filepath.Base(moved)); string(content) != "damaged" {
		t.Errorf("%q was moved aside", content)
	}
}

func nothingAside(t *testing.T, s state.Store) {
	r, _ := open(t, s, name)
	if moved, err := r.MoveAside(t.Context(), noon()); !errors.Is(err, fs.ErrNotExist) || moved != "" {
		t.Errorf("%q, %v; want that there is nothing", moved, err)
	}
	save(t, r, []byte("new"))
	has(t, s, r, name, []byte("new"))
}

func asideAgain(t *testing.T, s state.Store) {
	r, _ := open(t, s, name)
	for i, content := range []string{"first", "second"} {
		save(t, r, []byte(content))
		moved, err := r.MoveAside(t.Context(), noon().Add(time.Duration(i)))
		if err != nil {
			t.Fatal(err)
		}
		if _, got := open(t, s, filepath.Base(moved)); string(got) != content {
			t.Errorf("%q was moved aside, want %q", got, content)
		}
	}
}
