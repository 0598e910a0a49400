package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest/pgtest"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// gateway is a ledger of 16 connections, whose metrics are about 1,280 series: sessions of all outcomes, and some that are unfinished.
type gateway struct {
	*ledger.Ledger
	now time.Time
	rng *rand.Rand
	n   int
}

func newGateway() *gateway {
	g := &gateway{Ledger: ledger.New(collectortest.LedgerOptions(), noon()), now: noon(), rng: rand.New(rand.NewPCG(1, 2))}
	for range 400 {
		g.refresh()
	}
	return g
}

// refresh counts what 15 seconds bring: three sessions, of which one does not finish soon.
func (g *gateway) refresh() {
	g.now = g.now.Add(15 * time.Second)
	rows := make([]client.Session, 0, 3)
	for i := range 3 {
		g.n++
		row := client.Session{
			ID:         fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", g.rng.Uint32(), g.rng.IntN(1<<16), g.rng.IntN(1<<12), g.rng.IntN(1<<12), g.rng.Uint64()>>16),
			Connection: fmt.Sprintf("team-%d-production", g.n%16), Type: "database",
			ConnectionSubtype: "postgres", Verb: "exec", Status: "open", UserID: fmt.Sprint("user", g.n%50), StartDate: client.Time{Time: g.now.Add(-10 * time.Second)},
		}
		if i > 0 || g.n > 600 {
			exit := g.n % 3
			row.Status, row.ExitCode, row.EventSize, row.EndDate = "done", &exit, int64(1)<<(g.n%30), client.Time{Time: g.now}
		}
		rows = append(rows, row)
	}
	g.Apply(g.now, rows)
	g.AdvanceHead(g.now)
	g.AdvanceWatermark(g.now)
	g.MarkServed(g.Finish(g.now, g.now).Gauges.Generation, g.now)
}

// written is how many bytes of WAL f causes.
func written(t *testing.T, url string, f func()) (n int64) {
	t.Helper()
	conn := pgtest.Connect(t, url)
	var before string
	if err := conn.QueryRow(t.Context(), "SELECT pg_current_wal_insert_lsn()::text").Scan(&before); err != nil {
		t.Fatal(err)
	}
	f()
	if err := conn.QueryRow(t.Context(), "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1::text::pg_lsn)::bigint", before).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What saves and heartbeats write into the log of PostgreSQL, which its disk and each of its replicas get. A change that makes it much more
// is noticed here.
func TestSavesAndHeartbeatsWriteLittle(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	r, _ := recordOf(t, d, leased(t, d, "a", "https://gateway"))
	g := newGateway()
	ledgers := &keeping{}
	kept, err := state.Open(t.Context(), ledgers, state.Identity{Organization: "5d1f2c8a-6b7e-4c39-9a40-e1d3f5b7a912"})
	if err != nil {
		t.Fatal(err)
	}
	content := func() []byte {
		g.refresh()
		image, err := g.Image()
		if err == nil {
			err = kept.Save(t.Context(), image, g.now)
		}
		if err != nil {
			t.Fatal(err)
		}
		return ledgers.content
	}
	saves(t, r, string(content()), nil)
	const n = 20
	var size, compressed int
	var contents [n]string
	for i := range n {
		b := content()
		contents[i] = string(b)
		size, compressed = size+len(b)/n, compressed+len(d.encoder.EncodeAll(b, nil))/n
	}
	all := func() {
		for _, c := range contents {
			saves(t, r, c, nil)
		}
	}
	all() // the table has the size that it keeps
	perSave := written(t, url, all) / n
	pgtest.Exec(t, url, "CHECKPOINT")
	first := written(t, url, func() { saves(t, r, contents[0], nil) })
	heartbeat := func() {
		for range n {
			if _, err := d.Heartbeat(t.Context(), lease.Member{ID: "a", URL: "http://10.0.0.7:10068", Configuration: "0123456789abcdef"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	heartbeat()
	perHeartbeat := written(t, url, heartbeat) / n
	t.Logf("a state has %d bytes, %d compressed; WAL: %d bytes a save, %d after a checkpoint, %d a heartbeat", size, compressed, perSave, first, perHeartbeat)
	if most := int64(compressed) / 4; perSave > most {
		t.Errorf("%d bytes of WAL a save, want at most %d", perSave, most)
	}
	if perHeartbeat > 500 {
		t.Errorf("%d bytes of WAL a heartbeat", perHeartbeat)
	}
	d.Close() // a connection reports what it did when it ends
	hot(t, url, "members", 2*n)
	hot(t, url, "states", 2*n)
}

// hot wants the updates of a table, of which there are some, to have written no index.
func hot(t *testing.T, url, table string, least int) {
	t.Helper()
	conn := pgtest.Connect(t, url)
	for running := 1; running > 0; {
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hoop_exporter' AND datname = current_database()").Scan(&running); err != nil {
			t.Fatal(err)
		}
	}
	var updates, hot int
	err := conn.QueryRow(t.Context(), "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE schemaname = 'hoop_exporter' AND relname = $1", table).Scan(&updates, &hot)
	if err != nil || updates < least || updates != hot {
		t.Errorf("%d of %d updates of %s were heap-only, %v; want all of at least %d", hot, updates, table, err, least)
	}
}

// keeping is a store that keeps the last content.
type keeping struct {
	state.Record
	content []byte
}

func (k *keeping) Open(context.Context, string) (state.Record, error) { return k, nil }

func (k *keeping) Save(_ context.Context, content []byte) error {
	k.content = content
	return nil
}
