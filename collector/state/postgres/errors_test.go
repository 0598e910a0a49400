package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	neturl "net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest/pgtest"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
)

// secret is a password with all that is special in a URL, and in a message.
const secret = "s3cr3t /?#@:'\"%~"

// one wants an error that is one line, says something, and has no password anywhere.
func one(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("it works")
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, text := range []string{e.Error(), fmt.Sprintf("%+v", e), fmt.Sprintf("%q", e)} {
			for _, part := range []string{secret, neturl.QueryEscape(secret), neturl.UserPassword("", secret).String()[1:], "s3cr3t", "pgtest"} {
				if strings.Contains(text, part) {
					t.Errorf("%s has the password", text)
				}
			}
		}
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q, want %q", err, w)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\t") || len(err.Error()) > 300 {
		t.Errorf("%q is long", err)
	}
}

// changed is a URL with some parts replaced.
func changed(t *testing.T, url string, change func(u *neturl.URL)) string {
	t.Helper()
	u, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

// databaseOf is the database of a URL.
func databaseOf(t *testing.T, url string) (name string) {
	t.Helper()
	changed(t, url, func(u *neturl.URL) { name = u.Path[1:] })
	return name
}

func TestErrorsSayWhatToDoAndHaveNoPassword(t *testing.T) {
	t.Parallel()
	url := cluster.Database(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	full := "full_" + databaseOf(t, url) // the cluster has the roles of all databases
	pgtest.Exec(t, url, `CREATE ROLE `+full+` LOGIN CONNECTION LIMIT 0 PASSWORD 's3cr3t /?#@:''"%~'`)
	asUser := func(user string) string { return pgtest.As(t, url, user, secret) }
	at := func(host string) string { return changed(t, asUser("u"), func(u *neturl.URL) { u.Host = host }) }
	with := func(query string) string { return changed(t, asUser("u"), func(u *neturl.URL) { u.RawQuery = query }) }
	for name, tc := range map[string]struct {
		url  string
		want []string
	}{
		"wrong password":       {asUser("postgres"), []string{`password authentication failed for user "postgres"`, "check the user and the password in the URL"}},
		"no such role":         {asUser("nobody"), []string{"check the user and the password in the URL"}},
		"no such database":     {changed(t, url, func(u *neturl.URL) { u.Path = "/none" }), []string{`database "none" does not exist`, "create it with CREATE DATABASE, or name another one"}},
		"too many connections": {asUser(full), []string{`too many connections for role "` + full + `"`, "allow more connections; each process uses up to 4"}},
		"nobody listens":       {at(closed.Addr().String()), []string{"cannot connect to PostgreSQL at " + closed.Addr().String() + ": connect: connection refused: ", "check the host and the port in the URL"}},
		"nobody answers":       {at(silent.Addr().String()), []string{"cannot connect to PostgreSQL at " + silent.Addr().String(), "no answer within 3s"}},
		"unknown host":         {at("db.invalid:5432"), []string{"cannot connect to PostgreSQL at db.invalid:5432: ", "check the host"}},
		"no TLS there":         {with("sslmode=require"), []string{": tls error: server refused TLS connection", "check sslmode and sslrootcert in the URL, and ssl on the server"}},
		"no certificate":       {with("sslmode=verify-full&sslrootcert=/none/ca.crt"), []string{"the PostgreSQL URL is not valid", "/none/ca.crt"}},
		"bad sslmode":          {with("sslmode=s3cr3t-not"), []string{"the PostgreSQL URL is not valid"}},
		"password in a query":  {with("sslmode=disable&password=" + neturl.QueryEscape(secret)), []string{"check the user and the password in the URL"}},
		"nothing":              {"", []string{"the PostgreSQL URL is not valid: want postgres://"}},
		"keywords":             {"host=127.0.0.1 password=s3cr3t", []string{"the PostgreSQL URL is not valid: want postgres://"}},
		"another scheme":       {"https://u:s3cr3t@db/x", []string{"the PostgreSQL URL is not valid"}},
		"a percent sign":       {"postgres://u:s3cr3t%@db/x", []string{"the PostgreSQL URL is not valid"}},
		"a slash":              {"postgres://u:1/s3cr3t@db/x", []string{"the password in the PostgreSQL URL has one of /?#@"}},
		"a question mark":      {"postgres://u:1?s3cr3t@db/x", []string{"the password in the PostgreSQL URL has one of /?#@"}},
		"a hash":               {"postgres://u:1#s3cr3t@db/x", []string{"the password in the PostgreSQL URL has one of /?#@"}},
		"a bad port":           {"postgres://u:p@db:s3cr3t/x", []string{"the PostgreSQL URL is not valid"}},
		"a bad second port":    {"postgres://u:p@db,[::1]:s3cr3t/x", []string{"the PostgreSQL URL is not valid"}},
		"an at sign":           {"postgres://u:1@s3cr3t@db/x", []string{"the password in the PostgreSQL URL has one of /?#@"}},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Open(t.Context(), fixed(tc.url), schema, ttl)
			if err == nil {
				d.Close()
			}
			one(t, err, tc.want...)
		})
	}
}

