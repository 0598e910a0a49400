package fleet

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	dto "github.com/prometheus/client_model/go"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/shard"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

// town is gateways, and shards that divide them, seen by a scraper that follows service discovery.
type town struct {
	t        *testing.T
	gateways map[string]*gatewaytest.Gateway
	since    map[string]*counting
	yaml     string
	dirs     func(index int) string

	shards map[string]*world // by address
	total  int               // what service discovery is asked of a shard that knows of so many

	last    map[string]map[string]float64 // of each gateway
	created map[string]map[string]time.Time
	before  map[string]map[string]float64 // what it had counted when it began again
	resets  map[string]int                // how often it did
	gaps    map[string]int                // scrapes that found no collector
}

func newTown(t *testing.T, dirs func(int) string) *town {
	town := &town{
		t: t, gateways: map[string]*gatewaytest.Gateway{}, since: map[string]*counting{}, dirs: dirs, shards: map[string]*world{},
		last: map[string]map[string]float64{}, before: map[string]map[string]float64{}, created: map[string]map[string]time.Time{}, resets: map[string]int{}, gaps: map[string]int{},
	}
	yaml := &strings.Builder{}
	fmt.Fprintln(yaml, "gateways:")
	for i := range collectortest.Pick(6, 12) {
		host := fmt.Sprintf("g%02d", i)
		cfg := sound(1)
		cfg.Seed, cfg.OrgID, cfg.Life.Rate = uint64(i), "org-"+host, 0.05
		town.gateways[host] = gatewaytest.New(cfg)
		fmt.Fprintf(yaml, "  %s: {url: https://%s, token_file: t}\n", host, host)
	}
	town.yaml = yaml.String()
	return town
}

// start starts shard index of total, beside what runs already. Its address has the total in it: a rolling update knows both.
func (town *town) start(index, total int) {
	town.t.Helper()
	s := shard.Shard{Index: index, Total: total}
	dir, err := state.NewDirectory(town.dirs(index))
	if err != nil {
		town.t.Fatal(err)
	}
	states, err := OpenStates(dir, s, time.Now(), log.NewNopLogger())
	if err != nil {
		town.t.Fatal(err)
	}
	address := fmt.Sprintf("of-%d-{index}:1", total)
	w := newWorld(town.t, Options{Concurrency: 20, Shard: s, ShardAddress: address, State: states.Folder})
	w.gateways, w.since = town.gateways, town.since
	w.apply(town.yaml)
	town.shards[shard.Address(address, index)] = w
}

