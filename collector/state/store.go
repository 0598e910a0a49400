package state

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// MaxSize is the size in bytes up to which a state is saved, and read into memory: a few million unfinished sessions.
const MaxSize = 512 << 20

// Store is where states are kept: a directory, for one process, or a database, for many.
type Store interface {
	// Open acquires a record for this process, whether or not it exists. It fails with an error that names the record if another process
	// has it.
	Open(ctx context.Context, name string) (Record, error)
}

// Record is one state, which only this process may replace. Load comes before the first Save, and Close last.
type Record interface {
	// Name is the record's name for messages.
	Name() string
	// Load returns the record's content, or an error that is [fs.ErrNotExist] if there is none.
	Load(ctx context.Context) ([]byte, error)
	// Save replaces the record's content as a whole. After nil the new content survives a crash of the process or the machine; after an
	// error the content is the old or the new one. Content that is too large for Load is an error, and so is a record that another process
	// now has.
	Save(ctx context.Context, content []byte) error
	// MoveAside renames the record, and returns its new name.
	MoveAside(ctx context.Context, now time.Time) (name string, err error)
	// Close releases the record for other processes.
	Close() error
}

// ErrFenced is wrapped by the errors of a [Store] and its records once another process may have them, with a newer lease. After that,
// nothing more is saved.
var ErrFenced = errors.New("another process has taken over the gateway, or is about to: its lease or its state has a newer holder")

// CheckSize returns an error that says what to do if a state has more bytes than it may have.
func CheckSize(size, most int64) error {
	if size <= most {
		return nil
	}
	return fmt.Errorf("the state has %d bytes, more than the limit of %d: the last saved state stays; watch fewer sessions or connections (--sessions.connection, --sessions.type, --metrics.max-connections) or for a shorter time (--sessions.forget-after)", size, most)
}

// AsideName is the new name of a damaged record that is moved aside.
func AsideName(name string, now time.Time) string { return name + ".corrupt-" + stamp(now) }

// stamp is a time for a name, without colons because Windows allows none.
func stamp(t time.Time) string { return t.UTC().Format("20060102T150405.000000000Z") }
