package planner

import (
	"errors"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

func TestWindowsOfTheBackfillBeginAtAWholeSecond(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	g.Ledger().MarkUnread(ledger.Span{From: noon().Add(-20 * time.Hour), To: noon().Add(-time.Hour + 300*time.Millisecond)})
	g.now = g.now.Add(time.Minute)
	r, _ := g.Background(g.now)
	if err := g.HandleResult(g.now, r, Result{Page: g.answer(r)}); err != nil {
		t.Fatal(err)
	}
	first := r.List.Start
	if r, _ = g.Background(g.now); !first.Equal(noon().Add(-13*time.Hour)) || !r.List.End.Equal(first) {
		t.Errorf("the first window begins at %v, and the second one ends at %v, want 13 hours before noon", first, r.List.End)
	}
}

func TestTheBackfillEndsAtTheWatermark(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	from := noon().Add(-time.Hour)
	g.Ledger().MarkUnread(ledger.Span{From: from, To: noon().Add(-time.Minute)})
	if s, ok := g.Planner.backfill.newest(g.now); !ok || s != (ledger.Span{From: from, To: g.Ledger().Watermark()}) {
		t.Errorf("%v, %v: want from %v to the watermark, %v", s, ok, from, g.Ledger().Watermark())
	}
}

func TestAWindowThatCannotBeReadIsAvoidedForExactlyFiveMinutes(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.fail = func(r Request) error {
		if r.Kind == budget.Backfill {
			return errors.New("500")
		}
		return nil
	}
	g.step(g.Background)
	b := g.Planner.backfill
	if b.walk.running() {
		t.Error("the walk of the window goes on")
	}
	top := g.Ledger().Watermark()
	for _, tc := range []struct {
		after time.Duration
		want  time.Time
	}{{avoidFor - 1, top.Add(-backfillSpan)}, {avoidFor, top}} {
		if s, ok := b.newest(g.now.Add(tc.after)); !ok || !s.To.Equal(tc.want) {
			t.Errorf("after %v the newest is %v, want the end %v", tc.after, s, tc.want)
		}
	}
}

func TestWhatTouchesAnAvoidedWindowIsRead(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	above := ledger.Span{From: noon().Add(-3 * time.Hour), To: noon().Add(-2 * time.Hour)}
	g.Ledger().MarkUnread(above)
	b := g.Planner.backfill
	b.avoid, b.avoidUntil = ledger.Span{From: noon().Add(-4 * time.Hour), To: above.From}, g.now.Add(time.Minute)
	if s, ok := b.newest(g.now); !ok || s != above {
		t.Errorf("%v, %v: want %v", s, ok, above)
	}
}
