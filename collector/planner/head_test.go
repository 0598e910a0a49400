package planner

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
)

func TestAQuietGatewayGetsTwoRequests(t *testing.T) {
	g := newGateway(t)
	for i := range 300 {
		g.addRow(g.row(fmt.Sprint("old", i), time.Hour+time.Duration(i)*time.Second))
		g.end(fmt.Sprint("old", i))
	}
	g.refresh(0)
	g.backfill()
	g.wantRequests("nothing happened", g.refresh(30*time.Second), "head", "pending")
	g.addRow(g.row("new", 0))
	g.end("new")
	g.wantRequests("one page holds what is new", g.refresh(30*time.Second), "head", "pending")
	g.wantRequests("and nothing more is requested for it later", g.refresh(30*time.Second), "head", "pending")
}

func TestLateRowsAreFoundByTheTotal(t *testing.T) {
	for _, totals := range []bool{true, false} {
		t.Run(fmt.Sprint("gateway counts: ", totals), func(t *testing.T) {
			g := newGateway(t)
			g.totals = totals
			g.refresh(0)
			g.backfill()
			for range 20 { // 400 sessions in ten minutes
				for i := range 20 {
					g.addRow(g.row(fmt.Sprint(g.now.Unix(), " ", i), time.Duration(i)*time.Second))
				}
				g.refresh(30 * time.Second)
			}
			before := g.started()
			g.addRow(g.row("late", 9*time.Minute))
			g.refresh(30 * time.Second)
			for i := 0; !totals && i < 20; i++ { // then it takes until the next late scan
				g.refresh(30 * time.Second)
			}
			if got := g.started() - before; got != 1 {
				t.Errorf("%d sessions more, want the late one", got)
			}
		})
	}
}

// A walk that could not be finished leaves a gap to be read later, and nothing is counted twice.
func TestAnInterruptedWalkIsFinishedLater(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	for i := range 1000 {
		g.addRow(g.row(fmt.Sprint("s", i), -time.Duration(i)*100*time.Millisecond))
	}
	pages := 0
	g.fail = func(r Request) error {
		if pages++; r.Kind == budget.Head && pages%4 == 0 {
			return errors.New("reset")
		}
		return nil
	}
	for range 20 {
		g.refresh(2 * time.Minute)
	}
	if g.started() != 1000 || !g.Idle() {
		t.Errorf("%d counted, want 1000; all read: %v", g.started(), g.Idle())
	}
}

// 200 sessions a second, and any one request fails.
func TestAFloodIsCountedOnceWhereverItsWalkIsInterrupted(t *testing.T) {
	for at := 1; at < 14; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			g := newGateway(t)
			g.cost = func(Request) time.Duration { return 10 * time.Millisecond }
			g.refresh(0)
			g.backfill()
			for i := range 1000 { // 200 a second for five seconds
				g.addRow(g.row(fmt.Sprint("s", i), -time.Duration(i)*5*time.Millisecond))
				g.end(fmt.Sprint("s", i))
			}
			pages := 0
			g.fail = func(r Request) error {
				if pages++; pages == at {
					return errors.New("reset")
				}
				return nil
			}
			worst := 0
			for range 10 {
				worst = max(worst, len(g.refresh(30*time.Second)))
			}
			if g.started() != 1000 || !g.Idle() {
				t.Errorf("%d counted, want 1000; idle %v, worst refresh %d requests", g.started(), g.Idle(), worst)
			}
		})
	}
}

// A late scan is interrupted in a second with many rows, and then more rows come late in that second.
func TestLateRowsInADenseSecondAreCountedAfterAnInterruptedScan(t *testing.T) {
	for at := 2; at < 9; at++ {
		g := newGateway(t)
		g.cost = func(Request) time.Duration { return 10 * time.Millisecond }
		g.refresh(0)
		g.backfill()
		for range 20 {
			g.refresh(30 * time.Second)
		}
		dense := g.now.Add(time.Minute)
		for i := range 300 {
			s := g.row(fmt.Sprint("d", i), -time.Minute-time.Duration(i)*3*time.Millisecond)
			s.Status, s.EndDate = "done", s.StartDate
			g.addRow(s)
		}
		g.refresh(2 * time.Minute)
		g.refresh(30 * time.Second)
		s := g.row("late", 8*time.Minute)
		s.Status, s.EndDate = "done", s.StartDate
		g.addRow(s)
		pages := 0
		g.fail = func(r Request) error {
			if r.Kind == budget.Head {
				if pages++; pages == at {
					return errors.New("reset")
				}
			}
			return nil
		}
		g.refresh(30 * time.Second)
		for i := range 60 {
			s := g.row(fmt.Sprint("l", i), 0)
			s.StartDate.Time = dense.Add(990*time.Millisecond + time.Duration(i)*time.Microsecond)
			s.Status, s.EndDate = "done", s.StartDate
			g.addRow(s)
		}
		worst := 0
		for range 10 {
			worst = max(worst, len(g.refresh(30*time.Second)))
		}
		if g.started() != 361 || worst > 50 {
			t.Errorf("at %d: %d counted, want 361; worst refresh %d requests", at, g.started(), worst)
		}
	}
}

