package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// memory is a database without disk and network, in which no member dies.
type memory struct {
	mu      sync.Mutex
	members []lease.Member
	leases  map[string]lease.Lease
	states  map[string][]byte
}

func (m *memory) Beat(_ context.Context, self lease.Member) (v lease.View, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(self.ID)
	m.members = append(m.members, self)
	v.Members = append(v.Members, m.members...)
	for _, l := range m.leases {
		if l.Holder != "" {
			v.Leases = append(v.Leases, l)
		}
	}
	return v, nil
}

func (m *memory) forget(id string) {
	kept := m.members[:0:0]
	for _, other := range m.members {
		if other.ID != id {
			kept = append(kept, other)
		}
	}
	m.members = kept
}

func (m *memory) Acquire(_ context.Context, member string, addresses []string) (got []lease.Lease, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range addresses {
		if l := m.leases[a]; l.Holder == "" {
			m.leases[a] = lease.Lease{Address: a, Holder: member, Epoch: l.Epoch + 1}
			got = append(got, m.leases[a])
		}
	}
	return got, nil
}

func (m *memory) Release(context.Context, []lease.Lease) error { return nil }

func (m *memory) Leave(_ context.Context, member string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(member)
	for a, l := range m.leases {
		if l.Holder == member {
			m.leases[a] = lease.Lease{Address: a, Epoch: l.Epoch}
		}
	}
	return nil
}

func (m *memory) Store(lease.Lease) state.Store { return memoryStore{m} }
func (m *memory) Close()                        {}

type memoryStore struct{ *memory }

func (m memoryStore) Open(_ context.Context, name string) (state.Record, error) {
	return memoryRecord{m.memory, name}, nil
}

type memoryRecord struct {
	*memory
	name string
}

func (r memoryRecord) Name() string { return r.name }
func (r memoryRecord) Load(context.Context) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if content, ok := r.states[r.name]; ok {
		return content, nil
	}
	return nil, fs.ErrNotExist
}

func (r memoryRecord) Save(_ context.Context, content []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states[r.name] = content
	return nil
}

func (r memoryRecord) MoveAside(context.Context, time.Time) (string, error) {
	return "", errors.New("not in this test")
}
func (r memoryRecord) Close() error { return nil }

// clustered runs the program as a member of a cluster, and returns its URL.
func clustered(t *testing.T, db *memory, args ...string) (url string, stop func()) {
	t.Helper()
	var c net.ListenConfig
	l, err := c.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close()
	o := &options{}
	if _, err := o.flags().Parse(append(args, "--web.listen-address="+at, "--web.external-url=http://"+at, "--cache.ttl=100ms")); err != nil {
		t.Fatal(err)
	}
	o.cluster.open = func(_ context.Context, url, schema string, ttl time.Duration) (database, error) {
		if url != "postgres://db" || schema != "hoop_exporter" || ttl != lease.TTL {
			t.Errorf("opened %s, %s, %v", url, schema, ttl)
		}
		return db, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended, log := make(chan error, 1), &collectortest.Log{}
	go func() { ended <- o.run(ctx, io.Discard, log) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%v: %s", err, log)
		}
	})
	t.Cleanup(stop)
	await(t, log, `msg="Listening on" address=(\S+)`)
	return "http://" + at, stop
}

// With flags of one gateway, a service in front of equal processes is one target: whichever answers, the metrics are those of the process that watches.
func TestEqualProcessesAnswerAsOne(t *testing.T) {
	withoutEnvironment(t)
	g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026})
	g.AddHistory(20, time.Now().Add(-time.Hour), time.Now(), gatewaytest.HistoryOptions{})
	server := httptest.NewServer(g)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("postgres://db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOOP_TOKEN", "t")
	db := &memory{leases: map[string]lease.Lease{}, states: map[string][]byte{}}
	args := []string{"--hoop.url=" + server.URL, "--state.postgres-url-file=" + file}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	scrape := func(at string) (from, body string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil { // redirected to a process that has just stopped
			return "", err.Error()
		}
		defer func() { _ = resp.Body.Close() }()
		content := &bytes.Buffer{}
		_, _ = content.ReadFrom(resp.Body)
		return "http://" + resp.Request.URL.Host, content.String()
	}
	watchedBy := func(at, by string) {
		t.Helper()
		collectortest.Eventually(t, 20*time.Second, 50*time.Millisecond, func() string {
			from, body := scrape(at)
			for _, has := range []string{"\nhoop_up 1\n", "\nhoop_exporter_database_up 1\n", "\nhoop_exporter_unheld_gateways 0\n", "\nhoop_exporter_baseline_complete 1\n"} {
				if !strings.Contains(body, has) || from != by {
					return "from " + from + ": no " + has + " in " + body
				}
			}
			return ""
		})
	}
	one, stop := clustered(t, db, args...)
	watchedBy(one, one)
	counters := regexp.MustCompile(`(?m)^hoop_sessions_started_total.*$`)
	_, before := scrape(one)
	two, _ := clustered(t, db, args...)
	collectortest.Eventually(t, 20*time.Second, 50*time.Millisecond, func() string {
		fromOne, _ := scrape(one)
		fromTwo, body := scrape(two)
		if fromOne != fromTwo || !strings.Contains(body, "\nhoop_up 1\n") {
			return fromOne + " and " + fromTwo
		}
		return ""
	})
	stop()
	watchedBy(two, two)
	_, after := scrape(two)
	if was, is := strings.Join(counters.FindAllString(before, -1), "\n"), strings.Join(counters.FindAllString(after, -1), "\n"); was != is || was == "" {
		t.Errorf("%s\nand then\n%s", was, is)
	}
}

func TestACheckConnectsToTheDatabase(t *testing.T) {
	withoutEnvironment(t)
	t.Setenv("HOOP_TOKEN", "t")
	t.Setenv(urlVariable, "postgres://db")
	o := &options{}
	if _, err := o.flags().Parse([]string{"--hoop.url=http://127.0.0.1:1", "--config.check"}); err != nil {
		t.Fatal(err)
	}
	o.cluster.open = func(context.Context, string, string, time.Duration) (database, error) {
		return nil, errors.New("no such database")
	}
	if err := o.run(t.Context(), io.Discard, io.Discard); err == nil || err.Error() != "the database for the state: no such database" {
		t.Errorf("%v", err)
	}
}

func TestTheOwnURLIsThatOfTheHost(t *testing.T) {
	for _, tc := range []struct{ name, listen, want string }{
		{"the default", ":10068", "http://pod:10068"},
		{"an address", "0.0.0.0:80", "http://pod:80"},
		{"any port", ":0", ""},
		{"a virtual socket", "vsock://:1", ""},
		{"none, from systemd", "", ""},
	} {
		var listen []string
		if tc.listen != "" {
			listen = []string{tc.listen}
		}
		got, err := ownURL("pod", listen)
		if got != tc.want || (err == nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), "--web.external-url") {
			t.Errorf("%s: %q, %v", tc.name, got, err)
		}
	}
}
