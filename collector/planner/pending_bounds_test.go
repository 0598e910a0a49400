package planner

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/budget"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
	"github.com/hoop-exporter/hoop_exporter/collector/state/statepb"
)

func (g *gateway) pendingComplete() bool {
	return g.Ledger().Finish(g.GatewayTime(g.now), g.now).Gauges.PendingComplete
}

// newGatewayForgetting returns a gateway whose planner forgets sessions after d.
func newGatewayForgetting(t *testing.T, d time.Duration) *gateway {
	g := newGateway(t)
	o := g.o
	o.Ledger.ForgetAfter = d
	g.Planner = New(o, g.share)
	return g
}

func TestPendingReviewsAreCompleteOnceBothListsAreRead(t *testing.T) {
	g := newGateway(t)
	var after []bool
	for g.step(g.Next) {
		after = append(after, g.pendingComplete())
	}
	if want := "[false false true]"; fmt.Sprint(after) != want {
		t.Errorf("after %v: %v, want %s", g.requests, after, want)
	}
}

// reviewsFrom is the time from which a further review of a session is new to the ledger.
func (g *gateway) reviewsFrom() time.Duration {
	g.Helper()
	image, err := g.Ledger().Image()
	progress := &statepb.Progress{}
	if err := errors.Join(err, proto.Unmarshal(image.Progress, progress)); err != nil {
		g.Fatal(err)
	}
	return time.Unix(0, progress.ReviewsFrom).Sub(noon())
}

func TestReviewsThatWaitedAreKnownSinceTheOlderOfBothLists(t *testing.T) {
	for forget, want := range map[time.Duration]string{
		90 * 24 * time.Hour: "[23h50m0s 24h50m0s 24h50m0s 24h50m0s 24h50m0s 24h50m0s 24h50m0s]", // the old list is read every hour
		24 * time.Hour:      "[24h40m0s 24h50m0s 25h0m0s 25h10m0s 25h20m0s 25h30m0s 25h40m0s]",
	} {
		g := newGatewayForgetting(t, forget)
		var got []time.Duration
		for i := range 312 { // the first day's are all remembered
			g.refresh(5 * time.Minute)
			if i >= 298 && i%2 == 0 {
				got = append(got, g.reviewsFrom())
			}
		}
		if fmt.Sprint(got) != want {
			t.Errorf("sessions are forgotten after %v: %v, want %v", forget, got, want)
		}
	}
}

func TestWithoutAnOldListPendingReviewsAreCompleteWithTheRecentOne(t *testing.T) {
	for forget, want := range map[time.Duration]string{
		24 * time.Hour:                  "[head pending] [false true]",
		24*time.Hour + time.Microsecond: "[head pending backfill] [false false true]",
	} {
		g := newGatewayForgetting(t, forget)
		var after []bool
		for g.step(g.Next) {
			after = append(after, g.pendingComplete())
		}
		if got := fmt.Sprint(g.requests, after); got != want {
			t.Errorf("forgotten after %v: %s, want %s", forget, got, want)
		}
	}
}

func TestOneListOfTwoPagesIsNotCompleteAfterTheFirst(t *testing.T) {
	g := newGatewayForgetting(t, 24*time.Hour)
	for i := range 150 {
		g.addPending(fmt.Sprint("p", i), time.Hour+time.Duration(i)*time.Second)
	}
	g.step(g.Next)
	if g.step(g.Next); g.pendingComplete() {
		t.Errorf("complete after %v", g.requests)
	}
	if g.step(g.Next); !g.pendingComplete() {
		t.Errorf("not complete after %v", g.requests)
	}
}

func TestTheOldListIsReadAgainAfterExactlyAnHour(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.pending.old.pageRead = noon()
	if r, ok := (oldPendingPage{g.pending}).next(noon().Add(oldPendingEvery - 1)); ok {
		t.Errorf("before, it requests %+v", r)
	}
	if _, ok := (oldPendingPage{g.pending}).next(noon().Add(oldPendingEvery)); !ok {
		t.Error("an hour later, it requests nothing")
	}
}

