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

func TestTheFirstHeadPageBeginsAtAWholeSecond(t *testing.T) {
	g := newGateway(t)
	r, _ := g.nextAfter(time.Second + 300*time.Millisecond)
	if want := noon().Add(time.Second - 15*time.Minute); !r.List.Start.Equal(want) {
		t.Errorf("it begins at %v, want %v", r.List.Start, want)
	}
}

// withGap returns a gateway whose planner has a gap between the watermark and the head.
func withGap(t *testing.T) *gateway {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	g.Ledger().MarkUnread(ledger.Span{From: noon().Add(-5 * time.Minute), To: noon().Add(-4 * time.Minute)})
	return g
}

func TestAGapIsReadBetweenRefreshesWhereMoreThanTwoPagesAreLeft(t *testing.T) {
	for left, want := range map[time.Duration]bool{2 * time.Second: false, 2*time.Second + 1: true} {
		g := withGap(t)
		g.head.p.pageCost = cost{took: float64(time.Second), known: true}
		g.share.Charge(budget.Head, g.share.Left(budget.Head)-left)
		if _, ok := (headGap{g.head}).next(g.now); ok != want {
			t.Errorf("with %v left: %v, want %v", left, ok, want)
		}
	}
}

// The head page is no answer to its request, so that the gap is read by a walk of its own. Only the next head page shows whether rows came
// late.
func TestAGapThatWasReadWithoutAHeadPageDoesNotMoveTheWatermark(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	before := g.Ledger().Watermark()
	r, _ := g.nextAfter(30 * time.Second)
	p := g.answer(r)
	p.Sessions, p.Rows, p.Total = []client.Session{g.row("ancient", 1000*time.Hour)}, 1, nil
	if err := g.HandleResult(g.now, r, Result{Page: p}); err == nil {
		t.Fatal("no error")
	}
	for r, ok := g.Next(g.now); ok; r, ok = g.Next(g.now) {
		p := g.answer(r)
		if r.Kind == budget.Head {
			// The total differs from what is known.
			p.Malformed = []client.MalformedSession{{Digest: "x", StartDate: client.Time{Time: noon()}, Err: errors.New("bad")}}
			p.Rows++
			*p.Total++
		}
		if err := g.HandleResult(g.now, r, Result{Page: p}); err != nil {
			t.Fatal(err)
		}
	}
	if got := g.Ledger().Watermark(); !got.Equal(before) || !g.Idle() {
		t.Errorf("the watermark is %v, want %v; all is read: %v", got, before, g.Idle())
	}
	if g.head.fromHeadPage || g.head.late.totalUnreliable {
		t.Errorf("%+v", g.head)
	}
	g.refresh(30 * time.Second)
	if got := g.Ledger().Watermark(); !got.After(before) {
		t.Error("the next head page does not move it")
	}
}

// lateHead returns a gateway whose planner has read the head page of a refresh, and may start a late scan after another one that started
// before it.
func lateHead(t *testing.T, before time.Duration) *gateway {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	g.now = g.now.Add(10 * time.Minute)
	for i := range 150 {
		g.add(fmt.Sprint("s", i), time.Duration(i)*time.Second)
	}
	g.StartRefresh()
	g.step(g.Next)
	g.Ledger().MarkRead(ledger.Span{From: noon().Add(-time.Hour), To: g.now})
	g.head.lateStarted, g.head.lateLeft = g.now.Add(-before), time.Second
	return g
}

func TestALateScanStartsExactlyAfterItsPause(t *testing.T) {
	for _, tc := range []struct {
		unreliable bool
		pause      time.Duration
	}{{false, lateScanEvery}, {true, 7*time.Minute + 30*time.Second}} {
		for _, early := range []time.Duration{0, 1} {
			g := lateHead(t, tc.pause-early)
			g.head.late.totalUnreliable = tc.unreliable
			if _, ok := g.head.nextOfLateScan(g.now); ok == (early > 0) {
				t.Errorf("total unreliable: %v, %v too early: %v", tc.unreliable, early, ok)
			}
		}
	}
}

