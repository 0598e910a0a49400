package collector

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/go-kit/log/level"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
	"github.com/hoop-exporter/hoop_exporter/collector/planner"
)

// progressEvery is how often the log tells how far the read-back is.
const progressEvery = time.Minute

// backgroundPause is how long the read-back waits when it has used up its share.
const backgroundPause = time.Second

func (c Config) planning() planner.Options {
	return planner.Options{
		Ledger: ledger.Options{
			Lookback: c.Lookback, Overlap: c.Overlap, ForgetAfter: c.ForgetAfter,
			FirstValueHold: max(c.FirstValueHold, 0), ConnectionTags: c.ConnectionTags, MaxConnections: c.MaxConnections,
		},
		Filters: client.ListOptions{
			Connection: client.EscapeLike(c.Connection), Type: client.EscapeLike(c.Type), User: client.EscapeLike(c.User),
			ReviewApprover: c.ReviewApprover,
		},
		Duty: c.Duty, StaleAfter: c.StaleAfter, Seed: uint64(time.Now().UnixNano()),
	}
}

// Run asks the gateway until ctx ends or the collector is retired: when a scrape wants a refresh, and in between for what has not been read of
// the past. It may run once.
func (c *Collector) Run(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return errors.New("the collector is running already")
	}
	defer close(c.stopped)
	defer func() { c.gateway.client.CloseIdleConnections() }()
	cfg := c.cfg()
	c.purse = c.address.duty.Join(cfg.clock())
	defer c.purse.Leave()
	c.planner = planner.New(cfg.planning(), c.purse)
	defer c.leave()
	pause := time.NewTimer(backgroundPause)
	defer pause.Stop()
	lastPublished, lastReadBack := time.Now(), time.Now()
	for ctx.Err() == nil && !c.retiring() {
		select {
		case <-ctx.Done():
		case <-c.retired:
		case <-c.change:
			c.reconfigure()
		case <-c.wake:
			err := c.working(ctx, c.refresh)
			lastPublished = time.Now()
			c.land(err)
		case <-pause.C:
			_ = c.working(ctx, func(ctx context.Context) error {
				if c.readBack(ctx) && (time.Since(lastPublished) >= c.cfg().CacheTTL || c.planner.Idle()) {
					c.publish(c.published.Load().status)
					lastPublished = time.Now()
				}
				return nil
			})
			lastReadBack = time.Now()
		}
		// Counted from the last time, or refreshes that follow each other closely would put it off for ever.
		pause.Reset(max(0, c.untilReadBack()-time.Since(lastReadBack)))
	}
	return nil
}

// working does something in a slot.
func (c *Collector) working(ctx context.Context, f func(context.Context) error) error {
	c.slot.take(ctx)
	defer c.slot.leave()
	return f(ctx)
}

// untilReadBack is how long to wait before the read-back goes on.
func (c *Collector) untilReadBack() time.Duration {
	if c.halted || c.planner.Idle() {
		return time.Hour
	}
	return backgroundPause
}

