package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	neturl "net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest/pgtest"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// lossy is a network to a server. Once its answers are lost or stuck, what the clients send still arrives.
type lossy struct {
	mu    sync.Mutex
	lose  bool
	stuck chan struct{} // answers wait until it is closed; nil: they arrive
}

// to returns a URL that leads to the server of another one through the network.
func (n *lossy) to(t *testing.T, url string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var through string
	server := changed(t, url, func(u *neturl.URL) { through, u.Host = u.Host, l.Addr().String() })
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { n.carry(client, through) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return server
}

// carry forwards a connection, and ends it when the first answer is lost, or was stuck.
func (n *lossy) carry(client net.Conn, to string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() { // it ends when the connections are closed
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	b := make([]byte, 64<<10)
	for {
		k, err := server.Read(b)
		n.mu.Lock()
		lost, stuck := n.lose, n.stuck
		n.mu.Unlock()
		if stuck != nil {
			<-stuck
			return
		}
		if err != nil || lost {
			return
		}
		if _, err := client.Write(b[:k]); err != nil {
			return
		}
	}
}

// losing runs f while answers are lost.
func (n *lossy) losing(f func()) {
	set := func(lose bool) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.lose = lose
	}
	set(true)
	defer set(false)
	f()
}

// stop holds back all answers until the test ends, like a server whose processes are stopped.
func (n *lossy) stop(t *testing.T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	stuck := make(chan struct{})
	n.stuck = stuck
	t.Cleanup(func() { close(stuck) })
}

// A process that ends has already given up its last operation. It does not wait until pgx has canceled that operation at the server.
func TestClosingDoesNotWaitForAServerThatDoesNotAnswer(t *testing.T) {
	var network lossy
	d := opened(t, network.to(t, cluster.Database(t)))
	network.stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := d.Leave(ctx, "a"); err == nil {
		t.Error("there was an answer")
	}
	began := time.Now()
	d.Close()
	if took := time.Since(began); took > 5*closeTimeout {
		t.Errorf("it took %v", took)
	}
}

func TestASaveWhoseAnswerWasLostIsAnErrorAndTheNextOneWorks(t *testing.T) {
	for name, common := range map[string]string{"whole contents": "", "differences": large(1)} {
		t.Run(name, func(t *testing.T) {
			url := cluster.Database(t)
			var network lossy
			d := opened(t, network.to(t, url))
			l := leased(t, d, "a", "x")
			r, _ := recordOf(t, d, l)
			saves(t, r, common+"older", nil) // these prepare the statements
			saves(t, r, common+"old", nil)
			network.losing(func() {
				if err := r.Save(t.Context(), []byte(common+"lost")); err == nil || errors.Is(err, state.ErrFenced) {
					t.Errorf("%v; want that it is not known", err)
				} else {
					one(t, err)
				}
			})
			if content, err := r.Load(t.Context()); err != nil || string(content) != common+"lost" {
				t.Errorf("%d bytes, %v; want what was committed", len(content), err)
			}
			for _, suffix := range []string{"new", "newer"} {
				saves(t, r, common+suffix, nil)
				if content, err := r.Load(t.Context()); err != nil || string(content) != common+suffix {
					t.Errorf("%d bytes, %v; want the %s ones", len(content), err, suffix)
				}
			}
		})
	}
}

func TestLeasesWhoseAnswerWasLostAreSeenAtTheNextHeartbeat(t *testing.T) {
	url := cluster.Database(t)
	var network lossy
	d := opened(t, network.to(t, url))
	leased(t, d, "a", "x")
	network.losing(func() {
		if got, err := d.Acquire(t.Context(), "a", []string{"y"}); err == nil {
			t.Errorf("%v", got)
		}
	})
	if v, err := d.Heartbeat(t.Context(), lease.Member{ID: "a"}); err != nil || len(v.Leases) != 2 || v.Leases[1].Epoch != 1 {
		t.Errorf("%v, %v", v, err)
	}
}

// The administrator ends all connections, or restarts the server: each operation works again at its next try.
func TestConnectionsThatWereTerminatedAreReplaced(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	r, _ := recordOf(t, d, leased(t, d, "a", "x"))
	saves(t, r, "old", nil)
	pgtest.Exec(t, url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hoop_exporter' AND datname = current_database()")
	failures := 0
	for r.Save(t.Context(), []byte("new")) != nil {
		if failures++; failures > connections {
			t.Fatal("it does not work again")
		}
	}
	if content, err := r.Load(t.Context()); err != nil || string(content) != "new" {
		t.Errorf("%q, %v", content, err)
	}
}

// A primary became a standby and kept its connections, or the name led to one for a moment: there are new connections then, which find the
// primary.
func TestConnectionsToAStandbyAreReplaced(t *testing.T) {
	url := cluster.Database(t)
	opened(t, url)
	config, server, err := parse(url)
	if err != nil {
		t.Fatal(err)
	}
	const setting = "default_transaction_read_only"
	alter := "ALTER DATABASE " + pgx.Identifier{config.ConnConfig.Database}.Sanitize()
	pgtest.Exec(t, url, alter+" SET "+setting+" = on")
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	d := &Database{pool: pool, schema: schema, ttl: ttl}
	d.server.Store(&server)
	defer pool.Close()
	if _, err := d.Heartbeat(t.Context(), lease.Member{ID: "a"}); err == nil {
		t.Fatal("it can be written")
	}
	primary := pgtest.Connect(t, url)
	for _, s := range []string{"SET " + setting + " = off", alter + " RESET " + setting} {
		if _, err := primary.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Heartbeat(t.Context(), lease.Member{ID: "a"}); err != nil {
		t.Error(err)
	}
}

// Passwords change while processes run. The URL of another server or database is used only after a restart: two databases have two sets of
// leases.
func TestANewConnectionUsesTheUserAndPasswordOfThatMoment(t *testing.T) {
	url := cluster.Database(t)
	role := "rotated_" + databaseOf(t, url)
	pgtest.Exec(t, url, "CREATE ROLE "+role+" LOGIN PASSWORD 'old'", "CREATE SCHEMA "+schema+" AUTHORIZATION "+role)
	var now atomic.Value
	now.Store(pgtest.As(t, url, role, "old"))
	d, err := Open(t.Context(), func() (string, error) { return now.Load().(string), nil }, schema, ttl)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	heartbeat := func() error {
		d.pool.Reset()
		_, err := d.Heartbeat(t.Context(), lease.Member{ID: "a"})
		return err
	}
	pgtest.Exec(t, url, "ALTER ROLE "+role+" PASSWORD 's3cr3t /?#@:''\"%~'")
	one(t, heartbeat(), "check the user and the password in the URL")
	replaced := pgtest.As(t, url, role, secret)
	for _, next := range []string{replaced, changed(t, replaced, func(u *neturl.URL) { u.Path = "/none" }), changed(t, replaced, func(u *neturl.URL) { u.Host = "db.invalid" })} {
		now.Store(next)
		if err := heartbeat(); err != nil {
			t.Error(err)
		}
	}
	now.Store("postgres://u:s3cr3t%@db/x")
	one(t, heartbeat(), "the PostgreSQL URL is not valid")
}

// While the disk of the server is slow, heartbeats go on: they never wait for saves.
func TestHeartbeatsDoNotWaitForSaves(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	l := leased(t, d, "a", "x")
	blocked := transaction(t, url, d.sql("LOCK TABLE {schema}.states IN ACCESS EXCLUSIVE MODE"))
	ctx, cancel := context.WithCancel(t.Context())
	var saving sync.WaitGroup
	for range 2 * connections {
		saving.Go(func() { _, _, _ = (&record{store: store{d, l}, name: name}).read(ctx) })
	}
	for d.pool.Stat().AcquiredConns() < connections-1 {
		time.Sleep(time.Millisecond)
	}
	if _, err := d.Heartbeat(t.Context(), lease.Member{ID: "a"}); err != nil {
		t.Error(err)
	}
	cancel()
	saving.Wait()
	commit(t, blocked)
}

// What is not as it was saved is damaged, so that it is moved aside.
func TestContentThatWasChangedIsDamaged(t *testing.T) {
	url := cluster.Database(t)
	d := opened(t, url)
	r, _ := recordOf(t, d, leased(t, d, "a", "x"))
	for damage, want := range map[string]error{
		"content": nil,
		`'\x00'`:  state.ErrDamaged,
		"substr(content, 1, length(content) - 3)":        state.ErrDamaged,
		"set_byte(content, 9, get_byte(content, 9) # 1)": state.ErrDamaged,
	} {
		saves(t, r, "some content, and more of it: "+strings.Repeat("content ", 1000), nil)
		pgtest.Exec(t, url, "UPDATE hoop_exporter.states SET content = "+damage)
		if content, err := r.Load(t.Context()); !errors.Is(err, want) {
			t.Errorf("%q, %v for %s, want %v", content, err, damage, want)
		}
	}
}

// If the first hosts of a URL do not answer, connecting can take longer than a heartbeat may. The connection is kept for the next
// heartbeat.
func TestAConnectionThatTakesLongerThanAHeartbeatIsForTheNextOne(t *testing.T) {
	t.Parallel()
	url := cluster.Database(t)
	opened(t, url)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	d := opened(t, changed(t, url, func(u *neturl.URL) {
		u.Host = silent.Addr().String() + "," + u.Host
		u.RawQuery += "&connect_timeout=1"
	}))
	d.pool.Reset()
	var errs []error
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		_, err := d.Heartbeat(ctx, lease.Member{ID: "a"})
		cancel()
		errs = append(errs, err)
	}
	if errs[0] == nil || errs[2] != nil {
		t.Errorf("%v; want only the first ones to fail", errs)
	}
}
