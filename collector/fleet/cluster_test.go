package fleet

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
)

// A file counts as the same one in any folder: the paths in it are relative to its folder.
func TestMembersWithTheSameFileInDifferentFoldersDivideGateways(t *testing.T) {
	key := client.WithAPIKey(func() (string, error) { return "any", nil })
	connect := func(g *config.Gateway) (*client.Client, error) {
		return client.New(g.Address(), http.DefaultClient, key)
	}
	digest := func(path, yaml string) string {
		c, err := config.Parse(path, []byte(yaml))
		if err != nil {
			t.Fatal(err)
		}
		f := New(Options{Logger: log.NewNopLogger(), Cluster: &Cluster{}, Client: connect})
		if err := f.Apply(c); err != nil {
			t.Fatal(err)
		}
		_, digest := watcher{f}.Configured()
		return digest
	}
	const file = "gateways: {a: {url: https://a, token_file: t}}"
	a := digest("/a/hoop.yml", file)
	if b := digest("/b/hoop.yml", file); a != b {
		t.Errorf("the digests are %s and %s, want equal ones", a, b)
	}
	if b := digest("/a/hoop.yml", strings.Replace(file, "https://a", "https://b", 1)); a == b {
		t.Error("another file has the same digest")
	}
}

// quietCluster is a simulated cluster without trouble, but for what change does to its gateways.
func quietCluster(t *testing.T, machines int, change ...func(host string, cfg *gatewaytest.Config)) *clusterSimulation {
	s := &clusterSimulation{
		t: t, gateways: map[string]*gatewaytest.Gateway{}, t0: map[string]time.Time{}, inFlight: map[string]int{}, unreachable: map[string]bool{},
		last: map[string]map[string]float64{}, notes: notes{map[string]int{}}, db: newSimulatedDatabase(1), machines: make([]*machine, machines),
		lateness: 15 * time.Minute,
	}
	s.calm.Store(true)
	for i := range 6 {
		host := fmt.Sprintf("g%d", i)
		cfg := sound(0) // an old one, which takes a while
		cfg.OrgID = "org-" + host
		for _, f := range change {
			f(host, &cfg)
		}
		s.gateways[host] = gatewaytest.New(cfg)
		s.hosts = append(s.hosts, host)
	}
	for slot := range machines {
		s.machines[slot] = s.boot(slot, 0, s.yaml(0))
	}
	t.Cleanup(func() {
		for _, c := range s.complaints {
			t.Error(c)
		}
	})
	return s
}

func (s *clusterSimulation) stopAll() {
	for _, m := range s.machines {
		m.end()
		<-m.ended
	}
	s.onTheWay.Wait()
	for _, g := range s.gateways {
		for g.Stats().InFlight > 0 {
			time.Sleep(time.Second)
		}
	}
	synctest.Wait()
}

// holders are the processes of all gateways, as each process knows them.
func (s *clusterSimulation) holders() string {
	var out []string
	for _, host := range s.hosts {
		at := map[string]bool{}
		for _, m := range s.machines {
			if !m.lives() {
				continue
			}
			switch c, url, err := m.fleet.Locate(host); {
			case err != nil:
				at[err.Error()] = true
			case c != nil:
				at[m.url] = true
			default:
				at[url] = true
			}
		}
		for a := range at {
			out = append(out, host+" "+a)
		}
	}
	return strings.Join(out, "\n")
}

// Every process knows who watches what, and another one takes over: within seconds if a process stops, and when its leases end if it was
// killed.
func TestEachGatewayIsWatchedByOneProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quietCluster(t, 3)
		defer s.stopAll()
		time.Sleep(10 * time.Second)
		all := s.holders()
		if n := strings.Count(all, "\n") + 1; n != len(s.hosts) || strings.Contains(all, "process") {
			t.Errorf("%s", all)
		}
		watched := 0
		for _, m := range s.machines {
			watched += len(m.fleet.Names())
			targets, err := m.fleet.Targets("/probe", "own:1")
			if err != nil || len(targets) != len(s.hosts) {
				t.Errorf("%v, %v", targets, err)
			}
			for _, target := range targets {
				if !strings.Contains(all, target.Labels["gateway"]+" http://"+target.Targets[0]) {
					t.Errorf("%v, and gateways are at %s", target, all)
				}
			}
			if _, _, err := m.fleet.Locate("unknown"); !errors.Is(err, ErrUnknown) {
				t.Errorf("%v", err)
			}
		}
		if watched != len(s.hosts) {
			t.Errorf("%d are watched", watched)
		}
		s.machines[0].end()
		<-s.machines[0].ended
		time.Sleep(7 * time.Second) // a heartbeat to take over, and one until all know
		s.machines[0].kill()        // so that it gets no more requests
		if now := s.holders(); strings.Contains(now, "m0") || strings.Contains(now, "process") || strings.Count(now, "\n")+1 != len(s.hosts) {
			t.Errorf("after m0 has stopped: %s", now)
		}
		s.machines[1].kill()
		time.Sleep(19 * time.Second)
		if now := s.holders(); strings.Count(now, "m2") != len(s.hosts) {
			t.Errorf("after m1 was killed: %s", now)
		}
	})
}

