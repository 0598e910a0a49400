package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/klauspost/compress/zstd"

	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

const (
	// held locks the lease's row if that lease is still the newest. If another process is changing the row, the statement waits, and then
	// checks it again. Until the statement's transaction ends, no other process can take the lease, so the next holder loads what is saved
	// here.
	held = `WITH held AS (SELECT 1 FROM {schema}.leases WHERE address = $1 AND holder = $2 AND epoch = $3 FOR SHARE)`

	// openState creates the state's row, or moves it to this address if no living member has a lease of its old address. If two members do so
	// at the same time, the later one waits for the row, and may not see the lease of the other one yet. Then it moves the row, and the
	// other one is fenced. Each time, the row gets a new value of opened, which only the last process knows. before is the row as it was.
	openState = held + `, opened AS (
			INSERT INTO {schema}.states AS s (name, address, opened, saves) SELECT $4, $1, 1, 0 FROM held
			ON CONFLICT (name) DO UPDATE SET address = EXCLUDED.address, opened = s.opened + 1, saves = 0
			WHERE s.address = EXCLUDED.address OR NOT EXISTS (
				SELECT FROM {schema}.leases l JOIN {schema}.members m ON m.id = l.holder
				WHERE l.address = s.address AND m.heartbeat >= clock_timestamp() - $5::interval
			)
			RETURNING opened
		), before AS (SELECT address, opened, saves FROM {schema}.states WHERE name = $4)
		SELECT EXISTS (SELECT FROM held), (SELECT opened FROM opened), coalesce((SELECT address FROM before), ''),
			coalesce((SELECT opened FROM before), 0), coalesce((SELECT saves FROM before), 0)`

	// load reads the state under a lease. The lease may end right after that: then the next save fails.
	load = `SELECT s.content, s.difference FROM {schema}.leases l JOIN {schema}.states s ON s.name = $4 AND s.opened = $5
		WHERE l.address = $1 AND l.holder = $2 AND l.epoch = $3`

	// save replaces the content unless the row has a newer one: a save whose answer was lost can still be on its way to the server, or
	// waiting there, after the process has saved again.
	save = held + ` UPDATE {schema}.states SET content = $7, difference = NULL, saves = $6, saved_at = clock_timestamp() FROM held
		WHERE name = $4 AND opened = $5 AND saves < $6`

	// saveDifference does not change the content, so PostgreSQL does not write its pages again. The row must have the previous save.
	saveDifference = held + ` UPDATE {schema}.states SET difference = $7, saves = $6, saved_at = clock_timestamp() FROM held
		WHERE name = $4 AND opened = $5 AND saves = $6 - 1`

	// moveAside renames the row, and leaves an empty one.
	moveAside = held + `, moved AS (
			UPDATE {schema}.states SET name = $7 FROM held WHERE name = $4 AND opened = $5 AND saves < $6 AND content IS NOT NULL
			RETURNING address, opened
		) INSERT INTO {schema}.states (name, address, opened, saves) SELECT $4, address, opened, $6 FROM moved`
)

// Store returns the [state.Store] for the gateways at the address of a lease. All its operations fail with [state.ErrFenced] once the lease
// has ended.
func (d *Database) Store(l lease.Lease) state.Store { return store{d, l} }

type store struct {
	*Database
	lease lease.Lease
}

// Open implements [state.Store]. It fails if a gateway at another address has the record, and the lease of that address lives.
func (s store) Open(ctx context.Context, name string) (state.Record, error) {
	if !s.reserve(name) {
		return nil, fmt.Errorf("the state %s is in use by another gateway of this process: two gateways with the same organization and filters would count everything twice; remove one", name)
	}
	r := &record{store: s, name: name}
	if err := r.acquire(ctx); err != nil {
		s.unreserve(name)
		return nil, err
	}
	return r, nil
}

// reserve marks a record as open in this process. It returns false if it is open already.
func (d *Database) reserve(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[name] {
		return false
	}
	d.open[name] = true
	return true
}

func (d *Database) unreserve(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, name)
}

// version says how new a row is: how often it was opened, and the number of its last save since then.
type version struct{ opened, saves int64 }

func (v version) newerThan(w version) bool {
	return v.opened > w.opened || v.opened == w.opened && v.saves > w.saves
}

// setVersion records the version that this process has opened or saved, and returns the previous one.
func (d *Database) setVersion(name string, v version) (last version) {
	d.mu.Lock()
	defer d.mu.Unlock()
	last, d.versions[name] = d.versions[name], v
	return last
}

// record is a [state.Record]: the row that was opened under a lease. One goroutine uses it.
type record struct {
	store
	name   string
	opened int64 // the row's value of opened, unless another process has opened it since
	tries  int64 // the number of the last save, whether or not it succeeded
	base   base
	closed bool
}

