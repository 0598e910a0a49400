package planner

import (
	"fmt"
	"testing"
	"time"
)

// What late scans may take grows by their portion of the budget, up to a burst.
func TestLateScansHaveAPortionOfTheBudget(t *testing.T) {
	for _, tc := range []struct {
		name               string
		left, filled, want time.Duration // filled: how long ago
		allowed            bool
	}{
		{"a second more gives 15 ms", -15 * time.Millisecond, time.Second, 0, false},
		{"a little more than the debt", -15*time.Millisecond + 1, time.Second, 1, true},
		{"nothing", 0, 0, 0, false},
		{"no more than a burst", time.Second, time.Hour, lateScanBurst, true},
		{"the clock was set back", 0, -time.Hour, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGateway(t)
			h := g.head
			h.lateLeft, h.lateFilled, h.lateStarted = tc.left, g.now.Add(-tc.filled), g.now
			if got := h.lateScanAllowed(g.now); got != tc.allowed || h.lateLeft != tc.want {
				t.Errorf("allowed %v with %v, want %v with %v", got, h.lateLeft, tc.allowed, tc.want)
			}
		})
	}
}

func TestALateScanIsNotDelayedForMoreThanHalfTheAllowedLateness(t *testing.T) {
	for past, want := range map[time.Duration]bool{0: false, 1: true} {
		g := newGateway(t)
		h := g.head
		h.lateFilled, h.lateStarted = g.now, g.now.Add(-7*time.Minute-30*time.Second-past)
		if got := h.lateScanAllowed(g.now); got != want {
			t.Errorf("%v after half the allowed lateness: %v", past, got)
		}
	}
}

// A second with more rows than a page is read to its end; its page does not begin at the start of the walk.
func TestALateScanStopsOnlyBetweenSeconds(t *testing.T) {
	for _, dense := range []bool{false, true} {
		for _, late := range []bool{false, true} {
			g := newGateway(t)
			g.refresh(0)
			g.backfill()
			every, pages := time.Second, 1
			if dense {
				every, pages = time.Millisecond, 2
			}
			for i := range 150 {
				g.add(fmt.Sprint("s", i), 5*time.Minute-500*time.Millisecond+time.Duration(i)*every/2)
			}
			h := g.head
			g.nextAfter(30 * time.Second)
			h.walk.start(noon().Add(-10*time.Minute), noon().Add(-time.Minute))
			for range pages {
				r, _ := h.walk.request()
				if _, err := h.walk.advance(g.answer(r)); err != nil {
					t.Fatal(err)
				}
			}
			h.lateRequest, h.lateLeft, h.lateFilled, h.lateStarted = late, -time.Second, g.now, g.now
			if got := h.walk.inSecond(); got != dense {
				r, _ := h.walk.request()
				t.Errorf("in a second: %v, want %v: the next request is %v to %v", got, dense, r.List.Start, r.List.End)
			}
			if got := h.lateScanAllowed(g.now); got != (dense && late) {
				t.Errorf("dense %v, late %v: %v", dense, late, got)
			}
		}
	}
}

func TestTheDebtOfLateScansIsBounded(t *testing.T) {
	g := lateHead(t, time.Hour)
	r, _ := g.head.nextOfLateScan(g.now)
	if err := g.head.accept(r, g.answer(r), time.Minute, g.now); err != nil {
		t.Fatal(err)
	}
	if got := g.head.lateLeft; got != -lateScanBurst {
		t.Errorf("%v, want %v", got, -lateScanBurst)
	}
}

func TestOnlyLateScansAreChargedAsSuch(t *testing.T) {
	g := withGap(t)
	g.add("a", 4*time.Minute+30*time.Second)
	was := g.head.lateLeft
	g.cost = func(Request) time.Duration { return time.Second }
	g.StartRefresh()
	g.head.lateRequest = true
	g.step(g.Next)
	if g.head.lateLeft != was || g.head.lateRequest {
		t.Errorf("the head page is charged: %v left of %v", g.head.lateLeft, was)
	}
	g.head.lateRequest = true
	g.Ledger().MarkUnread(g.head.walk.span)
	if _, ok := g.head.nextOfGap(); !ok || g.head.lateRequest {
		t.Error("the gap is taken for a late scan")
	}
}