// Metrics are shown, and the gateway is queried, only while no other process can have the lease. With the same epoch all goes on as it was.
func TestAHolderWithoutTheDatabaseStopsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quietCluster(t, 1)
		defer s.stopAll()
		m := s.machines[0]
		time.Sleep(time.Minute)
		c, _, err := m.fleet.Locate("g0")
		if err != nil {
			t.Fatal(err)
		}
		m.setCut("database", true)
		time.Sleep(20 * time.Second)
		if _, _, err := m.fleet.Locate("g0"); err == nil || !strings.Contains(err.Error(), "cannot reach the database") {
			t.Errorf("%v", err)
		}
		if _, err := m.fleet.Targets("/probe", ""); err == nil {
			t.Error("it knows where gateways are")
		}
		before := requests(s.gateways["g0"])
		c.Wake(0)
		time.Sleep(time.Minute)
		if n := requests(s.gateways["g0"]); n != before {
			t.Errorf("%d more requests", n-before)
		}
		compareHealth(t, m, "hoop_exporter_database_up 0")
		m.setCut("database", false)
		time.Sleep(10 * time.Second)
		if again, _, err := m.fleet.Locate("g0"); again != c || err != nil {
			t.Errorf("another collector: %v, %v", again != c, err)
		}
		compareHealth(t, m, "hoop_exporter_database_up 1", `hoop_exporter_members{configuration="other"} 0`, `hoop_exporter_members{configuration="same"} 1`, "hoop_exporter_unheld_gateways 0")
		if s.db.epochs != len(s.hosts) {
			t.Errorf("%d leases of %d addresses", s.db.epochs, len(s.hosts))
		}
	})
}

// compareHealth wants these series of the cluster, and no others.
func compareHealth(t *testing.T, m *machine, want ...string) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m.fleet.ClusterHealth())
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series, err := collectortest.Flatten(families)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for k, v := range series.Values {
		got = append(got, fmt.Sprint(k, " ", v))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if problems, err := testutil.CollectAndLint(m.fleet.ClusterHealth()); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
}

// The next holder makes requests at once, and a gateway goes on working on a request that was canceled.
func TestAProcessThatStopsWaitsForItsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quietCluster(t, 1)
		defer s.stopAll()
		m := s.machines[0]
		time.Sleep(time.Minute)
		c, _, err := m.fleet.Locate("g0")
		if err != nil {
			t.Fatal(err)
		}
		c.Wake(0)
		time.Sleep(100 * time.Millisecond)
		g := s.gateways["g0"]
		if n := g.Stats().InFlight; n != 1 {
			t.Fatalf("%d requests under way", n)
		}
		m.end()
		<-m.ended
		if st := g.Stats(); st.InFlight != 0 || st.Abandoned != 0 || s.db.leases["https://g0/api"].Holder != "" {
			t.Errorf("%d requests are left, %d were canceled, %v", st.InFlight, st.Abandoned, s.db.leases)
		}
	})
}

// A save that is fenced ends the collectors of the address at once: nothing that they counted is shown.
func TestAFencedSaveEndsTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quietCluster(t, 1)
		defer s.stopAll()
		m := s.machines[0]
		time.Sleep(time.Minute)
		c, _, err := m.fleet.Locate("g0")
		if err != nil {
			t.Fatal(err)
		}
		// Another process has had it since the last heartbeat.
		s.db.mu.Lock()
		l := s.db.leases["https://g0/api"]
		s.db.leases[l.Address] = lease.Lease{Address: l.Address, Epoch: l.Epoch + 1}
		s.db.mu.Unlock()
		s.gateways["g0"].AddHistory(1, time.Now().Add(-time.Second), time.Now(), gatewaytest.HistoryOptions{})
		_ = c.Refresh(t.Context())
		synctest.Wait()
		if err := c.CheckTerm(); !errors.Is(err, collector.ErrLost) {
			t.Errorf("%v", err)
		}
		if _, _, err := m.fleet.Locate("g0"); err == nil {
			t.Error("it is still shown")
		}
		time.Sleep(6 * time.Second)
		if again, _, err := m.fleet.Locate("g0"); err != nil || again == c {
			t.Errorf("not watched again: %v", err)
		}
	})
}

