package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/shard"
)

const shardedGateways = 6

// A real Prometheus finds gateways by service discovery, while one shard of two is killed, and two become three.
func TestPrometheusFollowsGatewaysFromShardToShard(t *testing.T) {
	needServers(t)
	t.Parallel()
	f := startShards(t)
	f.targetsUp(t)
	f.grow(t, 40)

	f.shards[1].kill()
	f.say("shard 1 was killed with SIGKILL")
	time.Sleep(5 * time.Second) // as long as it takes to notice
	f.shards[1] = f.shard(t, 1, 2)
	f.grow(t, 40)

	two := f.shards
	f.shards = []*process{nil, nil, f.shard(t, 2, 3)}
	for _, i := range []int{1, 0} { // as a StatefulSet does
		two[i].stop(t)
		f.shards[i] = f.shard(t, i, 3)
	}
	f.say("two shards have become three")
	f.targetsUp(t)
	f.moved(t)
	f.grow(t, 40)

	f.counters(t)
	f.replicas(t)
	f.nothingDropped(t)
	for _, s := range append(f.shards, f.others...) {
		s.stop(t)
	}
	f.say("everything ended with success")
}

// shardRig is everything that runs: gateways, the shards of replica a, which share a state directory, the one exporter of replica b, a Prometheus that
// scrapes both, and one that scrapes only a.
type shardRig struct {
	rig
	alone    rig // the Prometheus that scrapes only a
	dir      string
	port     int      // of shard 0, without its last digit
	gateways []string // URLs
	shards   []*process
}

func startShards(t *testing.T) *shardRig {
	t.Helper()
	began := time.Now()
	f := &shardRig{dir: t.TempDir(), port: freePorts(t)}
	f.say = func(format string, args ...any) {
		t.Helper()
		t.Logf("%4.0f s  "+format, append([]any{time.Since(began).Seconds()}, args...)...)
	}
	also := func(program string, args ...string) string {
		q, address := serveAt(t, program, args...)
		f.others = append(f.others, q)
		return address
	}
	config := &strings.Builder{}
	fmt.Fprintf(config, "defaults:\n  token_file: token\n  duty: 0.05\n  sessions: {lookback: %s, overlap: %s}\n  cache: {ttl: 1s}\n  metrics: {first_value_hold: 10s}\n"+
		"  target_labels: {region: eu}\ngateways:\n", lookback, overlap)
	at := "http://" + also(built(t).Gateway, "--gateways=60", "--org=org", "--connections=10", "--history=60", "--history-span=10h", "--unfinished=12",
		"--pending=8", "--ready=2", "--rate=1", "--hurry=60", "--no-rewriting")
	// Of those that there are, as many for each of three shards, so that some move and some stay; and some for both of two.
	var have [3]int
	var before [2]int
	for i := range 60 {
		g := fmt.Sprintf("%s/g%d", at, i)
		owner, was := shard.Owner(g+"/api", 3), shard.Owner(g+"/api", 2)
		if have[owner] == shardedGateways/3 || before[was] == shardedGateways-2 {
			continue
		}
		have[owner]++
		before[was]++
		fmt.Fprintf(config, "  g%d: {url: '%s/api', target_labels: {environment: e%d}}\n", len(f.gateways), g, len(f.gateways))
		f.gateways = append(f.gateways, g)
	}
	if len(f.gateways) != shardedGateways {
		t.Fatalf("%d gateways by shard: %v, %v", len(f.gateways), have, before)
	}
	f.write(t, "hoop.yml", config.String())
	f.write(t, "token", "any")
	f.shards = []*process{f.shard(t, 0, 2), f.shard(t, 1, 2)}
	f.answered(t) // T0 of the truth is that of a
	replica, b := f.exporter(t, "b", "--web.listen-address=127.0.0.1:0")
	f.others = append(f.others, replica)

	f.write(t, "rules.yml", rules(t))
	server := func(name string, jobs ...string) string {
		file := f.write(t, name+".yml", "global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 5s}\nrule_files: [rules.yml]\nscrape_configs:\n"+strings.Join(jobs, ""))
		at := "http://" + also(os.Getenv("HOOP_PROMETHEUS"), "--config.file="+file, "--storage.tsdb.path="+filepath.Join(f.dir, name), "--web.listen-address=127.0.0.1:0")
		collectortest.Eventually(t, time.Minute, half, func() string {
			if _, err := fetch(t.Context(), http.MethodGet, at+"/-/ready", ""); err != nil {
				return err.Error()
			}
			return ""
		})
		return at
	}
	jobA, jobB := job("a", f.at(0)), job("b", b)
	f.prometheus, f.alone.prometheus = server("both", jobA, jobB), server("alone", jobA)
	f.say("%d gateways, two shards, a replica of them and two Prometheus run", shardedGateways)
	return f
}

