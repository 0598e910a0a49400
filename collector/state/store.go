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
	// Open locks a file for this process, whether or not the file exists. It fails with an error that names the file if another process
	// holds the lock.
	Open(name string) (Disk, error)
}

// Disk is one file, locked for this process. Load comes before the first Save, and Close last.
type Disk interface {
	// Name is the file's name for messages.
	Name() string
	// Load returns the file's content, or an error that is [fs.ErrNotExist] if there is none.
	Load() ([]byte, error)
	// Save replaces the file's content as a whole. After nil the new content survives a crash of the process or the machine; after an error
	// the content is the old or the new one. Content that is too large for Load is an error.
	Save(content []byte) error
	// MoveAside renames the file, and returns its new name.
	MoveAside(now time.Time) (name string, err error)
	// Close unlocks the file.
	Close() error
}

// Store is the file of one identity, locked for this process. It is used by one goroutine: Open, Load, any number of Saves, Close.
type Store struct {
	id   Identity
	disk Disk

	saved   ledger.Image
	savedAt time.Time // zero: nothing was saved yet
}

// Open locks the file of an identity for this process.
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

// Name is the file's name for messages.
func (s *Store) Name() string { return s.disk.Name() }

// Found is what Load found.
type Found struct {
	// Ledger continues the one in the file; nil if there is no file, or a damaged one.
	Ledger *ledger.Ledger
	// Damage is what is wrong with a damaged file, and Aside its new name.
	Damage error
	Aside  string
}

// Load returns the ledger in the file. A damaged file is moved aside. Any other file that cannot be used stays as it is and is an error, because
// to start again with an empty ledger would overwrite it.
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
	aside, asideErr := s.disk.MoveAside(now)
	if asideErr != nil {
		return Found{}, fmt.Errorf("reading the state file %s: %w, and it cannot be moved aside: %w", s.Name(), err, asideErr)
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

// Save writes a ledger, unless the file has the same ledger, with the same progress or one of the last five minutes.
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

// Close unlocks the file.
func (s *Store) Close() error { return s.disk.Close() }