// A URL can name all hosts of a cluster, also by IPv6 addresses. Messages name them all, because any of them can be the one that fails.
func TestAURLMayHaveSeveralHostsOfAnyForm(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:p@db/x":                           "db:5432",
		"postgres://u:p@a:5433,b/x":                     "a:5433 or b:5432",
		"postgres://u:p@[::1]:5433,[fd00::2]/x":         "[::1]:5433 or [fd00::2]:5432",
		"postgres://u:p@b,[::1]:5433/x?sslmode=require": "b:5432 or [::1]:5433",
		"postgres:///x?host=::1,b&port=5433,5432":       "[::1]:5433 or b:5432",
	} {
		if _, s, err := parse(url); err != nil || s.address != want {
			t.Errorf("%s: %s, %v, want %s", url, s.address, err, want)
		}
	}
}

// Without a password, the user is not a secret: the schema often has the same name, and the advice about it must stay readable.
func TestAUserWithoutAPasswordIsShown(t *testing.T) {
	const text = "there is no schema hoop_exporter, and the role hoop_exporter may not create it"
	s, err := parseURL("postgres://hoop_exporter@db/x?sslpassword=s3cr3t")
	if err != nil || s.redact(text+" s3cr3t") != text+" ***" {
		t.Errorf("%q, %v", s.redact(text), err)
	}
}

func TestCodesOfTheServerHaveAdvice(t *testing.T) {
	s := &server{address: "db:5432", database: "d", user: "u", secrets: []string{"s3cr3t"}}
	for code, want := range map[string]string{
		"53100": "the disk of PostgreSQL is full: make room there",
		"25006": "the database is read-only, or the server is a standby: name the primary",
		"42501": "and have CONNECT on the database",
		"57014": "PostgreSQL is slow: check its load",
		"28000": `create the role "u"`,
		"57P01": "the exporter tries again",
		"26000": "add default_query_exec_mode=exec to the URL",
	} {
		one(t, s.explain("saving", &pgconn.PgError{Code: code, Message: "m of s3cr3t"}), "saving: PostgreSQL at db:5432: m of *** (SQLSTATE "+code+"): ", want)
	}
	starting := &pgconn.PgError{Code: "57P03", Message: "the database system is starting up"}
	one(t, s.explainOpening("preparing", starting), "preparing: PostgreSQL at db:5432: the database system is starting up (SQLSTATE 57P03): start again when PostgreSQL is ready")
	one(t, s.explain("", &pgconn.PgError{Code: "08P01", Message: "unsupported startup parameter: statement_timeout"}), "ignore_startup_parameters of PgBouncer")
	one(t, s.explain("x", errors.New("a\n\tb")), "x: PostgreSQL at db:5432: a b")
	if err := s.explain("x", context.Canceled); !errors.Is(err, context.Canceled) || err.Error() != "x: it was canceled" {
		t.Errorf("%v", err)
	}
	if err := s.explain("x", nil); err != nil {
		t.Errorf("%v", err)
	}
}

