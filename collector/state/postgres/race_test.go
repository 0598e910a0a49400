package postgres

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest/pgtest"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// transaction is one that another process left open.
func transaction(t *testing.T, url string, statements ...string) pgx.Tx {
	t.Helper()
	tx, err := pgtest.Connect(t, url).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := tx.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return tx
}

func commit(t *testing.T, tx pgx.Tx) {
	t.Helper()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// whileBlocked runs f, and calls then once f waits for a lock at the server.
func whileBlocked(t *testing.T, url string, f func(), then func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	defer func() { <-done }()
	watch := pgtest.Connect(t, url)
	for {
		select {
		case <-done:
			t.Error("it did not wait")
			return
		default:
		}
		var n int
		if err := watch.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()").Scan(&n); err != nil {
			t.Error(err)
			return
		}
		if n > 0 {
			then()
			return
		}
	}
}

// A save comes while another process takes the lease, and has not committed: the save waits, and then finds that it is fenced.
func TestASaveThatMeetsATakeoverIsFenced(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	l := leased(t, d, "a", "x")
	r, _ := recordOf(t, d, l)
	saves(t, r, "old", nil)
	kill(t, url, "a")
	if _, err := d.Heartbeat(t.Context(), lease.Member{ID: "b"}); err != nil {
		t.Fatal(err)
	}
	takeover := transaction(t, url, d.sql("DELETE FROM {schema}.members WHERE id = 'a'"),
		d.sql("UPDATE {schema}.leases SET holder = 'b', epoch = epoch + 1 WHERE address = 'x'"))
	whileBlocked(t, url, func() { saves(t, r, "late", state.ErrFenced) }, func() { commit(t, takeover) })
	if content, err := r.Load(t.Context()); !errors.Is(err, state.ErrFenced) {
		t.Errorf("%q, %v; want that reading is fenced too", content, err)
	}
	if moved, err := r.MoveAside(t.Context(), noon()); !errors.Is(err, state.ErrFenced) {
		t.Errorf("%q, %v; want that it is not moved", moved, err)
	}
	_ = r.Close()
	if other, err := d.Store(l).Open(t.Context(), name); !errors.Is(err, state.ErrFenced) {
		t.Errorf("%v, %v; want that it is not opened again", other, err)
	}
	if _, content := recordOf(t, d, lease.Lease{Address: "x", Holder: "b", Epoch: 2}); content != "old" {
		t.Errorf("the next holder has %q", content)
	}
}

// A takeover comes while a save has the lease's row, and has not committed: the takeover waits, and the next holder has what was saved.
func TestATakeoverWaitsForASave(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	r, _ := recordOf(t, d, leased(t, d, "a", "x"))
	saves(t, r, "old", nil)
	kill(t, url, "a")
	save := transaction(t, url, d.sql("SELECT FROM {schema}.leases WHERE address = 'x' FOR SHARE"),
		d.sql("UPDATE {schema}.states SET saved_at = '2026-08-03'"))
	var l lease.Lease
	whileBlocked(t, url, func() { l = leased(t, d, "b", "x") }, func() { commit(t, save) })
	saves(t, r, "late", state.ErrFenced)
	_ = r.Close()
	if _, content := recordOf(t, d, l); content != "old" {
		t.Errorf("the next holder has %q", content)
	}
	var at time.Time
	if err := d.pool.QueryRow(t.Context(), d.sql("SELECT saved_at FROM {schema}.states")).Scan(&at); err != nil || at.Year() != 2026 {
		t.Errorf("%v, %v; want the save that came first", at, err)
	}
}

// A dead member's heartbeat comes while another process is deleting the member, and has not committed: the heartbeat waits, and its view
// lacks the leases, even if the database's default is that a transaction sees only what was there when it began.
func TestAHeartbeatThatMeetsItsMembersDeletionSeesThatTheLeasesWent(t *testing.T) {
	url := cluster.Database(t)
	pgtest.Exec(t, url, "ALTER DATABASE "+databaseOf(t, url)+" SET default_transaction_isolation = 'repeatable read'")
	d := opened(t, url)
	leased(t, d, "a", "x")
	kill(t, url, "a")
	takeover := transaction(t, url, d.sql("DELETE FROM {schema}.members WHERE id = 'a'"))
	whileBlocked(t, url, func() {
		v, err := d.Heartbeat(t.Context(), lease.Member{ID: "a"})
		if err != nil || len(v.Members) != 1 || len(v.Leases) != 0 {
			t.Errorf("%v, %v; want that it lives without leases", v, err)
		}
	}, func() { commit(t, takeover) })
}

