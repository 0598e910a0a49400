package budget

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func noon() time.Time { return time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC) }

// Whatever is requested and whatever it costs, requests take no more than the allowed fraction of the time, a burst, and what the last
// request of each kind took beyond what was left.
func TestTheBudgetIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := noon()
		s := New(now).NewShare(now)
		rate := rapid.SampledFrom([]float64{0.01, 0.1, 0.5}).Draw(t, "rate")
		var took, dearest time.Duration
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30_000).Draw(t, "pause")) * time.Millisecond)
			s.Refill(now, rate)
			k := Kind(rapid.IntRange(0, int(kinds)-1).Draw(t, "kind"))
			if !s.Allows(k) {
				continue
			}
			cost := time.Duration(rapid.IntRange(0, 60_000).Draw(t, "cost")) * time.Millisecond
			s.Charge(k, cost)
			took += cost
			dearest = max(dearest, cost)
		}
		limit := burst + time.Duration(float64(now.Sub(noon()))*rate) + time.Duration(kinds)*dearest
		if took > limit {
			t.Fatalf("took %v of %v, want at most %v", took, now.Sub(noon()), limit)
		}
	})
}

func TestEachKindGetsItsPortion(t *testing.T) {
	for _, tc := range []struct {
		name   string
		wanted []Kind
		want   []float64 // of the whole budget, by kind
	}{
		{"all want all they can get", []Kind{Head, Pending, Recheck, Backfill}, []float64{0.4, 0.2, 0.2, 0.2}},
		{"what some leave goes to the others", []Kind{Recheck}, []float64{0, 0, 1, 0}},
		{"by their portions", []Kind{Head, Pending}, []float64{2. / 3, 1. / 3, 0, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := noon()
			s := New(now).NewShare(now)
			took := [kinds]time.Duration{}
			const hours = 10
			for now.Before(noon().Add(hours * time.Hour)) {
				now = now.Add(100 * time.Millisecond)
				s.Refill(now, 0.1)
				for _, k := range tc.wanted {
					if s.Allows(k) {
						s.Charge(k, 30*time.Millisecond)
						took[k] += 30 * time.Millisecond
					}
				}
			}
			for k, want := range tc.want {
				got := took[k].Seconds() / (hours * 360)
				if got < want-0.01 || got > want+0.01 {
					t.Errorf("%v got %.3f of the budget, want %.3f", Kind(k), got, want)
				}
			}
		})
	}
}

// A request that took very long keeps only its own kind waiting, and not forever.
func TestOneSlowAnswerKeepsOnlyItsKindWaiting(t *testing.T) {
	now := noon()
	s := New(now).NewShare(now)
	s.Charge(Pending, 12*time.Second)
	if s.Allows(Pending) || !s.Allows(Head) {
		t.Fatal("the others have to go on, this one to wait")
	}
	s.Refill(now.Add(101*time.Second), 0.1) // the others are full: all goes to the one in debt
	if !s.Allows(Pending) {
		t.Error("10 s of debt are not paid after 101 s at a tenth")
	}
}

// Many shares keep to one budget together.
func TestManySharesKeepOneBudgetTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := noon()
		b := New(now)
		const rate = 0.1
		shares := []*Share{b.NewShare(now)}
		var took, dearest time.Duration
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 10_000).Draw(t, "pause")) * time.Millisecond)
			switch rapid.IntRange(0, 20).Draw(t, "shares change") {
			case 0:
				shares = append(shares, b.NewShare(now))
			case 1: // a planner gets another name, or other filters
				i := rapid.IntRange(0, len(shares)-1).Draw(t, "which closes")
				shares[i].Close()
				shares[i] = b.NewShare(now)
			}
			s := shares[rapid.IntRange(0, len(shares)-1).Draw(t, "which")]
			s.Refill(now, rate)
			k := Kind(rapid.IntRange(0, int(kinds)-1).Draw(t, "kind"))
			if !s.Allows(k) {
				continue
			}
			cost := time.Duration(rapid.IntRange(0, 20_000).Draw(t, "cost")) * time.Millisecond
			s.Charge(k, cost)
			took += cost
			dearest = max(dearest, cost)
		}
		limit := 5*burst/2 + time.Duration(float64(now.Sub(noon()))*rate) + time.Duration(kinds+1)*dearest
		if took > limit {
			t.Fatalf("took %v of %v, want at most %v", took, now.Sub(noon()), limit)
		}
	})
}

