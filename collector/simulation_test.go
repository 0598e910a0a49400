package collector

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// Weeks in which everything goes wrong: the gateway, the network, the disk, the exporter's process, its machine's clock. One seed decides
// all of it. At every scrape no counter has fallen, across restarts too, none exceeds the truth, no gauge is old, at most one request is
// under way, and requests took no more time than the budget allows. Once it is quiet, everything is exact.
func TestCountersStayTrueWhateverGoesWrong(t *testing.T) {
	t.Parallel()
	if d := collectortest.Duration(t, "HOOP_FOR", 0, time.Second); d > 0 {
		simulateFor(t, d)
		return
	}
	first, n := uint64(0), collectortest.Number(t, "HOOP_SEEDS", collectortest.Pick[uint64](2, 200))
	if os.Getenv("HOOP_SEED") != "" {
		first, n = collectortest.Number(t, "HOOP_SEED", 0), 1
	}
	epoch := time.Now()
	for seed := first; seed < first+n; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { simulate(t, seed, epoch) })
		})
	}
}

func simulateFor(t *testing.T, d time.Duration) {
	weeks := 0
	for end, seed := time.Now().Add(d), rand.Uint64N(1<<40); time.Now().Before(end) && !t.Failed(); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			epoch := time.Now()
			synctest.Test(t, func(t *testing.T) { simulate(t, seed, epoch) })
		})
		weeks++
	}
	t.Logf("%d seeds, %.1f years", weeks, float64(weeks)*8.5/365)
}

func simulate(t *testing.T, seed uint64, epoch time.Time) {
	defer func() {
		if t.Failed() {
			t.Logf("again: HOOP_SEED=%d go test ./collector -run TestCountersStayTrueWhateverGoesWrong", seed)
		}
	}()
	s := newSimulation(t, seed, epoch)
	s.live(collectortest.Pick(3*24*time.Hour, 7*24*time.Hour))
	s.settle()
}

// simulation is a world with a disk and bad weather, in which the exporter's process comes and goes.
type simulation struct {
	*testing.T
	rng     *rand.Rand
	gateway *gatewaytest.Gateway
	weather *weather
	disk    *ramDisk
	clock   *wallClock    // the machine's
	world   *world        // the process
	witness *witness      // of what the process requests
	dead    chan struct{} // closed when it is killed

	counters map[string]float64 // as last scraped
	created  map[string]time.Time

	fresh              bool // the process has not been scraped yet
	processes, scrapes int
	clockSteps         float64 // that this process has seen
	allClockSteps      float64 // of all processes
}

func newSimulation(t *testing.T, seed uint64, epoch time.Time) *simulation {
	s := &simulation{
		T: t, rng: rand.New(rand.NewPCG(seed, 3)), weather: newWeather(seed), disk: &ramDisk{}, clock: newWallClock(epoch),
		counters: map[string]float64{}, created: map[string]time.Time{},
	}
	life := gatewaytest.DefaultLife()
	life.Connections = gatewaytest.Connections(3)
	life.Rate, life.Rewritten, life.Overturned = 0.004, 0, 0
	life.Again, life.AgainAfter = 0.3, 36*time.Hour // longer than a process is away: one that nobody sees waiting is not counted
	life.VeryLate = 0                               // a process that is away does not see what is late in time
	life.Late, life.LateMax = 0.1, time.Minute
	life.BurstSize, life.BurstEvery = 120, 48*time.Hour
	dialect := gatewaytest.Dialect(seed % 2)
	cost := gatewaytest.NewCost
	if dialect == gatewaytest.Old {
		cost = gatewaytest.OldCost
	}
	s.gateway = gatewaytest.New(gatewaytest.Config{Dialect: dialect, Seed: seed, Life: life, Cost: cost, Fault: s.weather.handler})
	s.weather.gateway = s.gateway
	s.gateway.AddHistory(200, time.Now().Add(-48*time.Hour), time.Now().Add(-time.Minute), gatewaytest.HistoryOptions{Connections: 3, Unfinished: 20, Pending: 5})
	return s
}

