package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// progressEvery is how often a ledger is written if only its progress has changed. A stop then loses only rechecks of unfinished sessions,
// which are repeated; no count depends on them.
const progressEvery = 5 * time.Minute

// LedgerRecord is the record of one identity, which only this process has. It is used by one goroutine: Open, Load, any number of Saves,
// Close.
type LedgerRecord struct {
	id     Identity
	record Record

	saved   ledger.Image
	savedAt time.Time // zero: nothing has been saved yet
}

// Open acquires the record of an identity for this process.
func Open(ctx context.Context, in Store, id Identity) (*LedgerRecord, error) {
	if id.Organization == "" {
		return nil, errors.New("choosing a state: the gateway does not report the organization of the credential")
	}
	record, err := in.Open(ctx, id.name())
	if err != nil {
		return nil, err
	}
	return &LedgerRecord{id: id, record: record}, nil
}

// Name is the record's name for messages.
func (r *LedgerRecord) Name() string { return r.record.Name() }

// Found is what Load found.
type Found struct {
	// Ledger continues the one in the record; nil if there is none, or if it is damaged.
	Ledger *ledger.Ledger
	// Damage is what is wrong with a damaged record, and Aside its new name.
	Damage error
	Aside  string
}

// Load returns the ledger in the record. A damaged record is moved aside. Any other record that cannot be used is an error and stays as it
// is, because starting again with an empty ledger would overwrite it.
func (r *LedgerRecord) Load(ctx context.Context, o ledger.Options, now time.Time) (Found, error) {
	content, err := r.record.Load(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return Found{}, nil
	}
	var l *ledger.Ledger
	if err == nil {
		l, err = r.restore(o, content)
	}
	switch {
	case err == nil:
		return Found{Ledger: l}, nil
	case !errors.Is(err, ErrDamaged):
		return Found{}, fmt.Errorf("reading the state %s: %w", r.Name(), err)
	}
	aside, asideErr := r.record.MoveAside(ctx, now)
	if asideErr != nil {
		return Found{}, fmt.Errorf("reading the state %s: %w, and it cannot be moved aside: %w", r.Name(), err, asideErr)
	}
	return Found{Damage: err, Aside: aside}, nil
}

func (r *LedgerRecord) restore(o ledger.Options, content []byte) (*ledger.Ledger, error) {
	image, err := decode(r.id, content)
	if err != nil {
		return nil, err
	}
	l, err := ledger.Restore(o, image)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return l, nil
}

// Save writes a ledger, unless the record already has the same ledger, with the same progress or one from the last five minutes.
func (r *LedgerRecord) Save(ctx context.Context, i ledger.Image, now time.Time) error {
	if !r.savedAt.IsZero() && bytes.Equal(i.Ledger, r.saved.Ledger) && (now.Sub(r.savedAt) < progressEvery || bytes.Equal(i.Progress, r.saved.Progress)) {
		return nil
	}
	content, err := encode(r.id, i)
	if err == nil {
		err = r.record.Save(ctx, content)
	}
	if err != nil {
		return fmt.Errorf("writing the state %s: %w", r.Name(), err)
	}
	r.saved, r.savedAt = i, now
	return nil
}

// Close releases the record for other processes.
func (r *LedgerRecord) Close() error { return r.record.Close() }
