package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest/pgtest"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

// clusterGateways is enough that each of three members has some.
const clusterGateways = 12

// members is how many processes run at most.
const members = 3

// clusterRig is all that runs: gateways, processes that share a database, a service in front of them, and a Prometheus that scrapes the gateways in
// each of the ways of jobs.
type clusterRig struct {
	rig
	dir      string
	database pgtest.Cluster
	url      string // of the database
	gateways []string
	service  *service
	members  [members]*process // nil: it does not run
	at       [members]string   // their addresses, which outlive them
	kills    []kill
}

// kill is the death of a holder.
type kill struct {
	at       time.Time
	gateways []string // what it held
}

// jobs are the ways in which Prometheus scrapes.
var jobs = map[string]string{
	// As the documentation has it: one URL, the service's, and each gateway at its holder.
	"listed": "http_sd_configs: [{url: 'http://SERVICE/sd', refresh_interval: 5s}]",
	// The lists of all members.
	"several": "http_sd_configs: [{url: 'http://MEMBER0/sd', refresh_interval: 5s}, {url: 'http://MEMBER1/sd', refresh_interval: 5s}, {url: 'http://MEMBER2/sd', refresh_interval: 5s}]",
	// Each gateway through the service: most scrapes are redirected.
	"service": "http_sd_configs: [{url: 'http://SERVICE/sd', refresh_interval: 5s}]\n  relabel_configs: [{target_label: __address__, replacement: 'SERVICE'}]",
}

func startCluster(t *testing.T) *clusterRig {
	t.Helper()
	began := time.Now()
	c := &clusterRig{dir: t.TempDir()}
	c.say = func(format string, args ...any) {
		t.Helper()
		t.Logf("%4.0f s  "+format, append([]any{time.Since(began).Seconds()}, args...)...)
	}
	t.Cleanup(func() {
		if err := c.database.Close(); err != nil {
			t.Error(err)
		}
	})
	c.url = c.database.Database(t)
	also := func(program string, args ...string) string {
		q, address := serveAt(t, program, args...)
		c.others = append(c.others, q)
		return address
	}
	at := "http://" + also(built(t).Gateway, "--gateways="+strconv.Itoa(clusterGateways), "--org=org", "--connections=6", "--history=40", "--history-span=10h",
		"--unfinished=8", "--pending=5", "--ready=2", "--rate=1", "--hurry=60", "--no-rewriting")
	config := &strings.Builder{}
	fmt.Fprintf(config, "defaults:\n  token_file: token\n  duty: 0.05\n  sessions: {lookback: %s, overlap: %s}\n  cache: {ttl: 1s}\n  metrics: {first_value_hold: 1s}\ngateways:\n", lookback, overlap)
	for i := range clusterGateways {
		c.gateways = append(c.gateways, fmt.Sprintf("%s/g%d", at, i))
		fmt.Fprintf(config, "  g%d: {url: '%s/api'}\n", i, c.gateways[i])
	}
	c.write(t, "hoop.yml", config.String())
	c.write(t, "token", "any")
	c.write(t, "postgres-url", c.url)
	port := freePorts(t)
	for i := range c.at {
		c.at[i] = fmt.Sprintf("127.0.0.1:%d%d", port, i)
	}
	c.service = newService(t)
	c.start(t, 0)
	c.settled(t)
	c.answered(t)

	text := "global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 5s}\nscrape_configs:\n"
	replace := []string{"SERVICE", c.service.address()}
	for i, a := range c.at {
		replace = append(replace, fmt.Sprint("MEMBER", i), a)
	}
	for name, how := range jobs {
		text += "- job_name: " + name + "\n  " + strings.NewReplacer(replace...).Replace(how) + "\n"
	}
	c.prometheus = "http://" + also(os.Getenv("HOOP_PROMETHEUS"), "--config.file="+c.write(t, "prometheus.yml", text),
		"--storage.tsdb.path="+filepath.Join(c.dir, "prometheus"), "--web.listen-address=127.0.0.1:0")
	collectortest.Eventually(t, time.Minute, half, func() string {
		if _, err := fetch(t.Context(), http.MethodGet, c.prometheus+"/-/ready", ""); err != nil {
			return err.Error()
		}
		return ""
	})
	c.scraped(t)
	c.say("%d gateways, a database, a member and Prometheus run", clusterGateways)
	return c
}

func (c *clusterRig) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// start starts a member where it was before, if it was.
func (c *clusterRig) start(t *testing.T, i int) {
	t.Helper()
	c.members[i], _ = serveWith(t, nil, built(t).Exporter, "--config.file="+filepath.Join(c.dir, "hoop.yml"), "--state.postgres-url-file="+filepath.Join(c.dir, "postgres-url"),
		"--web.listen-address="+c.at[i], "--web.external-url=http://"+c.at[i])
	c.service.add(c.at[i])
}

