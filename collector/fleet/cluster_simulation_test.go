package fleet

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// Three to five processes share a database and five gateways. The database is slow, cannot be reached, has a full disk, and loses answers;
// processes pause for up to two minutes, die, come back, have wrong wall clocks, and are cut off from the database or a gateway;
// configurations differ for a while. A scraper scrapes any process and follows one redirect, as Prometheus does. At every scrape and
// request: a gateway never has two requests at once, no counter falls, and none exceeds the truth. Once all is quiet, every scrape
// succeeds, and in the end all counters equal the truth.
//
// A pause stops a process when it calls the database, before it sends a request to a gateway, when the answer arrives, and in a scrape. The
// bubble of the test cannot stop goroutines anywhere else. What happens follows from the seed, except for the order of what happens at the
// same moment.
func TestCountersStayTrueWhicheverProcessWatches(t *testing.T) {
	t.Parallel()
	var all notes
	for _, seed := range seeds(t, collectortest.Pick[uint64](1, 30)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s := simulateCluster(t, seed, nil)
			for _, c := range s.complaints {
				t.Error(c)
			}
			t.Logf("%v; %d leases, %d fenced and %d late saves", s.notes.m, s.db.epochs, s.db.fenced, s.db.late)
			all.add(s)
		})
	}
	t.Logf("in all: %v", all.m)
	want := []string{"scrapes", "redirects", "kills", "pauses"}
	if collectortest.Long() && all.m["scrapes"] > 10_000 {
		want = append(want, "fenced", "late", "pauses at save call", "pauses at request", "pauses at gathered", "scrapes that outlived the lease")
	}
	for _, want := range want {
		if all.m[want] == 0 {
			t.Errorf("there were no %s: the simulation simulates too little", want)
		}
	}
}

func seeds(t *testing.T, n uint64) (list []uint64) {
	if one := collectortest.Number(t, "HOOP_SEED", 1<<63); one < 1<<63 {
		return []uint64{one}
	}
	for seed := range collectortest.Number(t, "HOOP_SEEDS", n) {
		list = append(list, seed)
	}
	return list
}

// What makes the cluster safe is taken away, one after the other: the simulation has to notice. Holders do not stop in time if the table
// has a shorter time to live than they count with. Fencing takes longer to notice: a state that falls back is read forward again before a
// scrape shows it, unless its gateway cannot be reached just then.
func TestTheSimulationNoticesWhatIsMissing(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*simulatedDatabase)
		seeds uint64
		long  bool
	}{
		{"holders that stop before the lease ends", func(d *simulatedDatabase) { d.ttl = 4 * time.Second }, 5, false},
		{"saves that are fenced", func(d *simulatedDatabase) { d.unfenced = true }, 100, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.long {
				collectortest.LongOnly(t, "plays many seeds")
			}
			for seed := range tc.seeds {
				if s := simulateCluster(t, seed, tc.spoil); len(s.complaints) > 0 {
					t.Logf("noticed with seed %d: %s", seed, s.complaints[0])
					return
				}
			}
			t.Error("it was not noticed")
		})
	}
}

// clusterSimulation is one play.
type clusterSimulation struct {
	t        *testing.T
	seed     uint64
	db       *simulatedDatabase
	gateways map[string]*gatewaytest.Gateway // by host
	hosts    []string
	lateness time.Duration // that is allowed; an outage may last longer
	spoiled  bool          // a play that ends at the first complaint
	calm     atomic.Bool
	slow     atomic.Bool // the database
	full     atomic.Bool // its disk
	onTheWay sync.WaitGroup

	mu          sync.Mutex
	machines    []*machine // by slot; nil: there is none
	t0          map[string]time.Time
	inFlight    map[string]int
	unreachable map[string]bool
	last        map[string]map[string]float64
	complaints  []string
	notes
}

// notes count what happened.
type notes struct{ m map[string]int }

func (n *notes) add(s *clusterSimulation) {
	if n.m == nil {
		n.m = map[string]int{}
	}
	for k, v := range s.notes.m {
		n.m[k] += v
	}
	n.m["fenced"] += s.db.fenced
	n.m["late"] += s.db.late
	n.m["leases"] += s.db.epochs
}

