package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest/pgtest"
)

// mostGap is the longest time for which the gateways of a process that dies are not scraped.
const mostGap = 30 * time.Second

// Members come and go, die, sleep, and lose their database in all ways. In the end Prometheus has seen, of each gateway, what happened, and no reset.
func TestClusterCountsTheTruthWhateverGoesWrong(t *testing.T) {
	needServers(t)
	t.Parallel()
	c := startCluster(t)
	for i := 1; i < members; i++ {
		c.start(t, i)
	}
	c.settled(t)

	if collectortest.Long() {
		for range 19 {
			victim := c.killed(t)
			c.disconnected(t)
			c.settled(t)
			c.start(t, victim)
			c.settled(t)
		}
	}
	// Two of three are away at once.
	victim := c.killed(t)
	asleep := c.largest(t)
	wake := c.asleep(t, asleep)
	c.disconnected(t)
	c.settled(t)
	c.start(t, victim)
	c.scraped(t)
	c.restarted(t, collectortest.Pick(time.Second, 40*time.Second))
	wake()
	c.settled(t)
	c.diskFull(t, collectortest.Pick(time.Second, time.Minute))

	leaves := c.largest(t)
	c.service.remove(c.at[leaves])
	c.members[leaves].stop(t)
	c.members[leaves] = nil
	c.say("member %d has ended by itself", leaves)
	c.settled(t)

	c.counters(t)
	c.resets(t)
	c.gaps(t)
	for _, p := range append(c.members[:], c.others...) {
		if p != nil {
			p.stop(t)
		}
	}
}

// largest is the member with the most gateways.
func (c *clusterRig) largest(t *testing.T) int {
	t.Helper()
	shares, i := c.shares(t), slices.IndexFunc(c.members[:], func(p *process) bool { return p != nil })
	for j := range shares {
		if c.members[j] != nil && shares[j] > shares[i] {
			i = j
		}
	}
	return i
}

// killed kills a holder once all gateways are scraped again, so that each gap comes from a single kill.
func (c *clusterRig) killed(t *testing.T) (i int) {
	t.Helper()
	c.scraped(t)
	i = c.largest(t)
	held := c.holders(t)[c.at[i]]
	c.service.remove(c.at[i])
	c.members[i].kill()
	c.members[i] = nil
	c.kills = append(c.kills, kill{time.Now(), held})
	c.say("member %d was killed, which held %v", i, held)
	return i
}

// asleep stops a member in the middle of what it does, until wake.
func (c *clusterRig) asleep(t *testing.T, i int) (wake func()) {
	t.Helper()
	c.service.remove(c.at[i])
	m := c.members[i]
	c.members[i] = nil
	signal := func(s syscall.Signal) {
		if err := m.cmd.Process.Signal(s); err != nil {
			t.Error(err)
		}
	}
	signal(syscall.SIGSTOP)
	c.say("member %d sleeps", i)
	return func() {
		signal(syscall.SIGCONT)
		c.members[i] = m
		c.service.add(c.at[i])
		c.say("member %d has woken up", i)
	}
}