// A takeover comes while the heartbeat of a dead member has not committed: the takeover does not wait, and takes nothing.
func TestATakeoverThatMeetsAHeartbeatLeavesTheMemberAlone(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	leased(t, d, "a", "x")
	kill(t, url, "a")
	heartbeat := transaction(t, url, d.sql("UPDATE {schema}.members SET heartbeat = clock_timestamp() WHERE id = 'a'"))
	if _, err := d.Heartbeat(t.Context(), lease.Member{ID: "b"}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Acquire(t.Context(), "b", []string{"x", "y"}); err != nil || !slices.Equal(got, []lease.Lease{{Address: "y", Holder: "b", Epoch: 1}}) {
		t.Errorf("%v, %v", got, err)
	}
	commit(t, heartbeat)
	if v, err := d.Heartbeat(t.Context(), lease.Member{ID: "a"}); err != nil || len(v.Leases) != 2 {
		t.Errorf("%v, %v; want that it has its lease", v, err)
	}
}

// Two members want an address at once: the second one waits, and finds it taken.
func TestTwoMembersThatTakeAnAddressAtOnceTakeTurns(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	for _, id := range []string{"a", "b"} {
		if _, err := d.Heartbeat(t.Context(), lease.Member{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	tx := transaction(t, url)
	if _, err := tx.Exec(t.Context(), lock, d.lock); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), d.sql(take), "a", []string{"x"}); err != nil {
		t.Fatal(err)
	}
	whileBlocked(t, url, func() {
		if got, err := d.Acquire(t.Context(), "b", []string{"y", "x"}); err != nil || !slices.Equal(got, []lease.Lease{{Address: "y", Holder: "b", Epoch: 1}}) {
			t.Errorf("%v, %v", got, err)
		}
	}, func() { commit(t, tx) })
}

// A process that is paused with a transaction open would stop all others. The server ends it.
func TestATransactionThatIsLeftOpenEnds(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url+"&idle_in_transaction_session_timeout=100")
	leased(t, d, "a", "x")
	tx, err := d.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), lock, d.lock); err != nil {
		t.Fatal(err)
	}
	leased(t, d, "b", "y")
	if err := tx.Rollback(context.Background()); err == nil {
		t.Error("the transaction was still there")
	}
}

// The answer of a save was lost, and the save itself reaches the server after the next one. It must not replace what is newer.
func TestALateSaveNeverReplacesANewerOne(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	l := leased(t, d, "a", "x")
	opening, _ := recordOf(t, d, l)
	r := opening.(*record)
	r.tries++
	late := r.args(r.opened, r.tries, []byte("late"))
	saves(t, r, "new", nil)
	arrives := func() {
		t.Helper()
		if tag, err := d.pool.Exec(t.Context(), d.sql(save), late...); err != nil || tag.RowsAffected() != 0 {
			t.Errorf("%v, %v", tag, err)
		}
	}
	arrives()
	_ = r.Close()
	r2, content := recordOf(t, d, l)
	arrives() // after the process has opened the record again
	saves(t, r2, "newer", nil)
	arrives()
	_ = r2.Close()
	if _, last := recordOf(t, d, l); content != "new" || last != "newer" {
		t.Errorf("%q, then %q", content, last)
	}
}

