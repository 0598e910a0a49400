package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// progressEvery is how often a ledger is written in which only the progress changed. What a stop loses of that are rechecks of unfinished
// sessions, which are then repeated; no count depends on it.
const progressEvery = 5 * time.Minute

// Folder is where files are.
type Folder interface {
	// Open takes a file for this process alone, whether or not it is there yet. It fails with an error that names the file where another
	// process has it.
	Open(name string) (Disk, error)
}

// Disk is one file.
type Disk interface {
	// Name names the file for the one who reads a message.
	Name() string
	// Load returns the file's content, or an error that is [fs.ErrNotExist] where there is none.
	Load() ([]byte, error)
	// Save replaces the file's content as a whole: after nil it is there whatever happens to process or machine, and after an error it
	// is the old or the new one. What Load would refuse because of its size is an error.
	Save(content []byte) error
	// PutAside gives the file another name, which it returns.
	PutAside(now time.Time) (name string, err error)
	// Close lets other processes have the file.
	Close() error
}

// Store is the file of one identity. It is for one goroutine.
type Store struct {
	id   Identity
	disk Disk

	saved   ledger.Image
	savedAt time.Time // zero: nothing was saved yet
}

// Open takes the file of an identity for this process alone.
func Open(f Folder, id Identity) (*Store, error) {
	if id.Organization == "" {
		return nil, errors.New("choosing a state file: the gateway does not say which organization the credential belongs to")
	}
	disk, err := f.Open(id.name())
	if err != nil {
		return nil, err
	}
	return &Store{id: id, disk: disk}, nil
}

// Name names the file for the one who reads a message.
func (s *Store) Name() string { return s.disk.Name() }

// Found is what a file had.
type Found struct {
	// Ledger goes on where the file ends; nil where there was none that can be used.
	Ledger *ledger.Ledger
	// Damage is what is wrong with the file, which has the name Aside now.
	Damage error
	Aside  string
}

// Load returns the ledger that the file has. A file that is damaged is put aside. Any other file that cannot be used is left as it is, and is an
// error: to begin anew in its place would lose it.
func (s *Store) Load(o ledger.Options, now time.Time) (Found, error) {
	content, err := s.disk.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return Found{}, nil
	}
	var l *ledger.Ledger
	if err == nil {
		l, err = s.restore(o, content)
	}
	switch {
	case err == nil:
		return Found{Ledger: l}, nil
	case !errors.Is(err, errDamaged):
		return Found{}, fmt.Errorf("reading the state file %s: %w", s.Name(), err)
	}
	aside, asideErr := s.disk.PutAside(now)
	if asideErr != nil {
		return Found{}, fmt.Errorf("reading the state file %s: %w, and it cannot be put aside: %w", s.Name(), err, asideErr)
	}
	return Found{Damage: err, Aside: aside}, nil
}

func (s *Store) restore(o ledger.Options, content []byte) (*ledger.Ledger, error) {
	image, err := decode(s.id, content)
	if err != nil {
		return nil, err
	}
	l, err := ledger.Restore(o, image)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return l, nil
}

// Save writes a ledger, unless what is written already is as good.
func (s *Store) Save(i ledger.Image, now time.Time) error {
	if !s.savedAt.IsZero() && bytes.Equal(i.Ledger, s.saved.Ledger) && (now.Sub(s.savedAt) < progressEvery || bytes.Equal(i.Progress, s.saved.Progress)) {
		return nil
	}
	content, err := encode(s.id, i)
	if err == nil {
		err = s.disk.Save(content)
	}
	if err != nil {
		return fmt.Errorf("writing the state file %s: %w", s.Name(), err)
	}
	s.saved, s.savedAt = i, now
	return nil
}

// Close lets other processes have the file.
func (s *Store) Close() error { return s.disk.Close() }
