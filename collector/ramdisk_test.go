package collector

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// ramDisk is a folder with one file, on a disk that can be full, under processes that can be killed at the worst moment.
type ramDisk struct {
	mu      sync.Mutex
	content []byte
	full    bool
	point   crashPoint
	owner   *ramFile

	saves, refusals int
}

// crashPoint is where a process is killed.
type crashPoint int

const (
	noCrash crashPoint = iota
	beforeSave
	afterSave
)

// ramFile is the file as a process has it.
type ramFile struct {
	*ramDisk
	dead <-chan struct{} // closed when the process is killed
}

// process is a state.Store for a process that lives until dead is closed. What the last one held is free again.
func (d *ramDisk) process(dead <-chan struct{}) state.Store {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.point, d.owner = noCrash, nil
	return ramFolder{d, dead}
}

type ramFolder struct {
	disk *ramDisk
	dead <-chan struct{}
}

// Open implements state.Store.
func (f ramFolder) Open(context.Context, string) (state.Record, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.owner != nil {
		return nil, errors.New("simulated: another process has the file")
	}
	f.disk.owner = &ramFile{f.disk, f.dead}
	return f.disk.owner, nil
}

// Name implements state.Record.
func (f *ramFile) Name() string { return "ram" }

// Load implements state.Record.
func (f *ramFile) Load(context.Context) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.content == nil {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(f.content), nil
}

// Save implements state.Record. A process that is killed here, or was before, comes to nothing any more.
func (f *ramFile) Save(_ context.Context, content []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.dead:
		return errors.New("simulated: killed")
	default:
	}
	if f.full {
		f.refusals++
		return errors.New("simulated: no space left on device")
	}
	point := f.point
	if point != beforeSave {
		f.content = bytes.Clone(content)
		f.saves++
	}
	if point != noCrash {
		f.mu.Unlock()
		<-f.dead
		f.mu.Lock()
	}
	return nil
}

// MoveAside implements state.Record. Nothing here writes garbage, so it is a mistake of the exporter.
func (f *ramFile) MoveAside(context.Context, time.Time) (string, error) {
	return "", errors.New("simulated: the file was fine")
}

// Close implements state.Record.
func (f *ramFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.owner == f {
		f.owner = nil
	}
	return nil
}

func (d *ramDisk) setFull(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

func (d *ramDisk) crashAt(p crashPoint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.point = p
}