// job is how the documentation says that a replica is scraped.
func job(replica, at string) string {
	return fmt.Sprintf("- job_name: hoop-%s\n  http_sd_configs: [{url: 'http://%s/sd', refresh_interval: 2s}]\n"+
		"  relabel_configs: [{target_label: job, replacement: hoop}, {target_label: replica, replacement: %s}]\n", replica, at, replica)
}

func (f *shardRig) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (f *shardRig) at(index int) string { return fmt.Sprintf("127.0.0.1:%d%d", f.port, index) }

func (f *shardRig) shard(t *testing.T, index, total int) *process {
	t.Helper()
	q, _ := f.exporter(t, "a", "--web.listen-address="+f.at(index), "--shard.address="+fmt.Sprintf("127.0.0.1:%d{index}", f.port),
		"--shard.total="+strconv.Itoa(total), "--shard.index="+strconv.Itoa(index))
	return q
}

// exporter starts one whose state is in a replica's directory.
func (f *shardRig) exporter(t *testing.T, replica string, args ...string) (*process, string) {
	t.Helper()
	args = append([]string{"--config.file=" + filepath.Join(f.dir, "hoop.yml"), "--state.dir=" + filepath.Join(f.dir, "state-"+replica)}, args...)
	q, url := serveWith(t, nil, built(t).Exporter, args...)
	return q, strings.TrimPrefix(url, "http://")
}

// freePorts returns a number such that with a digit more it is the port of a shard.
func freePorts(t *testing.T) int {
	t.Helper()
	for n := 2000; n < 3200; n++ {
		free := true
		for digit := range 3 {
			var c net.ListenConfig
			l, err := c.Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d%d", n, digit))
			if free = free && err == nil; err == nil {
				_ = l.Close()
			}
		}
		if free {
			return n
		}
	}
	t.Fatal("no three ports are free in a row")
	return 0
}

// answered waits until each gateway has been asked for sessions.
func (f *shardRig) answered(t *testing.T) {
	t.Helper()
	for i := range f.shards {
		if _, err := fetch(t.Context(), http.MethodGet, "http://"+f.at(i)+"/metrics", ""); err != nil { // wakes them
			t.Fatal(err)
		}
	}
	collectortest.Eventually(t, time.Minute, half, func() string {
		for _, g := range f.gateways {
			if _, err := fetch(t.Context(), http.MethodGet, g+"/truth?lookback="+lookback+"&overlap="+overlap, ""); err != nil {
				return err.Error()
			}
		}
		return ""
	})
}

// targetsUp waits until all is scraped, with the labels that were promised.
func (f *shardRig) targetsUp(t *testing.T) {
	t.Helper()
	type targets struct {
		ActiveTargets []struct {
			Health, LastError, ScrapeURL string
			Labels                       map[string]string
		}
	}
	collectortest.Eventually(t, time.Minute, half, func() string {
		a := api[targets](t, &f.rig, "targets").ActiveTargets
		if len(a) != 2*shardedGateways {
			return fmt.Sprintf("%d targets", len(a))
		}
		for _, target := range a {
			name := target.Labels["instance"]
			want := map[string]string{
				"instance": name, "gateway": name, "environment": "e" + strings.TrimPrefix(name, "g"), "region": "eu", "job": "hoop", "replica": target.Labels["replica"],
			}
			if target.Health != "up" || fmt.Sprint(target.Labels) != fmt.Sprint(want) || !strings.HasSuffix(target.ScrapeURL, "/probe?gateway="+name) {
				return fmt.Sprintf("%+v", target)
			}
		}
		if v := f.vector(t, "hoop_up == 1 and hoop_exporter_baseline_complete == 1"); len(v) != 2*shardedGateways {
			return fmt.Sprintf("%d of %d gateways are up", len(v), 2*shardedGateways)
		}
		return ""
	})
	f.say("all targets are up, with their labels")
}

// grow lets life go on until so many sessions have started at each gateway.
func (f *shardRig) grow(t *testing.T, by float64) {
	t.Helper()
	started := func() map[string]float64 {
		out := map[string]float64{}
		for _, s := range f.vector(t, "sum by (instance) (hoop_sessions_started_total{replica='a'})") {
			out[s.Metric["instance"]] = s.Value.v
		}
		return out
	}
	var before map[string]float64
	collectortest.Eventually(t, 2*time.Minute, half, func() string {
		now := started()
		if before == nil && len(now) == shardedGateways {
			before = now
		}
		for name, n := range now {
			if before == nil || len(now) < shardedGateways || n < before[name]+by {
				return fmt.Sprintf("%v sessions, before there were %v", now, before)
			}
		}
		return ""
	})
}

