package planner

import (
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// restart goes on with a new planner and the restored ledger.
func (g *gateway) restart() {
	image, err := g.Ledger().Image()
	if err != nil {
		g.Fatal(err)
	}
	o := g.o
	if o.Restored, err = ledger.Restore(o.Ledger, image); err != nil {
		g.Fatal(err)
	}
	g.Planner = New(o, g.share)
}

// A session starts a little before the exporter goes away, and can be seen only after that. The first request afterwards is made when the
// gateway's time is not known yet.
func TestASessionThatShowsUpDuringAPauseIsCounted(t *testing.T) {
	for _, pause := range []time.Duration{time.Minute, 10 * time.Minute, 14 * time.Minute, 14*time.Minute + 50*time.Second, 16 * time.Minute, 2 * time.Hour} {
		for _, ahead := range []time.Duration{-25 * time.Second, 0, 25 * time.Second} {
			for _, totals := range []bool{true, false} {
				t.Run(fmt.Sprintf("pause %v/clock %v/totals %v", pause, ahead, totals), func(t *testing.T) {
					g := newGateway(t)
					g.totals = totals
					g.refresh(0)
					g.backfill()
					for range 60 {
						g.refresh(30 * time.Second)
					}
					g.restart()
					g.add("late", 2*time.Minute)
					g.now = g.now.Add(pause)
					g.StartRefresh()
					r, _ := g.Next(g.now.Add(ahead))
					if err := g.HandleResult(g.now.Add(ahead), r, Result{Page: g.answer(r)}); err != nil {
						t.Fatal(err)
					}
					for range 30 {
						g.refresh(30 * time.Second)
						g.backfill()
					}
					if n := g.started(); n != 1 {
						t.Errorf("%d sessions are counted as started, want 1", n)
					}
				})
			}
		}
	}
}

// A gap is read by itself, so that the first window need not reach below it.
func TestWhereTheFirstWindowAfterARestartBegins(t *testing.T) {
	for _, tt := range []struct {
		pause     time.Duration
		watermark bool // the window begins there, else an allowed lateness ago
	}{{time.Minute, true}, {15 * time.Minute, true}, {15*time.Minute + time.Second, false}} {
		g := newGateway(t)
		g.refresh(0)
		g.backfill()
		watermark := g.Ledger().Watermark()
		g.restart()
		want := watermark
		if !tt.watermark {
			want = watermark.Add(tt.pause)
		}
		if r, _ := g.nextAfter(tt.pause); !r.List.Start.Equal(want) {
			t.Errorf("after %v it begins at %v, want %v", tt.pause, r.List.Start, want)
		}
	}
}

// Walks failed for so long that the watermark is far behind when the exporter is stopped, but not for so long that there is a gap.
func TestWhatComesLateBelowTheFirstWindowAfterARestartIsCounted(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.backfill()
	for range 4 {
		g.now = g.now.Add(10 * time.Minute)
		g.Ledger().AdvanceHead(g.now)
	}
	g.Ledger().MarkRead(ledger.Span{From: noon(), To: g.now.Add(ledger.Tick)})
	g.restart()
	g.add("late", 30*time.Minute)
	for range 3 {
		g.refresh(30 * time.Second)
	}
	if n := g.started(); n != 1 {
		t.Errorf("%d sessions are counted as started, want 1", n)
	}
}