// disconnected ends all connections of members to the database.
func (c *clusterRig) disconnected(t *testing.T) {
	t.Helper()
	pgtest.Exec(t, c.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hoop_exporter'")
}

// restarted has no database for a while.
func (c *clusterRig) restarted(t *testing.T, away time.Duration) {
	t.Helper()
	if err := c.database.Stop(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(away)
	if err := c.database.Start(); err != nil {
		t.Fatal(err)
	}
	c.say("the database was away for %v", away)
}

// diskFull has no save succeed for a while.
func (c *clusterRig) diskFull(t *testing.T, lasts time.Duration) {
	t.Helper()
	failures := func() map[string]float64 {
		out := map[string]float64{}
		for _, s := range c.vector(t, "hoop_exporter_state_save_failures_total{job='listed'}") {
			out[s.Metric["instance"]] = s.Value.v
		}
		return out
	}
	before := failures()
	pgtest.Exec(t, c.url, "ALTER TABLE hoop_exporter.states SET (autovacuum_enabled = false, toast.autovacuum_enabled = false)")
	room := c.database.FillDisk(t, c.url, "INSERT INTO hoop_exporter.states (name, address, opened, saves, content) VALUES ('filler', 'filler', 0, 0, $1)")
	began := time.Now()
	collectortest.Eventually(t, time.Minute, half, func() string {
		for name, n := range failures() {
			if n <= before[name] {
				return "a save of " + name + " has not failed"
			}
		}
		return ""
	})
	time.Sleep(lasts)
	room()
	c.say("the disk of the database was full for %v, and saves of all gateways failed", time.Since(began).Round(time.Second))
}

// counters has no further session start, and holds what Prometheus sees of each gateway in each way against what happened.
func (c *clusterRig) counters(t *testing.T) {
	t.Helper()
	for _, g := range c.gateways {
		if _, err := fetch(t.Context(), http.MethodPost, g+"/calm", ""); err != nil {
			t.Fatal(err)
		}
	}
	c.say("no further session starts")
	names := collectortest.Counted()
	for _, name := range collectortest.Measured() {
		names = append(names, name+"_count")
	}
	n, total := 0, 0.0
	for i, g := range c.gateways {
		one := rig{gateway: g}
		for job := range jobs {
			collectortest.Eventually(t, 2*time.Minute, half, func() string {
				saw := map[string]series{}
				for _, s := range c.vector(t, fmt.Sprintf("{instance='g%d',job='%s',__name__=~'%s'}[1h]", i, job, strings.Join(names, "|"))) {
					delete(s.Metric, "gateway")
					s.Values = []point{{}, s.Values[len(s.Values)-1]} // from the 0 at which counting started, which not each job saw
					saw[seriesKey(s.Metric)] = s
				}
				wrong := notIncreasedAs(saw, one.truth(t))
				if wrong != "" {
					return fmt.Sprintf("g%d in %s: %s", i, job, wrong)
				}
				for _, s := range saw {
					total += increase(s)
				}
				n += len(saw)
				return ""
			})
		}
	}
	c.say("the last sample is the truth for all %d series (%.0f counted in all) of %d gateways, scraped in %d ways", n, total, clusterGateways, len(jobs))
}

// resets wants no counter of a gateway to have fallen, as Prometheus sees it.
func (c *clusterRig) resets(t *testing.T) {
	t.Helper()
	const own = `instance=~'g[0-9]+',__name__=~'hoop_.+(_total|_count|_sum|_bucket)',__name__!~'hoop_exporter_.+'`
	names := api[[]string](t, &c.rig, "label/__name__/values?"+url.Values{"match[]": {"{" + own + "}"}}.Encode())
	if len(names) < len(collectortest.Counted())+3*len(collectortest.Measured()) {
		t.Errorf("only these counters are there: %v", names)
	}
	for _, name := range names {
		for _, s := range c.vector(t, "resets("+name+"{instance=~'g[0-9]+'}[1h]) > 0") {
			t.Errorf("%s%s has %v resets", name, seriesKey(s.Metric), s.Value.v)
		}
	}
	c.say("no resets in the series of %d counters", len(names))
}

// gaps wants the gateways of processes that died to have been scraped again in time.
func (c *clusterRig) gaps(t *testing.T) {
	t.Helper()
	for _, job := range slices.Sorted(maps.Keys(jobs)) {
		scrapes := map[string][]point{}
		for _, s := range c.vector(t, fmt.Sprintf("hoop_up{job='%s'}[1h]", job)) {
			scrapes[s.Metric["instance"]] = s.Values
		}
		var worst []time.Duration // of each kill
		for _, k := range c.kills {
			most := time.Duration(0)
			for _, g := range k.gateways {
				most = max(most, gapAt(scrapes[g], k.at))
			}
			worst = append(worst, most.Round(100*time.Millisecond))
		}
		slices.Sort(worst)
		c.say("%s: without a scrape after %d kills: median %v, worst %v: %v", job, len(worst), worst[len(worst)/2], worst[len(worst)-1], worst)
		if worst[len(worst)-1] > mostGap {
			t.Errorf("%s: no scrape for %v", job, worst[len(worst)-1])
		}
	}
}

// gapAt is the time between the last scrape that succeeded before, and the first one after. A day is for never.
func gapAt(scrapes []point, at time.Time) time.Duration {
	var last time.Time
	for _, p := range scrapes {
		switch {
		case p.v != 1:
		case !p.at.After(at):
			last = p.at
		case !last.IsZero():
			return p.at.Sub(last)
		}
	}
	return 24 * time.Hour
}

// A check that finds nothing proves nothing unless it finds what is wrong.
func TestClusterGapsAreMeasuredBetweenGoodScrapes(t *testing.T) {
	second := func(s int64, v float64) point { return point{time.Unix(s, 0), v} }
	scrapes := []point{second(1, 1), second(3, 1), second(5, 0), second(7, 1), second(9, 1)}
	for at, want := range map[int64]time.Duration{3: 4 * time.Second, 4: 4 * time.Second, 6: 4 * time.Second, 7: 2 * time.Second, 9: 24 * time.Hour, 0: 24 * time.Hour} {
		if got := gapAt(scrapes, time.Unix(at, 0)); got != want {
			t.Errorf("after %d s: %v, want %v", at, got, want)
		}
	}
}
