package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
	"github.com/hoop-exporter/hoop_exporter/collector/state"
)

var (
	errUnreachable = errors.New("simulated: connection refused")
	errAnswerLost  = errors.New("simulated: connection reset by peer")
)

// machine is one process of a simulated cluster. What it does outside of itself goes through it: there it is slow, fails, and stops for as long as the
// process is paused.
type machine struct {
	s     *clusterSimulation
	id    string
	url   string
	clock time.Duration // by how much its wall clock is wrong
	fleet *Fleet
	end   context.CancelFunc
	ended chan struct{}
	out   *collectortest.Log // its log from warnings on; empty in a simulation with trouble

	mu     sync.Mutex
	rng    map[string]*rand.Rand // by kind of call, so that one kind does not change the others
	paused time.Time             // until when
	dead   bool
	cut    map[string]bool // what it cannot reach: "database", or the host of a gateway
}

func (s *clusterSimulation) boot(slot, incarnation int, yaml string) *machine {
	m := &machine{
		s: s, id: fmt.Sprintf("m%d-%d", slot, incarnation), url: fmt.Sprintf("http://m%d:1", slot), ended: make(chan struct{}), out: &collectortest.Log{},
		rng: map[string]*rand.Rand{}, cut: map[string]bool{},
	}
	logger := level.NewFilter(log.NewLogfmtLogger(log.NewSyncWriter(m.out)), level.AllowWarn())
	if s.chaotic() {
		logger = log.NewNopLogger()
		m.clock = time.Duration(m.roll("clock", func(r *rand.Rand) int { return r.IntN(7200) - 3600 })) * time.Second
	}
	m.fleet = New(Options{
		Logger: logger, Client: m.connect, clock: func() time.Time { return time.Now().Add(m.clock) },
		Cluster: &Cluster{Table: machineTable{m}, Store: func(l lease.Lease) state.Store { return machineStore{m, l} }, ID: m.id, URL: m.url},
	})
	m.apply(yaml)
	ctx, cancel := context.WithCancel(s.t.Context())
	m.end = cancel
	go func() {
		defer close(m.ended)
		if err := m.fleet.Run(ctx); err != nil {
			s.complain("%s: %v", m.id, err)
		}
	}()
	return m
}

func (m *machine) apply(yaml string) {
	c, err := config.Parse("hoop.yml", []byte(yaml))
	if err == nil {
		err = m.fleet.Apply(c)
	}
	if err != nil {
		m.s.complain("%s: %v", m.id, err)
	}
}

// kill ends the process without a last word: what it does from now on reaches nothing.
func (m *machine) kill() {
	m.mu.Lock()
	m.dead = true
	m.mu.Unlock()
	m.end()
}

// roll draws a number for a kind of call.
func (m *machine) roll(kind string, draw func(*rand.Rand) int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rng[kind] == nil {
		m.rng[kind] = m.s.random(m.id + " " + kind)
	}
	return draw(m.rng[kind])
}

// pause stops the process for a while. Only its calls stop: the clock of the test does not let other goroutines be stopped.
func (m *machine) pause(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paused = time.Now().Add(d)
}

// gate is passed once the process is not paused. At times the pause begins right here.
func (m *machine) gate(kind string) {
	rarely := 400
	if strings.HasPrefix(kind, "save") {
		rarely = 50
	}
	if m.s.chaotic() && m.roll(kind+" pause", func(r *rand.Rand) int { return r.IntN(rarely) }) == 0 {
		m.s.note("pauses at " + kind)
		m.pause(time.Duration(1+m.roll(kind+" pause", func(r *rand.Rand) int { return r.IntN(120) })) * time.Second)
	}
	for {
		m.mu.Lock()
		left := time.Until(m.paused)
		m.mu.Unlock()
		if left <= 0 {
			return
		}
		time.Sleep(left)
	}
}

// reaches reports whether the process lives and reaches the database or a host.
func (m *machine) reaches(what string) bool {
	m.s.mu.Lock()
	away := m.s.unreachable[what]
	m.s.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	return !away && !m.dead && !m.cut[what]
}

func (m *machine) setCut(what string, cut bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut[what] = cut
}

// toDatabase calls the database. The operation takes effect between the call and its answer; if the caller gives up before that, at any
// time, or never.
func toDatabase[T any](ctx context.Context, m *machine, kind string, op func() (T, error)) (out T, err error) {
	m.gate(kind + " call")
	defer m.gate(kind + " answer")
	if err := ctx.Err(); err != nil {
		return out, err
	}
	if !m.reaches("database") {
		if m.roll(kind, func(r *rand.Rand) int { return r.IntN(2) }) == 0 {
			return out, errUnreachable
		}
		<-ctx.Done()
		return out, ctx.Err()
	}
	way := func() time.Duration {
		most := 40
		if m.s.slow.Load() {
			most = 6000
		}
		return time.Duration(1+m.roll(kind, func(r *rand.Rand) int { return r.IntN(most) })) * time.Millisecond
	}
	there, back := way(), way()
	fate := 10
	if m.s.chaotic() {
		fate = m.roll(kind, func(r *rand.Rand) int { return r.IntN(100) })
	}
	if fate == 2 || fate == 3 { // it is on its way for long: the process has given up by then
		there += time.Duration(m.roll(kind, func(r *rand.Rand) int { return r.IntN(30_000) })) * time.Millisecond
	}
	type answer struct {
		out T
		err error
	}
	answered := make(chan answer, 1)
	m.s.onTheWay.Go(func() {
		time.Sleep(there)
		var a answer
		if fate == 0 {
			a.err = errUnreachable // nothing has happened
		} else {
			a.out, a.err = op()
		}
		time.Sleep(back)
		if fate == 1 || fate == 3 {
			a = answer{err: errAnswerLost}
		}
		answered <- a
	})
	select {
	case a := <-answered:
		if !m.reaches("database") {
			return out, errAnswerLost
		}
		return a.out, a.err
	case <-ctx.Done():
		return out, ctx.Err()
	}
}

// connect makes the client of a gateway.
func (m *machine) connect(g *config.Gateway) (*client.Client, error) {
	m.mu.Lock()
	cut := m.cut["files"]
	m.mu.Unlock()
	if cut {
		return nil, errors.New("simulated: no such file")
	}
	host := hostOf(g.Address())
	key := client.WithAPIKey(func() (string, error) { return "org|secret", nil })
	return client.New(g.Address(), &http.Client{Transport: &cable{m, host, m.s.gateways[host].Transport()}}, key)
}

// cable is between a machine and a gateway.
type cable struct {
	*machine
	host string
	to   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c *cable) RoundTrip(r *http.Request) (*http.Response, error) {
	c.gate("request")
	defer c.gate("response")
	// As net/http does, after it has a connection. A process that is paused between this and the write is beyond what an exporter can prevent.
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if !c.reaches(c.host) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	defer c.s.underWay(c.host)()
	resp, err := c.to.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if !c.reaches(c.host) { // the answer is lost
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