// A configuration that reaches all processes within a minute moves nothing, and a gateway that is new is watched by one of them.
func TestConfigurationsThatDifferForAWhileMoveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quietCluster(t, 3)
		defer s.stopAll()
		time.Sleep(10 * time.Second)
		before, epochs := s.holders(), s.db.epochs
		s.gateways["new"] = gatewaytest.New(sound(1))
		for _, m := range s.machines {
			m.apply(s.yaml(1) + "  new: {url: https://new, token_file: t}\n")
			time.Sleep(20 * time.Second)
			if now := s.holders(); now != before {
				t.Errorf("%s, and before %s", now, before)
			}
		}
		// It moves when its owner among those that know it changes.
		if l := s.db.leases["https://new/api"]; s.db.epochs != epochs+int(l.Epoch) || l.Holder == "" {
			t.Errorf("%d leases more, %v", s.db.epochs-epochs, l)
		}
		for _, m := range s.machines { // and is gone again
			m.apply(s.yaml(2))
		}
		time.Sleep(10 * time.Second)
		watched := 0
		for _, m := range s.machines {
			watched += len(m.fleet.Names())
		}
		s.db.mu.Lock()
		defer s.db.mu.Unlock()
		if l := s.db.leases["https://new/api"]; l.Holder != "" || watched != len(s.hosts) {
			t.Errorf("%+v, %d are watched", l, watched)
		}
	})
}

// A process takes over a gateway whose certificate cannot be read: it says so, tries again, and watches the gateway as soon as it can.
func TestAGatewayThatCannotBeWatchedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quietCluster(t, 2)
		defer s.stopAll()
		time.Sleep(10 * time.Second)
		s.machines[1].setCut("files", true)
		s.machines[0].end()
		<-s.machines[0].ended
		time.Sleep(time.Minute)
		s.machines[0].kill()
		now := s.holders()
		if strings.Contains(now, "few seconds") || !strings.Contains(now, "log") {
			t.Errorf("%s", now)
		}
		m, missing := s.machines[1], strings.Count(now, "log")
		health := func(unheld int) []string {
			return []string{"hoop_exporter_database_up 1", `hoop_exporter_members{configuration="other"} 0`, `hoop_exporter_members{configuration="same"} 1`, fmt.Sprint("hoop_exporter_unheld_gateways ", unheld)}
		}
		compareHealth(t, m, health(missing)...)
		if n := strings.Count(m.out.String(), "cannot watch a gateway"); n != missing {
			t.Errorf("%d lines about %d gateways: %s", n, missing, m.out)
		}
		time.Sleep(time.Hour)
		if n := strings.Count(m.out.String(), "cannot watch a gateway"); n != 2*missing {
			t.Errorf("%d lines about %d gateways after an hour: %s", n, missing, m.out)
		}
		m.setCut("files", false)
		time.Sleep(10 * time.Second)
		if now := s.holders(); strings.Count(now, "m1") != len(s.hosts) {
			t.Errorf("%s", now)
		}
		compareHealth(t, m, health(0)...)
	})
}

// After the database was away for all, each process goes on with what it had: the first one to reach it again does not take everything.
func TestAnOutageOfTheDatabaseMovesNothing(t *testing.T) {
	for name, away := range map[string]time.Duration{"shorter than a lease": 13 * time.Second, "longer": 40 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := quietCluster(t, 3)
				defer s.stopAll()
				time.Sleep(time.Minute)
				before, epochs := s.holders(), s.db.epochs
				for _, m := range s.machines {
					m.setCut("database", true)
				}
				time.Sleep(away)
				for _, m := range s.machines { // each sends heartbeats at times of its own
					m.setCut("database", false)
					time.Sleep(4 * time.Second)
				}
				time.Sleep(20 * time.Second)
				if now := s.holders(); now != before || s.db.epochs != epochs {
					t.Errorf("%d leases more, %s\nbefore: %s", s.db.epochs-epochs, now, before)
				}
				s.machines[1].kill() // and a dead one is replaced in time
				time.Sleep(25 * time.Second)
				if now := s.holders(); strings.Contains(now, "m1") || strings.Contains(now, "process") {
					t.Errorf("%s", now)
				}
			})
		})
	}
}
