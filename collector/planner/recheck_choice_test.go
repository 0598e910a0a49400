package planner

import (
	"fmt"
	"testing"
	"time"
)

// choosing returns a gateway whose planner has unfinished sessions, a second apart, that are due: "s0", the newest, started a minute ago.
func choosing(t *testing.T, sessions int) (*gateway, *recheck) {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	g.now = g.now.Add(5 * time.Minute)
	for i := range sessions {
		g.add(fmt.Sprintf("s%d", i), time.Minute+time.Duration(i)*time.Second)
	}
	g.refresh(0)
	g.now = g.now.Add(10 * time.Minute)
	c := g.recheck
	c.startRefresh()
	g.head.at = g.now
	c.load(g.now)
	c.pageSpan = 10 * time.Second
	g.pageCost, c.idCost = cost{10, true}, cost{3, true}
	return g, c
}

func TestAPageIsWorthMoreThanItTakes(t *testing.T) {
	for _, tc := range []struct {
		name     string
		sessions int
		target   int // place in todo
		change   func(*gateway, *recheck)
		first    int
		worth    bool
	}{
		{"four sessions by ID take more", 4, 3, nil, 0, true},
		{"three take less", 3, 2, nil, 0, false},
		{"as much as the page", 2, 1, func(_ *gateway, c *recheck) { c.idCost.took = 5 }, 0, false},
		{"what is half a page newer is not on it", 8, 5, nil, 1, true},
		{"what is a page older is not on it", 11, 0, func(g *gateway, _ *recheck) { g.pageCost.took = 30 }, 0, false},
		{"all others are", 11, 0, func(g *gateway, _ *recheck) { g.pageCost.took = 30 - 1 }, 0, true},
		{"those that are not due save nothing", 4, 0, func(_ *gateway, c *recheck) { c.passed[2] = true }, 0, false},
		{"nor does the page begin with one", 6, 5, func(_ *gateway, c *recheck) { c.passed[1] = true }, 2, true},
		{"what takes one by ID is not known", 4, 3, func(_ *gateway, c *recheck) { c.idCost.known = false }, 0, false},
		{"at the watermark", 4, 3, func(g *gateway, c *recheck) { c.todo[3].Start = g.Ledger().Watermark() }, 3, false},
		{"before the watermark", 4, 3, func(g *gateway, c *recheck) { c.todo[3].Start = g.Ledger().Watermark().Add(-1) }, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, c := choosing(t, tc.sessions)
			if len(c.todo) != tc.sessions {
				t.Fatalf("%d sessions may be rechecked, want %d", len(c.todo), tc.sessions)
			}
			c.current = tc.target
			if tc.change != nil {
				tc.change(g, c)
			}
			if first, worth := c.worthPage(g.now); first != tc.first || worth != tc.worth {
				t.Errorf("from place %d, worth it: %v; want %d, %v", first, worth, tc.first, tc.worth)
			}
		})
	}
}

func TestAPageIsNotWorthItWhereItDoesNotReachTheSession(t *testing.T) {
	for done, want := range map[int]bool{95: true, 96: false} {
		g, c := choosing(t, 4)
		for i := range done {
			s := g.row(fmt.Sprint("done", i), 0)
			s.StartDate.Time = c.todo[3].Start.Add(time.Millisecond)
			s.Status, s.EndDate = "done", s.StartDate
			g.addRow(s)
		}
		g.Ledger().Apply(g.now, g.rows[:done+4])
		c.current = 3
		if got := g.Ledger().CountSeen(c.todo[3].Start, c.todo[0].Start); got != done+4 {
			t.Fatalf("%d rows are known, want %d", got, done+4)
		}
		c.passed = make([]bool, 4)
		later := g.now.Add(10 * time.Minute)
		if _, worth := c.worthPage(later); worth != want {
			t.Errorf("with %d rows: %v", done+4, worth)
		}
	}
}

// One of sixteen requests is for the newest session that is due.
func TestEverySixteenthRequestIsForTheNewestSession(t *testing.T) {
	for _, byID := range []bool{false, true} {
		g, c := choosing(t, 3)
		g.pageCost = cost{}
		if byID {
			g.pageCost, c.idCost = cost{float64(time.Second), true}, cost{}
		}
		c.overdue = []int{2, 1, 0}
		for i := range 32 {
			c.low, c.requests, c.inRound = 1, i, true
			if _, ok := c.next(g.now); !ok {
				t.Fatal("no request")
			}
			c.walk.stop()
			newest := i == 15 || i == 31
			if got := c.current == 0; got != newest || c.inRound != (!newest && !byID) {
				t.Errorf("by ID %v, request %d is for place %d, in the round: %v", byID, i+1, c.current, c.inRound)
			}
		}
	}
}

func TestARoundGoesOnWhereTheLastRefreshStopped(t *testing.T) {
	g, c := choosing(t, 5)
	third := c.todo[2].Start
	for _, tc := range []struct {
		round time.Time
		low   int
	}{{third, 2}, {third.Add(-1), 3}, {third.Add(1), 2}, {time.Time{}, 0}} {
		c.startRefresh()
		c.round = tc.round
		if c.load(g.now); c.low != tc.low {
			t.Errorf("a round that has come down to %v goes on at %d, want %d", tc.round, c.low, tc.low)
		}
	}
	// A page for the newest session is no part of the round.
	c.round, c.current, c.inRound = third, 0, false
	r, _ := c.startWalk(0)
	if err := c.accept(r, g.answer(r), time.Second, g.now); err != nil || !c.round.Equal(third) {
		t.Errorf("the round has come down to %v, %v", c.round, err)
	}
}

func TestTheRoundEndsWhereNothingIsDue(t *testing.T) {
	g, c := choosing(t, 2)
	c.round, c.passed = g.now, []bool{true, true}
	if _, ok := c.next(g.now); ok || !c.round.IsZero() {
		t.Errorf("a request: %v; the round is at %v", ok, c.round)
	}
}

func TestTheSpanOfAPageComesFromTheRowsThatAreKnown(t *testing.T) {
	for _, tc := range []struct{ sessions, divisor int }{{1, 1}, {4, 4}} {
		g, c := choosing(t, tc.sessions)
		c.startRefresh()
		c.load(g.now)
		want := 100 * g.now.Sub(g.Ledger().Watermark()) / time.Duration(tc.divisor)
		if c.pageSpan != want {
			t.Errorf("%d known: %v, want %v", tc.sessions, c.pageSpan, want)
		}
	}
}

func TestWhatWasSeenWithTheHeadPageIsNotRequestedAgain(t *testing.T) {
	g, c := choosing(t, 1)
	seen := c.todo[0].LastSeen
	for after, want := range map[time.Duration]int{0: 0, 1: 1} {
		g.head.at = seen.Add(after)
		c.startRefresh()
		if c.load(g.now); len(c.todo) != want {
			t.Errorf("the head page was requested %v later: %d sessions, want %d", after, len(c.todo), want)
		}
	}
}

// What the page holds has passed, and is not requested again in this refresh although it is due.
func TestWhatIsOnAPageHasPassed(t *testing.T) {
	g, c := choosing(t, 3)
	c.current = 1
	r, _ := c.startWalk(1)
	if err := c.accept(r, g.answer(r), time.Second, g.now); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.passed); got != "[false true true]" {
		t.Errorf("%s, want all but the newest", got)
	}
}
