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
	// recheckSpan is how far below a session that is due others are taken along by the same page.
	recheckSpan = time.Hour
	// byIDFactor: where a page takes more than so many times as long as a request by ID, sessions are asked for by ID.
	byIDFactor = 10
	// byIDTrial is what a page has to take before it is worth finding out what a request by ID takes.
	byIDTrial = 50 * time.Millisecond
	// byIDPause is for how long sessions are not asked for by ID after that has failed.
	byIDPause = time.Hour
	// firstAvoid and longAvoid bound for how long a session whose page could not be read is left out.
	firstAvoid, longAvoid = time.Minute, time.Hour
)

// recheck is the task that asks again for unfinished sessions when they are due, the newest first: by reading the page in which each lies or, where pages
// were measured to be much more expensive, by ID. A session that a complete recheck does not find is missed; the ledger decides what that means.
type recheck struct {
	p      *Planner
	todo   []ledger.Recheck // what is due or worth taking along, newest first
	loaded bool             // todo is this refresh's

	walk   walk
	target ledger.Recheck  // the session that the walk or the request by ID is for
	found  map[string]bool // the sessions that the walk's pages held, by ID

	idCost     cost               // of a request by ID
	noIDsUntil time.Time          // until then sessions are not asked for by ID, by the gateway's clock
	avoided    map[string]avoided // sessions whose page could not be read, by ID
}

// avoided keeps a page that cannot be read from being asked for again and again, while older sessions wait.
type avoided struct {
	until time.Time
	pause time.Duration
}

func newRecheck(p *Planner) *recheck {
	return &recheck{p: p, walk: newWalk(p.o.Filters, client.CountNone), avoided: map[string]avoided{}}
}

func (c *recheck) startRefresh() {
	c.todo, c.loaded = nil, false
	c.walk.stop()
}

func (c *recheck) class() (budget.Kind, retryGroup) { return budget.Recheck, recheckGroup }

func (c *recheck) next(now time.Time) (Request, bool) {
	if !c.loaded {
		c.load(now)
	}
	if c.walk.cursor != nil {
		return c.walk.request()
	}
	for len(c.todo) > 0 && (!c.p.ledger.RecheckDue(c.todo[0].ID, now) || now.Before(c.avoided[c.todo[0].ID].until)) {
		c.todo = c.todo[1:]
	}
	if len(c.todo) == 0 {
		return Request{}, false
	}
	c.target = c.todo[0]
	if c.byID(now) {
		return Request{ID: c.target.ID}, true
	}
	c.found = map[string]bool{}
	c.walk.start(c.oldest().Truncate(time.Second), ceil(c.target.Start))
	return c.walk.request()
}

// load loads this refresh's rechecks. Where none is due there is nothing to take along either.
func (c *recheck) load(now time.Time) {
	c.loaded = true
	sessions, due := c.p.ledger.Rechecks(now)
	if !due {
		return
	}
	slices.SortFunc(sessions, func(a, b ledger.Recheck) int {
		return cmp.Or(b.Start.Compare(a.Start), cmp.Compare(b.ID, a.ID))
	})
	c.todo = sessions
}

// oldest is how far down the target's page is to reach.
func (c *recheck) oldest() time.Time {
	oldest := c.target.Start
	for _, s := range c.todo {
		if c.target.Start.Sub(s.Start) > recheckSpan {
			break
		}
		oldest = s.Start
	}
	return oldest
}

// byID says whether to ask for the target by ID.
func (c *recheck) byID(now time.Time) bool {
	page := c.p.pageCost
	if now.Before(c.noIDsUntil) || !page.known || page.took < float64(byIDTrial) {
		return false
	}
	return !c.idCost.known || page.took > byIDFactor*c.idCost.took
}

func (c *recheck) accept(r Request, page *client.SessionPage, took time.Duration, at time.Time) error {
	c.p.apply(at, page)
	if r.ID != "" {
		c.idCost.add(took)
		if page.Rows == 0 {
			c.p.ledger.MarkMissed(r.ID, at)
		}
		c.todo = c.todo[1:]
		return nil
	}
	c.p.pageCost.add(took)
	_, err := c.walk.advance(page)
	for i := range page.Sessions {
		c.found[page.Sessions[i].ID] = true
	}
	for i := range page.Malformed {
		c.found[page.Malformed[i].ID] = true
	}
	down := c.walk.down()
	c.dropTo(down, at)
	if c.target.Start.After(down) || err != nil {
		c.walk.stop()
	}
	return err
}

// dropTo drops what the pages have shown, down to a moment. What should have been there and was not is missed.
func (c *recheck) dropTo(down, at time.Time) {
	for len(c.todo) > 0 && c.todo[0].Start.After(down) {
		if id := c.todo[0].ID; !c.found[id] {
			c.p.ledger.MarkMissed(id, at)
		}
		c.todo = c.todo[1:]
	}
}

// failed leaves the target out for a while, the longer the more often its page has failed. After a failure of a request by ID, pages are read instead.
func (c *recheck) failed(r Request, now time.Time) {
	if r.ID != "" {
		c.noIDsUntil = now.Add(byIDPause)
		c.idCost = cost{}
		return
	}
	for id, a := range c.avoided {
		if now.Sub(a.until) > longAvoid {
			delete(c.avoided, id)
		}
	}
	pause := min(max(2*c.avoided[c.target.ID].pause, firstAvoid), longAvoid)
	c.avoided[c.target.ID] = avoided{now.Add(pause), pause}
	c.walk.stop()
}