// live lets a process run, and be killed and started again, for a while.
func (s *simulation) live(d time.Duration) {
	s.start()
	s.scrape() // in good weather: T0 is by the gateway's clock
	every := time.Duration(5+s.rng.IntN(50)) * time.Minute
	var fullSince time.Time
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(every)
		switch s.rng.IntN(50) {
		case 0:
			s.kill(noCrash)
			time.Sleep(s.downtime())
			s.start()
		case 1:
			s.kill(crashPoint(s.rng.IntN(2) + 1))
			s.start()
		case 2:
			if s.disk.setFull(true); fullSince.IsZero() {
				fullSince = time.Now()
			}
		case 3, 4:
			s.disk.setFull(false)
			fullSince = time.Time{}
		case 5:
			s.gateway.Replace(gatewaytest.Dialect(s.rng.IntN(2)))
		case 6:
			s.clock.set(anOffset(s.rng))
		case 7:
			s.reconfigure()
		}
		if !fullSince.IsZero() && time.Since(fullSince) > 24*time.Hour {
			// What is older than the lookback once it can be read is not counted, nor is a review that another one has followed by then.
			s.disk.setFull(false)
			fullSince = time.Time{}
		}
		s.scrape()
		if s.Failed() {
			return
		}
	}
}

// downtime is how long there is no process: for hours, or for a little less or more than the allowed lateness.
func (s *simulation) downtime() time.Duration {
	if s.rng.IntN(2) == 0 {
		return DefaultConfig().AllowedLateness - time.Minute + time.Duration(s.rng.IntN(120))*time.Second
	}
	return time.Duration(s.rng.ExpFloat64() * float64(2*time.Hour))
}

// reconfigure shows one tag more, or one less.
func (s *simulation) reconfigure() {
	cfg := s.world.collector.cfg()
	if cfg.ConnectionTags = []string{"team", "environment"}; len(s.world.collector.cfg().ConnectionTags) == 2 {
		cfg.ConnectionTags = cfg.ConnectionTags[:1]
	}
	apply, err := s.world.collector.Reconfigure(cfg)
	if err != nil {
		s.Fatal(err)
	}
	apply()
}

// settle waits until nothing happens any more, and compares with the truth.
func (s *simulation) settle() {
	if s.Failed() {
		close(s.dead)
		s.world.stop()
		return
	}
	s.weather.clear()
	s.disk.setFull(false)
	s.gateway.Calm()
	for range 72 + 8 { // no second review waits for longer than 72 hours
		time.Sleep(time.Hour)
		s.scrape()
	}
	for range 12 {
		time.Sleep(20 * time.Minute)
		s.scrape()
	}
	s.world.clockWasWrong = s.weather.clockWasWrong()
	s.world.equalsTruth()
	close(s.dead)
	s.world.stop()
	s.Logf("%d processes, %d scrapes, %d saves, %d refused, %v clock steps; %v", s.processes, s.scrapes, s.disk.saves, s.disk.refusals, s.allClockSteps, s.weather.seen)
}

func (s *simulation) scrape() {
	s.scrapes++
	ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
	defer cancel()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(s.world.collector.Scrape(ctx))
	families, err := reg.Gather()
	if err != nil {
		s.Fatalf("scrape %d: %v", s.scrapes, err)
	}
	s.witness.check(s.T, families)
	for _, f := range families {
		if f.GetName() == clockSteps {
			steps := f.GetMetric()[0].GetCounter().GetValue()
			s.allClockSteps, s.clockSteps = s.allClockSteps+steps-s.clockSteps, steps
		}
	}
	got := flatten(slices.DeleteFunc(families, func(f *dto.MetricFamily) bool {
		return f.GetType() == dto.MetricType_GAUGE || strings.HasPrefix(f.GetName(), "hoop_exporter_")
	}))
	s.neverFall(got)
	if s.scrapes%20 == 0 || s.fresh {
		s.fresh = false
		s.neverNewborn(families)
		s.neverExceed(got)
	}
}

