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
	// recheckSpan is how far below a session that is due other sessions are rechecked with the same page.
	recheckSpan = time.Hour
	// byIDFactor: if a page takes more than this many times as long as a request by ID, sessions are requested by ID.
	byIDFactor = 10
	// byIDTrial is what a page has to take before it is worth finding out what a request by ID takes.
	byIDTrial = 50 * time.Millisecond
	// byIDPause is how long no session is requested by ID after such a request has failed, or has not found a session that a page shows.
	byIDPause = time.Hour
	// newestEvery: one of this many requests is for the newest session that is due.
	newestEvery = 16
	// firstAvoid and longAvoid bound how long a session whose page could not be read is left out.
	firstAvoid, longAvoid = time.Minute, time.Hour
)

// recheck is the task that requests unfinished sessions again when they are due: by reading the page in which each lies or, if pages have
// proved much more expensive, by ID. A session that a complete recheck does not find is missed; the ledger decides what that means. If a
// request by ID finds nothing, the page of the session decides: a proxy can answer 404 for such requests alone.
//
// If the budget does not suffice for all that are due, no session waits forever behind newer ones that become due again. By ID, the most
// overdue one goes first. Pages are read in rounds from the newest session to the oldest, and the next refresh goes on where the last one
// stopped. Either way, every sixteenth request is for the newest session that is due: most sessions end soon, and after a stop there can be
// very many old ones.
type recheck struct {
	p       *Planner
	loaded  bool             // this refresh's rechecks are in the fields below
	todo    []ledger.Recheck // what is due, or can be rechecked with the same page, newest first
	passed  []bool           // by place in todo: it was rechecked in this refresh
	overdue []int            // places in todo, the most overdue first; those that have passed or are not due are dropped from its front
	top     int              // all of todo before this place has passed or is not due
	low     int              // all of todo between the start of the round and this place, too

	pageSpan time.Duration // the time that the rows of a page cover, where all rows are known

	round    time.Time // the unfinished round of pages has come down to here; zero: none is unfinished
	requests int       // decides which one is for the newest session

	walk    walk
	current int             // the place in todo of the session that the walk or the request by ID is for
	inRound bool            // the walk is part of the round
	found   map[string]bool // the sessions on the walk's pages, by ID

	byPage     map[string]bool    // the sessions that a request by ID did not find in this refresh, by ID
	idCost     cost               // of a request by ID
	noIDsUntil time.Time          // until then no session is requested by ID, by the gateway's clock
	avoided    map[string]avoided // sessions whose page could not be read, by ID
}

// avoided keeps a page that cannot be read from being requested again and again, while older sessions wait.
type avoided struct {
	until time.Time
	pause time.Duration
}

func newRecheck(p *Planner) *recheck {
	return &recheck{p: p, walk: newWalk(p.o.Filters, client.CountNone), byPage: map[string]bool{}, avoided: map[string]avoided{}}
}

func (c *recheck) startRefresh() {
	c.loaded, c.todo, c.passed, c.overdue, c.top, c.low = false, nil, nil, nil, 0, 0
	clear(c.byPage)
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
	if c.top = c.nextDue(c.top, now); c.top == len(c.todo) {
		c.round = time.Time{}
		return Request{}, false
	}
	c.requests++
	newest := c.requests%newestEvery == 0
	c.inRound = false
	if c.byID(now) {
		c.current = c.mostOverdue(newest, now)
		if c.byPage[c.target().ID] {
			return c.startWalk(c.current)
		}
		if first, ok := c.worthPage(now); ok {
			return c.startWalk(first)
		}
		return Request{ID: c.target().ID}, true
	}
	c.current, c.inRound = c.nextOfRound(newest, now), !newest
	return c.startWalk(c.current)
}

// startWalk starts to read the page of the target, from a place in todo at or above it.
func (c *recheck) startWalk(first int) (Request, bool) {
	c.found = map[string]bool{}
	c.walk.start(c.oldest().Truncate(time.Second), client.CeilSecond(c.todo[first].Start))
	return c.walk.request()
}

// worthPage reports whether the target's page takes less time than the requests by ID that it saves, and at which place in todo it starts.
// That is known only where all rows are known. If many sessions start, many of those on the page before the newest one have just ended.
func (c *recheck) worthPage(now time.Time) (first int, ok bool) {
	target := c.target().Start
	if !c.idCost.known || target.Before(c.p.ledger.Watermark()) {
		return 0, false
	}
	first = c.current
	for i := first - 1; i >= 0 && c.todo[i].Start.Sub(target) < c.pageSpan/2; i-- {
		if c.isDue(i, now) {
			first = i
		}
	}
	saved := 0.0
	for i := first; i < len(c.todo) && c.todo[first].Start.Sub(c.todo[i].Start) < c.pageSpan; i++ {
		if c.isDue(i, now) {
			saved += c.idCost.took
		}
	}
	return first, saved > c.p.pageCost.took && c.p.ledger.CountSeen(target, c.todo[first].Start) < pageLimit
}