func hostOf(address string) string {
	return strings.TrimSuffix(strings.TrimPrefix(address, "https://"), "/api")
}

// random is a source of chance of its own for everything that has a name.
func (s *clusterSimulation) random(name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return rand.New(rand.NewPCG(s.seed, h.Sum64()))
}

func (s *clusterSimulation) chaotic() bool { return !s.calm.Load() }

func (s *clusterSimulation) complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.complaints) < 10 {
		s.complaints = append(s.complaints, time.Since(s.db.began).String()+": "+fmt.Sprintf(format, args...))
	}
}

func (s *clusterSimulation) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes.m[what]++
}

// countsSince records the time from which the gateway at an address is counted: the ledger that is saved first holds.
func (s *clusterSimulation) countsSince(address string, t0 time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.t0[hostOf(address)] = t0
}

// underWay records a request to a gateway until the result is called.
func (s *clusterSimulation) underWay(host string) (ended func()) {
	s.mu.Lock()
	s.inFlight[host]++
	n := s.inFlight[host]
	s.mu.Unlock()
	if n > 1 {
		s.complain("%s: %d requests at once", host, n)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.inFlight[host]--
	}
}

func simulateCluster(t *testing.T, seed uint64, spoil func(*simulatedDatabase)) (s *clusterSimulation) {
	synctest.Test(t, func(t *testing.T) {
		s = &clusterSimulation{
			t: t, seed: seed, gateways: map[string]*gatewaytest.Gateway{}, t0: map[string]time.Time{}, inFlight: map[string]int{}, unreachable: map[string]bool{},
			last: map[string]map[string]float64{}, notes: notes{map[string]int{}},
		}
		r := s.random("simulation")
		s.db = newSimulatedDatabase(0.9 + 0.2*r.Float64())
		if s.spoiled = spoil != nil; s.spoiled {
			spoil(s.db)
		}
		s.lateness = []time.Duration{2 * time.Minute, 5 * time.Minute, 15 * time.Minute}[r.IntN(3)]
		for i := range 5 {
			host := fmt.Sprintf("g%d", i)
			cfg := sound(i)
			cfg.OrgID, cfg.Life.LateMax, cfg.Life.VeryLateMax = "org-"+host, s.lateness/15, s.lateness/3
			cfg.Life.Rate, cfg.Life.BurstEvery = 0.03, 20*time.Minute // a burst fills more than a page
			s.gateways[host] = gatewaytest.New(cfg)
			s.hosts = append(s.hosts, host)
		}
		s.play(r)
	})
	return s
}

func (s *clusterSimulation) yaml(variant int) string {
	b := &strings.Builder{}
	fmt.Fprintln(b, "gateways:")
	for _, host := range s.hosts {
		fmt.Fprintf(b, "  %s: {url: https://%s, token_file: t, sessions: {overlap: %v}, target_labels: {variant: v%d}}\n", host, host, s.lateness, variant)
	}
	return b.String()
}

