package planner

import (
	"errors"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// reconfigured changes the planner's settings.
func (g *gateway) reconfigured(change func(*Options)) {
	g.Helper()
	o := g.o
	change(&o)
	n, err := g.Reconfigured(o)
	if err != nil {
		g.Fatal(err)
	}
	g.Planner = n
}

func TestAPlannerWithOtherSettingsGoesOnWithItsLedger(t *testing.T) {
	g := newGateway(t)
	g.add("a", time.Hour)
	g.refresh(0)
	g.backfill()
	g.add("b", 0)
	g.refresh(30 * time.Second)
	g.reconfigured(func(o *Options) { o.Ledger.AllowedLateness = 20 * time.Minute })
	if l := g.Ledger(); l == nil || !l.T0().Equal(noon()) || !g.Idle() {
		t.Fatalf("the ledger is %v, want the one from before the change, with nothing to read", l)
	}
	if g.clock.period != 20*time.Minute || g.clock.local.IsZero() {
		t.Errorf("the clock has the period %v and the last answer at %v", g.clock.period, g.clock.local)
	}
	if !g.pendingRead.Equal(g.now) {
		t.Errorf("the pending page was read at %v, want %v", g.pendingRead, g.now)
	}
	g.refresh(30 * time.Second)
	if g.started() != 1 {
		t.Errorf("%d counted, want 1", g.started())
	}
}

func TestAPlannerWithOtherSettingsStillWaitsAfterAFailure(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.fail = func(Request) error { return errors.New("down") }
	g.refresh(30 * time.Second)
	g.reconfigured(func(o *Options) { o.StaleAfter = time.Minute })
	g.wantRequests("within the wait", g.refresh(100*time.Millisecond))
}

func TestAPlannerWithOtherSettingsStartsItsLedgerWithTheFirstAnswer(t *testing.T) {
	g := newGateway(t)
	g.reconfigured(func(o *Options) { o.StaleAfter = time.Minute })
	if g.Ledger() != nil {
		t.Fatal("it has a ledger before the first answer")
	}
	g.refresh(time.Minute)
	if got := g.Ledger().T0(); !got.Equal(noon().Add(time.Minute)) {
		t.Errorf("T0 is %v, want a minute after noon", got)
	}
}

// The settings change after a restart, before the first answer.
func TestAPlannerWithOtherSettingsKeepsTheRestoredLedger(t *testing.T) {
	old := ledger.New(ledger.Options{Lookback: time.Hour, AllowedLateness: time.Minute, ForgetAfter: 2 * time.Hour}, noon().Add(-time.Hour))
	g := newGateway(t)
	o := g.o
	o.Restored = old
	g.Planner = New(o, g.share)
	g.reconfigured(func(o *Options) { o.Restored = nil })
	if g.Ledger() != nil {
		t.Fatal("the restored ledger has to wait for the first answer")
	}
	g.refresh(0)
	if got := g.Ledger().T0(); !got.Equal(noon().Add(-time.Hour)) {
		t.Errorf("T0 is %v, want the restored ledger's", got)
	}
}

func TestALedgerThatCannotBeWrittenAllowsNoOtherSettings(t *testing.T) {
	g := newGateway(t)
	s := g.row("a", 0)
	s.Connection = "\xff"
	s.ID = "\xff"
	g.addRow(s)
	g.refresh(0)
	if n, err := g.Reconfigured(g.o); err == nil || n != nil {
		t.Errorf("%v, %v: want an error", n, err)
	}
}

func TestOtherRequestsAreChargedToTheBackfill(t *testing.T) {
	g := newGateway(t)
	if !g.AllowsOther(g.now) {
		t.Fatal("not allowed at the start")
	}
	before := g.share.Left(budget.Backfill)
	g.ChargeOther(g.now, 3*time.Second, false)
	if got := g.share.Left(budget.Backfill); got != before-3*time.Second {
		t.Errorf("%v left of %v after 3 s", got, before)
	}
	if g.AllowsOther(g.now) {
		t.Error("allowed in debt")
	}
	if g.now = g.now.Add(time.Minute); !g.AllowsOther(g.now) { // all others are full: 6 s of a tenth
		t.Error("not allowed after the debt was paid")
	}
	g.ChargeOther(g.now, 3*time.Second, false)
	g.ChargeOther(g.now.Add(time.Minute), time.Second, false)
	if got := g.share.Left(budget.Backfill); got != time.Second {
		t.Errorf("%v left, want 1 s: a full portion, less the request", got)
	}
}

func TestNoOtherRequestIsMadeWhileTheGatewayWantsToBeLeftAlone(t *testing.T) {
	g := newGateway(t)
	g.share.Pause(g.now, g.now.Add(time.Minute))
	if g.AllowsOther(g.now.Add(time.Minute - 1)) {
		t.Error("allowed within the minute")
	}
	if !g.AllowsOther(g.now.Add(time.Minute)) {
		t.Error("not allowed after it")
	}
}

// twoAtOneAddress returns two planners with shares of one budget.
func twoAtOneAddress(t *testing.T) (a, b *gateway) {
	a, b = newGateway(t), newGateway(t)
	both := budget.New(noon())
	a.Planner, b.Planner = New(a.o, both.NewShare(noon())), New(b.o, both.NewShare(noon()))
	return a, b
}

// A pause of one share pauses the others for 30 seconds at most, unless two shares in a row had no answer.
func TestAnUnansweredOtherRequestCountsAsAFailure(t *testing.T) {
	for _, unanswered := range []bool{true, false} {
		a, b := twoAtOneAddress(t)
		a.ChargeOther(a.now, time.Millisecond, unanswered)
		b.share.Pause(b.now, b.now.Add(time.Hour))
		if paused := a.share.Paused(a.now.Add(time.Minute)); paused != unanswered {
			t.Errorf("unanswered: %v; the other share pauses beyond 30 s: %v", unanswered, paused)
		}
	}
}

func TestAnAnswerEndsTheFailuresInARow(t *testing.T) {
	a, b := twoAtOneAddress(t)
	a.share.RecordFailure()
	a.refresh(0)
	b.share.Pause(b.now, b.now.Add(time.Hour))
	if a.share.Paused(a.now.Add(time.Minute)) {
		t.Error("the failure before the answer counts")
	}
}

func TestAnErrorWithoutRetryAfterPausesNoShare(t *testing.T) {
	a, b := twoAtOneAddress(t)
	a.fail = func(Request) error { return errors.New("reset") }
	a.refresh(0)
	b.share.Pause(b.now, b.now.Add(time.Hour))
	if a.share.Paused(a.now.Add(time.Minute)) {
		t.Error("an error without Retry-After counts as no answer")
	}
}

func TestTheShortestRetryAfterPauses(t *testing.T) {
	g := newGateway(t)
	r, _ := g.nextAfter(0)
	_ = g.HandleResult(g.now, r, Result{Err: errors.New("slow down"), RetryAfter: 1})
	if !g.share.Paused(g.now) || g.share.Paused(g.now.Add(1)) {
		t.Error("want a pause of exactly a nanosecond")
	}
}

// A turn lasts for one refresh, or one step of the backfill.
func TestEachRefreshAndEachStepOfTheBackfillEndsTheTurn(t *testing.T) {
	for name, start := range map[string]func(*gateway){
		"refresh":    func(g *gateway) { g.StartRefresh() },
		"background": func(g *gateway) { g.Background(g.now) },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := twoAtOneAddress(t)
			a.refresh(0)
			if !a.share.Allows(budget.Head) {
				t.Fatal("no turn at the start")
			}
			b.share.Charge(budget.Pending, 16*time.Second) // a debt of more than a burst leaves no room for a new turn
			if !a.share.Allows(budget.Head) {
				t.Fatal("the turn has to go on")
			}
			start(a)
			if a.share.Allows(budget.Head) {
				t.Error("the turn goes on")
			}
		})
	}
}

