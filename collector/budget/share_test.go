package budget

import (
	"slices"
	"testing"
	"time"
)

// left are the balances of a share, by kind.
func left(s *Share) (balance [kinds]time.Duration) {
	for k := range kinds {
		balance[k] = s.Left(k)
	}
	return balance
}

// inDebt charges a share until all its balances together are a debt of this size.
func inDebt(s *Share, debt time.Duration) { s.Charge(Head, s.sum()+debt) }

func TestABudgetBeginsFull(t *testing.T) {
	want := [kinds]time.Duration{4 * time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second}
	if got := left(New(noon()).NewShare(noon())); got != want {
		t.Errorf("%v is left, want %v", got, want)
	}
}

func TestANewShareGetsWhatIsAboveTheCapacityOfTheOthers(t *testing.T) {
	for _, tc := range []struct {
		name           string
		charged        time.Duration // to the head of the first share
		first, another time.Duration // what each has left for the head then
	}{
		{"a full one gives half", 0, 2 * time.Second, 2 * time.Second},
		{"a nanosecond above", 2*time.Second - 1, 2 * time.Second, 1},
		{"at the capacity", 2 * time.Second, 2 * time.Second, 0},
		{"below the capacity", 2*time.Second + 1, 2*time.Second - 1, 0},
		{"a debt is not divided", 6 * time.Second, -2 * time.Second, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := New(noon())
			first := b.NewShare(noon())
			first.Charge(Head, tc.charged)
			another := b.NewShare(noon())
			if first.Left(Head) != tc.first || another.Left(Head) != tc.another {
				t.Errorf("%v and %v are left, want %v and %v", first.Left(Head), another.Left(Head), tc.first, tc.another)
			}
		})
	}
}

// The time until a share is opened belongs to those that were there.
func TestANewShareIsOpenedAfterARefill(t *testing.T) {
	b := New(noon())
	first := b.NewShare(noon())
	first.Refill(noon(), 0.1)
	first.Charge(Head, 4*time.Second)
	another := b.NewShare(noon().Add(40 * time.Second))
	if first.Left(Head) != 2*time.Second || another.Left(Head) != 2*time.Second {
		t.Errorf("%v and %v are left, want half of what was added each", first.Left(Head), another.Left(Head))
	}
}

// A third of the burst is not a whole number of nanoseconds.
func TestNoShareHasMoreThanItsCapacity(t *testing.T) {
	b := New(noon())
	shares := []*Share{b.NewShare(noon()), b.NewShare(noon()), b.NewShare(noon())}
	want := [kinds]time.Duration{1333333333, 666666666, 666666666, 666666666}
	for i, s := range shares {
		if got := left(s); got != want {
			t.Errorf("%v is left for share %d, want %v", got, i, want)
		}
	}
}

func TestWhatTheLastShareLeavesIsForTheNextOne(t *testing.T) {
	b := New(noon())
	s := b.NewShare(noon())
	s.Charge(Head, time.Second)
	s.Charge(Backfill, 3*time.Second)
	s.Close()
	want := [kinds]time.Duration{3 * time.Second, 2 * time.Second, 2 * time.Second, -time.Second}
	if got := left(b.NewShare(noon())); got != want {
		t.Errorf("%v is left, want %v", got, want)
	}
}

func TestAClosedShareLeavesItsDebtsOnly(t *testing.T) {
	b := New(noon())
	s := b.NewShare(noon())
	one := b.NewShare(noon())
	s.Charge(Pending, 7*time.Second) // it had one second
	want := left(one)
	s.Close()
	want[Pending] -= 6 * time.Second
	if got := left(one); got != want {
		t.Errorf("%v is left for the other share, want %v", got, want)
	}
}