func TestTheRestOfTheListWaitsForItsNewestPage(t *testing.T) {
	g := newGateway(t)
	g.refresh(0)
	g.pending.recent.scan.active = true
	g.StartRefresh()
	if r, ok := (pendingRest{g.pending}).next(g.now); ok {
		t.Errorf("requests %+v", r)
	}
}

func TestATotalIsComparedWhereTheWindowBeginsWithinASecond(t *testing.T) {
	g := newGateway(t)
	for i := range 150 {
		g.addPending(fmt.Sprint("p", i), time.Hour+time.Duration(i)*time.Second)
	}
	g.refresh(0)
	g.backfill()
	g.now = g.now.Truncate(time.Second)
	g.wantRequests("nothing changed", g.refresh(30*time.Second+300*time.Millisecond), "head", "pending")
}

// Half of the reviews are on the second page, which is not requested if the total shows that nothing has changed.
func TestWhatTheTotalConfirmsIsNotRechecked(t *testing.T) {
	g := newGateway(t)
	for i := range 150 {
		g.addPending(fmt.Sprint("p", i), time.Hour+time.Duration(i)*time.Second)
	}
	g.refresh(0)
	g.backfill()
	for range 10 {
		g.wantRequests("nothing changed", g.refresh(2*time.Minute), "head", "pending")
	}
}

