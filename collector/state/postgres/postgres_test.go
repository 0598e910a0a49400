package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest/pgtest"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease/leasetest"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
	"github.com/hoop-exporter/hoop_exporter/collector/state/statetest"
)

// cluster is what all tests of this package share. Each has a database of its own.
var cluster pgtest.Cluster

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := cluster.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}

const (
	schema = "hoop_exporter"
	ttl    = time.Minute
	name   = "hoop_exporter-a-all-0123456789abcdef.state"
)

func noon() time.Time { return time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC) }

// fixed is a URL that does not change.
func fixed(url string) URL { return func() (string, error) { return url, nil } }

// opened opens the schema at a URL.
func opened(t testing.TB, url string) *Database {
	t.Helper()
	d, err := Open(t.Context(), fixed(url), schema, ttl)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// leased has a member hold a lease of an address.
func leased(t testing.TB, d *Database, member, address string) lease.Lease {
	t.Helper()
	if _, err := d.Heartbeat(t.Context(), lease.Member{ID: member}); err != nil {
		t.Fatal(err)
	}
	got, err := d.Acquire(t.Context(), member, []string{address})
	if err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	return got[0]
}

// record opens the record under a lease, and loads it.
func recordOf(t testing.TB, d *Database, l lease.Lease) (r state.Record, content string) {
	t.Helper()
	r, err := d.Store(l).Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	b, _ := r.Load(t.Context())
	return r, string(b)
}

// kill makes a member's last heartbeat old.
func kill(t testing.TB, url, member string) {
	t.Helper()
	pgtest.Exec(t, url, "UPDATE hoop_exporter.members SET heartbeat = heartbeat - interval '1 hour' WHERE id = '"+member+"'")
}

// saves wants a save to succeed, or to be fenced.
func saves(t testing.TB, r state.Record, content string, want error) {
	t.Helper()
	if err := r.Save(t.Context(), []byte(content)); !errors.Is(err, want) || (err == nil) != (want == nil) {
		t.Errorf("%v for %.40q, want %v", err, content, want)
	}
}

func TestADatabaseIsAStore(t *testing.T) {
	url := cluster.Database(t)
	n := 0
	statetest.TestStore(t, func(t *testing.T) state.Store {
		n++
		d, err := Open(t.Context(), fixed(url), fmt.Sprint("store_", n), ttl)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		return d.Store(leased(t, d, "m", "https://gateway"))
	})
}

func TestADatabaseIsATable(t *testing.T) {
	url := cluster.Database(t)
	n := 0
	leasetest.TestTable(t, func(t *testing.T) leasetest.Table {
		n++
		name := fmt.Sprint("table_", n)
		d, err := Open(t.Context(), fixed(url), name, ttl)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		return leasetest.Table{Table: d, Kill: func(t *testing.T, member string) {
			pgtest.Exec(t, url, "UPDATE "+name+".members SET heartbeat = heartbeat - interval '61 s' WHERE id = '"+member+"'")
		}}
	})
}

func TestAMemberLivesForItsTimeByTheDatabasesClock(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	leased(t, d, "a", "x")
	for _, tc := range []struct {
		age   string
		lives bool
	}{{"59 s", true}, {"61 s", false}} {
		pgtest.Exec(t, url, "UPDATE hoop_exporter.members SET heartbeat = clock_timestamp() - interval '"+tc.age+"' WHERE id = 'a'")
		v, err := d.Heartbeat(t.Context(), lease.Member{ID: "b"})
		if err != nil || (len(v.Members) == 2) != tc.lives || (len(v.Leases) == 1) != tc.lives {
			t.Errorf("%v, %v when its heartbeat was %s ago", v, err, tc.age)
		}
		got, err := d.Acquire(t.Context(), "b", []string{"x"})
		if err != nil || (len(got) == 0) != tc.lives {
			t.Errorf("%v, %v is acquired when its heartbeat was %s ago", got, err, tc.age)
		}
	}
}

// The database's clock is set back, or a standby with a slower clock is promoted: a member that died shortly before that does not live
// until the clock has caught up.
func TestAMemberWithAHeartbeatInTheFutureDiesInTime(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	leased(t, d, "a", "x")
	leased(t, d, "b", "y")
	pgtest.Exec(t, url, "UPDATE hoop_exporter.members SET heartbeat = heartbeat + interval '1 hour'")
	if v, err := d.Heartbeat(t.Context(), lease.Member{ID: "b"}); err != nil || len(v.Members) != 2 || len(v.Leases) != 2 {
		t.Errorf("%v, %v; want both: a may live", v, err)
	}
	pgtest.Exec(t, url, "UPDATE hoop_exporter.members SET heartbeat = heartbeat - interval '61 s' WHERE id = 'a'") // the time passes
	if v, err := d.Heartbeat(t.Context(), lease.Member{ID: "b"}); err != nil || len(v.Members) != 1 {
		t.Errorf("%v, %v; want b alone", v, err)
	}
	if got, err := d.Acquire(t.Context(), "b", []string{"x"}); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestTwoSchemasAreTwoClusters(t *testing.T) {
	url := cluster.Database(t)
	first := opened(t, url)
	second, err := Open(t.Context(), fixed(url), "other", ttl)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(second.Close)
	r, _ := recordOf(t, first, leased(t, first, "a", "x"))
	saves(t, r, "first", nil)
	l := leased(t, second, "b", "x")
	if _, content := recordOf(t, second, l); content != "" {
		t.Errorf("the other one has %q", content)
	}
	if v, err := second.Heartbeat(t.Context(), lease.Member{ID: "b"}); err != nil || len(v.Members) != 1 || l.Epoch != 1 {
		t.Errorf("%v, %v with %v", v, err, l)
	}
}

func TestProcessesThatStartAtOnceMigrateOnce(t *testing.T) {
	url := cluster.Database(t)
	errs := make(chan error)
	for range 5 {
		go func() {
			d, err := Open(context.Background(), fixed(url), schema, ttl)
			if err == nil {
				d.Close()
			}
			errs <- err
		}()
	}
	for range 5 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	var versions []int
	rows, err := pgtest.Connect(t, url).Query(t.Context(), "SELECT version FROM hoop_exporter.versions ORDER BY version")
	if err == nil {
		versions, err = pgx.CollectRows(rows, pgx.RowTo[int])
	}
	if err != nil || len(versions) != len(migrations()) {
		t.Errorf("%v, %v", versions, err)
	}
}

func TestConnectionsSayWhoseTheyAre(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	for query, want := range map[string]string{
		"SHOW application_name": "hoop_exporter", "SHOW statement_timeout": "10s", "SHOW idle_in_transaction_session_timeout": "10s",
	} {
		var got string
		if err := d.pool.QueryRow(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", query, got, err, want)
		}
	}
	if got := d.pool.Config().MaxConns; got != 4 {
		t.Errorf("%d connections", got)
	}
	named := opened(t, url+"&application_name=mine")
	var got string
	if err := named.pool.QueryRow(t.Context(), "SHOW application_name").Scan(&got); err != nil || got != "mine" {
		t.Errorf("%q, %v; want what the URL says", got, err)
	}
}

func TestSchemaNamesThatNeedQuotesAreRefused(t *testing.T) {
	for _, name := range []string{"", "Hoop", "1a", "pg_hoop", "a b", `a"b`, "a;b", "a-b", strings.Repeat("a", 64)} {
		if d, err := Open(t.Context(), fixed("postgres://127.0.0.1:1/"), name, ttl); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("the schema's name %q is not valid: use", name)) {
			t.Errorf("%v, %v for %q", d, err, name)
		}
	}
	// A keyword works, because names are quoted.
	for _, name := range []string{"a", "_", "user", "hoop_exporter_2", strings.Repeat("a", 63)} {
		if err := checkSchemaName(name); err != nil {
			t.Error(err)
		}
	}
	d, err := Open(t.Context(), fixed(cluster.Database(t)), "user", ttl)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	leased(t, d, "a", "x")
}