// settled waits until the members agree on how many they are, and each gateway has a holder.
func (c *clusterRig) settled(t *testing.T) {
	t.Helper()
	began, running := time.Now(), 0
	for _, m := range c.members {
		if m != nil {
			running++
		}
	}
	want := []string{"\nhoop_exporter_database_up 1\n", "\nhoop_exporter_unheld_gateways 0\n", fmt.Sprintf("\nhoop_exporter_members{configuration=\"same\"} %d\n", running)}
	collectortest.Eventually(t, 2*time.Minute, half/2, func() string {
		for i, m := range c.members {
			if m == nil {
				continue
			}
			body, err := fetch(t.Context(), http.MethodGet, "http://"+c.at[i]+"/metrics", plainText)
			if err != nil {
				return err.Error()
			}
			for _, w := range want {
				if !strings.Contains(string(body), w) {
					return fmt.Sprintf("member %d does not show %q", i, strings.TrimSpace(w))
				}
			}
		}
		return ""
	})
	c.say("settled with %d members after %v: %v", running, time.Since(began).Round(100*time.Millisecond), c.shares(t))
}

// scraped waits until Prometheus scrapes each gateway in each way.
func (c *clusterRig) scraped(t *testing.T) {
	t.Helper()
	collectortest.Eventually(t, time.Minute, half, func() string {
		for job := range jobs {
			if n := len(c.vector(t, "hoop_up{job='"+job+"'} == 1 and hoop_exporter_baseline_complete == 1")); n != clusterGateways {
				return fmt.Sprintf("%s: %d of %d gateways are up", job, n, clusterGateways)
			}
		}
		return ""
	})
}

// holders are the gateways by the address of their holder, as the service lists them.
func (c *clusterRig) holders(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	collectortest.Eventually(t, time.Minute, half/2, func() string { // a process that has just started, without a database, knows none
		body, err := fetch(t.Context(), http.MethodGet, "http://"+c.service.address()+"/sd", "")
		var targets []fleet.Target
		if err == nil {
			err = json.Unmarshal(body, &targets)
		}
		if err != nil {
			return err.Error()
		}
		for _, target := range targets {
			out[target.Targets[0]] = append(out[target.Targets[0]], target.Labels["instance"])
		}
		return ""
	})
	return out
}

// shares are how many gateways each member has.
func (c *clusterRig) shares(t *testing.T) (n [members]int) {
	t.Helper()
	held := c.holders(t)
	for i, a := range c.at {
		n[i] = len(held[a])
	}
	return n
}

// answered waits until sessions have been requested from each gateway.
func (c *clusterRig) answered(t *testing.T) {
	t.Helper()
	collectortest.Eventually(t, time.Minute, half, func() string {
		if _, err := fetch(t.Context(), http.MethodGet, "http://"+c.at[0]+"/metrics", ""); err != nil { // wakes them
			return err.Error()
		}
		for _, g := range c.gateways {
			v := url.Values{"lookback": {lookback}, "overlap": {overlap}}
			if _, err := fetch(t.Context(), http.MethodGet, g+"/truth?"+v.Encode(), ""); err != nil {
				return err.Error()
			}
		}
		return ""
	})
}

// freePorts returns a number such that with a digit more it is the port of a member.
func freePorts(t *testing.T) int {
	t.Helper()
	for n := 2000; n < 3200; n++ {
		free := true
		for digit := range members {
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
	t.Fatal("no ports are free in a row")
	return 0
}

// service is an address that forwards connections to any process that runs and answers, one after the other, as one of Kubernetes does.
type service struct {
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex
	backends []string
	next     int
	open     map[net.Conn]bool
	closed   bool
}

func newService(t *testing.T) *service {
	t.Helper()
	var c net.ListenConfig
	l, err := c.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{listener: l, open: map[net.Conn]bool{}}
	s.running.Go(s.accept)
	t.Cleanup(s.close)
	return s
}

func (s *service) address() string { return s.listener.Addr().String() }

func (s *service) accept() {
	for {
		client, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && s.keep(client) {
			s.running.Go(func() { s.forward(client) })
		}
	}
}

// keep has a connection closed with the service.
func (s *service) keep(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return false
	}
	s.open[c] = true
	return true
}

func (s *service) drop(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	_ = c.Close()
}

func (s *service) forward(client net.Conn) {
	defer s.drop(client)
	for range members {
		s.mu.Lock()
		s.next++
		backends, next := s.backends, s.next
		s.mu.Unlock()
		if len(backends) == 0 {
			return
		}
		process, err := net.DialTimeout("tcp", backends[next%len(backends)], time.Second)
		if err != nil {
			continue
		}
		if !s.keep(process) {
			return
		}
		defer s.drop(process)
		var both sync.WaitGroup
		for _, way := range [][2]net.Conn{{client, process}, {process, client}} {
			both.Go(func() {
				_, _ = way[1].(*net.TCPConn).ReadFrom(way[0])
				s.drop(way[0])
				s.drop(way[1])
			})
		}
		both.Wait()
		return
	}
}

// add begins to forward to an address, and remove ends that.
func (s *service) add(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backends = append(slices.Clip(s.backends), address)
}

func (s *service) remove(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []string
	for _, b := range s.backends {
		if b != address {
			left = append(left, b)
		}
	}
	s.backends = left
}

func (s *service) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for c := range s.open {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}
