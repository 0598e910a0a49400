package planner

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

func TestCeilRoundsUpToAWholeSecond(t *testing.T) {
	for _, tc := range []struct{ add, want time.Duration }{{0, 0}, {1, time.Second}, {time.Second - 1, time.Second}, {time.Second, time.Second}} {
		if got := client.CeilSecond(noon().Add(tc.add)); !got.Equal(noon().Add(tc.want)) {
			t.Errorf("noon and %v gives %v, want noon and %v", tc.add, got, tc.want)
		}
	}
}

func TestAFifthOfTheCostIsNew(t *testing.T) {
	var c cost
	c.add(100)
	c.add(200)
	if c.mean() != 120 {
		t.Errorf("100 and then 200 give %d, want 120", c.mean())
	}
}

func TestManyFailuresInARowWaitNoLongerThanAMinute(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var b backoff
	for range 100 {
		b.failed(noon(), rng)
	}
	if wait := b.until.Sub(noon()); wait < longWait*8/10 || wait > longWait*12/10 {
		t.Errorf("waits %v, want about %v", wait, longWait)
	}
}

func TestAWalkReadsTheEndOfItsWindow(t *testing.T) {
	w := newWalk(client.ListOptions{}, client.CountNone)
	w.start(noon(), noon().Add(time.Minute))
	want := ledger.Span{From: noon(), To: noon().Add(time.Minute + ledger.Tick)}
	if w.span != want || !w.edge().Equal(want.To) {
		t.Errorf("it reads %v from %v down, want %v", w.span, w.edge(), want)
	}
}

func TestAWalkGoesOnOnlyWhereItStopped(t *testing.T) {
	w := newWalk(client.ListOptions{}, client.CountNone)
	s := ledger.Span{From: noon(), To: noon().Add(time.Minute)}
	if w.resume(s) {
		t.Error("a walk that was not started went on")
	}
	if !w.resume(s) {
		t.Error("the walk starts anew although it is there")
	}
	s.To = s.To.Add(-time.Second)
	if w.resume(s) {
		t.Error("the walk went on from another place")
	}
}

func TestAScanGoesOnWithAWalkThatHasComeAsFar(t *testing.T) {
	for _, tc := range []struct {
		name string
		down time.Duration // the scan's, from noon; the walk is at noon and a minute
		want bool
	}{
		{"exactly", time.Minute, true},
		{"farther", time.Minute + time.Second, true},
		{"within the same second", time.Minute - ledger.Tick, true},
		{"not so far", time.Minute - time.Second, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWalk(client.ListOptions{}, client.CountNone)
			w.start(noon(), noon().Add(time.Minute))
			s := scan{active: true, down: noon().Add(tc.down)}
			if got := s.resume(&w, noon()); got != tc.want {
				t.Errorf("went on: %v, want %v", got, tc.want)
			}
		})
	}
}

func TestAScanNotesOnlyWhatContinuesIt(t *testing.T) {
	for _, tc := range []struct {
		name   string
		active bool
		down   time.Duration // from the end of the walk's span
		noted  bool
	}{
		{"it overlaps", true, -time.Second, true},
		{"it touches", true, 0, true},
		{"between them is a gap", true, 1, false},
		{"no scan", false, -time.Second, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWalk(client.ListOptions{}, client.CountNone)
			w.start(noon(), noon().Add(time.Minute))
			if _, err := w.advance(&client.SessionPage{}); err != nil { // no rows: all is read
				t.Fatal(err)
			}
			s := scan{active: tc.active, down: w.span.To.Add(tc.down)}
			was := s.down
			s.advance(&w)
			if want := noon().Add(-ledger.Tick); tc.noted && !s.down.Equal(want) || !tc.noted && !s.down.Equal(was) {
				t.Errorf("it has read down to %v", s.down)
			}
		})
	}
}