// moved wants some gateways to be at the new shard, and some not.
func (f *shardRig) moved(t *testing.T) {
	t.Helper()
	var at []int
	for i := range f.shards {
		at = append(at, len(linesOf(t, "http://"+f.at(i)+"/metrics", "hoop_exporter_gateway_up{")))
	}
	if fmt.Sprint(at) != fmt.Sprint([]int{shardedGateways / 3, shardedGateways / 3, shardedGateways / 3}) {
		t.Errorf("gateways by shard: %v", at)
	}
	f.say("gateways by shard: %v", at)
}

func linesOf(t *testing.T, url, prefix string) (lines []string) {
	t.Helper()
	body, err := fetch(t.Context(), http.MethodGet, url, "")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, line)
		}
	}
	return lines
}

// counters holds what Prometheus has seen of each gateway against what happened.
func (f *shardRig) counters(t *testing.T) {
	t.Helper()
	for _, g := range f.gateways {
		if _, err := fetch(t.Context(), http.MethodPost, g+"/calm", ""); err != nil {
			t.Fatal(err)
		}
	}
	f.say("no further session starts")
	names := slices.Clone(counted)
	for _, name := range measured {
		names = append(names, name+"_count")
	}
	n, total := 0, 0.0
	for i, g := range f.gateways {
		one := rig{gateway: g}
		collectortest.Eventually(t, 2*time.Minute, half, func() string {
			saw := map[string]series{}
			for _, s := range f.vector(t, fmt.Sprintf("{instance='g%d',replica='a',__name__=~'%s'}[15m]", i, strings.Join(names, "|"))) {
				for _, label := range []string{"gateway", "replica", "environment", "region"} {
					delete(s.Metric, label)
				}
				saw[seriesKey(s.Metric)] = s
			}
			wrong := notIncreasedAs(saw, one.truth(t))
			if wrong == "" {
				for _, s := range saw {
					total += increase(s)
				}
				n += len(saw)
			}
			return wrong
		})
	}
	for _, name := range names {
		for _, s := range f.vector(t, "resets("+name+"[15m]) > 0") {
			t.Errorf("%s%s has %v resets", name, seriesKey(s.Metric), s.Value.v)
		}
	}
	f.say("last minus first sample is the truth for all %d series (%.0f counted in all) of %d gateways; no resets", n, total, shardedGateways)
}

// replicas checks that the recording rules give the same for two replicas as for one. Nothing happens any more, and all that was counted lies in the
// last minutes.
func (f *shardRig) replicas(t *testing.T) {
	t.Helper()
	type groups struct {
		Groups []struct {
			Rules []struct{ Type, Name, Health, LastError string }
		}
	}
	var names []string
	for _, g := range api[groups](t, &f.rig, "rules").Groups {
		for _, r := range g.Rules {
			if r.Type == "recording" && !slices.Contains(names, r.Name) {
				names = append(names, r.Name)
			}
		}
	}
	compared := 0
	collectortest.Eventually(t, time.Minute, half, func() string {
		compared = 0
		var wrong []string
		for _, name := range names {
			one := map[string]float64{}
			for _, s := range f.alone.vector(t, name) {
				one[seriesKey(s.Metric)] += s.Value.v
			}
			both := map[string]float64{}
			for _, s := range f.vector(t, name) {
				both[seriesKey(s.Metric)] += s.Value.v
			}
			for k, v := range both {
				// What happened before b was there is a's alone, and increase() extrapolates.
				if was, ok := one[k]; ok && v > 1.4*was+2 && was > 0 {
					wrong = append(wrong, fmt.Sprintf("%s is %v with two replicas, %v with one", k, v, was))
				}
				compared++
			}
		}
		return strings.Join(wrong, "\n")
	})
	if compared < 20 {
		t.Errorf("only %d series of %d rules were compared", compared, len(names))
	}
	f.say("%d series of %d recording rules do not double with two replicas", compared, len(names))
}

// nothingDropped wants Prometheus to have taken all samples.
func (f *shardRig) nothingDropped(t *testing.T) {
	t.Helper()
	for _, trouble := range []string{"duplicate_timestamp_total", "out_of_bounds_total", "out_of_order_total", "rule_evaluation_failures_total"} {
		for _, line := range linesOf(t, f.prometheus+"/metrics", "prometheus_") {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if family, _, _ := strings.Cut(name, "{"); strings.HasSuffix(family, trouble) && value != "0" {
				t.Errorf("Prometheus says %s %s", name, value)
			}
		}
	}
}
