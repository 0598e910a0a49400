package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest/pgtest"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

// What gateways cost three processes and their database, while no scrape finds a gateway down. Scraped every 30 s. Each gateway has as many sessions as
// one of 10,000 with 10 million sessions a day.
func TestAClusterKeepsAThousandGatewaysUp(t *testing.T) {
	duration := collectortest.Duration(t, "HOOP_COST_CLUSTER", 0, 2*time.Minute)
	if duration == 0 {
		t.Skip("measures for as long as HOOP_COST_CLUSTER says: make cost-cluster")
	}
	gateways := int(collectortest.Number(t, "HOOP_COST_GATEWAYS", 1000))
	connections := int(collectortest.Number(t, "HOOP_COST_CONNECTIONS", 12))
	history := collectortest.Number(t, "HOOP_COST_HISTORY", 500) // sessions of each within its last 12 hours
	const each = 1000                                            // sessions a day
	p, at := built(t), database.Database(t)
	_, gateway := serve(t, p.Gateway, fmt.Sprintf("--gateways=%d", gateways), "--org=org", fmt.Sprintf("--connections=%d", connections), fmt.Sprintf("--history=%d", history), "--history-span=12h",
		"--unfinished=20", "--pending=5", fmt.Sprintf("--rate=%f", each/86400.))
	dir, yaml := t.TempDir(), &strings.Builder{}
	fmt.Fprintln(yaml, "defaults: {token_file: token}\ngateways:")
	for i := range gateways {
		fmt.Fprintf(yaml, "  g%d: {url: '%s/g%d/api'}\n", i, gateway, i)
	}
	for name, text := range map[string]string{"hoop.yml": yaml.String(), "token": "any", "postgres-url": at} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var processes []*process
	var urls []string
	for range members {
		address := collectortest.FreeAddress(t)
		e, url := serveWith(t, nil, p.Exporter, "--config.file="+filepath.Join(dir, "hoop.yml"), "--state.postgres-url-file="+filepath.Join(dir, "postgres-url"),
			"--web.listen-address="+address, "--web.external-url=http://"+address)
		processes, urls = append(processes, e), append(urls, url)
	}
	c := &clusterCosts{db: pgtest.Connect(t, at), urls: urls}
	began := time.Now()
	collectortest.Eventually(t, 20*time.Minute, 10*time.Second, func() string {
		up := 0.0
		for _, u := range urls {
			s, err := observe(t.Context(), u) // wakes gateways
			if err != nil {
				return err.Error()
			}
			up += collectortest.Sum(s.Values, "hoop_exporter_gateway_up")
		}
		if int(up) != gateways {
			return fmt.Sprintf("%v gateways are up", up)
		}
		return ""
	})
	t.Logf("%d gateways are up after %v", gateways, time.Since(began).Round(time.Second))
	c.scrape(t, gateways, duration/2)
	before := c.take(t)
	c.scrape(t, gateways, duration/2)
	after := c.take(t)
	seconds := after.at.Sub(before.at).Seconds()
	per := func(from, to float64) float64 { return (to - from) / seconds }
	saves, wal := per(before.saves, after.saves), per(before.wal, after.wal)
	t.Logf("for %.0f s: %.1f refreshes a second, %.1f saves a second; a state has %.0f bytes, compressed, and a difference %.0f", seconds, per(before.refreshes, after.refreshes), saves,
		after.size, after.difference)
	t.Logf("database: %.1f transactions and %.1f rows written a second; WAL %.0f bytes a second, %.0f for each save, with %.1f images of pages a second; CPU %.3f s a second", per(before.commits, after.commits),
		per(before.written, after.written), wal, wal/saves, per(before.images, after.images), per(before.databaseCPU, after.databaseCPU))
	for i, e := range processes {
		now, most, err := e.resident()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("process %d: %.0f gateways, CPU %.3f s a second; resident %s now, %s at most", i, after.gateways[i], per(before.cpu[i], after.cpu[i]), mib(now), mib(most))
	}
	t.Logf("10,000 gateways: %.1f MB of WAL and %.0f transactions a second", wal/float64(gateways)*1e4/1e6, per(before.commits, after.commits)/float64(gateways)*1e4)
	if c.downs > 0 {
		t.Errorf("%d scrapes found a gateway down", c.downs)
	}
	for _, e := range processes {
		e.stop(t)
	}
}