// target is the session that the walk or the request by ID is for.
func (c *recheck) target() ledger.Recheck { return c.todo[c.current] }

// mostOverdue is the place in todo of the session to request by ID.
func (c *recheck) mostOverdue(newest bool, now time.Time) int {
	for !c.isDue(c.overdue[0], now) {
		c.overdue = c.overdue[1:]
	}
	if newest {
		return c.top
	}
	return c.overdue[0]
}

// nextOfRound is the place in todo of the session whose page to read.
func (c *recheck) nextOfRound(newest bool, now time.Time) int {
	if c.low = c.nextDue(c.low, now); c.low == len(c.todo) { // the round is over, and the next one starts
		c.low = c.top
	}
	if newest {
		return c.top
	}
	return c.low
}

// nextDue is the place of the first session in todo, from place i on, that is due.
func (c *recheck) nextDue(i int, now time.Time) int {
	for i < len(c.todo) && !c.isDue(i, now) {
		i++
	}
	return i
}

func (c *recheck) isDue(i int, now time.Time) bool {
	id := c.todo[i].ID
	return !c.passed[i] && c.p.ledger.RecheckDue(id, now) && !now.Before(c.avoided[id].until)
}

// load loads this refresh's rechecks: none if no session is due, because then no page is read that could show others.
func (c *recheck) load(now time.Time) {
	c.loaded = true
	sessions, due := c.p.ledger.Rechecks(now)
	if !due {
		return
	}
	// What this refresh has already shown is not requested again: a session that is a second old is due after a twentieth of that.
	sessions = slices.DeleteFunc(sessions, func(s ledger.Recheck) bool { return !s.LastSeen.Before(c.p.head.at) })
	slices.SortFunc(sessions, func(a, b ledger.Recheck) int {
		return cmp.Or(b.Start.Compare(a.Start), cmp.Compare(b.ID, a.ID))
	})
	c.todo, c.passed = sessions, make([]bool, len(sessions))
	from := c.p.ledger.Watermark()
	c.pageSpan = pageLimit * c.p.head.at.Sub(from) / time.Duration(max(1, c.p.ledger.CountSeen(from, c.p.head.at)))
	for i := range sessions {
		c.overdue = append(c.overdue, i)
	}
	slices.SortStableFunc(c.overdue, func(a, b int) int { return sessions[a].Due.Compare(sessions[b].Due) })
	if !c.round.IsZero() {
		c.low = c.place(c.round)
	}
}

// place is the place in todo of the first session that starts at t or earlier.
func (c *recheck) place(t time.Time) int {
	i, _ := slices.BinarySearchFunc(c.todo, t, func(s ledger.Recheck, t time.Time) int {
		if s.Start.After(t) {
			return -1
		}
		return 1
	})
	return i
}

// oldest is how far down the target's page has to reach.
func (c *recheck) oldest() time.Time {
	start := c.target().Start
	oldest := start
	for _, s := range c.todo[c.current:] {
		if start.Sub(s.Start) > recheckSpan {
			break
		}
		oldest = s.Start
	}
	return oldest
}

// byID reports whether to request the target by ID.
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
		switch {
		case page.Rows > 0:
		case c.target().Lost:
			c.p.ledger.MarkMissed(r.ID, at)
		default:
			c.byPage[r.ID] = true
			return nil
		}
		c.passed[c.current] = true
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
	down := c.walk.readDownTo()
	for i := c.place(c.walk.span.To.Add(-ledger.Tick)); i < len(c.todo) && c.todo[i].Start.After(down); i++ {
		switch id := c.todo[i].ID; {
		case c.passed[i]:
		case !c.found[id]:
			c.p.ledger.MarkMissed(id, at)
		case c.byPage[id]:
			c.avoidIDs(at)
		}
		c.passed[i] = true
	}
	if c.inRound {
		c.round = down
	}
	if c.target().Start.After(down) || err != nil {
		c.walk.stop()
	}
	return err
}

// failed leaves the target out for a while: the more often its page has failed, the longer. After a failed request by ID, pages are read
// instead.
func (c *recheck) failed(r Request, now time.Time) {
	if r.ID != "" {
		c.avoidIDs(now)
		return
	}
	for id, a := range c.avoided {
		if now.Sub(a.until) > longAvoid {
			delete(c.avoided, id)
		}
	}
	pause := min(max(2*c.avoided[c.target().ID].pause, firstAvoid), longAvoid)
	c.avoided[c.target().ID] = avoided{now.Add(pause), pause}
	c.walk.stop()
}

// avoidIDs makes the recheck read pages for a while, because requests by ID do not work.
func (c *recheck) avoidIDs(now time.Time) { c.noIDsUntil, c.idCost = now.Add(byIDPause), cost{} }
