package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"sync"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// disk is a folder in memory.
type disk struct {
	mu    sync.Mutex
	files map[string][]byte
	held  map[string]bool
	full  bool
	saves int
}

func newDisk() *disk { return &disk{files: map[string][]byte{}, held: map[string]bool{}} }

// crashed is what is left of it when the machine loses its power now.
func (d *disk) crashed() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := newDisk()
	maps.Copy(out.files, d.files)
	return out
}

// fill makes it full, or gives room again.
func (d *disk) fill(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

// garble damages every file.
func (d *disk) garble() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.files {
		d.files[name] = d.files[name][:len(d.files[name])/2]
	}
}

func (d *disk) names() (names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.files {
		names = append(names, name)
	}
	return names
}

func (d *disk) Open(_ context.Context, name string) (state.Record, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held[name] {
		return nil, fmt.Errorf("%s is in use by another process", name)
	}
	d.held[name] = true
	return &diskFile{d, name}, nil
}

type diskFile struct {
	*disk
	name string
}

func (f *diskFile) Name() string { return f.name }

func (f *diskFile) Load(context.Context) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	content, ok := f.files[f.name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return content, nil
}

func (f *diskFile) Save(_ context.Context, content []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.saves++
	if f.full {
		return errors.New("no space left on device")
	}
	f.files[f.name] = bytes.Clone(content)
	return nil
}

func (f *diskFile) MoveAside(context.Context, time.Time) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files["aside"] = f.files[f.name]
	delete(f.files, f.name)
	return "aside", nil
}

func (f *diskFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.held, f.name)
	return nil
}