// neverFall wants every counter to be at least what it was, and to be there. Only a process that does not know yet whose gateway it is,
// because that does not answer, shows none at all.
func (s *simulation) neverFall(got map[string]float64) {
	if len(got) == 0 {
		return
	}
	for k, before := range s.counters {
		if now, ok := got[k]; !ok || now < before {
			s.Fatalf("scrape %d at %v: %s fell from %v to %v (there: %v)", s.scrapes, time.Now(), k, before, now, ok)
		}
	}
	for k, v := range got {
		if _, ok := s.counters[k]; !ok && v != 0 && (strings.Contains(k, "_total{") || strings.Contains(k, "_count{")) {
			s.Fatalf("scrape %d at %v: %s was born at %v, which increase() cannot see", s.scrapes, time.Now(), k, v)
		}
	}
	maps.Copy(s.counters, got)
}

// neverNewborn wants created timestamps to stay.
func (s *simulation) neverNewborn(families []*dto.MetricFamily) {
	for _, f := range families {
		if f.GetType() == dto.MetricType_GAUGE || strings.HasPrefix(f.GetName(), "hoop_exporter_") {
			continue
		}
		for _, m := range f.GetMetric() {
			key := f.GetName() + fmt.Sprint(m.GetLabel())
			at := m.GetCounter().GetCreatedTimestamp().AsTime()
			if m.Histogram != nil {
				at = m.GetHistogram().GetCreatedTimestamp().AsTime()
			}
			if before, ok := s.created[key]; ok && !before.Equal(at) {
				s.Fatalf("scrape %d: %s was created at %v, and is now said to have been at %v", s.scrapes, key, before, at)
			}
			s.created[key] = at
		}
	}
}

// neverExceed wants no counter to be more than the truth.
func (s *simulation) neverExceed(got map[string]float64) {
	snap := s.world.collector.published.Load().snapshot
	if snap == nil {
		return
	}
	truth := s.world.truth()
	for k, v := range got {
		family, _, _ := strings.Cut(k, "{")
		if truth.Rewritten > 0 && breaksDown(family) || truth.Reworded > 0 && isInWords(family) {
			continue // the exporter saw the second version first
		}
		if family == resolvedFamily && s.weather.clockWasWrong() {
			continue // by a clock that is ahead, access ends sooner
		}
		if want := truth.Samples[k]; v > want+1e-6*want {
			s.Fatalf("scrape %d at %v: %s is %v, and cannot be more than %v", s.scrapes, time.Now(), k, v, want)
		}
	}
}

// start starts a process on what the last one left on the disk.
func (s *simulation) start() {
	s.processes++
	s.fresh = true
	s.clockSteps = 0
	s.dead = make(chan struct{})
	cfg := truthConfig()
	cfg.Lookback, cfg.State = 72*time.Hour, s.disk.process(s.dead)
	cfg.clock = s.clock.now
	if s.rng.IntN(3) == 0 {
		s.clock.set(anOffset(s.rng)) // it was set while the process was away
	}
	wrong := time.Duration(s.rng.IntN(50)) * time.Second // not believed: T0 is right
	if s.processes > 1 && s.rng.IntN(2) == 0 {
		wrong = time.Duration(s.rng.ExpFloat64() * float64(3*time.Minute))
	}
	s.weather.wrongFrom(time.Now(), wrong)
	s.witness = newWitness(s.gateway.Transport())
	s.world = newWorldBehind(s.T, s.gateway, s.witness, cfg)
}

// kill ends the process without a chance to do anything: in the middle of a refresh, or next to a save.
func (s *simulation) kill(p crashPoint) {
	s.disk.crashAt(p)
	time.Sleep(11 * time.Second) // the cache is old
	wait := time.Duration(s.rng.IntN(3000)) * time.Millisecond
	if p != noCrash {
		wait = 2 * time.Minute // it comes as far as the save, if there is one
	}
	ctx, cancel := context.WithTimeout(s.Context(), wait)
	_ = s.world.collector.Refresh(ctx)
	cancel()
	if p != noCrash {
		s.scrape() // what is not on the disk yet must not be seen
	}
	close(s.dead)
	s.world.stop()
}
