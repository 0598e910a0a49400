package planner

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

func TestRechecksAreDueAfterATwentiethOfTheAge(t *testing.T) {
	g := newGateway(t)
	g.add("hour", time.Hour)
	g.refresh(0)
	g.backfill()
	rechecks := 0
	for range 60 { // half an hour
		rechecks += count(g.refresh(30*time.Second), "recheck")
	}
	// 60 to 90 minutes old: every 3 to 4.5 minutes
	if rechecks < 6 || rechecks > 10 {
		t.Errorf("%d rechecks in half an hour", rechecks)
	}
	g.end("hour")
	for range 11 {
		g.refresh(30 * time.Second)
	}
	if _, due := g.Ledger().Rechecks(g.now.Add(24 * time.Hour)); due {
		t.Error("it has ended, and is still rechecked")
	}
}

func TestOnePageRechecksSeveralSessions(t *testing.T) {
	g := newGateway(t)
	for i := range 50 {
		g.add(fmt.Sprint("s", i), time.Hour+time.Duration(i)*time.Second)
	}
	g.refresh(0)
	g.backfill()
	if got := count(g.refresh(10*time.Minute), "recheck"); got != 1 {
		t.Errorf("%d pages for 50 neighbours, want 1", got)
	}
}

func TestASessionThatIsNotShownAnyMoreIsLostAfterTwoRechecks(t *testing.T) {
	g := newGateway(t)
	g.add("gone", time.Hour)
	g.add("here", 2*time.Hour)
	g.refresh(0)
	g.backfill()
	row := g.rows[0]
	g.hide("gone")
	for range 30 {
		g.refresh(30 * time.Second)
	}
	snap := g.Ledger().Finish(g.now, g.now).Gauges
	if snap.Lost != 1 || snap.Targets[0].Open[ledger.Running] != 1 {
		t.Errorf("%d lost, %d running, want 1 and 1", snap.Lost, snap.Targets[0].Open[ledger.Running])
	}
	g.addRow(row)
	for range 30 {
		g.refresh(30 * time.Second)
	}
	if snap = g.Ledger().Finish(g.now, g.now).Gauges; snap.Targets[0].Open[ledger.Running] != 2 {
		t.Errorf("%d running, want 2: it is shown again", snap.Targets[0].Open[ledger.Running])
	}
}

// pagesAreExpensive is what requests take if sessions are requested by ID.
func pagesAreExpensive(r Request) time.Duration {
	if r.ID != "" {
		return 8 * time.Millisecond
	}
	return 350 * time.Millisecond
}

func TestRechecksGoByIDWherePagesAreExpensive(t *testing.T) {
	g := newGateway(t)
	g.cost = pagesAreExpensive
	g.add("a", time.Hour)
	g.add("b", 3*time.Hour)
	g.refresh(0)
	g.backfill()
	g.wantRequests("both are due", g.refresh(20*time.Minute), "head", "pending", "id a", "id b")
	g.hide("b")
	g.refresh(20 * time.Minute)
	g.refresh(20 * time.Minute)
	if lost := g.Ledger().Finish(g.now, g.now).Gauges.Lost; lost != 1 {
		t.Errorf("%d lost, want 1", lost)
	}
	g.fail = func(r Request) error {
		if r.ID != "" {
			return errors.New("no such path")
		}
		return nil
	}
	g.refresh(20 * time.Minute)
	g.wantRequests("pages do where requests by ID fail", g.refresh(20*time.Minute), "head", "pending", "recheck", "recheck")
}

// A proxy that knows only the path of the list answers each request by ID with 404. That does not mean that the sessions are gone: their
// pages decide.
func TestASessionThatOnlyItsPageShowsIsNotLost(t *testing.T) {
	g := newGateway(t)
	g.cost = pagesAreExpensive
	g.blind = true
	g.add("a", time.Hour)
	g.add("b", 3*time.Hour)
	g.refresh(0)
	g.backfill()
	g.wantRequests("the page follows", g.refresh(20*time.Minute), "head", "pending", "id a", "recheck", "recheck")
	g.wantRequests("then pages alone", g.refresh(20*time.Minute), "head", "pending", "recheck", "recheck")
	for range 200 {
		g.refresh(20 * time.Minute)
	}
	if s := g.Ledger().Finish(g.now, g.now).Gauges; s.Lost != 0 || s.Targets[0].Open[ledger.Running] != 2 {
		t.Errorf("%d lost, %d running, want 0 and 2", s.Lost, s.Targets[0].Open[ledger.Running])
	}
	g.hide("b")
	for range 30 {
		g.refresh(20 * time.Minute)
	}
	if s := g.Ledger().Finish(g.now, g.now).Gauges; s.Lost != 1 {
		t.Errorf("%d lost, want 1", s.Lost)
	}
	g.blind = false
	g.now = g.now.Add(2 * time.Hour)
	g.refresh(0)
	if made := g.refresh(48 * time.Hour); count(made, "id b") != 1 || count(made, "recheck") != 0 {
		t.Errorf("requests %v, want a lost session to take no page", made)
	}
}

