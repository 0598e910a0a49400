package planner

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

func noon() time.Time { return time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC) }

// Whatever is asked and whatever it costs, requests take no more than the duty's share of the time, a burst, and what the last request of each
// kind took beyond what was left.
func TestDutyIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := noon()
		d := NewDuty(now).Join(now)
		rate := rapid.SampledFrom([]float64{0.01, 0.1, 0.5}).Draw(t, "rate")
		var took, dearest time.Duration
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30_000).Draw(t, "pause")) * time.Millisecond)
			d.refill(now, rate)
			k := Kind(rapid.IntRange(0, int(kinds)-1).Draw(t, "kind"))
			if !d.allows(k) {
				continue
			}
			cost := time.Duration(rapid.IntRange(0, 60_000).Draw(t, "cost")) * time.Millisecond
			d.charge(k, cost)
			took += cost
			dearest = max(dearest, cost)
		}
		limit := burst + time.Duration(float64(now.Sub(noon()))*rate) + time.Duration(kinds)*dearest
		if took > limit {
			t.Fatalf("took %v of %v, want at most %v", took, now.Sub(noon()), limit)
		}
	})
}

func TestEachKindHasItsPortionOfTheDuty(t *testing.T) {
	for _, tc := range []struct {
		name   string
		hungry []Kind
		want   []float64 // of the whole duty, by kind
	}{
		{"all want all they can get", []Kind{Head, Pending, Recheck, Backlog}, []float64{0.4, 0.2, 0.2, 0.2}},
		{"what some leave goes to the others", []Kind{Recheck}, []float64{0, 0, 1, 0}},
		{"by their shares", []Kind{Head, Pending}, []float64{2. / 3, 1. / 3, 0, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := noon()
			d := NewDuty(now).Join(now)
			took := [kinds]time.Duration{}
			const hours = 10
			for now.Before(noon().Add(hours * time.Hour)) {
				now = now.Add(100 * time.Millisecond)
				d.refill(now, 0.1)
				for _, k := range tc.hungry {
					if d.allows(k) {
						d.charge(k, 30*time.Millisecond)
						took[k] += 30 * time.Millisecond
					}
				}
			}
			for k, want := range tc.want {
				got := took[k].Seconds() / (hours * 360)
				if got < want-0.01 || got > want+0.01 {
					t.Errorf("%v got %.3f of the duty, want %.3f", Kind(k), got, want)
				}
			}
		})
	}
}

// A request that took very long keeps only its own kind waiting, and not for ever.
func TestOneSlowAnswerHoldsUpOnlyItsKind(t *testing.T) {
	now := noon()
	d := NewDuty(now).Join(now)
	d.charge(Pending, 12*time.Second)
	if d.allows(Pending) || !d.allows(Head) {
		t.Fatal("the others have to go on, this one to wait")
	}
	d.refill(now.Add(101*time.Second), 0.1) // the others are full: all goes to the one in debt
	if !d.allows(Pending) {
		t.Error("10 s of debt are not paid after 101 s at a tenth")
	}
}

// Many who ask one address keep to one duty together.
func TestDutyIsKeptTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := noon()
		d := NewDuty(now)
		const rate = 0.1
		purses := []*Purse{d.Join(now)}
		var took, dearest time.Duration
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 10_000).Draw(t, "pause")) * time.Millisecond)
			switch rapid.IntRange(0, 20).Draw(t, "who is there") {
			case 0:
				purses = append(purses, d.Join(now))
			case 1: // somebody comes back under another name, or with other filters
				i := rapid.IntRange(0, len(purses)-1).Draw(t, "who leaves")
				purses[i].Leave()
				purses[i] = d.Join(now)
			}
			p := purses[rapid.IntRange(0, len(purses)-1).Draw(t, "who")]
			p.refill(now, rate)
			k := Kind(rapid.IntRange(0, int(kinds)-1).Draw(t, "kind"))
			if !p.allows(k) {
				continue
			}
			cost := time.Duration(rapid.IntRange(0, 20_000).Draw(t, "cost")) * time.Millisecond
			p.charge(k, cost)
			took += cost
			dearest = max(dearest, cost)
		}
		limit := 5*burst/2 + time.Duration(float64(now.Sub(noon()))*rate) + time.Duration(kinds+1)*dearest
		if took > limit {
			t.Fatalf("took %v of %v, want at most %v", took, now.Sub(noon()), limit)
		}
	})
}