// args returns the arguments of a statement that begins with held.
func (r *record) args(more ...any) []any {
	return append([]any{r.lease.Address, r.lease.Holder, int64(r.lease.Epoch), r.name}, more...)
}

func (r *record) fenced() error { return fmt.Errorf("the state %s: %w", r.name, state.ErrFenced) }

func (r *record) acquire(ctx context.Context) error {
	var leased bool
	var opened *int64
	var address string
	var before version
	b := &pgx.Batch{}
	b.Queue(r.sql(openState), r.args(r.ttl)...).QueryRow(func(row pgx.Row) error {
		return row.Scan(&leased, &opened, &address, &before.opened, &before.saves)
	})
	switch err := r.runState(ctx, "opening the state "+r.name, b); {
	case err != nil:
		return err
	case !leased:
		return r.fenced()
	case opened == nil:
		return fmt.Errorf("the state %s is in use by a gateway at %s, and this one is at %s: both have the same organization and filters, and would count everything twice; remove one", r.name, address, r.lease.Address)
	}
	r.opened = *opened
	if r.setVersion(r.name, version{r.opened, 0}).newerThan(before) {
		// This try fails, so that the log and the metrics show the loss. The next one succeeds.
		return fmt.Errorf("the state %s is older than the one that this process has saved: a backup of the database was restored, or a standby without the last saves took over; the next try continues from the older state, so counters fall", r.name)
	}
	return nil
}

// Name implements [state.Record].
func (r *record) Name() string { return r.name }

// Load implements [state.Record].
func (r *record) Load(ctx context.Context) ([]byte, error) {
	whole, difference, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	content, err := r.decoder.DecodeAll(whole, nil)
	if err == nil && difference != nil {
		content, err = applied(content, difference)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", state.ErrDamaged, err)
	}
	return content, nil
}

// read returns the content and the difference as they are saved.
func (r *record) read(ctx context.Context) (content, difference []byte, err error) {
	found := false
	b := &pgx.Batch{}
	r.queue(b, func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&content, &difference}, func() error {
			found = true
			return nil
		})
		return err
	}, load, r.args(r.opened)...)
	switch err := r.runState(ctx, "", b); {
	case err != nil:
		return nil, nil, err
	case !found:
		return nil, nil, r.fenced()
	case content == nil:
		return nil, nil, fs.ErrNotExist
	}
	return content, difference, nil
}

// Save implements [state.Record].
func (r *record) Save(ctx context.Context, content []byte) error {
	if err := state.CheckSize(int64(len(content)), state.MaxSize); err != nil {
		return err
	}
	last := r.base
	r.base = base{} // after an error, the row may have the last content or this one
	difference, err := last.difference(content)
	if err != nil {
		return fmt.Errorf("compressing the state: %w", err)
	}
	if difference != nil {
		switch err := r.change(ctx, saveDifference, difference); {
		case err == nil:
			r.base = last
			return nil
		case !errors.Is(err, state.ErrFenced):
			return err
		}
		// The database may have lost only the last saves: then the row still belongs to this process, and a whole content replaces it.
	}
	whole := r.encoder.EncodeAll(content, nil)
	if err := r.change(ctx, save, whole); err != nil {
		return err
	}
	r.base = last.replaced(content, len(whole))
	return nil
}

// MoveAside implements [state.Record].
func (r *record) MoveAside(ctx context.Context, now time.Time) (string, error) {
	if _, _, err := r.read(ctx); err != nil {
		return "", err
	}
	r.base = base{}
	name := state.AsideName(r.name, now)
	return name, r.change(ctx, moveAside, name)
}

// change executes save, saveDifference or moveAside. Each try has a number of its own, because after an error, the last one may still
// take effect.
func (r *record) change(ctx context.Context, statement string, arg any) error {
	r.tries++
	changed := false
	b := &pgx.Batch{}
	b.Queue(r.sql(statement), r.args(r.opened, r.tries, arg)...).Exec(func(tag pgconn.CommandTag) error {
		changed = tag.RowsAffected() == 1
		return nil
	})
	if err := r.runState(ctx, "", b); err != nil {
		return err
	}
	if !changed {
		return r.fenced()
	}
	r.setVersion(r.name, version{r.opened, r.tries})
	return nil
}

// Close implements [state.Record]. There is nothing to release in the database: the lease says who may open it.
func (r *record) Close() error {
	if !r.closed {
		r.closed = true
		r.unreserve(r.name)
	}
	return nil
}

// newCodec returns an encoder and a decoder of contents. Compression saves much: a state repeats the same words, and PostgreSQL's log
// (WAL), which goes to each replica, has each whole content.
func newCodec() (*zstd.Encoder, *zstd.Decoder, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(state.MaxSize))
	return encoder, decoder, err
}
