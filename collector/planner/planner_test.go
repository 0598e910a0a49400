package planner

import (
	"errors"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

func TestAFailedHeadEndsTheRefresh(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	g.fail = func(Request) error { return errors.New("down") }
	g.wantRequests("down", g.refresh(30*time.Second), "head")
	if ok, attempted := g.Succeeded(g.now); ok || !attempted {
		t.Errorf("ok %v, attempted %v", ok, attempted)
	}
	g.wantRequests("it waits before its next request", g.refresh(100*time.Millisecond))
	if _, attempted := g.Succeeded(g.now); attempted {
		t.Error("a refresh without a request has no outcome")
	}
	g.fail = nil
	g.add("a", 0)
	g.refresh(30 * time.Second)
	if ok, _ := g.Succeeded(g.now); !ok || g.started() != 1 {
		t.Errorf("recovered: %v, %d started, want 1", ok, g.started())
	}
}

func TestAFailedPendingPageDoesNotStopTheRest(t *testing.T) {
	g := newGateway(t)
	g.add("a", time.Hour)
	g.refresh(0)
	g.backfill()
	g.fail = func(r Request) error {
		if r.Kind == budget.Pending {
			return errors.New("slow")
		}
		return nil
	}
	g.wantRequests("the rest goes on", g.refresh(20*time.Minute), "head", "pending", "recheck")
	if ok, _ := g.Succeeded(g.now); ok {
		t.Error("a refresh without the pending reviews is not a success")
	}
}

func TestRetryAfterIsHonored(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	r, ok := g.nextAfter(time.Minute)
	if !ok {
		t.Fatal("no request")
	}
	_ = g.HandleResult(g.now, r, Result{Err: errors.New("slow down"), RetryAfter: time.Hour})
	g.wantRequests("within the hour", g.refresh(59*time.Minute))
	if g.refresh(2 * time.Minute); len(g.requests) == 0 {
		t.Error("no request was made after it")
	}
}

// Before its first good answer a planner has no backfill: with a credential that does not work, requests to its address could take half
// of the time forever.
func TestRequestsAreNotHurriedBeforeTheFirstAnswer(t *testing.T) {
	b := budget.New(noon())
	refused := New(Options{Budget: 0.1, Ledger: ledger.Options{AllowedLateness: 15 * time.Minute}}, b.NewShare(noon()))
	now := noon()
	for range 100 {
		now = now.Add(time.Second)
		if r, ok := refused.Next(now); ok {
			_ = refused.HandleResult(now, r, Result{Err: ErrNoDate})
		}
	}
	if refused.rate() != 0.1 {
		t.Errorf("it thinks that requests may take %v of the time", refused.rate())
	}
}

// One answer has a date two hours in the past.
func TestOneDateInThePastDoesNotStopTheRequests(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	g.refresh(30 * time.Second)
	g.now = g.now.Add(30 * time.Second)
	g.StartRefresh()
	r, _ := g.Next(g.now)
	p := g.answer(r)
	p.Date = p.Date.Add(-2 * time.Hour)
	_ = g.HandleResult(g.now, r, Result{Page: p})
	made := 0
	for range 80 {
		made += len(g.refresh(30 * time.Second))
	}
	if made == 0 {
		t.Error("no request was made for 40 minutes after one odd Date")
	}
}