func TestPlannersShareTheDutyEqually(t *testing.T) {
	for _, tc := range []struct {
		name   string
		hungry []time.Duration // what a request of each takes; 0: it asks for nothing
		want   []float64       // of the whole duty
	}{
		{"two who want all", []time.Duration{30 * time.Millisecond, 30 * time.Millisecond}, []float64{0.5, 0.5}},
		{"one that is dear gets no more than one that is cheap", []time.Duration{3 * time.Second, 30 * time.Millisecond}, []float64{0.5, 0.5}},
		{"what some leave goes to the others", []time.Duration{0, 30 * time.Millisecond, 30 * time.Millisecond, 0}, []float64{0, 0.5, 0.5, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := noon()
			d := NewDuty(now)
			var purses []*Purse
			for range tc.hungry {
				purses = append(purses, d.Join(now))
			}
			took := make([]time.Duration, len(purses))
			const hours = 10
			for now.Before(noon().Add(hours * time.Hour)) {
				now = now.Add(100 * time.Millisecond)
				for i, p := range purses { // always in the same order: the first one must not win by that
					p.refill(now, 0.1)
					for k := range kinds {
						if tc.hungry[i] > 0 && p.allows(k) {
							p.charge(k, tc.hungry[i])
							took[i] += tc.hungry[i]
						}
					}
				}
			}
			for i, want := range tc.want {
				got := took[i].Seconds() / (hours * 360)
				if got < want-0.02 || got > want+0.02 {
					t.Errorf("purse %d got %.3f of the duty, want %.3f", i, got, want)
				}
			}
		})
	}
}

// Who leaves does not take debts along: the gateway has worked for them.
func TestDebtsStay(t *testing.T) {
	now := noon()
	d := NewDuty(now)
	one, two := d.Join(now), d.Join(now)
	one.charge(Head, 60*time.Second)
	one.Leave()
	two.refill(now, 0.1)
	if two.allows(Head) {
		t.Error("the head goes on at once")
	}
	two.refill(now.Add(10*time.Minute+time.Second), 0.1)
	if !two.allows(Head) {
		t.Error("the debt is not paid after ten minutes at a tenth")
	}
}

// Who leaves and joins again, as a gateway whose filters change does, gets neither a new burst nor rid of its debts by that, nor is the gateway asked
// before it wanted to be.
func TestComingBackPaysNothing(t *testing.T) {
	for _, others := range []int{0, 3} {
		now := noon()
		d := NewDuty(now)
		for range others {
			d.Join(now)
		}
		took := time.Duration(0)
		for range 100 {
			p := d.Join(now)
			for k := range kinds {
				if p.allows(k) {
					p.charge(k, time.Second)
					took += time.Second
				}
			}
			p.Leave()
		}
		if took > burst+4*time.Second {
			t.Errorf("with %d others, requests took %v at once", others, took)
		}
	}
	d := NewDuty(noon())
	p := d.Join(noon())
	p.silence(noon(), noon().Add(time.Hour))
	p.Leave()
	if !d.Join(noon()).silent(noon().Add(59 * time.Minute)) {
		t.Error("what the gateway asked for is forgotten")
	}
}

// Before its first good answer there is nothing that a planner could read back: with a credential that is of no use, it must not have all at its
// address ask for half of the time for ever.
func TestNoHurryBeforeTheFirstAnswer(t *testing.T) {
	d := NewDuty(noon())
	refused := New(Options{Duty: 0.1, Ledger: ledger.Options{Overlap: 15 * time.Minute}}, d.Join(noon()))
	now := noon()
	for range 100 {
		now = now.Add(time.Second)
		if r, ok := refused.Next(now); ok {
			_ = refused.Answer(now, r, Result{Err: errNoDate})
		}
	}
	if refused.purse.rate != 0.1 {
		t.Errorf("it thinks that the gateway may be asked for %v of the time", refused.purse.rate)
	}
}

