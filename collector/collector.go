// Package collector is the exporter of one hoop gateway: it decides when to ask, asks, and shows what the ledger says.
package collector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	cache "github.com/patrickmn/go-cache"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
	"github.com/hoop-exporter/hoop_exporter/collector/planner"
)

// collectTimeout bounds a Collect that nobody gave a deadline.
const collectTimeout = 10 * time.Second

// fresh is the cache's only key: while it is there, scrapes are answered without asking the gateway.
const fresh = "refresh"

// Collector is the prometheus.Collector of one gateway. Its Run asks the gateway; scrapes wait for it no longer than they can.
type Collector struct {
	settings    atomic.Pointer[settings]
	log         *troubleLog
	instruments *exposition.Instruments
	address     *Address
	share       *budget.Share    // Run's alone
	slot        slot             // Run's alone
	planner     *planner.Planner // Run's alone
	gateway     *gateway         // Run's alone
	keeper      keeper           // Run's alone
	halted      bool             // Run's alone: nothing may be asked
	complete    bool             // Run's alone: baseline is closed
	told        time.Time        // Run's alone: when the log last told how far the read-back is

	cache *cache.Cache
	mu    sync.Mutex
	next  *flight // what scrapes wait for; nil: no refresh is wanted
	wake  chan struct{}

	wanted  atomic.Pointer[settings] // what Run is to go on with; nil: with what it has
	change  chan struct{}            // wanted was set
	retired chan struct{}            // closed when Run is to end once no request is under way
	retire  sync.Once

	published atomic.Pointer[published]
	attempted atomic.Bool
	running   atomic.Bool
	stopped   chan struct{} // closed when Run has ended
	baseline  chan struct{} // closed when the first read-back is over
}

// flight is a refresh that scrapes wait for together.
type flight struct {
	done chan struct{}
	err  error
}

// landed is what came of a refresh, and when.
type landed struct {
	err error
	at  time.Time
}

// published is what scrapes see. It is immutable but for the note that one of them saw it.
type published struct {
	snapshot *ledger.Snapshot // nil before the first good answer
	counted  *ledger.Snapshot // the last one that was saved: what is shown of counters; nil before the first
	at       time.Time        // the exporter's clock when it was taken
	status   status

	served atomic.Pointer[time.Time] // when it was first shown; nil: not yet
}

// status is how the asking goes.
type status struct {
	up                bool
	ended             time.Time // when the last refresh ended; zero: none has
	lastSuccess       time.Time
	version           string
	visibilityLimited bool
	err               error
}

// New returns a collector that asks nothing before its Run is called. It fails on a configuration that cannot be shown.
func New(cfg Config) (*Collector, error) {
	set, err := newSettings(cfg)
	if err != nil {
		return nil, err
	}
	cfg = set.Config
	c := &Collector{
		instruments: exposition.NewInstruments(cfg.exposition()), log: newTroubleLog(cfg.Logger), address: cfg.Address, slot: slot{slots: cfg.Slots},
		// No janitor: it would never end.
		cache: cache.New(cfg.CacheTTL, 0),
		wake:  make(chan struct{}, 1), stopped: make(chan struct{}), baseline: make(chan struct{}),
		change: make(chan struct{}, 1), retired: make(chan struct{}),
	}
	c.settings.Store(set)
	c.gateway = &gateway{client: cfg.Client, timeout: cfg.Timeout, instruments: c.instruments, slot: &c.slot}
	c.published.Store(&published{at: cfg.clock()})
	return c, nil
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = log.NewNopLogger()
	}
	for field, def := range map[*time.Duration]time.Duration{
		&c.Lookback: 168 * time.Hour, &c.AllowedLateness: 15 * time.Minute, &c.ForgetAfter: 90 * 24 * time.Hour,
		&c.FirstValueHold: 2 * time.Minute, &c.CacheTTL: 10 * time.Second, &c.StaleAfter: 5 * time.Minute, &c.Timeout: 30 * time.Second,
	} {
		if *field == 0 {
			*field = def
		}
	}
	if c.Budget == 0 {
		c.Budget = 0.1
	}
	if c.Address == nil {
		c.Address = NewAddress()
	}
	if c.clock == nil {
		c.clock = time.Now
	}
	return c
}

// Refresh waits until the cache is fresh: it returns at once where it is, and else when the refresh that is under way (or one that it
// starts) has ended, or when ctx ends. The error is the last refresh's.
func (c *Collector) Refresh(ctx context.Context) error {
	if last, ok := c.fresh(); ok {
		return last.err
	}
	f := c.join()
	select {
	case <-f.done:
		return f.err
	case <-c.stopped:
		return errors.New("waiting for a refresh: the collector has stopped")
	case <-ctx.Done():
		return fmt.Errorf("waiting for a refresh: %w", ctx.Err())
	}
}

