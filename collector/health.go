package collector

import "time"

// Ready reports whether a refresh has queried the gateway, whatever the result.
func (c *Collector) Ready() bool { return c.published.Load().status.attempted }

// Progress is how far the first backfill is.
type Progress struct {
	// Unread is how much of Lookback has not been read: all of it before the first good answer.
	Unread, Lookback time.Duration
	// Tracked is the number of unfinished sessions in what has been read.
	Tracked int
	// Err is the error of the last refresh; nil if it succeeded.
	Err error
}

// Progress returns how far the first backfill is. It makes no request.
func (c *Collector) Progress() Progress {
	p, lookback := c.published.Load(), c.cfg().Lookback
	out := Progress{Unread: lookback, Lookback: lookback, Err: p.status.err}
	if p.snapshot != nil {
		out.Unread, out.Tracked = p.snapshot.Unread, p.snapshot.Tracked
	}
	return out
}

// Health is the state of one gateway, for a view of many.
type Health struct {
	// Up is the value of hoop_up.
	Up bool
	// LastSuccess is when a refresh last succeeded, by the exporter's clock; zero before the first.
	LastSuccess time.Time
	// Withheld reports that gauges are withheld, because no refresh has succeeded for too long.
	Withheld bool
	// VisibilityLimited reports that the credential sees only part of the sessions.
	VisibilityLimited bool
}

// Health returns the state of the gateway as the last refresh left it. It makes no request.
func (c *Collector) Health() Health {
	set, p := c.settings.Load(), c.published.Load()
	v := p.view(set.Config, set.clock())
	return Health{Up: v.Up, LastSuccess: v.LastSuccess, Withheld: v.Withheld, VisibilityLimited: v.VisibilityLimited}
}