// refresh asks for all that is due and publishes it.
func (c *Collector) refresh(ctx context.Context) error {
	began := c.cfg().clock()
	first := c.cfg().State != nil && c.gateway.who == nil || c.gateway.doubted
	if first { // whose file is it, or whose credential?
		c.identify(ctx, began)
	}
	trouble := c.keep(began)
	unasked := errors.Is(trouble, errUnasked)
	switch c.halted = trouble != nil; {
	case unasked:
	case c.halted:
		c.log.trouble("refresh", "nothing is asked", trouble)
	default:
		trouble = c.askAll(ctx, began)
	}
	if !first {
		c.identify(ctx, c.cfg().clock())
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now := c.cfg().clock()
	s := c.published.Load().status
	ok, asked := false, !unasked
	if !c.halted {
		ok, asked = c.planner.Succeeded(now)
	}
	s.ended = now
	if asked {
		s.up, s.err = ok, trouble
		c.instruments.refreshed(now.Sub(began), !ok)
		c.attempted.Store(true)
	}
	if asked && ok {
		s.lastSuccess = now
		c.log.over("refresh")
	}
	s.version, s.visibilityLimited = c.gateway.version, c.gateway.limited
	c.publish(s)
	return s.err
}

// askAll asks for all that a refresh has to ask. It returns what went wrong first.
func (c *Collector) askAll(ctx context.Context, now time.Time) (trouble error) {
	c.planner.Begin(now)
	for ctx.Err() == nil && !c.retiring() {
		asked, err := c.askNext(ctx, c.planner.Next)
		if !asked {
			break
		}
		if err != nil && trouble == nil {
			trouble = err
		}
	}
	return trouble
}

// askNext makes the request that next tells, if there is one, while nobody else asks at the gateway's address.
func (c *Collector) askNext(ctx context.Context, next func(now time.Time) (planner.Request, bool)) (asked bool, err error) {
	end, ok := c.turn(ctx)
	if !ok {
		return false, nil
	}
	defer end()
	r, ok := next(c.cfg().clock())
	if !ok {
		return false, nil
	}
	return true, c.ask(ctx, r)
}

// readBack reads what has not been read of the past, as far as the duty allows and no scrape waits. It tells whether it read anything.
func (c *Collector) readBack(ctx context.Context) bool {
	read := false
	for ctx.Err() == nil && len(c.wake) == 0 && !c.halted && !c.retiring() {
		asked, err := c.askNext(ctx, c.planner.Background)
		if !asked {
			break
		}
		read = err == nil || read
	}
	return read
}

// ask makes one request and gives the answer to the planner.
func (c *Collector) ask(ctx context.Context, r planner.Request) error {
	page, took, err := c.gateway.ask(ctx, r)
	if ctx.Err() != nil {
		return ctx.Err() // we are stopping: that is no failure of the gateway
	}
	if err == nil {
		if err = c.keeper.foreign(page); err != nil {
			page, c.gateway.identify = nil, time.Time{} // ask at once who the credential is now
		}
	}
	res := planner.Result{Page: page, Err: err, Took: took, RetryAfter: retryAfter(err, took)}
	if err := c.planner.Answer(c.cfg().clock(), r, res); err != nil {
		c.log.trouble(r.Kind.String(), "asking the gateway failed", err, "for", r.Kind)
		return err
	}
	c.log.over(r.Kind.String())
	for _, second := range c.planner.Skipped() {
		c.log.once(second.String(), "some sessions are not counted", client.ErrIncomplete, "second", second)
	}
	for _, m := range page.Malformed {
		c.log.once("malformed "+cmp.Or(m.ID, m.Digest), "a session cannot be read and is skipped", m.Err, "session_id", m.ID)
	}
	return nil
}

// retryAfter is how long the gateway is to be left alone after an error: what it asked for, and after a time-out several times what it has
// taken, because it goes on working on the request, nobody knows for how long.
func retryAfter(err error, took time.Duration) time.Duration {
	if s, ok := errors.AsType[*client.StatusError](err); ok {
		return s.RetryAfter
	}
	if errors.Is(err, client.ErrTimeout) {
		return 4 * took
	}
	return 0
}

// publish shows what the ledger says now. What it counted is shown only once that is saved: a counter that falls back after a crash would have
// rate() add its whole value again.
func (c *Collector) publish(s status) {
	now := c.cfg().clock()
	last := c.published.Load()
	p := &published{at: now, status: s, counted: last.counted}
	complete := false
	if l := c.planner.Ledger(); l != nil {
		if at := last.served.Load(); at != nil && last.counted != nil {
			l.Served(last.counted.Generation, *at)
		}
		l.ZeroAt(last.at)
		p.snapshot = l.Commit(c.planner.GatewayTime(now), now)
		if c.save(l, now) == nil {
			p.counted = p.snapshot
		}
		complete = !c.complete && l.Baseline() && len(l.Unread()) == 0
	}
	c.published.Store(p)
	if u := p.unread(); u > 0 && now.Sub(c.told) >= progressEvery {
		c.told = now
		level.Info(c.cfg().Logger).Log("msg", "reading back", "unread", u.Round(time.Second), "tracked_sessions", p.snapshot.Tracked)
	}
	if complete {
		// Only now: who waits for this scrapes at once, and has to see it.
		c.complete = true
		close(c.baseline)
		level.Info(c.cfg().Logger).Log("msg", "everything is read back", "lookback", c.cfg().Lookback, "tracked_sessions", p.snapshot.Tracked)
	}
}

// unread is how much of the past has not been read.
func (p *published) unread() time.Duration {
	if p.snapshot == nil {
		return 0
	}
	return p.snapshot.Unread
}