func TestBackoffGrowsToAMinute(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var b backoff
	now := noon()
	for i, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		b.failed(now, rng)
		want := time.Duration(seconds) * time.Second
		if wait := b.until.Sub(now); wait < want*8/10 || wait > want*12/10 {
			t.Errorf("failure %d: waits %v, want about %v", i+1, wait, want)
		}
		if b.allows(b.until.Add(-1)) || !b.allows(b.until) {
			t.Errorf("failure %d: wrong end of the wait", i+1)
		}
	}
	if b.succeeded(); !b.allows(now) {
		t.Error("a success has to end the wait")
	}
}

// A gateway that never tells the time is taken to have ours, but not before it had many chances to tell it.
func TestAGatewayWithoutADateHasOurTimeAfterManyAnswers(t *testing.T) {
	c := clock{period: 15 * time.Minute}
	local := noon()
	for i := range 30 {
		if err := c.tells(time.Time{}, local); err == nil {
			t.Fatalf("believed after %d answers in %v", i+1, local.Sub(noon()))
		}
		local = local.Add(30 * time.Second)
	}
	if err := c.tells(time.Time{}, local); err != nil {
		t.Fatalf("after %v: %v", local.Sub(noon()), err)
	}
	c.observe(time.Time{}, local)
	if got := c.now(local); !got.Equal(local) {
		t.Errorf("its time is %v, want ours, %v", got, local)
	}
	// A few answers far apart are no proof.
	c = clock{period: 15 * time.Minute}
	for range mostSilent - 1 {
		local = local.Add(time.Hour)
		if err := c.tells(time.Time{}, local); err == nil {
			t.Fatal("believed after a few answers")
		}
	}
	if err := c.tells(local, local); err != nil {
		t.Error(err)
	}
}

func TestTheClockFollowsTheGateway(t *testing.T) {
	c := clock{period: 15 * time.Minute}
	local := noon().Add(time.Hour) // the exporter's clock is an hour ahead
	c.observe(noon(), local)
	if got := c.now(local.Add(30 * time.Second)); !got.Equal(noon().Add(30 * time.Second)) {
		t.Errorf("the gateway's time: %v", got)
	}
	// Another replica is two minutes ahead: what is sure is what the slower one says.
	local = local.Add(time.Minute)
	c.observe(noon().Add(3*time.Minute), local)
	if got := c.safe(local); !got.Equal(noon().Add(time.Minute)) {
		t.Errorf("the time that all replicas have reached: %v, want 12:01", got)
	}
	// A clock that was set forward is believed once it has stayed there for long.
	for range 40 {
		local = local.Add(time.Minute)
		c.observe(local.Add(time.Hour), local)
	}
	if got := c.safe(local); !got.Equal(local.Add(time.Hour)) {
		t.Errorf("half an hour later: %v, want %v", got, local.Add(time.Hour))
	}
	// A clock that was set back is believed at once.
	c.observe(noon(), local)
	if got := c.safe(local); !got.Equal(noon()) {
		t.Errorf("set back: %v, want 12:00", got)
	}
	// An answer that does not tell the time changes nothing.
	local = local.Add(time.Minute)
	if err := c.tells(time.Time{}, local); err != nil {
		t.Error(err)
	}
	c.observe(time.Time{}, local)
	if got := c.now(local); !got.Equal(noon().Add(time.Minute)) {
		t.Errorf("without a date: %v, want 12:01", got)
	}
}

// Where there is not enough for all, those that happen to ask first do not take it from the others.
func TestWhoWaitedLongestGoesFirst(t *testing.T) {
	now := noon()
	d := NewDuty(now)
	purses := make([]*Purse, 100)
	served := make([]int, len(purses))
	for i := range purses {
		purses[i] = d.Join(now)
	}
	for range 480 {
		now = now.Add(30 * time.Second)
		for i, p := range purses { // always in the same order
			p.begin()
			for k := range kinds {
				p.refill(now, 0.1)
				if p.allows(k) {
					p.charge(k, 500*time.Millisecond)
					served[i]++
				}
			}
		}
	}
	if least, most := slices.Min(served), slices.Max(served); least < most/2 || least == 0 {
		t.Errorf("one was served %d times, and another one %d times: %v", least, most, served)
	}
	if len(d.line) == 0 {
		t.Error("nobody had to wait, so that this shows nothing")
	}
}