// clusterCosts measure a cluster.
type clusterCosts struct {
	db   *pgx.Conn
	urls []string

	mu    sync.Mutex
	downs int
}

// taken is what was used up to a moment.
type taken struct {
	at                                                                             time.Time
	refreshes, saves, size, difference, commits, written, wal, images, databaseCPU float64
	cpu, gateways                                                                  []float64
}

func (c *clusterCosts) take(t *testing.T) (u taken) {
	t.Helper()
	for _, url := range c.urls {
		s, err := observe(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		u.cpu = append(u.cpu, collectortest.Sum(s.Values, "process_cpu_seconds_total"))
		u.gateways = append(u.gateways, collectortest.Sum(s.Values, "hoop_exporter_gateway_up"))
	}
	u.at = time.Now()
	one(t, c.db, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8", &u.wal)
	// PostgreSQL 14 and later.
	one(t, c.db, "SELECT wal_fpi::float8 FROM pg_stat_wal", &u.images)
	one(t, c.db, "SELECT sum(saves)::float8, avg(length(content))::float8, coalesce(avg(length(difference)), 0)::float8 FROM hoop_exporter.states", &u.saves, &u.size, &u.difference)
	one(t, c.db, "SELECT xact_commit::float8, (tup_inserted + tup_updated + tup_deleted)::float8 FROM pg_stat_database WHERE datname = current_database()", &u.commits, &u.written)
	rows, err := c.db.Query(t.Context(), "SELECT pid FROM pg_stat_activity")
	if err != nil {
		t.Fatal(err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		u.databaseCPU += cpuOf(pid)
	}
	u.refreshes = float64(c.refreshed(t))
	return u
}

// refreshed is how many refreshes there were, as the scrapes of all gateways say.
func (c *clusterCosts) refreshed(t *testing.T) (n int) {
	t.Helper()
	for name, holder := range c.holders(t) {
		s, err := fetch(t.Context(), http.MethodGet, "http://"+holder+"/probe?gateway="+name, protobuf)
		if err != nil {
			t.Fatal(err)
		}
		all, err := decode(s)
		if err != nil {
			t.Fatal(err)
		}
		n += int(collectortest.Sum(all.Values, "hoop_exporter_refreshes_total"))
	}
	return n
}

func one(t *testing.T, db *pgx.Conn, query string, into ...any) {
	t.Helper()
	if err := db.QueryRow(t.Context(), query).Scan(into...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// cpuOf is the time that a process used, in seconds; 0 if it has ended.
func cpuOf(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var user, system float64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0
	}
	return (user + system) / 100
}

// holders are the addresses of the gateways' holders.
func (c *clusterCosts) holders(t *testing.T) map[string]string {
	t.Helper()
	body, err := fetch(t.Context(), http.MethodGet, c.urls[0]+"/sd", "")
	var targets []fleet.Target
	if err == nil {
		err = json.Unmarshal(body, &targets)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, target := range targets {
		out[target.Labels["instance"]] = target.Targets[0]
	}
	return out
}

// scrape probes all gateways at their holders.
func (c *clusterCosts) scrape(t *testing.T, gateways int, d time.Duration) {
	t.Helper()
	at := c.holders(t)
	spread(t, gateways, d, func(i int) {
		name := fmt.Sprintf("g%d", i%gateways)
		body, err := fetch(t.Context(), http.MethodGet, "http://"+at[name]+"/probe?gateway="+name, plainText)
		if err != nil {
			t.Error(err)
			return
		}
		if !strings.Contains(string(body), "\nhoop_up 1\n") {
			c.mu.Lock()
			c.downs++
			c.mu.Unlock()
		}
	})
}