// play has an hour of trouble, and then a calm time.
func (s *clusterSimulation) play(r *rand.Rand) {
	variant, incarnation := 0, 0
	s.machines = make([]*machine, 3+r.IntN(3))
	boot := func(slot int) {
		incarnation++
		m := s.boot(slot, incarnation, s.yaml(variant))
		s.mu.Lock()
		s.machines[slot] = m
		s.mu.Unlock()
	}
	for slot := range s.machines {
		boot(slot)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	var scrapers sync.WaitGroup
	for _, host := range s.hosts {
		scrapers.Go(func() { s.scrapeAgainAndAgain(ctx, host) })
	}
	var old []*machine
	for end := time.Now().Add(collectortest.Pick(30*time.Minute, time.Hour)); time.Now().Before(end) && !s.over(); {
		time.Sleep(time.Duration(1+r.IntN(40)) * time.Second)
		slot := r.IntN(len(s.machines))
		m, while := s.machines[slot], time.Duration(1+r.IntN(60))*time.Second
		switch r.IntN(10) {
		case 0:
			s.note("kills")
			m.kill()
			old = append(old, m)
			s.gone(slot, while/4)
			boot(slot)
		case 1:
			s.note("stops")
			m.end()
			old = append(old, m)
			s.gone(slot, while/4)
			boot(slot)
		case 2:
			s.note("pauses")
			m.pause(while)
		case 3:
			s.note("cuts from the database")
			m.setCut("database", true)
			time.AfterFunc(while, func() { m.setCut("database", false) })
		case 4:
			s.note("cuts from a gateway")
			host := s.hosts[r.IntN(len(s.hosts))]
			m.setCut(host, true)
			time.AfterFunc(while, func() { m.setCut(host, false) })
		case 5:
			s.note("slow databases")
			s.slow.Store(true)
			time.AfterFunc(while/2, func() { s.slow.Store(false) })
		case 6:
			s.note("databases that are away")
			for _, m := range s.machines {
				m.setCut("database", true)
				time.AfterFunc(while/2, func() { m.setCut("database", false) })
			}
		case 7:
			s.note("gateways that are away")
			host := s.hosts[r.IntN(len(s.hosts))]
			s.away(host, true)
			time.AfterFunc(2*while, func() { s.away(host, false) })
		case 8:
			s.note("changes of the configuration")
			variant++
			for _, m := range s.machines {
				at := time.Duration(r.IntN(60)) * time.Second
				yaml := s.yaml(variant)
				time.AfterFunc(at, func() { m.apply(yaml) })
			}
		case 9:
			s.note("full disks")
			s.full.Store(true)
			time.AfterFunc(2*while, func() { s.full.Store(false) })
		}
	}
	time.Sleep(3 * time.Minute)
	if !s.over() {
		s.calmDown(variant)
	}
	cancel()
	scrapers.Wait()
	for _, m := range append(old, s.machines...) {
		m.end()
		<-m.ended
	}
	s.onTheWay.Wait()
	for host, g := range s.gateways {
		for g.Stats().InFlight > 0 {
			time.Sleep(time.Second)
		}
		if n := g.Stats().MaxInFlight; n > 1 {
			s.complain("%s: answered %d requests at once", host, n)
		}
	}
}

// away has a gateway be out of reach, or back.
func (s *clusterSimulation) away(host string, away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unreachable[host] = away
}

// over reports whether a spoiled play has shown what it was for.
func (s *clusterSimulation) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spoiled && len(s.complaints) > 0
}

// gone has a slot be empty for a while.
func (s *clusterSimulation) gone(slot int, while time.Duration) {
	s.mu.Lock()
	s.machines[slot] = nil
	s.mu.Unlock()
	time.Sleep(while)
}

// calmDown ends all trouble, waits until every session has ended and was counted, and compares.
func (s *clusterSimulation) calmDown(variant int) {
	s.calm.Store(true)
	s.slow.Store(false)
	s.full.Store(false)
	for _, host := range s.hosts {
		s.away(host, false)
	}
	for _, m := range s.machines {
		m.apply(s.yaml(variant))
	}
	for _, g := range s.gateways {
		g.Calm()
	}
	time.Sleep(4 * time.Minute) // pauses that have begun end
	before := s.count("failed scrapes")
	time.Sleep(4 * time.Hour)
	if n := s.count("failed scrapes") - before; n > 0 {
		s.complain("%d scrapes failed although all was quiet", n)
	}
	s.mu.Lock()
	last := maps.Clone(s.last)
	s.mu.Unlock()
	for _, host := range s.hosts {
		if wrong := differs(last[host], s.truth(host)); wrong != "" {
			s.complain("%s in the end: %s", host, wrong)
		}
	}
}

func (s *clusterSimulation) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notes.m[what]
}

// truth is what has to be counted of a gateway by now; nil before anything was saved.
func (s *clusterSimulation) truth(host string) map[string]float64 {
	s.mu.Lock()
	t0 := s.t0[host]
	s.mu.Unlock()
	if t0.IsZero() {
		return nil
	}
	return counted(s.gateways[host].Truth(gatewaytest.TruthOptions{T0: t0, Lookback: 168 * time.Hour, AllowedLateness: s.lateness, Everything: true}).Samples)
}
