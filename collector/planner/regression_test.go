// What a hostile reader found, each as it was shown to fail.

package planner

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Dense flood interrupted.
func TestAnInterruptedWalkThroughADenseSecondReadsAllOfIt(t *testing.T) {
	for at := 1; at < 14; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			g := newTable(t)
			g.cost = func(Request) time.Duration { return 10 * time.Millisecond }
			g.refresh(0)
			g.readBack()
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

// One answer with a Date in the past.
func TestOneDateInThePastChangesNothing(t *testing.T) {
	g := newTable(t)
	g.refresh(0)
	g.readBack()
	g.refresh(30 * time.Second)
	g.now = g.now.Add(30 * time.Second)
	g.Begin(g.now)
	r, _ := g.Next(g.now)
	p := g.answer(r)
	p.Date = p.Date.Add(-2 * time.Hour)
	_ = g.Answer(g.now, r, Result{Page: p})
	asked := 0
	for range 80 {
		asked += len(g.refresh(30 * time.Second))
	}
	if asked == 0 {
		t.Error("nothing was asked for 40 minutes after one odd Date")
	}
}

// One recheck answer with a Date in the future.
func TestOneDateInTheFutureLosesNothing(t *testing.T) {
	for _, jump := range []time.Duration{24 * time.Hour, 100 * 24 * time.Hour} {
		g := newTable(t)
		g.add("a", time.Hour)
		g.refresh(0)
		g.readBack()
		done := false
		for !done {
			g.now = g.now.Add(30 * time.Second)
			g.Begin(g.now)
			for {
				r, ok := g.Next(g.now)
				if !ok {
					break
				}
				p := g.answer(r)
				if r.Kind == Recheck {
					p.Date, done = p.Date.Add(jump), true
				}
				_ = g.Answer(g.now, r, Result{Page: p})
			}
			g.Ledger().Commit(g.GatewayTime(g.now), g.now)
		}
		g.end("a")
		for range 600 {
			g.refresh(30 * time.Second)
		}
		s := g.Ledger().Commit(g.GatewayTime(g.now), g.now)
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

// Old pending list fails slowly.
func TestSlowOldReviewsKeepNothingFromItsTurn(t *testing.T) {
	g := newTable(t)
	slow := func(r Request) bool {
		return r.List.ReviewStatus != "" && r.List.Start.Before(g.now.Add(-48*time.Hour))
	}
	g.cost = func(r Request) time.Duration {
		if slow(r) {
			return 30 * time.Second
		}
		return 10 * time.Millisecond
	}
	g.fail = func(r Request) error {
		if slow(r) {
			return client.ErrTimeout
		}
		return nil
	}
	g.refresh(0)
	g.readBack()
	down := 0
	for range 240 {
		g.refresh(30 * time.Second)
		if ok, asked := g.Succeeded(g.now); asked && !ok {
			down++
		}
	}
	if down > 0 {
		t.Errorf("%d of 240 refreshes failed", down)
	}
}

// A poison page in open territory.
func TestOneMinuteThatCannotBeReadDoesNotHoldTheHorizon(t *testing.T) {
	g := newTable(t)
	g.cost = func(r Request) time.Duration { return 10 * time.Millisecond }
	g.refresh(0)
	g.readBack()
	poison := g.now.Add(5 * time.Minute)
	g.fail = func(r Request) error {
		if r.Kind == Head && !r.List.End.After(poison.Add(time.Minute)) && r.List.End.After(poison) {
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
	t.Logf("horizon %v behind, known %d of %d", g.now.Sub(g.Ledger().Horizon()), g.Ledger().KnownIn(time.Time{}, g.now), n)
	if g.now.Sub(g.Ledger().Horizon()) > time.Hour {
		t.Error("horizon stuck")
	}
}

// A poison recheck page.
func TestOnePageThatCannotBeReadKeepsNoOlderSessionWaiting(t *testing.T) {
	g := newTable(t)
	g.add("poison", 5*time.Hour)
	g.add("good", 20*time.Hour)
	g.refresh(0)
	g.readBack()
	poison := g.now.Add(-5 * time.Hour)
	g.fail = func(r Request) error {
		if r.Kind == Recheck && !r.List.Start.After(poison) && !r.List.End.Before(poison) {
			return errors.New("500")
		}
		return nil
	}
	g.end("good")
	for range 600 {
		g.refresh(30 * time.Second)
	}
	s := g.Ledger().Commit(g.GatewayTime(g.now), g.now)
	if s.Tracked != 1 {
		t.Errorf("tracked %d, lag %v", s.Tracked, s.RecheckLag)
	}
}

// Pending review decided after one Date in the future.
func TestOneDateInTheFutureHidesNoDecision(t *testing.T) {
	g := newTable(t)
	g.addPending("p", time.Hour)
	g.refresh(0)
	g.readBack()
	g.now = g.now.Add(30 * time.Second)
	g.Begin(g.now)
	for {
		r, ok := g.Next(g.now)
		if !ok {
			break
		}
		p := g.answer(r)
		if r.Kind == Pending {
			p.Date = p.Date.Add(24 * time.Hour)
		}
		_ = g.Answer(g.now, r, Result{Page: p})
	}
	g.end("p")
	for range 600 {
		g.refresh(30 * time.Second)
	}
	if n := g.Ledger().PendingIn(time.Time{}, g.now); n != 0 {
		t.Errorf("%d pending 5 hours after it was decided", n)
	}
}

// Late rows in a dense second in which a sweep was interrupted.
func TestLateRowsInADenseSecondAreFound(t *testing.T) {
	for at := 2; at < 9; at++ {
		g := newTable(t)
		g.cost = func(Request) time.Duration { return 10 * time.Millisecond }
		g.refresh(0)
		g.readBack()
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
			if r.Kind == Head {
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

// The newest page's window ended in the past, because of one odd Date, and with a whole second: what came within that second is not in it.
func TestTheSecondInWhichAWindowEndsIsReadAgain(t *testing.T) {
	g := newTable(t)
	g.refresh(0)
	g.readBack()
	last := g.now
	g.now = g.now.Add(30 * time.Second)
	g.Begin(g.now)
	r, _ := g.Next(g.now)
	p := g.answer(r)
	p.Date = p.Date.Add(-5 * time.Hour)
	_ = g.Answer(g.now, r, Result{Page: p})
	g.now = g.now.Add(2 * time.Hour)
	for i := range 120 {
		s := g.row(fmt.Sprint("s", i), 0)
		s.StartDate.Time = last.Add(time.Hour - 30*time.Second + time.Duration(i)*500*time.Millisecond + 250*time.Millisecond)
		s.Status, s.EndDate = "done", s.StartDate
		g.addRow(s)
	}
	for range 80 {
		g.refresh(30 * time.Second)
		g.readBack()
	}
	if g.started() != 120 {
		t.Errorf("%d counted, want 120", g.started())
	}
}