func TestSharesGetEqualParts(t *testing.T) {
	for _, tc := range []struct {
		name   string
		wanted []time.Duration // what a request of each takes; 0: it makes none
		want   []float64       // of the whole budget
	}{
		{"two that want all", []time.Duration{30 * time.Millisecond, 30 * time.Millisecond}, []float64{0.5, 0.5}},
		{"an expensive one gets no more than a cheap one", []time.Duration{3 * time.Second, 30 * time.Millisecond}, []float64{0.5, 0.5}},
		{"what some leave goes to the others", []time.Duration{0, 30 * time.Millisecond, 30 * time.Millisecond, 0}, []float64{0, 0.5, 0.5, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := noon()
			b := New(now)
			var shares []*Share
			for range tc.wanted {
				shares = append(shares, b.NewShare(now))
			}
			took := make([]time.Duration, len(shares))
			const hours = 10
			for now.Before(noon().Add(hours * time.Hour)) {
				now = now.Add(100 * time.Millisecond)
				for i, s := range shares { // always in the same order: the first one must not win by that
					s.Refill(now, 0.1)
					for k := range kinds {
						if tc.wanted[i] > 0 && s.Allows(k) {
							s.Charge(k, tc.wanted[i])
							took[i] += tc.wanted[i]
						}
					}
				}
			}
			for i, want := range tc.want {
				got := took[i].Seconds() / (hours * 360)
				if got < want-0.02 || got > want+0.02 {
					t.Errorf("share %d got %.3f of the budget, want %.3f", i, got, want)
				}
			}
		})
	}
}

// A share that is closed does not take its debts along: the gateway has worked for them.
func TestDebtsOfAClosedShareStay(t *testing.T) {
	now := noon()
	b := New(now)
	one, two := b.NewShare(now), b.NewShare(now)
	one.Charge(Head, 60*time.Second)
	one.Close()
	two.Refill(now, 0.1)
	if two.Allows(Head) {
		t.Error("the head goes on at once")
	}
	two.Refill(now.Add(10*time.Minute+time.Second), 0.1)
	if !two.Allows(Head) {
		t.Error("the debt is not paid after ten minutes at a tenth")
	}
}

// A share that is closed and opened again, as for a gateway whose filters change, gets no new burst and keeps its debts, and a pause that
// the gateway wants goes on.
func TestClosingAndOpeningAShareGainsNothing(t *testing.T) {
	for _, others := range []int{0, 3} {
		now := noon()
		b := New(now)
		for range others {
			b.NewShare(now)
		}
		took := time.Duration(0)
		for range 100 {
			s := b.NewShare(now)
			for k := range kinds {
				if s.Allows(k) {
					s.Charge(k, time.Second)
					took += time.Second
				}
			}
			s.Close()
		}
		if took > burst+4*time.Second {
			t.Errorf("with %d others, requests took %v at once", others, took)
		}
	}
	b := New(noon())
	s := b.NewShare(noon())
	s.Pause(noon(), noon().Add(time.Hour))
	s.Close()
	if !b.NewShare(noon()).Paused(noon().Add(59 * time.Minute)) {
		t.Error("the pause that the gateway wants is forgotten")
	}
}

// If there is not enough for all shares, those that happen to come first do not take it from the others.
func TestTheShareThatWaitedLongestGoesFirst(t *testing.T) {
	now := noon()
	b := New(now)
	shares := make([]*Share, 100)
	served := make([]int, len(shares))
	for i := range shares {
		shares[i] = b.NewShare(now)
	}
	for range 480 {
		now = now.Add(30 * time.Second)
		for i, s := range shares { // always in the same order
			s.EndTurn()
			for k := range kinds {
				s.Refill(now, 0.1)
				if s.Allows(k) {
					s.Charge(k, 500*time.Millisecond)
					served[i]++
				}
			}
		}
	}
	if least, most := slices.Min(served), slices.Max(served); least < most/2 || least == 0 {
		t.Errorf("one was served %d times, and another one %d times: %v", least, most, served)
	}
	if len(b.queue) == 0 {
		t.Error("no share had to wait, so that this shows nothing")
	}
}

// A share that gets no answers pauses itself for as long as it has to, and the others for half a minute, unless they get none either.
func TestAPauseOfOneShareHoldsTheOthersBriefly(t *testing.T) {
	now := noon()
	later := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	b := New(now)
	one, two := b.NewShare(now), b.NewShare(now)
	one.Pause(now, later(600))
	if !two.Paused(later(29)) || two.Paused(later(30)) {
		t.Error("the other one has to wait for half a minute")
	}
	if !one.Paused(later(599)) || one.Paused(later(600)) {
		t.Error("it has to wait for ten minutes itself")
	}
	two.RecordFailure()
	one.Pause(now, later(700))
	if !two.Paused(later(699)) || two.Paused(later(700)) {
		t.Error("no share has answers, so all have to wait as long as the gateway said")
	}
	two.RecordSuccess()
	two.Pause(now, later(800))
	if !one.Paused(later(699)) || one.Paused(later(700)) {
		t.Error("there was an answer, so the other one does not have to wait any longer")
	}
}