func TestARefreshThatHasDecidedAgainstALateScanStartsNone(t *testing.T) {
	g := lateHead(t, 14*time.Second)
	rest := headRest{g.head}
	if _, ok := rest.next(g.now); ok {
		t.Fatal("it starts too early")
	}
	if _, ok := rest.next(g.now.Add(time.Minute)); ok {
		t.Error("the same refresh starts one a minute later")
	}
}

func TestAnInterruptedLateScanGoesOnWhereItWas(t *testing.T) {
	g := lateHead(t, time.Hour)
	down := g.now.Add(-5*time.Minute - 500*time.Millisecond)
	since := g.now.Add(-time.Minute)
	g.head.late = scan{active: true, since: since, down: down}
	r, ok := g.head.nextOfLateScan(g.now)
	if want := client.CeilSecond(down); !ok || !r.List.End.Equal(want) || !r.List.Start.Equal(g.Ledger().Watermark()) {
		t.Fatalf("it requests %v to %v, want %v to %v", r.List.Start, r.List.End, g.Ledger().Watermark(), want)
	}
	if g.head.fromHeadPage {
		t.Error("the walk is taken for the head page's")
	}
	// It reads all that is left: what is known then is what was visible when the scan started.
	if err := g.head.accept(r, g.answer(r), 0, g.now); err != nil {
		t.Fatal(err)
	}
	if got, want := g.Ledger().Watermark(), since.Add(-15*time.Minute); !got.Equal(want) {
		t.Errorf("the watermark is %v, want %v", got, want)
	}
}

func TestALateScanNotesHowFarItHasCome(t *testing.T) {
	g := lateHead(t, time.Hour)
	for i := range 250 { // rows that came late
		g.add(fmt.Sprint("late", i), 3*time.Minute+time.Duration(i)*time.Second)
	}
	r, ok := g.head.nextOfLateScan(g.now)
	if !ok {
		t.Fatal("no late scan")
	}
	if err := g.head.accept(r, g.answer(r), 0, g.now); err != nil {
		t.Fatal(err)
	}
	if got := g.head.late.down; !got.Equal(g.head.walk.readDownTo()) || !g.head.late.active {
		t.Errorf("it has read down to %v, and the walk to %v", got, g.head.walk.readDownTo())
	}
	if g.head.late.totalUnreliable {
		t.Error("a total that differs in the middle of a walk is taken for a wrong one")
	}
}

// One row cannot be read and has no ID, so that the gateway counts one more than are known.
func TestATotalThatStaysWrongIsUnreliable(t *testing.T) {
	for _, tc := range []struct {
		id         string
		unreliable bool
	}{{"", true}, {"bad", false}} {
		g := newGateway(t)
		r, _ := g.nextAfter(0)
		p := g.answer(r)
		p.Malformed = []client.MalformedSession{{ID: tc.id, Digest: "x", StartDate: client.Time{Time: g.now.Add(-time.Minute)}, Err: errors.New("bad")}}
		p.Rows++
		*p.Total++
		if err := g.HandleResult(g.now, r, Result{Page: p}); err != nil {
			t.Fatal(err)
		}
		if got := g.head.late.totalUnreliable; got != tc.unreliable {
			t.Errorf("ID %q: %v, want %v", tc.id, got, tc.unreliable)
		}
	}
}

// A second has more sessions than the gateway gives out of it.
func TestSecondsThatCannotBeReadAreSkipped(t *testing.T) {
	for name, from := range map[string]time.Duration{"head": time.Minute, "backfill": 2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			for i := range 250 {
				g.add(fmt.Sprint("s", i), from+time.Duration(i)*time.Millisecond)
			}
			next, skipped := g.Next, false
			for range 50 {
				r, ok := next(g.now)
				if !ok {
					next = g.Background
					if r, ok = next(g.now); !ok {
						break
					}
				}
				p := g.answer(r)
				if p.Total != nil && r.List.End.Sub(r.List.Start) == time.Second {
					*p.Total += 7
				}
				_ = g.HandleResult(g.now, r, Result{Page: p})
				skipped = skipped || len(g.Skipped()) > 0
			}
			if !skipped {
				t.Error("none is reported")
			}
		})
	}
}