// What an administrator has to do for a role without rights, and that it is enough.
func TestARoleThatOwnsItsSchemaIsEnough(t *testing.T) {
	url := cluster.Database(t)
	database := databaseOf(t, url)
	least := "least-" + database // it needs quotes
	role := `CREATE ROLE "` + least + `" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD 's3cr3t /?#@:''"%~'`
	pgtest.Exec(t, url, role, "REVOKE ALL ON SCHEMA public FROM PUBLIC", "REVOKE CREATE, TEMPORARY ON DATABASE "+database+" FROM PUBLIC")
	mine := pgtest.As(t, url, least, secret)

	create := `CREATE SCHEMA "hoop_exporter" AUTHORIZATION "` + least + `"`
	_, err := Open(t.Context(), fixed(mine), schema, ttl)
	one(t, err, `there is no schema hoop_exporter, and the role "`+least+`" may not create it: let an administrator execute `+create+" in database "+database)

	pgtest.Exec(t, url, "CREATE SCHEMA hoop_exporter")
	_, err = Open(t.Context(), fixed(mine), schema, ttl)
	one(t, err, `the role "`+least+`" may not use the schema hoop_exporter: let an administrator execute ALTER SCHEMA "hoop_exporter" OWNER TO "`+least+`"`)

	pgtest.Exec(t, url, "DROP SCHEMA hoop_exporter", create)
	for range 2 { // it migrates, and finds that it has
		d := opened(t, mine)
		l := leased(t, d, "a", "x")
		r, _ := recordOf(t, d, l)
		saves(t, r, "content", nil)
		if _, err := r.MoveAside(t.Context(), noon()); err != nil {
			t.Error(err)
		}
		saves(t, r, "content", nil)
		if err := errors.Join(r.Close(), d.Release(t.Context(), []lease.Lease{l}), d.Leave(t.Context(), "a")); err != nil {
			t.Error(err)
		}
		pgtest.Exec(t, url, "DELETE FROM hoop_exporter.states")
	}
	pgtest.Exec(t, url, "ALTER TABLE hoop_exporter.versions OWNER TO postgres")
	_, err = Open(t.Context(), fixed(mine), schema, ttl)
	one(t, err, "permission denied for table versions", `the role "`+least+`" must own the schema and everything in it`)
}

func TestASchemaOfANewerVersionIsRefused(t *testing.T) {
	url := cluster.Database(t)
	opened(t, url)
	pgtest.Exec(t, url, "INSERT INTO hoop_exporter.versions VALUES (7)")
	_, err := Open(t.Context(), fixed(url), schema, ttl)
	one(t, err, "the schema hoop_exporter has version 7, and this program knows versions up to 1: run the newer version of this program")
}

// --config.check of a new version must not migrate what the running one uses.
func TestACheckChangesNothing(t *testing.T) {
	url := cluster.Database(t)
	for _, made := range []bool{false, true} {
		if made {
			opened(t, url)
		}
		if err := Check(t.Context(), fixed(url), schema); err != nil {
			t.Error(err)
		}
		var exists bool
		if err := pgtest.Connect(t, url).QueryRow(t.Context(), "SELECT to_regclass('hoop_exporter.states') IS NOT NULL").Scan(&exists); err != nil || exists != made {
			t.Errorf("the schema exists: %v, %v; want %v", exists, err, made)
		}
	}
	pgtest.Exec(t, url, "INSERT INTO hoop_exporter.versions VALUES (7)")
	one(t, Check(t.Context(), fixed(url), schema), "the schema hoop_exporter has version 7, and this program knows versions up to 1: run the newer version of this program")
}

func TestASchemaThatWentIsAnError(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	pgtest.Exec(t, url, "DROP SCHEMA hoop_exporter CASCADE")
	_, err := d.Heartbeat(t.Context(), lease.Member{ID: "a"})
	one(t, err, "sending a heartbeat: PostgreSQL at 127.0.0.1:", "the schema was removed or changed: restart the exporter")
}

func TestAStandbyIsRefused(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	readOnly := opened(t, url+"&default_transaction_read_only=on")
	_, err := readOnly.Heartbeat(t.Context(), lease.Member{ID: "a"})
	one(t, err, "the server is a standby: name the primary")
	leased(t, d, "a", "x")
}

func TestAPrimaryThatIsMissingIsAnError(t *testing.T) {
	url := cluster.Database(t)
	pgtest.Exec(t, url, "ALTER DATABASE "+databaseOf(t, url)+" SET default_transaction_read_only = on")
	_, err := Open(t.Context(), fixed(url+"&target_session_attrs=read-write"), schema, ttl)
	one(t, err, "preparing PostgreSQL: cannot use PostgreSQL at 127.0.0.1:", ": none of the servers that answer is the primary: promote one, or name the primary in the URL")
}

// A setting in the URL takes precedence over this package's, and a connection pool in between can ignore both.
func TestAnotherIsolationLevelIsRefused(t *testing.T) {
	_, err := Open(t.Context(), fixed(cluster.Database(t)+"&default_transaction_isolation=serializable"), schema, ttl)
	one(t, err, `preparing PostgreSQL: transactions are "serializable" by default, and must be "read committed"`)
}

func TestACanceledContextIsAnError(t *testing.T) {
	d := opened(t, cluster.Database(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := d.Heartbeat(ctx, lease.Member{ID: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", v, err)
	}
	leased(t, d, "a", "x")
}
