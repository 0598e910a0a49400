package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/semaphore"
)

// readCommitted is the isolation level of all transactions: statements wait for locks, and must then see what was committed while they
// waited.
const readCommitted = "read committed"

const (
	// connections is how many connections a process has at most. The states use one fewer: a heartbeat never waits for saves.
	connections = 4
	// connectTimeout is for a connection, statementTimeout for a statement at the server.
	connectTimeout   = 3 * time.Second
	statementTimeout = 10 * time.Second
	// tableTimeout is for an operation on members and leases, stateTimeout for one on a state, which waits for other gateways' saves.
	tableTimeout = connectTimeout + statementTimeout
	stateTimeout = 3 * tableTimeout
	// closeTimeout is how long Close waits for the server. pgx itself waits for up to 15 seconds, and Kubernetes kills a process 30 seconds
	// after it was asked to end.
	closeTimeout = time.Second
)

// Database is a schema of a PostgreSQL database. It is the [lease.Table] of the processes that use it, and has a [state.Store] for each
// lease. Its methods may be called concurrently. No error has the URL or its password.
type Database struct {
	pool   *pgxpool.Pool
	server atomic.Pointer[server] // replaced when the URL has another user or password
	schema string                 // quoted
	ttl    time.Duration          // of a member
	lock   int64                  // the advisory lock for changes of leases
	states *semaphore.Weighted

	encoder *zstd.Encoder
	decoder *zstd.Decoder

	mu   sync.Mutex
	open map[string]bool // names of the records that this process has open
	// versions are the newest versions of records that this process has opened or saved, by name.
	versions map[string]version
}

// URL returns a postgres:// URL. It is called for each new connection, so that user, password and certificates can change. If it later
// returns the URL of another server or database, the first one stays in use.
type URL func() (string, error)

// Open connects to the database at a URL, and creates or migrates the schema. A member lives for ttl after its last heartbeat. All
// processes of a cluster must use the same schema and ttl.
func Open(ctx context.Context, url URL, schema string, ttl time.Duration) (*Database, error) {
	return open(ctx, url, schema, ttl, true)
}

// Check returns the error that Open would return, and changes nothing in the database.
func Check(ctx context.Context, url URL, schema string) error {
	d, err := open(ctx, url, schema, 0, false)
	if err == nil {
		d.Close()
	}
	return err
}

// open connects for Open and Check. It keeps what it has created or migrated only if keep is true.
func open(ctx context.Context, url URL, schema string, ttl time.Duration, keep bool) (*Database, error) {
	if err := checkSchemaName(schema); err != nil {
		return nil, err
	}
	config, server, err := read(url)
	if err != nil {
		return nil, err
	}
	encoder, decoder, err := newCodec()
	if err != nil {
		return nil, err
	}
	d := &Database{
		schema: pgx.Identifier{schema}.Sanitize(), ttl: ttl, lock: lockKey("leases", schema),
		states: semaphore.NewWeighted(connections - 1), encoder: encoder, decoder: decoder, open: map[string]bool{}, versions: map[string]version{},
	}
	d.server.Store(&server)
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error { return d.update(c, url) }
	if d.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, server.explain("connecting", err)
	}
	if err := d.migrate(ctx, schema, keep); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// update gives a new connection the configuration of the current URL. If that is the URL of another server or database, the last one stays
// in use: with connections to two databases, a process would mix their leases.
func (d *Database) update(c *pgx.ConnConfig, url URL) error {
	_, now, err := read(url)
	if err != nil {
		return err
	}
	last := d.server.Load()
	if now.address == last.address && now.database == last.database {
		d.server.Store(&now)
		last = &now
	}
	*c = *last.config.Copy()
	return nil
}

// read parses the current URL.
func read(url URL) (*pgxpool.Config, server, error) {
	now, err := url()
	if err != nil {
		return nil, server{}, err
	}
	return parse(now)
}

// parse reads a URL, and adds the connection settings that the URL does not have.
func parse(url string) (*pgxpool.Config, server, error) {
	server, err := parseURL(url)
	if err != nil {
		return nil, server, err
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, server, server.invalid(err)
	}
	server.use(config.ConnConfig)
	config.MaxConns, config.MinConns = connections, 0
	if config.ConnConfig.ConnectTimeout == 0 || config.ConnConfig.ConnectTimeout > connectTimeout {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	for name, value := range map[string]string{
		"application_name":              "hoop_exporter",
		"statement_timeout":             milliseconds(statementTimeout),
		"default_transaction_isolation": readCommitted,
		// If the network breaks or the process is paused in the middle of a message, the server ends the transaction, so that others go on.
		"idle_in_transaction_session_timeout": milliseconds(statementTimeout),
		"tcp_keepalives_idle":                 "5",
		"tcp_keepalives_interval":             "3",
		"tcp_keepalives_count":                "3",
	} {
		if _, ok := config.ConnConfig.RuntimeParams[name]; !ok {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	return config, server, nil
}

// Close closes all connections. All operations must have ended. If the server does not answer, pgx closes them after Close has returned.
func (d *Database) Close() {
	closed := make(chan struct{})
	go func() { // it ends within pgx's own timeout
		defer close(closed)
		d.pool.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
	}
	d.decoder.Close()
}

// sql is a statement with the schema's name where it says {schema}.
func (d *Database) sql(statement string) string {
	return strings.ReplaceAll(statement, "{schema}", d.schema)
}

// run sends a batch as one transaction, within a timeout, and returns an error that says what failed.
func (d *Database) run(ctx context.Context, doing string, timeout time.Duration, b *pgx.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	// The commit is the last of the answers: only Close says whether it succeeded.
	if err := d.pool.SendBatch(ctx, b).Close(); err != nil {
		if breaksAll(err, d.pool.Stat().ConstructingConns() > 0) {
			d.pool.Reset()
		}
		return d.server.Load().explain(doing, err)
	}
	return nil
}

// queue adds a statement to a batch, and reads its rows with a function.
func (d *Database) queue(b *pgx.Batch, read func(pgx.Rows) error, statement string, args ...any) {
	q := b.Queue(d.sql(statement), args...)
	if read != nil {
		q.Query(read)
	}
}

// runState is run for operations on states. It bounds how many of them run at once.
func (d *Database) runState(ctx context.Context, doing string, b *pgx.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	if err := d.states.Acquire(ctx, 1); err != nil {
		return d.server.Load().explain(doing, errors.Join(errBusy, err))
	}
	defer d.states.Release(1)
	return d.run(ctx, doing, stateTimeout, b)
}
