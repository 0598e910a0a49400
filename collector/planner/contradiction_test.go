package planner

import (
	"testing"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
)

// Every page of a kind says that there are 57, and has none. Those of the head do so if --reviews.approver is set.
func TestARefreshFailsWhereNoPendingPageCanBeUsed(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	g.neverSucceeds(func(r Request) bool { return r.Kind == budget.Pending || r.List.ReviewStatus != "" })
}

func TestARefreshFailsWhereNoHeadPageCanBeUsed(t *testing.T) {
	g := newGateway(t)
	g.o.Filters = client.ListOptions{Filters: client.Filters{ReviewApprover: "a@b"}}
	g.Planner = New(g.o, budget.New(noon()).NewShare(noon()))
	g.neverSucceeds(func(Request) bool { return true })
}

// neverSucceeds wants 40 refreshes to fail in which the pages of some requests contradict themselves.
func (g *gateway) neverSucceeds(contradicts func(Request) bool) {
	g.Helper()
	good, failed := 0, 0
	for range 40 {
		failed += g.refreshChanged(func(r Request, p *client.SessionPage) {
			if contradicts(r) {
				n := 57
				p.Sessions, p.Rows, p.Total = nil, 0, &n
			}
		})
		if ok, _ := g.Succeeded(g.now); ok {
			good++
		}
	}
	g.Logf("%d of 40 refreshes succeeded, %d requests failed", good, failed)
	if good > 0 {
		g.Error("hoop_up is 1 though no such page was ever usable")
	}
}