// fresh is what came of the last refresh, while it answers scrapes.
func (c *Collector) fresh() (last landed, ok bool) {
	v, ok := c.cache.Get(fresh)
	if !ok {
		return last, false
	}
	last, ok = v.(landed)
	cfg := c.cfg()
	// The cache goes by the wall clock: where that was set back, it would keep what it has for hours.
	return last, ok && cfg.clock().Sub(last.at) < cfg.CacheTTL
}

// Wake sees to it that a refresh is made if none has answered scrapes for so long. It does not wait.
func (c *Collector) Wake(after time.Duration) {
	if _, ok := c.fresh(); !ok && c.cfg().clock().Sub(c.published.Load().status.ended) >= after {
		c.join()
	}
}

// join returns the refresh to wait for.
func (c *Collector) join() *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = &flight{done: make(chan struct{})}
		c.wake <- struct{}{} // has room: whoever took the last one also took the flight
	}
	return c.next
}

// land ends the refresh for all who wait.
func (c *Collector) land(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Every scrape for a while gets this refresh's outcome, a failure too: asking again at once would not make it better.
	cfg := c.cfg()
	c.cache.Set(fresh, landed{err, cfg.clock()}, cfg.CacheTTL)
	c.next.err = err
	close(c.next.done)
	c.next = nil
}

// Ready tells whether a refresh was attempted, whatever came of it.
func (c *Collector) Ready() bool { return c.attempted.Load() }

// Baseline refreshes until the first read-back is over.
func (c *Collector) Baseline(ctx context.Context) error {
	again := time.NewTicker(c.cfg().CacheTTL)
	defer again.Stop()
	for {
		_ = c.Refresh(ctx) // what is wrong may pass; Progress tells it
		select {
		case <-c.baseline:
			return nil
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the first read-back: %w", ctx.Err())
		}
	}
}

// Progress is how far the first read-back is.
type Progress struct {
	// Unread is how much of Lookback has not been read; all of it before the first good answer.
	Unread, Lookback time.Duration
	// Tracked counts sessions that are not finished, as far as it was read.
	Tracked int
	// Err is what went wrong in the last refresh; nil if nothing did.
	Err error
}

// Progress returns how far the first read-back is.
func (c *Collector) Progress() Progress {
	p, lookback := c.published.Load(), c.cfg().Lookback
	out := Progress{Unread: lookback, Lookback: lookback, Err: p.status.err}
	if p.snapshot != nil {
		out.Unread, out.Tracked = p.snapshot.Unread, p.snapshot.Tracked
	}
	return out
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	c.settings.Load().exposition.Describe(ch)
	c.instruments.Describe(ch)
}

// Collect implements prometheus.Collector, with a deadline of its own. A scrape that has one uses [Collector.Scrape].
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	c.collect(ctx, ch)
}

// Scrape returns a prometheus.Collector for one scrape: it refreshes for as long as ctx lasts, and then shows what is there.
func (c *Collector) Scrape(ctx context.Context) prometheus.Collector { return scrape{c, ctx} }

type scrape struct {
	*Collector
	ctx context.Context
}

// Collect implements prometheus.Collector.
func (s scrape) Collect(ch chan<- prometheus.Metric) { s.collect(s.ctx, ch) }

func (c *Collector) collect(ctx context.Context, ch chan<- prometheus.Metric) {
	// What went wrong is in the metrics, which are shown all the same.
	_ = c.Refresh(ctx)
	set, p := c.settings.Load(), c.published.Load()
	now := set.clock()
	set.exposition.Collect(ch, p.snapshot, p.view(set.Config, now))
	c.instruments.Collect(ch)
	p.served.CompareAndSwap(nil, &now)
}

func (p *published) view(cfg Config, now time.Time) exposition.View {
	stale := p.status.lastSuccess.IsZero() || now.Sub(p.status.lastSuccess) >= cfg.StaleAfter
	v := exposition.View{
		Up: p.status.up && !stale, Withheld: stale,
		Version: p.status.version, VisibilityLimited: p.status.visibilityLimited, LastSuccess: p.status.lastSuccess,
	}
	if p.snapshot != nil {
		v.Now = p.snapshot.At.Add(now.Sub(p.at))
	}
	if v.Counted = p.counted; v.Counted == nil && p.snapshot != nil {
		v.Counted = &ledger.Snapshot{T0: p.snapshot.T0} // nothing was saved yet: nothing was counted yet
	}
	return v
}
