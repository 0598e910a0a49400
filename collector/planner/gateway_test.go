package planner

import (
	"slices"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// noon is the moment at which every test begins.
func noon() time.Time { return time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC) }

// gateway is a planner, and a simple gateway that answers it: a sorted list of rows. Costs and failures come from its test.
type gateway struct {
	*testing.T
	*Planner
	now      time.Time
	rows     []client.Session // newest first
	requests []string         // of the refresh, by kind
	cost     func(r Request) time.Duration
	fail     func(r Request) error
	totals   bool // the gateway counts
	blind    bool // it knows no session by ID
}

func newGateway(t *testing.T) *gateway {
	o := Options{
		Ledger: ledger.Options{Lookback: 24 * time.Hour, AllowedLateness: 15 * time.Minute, ForgetAfter: 90 * 24 * time.Hour}, Budget: 0.1, StaleAfter: 5 * time.Minute,
	}
	return &gateway{T: t, Planner: New(o, budget.New(noon()).NewShare(noon())), now: noon(), totals: true}
}

// add puts in a running session that started ago before now.
func (g *gateway) add(id string, ago time.Duration) { g.addRow(g.row(id, ago)) }

func (g *gateway) row(id string, ago time.Duration) client.Session {
	return client.Session{ID: id, Connection: "pg", Type: "database", Verb: "exec", Status: "open", StartDate: client.Time{Time: g.now.Add(-ago)}}
}

func (g *gateway) addRow(s client.Session) {
	g.rows = append(g.rows, s)
	slices.SortFunc(g.rows, func(a, b client.Session) int { return b.StartDate.Compare(a.StartDate.Time) })
}

func (g *gateway) addPending(id string, ago time.Duration) {
	s := g.row(id, ago)
	s.Review = &client.Review{Type: "onetime", Status: "PENDING", CreatedAt: s.StartDate}
	g.addRow(s)
}

// end ends a session.
func (g *gateway) end(id string) {
	for i := range g.rows {
		if g.rows[i].ID == id {
			g.rows[i].Status, g.rows[i].EndDate, g.rows[i].Review = "done", client.Time{Time: g.now}, nil
		}
	}
}

func (g *gateway) hide(id string) {
	g.rows = slices.DeleteFunc(g.rows, func(s client.Session) bool { return s.ID == id })
}

func (g *gateway) answer(r Request) *client.SessionPage {
	page := &client.SessionPage{ResponseInfo: client.ResponseInfo{Date: g.now.Truncate(time.Second)}}
	total := 0
	for _, s := range g.rows {
		o := r.List
		switch {
		case r.ID != "" && (s.ID != r.ID || g.blind):
		case r.ID == "" && (s.StartDate.Before(o.Start) || s.StartDate.After(o.End)):
		case o.ReviewStatus != "" && (s.Review == nil || s.Review.Status != o.ReviewStatus):
		default:
			total++
			if total > o.Offset && len(page.Sessions) < pageLimit {
				page.Sessions = append(page.Sessions, s)
			}
		}
	}
	page.Rows = len(page.Sessions)
	page.HasNextPage = r.List.Offset+page.Rows < total
	if g.totals && r.List.Count != client.CountNone {
		page.Total = &total
	}
	return page
}

// refresh plays a refresh d later, and returns its requests, by kind.
func (g *gateway) refresh(d time.Duration) []string {
	g.now = g.now.Add(d)
	g.requests = nil
	g.StartRefresh()
	for g.step(g.Next) {
	}
	if l := g.Ledger(); l != nil {
		l.Finish(g.GatewayTime(g.now), g.now)
	}
	return g.requests
}

// refreshChanged plays a refresh 30 seconds later in which change may change each page, and returns how many pages were refused.
func (g *gateway) refreshChanged(change func(Request, *client.SessionPage)) (refused int) {
	g.now = g.now.Add(30 * time.Second)
	g.StartRefresh()
	for {
		r, ok := g.Next(g.now)
		if !ok {
			return refused
		}
		p := g.answer(r)
		change(r, p)
		if g.HandleResult(g.now, r, Result{Page: p}) != nil {
			refused++
		}
	}
}

// backfill reads the unread past until nothing is left.
func (g *gateway) backfill() {
	for !g.Idle() {
		if !g.step(g.Background) {
			g.now = g.now.Add(time.Second)
		}
	}
	g.Ledger().Finish(g.GatewayTime(g.now), g.now)
}

// step makes the request that next returns, if there is one.
func (g *gateway) step(next func(time.Time) (Request, bool)) bool {
	r, ok := next(g.now)
	if !ok {
		return false
	}
	if len(g.requests) > 1000 {
		g.Fatal("it makes requests forever")
	}
	word := r.Kind.String()
	if r.ID != "" {
		word = "id " + r.ID
	}
	g.requests = append(g.requests, word)
	var res Result
	if g.cost != nil {
		res.Took = g.cost(r)
		g.now = g.now.Add(res.Took)
	}
	if g.fail != nil {
		res.Err = g.fail(r)
	}
	if res.Err == nil {
		res.Page = g.answer(r)
	}
	if err := g.HandleResult(g.now, r, res); err != nil && res.Err == nil {
		g.Fatal(err)
	}
	return true
}

// nextAfter starts a refresh d later, and returns its first request.
func (g *gateway) nextAfter(d time.Duration) (Request, bool) {
	g.now = g.now.Add(d)
	g.StartRefresh()
	return g.Next(g.now)
}

func (g *gateway) wantRequests(what string, got []string, want ...string) {
	g.Helper()
	if !slices.Equal(got, want) {
		g.Errorf("%s: requests %v, want %v", what, got, want)
	}
}

func count(words []string, word string) int {
	n := 0
	for _, w := range words {
		if w == word {
			n++
		}
	}
	return n
}

// started is how many sessions are counted as started.
func (g *gateway) started() (n uint64) {
	for _, t := range g.Ledger().Finish(g.GatewayTime(g.now), g.now).Gauges.Targets {
		for _, c := range t.Started {
			n += c.Value
		}
	}
	return n
}
