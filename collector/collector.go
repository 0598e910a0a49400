// Package collector is the exporter of one hoop gateway: it decides when to query the gateway, queries it, and shows what the ledger says.
package collector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
)

// collectTimeout bounds a Collect, which has no deadline of its own.
const collectTimeout = 10 * time.Second

// Collector is the prometheus.Collector of one gateway. It is the facade for scrapes: it makes no requests to the gateway itself. A scrape
// wants a refresh, waits for it until its own deadline at the latest, and then shows what was published last. All methods are safe for
// concurrent use.
//
// Call order: New, then Run once, which drives the refresher until it ends; everything else at any time. Without Run, a caller that waits
// for a refresh waits until its deadline.
type Collector struct {
	link
	running atomic.Bool
	retire  sync.Once
}

// New returns a collector. It fails if a field of cfg is missing or out of bounds, or if cfg would make series that cannot be shown.
func New(cfg Config) (*Collector, error) {
	set, err := newSettings(cfg)
	if err != nil {
		return nil, err
	}
	c := &Collector{link: link{
		calls:   newRefreshCalls(set.CacheTTL),
		changes: make(chan *settings, 1), retired: make(chan struct{}), lost: make(chan struct{}),
		backfilled: make(chan struct{}), stopped: make(chan struct{}),
		instruments: exposition.NewInstruments(set.expositionOptions()), usage: newUsage(time.Now()),
	}}
	c.settings.Store(set)
	c.published.Store(&published{at: set.clock()})
	return c, nil
}

// ErrLost is the end of a collector because another process watches its gateway.
var ErrLost = errors.New("another process watches the gateway now")

// Run queries the gateway until ctx ends or the collector is retired or dropped: when a scrape wants a refresh, and in between for the
// backfill. It fails if it has been called before. It fails with [ErrLost] if the collector was dropped, or if another process now has its
// state.
func (c *Collector) Run(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return errors.New("the collector is running already")
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-c.lost:
			cancel()
		case <-ctx.Done():
		}
	}()
	newRefresher(&c.link).run(ctx)
	cancel()
	<-ended
	if c.isLost() {
		return ErrLost
	}
	return nil
}

// Retire makes Run end after the request that is under way, so that the gateway gets no other request while it still works on the last one.
func (c *Collector) Retire() { c.retire.Do(func() { close(c.retired) }) }

// Drop makes Run end at once, without a save, because another process watches the gateway. Nothing may be shown any more.
func (c *Collector) Drop() { c.lose() }

// CheckTerm fails once another process may watch the gateway: then nothing may be shown. Call it after the metrics were gathered: if it
// does not fail then, they were the newest ones when they were gathered.
func (c *Collector) CheckTerm() error {
	if c.isLost() {
		return ErrLost
	}
	return c.cfg().Address.checkTerm()
}

// Refresh waits until the cache has an outcome: it returns at once if it has one, otherwise when the refresh under way (or the one that it
// starts) has ended, or when ctx ends. The error is the last refresh's.
func (c *Collector) Refresh(ctx context.Context) error {
	if last, ok := c.cached(); ok {
		return last.err
	}
	call := c.calls.join()
	select {
	case <-call.done:
		return call.err
	case <-c.stopped:
		return errors.New("waiting for a refresh: the collector has stopped")
	case <-ctx.Done():
		return fmt.Errorf("waiting for a refresh: %w", ctx.Err())
	}
}

// Wake starts a refresh if the cache has no outcome and the last refresh ended at least after ago. It does not wait.
func (c *Collector) Wake(after time.Duration) {
	if _, ok := c.cached(); !ok && c.cfg().clock().Sub(c.published.Load().status.ended) >= after {
		c.calls.join()
	}
}

// cached returns the outcome of the last refresh, as long as that answers scrapes.
func (c *Collector) cached() (last outcome, ok bool) {
	cfg := c.cfg()
	return c.calls.cached(cfg.clock(), cfg.CacheTTL)
}

// Baseline refreshes until the first backfill is complete. It fails if ctx ends first.
func (c *Collector) Baseline(ctx context.Context) error {
	again := time.NewTicker(c.cfg().CacheTTL)
	defer again.Stop()
	for {
		_ = c.Refresh(ctx) // an error may be temporary, and Progress returns it
		select {
		case <-c.backfilled:
			return nil
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the first backfill: %w", ctx.Err())
		}
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	c.settings.Load().exposition.Describe(ch)
	c.instruments.Describe(ch)
}

// Collect implements prometheus.Collector, with a deadline of 10 seconds. A scrape that has its own deadline uses [Collector.Scrape].
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	c.collect(ctx, ch)
}

// Scrape returns a prometheus.Collector for one scrape: it refreshes for as long as ctx lasts, and then shows what was published last.
func (c *Collector) Scrape(ctx context.Context) prometheus.Collector { return scrape{c, ctx} }

type scrape struct {
	*Collector
	ctx context.Context
}

// Collect implements prometheus.Collector.
func (s scrape) Collect(ch chan<- prometheus.Metric) { s.collect(s.ctx, ch) }

func (c *Collector) collect(ctx context.Context, ch chan<- prometheus.Metric) {
	c.serve(ctx, func(set *settings, p *published, now time.Time) {
		set.exposition.Collect(ch, p.snapshot, p.view(set.Config, now))
		c.instruments.Collect(ch)
	})
}

// serve refreshes, has show send what is published, and records that it was served.
func (c *Collector) serve(ctx context.Context, show func(set *settings, p *published, now time.Time)) {
	_ = c.Refresh(ctx) // the metrics show a failure
	set, p := c.settings.Load(), c.published.Load()
	now := set.clock()
	show(set, p, now)
	p.served.CompareAndSwap(nil, &now)
}