// One review cannot be read, so that the gateway always counts one more than are known.
func TestAWrongTotalHasTheListReadAgainAfterHalfTheAllowedLateness(t *testing.T) {
	g := newGateway(t)
	for i := range 150 {
		g.addPending(fmt.Sprint("p", i), time.Hour+time.Duration(i)*time.Second)
	}
	refresh := func(d time.Duration) (pages int) {
		g.now = g.now.Add(d)
		g.StartRefresh()
		for {
			r, ok := g.Next(g.now)
			if !ok {
				return pages
			}
			p := g.answer(r)
			p.Date = g.now
			if r.Kind == budget.Pending {
				pages++
				*p.Total++
				if !p.HasNextPage {
					p.Rows++
					p.Malformed = []client.MalformedSession{{ID: "bad", StartDate: client.Time{Time: noon().Add(-2 * time.Hour)}, Err: errors.New("bad")}}
				}
			}
			if err := g.HandleResult(g.now, r, Result{Page: p}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := refresh(0); got < 2 {
		t.Fatalf("%d pages the first time, want all", got)
	}
	if got := refresh(5 * time.Minute); got != 1 {
		t.Errorf("%d pages 5 minutes later, want 1", got)
	}
	if got := refresh(2*time.Minute + 30*time.Second - 1); got != 1 {
		t.Errorf("%d pages just before 7 minutes and a half, want 1", got)
	}
	if got := refresh(1); got < 2 {
		t.Errorf("%d pages after 7 minutes and a half, want all", got)
	}
}

func TestTheNewestPageDoesNotRestartAScan(t *testing.T) {
	g := newGateway(t)
	for i := range 350 {
		g.addPending(fmt.Sprintf("p%03d", i), time.Hour+time.Duration(i)*time.Second)
	}
	g.step(g.Next) // the head
	g.step(g.Next) // the newest page
	g.step(g.Next) // one more
	was := g.pending.recent.scan
	if !was.active || !was.down.Equal(noon().Add(-time.Hour-198*time.Second)) { // each page begins with the last row of the one before
		t.Fatalf("the scan is %+v, want one that has read two pages", was)
	}
	g.now = g.now.Add(30 * time.Second)
	g.StartRefresh()
	g.step(g.Next)
	g.step(g.Next)
	if got := g.pending.recent.scan; got != was {
		t.Errorf("the scan is %+v, and was %+v", got, was)
	}
}

// newestPageOf150 returns a gateway whose planner knows 150 pending reviews, a second apart from an hour ago on, and a request for their
// newest page.
func newestPageOf150(t *testing.T) (*gateway, Request) {
	g := newGateway(t)
	for i := range 150 {
		g.addPending(fmt.Sprintf("p%03d", i), time.Hour+time.Duration(i)*time.Second)
	}
	g.addPending("just below", time.Hour+99*time.Second+ledger.Tick)
	g.addPending("just above", time.Hour+99*time.Second-ledger.Tick)
	g.hide("p098")
	g.refresh(0)
	g.backfill()
	g.now = g.now.Add(30 * time.Second)
	r, ok := g.pending.recent.newestPage(g.now)
	if !ok {
		t.Fatal("no request")
	}
	return g, r
}

// A page shows which reviews have left the list: exactly those that start after its oldest row, and before its end.
func TestAPageShowsWhatHasLeftItsPartOfTheList(t *testing.T) {
	g, r := newestPageOf150(t)
	p := g.answer(r)
	if last := p.Sessions[99].ID; last != "p099" {
		t.Fatalf("the page ends with %s", last)
	}
	known := g.Ledger().CountPending(time.Time{}, g.now)
	p.Sessions = append(p.Sessions[:98:98], p.Sessions[99]) // without the one that is just above the last
	p.Rows, p.Total, p.HasNextPage = 99, nil, true
	at := g.now
	if err := g.pending.recent.accept(r, p, at); err != nil {
		t.Fatal(err)
	}
	from := noon().Add(-time.Hour - 99*time.Second)
	if got := g.Ledger().CountPending(from, from); got != 1 {
		t.Error("the last row of the page left")
	}
	if got := g.Ledger().CountPending(from.Add(-ledger.Tick), from.Add(-ledger.Tick)); got != 1 {
		t.Error("the one below the page left")
	}
	if got := g.Ledger().CountPending(time.Time{}, g.now); got != known-1 {
		t.Errorf("%d are pending, want all %d but the one above the last row", got, known)
	}
}

// The second page does not show the last row of the first one: that is no news, because it was not requested.
func TestAPageShowsNothingOfWhatWasReadBefore(t *testing.T) {
	g, r := newestPageOf150(t)
	l := g.pending.recent
	if err := l.accept(r, g.answer(r), g.now); err != nil {
		t.Fatal(err)
	}
	edge := l.walk.edge()
	r, _ = l.walk.request()
	p := g.answer(r)
	rows := p.Sessions[:0:0]
	for _, s := range p.Sessions {
		if s.StartDate.Before(edge.Add(-ledger.Tick)) {
			rows = append(rows, s)
		}
	}
	p.Sessions, p.Rows, p.Total = rows, len(rows), nil
	g.now = g.now.Add(time.Second)
	l.scan = scan{}
	if err := l.accept(r, p, g.now); err != nil {
		t.Fatal(err)
	}
	if got := g.Ledger().CountPending(edge, edge.Add(time.Hour)); got != 100-1 {
		t.Errorf("%d are pending above the edge, want 99", got)
	}
	if got := g.Ledger().CountPending(edge.Add(-ledger.Tick), edge.Add(-ledger.Tick)); got != 0 {
		t.Error("the row at the end of what was requested has not left")
	}
}

// A review that was seen after a scan has started has not left the list if the scan does not show it: the scan's page can be older.
func TestAScanJudgesOnlyWhatWasLastSeenBeforeIt(t *testing.T) {
	for since, want := range map[time.Duration]int{0: 1, time.Minute: 0} {
		g := newGateway(t)
		g.addPending("p", time.Hour)
		g.refresh(0)
		g.backfill()
		g.refresh(30 * time.Second)
		seen := g.now
		g.now = g.now.Add(time.Minute)
		l := g.pending.recent
		r, _ := l.newestPage(g.now)
		l.scan = scan{active: true, since: seen.Add(since), down: g.now}
		if err := l.accept(r, &client.SessionPage{}, g.now); err != nil {
			t.Fatal(err)
		}
		if got := g.Ledger().CountPending(time.Time{}, g.now); got != want {
			t.Errorf("a scan that started %v after it was seen: %d pending, want %d", since, got, want)
		}
	}
}
