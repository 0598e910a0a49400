package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
)

const (
	// heartbeat updates one row. A member that another process has just found dead waits until it is deleted, and is then inserted again.
	heartbeat = `INSERT INTO {schema}.members (id, url, configuration, heartbeat) VALUES ($1, $2, $3, clock_timestamp())
		ON CONFLICT (id) DO UPDATE SET url = EXCLUDED.url, configuration = EXCLUDED.configuration, heartbeat = clock_timestamp()`

	// settle sets heartbeats that are in the future to now: after the clock was set back, a dead member would otherwise live until the clock
	// has caught up. A living member sends its next heartbeat soon. A row that is locked is getting a heartbeat right now.
	settle = `UPDATE {schema}.members SET heartbeat = clock_timestamp() WHERE id IN (
			SELECT id FROM {schema}.members WHERE heartbeat > clock_timestamp() + interval '1 second' ORDER BY id FOR UPDATE SKIP LOCKED
		)`

	// view comes after heartbeat in the same transaction. With READ COMMITTED, it sees all that was committed before it began. So if the
	// heartbeat had to wait for the member's deletion, the view lacks the member's leases; if the heartbeat came first, the deletion finds
	// the member alive.
	view = `SELECT m.id, m.url, m.configuration, l.addresses, l.epochs FROM {schema}.members m LEFT JOIN (
			SELECT holder, array_agg(address) AS addresses, array_agg(epoch) AS epochs
			FROM {schema}.leases WHERE holder IS NOT NULL GROUP BY holder
		) l ON l.holder = m.id
		WHERE m.heartbeat >= clock_timestamp() - $1::interval ORDER BY m.id`

	// lock is the advisory lock for changes of leases. The statements after it in the transaction see what the last transaction that had
	// the lock committed.
	lock = `SELECT pg_advisory_xact_lock($1)`

	// bury deletes members that are dead; their leases become free by the foreign key. A row that is locked belongs to a heartbeat: that
	// member lives. PostgreSQL could wait for the heartbeat's commit and check the condition again, but no process should wait for one that
	// may be in trouble.
	bury = `DELETE FROM {schema}.members WHERE id IN (
			SELECT id FROM {schema}.members WHERE heartbeat < clock_timestamp() - $1::interval ORDER BY id FOR UPDATE SKIP LOCKED
		)`

	// take takes addresses that nobody holds. Since the advisory lock keeps other changes away, an address that is free in its snapshot
	// stays free. It waits for saves under the last lease of the address, which lock the row.
	take = `INSERT INTO {schema}.leases AS old (address, holder, epoch)
		SELECT a.address, m.id, 1 FROM {schema}.members m, (SELECT DISTINCT unnest($2::text[]) AS address) a
		WHERE m.id = $1 AND NOT EXISTS (SELECT FROM {schema}.leases l WHERE l.address = a.address AND l.holder IS NOT NULL)
		ORDER BY a.address
		ON CONFLICT (address) DO UPDATE SET holder = EXCLUDED.holder, epoch = old.epoch + 1
		RETURNING address, epoch`

	lives = `SELECT EXISTS (SELECT FROM {schema}.members WHERE id = $1)`

	release = `UPDATE {schema}.leases l SET holder = NULL FROM unnest($1::text[], $2::text[], $3::bigint[]) AS r (address, holder, epoch)
		WHERE l.address = r.address AND l.holder = r.holder AND l.epoch = r.epoch`

	leave = `DELETE FROM {schema}.members WHERE id = $1`
)

var _ lease.Table = (*Database)(nil)

// Heartbeat implements [lease.Table]. The view's members are sorted by id.
func (d *Database) Heartbeat(ctx context.Context, m lease.Member) (lease.View, error) {
	var v lease.View
	b := &pgx.Batch{}
	d.queue(b, nil, heartbeat, m.ID, m.URL, m.Configuration)
	d.queue(b, nil, settle)
	d.queue(b, func(rows pgx.Rows) error {
		var m lease.Member
		var addresses []string
		var epochs []int64
		_, err := pgx.ForEachRow(rows, []any{&m.ID, &m.URL, &m.Configuration, &addresses, &epochs}, func() error {
			v.Members = append(v.Members, m)
			for i, a := range addresses {
				v.Leases = append(v.Leases, lease.Lease{Address: a, Holder: m.ID, Epoch: lease.Epoch(epochs[i])})
			}
			return nil
		})
		return err
	}, view, d.ttl)
	if err := d.run(ctx, "sending a heartbeat", tableTimeout, b); err != nil {
		return lease.View{}, err
	}
	return v, nil
}

// Acquire implements [lease.Table]. It fails with [errDead] if the member is dead.
func (d *Database) Acquire(ctx context.Context, member string, addresses []string) ([]lease.Lease, error) {
	var taken []lease.Lease
	b := &pgx.Batch{}
	d.queue(b, nil, lock, d.lock)
	d.queue(b, nil, bury, d.ttl)
	d.queue(b, func(rows pgx.Rows) error {
		l := lease.Lease{Holder: member}
		_, err := pgx.ForEachRow(rows, []any{&l.Address, &l.Epoch}, func() error {
			taken = append(taken, l)
			return nil
		})
		return err
	}, take, member, addresses)
	var alive bool
	b.Queue(d.sql(lives), member).QueryRow(func(row pgx.Row) error { return row.Scan(&alive) })
	switch err := d.run(ctx, "acquiring leases", tableTimeout, b); {
	case err != nil:
		return nil, err
	case !alive:
		return nil, errDead
	}
	return taken, nil
}

// Release implements [lease.Table].
func (d *Database) Release(ctx context.Context, leases []lease.Lease) error {
	n := len(leases)
	addresses, holders, epochs := make([]string, n), make([]string, n), make([]int64, n)
	for i, l := range leases {
		addresses[i], holders[i], epochs[i] = l.Address, l.Holder, int64(l.Epoch)
	}
	b := &pgx.Batch{}
	d.queue(b, nil, lock, d.lock)
	d.queue(b, nil, release, addresses, holders, epochs)
	return d.run(ctx, "releasing leases", tableTimeout, b)
}

// Leave implements [lease.Table].
func (d *Database) Leave(ctx context.Context, member string) error {
	b := &pgx.Batch{}
	d.queue(b, nil, lock, d.lock)
	d.queue(b, nil, leave, member)
	return d.run(ctx, "leaving", tableTimeout, b)
}