func (town *town) stop(index, total int) {
	at := fmt.Sprintf("of-%d-%d:1", total, index)
	town.shards[at].stop()
	delete(town.shards, at)
	// The disk has another clock than the bubble.
	files, err := filepath.Glob(filepath.Join(town.dirs(index), "*.state"))
	if err != nil {
		town.t.Fatal(err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.ModTime().After(time.Now().Add(time.Hour)) {
			if err := os.Chtimes(f, time.Now(), time.Now()); err != nil {
				town.t.Fatal(err)
			}
		}
	}
}

// look does what Prometheus does for a while: it asks for targets and scrapes each where it is said to be.
func (town *town) look(d, every time.Duration) {
	town.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(every) {
		var targets []Target
		for _, at := range slices.Sorted(maps.Keys(town.shards)) {
			if strings.HasPrefix(at, "of-"+strconv.Itoa(town.total)) {
				targets = town.shards[at].Targets("/probe", "")
				break
			}
		}
		if len(targets) != len(town.gateways) {
			town.t.Fatalf("%d targets", len(targets))
		}
		var scrapes sync.WaitGroup
		var mu sync.Mutex
		for _, target := range targets {
			scrapes.Go(func() {
				name := target.Labels["instance"]
				var families []*dto.MetricFamily
				if w := town.shards[target.Targets[0]]; w != nil {
					if c, ok := w.Collector(name); ok {
						families = collectortest.Gather(town.t, c)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				if families == nil {
					town.gaps[name]++
					return
				}
				town.enter(name, families)
			})
		}
		scrapes.Wait()
	}
}

// enter takes a scrape in. Nothing may fall unless all of the gateway begins again, by a created timestamp of its own.
func (town *town) enter(name string, families []*dto.MetricFamily) {
	series, err := collectortest.Flatten(families)
	if err != nil {
		town.t.Error(err)
	}
	now, created := counted(series.Values), counted(series.Created)
	again := ""
	for k, at := range town.created[name] {
		if n, ok := created[k]; ok && !n.Equal(at) {
			again = k
		}
	}
	if again != "" {
		town.resets[name]++
		if town.before[name] == nil {
			town.before[name] = map[string]float64{}
		}
		for k, v := range town.last[name] {
			town.before[name][k] += v
		}
		town.last[name], town.created[name] = nil, nil
	}
	for k, v := range town.last[name] {
		if n, ok := now[k]; ok && n < v {
			town.t.Errorf("%s: %s fell from %v to %v", name, k, v, n)
		}
	}
	if town.last[name] == nil {
		town.last[name], town.created[name] = map[string]float64{}, map[string]time.Time{}
	}
	maps.Copy(town.last[name], now)
	maps.Copy(town.created[name], created)
}

// calm has no more sessions start, and waits until those that there are have ended.
func (town *town) calm() {
	for _, g := range town.gateways {
		g.Calm()
	}
	town.look(4*time.Hour, 10*time.Minute)
}

// Two shards become three, and two again, on a directory that all share. Old and new ones run side by side for a while, as in a rolling update.
// A scraper that follows service discovery sees every counter go on, to the truth.
func TestCountersGoOnWhereGatewaysMoveWithTheirState(t *testing.T) {
	while := collectortest.Pick(5*time.Minute, 20*time.Minute)
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		town := newTown(t, func(int) string { return dir })
		town.total = 2
		town.start(0, 2)
		town.start(1, 2)
		town.look(while, 15*time.Second)
		town.start(2, 3) // its gateways are still those of the old ones, which have the files
		town.look(2*time.Minute, 15*time.Second)
		for _, i := range []int{1, 0} {
			town.stop(i, 2)
			town.start(i, 3)
			town.total = 3
			town.look(2*time.Minute, 15*time.Second)
		}
		town.look(while, 15*time.Second)
		for _, i := range []int{2, 1, 0} {
			town.stop(i, 3)
			if i < 2 {
				town.start(i, 2)
				town.total = 2
				town.look(2*time.Minute, 15*time.Second)
			}
		}
		town.look(while/2, 15*time.Second)
		town.calm()
		town.end(0)
	})
}

// Where each shard has a directory of its own, and all of them are restarted as three and as two again, what moves begins again, by a created
// timestamp of its own, and what the shard to which it comes back once knew of it is not taken for what has happened since.
func TestCountersBeginAgainWhereGatewaysMoveWithoutTheirState(t *testing.T) {
	while := collectortest.Pick(5*time.Minute, 20*time.Minute)
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		town := newTown(t, func(index int) string { return filepath.Join(dir, strconv.Itoa(index)) })
		for _, total := range []int{2, 3, 2} {
			for i := range total {
				town.start(i, total)
			}
			if town.total = total; len(town.before) == 0 || total == 3 {
				town.look(while, 15*time.Second)
			}
			if total == 2 && len(town.before) > 0 {
				break
			}
			for i := range total {
				town.stop(i, total)
			}
		}
		town.calm()
		town.end(2)
	})
}

// end compares what was seen with the truth. Gateways that have moved may have begun again so many times.
func (town *town) end(again int) {
	town.t.Helper()
	for _, w := range town.shards {
		w.stop()
	}
	moved := 0
	for name, g := range town.gateways {
		moves := shard.Owner("https://"+name+"/api", 3) == 2
		if moves {
			moved++
		}
		want := g.Truth(gatewaytest.TruthOptions{T0: town.since[name].t0, Lookback: 168 * time.Hour, AllowedLateness: 15 * time.Minute, Everything: true}).Samples
		wrong := differs(town.last[name], counted(want))
		if moves && again > 0 {
			if wrong = ""; town.resets[name] != again {
				wrong = fmt.Sprintf("began again %d times, want %d", town.resets[name], again)
			}
			for k, v := range town.last[name] {
				if seen := town.before[name][k] + v; seen > want[k] {
					wrong = fmt.Sprintf("%s: %v were counted of %v", k, seen, want[k])
				}
			}
		} else if town.resets[name] > 0 {
			wrong += "; it began again"
		}
		if wrong != "" {
			town.t.Errorf("%s (moves: %v): %s", name, moves, wrong)
		}
		// As long as the old shard is there, the new one asks only whose the credential is, which is not a list request.
		if s := g.Stats(); s.Overlapping > 0 {
			town.t.Errorf("%s: %d list requests overlapped", name, s.Overlapping)
		}
	}
	if moved == 0 || moved == len(town.gateways) {
		town.t.Errorf("%d of %d gateways move", moved, len(town.gateways))
	}
	town.t.Logf("%d of %d gateways move; scrapes that found no collector: %v", moved, len(town.gateways), town.gaps)
}
