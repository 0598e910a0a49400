package planner

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// nextRecheck starts a refresh d later, and returns its first recheck.
func (g *gateway) nextRecheck(d time.Duration) Request {
	g.Helper()
	g.now = g.now.Add(d)
	g.StartRefresh()
	g.step(g.Next)
	r, ok := g.recheck.next(g.GatewayTime(g.now))
	if !ok {
		g.Fatal("nothing to recheck")
	}
	return r
}

func (g *gateway) lost() uint64 { return g.Ledger().Finish(g.GatewayTime(g.now), g.now).Gauges.Lost }

func TestARefreshLoadsItsRechecksOnce(t *testing.T) {
	g := newGateway(t)
	g.add("a", time.Hour)
	g.refresh(0)
	g.backfill()
	g.refresh(2 * time.Minute) // early enough to be taken along, but not due
	if r, ok := g.recheck.next(g.now.Add(10 * time.Minute)); ok {
		t.Errorf("it requests %+v, which was not due when the refresh came to its rechecks", r)
	}
}

func TestARefreshStartsWithoutAWalk(t *testing.T) {
	g := newGateway(t)
	g.add("a", time.Hour)
	g.refresh(0)
	g.backfill()
	g.nextRecheck(10 * time.Minute)
	if g.StartRefresh(); g.recheck.walk.cursor != nil {
		t.Error("the walk of the last refresh goes on")
	}
}

func TestAPageTakesAlongWhatIsAnHourOlder(t *testing.T) {
	g := newGateway(t)
	start := time.Hour - 500*time.Millisecond
	g.add("newest", start)
	g.add("an hour older", start+recheckSpan)
	g.add("in the same second", start+recheckSpan+200*time.Millisecond)
	g.refresh(0)
	g.backfill()
	g.wantRequests("one page holds them all", g.refresh(30*time.Minute), "head", "pending", "recheck")
}

func TestThePageOfASessionBeginsAndEndsWithItsSecond(t *testing.T) {
	g := newGateway(t)
	g.add("a", time.Hour+time.Second-300*time.Millisecond)
	g.refresh(0)
	g.backfill()
	r := g.nextRecheck(10 * time.Minute)
	if from := noon().Add(-time.Hour - time.Second); !r.List.Start.Equal(from) || !r.List.End.Equal(from.Add(time.Second)) {
		t.Errorf("%v to %v, want the second from %v on", r.List.Start, r.List.End, from)
	}
}

// More sessions than a page holds started in the second of the one that is due, which is the last of them.
func TestADenseSecondIsReadDownToTheSession(t *testing.T) {
	for name, equal := range map[string]bool{"older ones": false, "one of the same start": true} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			for i := range 99 {
				s := g.row(fmt.Sprint("done", i), time.Hour-time.Duration(200-i)*time.Millisecond)
				s.Status, s.EndDate = "done", s.StartDate
				g.addRow(s)
			}
			g.add("a", time.Hour-50*time.Millisecond)
			if equal {
				g.add("b", time.Hour-50*time.Millisecond)
			} else {
				g.add("b", time.Hour-20*time.Millisecond)
			}
			g.refresh(0)
			g.backfill()
			g.hide("b")
			g.nextRecheck(10 * time.Minute)
			for range 20 {
				r, ok := g.recheck.next(g.now)
				if !ok {
					break
				}
				if err := g.recheck.accept(r, g.answer(r), time.Millisecond, g.now); err != nil {
					t.Fatal(err)
				}
			}
			if g.lost() != 0 || g.Ledger().RecheckDue("b", g.now) {
				t.Error("the session was not looked for")
			}
		})
	}
}

func TestSessionsAreRequestedByIDWherePagesAreExpensive(t *testing.T) {
	ms := float64(time.Millisecond)
	for _, tc := range []struct {
		name     string
		page, id cost
		until    time.Duration
		want     bool
	}{
		{"nothing is known of pages", cost{}, cost{}, 0, false},
		{"a cheap page", cost{50*ms - 1, true}, cost{}, 0, false},
		{"worth a trial", cost{50 * ms, true}, cost{}, 0, true},
		{"ten times as expensive", cost{100 * ms, true}, cost{10 * ms, true}, 0, false},
		{"more than ten times", cost{100*ms + 1, true}, cost{10 * ms, true}, 0, true},
		{"within the pause", cost{50 * ms, true}, cost{}, 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGateway(t)
			g.pageCost, g.recheck.idCost, g.recheck.noIDsUntil = tc.page, tc.id, g.now.Add(tc.until)
			if got := g.recheck.byID(g.now); got != tc.want {
				t.Errorf("by ID: %v, want %v", got, tc.want)
			}
		})
	}
}

