package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

// oldest is the oldest version of PostgreSQL that the statements support, in the form of server_version_num.
const oldest = 130000

// migrations returns the statements that migrate each version of the schema to the next one. Released ones never change.
//
// A heartbeat changes no column that has an index, and the pages have room for another version of their rows, so each update is a heap-only
// one, which writes no index and is cleaned up by the next. An index of holders would make updates of leases larger to save a scan of a
// table of a few hundred kilobytes. Contents are compressed already, so PostgreSQL must not try to compress them. A vacuum never locks the
// tables to give back the empty pages at their end.
func migrations() []string {
	return []string{`
		CREATE TABLE {schema}.members (
			id            text PRIMARY KEY,
			url           text NOT NULL,
			configuration text NOT NULL,
			heartbeat     timestamptz NOT NULL
		) WITH (fillfactor = 50, vacuum_truncate = false);
		CREATE TABLE {schema}.leases (
			address text PRIMARY KEY,
			holder  text REFERENCES {schema}.members ON DELETE SET NULL,
			epoch   bigint NOT NULL
		) WITH (fillfactor = 50, vacuum_truncate = false);
		CREATE TABLE {schema}.states (
			name       text PRIMARY KEY,
			address    text NOT NULL,
			opened     bigint NOT NULL,
			saves      bigint NOT NULL,
			content    bytea,
			difference bytea,
			saved_at   timestamptz
		) WITH (fillfactor = 50, vacuum_truncate = false, toast.vacuum_truncate = false);
		ALTER TABLE {schema}.states ALTER content SET STORAGE EXTERNAL, ALTER difference SET STORAGE EXTERNAL;
		COMMENT ON TABLE {schema}.members IS 'The processes. A process lives while its last heartbeat is recent.';
		COMMENT ON TABLE {schema}.leases IS 'Which process watches the gateways at an address. The epoch counts the leases.';
		COMMENT ON TABLE {schema}.states IS 'The state of each organization, compressed with zstd. Each save has a number; an older one never replaces a newer one.';
		COMMENT ON COLUMN {schema}.states.difference IS 'What has changed since the content was saved, compressed with zstd and the content as its dictionary.';
		COMMENT ON COLUMN {schema}.states.opened IS 'How often the state was opened. Only the process that opened it last saves it.';
		COMMENT ON COLUMN {schema}.states.saves IS 'The number of the last save since the state was opened.';`,
	}
}

// checkSchemaName accepts what needs no quotes in SQL, so that people can type it.
func checkSchemaName(name string) error {
	if !regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`).MatchString(name) || strings.HasPrefix(name, "pg_") {
		return fmt.Errorf("the schema's name %q is not valid: use up to 63 of a-z, 0-9 and _, not starting with a digit or pg_", name)
	}
	return nil
}

// lockKey is the number of an advisory lock. Other programs that use the database have different numbers.
func lockKey(purpose, schema string) int64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "hoop_exporter %s %s", purpose, schema) // a hash never fails
	return int64(h.Sum64())
}

// errCheckedOnly rolls back a migration that was only a check.
var errCheckedOnly = errors.New("rolled back")

// migrate creates the schema or brings it to the newest version, and undoes that unless keep is true. Processes that migrate at the same
// time wait for each other.
func (d *Database) migrate(ctx context.Context, schema string, keep bool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*tableTimeout)
	defer cancel()
	err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", lockKey("migration", schema)); err != nil {
			return err
		}
		version, err := d.prepare(ctx, tx, schema)
		if err != nil {
			return err
		}
		steps := migrations()
		if version > len(steps) {
			return advice(fmt.Sprintf("the schema %s has version %d, and this program knows versions up to %d: run the newer version of this program", schema, version, len(steps)))
		}
		for i, step := range steps[version:] {
			if _, err := tx.Exec(ctx, d.sql(step)); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, d.sql("INSERT INTO {schema}.versions (version) VALUES ($1)"), version+i+1); err != nil {
				return err
			}
		}
		if !keep {
			return errCheckedOnly
		}
		return nil
	})
	if errors.Is(err, errCheckedOnly) {
		return nil
	}
	if a, ok := errors.AsType[advice](err); ok {
		return errors.New("preparing PostgreSQL: " + d.server.Load().redact(a.Error()))
	}
	return d.server.Load().explainOpening("preparing PostgreSQL", err)
}

// advice is an error that says what to do.
type advice string

// Error implements error.
func (a advice) Error() string { return string(a) }

// prepare returns the version of the schema, and creates an empty one if there is none.
func (d *Database) prepare(ctx context.Context, tx pgx.Tx, schema string) (version int, err error) {
	var server int
	var exists, mayCreate, standby bool
	var mayUse *bool
	var isolation string
	err = tx.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, to_regnamespace($1) IS NOT NULL,
		has_database_privilege(current_database(), 'CREATE'), pg_is_in_recovery(), current_setting('transaction_isolation'),
		(SELECT has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = $1)`, schema).
		Scan(&server, &exists, &mayCreate, &standby, &isolation, &mayUse)
	user := pgx.Identifier{d.server.Load().user}.Sanitize()
	switch {
	case err != nil:
		return 0, err
	case server < oldest:
		return 0, advice(fmt.Sprintf("the server has version %d.%d: upgrade it to version %d or later", server/10000, server%10000, oldest/10000))
	case standby:
		return 0, advice(usePrimary)
	case isolation != readCommitted:
		return 0, advice(fmt.Sprintf("transactions are %q by default, and must be %q: let an administrator execute ALTER ROLE %s SET default_transaction_isolation = '%s', and remove that setting from the URL",
			isolation, readCommitted, user, readCommitted))
	case !exists && !mayCreate:
		return 0, advice(fmt.Sprintf("there is no schema %s, and the role %s may not create it: let an administrator execute CREATE SCHEMA %s AUTHORIZATION %s in database %s",
			schema, user, d.schema, user, d.server.Load().database))
	case exists && (mayUse == nil || !*mayUse):
		return 0, advice(fmt.Sprintf("the role %s may not use the schema %s: let an administrator execute ALTER SCHEMA %s OWNER TO %s in database %s",
			user, schema, d.schema, user, d.server.Load().database))
	}
	if !exists {
		if _, err := tx.Exec(ctx, "CREATE SCHEMA "+d.schema); err != nil {
			return 0, err
		}
	}
	// Not IF NOT EXISTS: a notice at each start would be in the server's log.
	var table bool
	if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", d.schema+".versions").Scan(&table); err != nil {
		return 0, err
	}
	if !table {
		_, err := tx.Exec(ctx, d.sql("CREATE TABLE {schema}.versions (version integer PRIMARY KEY, migrated_at timestamptz NOT NULL DEFAULT now())"))
		return 0, err
	}
	return version, tx.QueryRow(ctx, d.sql("SELECT coalesce(max(version), 0) FROM {schema}.versions")).Scan(&version)
}
