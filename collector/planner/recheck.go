package planner

import (
	"cmp"
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

const (
	// recheckSpan is how far down from a session that is due others are taken along in the same page.
	recheckSpan = time.Hour
	// lookWorth: where a page costs more than so many looks by ID, looks are taken.
	lookWorth = 10
	// lookTrial is what a page has to cost before it is worth finding out what a look costs.
	lookTrial = 50 * time.Millisecond
	// lookPause is for how long looks are not tried again after one failed.
	lookPause = time.Hour
)

// recheck looks at unfinished sessions when they are due, the newest first: by reading the page in which each lies, or one by one where
// pages were measured to be that much more expensive.
type recheck struct {
	p    *Planner
	todo []ledger.Look // newest first; empty and listed: nothing is due
	list bool          // todo is this refresh's

	cursor *client.Cursor
	from   time.Time
	found  map[string]bool // what the cursor's pages held
	target ledger.Look     // what the cursor is for

	page, look cost
	avoided    map[string]avoided // by ID: sessions whose page could not be read
	noLooks    time.Time          // until then, by the gateway's clock
}

// cost is a moving average of what a kind of request takes.
type cost struct {
	took  float64
	known bool
}

func (c *cost) mean() time.Duration { return time.Duration(c.took) }

func (c *cost) add(took time.Duration) {
	if !c.known {
		c.took, c.known = float64(took), true
		return
	}
	c.took += (float64(took) - c.took) / 5
}

func (c *recheck) startRefresh() { c.todo, c.list, c.cursor = nil, false, nil }

func (c *recheck) class() (budget.Kind, retryGroup) { return budget.Recheck, recheckGroup }

func (c *recheck) next(now time.Time) (Request, bool) {
	if !c.list {
		c.list = true
		if looks, due := c.p.ledger.Looks(now); due {
			slices.SortFunc(looks, func(a, b ledger.Look) int {
				return cmp.Or(b.Start.Compare(a.Start), cmp.Compare(b.ID, a.ID))
			})
			c.todo = looks
		}
	}
	if c.cursor != nil {
		return c.request()
	}
	for len(c.todo) > 0 && (!c.p.ledger.Due(c.todo[0].ID, now) || now.Before(c.avoided[c.todo[0].ID].until)) {
		c.todo = c.todo[1:]
	}
	if len(c.todo) == 0 {
		return Request{}, false
	}
	c.target = c.todo[0]
	if c.looks(now) {
		return Request{ID: c.target.ID}, true
	}
	c.from = c.oldest().Truncate(time.Second)
	c.found = map[string]bool{}
	c.cursor = client.NewCursor(c.p.window(c.from, ceil(c.target.Start), client.CountNone))
	return c.request()
}

func (c *recheck) request() (Request, bool) {
	o, ok := c.cursor.Next()
	return Request{List: o}, ok
}

// oldest is how far down the page for the target is to reach.
func (c *recheck) oldest() time.Time {
	oldest := c.target.Start
	for _, l := range c.todo {
		if c.target.Start.Sub(l.Start) > recheckSpan {
			break
		}
		oldest = l.Start
	}
	return oldest
}

// looks tells whether to take a look by ID.
func (c *recheck) looks(now time.Time) bool {
	if now.Before(c.noLooks) || !c.page.known || c.page.took < float64(lookTrial) {
		return false
	}
	return !c.look.known || c.page.took > lookWorth*c.look.took
}

func (c *recheck) accept(r Request, page *client.SessionPage, took time.Duration, at time.Time) error {
	c.p.apply(at, page)
	if r.ID != "" {
		c.look.add(took)
		if page.Rows == 0 {
			c.p.ledger.Missed(r.ID, at)
		}
		c.todo = c.todo[1:]
		return nil
	}
	c.page.add(took)
	c.cursor.Advance(page)
	for i := range page.Sessions {
		c.found[page.Sessions[i].ID] = true
	}
	for i := range page.Malformed {
		c.found[page.Malformed[i].ID] = true
	}
	down := c.cursor.ReadDownTo()
	if over(c.cursor) {
		down = c.from.Add(-tick)
	}
	c.passed(down, at)
	err := c.cursor.Err()
	if c.target.Start.After(down) || err != nil {
		c.cursor = nil
	}
	return err
}

// passed drops what the pages have shown, down to a moment; what should have been there and was not is missed.
func (c *recheck) passed(down, at time.Time) {
	i := 0
	for ; i < len(c.todo) && c.todo[i].Start.After(down); i++ {
		if id := c.todo[i].ID; !c.found[id] {
			c.p.ledger.Missed(id, at)
		}
	}
	c.todo = c.todo[i:]
}

// avoided is what keeps a page that cannot be read from being asked for again and again, while older sessions wait behind it.
type avoided struct {
	until time.Time
	pause time.Duration
}

// failed has the others go first for a while; where it was a look, pages are read instead.
func (c *recheck) failed(r Request, now time.Time) {
	if r.ID != "" {
		c.noLooks = now.Add(lookPause)
		c.look = cost{}
		return
	}
	for id, a := range c.avoided {
		if now.Sub(a.until) > lookPause {
			delete(c.avoided, id)
		}
	}
	if c.avoided == nil {
		c.avoided = map[string]avoided{}
	}
	pause := min(max(2*c.avoided[c.target.ID].pause, time.Minute), lookPause)
	c.avoided[c.target.ID] = avoided{now.Add(pause), pause}
	c.cursor = nil
}