// The head page's window ended in the past, because of one wrong date, and with a whole second: what came within that second is not in it.
func TestRowsInTheSecondInWhichAWindowEndsAreCounted(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	last := g.now
	g.now = g.now.Add(30 * time.Second)
	g.StartRefresh()
	r, _ := g.Next(g.now)
	p := g.answer(r)
	p.Date = p.Date.Add(-5 * time.Hour)
	_ = g.HandleResult(g.now, r, Result{Page: p})
	g.now = g.now.Add(2 * time.Hour)
	for i := range 120 {
		s := g.row(fmt.Sprint("s", i), 0)
		s.StartDate.Time = last.Add(time.Hour - 30*time.Second + time.Duration(i)*500*time.Millisecond + 250*time.Millisecond)
		s.Status, s.EndDate = "done", s.StartDate
		g.addRow(s)
	}
	for range 80 {
		g.refresh(30 * time.Second)
		g.backfill()
	}
	if g.started() != 120 {
		t.Errorf("%d counted, want 120", g.started())
	}
}

// The page of one minute in the open coverage always fails.
func TestAMinuteThatCannotBeReadDoesNotHoldTheWatermark(t *testing.T) {
	g := newGateway(t)
	g.cost = func(r Request) time.Duration { return 10 * time.Millisecond }
	g.refresh(0)
	g.backfill()
	poison := g.now.Add(5 * time.Minute)
	g.fail = func(r Request) error {
		if r.Kind == budget.Head && !r.List.End.After(poison.Add(time.Minute)) && r.List.End.After(poison) {
			return errors.New("500")
		}
		return nil
	}
	n := 0
	for range 200 {
		var batch []client.Session
		for i := range 110 {
			s := g.row(fmt.Sprint("s", n), -time.Duration(110-i)*250*time.Millisecond)
			s.Status, s.EndDate = "done", s.StartDate
			batch = append(batch, s)
			n++
		}
		g.rows = append(batch, g.rows...)
		g.refresh(30 * time.Second)
	}
	t.Logf("watermark %v behind, known %d of %d", g.now.Sub(g.Ledger().Watermark()), g.Ledger().CountSeen(time.Time{}, g.now), n)
	if g.now.Sub(g.Ledger().Watermark()) > time.Hour {
		t.Error("the watermark does not move")
	}
}

// Ten sessions a second, of which one shows up a minute late: late scans have to leave something of the budget for the rest.
func TestLateScansAreLessFrequentTheMoreTheyTake(t *testing.T) {
	for _, tc := range []struct {
		page     time.Duration
		min, max int // late scans in ten minutes
	}{{time.Millisecond, 19, 20}, {300 * time.Millisecond, 4, 8}} {
		t.Run(tc.page.String(), func(t *testing.T) {
			g := newGateway(t)
			g.cost = func(Request) time.Duration { return tc.page }
			g.refresh(0)
			g.backfill()
			scans, n := 0, 0
			started := time.Time{}
			for range 20 {
				for range 300 {
					s := g.row(fmt.Sprint("s", n), -time.Duration(n%300)*100*time.Millisecond)
					s.Status, s.EndDate = "done", s.StartDate
					if n%10 == 0 {
						s.StartDate.Time = s.StartDate.Add(-time.Minute)
					}
					g.rows = append(g.rows, s)
					n++
				}
				g.addRow(g.row(fmt.Sprint("r", n), 0))
				g.refresh(30 * time.Second)
				if !g.head.lateStarted.Equal(started) {
					scans, started = scans+1, g.head.lateStarted
				}
			}
			t.Logf("%d late scans", scans)
			if scans < tc.min || scans > tc.max {
				t.Errorf("%d late scans, want %d to %d", scans, tc.min, tc.max)
			}
		})
	}
}

// For a while, the gateway's list lacks sessions that it had before, and those that start meanwhile. Gateways delete nothing, so all of
// them can come back: the watermark waits for them, but not forever.
func TestSessionsThatTheListLacksForAWhileCount(t *testing.T) {
	for name, lacked := range map[string]time.Duration{"for 40 minutes": 40 * time.Minute, "for good": 5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			g.refresh(0)
			g.backfill()
			live := func(d time.Duration) {
				for range d / time.Minute {
					g.refresh(30 * time.Second)
					g.add(g.now.String(), 0)
					g.refresh(30 * time.Second)
				}
			}
			live(20 * time.Minute)
			before := g.rows
			g.rows = nil
			g.refresh(30 * time.Second)
			if g.Hidden() == 0 {
				t.Error("it is not noticed")
			}
			if lacked == 40*time.Minute {
				var meanwhile []client.Session
				for range lacked / time.Minute {
					g.refresh(time.Minute)
					meanwhile = append(meanwhile, g.row(g.now.String(), 0))
				}
				for _, s := range append(before, meanwhile...) {
					g.addRow(s)
				}
				g.refresh(30 * time.Second)
			} else {
				live(lacked)
			}
			if want := uint64(20 + lacked/time.Minute); g.started() != want || g.Hidden() != 0 {
				t.Errorf("%d counted of %d, %d hidden", g.started(), want, g.Hidden())
			}
			if behind := g.now.Sub(g.Ledger().Watermark()); behind > 4*g.o.Ledger.AllowedLateness {
				t.Errorf("the watermark is %v behind", behind)
			}
		})
	}
}
