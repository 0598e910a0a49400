package budget

import (
	"slices"
	"testing"
	"time"
)

func TestAKindNeedsABalance(t *testing.T) {
	for balance, want := range map[time.Duration]bool{-1: false, 0: false, 1: true} {
		s := New(noon()).NewShare(noon())
		s.Charge(Head, s.Left(Head)-balance)
		if got := s.Allows(Head); got != want {
			t.Errorf("with a balance of %v: %v", balance, got)
		}
	}
}

func TestDebtsOfTheOthersHoldAShareBack(t *testing.T) {
	for _, tc := range []struct {
		name    string
		hasTurn bool
		debts   time.Duration
		want    bool
	}{
		{"a turn starts up to a burst", false, burst, true},
		{"no turn starts beyond a burst", false, burst + 1, false},
		{"a turn continues up to one and a half bursts", true, 15 * time.Second, true},
		{"no turn continues beyond that", true, 15*time.Second + 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := New(noon())
			debtor, s := b.NewShare(noon()), b.NewShare(noon())
			b.NewShare(noon()) // it has no debts, which counts as nothing
			if tc.hasTurn && !s.Allows(Head) {
				t.Fatal("it got no turn")
			}
			inDebt(debtor, tc.debts)
			if got := s.Allows(Head); got != tc.want {
				t.Errorf("%v with debts of %v", got, tc.debts)
			}
		})
	}
}

func TestDebtsOfItsOwnHoldOnlyTheirKindBack(t *testing.T) {
	s := New(noon()).NewShare(noon())
	s.Charge(Pending, time.Hour)
	if !s.Allows(Head) || s.Allows(Pending) {
		t.Errorf("the head: %v, the kind in debt: %v", s.Allows(Head), s.Allows(Pending))
	}
}

func TestDebtsOfAShareWithoutAnswersHoldNobodyBack(t *testing.T) {
	b := New(noon())
	debtor, s := b.NewShare(noon()), b.NewShare(noon())
	inDebt(debtor, time.Hour)
	for _, step := range []struct {
		name string
		do   func()
		want bool
	}{
		{"its requests are answered", func() {}, false},
		{"its request failed", debtor.RecordFailure, true},
		{"those of both failed", s.RecordFailure, false},
		{"the other one was answered", s.RecordSuccess, true},
		{"it was answered as well", debtor.RecordSuccess, false},
		{"it pauses", func() { debtor.Pause(noon(), noon().Add(time.Minute)) }, true},
	} {
		step.do()
		s.EndTurn()
		if got := s.Allows(Head); got != step.want {
			t.Errorf("%s: %v", step.name, got)
		}
	}
}

func TestAPlaceInTheQueueIsKeptForTwoMinutes(t *testing.T) {
	for waited, kept := range map[time.Duration]bool{2 * time.Minute: true, 2*time.Minute + 1: false} {
		b := New(noon())
		debtor, one, two := b.NewShare(noon()), b.NewShare(noon()), b.NewShare(noon())
		inDebt(debtor, time.Hour)
		if one.Allows(Head) {
			t.Fatal("there is time, so that this shows nothing")
		}
		two.Refill(noon().Add(waited), 0)
		two.Allows(Head)
		want := []*Share{two}
		if kept {
			want = []*Share{one, two}
		}
		if !slices.Equal(b.queue, want) {
			t.Errorf("%d shares wait after %v, want %d", len(b.queue), waited, len(want))
		}
	}
}

// A share that wants a turn again keeps its place, for another two minutes.
func TestWantingATurnAgainKeepsThePlace(t *testing.T) {
	b := New(noon())
	debtor, one, two := b.NewShare(noon()), b.NewShare(noon()), b.NewShare(noon())
	inDebt(debtor, time.Hour)
	for minute := range 5 {
		two.Refill(noon().Add(time.Duration(minute)*time.Minute), 0)
		one.Allows(Head)
		two.Allows(Head)
	}
	if !slices.Equal(b.queue, []*Share{one, two}) {
		t.Errorf("%d shares wait, want both in the order in which they came", len(b.queue))
	}
}

func TestTheCostOfATurnIsAnAverage(t *testing.T) {
	for _, tc := range []struct {
		name    string
		hasTurn bool
		spent   time.Duration
		want    time.Duration
	}{
		{"a quarter of the new one", true, 8 * time.Second, 5 * time.Second},
		{"a nanosecond counts", true, 4, 3*time.Second + 1},
		{"even a single one", true, 1, 3 * time.Second},
		{"a turn without requests does not count", true, 0, 4 * time.Second},
		{"what was spent without a turn does not count", false, 8 * time.Second, 4 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := New(noon())
			s := b.NewShare(noon())
			b.turnCost = 4 * time.Second
			if tc.hasTurn && !s.Allows(Head) {
				t.Fatal("it got no turn")
			}
			s.Charge(Head, tc.spent)
			s.EndTurn()
			if b.turnCost != tc.want {
				t.Errorf("%v, want %v", b.turnCost, tc.want)
			}
		})
	}
}

func TestATurnBeginsWithNothingSpent(t *testing.T) {
	b := New(noon())
	s := b.NewShare(noon())
	s.Charge(Pending, 16*time.Second)
	for range 3 { // the first turn costs 16 s, and the other ones have no requests
		if !s.Allows(Head) {
			t.Fatal("it got no turn")
		}
		s.EndTurn()
	}
	if b.turnCost != 4*time.Second {
		t.Errorf("a turn costs %v on average, want a quarter of the only one with requests", b.turnCost)
	}
}