// A gateway's address can change, and its state goes with it; but two addresses of one gateway are not counted twice.
func TestAStateHasOneAddress(t *testing.T) {
	url := cluster.Database(t)
	d, other := opened(t, url), opened(t, url)
	x := leased(t, d, "a", "https://x")
	first, _ := recordOf(t, d, x)
	saves(t, first, "old", nil)
	y := leased(t, other, "b", "https://y")
	const want = "the state " + name + " is in use by a gateway at https://x, and this one is at https://y: both have the same organization and filters, and would count everything twice; remove one"
	if r, err := other.Store(y).Open(t.Context(), name); err == nil || err.Error() != want {
		t.Errorf("%v, %v", r, err)
	}
	saves(t, first, "new", nil)
	kill(t, url, "a")
	second, content := recordOf(t, other, y)
	if content != "new" {
		t.Errorf("it goes on with %q", content)
	}
	saves(t, second, "newer", nil)
	// The member comes back, and has its lease, but the state went.
	if v, err := d.Heartbeat(t.Context(), lease.Member{ID: "a"}); err != nil || !slices.Contains(v.Leases, x) {
		t.Fatalf("%v, %v", v, err)
	}
	saves(t, first, "late", state.ErrFenced)
	_ = first.Close()
	if r, err := d.Store(x).Open(t.Context(), name); err == nil || errors.Is(err, state.ErrFenced) {
		t.Errorf("%v, %v; want that it is in use", r, err)
	}
	if err := d.Release(t.Context(), []lease.Lease{y}); err != nil {
		t.Fatal(err)
	}
	if _, content := recordOf(t, d, x); content != "newer" {
		t.Errorf("it goes on with %q", content)
	}
	saves(t, second, "late", state.ErrFenced)
}

// Two addresses of one gateway open its state at once, for the first time. One of them has it then.
func TestOfTwoAddressesThatOpenAStateAtOnceOneHasIt(t *testing.T) {
	url := cluster.Database(t)
	d, other := opened(t, url), opened(t, url)
	y := leased(t, other, "b", "y")
	// The lease of x comes after the statement that waits began, which therefore does not see it.
	tx := transaction(t, url, d.sql("INSERT INTO {schema}.members VALUES ('a', '', '', clock_timestamp())"),
		d.sql("INSERT INTO {schema}.leases VALUES ('x', 'a', 1)"), d.sql("INSERT INTO {schema}.states VALUES ('"+name+"', 'x', 1, 0)"))
	first := &record{store: store{d, lease.Lease{Address: "x", Holder: "a", Epoch: 1}}, name: name, opened: 1}
	whileBlocked(t, url, func() {
		second, _ := recordOf(t, other, y)
		saves(t, second, "second", nil)
	}, func() { commit(t, tx) })
	saves(t, first, "first", state.ErrFenced)
}

func TestASaveWithoutItsRowIsFenced(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	r, _ := recordOf(t, d, leased(t, d, "a", "x"))
	pgtest.Exec(t, url, "DELETE FROM hoop_exporter.states")
	saves(t, r, "content", state.ErrFenced)
}

// Two connections do all that a cluster does, in different orders, without a deadlock.
func TestNothingDeadlocks(t *testing.T) {
	url := cluster.Database(t)
	done := make(chan struct{})
	addresses := []string{"a", "b", "c", "d"}
	for i, id := range []string{"one", "two"} {
		d := opened(t, url)
		go func() {
			defer func() { done <- struct{}{} }()
			for round := range 25 {
				if _, err := d.Heartbeat(t.Context(), lease.Member{ID: id}); err != nil {
					t.Error(err)
				}
				got, err := d.Acquire(t.Context(), id, addresses)
				if err != nil {
					t.Error(err)
				}
				for n := range got {
					l := got[(n*(2*i+1)+len(got)-1)%len(got)]
					if r, err := d.Store(l).Open(t.Context(), name+l.Address); err == nil {
						if err = r.Save(t.Context(), []byte(id)); err != nil && !errors.Is(err, state.ErrFenced) {
							t.Error(err)
						}
						_ = r.Close()
					} else if !errors.Is(err, state.ErrFenced) {
						t.Error(err)
					}
				}
				slices.Reverse(got)
				if round%2 == i {
					err = d.Release(t.Context(), got)
				} else {
					err = d.Leave(t.Context(), id)
				}
				if err != nil {
					t.Error(err)
				}
			}
		}()
	}
	<-done
	<-done
}
