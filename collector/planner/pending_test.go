package planner

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

func TestPendingReviewsAreReadOnlyAsFarAsNeeded(t *testing.T) {
	g := newGateway(t)
	for i := range 250 {
		g.addPending(fmt.Sprintf("p%03d", i), 30*time.Minute+time.Duration(i)*time.Minute)
	}
	g.addPending("ancient", 48*time.Hour)
	first := g.refresh(0)
	if n, old := count(first, "pending"), count(first, "backfill"); n != 3 || old != 1 {
		t.Errorf("the first time %d requests for pending reviews and %d for those from before the lookback, want 3 and 1", n, old)
	}
	g.backfill()
	if got := g.Ledger().CountPending(time.Time{}, g.now); got != 251 {
		t.Errorf("%d are pending, want 251", got)
	}
	g.wantRequests("nothing changed", g.refresh(30*time.Second), "head", "pending")
	g.end("p249") // the oldest one is decided: no page but the last shows it
	g.refresh(30 * time.Second)
	g.refresh(30 * time.Second)
	if got := g.Ledger().CountPending(time.Time{}, g.now); got != 250 {
		t.Errorf("%d are pending, want 250", got)
	}
}

// Below the newest page, one review leaves the list and another one is added, so the total does not change. The change is still found,
// because the list is read to its end every few hours.
func TestAReviewThatReplacesAnotherInTheListIsFound(t *testing.T) {
	for name, ago := range map[string]time.Duration{"within the lookback": 12 * time.Hour, "before it": 48 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			g.add("rejected", ago)
			g.end("rejected")
			for i := range 150 {
				g.addPending(fmt.Sprintf("p%03d", i), ago-time.Hour+time.Duration(i)*10*time.Second)
			}
			g.refresh(0)
			g.backfill()
			g.refresh(30 * time.Second)
			g.end("p149")
			g.hide("rejected")
			g.addPending("rejected", ago)
			for range 4 * 60 {
				g.refresh(time.Minute)
			}
			waiting := 0
			for _, n := range g.Ledger().Finish(g.GatewayTime(g.now), g.now).Gauges.Targets {
				for _, r := range n.OpenReviews {
					waiting += r.Count
				}
			}
			all, _ := g.Ledger().Rechecks(g.now.Add(30 * 24 * time.Hour))
			has := func(id string) bool {
				return slices.ContainsFunc(all, func(r ledger.Recheck) bool { return r.ID == id })
			}
			if waiting != 150 || !has("rejected") || has("p149") {
				t.Errorf("%d reviews are pending, want 150; the new one is among them: %v; the decided one is: %v", waiting, has("rejected"), has("p149"))
			}
		})
	}
}

// The list of old pending reviews fails, and takes long to do so.
func TestASlowListOfOldReviewsFailsNoRefresh(t *testing.T) {
	g := newGateway(t)
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
	g.backfill()
	down := 0
	for range 240 {
		g.refresh(30 * time.Second)
		if ok, attempted := g.Succeeded(g.now); attempted && !ok {
			down++
		}
	}
	if down > 0 {
		t.Errorf("%d of 240 refreshes failed", down)
	}
}

// One answer of the pending reviews has a date in the future, and a review is decided after that.
func TestOneDateInTheFutureHidesNoDecision(t *testing.T) {
	g := newGateway(t)
	g.addPending("p", time.Hour)
	g.refresh(0)
	g.backfill()
	g.refreshChanged(func(r Request, p *client.SessionPage) {
		if r.Kind == budget.Pending {
			p.Date = p.Date.Add(24 * time.Hour)
		}
	})
	g.end("p")
	for range 600 {
		g.refresh(30 * time.Second)
	}
	if n := g.Ledger().CountPending(time.Time{}, g.now); n != 0 {
		t.Errorf("%d pending 5 hours after it was decided", n)
	}
}

// The rest of the list is interrupted, and the window moves past the place where that was. The list is read on within its window all the
// same.
func TestAnInterruptedListGoesOnWithinItsWindow(t *testing.T) {
	g := newGateway(t)
	for i := range 150 {
		g.addPending(fmt.Sprintf("new%03d", i), time.Hour+time.Duration(i)*time.Minute)
	}
	for i := range 100 {
		g.addPending(fmt.Sprintf("old%03d", i), 23*time.Hour+time.Duration(i)*30*time.Second)
	}
	pages := 0
	g.fail = func(r Request) error {
		if r.Kind != budget.Pending {
			return nil
		}
		if r.List.ReviewStatus == "" || r.List.Start.IsZero() {
			t.Errorf("requested %+v: not the list of pending reviews", r.List)
		}
		if pages++; pages == 3 {
			return errors.New("reset")
		}
		return nil
	}
	g.refresh(0)
	g.backfill()
	g.end("new120") // so that the total still differs
	if got := count(g.refresh(time.Hour), "pending"); got != 2 {
		t.Errorf("%d requests, want the newest page and one more", got)
	}
	g.refresh(30 * time.Second)
	if got := g.Ledger().CountPending(g.now.Add(-24*time.Hour), g.now); got != 149 {
		t.Errorf("%d are pending within the lookback, want 149", got)
	}
}