func TestAfterAFailureNothingIsRequestedByIDForAnHour(t *testing.T) {
	g := newGateway(t)
	g.recheck.idCost = cost{1, true}
	g.recheck.failed(Request{ID: "a"}, g.now)
	if got := g.recheck.noIDsUntil.Sub(g.now); got != time.Hour || g.recheck.idCost.known {
		t.Errorf("for %v; what one takes is known: %v", got, g.recheck.idCost.known)
	}
}

func TestASessionIsLostOnlyIfItIsMissedTwiceInARow(t *testing.T) {
	for _, byID := range []bool{true, false} {
		g := newGateway(t)
		if byID {
			g.cost = func(r Request) time.Duration {
				if r.ID != "" {
					return 8 * time.Millisecond
				}
				return 350 * time.Millisecond
			}
		}
		g.add("a", time.Hour)
		g.refresh(0)
		g.backfill()
		g.refresh(20 * time.Minute)
		g.hide("a")
		if g.refresh(20 * time.Minute); g.lost() != 0 {
			t.Errorf("by ID %v: lost after %v", byID, g.requests)
		}
		if g.refresh(20 * time.Minute); g.lost() != 1 {
			t.Errorf("by ID %v: not lost after %v", byID, g.requests)
		}
	}
}

func TestARowThatCannotBeReadIsNotMissed(t *testing.T) {
	g := newGateway(t)
	g.add("a", time.Hour)
	g.refresh(0)
	g.backfill()
	r := g.nextRecheck(10 * time.Minute)
	p := g.answer(r)
	p.Sessions, p.Malformed = nil, []client.MalformedSession{{ID: "a", StartDate: client.Time{Time: noon().Add(-time.Hour)}, Err: errors.New("bad")}}
	if err := g.recheck.accept(r, p, time.Second, g.now); err != nil {
		t.Fatal(err)
	}
	g.hide("a")
	if g.refresh(20 * time.Minute); g.lost() != 0 {
		t.Error("lost after it was missed once")
	}
}

func TestARecheckShowsWhatAPageTakes(t *testing.T) {
	g := newGateway(t)
	g.add("a", time.Hour)
	g.refresh(0)
	g.backfill()
	r := g.nextRecheck(10 * time.Minute)
	g.pageCost = cost{took: float64(time.Second), known: true}
	if err := g.recheck.accept(r, g.answer(r), 2*time.Second, g.now); err != nil {
		t.Fatal(err)
	}
	if got := g.pageCost.mean(); got != 1200*time.Millisecond {
		t.Errorf("%v, want 1.2 s", got)
	}
}

// The gateway answers with another session.
func TestASessionIsRequestedByIDOnceInARefresh(t *testing.T) {
	g := newGateway(t)
	g.add("a", time.Hour)
	g.refresh(0)
	g.backfill()
	g.pageCost = cost{took: float64(time.Second), known: true}
	r := g.nextRecheck(10 * time.Minute)
	if r.ID != "a" {
		t.Fatalf("requests %+v", r)
	}
	p := &client.SessionPage{Sessions: []client.Session{g.row("other", 2*time.Hour)}, Rows: 1}
	if err := g.recheck.accept(r, p, time.Millisecond, g.now); err != nil {
		t.Fatal(err)
	}
	if r, ok := g.recheck.next(g.now); ok {
		t.Errorf("requests %+v", r)
	}
}

func TestAPageThatFailsIsAvoidedForTwiceAsLongUpToAnHour(t *testing.T) {
	g := newGateway(t)
	g.add("a", time.Hour)
	g.refresh(0)
	g.backfill()
	r := g.nextRecheck(10 * time.Minute)
	for _, minutes := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
		g.recheck.walk.start(noon(), noon())
		g.recheck.failed(r, g.now)
		want := time.Duration(minutes) * time.Minute
		if got := g.recheck.avoided["a"]; got.pause != want || !got.until.Equal(g.now.Add(want)) || g.recheck.walk.cursor != nil {
			t.Errorf("%+v, want %v; the walk goes on: %v", got, want, g.recheck.walk.cursor != nil)
		}
	}
	if g.recheck.isDue(0, g.now.Add(time.Hour-1)) || !g.recheck.isDue(0, g.now.Add(time.Hour)) {
		t.Error("it has to be due again after exactly an hour")
	}
}

func TestAvoidedSessionsAreForgottenAnHourAfterTheirTime(t *testing.T) {
	g := newGateway(t)
	g.add("a", time.Hour)
	g.refresh(0)
	g.backfill()
	r := g.nextRecheck(10 * time.Minute)
	g.recheck.avoided["kept"] = avoided{until: g.now.Add(-longAvoid)}
	g.recheck.avoided["forgotten"] = avoided{until: g.now.Add(-longAvoid - 1)}
	g.recheck.failed(r, g.now)
	_, kept := g.recheck.avoided["kept"]
	_, forgotten := g.recheck.avoided["forgotten"]
	if !kept || forgotten {
		t.Errorf("%v", g.recheck.avoided)
	}
}