func TestTheOthersPayEqualPartsOfADebt(t *testing.T) {
	b := New(noon())
	s, one, two := b.NewShare(noon()), b.NewShare(noon()), b.NewShare(noon())
	before := one.Left(Head)
	s.Charge(Head, s.Left(Head)+6*time.Second)
	s.Close()
	for _, o := range []*Share{one, two} {
		if got, want := o.Left(Head), before-3*time.Second; got != want {
			t.Errorf("%v is left, want %v", got, want)
		}
	}
}

func TestAClosedShareLosesItsPlaceInTheQueue(t *testing.T) {
	b := New(noon())
	debtor, one, two := b.NewShare(noon()), b.NewShare(noon()), b.NewShare(noon())
	inDebt(debtor, time.Hour)
	if one.Allows(Head) || two.Allows(Head) {
		t.Fatal("there is time, so that this shows nothing")
	}
	one.Close()
	if !slices.Equal(b.queue, []*Share{two}) {
		t.Errorf("%d shares wait, want the other one only", len(b.queue))
	}
}

func TestARefillCountsFromTheLastOne(t *testing.T) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		name  string
		at    []time.Duration // of the refills, after noon
		added time.Duration
	}{
		{"no time", []time.Duration{0}, 0},
		{"a nanosecond less than the shortest", []time.Duration{ms - 1}, 0},
		{"the shortest", []time.Duration{ms}, ms / 10},
		{"many that are too short lose nothing", []time.Duration{ms / 2, ms - 1, ms}, ms / 10},
		{"ten seconds", []time.Duration{10 * time.Second}, time.Second},
		{"almost a minute back is ignored", []time.Duration{-time.Minute + 1, 10 * time.Second}, time.Second},
		{"a minute back is another clock", []time.Duration{-time.Minute, -50 * time.Second}, time.Second},
		{"a minute back adds nothing by itself", []time.Duration{-time.Minute}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := New(noon()).NewShare(noon())
			s.Charge(Head, 4*time.Second)
			for _, at := range tc.at {
				s.Refill(noon().Add(at), 0.1)
			}
			if got := s.Left(Head); got != tc.added {
				t.Errorf("%v was added, want %v", got, tc.added)
			}
		})
	}
}

func TestARefillFillsToTheCapacity(t *testing.T) {
	for _, missing := range []time.Duration{0, 1, time.Second} {
		s := New(noon()).NewShare(noon())
		want := left(s)
		s.Charge(Recheck, missing)
		s.Refill(noon().Add(time.Hour), 0.1)
		if got := left(s); got != want {
			t.Errorf("%v is left after %v was missing, want %v", got, missing, want)
		}
	}
}

func TestARefillDistributesANanosecond(t *testing.T) {
	s := New(noon()).NewShare(noon())
	s.Charge(Head, 4*time.Second)
	s.Refill(noon().Add(time.Millisecond), 1e-6)
	if got := s.Left(Head); got != 1 {
		t.Errorf("%v is left, want a nanosecond", got)
	}
}

// The whole is added: what does not fit into one kind, or one share, goes to those that have room, by their portions.
func TestARefillGivesTheRestToThoseWithRoom(t *testing.T) {
	b := New(noon())
	one, two := b.NewShare(noon()), b.NewShare(noon())
	one.Charge(Head, 30*time.Second)
	one.Charge(Pending, 15*time.Second)
	two.Charge(Head, time.Second)
	before := one.sum() + two.sum()
	two.Refill(noon().Add(100*time.Second), 0.1)
	if two.Left(Head) != 2*time.Second {
		t.Errorf("%v is left where a second was missing, want a full balance", two.Left(Head))
	}
	// A nanosecond may be lost in rounding.
	head, pending := one.Left(Head).Round(time.Microsecond), one.Left(Pending).Round(time.Microsecond)
	if head != -22*time.Second || pending != -11*time.Second {
		t.Errorf("%v and %v are left, want debts of 22s and 11s", head, pending)
	}
	if added := one.sum() + two.sum() - before; added > 10*time.Second || added < 10*time.Second-2*time.Duration(kinds) {
		t.Errorf("%v was added, want a tenth of 100s", added)
	}
}