func TestNothingIsReadInTheBackgroundBeforeTheFirstAnswer(t *testing.T) {
	g := newGateway(t)
	if r, ok := g.Background(g.now); ok {
		t.Errorf("requests %+v", r)
	}
}

func TestARefreshWithoutARequestHasNoOutcome(t *testing.T) {
	g := newGateway(t)
	g.StartRefresh()
	if ok, attempted := g.Succeeded(g.now); ok || attempted {
		t.Errorf("ok %v, attempted %v", ok, attempted)
	}
}

func TestNewsOfThePendingReviewsAreGoodForLessThanStaleAfter(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	if ok, _ := g.Succeeded(g.now.Add(5*time.Minute - 1)); !ok {
		t.Error("a failure before the time")
	}
	if ok, _ := g.Succeeded(g.now.Add(5 * time.Minute)); ok {
		t.Error("a success at the time")
	}
}

func TestTheLedgerCountsFromAWholeSecond(t *testing.T) {
	g := newGateway(t)
	g.now = g.now.Add(700 * time.Millisecond)
	r, _ := g.nextAfter(0)
	p := g.answer(r)
	p.Date = g.now
	if err := g.HandleResult(g.now, r, Result{Page: p}); err != nil {
		t.Fatal(err)
	}
	if got := g.Ledger().T0(); !got.Equal(noon()) {
		t.Errorf("T0 is %v, want noon", got)
	}
}

func TestRowsThatCannotBeReadAreCounted(t *testing.T) {
	g := newGateway(t)
	r, _ := g.nextAfter(0)
	p := g.answer(r)
	p.Malformed = []client.MalformedSession{{ID: "bad", StartDate: client.Time{Time: g.now.Add(-time.Minute)}, Err: errors.New("bad")}}
	p.Rows = 1
	if err := g.HandleResult(g.now, r, Result{Page: p}); err != nil {
		t.Fatal(err)
	}
	if got := g.Ledger().Finish(g.now, g.now).Gauges.Malformed; got != 1 {
		t.Errorf("%d malformed, want 1", got)
	}
}

// A page that cannot be an answer to the request for the pending reviews is not news of them.
func TestAPageOutsideTheWindowIsAnError(t *testing.T) {
	g := newGateway(t)
	g.step(g.Next)
	r, _ := g.Next(g.now)
	for r.Kind != budget.Pending {
		g.step(g.Next)
		r, _ = g.Next(g.now)
	}
	p := g.answer(r)
	p.Sessions = []client.Session{g.row("ancient", 1000*time.Hour)}
	p.Rows, p.Total = 1, nil
	if err := g.HandleResult(g.now, r, Result{Page: p}); err == nil {
		t.Error("no error for a session from outside the window")
	}
	if ok, attempted := g.Succeeded(g.now); ok || !attempted || !g.pendingRead.IsZero() {
		t.Errorf("ok %v, attempted %v, pending reviews read at %v", ok, attempted, g.pendingRead)
	}
}
