package planner

import (
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
)

// Every pending page says that there are 57, and has none.
func TestARefreshFailsWhereNoPendingPageCanBeUsed(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	good, failed := 0, 0
	for range 40 {
		g.now = g.now.Add(30 * time.Second)
		g.StartRefresh()
		for {
			r, ok := g.Next(g.now)
			if !ok {
				break
			}
			p := g.answer(r)
			if r.Kind == budget.Pending || r.List.ReviewStatus != "" {
				n := 57
				p.Sessions, p.Rows, p.Total = nil, 0, &n
			}
			if g.HandleResult(g.now, r, Result{Page: p}) != nil {
				failed++
			}
		}
		if ok, _ := g.Succeeded(g.now); ok {
			good++
		}
	}
	t.Logf("%d of 40 refreshes succeeded, %d requests failed", good, failed)
	if good > 0 {
		t.Error("hoop_up is 1 though no page of pending reviews was ever usable")
	}
}

// The same for the head where --reviews.approver is set: every page says 57, and has none.
func TestARefreshFailsWhereNoHeadPageCanBeUsed(t *testing.T) {
	g := newGateway(t)
	g.o.Filters = client.ListOptions{Filters: client.Filters{ReviewApprover: "a@b"}}
	g.Planner = New(g.o, budget.New(noon()).NewShare(noon()))
	good, failed := 0, 0
	for range 40 {
		g.now = g.now.Add(30 * time.Second)
		g.StartRefresh()
		for {
			r, ok := g.Next(g.now)
			if !ok {
				break
			}
			p := g.answer(r)
			n := 57
			p.Sessions, p.Rows, p.Total = nil, 0, &n
			if g.HandleResult(g.now, r, Result{Page: p}) != nil {
				failed++
			}
		}
		if ok, _ := g.Succeeded(g.now); ok {
			good++
		}
	}
	t.Logf("%d of 40 refreshes succeeded, %d requests failed, unread %v, head %v", good, failed, g.Ledger().Unread(), g.Ledger().Head())
	if good > 0 {
		t.Error("hoop_up is 1 though no page was ever usable")
	}
}