// The page of one unfinished session always fails.
func TestAPageThatCannotBeReadKeepsNoOlderSessionWaiting(t *testing.T) {
	g := newGateway(t)
	g.add("poison", 5*time.Hour)
	g.add("good", 20*time.Hour)
	g.refresh(0)
	g.backfill()
	poison := g.now.Add(-5 * time.Hour)
	g.fail = func(r Request) error {
		if r.Kind == budget.Recheck && !r.List.Start.After(poison) && !r.List.End.Before(poison) {
			return errors.New("500")
		}
		return nil
	}
	g.end("good")
	for range 600 {
		g.refresh(30 * time.Second)
	}
	s := g.Ledger().Finish(g.GatewayTime(g.now), g.now).Gauges
	if s.Tracked != 1 {
		t.Errorf("tracked %d, lag %v", s.Tracked, s.RecheckLag)
	}
}

// One answer to a recheck has a date far in the future.
func TestOneDateInTheFutureHidesNoFinishedSession(t *testing.T) {
	for _, jump := range []time.Duration{24 * time.Hour, 100 * 24 * time.Hour} {
		g := newGateway(t)
		g.add("a", time.Hour)
		g.refresh(0)
		g.backfill()
		done := false
		for !done {
			g.refreshChanged(func(r Request, p *client.SessionPage) {
				if r.Kind == budget.Recheck {
					p.Date, done = p.Date.Add(jump), true
				}
			})
			g.Ledger().Finish(g.GatewayTime(g.now), g.now)
		}
		g.end("a")
		for range 600 {
			g.refresh(30 * time.Second)
		}
		s := g.Ledger().Finish(g.GatewayTime(g.now), g.now).Gauges
		var fin uint64
		for _, t := range s.Targets {
			for _, c := range t.Finished {
				fin += c.Value
			}
		}
		if fin != 1 {
			t.Errorf("jump %v: finished %d, lag %v, tracked %d, abandoned %d after 5h", jump, fin, s.RecheckLag, s.Tracked, s.Abandoned)
		}
	}
}

// Sessions of a few minutes are due at every refresh, and there are more of them than the budget allows. An older one has to get its turn
// all the same.
func TestNoSessionWaitsForeverBehindNewerOnes(t *testing.T) {
	for name, byID := range map[string]time.Duration{"pages": 2 * time.Second, "by ID": 20 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			g.cost = func(r Request) time.Duration {
				switch {
				case r.ID != "":
					return byID
				case r.Kind == budget.Recheck:
					return 2 * time.Second
				}
				return 250 * time.Millisecond
			}
			for i := range 400 { // in the last 17 minutes
				g.add(fmt.Sprint("young", i), time.Duration(i)*2500*time.Millisecond)
			}
			g.add("old", 2*time.Hour)
			g.refresh(0)
			g.backfill()
			g.end("old")
			for range 60 { // half an hour
				g.add(fmt.Sprint("new", g.now), 20*time.Second)
				g.refresh(30 * time.Second)
			}
			if g.Ledger().RecheckDue("old", g.now.Add(100*24*time.Hour)) {
				t.Error("the old session ended half an hour ago, and was not rechecked since")
			}
		})
	}
}

// A session of a few seconds is due a moment after it was on the head page.
func TestWhatTheRefreshHasShownIsNotRecheckedByIt(t *testing.T) {
	g := newGateway(t)
	g.cost = pagesAreExpensive
	g.refresh(0)
	g.backfill()
	g.add("young", -28*time.Second)
	g.wantRequests("it is two seconds old", g.refresh(30*time.Second), "head", "pending")
	g.wantRequests("and on the next head page again", g.refresh(30*time.Second), "head", "pending")
}

// Where all rows are known, it is known how many sessions that are due are on a page.
func TestManyNeighborsAreRecheckedByPageWhereOneCostsLess(t *testing.T) {
	g := newGateway(t)
	g.cost = func(r Request) time.Duration {
		if r.ID != "" {
			return 8 * time.Millisecond
		}
		return 100 * time.Millisecond
	}
	g.add("other", time.Hour)
	g.refresh(0)
	g.backfill()
	g.refresh(10 * time.Minute)
	for i := range 400 { // 10 a second, and every fifth one runs
		s := g.row(fmt.Sprint("s", i), time.Duration(i)*100*time.Millisecond)
		if i%5 > 0 {
			s.Status, s.EndDate = "done", s.StartDate
		}
		g.addRow(s)
	}
	g.refresh(0)
	for i := range 100 { // so that the head page does not show the others
		s := g.row(fmt.Sprint("n", i), -time.Duration(i)*10*time.Millisecond)
		s.Status, s.EndDate = "done", s.StartDate
		g.addRow(s)
	}
	made := g.refresh(30 * time.Second)
	if pages := count(made, "recheck"); pages < 4 || pages > 6 || len(made) > 12 {
		t.Errorf("requests %v, want about four pages for 80 sessions", made)
	}
}
