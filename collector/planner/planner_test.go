package planner

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// table is the smallest gateway that there can be: a sorted list of rows. Costs and failures come from its test.
type table struct {
	*testing.T
	*Planner
	now    time.Time
	rows   []client.Session // newest first
	asked  []string         // what was asked, in words
	cost   func(r Request) time.Duration
	fail   func(r Request) error
	totals bool // the gateway counts
}

func newTable(t *testing.T) *table {
	o := Options{
		Ledger: ledger.Options{Lookback: 24 * time.Hour, AllowedLateness: 15 * time.Minute, ForgetAfter: 90 * 24 * time.Hour}, Duty: 0.1, StaleAfter: 5 * time.Minute,
	}
	return &table{T: t, Planner: New(o, NewDuty(noon()).Join(noon())), now: noon(), totals: true}
}

// add puts in a running session that began d before now.
func (g *table) add(id string, ago time.Duration) { g.addRow(g.row(id, ago)) }

func (g *table) row(id string, ago time.Duration) client.Session {
	return client.Session{ID: id, Connection: "pg", Type: "database", Verb: "exec", Status: "open", StartDate: client.Time{Time: g.now.Add(-ago)}}
}

func (g *table) addRow(s client.Session) {
	g.rows = append(g.rows, s)
	slices.SortFunc(g.rows, func(a, b client.Session) int { return b.StartDate.Compare(a.StartDate.Time) })
}

func (g *table) addPending(id string, ago time.Duration) {
	s := g.row(id, ago)
	s.Review = &client.Review{Type: "onetime", Status: "PENDING", CreatedAt: s.StartDate}
	g.addRow(s)
}

// change ends a session.
func (g *table) end(id string) {
	for i := range g.rows {
		if g.rows[i].ID == id {
			g.rows[i].Status, g.rows[i].EndDate, g.rows[i].Review = "done", client.Time{Time: g.now}, nil
		}
	}
}

func (g *table) hide(id string) {
	g.rows = slices.DeleteFunc(g.rows, func(s client.Session) bool { return s.ID == id })
}

func (g *table) answer(r Request) *client.SessionPage {
	page := &client.SessionPage{Answer: client.Answer{Date: g.now.Truncate(time.Second)}}
	total := 0
	for _, s := range g.rows {
		o := r.List
		switch {
		case r.ID != "" && s.ID != r.ID:
		case r.ID == "" && (s.StartDate.Before(o.Start) || s.StartDate.After(o.End)):
		case o.ReviewStatus != "" && (s.Review == nil || s.Review.Status != o.ReviewStatus):
		default:
			total++
			if total > o.Offset && len(page.Sessions) < pageLimit {
				page.Sessions = append(page.Sessions, s)
			}
		}
	}
	page.Rows = len(page.Sessions)
	page.HasNextPage = r.List.Offset+page.Rows < total
	if g.totals && r.List.Count != client.CountNone {
		page.Total = &total
	}
	return page
}

// refresh plays a refresh d later, and tells what was asked in it.
func (g *table) refresh(d time.Duration) []string {
	g.now = g.now.Add(d)
	g.asked = nil
	g.Begin(g.now)
	for g.step(g.Next) {
	}
	if l := g.Ledger(); l != nil {
		l.Commit(g.GatewayTime(g.now), g.now)
	}
	return g.asked
}

// readBack reads the past until nothing is left.
func (g *table) readBack() {
	for !g.Idle() {
		if !g.step(g.Background) {
			g.now = g.now.Add(time.Second)
		}
	}
	g.Ledger().Commit(g.GatewayTime(g.now), g.now)
}

func (g *table) step(next func(time.Time) (Request, bool)) bool {
	r, ok := next(g.now)
	if !ok {
		return false
	}
	if len(g.asked) > 1000 {
		g.Fatal("it asks for ever")
	}
	word := r.Kind.String()
	if r.ID != "" {
		word = "look " + r.ID
	}
	g.asked = append(g.asked, word)
	var res Result
	if g.cost != nil {
		res.Took = g.cost(r)
		g.now = g.now.Add(res.Took)
	}
	if g.fail != nil {
		res.Err = g.fail(r)
	}
	if res.Err == nil {
		res.Page = g.answer(r)
	}
	if err := g.Answer(g.now, r, res); err != nil && res.Err == nil {
		g.Fatal(err)
	}
	return true
}

func (g *table) wantAsked(what string, got []string, want ...string) {
	g.Helper()
	if !slices.Equal(got, want) {
		g.Errorf("%s: asked for %v, want %v", what, got, want)
	}
}

// snapshot is what may be shown now.
func (g *table) started() (n uint64) {
	for _, t := range g.Ledger().Commit(g.GatewayTime(g.now), g.now).Targets {
		for _, c := range t.Started {
			n += c.Value
		}
	}
	return n
}

func TestQuietGatewayIsAskedTwice(t *testing.T) {
	g := newTable(t)
	for i := range 300 {
		g.addRow(g.row(fmt.Sprint("old", i), time.Hour+time.Duration(i)*time.Second))
		g.end(fmt.Sprint("old", i))
	}
	g.refresh(0)
	g.readBack()
	g.wantAsked("nothing happened", g.refresh(30*time.Second), "head", "pending")
	g.addRow(g.row("new", 0))
	g.end("new")
	g.wantAsked("one page holds what is new", g.refresh(30*time.Second), "head", "pending")
	g.wantAsked("and is no trouble later", g.refresh(30*time.Second), "head", "pending")
}

func TestLateRowsAreFoundByTheTotal(t *testing.T) {
	for _, totals := range []bool{true, false} {
		t.Run(fmt.Sprint("gateway counts: ", totals), func(t *testing.T) {
			g := newTable(t)
			g.totals = totals
			g.refresh(0)
			g.readBack()
			for range 20 { // 400 sessions in ten minutes
				for i := range 20 {
					g.addRow(g.row(fmt.Sprint(g.now.Unix(), " ", i), time.Duration(i)*time.Second))
				}
				g.refresh(30 * time.Second)
			}
			before := g.started()
			g.addRow(g.row("late", 9*time.Minute))
			g.refresh(30 * time.Second)
			for i := 0; !totals && i < 20; i++ { // then it takes until the next pass through the overlap
				g.refresh(30 * time.Second)
			}
			if got := g.started() - before; got != 1 {
				t.Errorf("%d sessions more, want the late one", got)
			}
		})
	}
}

func TestPendingReviewsAreReadOnlyAsFarAsNeeded(t *testing.T) {
	g := newTable(t)
	for i := range 250 {
		g.addPending(fmt.Sprintf("p%03d", i), 30*time.Minute+time.Duration(i)*time.Minute)
	}
	g.addPending("ancient", 48*time.Hour)
	first := g.refresh(0)
	if n, old := count(first, "pending"), count(first, "backlog"); n != 3 || old != 1 {
		t.Errorf("the first time %d requests for pending reviews and %d for those from before the lookback, want 3 and 1", n, old)
	}
	g.readBack()
	if got := g.Ledger().CountPending(time.Time{}, g.now); got != 251 {
		t.Errorf("%d are pending, want 251", got)
	}
	g.wantAsked("nothing changed", g.refresh(30*time.Second), "head", "pending")
	g.end("p249") // the oldest one is decided: no page but the last shows it
	g.refresh(30 * time.Second)
	g.refresh(30 * time.Second)
	if got := g.Ledger().CountPending(time.Time{}, g.now); got != 250 {
		t.Errorf("%d are pending, want 250", got)
	}
}

func count(words []string, word string) int {
	n := 0
	for _, w := range words {
		if w == word {
			n++
		}
	}
	return n
}

func TestLooksAreDueAfterATwentiethOfTheAge(t *testing.T) {
	g := newTable(t)
	g.add("hour", time.Hour)
	g.refresh(0)
	g.readBack()
	looks := 0
	for range 60 { // half an hour
		looks += count(g.refresh(30*time.Second), "recheck")
	}
	// 60 to 90 minutes old: every 3 to 4.5 minutes
	if looks < 6 || looks > 10 {
		t.Errorf("%d looks in half an hour", looks)
	}
	g.end("hour")
	for range 11 {
		g.refresh(30 * time.Second)
	}
	if _, due := g.Ledger().Rechecks(g.now.Add(24 * time.Hour)); due {
		t.Error("it has ended, and is still looked at")
	}
}

func TestOnePageSettlesSeveral(t *testing.T) {
	g := newTable(t)
	for i := range 50 {
		g.add(fmt.Sprint("s", i), time.Hour+time.Duration(i)*time.Second)
	}
	g.refresh(0)
	g.readBack()
	if got := count(g.refresh(10*time.Minute), "recheck"); got != 1 {
		t.Errorf("%d pages for 50 neighbours, want 1", got)
	}
}

func TestASessionThatIsNotShownAnyMoreIsLostAfterTwoLooks(t *testing.T) {
	g := newTable(t)
	g.add("gone", time.Hour)
	g.add("here", 2*time.Hour)
	g.refresh(0)
	g.readBack()
	row := g.rows[0]
	g.hide("gone")
	for range 30 {
		g.refresh(30 * time.Second)
	}
	snap := g.Ledger().Commit(g.now, g.now)
	if snap.Lost != 1 || snap.Targets[0].Open[ledger.Running] != 1 {
		t.Errorf("%d lost, %d running, want 1 and 1", snap.Lost, snap.Targets[0].Open[ledger.Running])
	}
	g.addRow(row)
	for range 30 {
		g.refresh(30 * time.Second)
	}
	if snap = g.Ledger().Commit(g.now, g.now); snap.Targets[0].Open[ledger.Running] != 2 {
		t.Errorf("%d running, want 2: it is back", snap.Targets[0].Open[ledger.Running])
	}
}

func TestLooksByIDWherePagesAreDear(t *testing.T) {
	g := newTable(t)
	g.cost = func(r Request) time.Duration {
		if r.ID != "" {
			return 8 * time.Millisecond
		}
		return 350 * time.Millisecond
	}
	g.add("a", time.Hour)
	g.add("b", 3*time.Hour)
	g.refresh(0)
	g.readBack()
	g.wantAsked("both are due", g.refresh(20*time.Minute), "head", "pending", "look a", "look b")
	g.hide("b")
	g.refresh(20 * time.Minute)
	g.refresh(20 * time.Minute)
	if lost := g.Ledger().Commit(g.now, g.now).Lost; lost != 1 {
		t.Errorf("%d lost, want 1", lost)
	}
	g.fail = func(r Request) error {
		if r.ID != "" {
			return errors.New("no such path")
		}
		return nil
	}
	g.refresh(20 * time.Minute)
	g.wantAsked("pages do where looks fail", g.refresh(20*time.Minute), "head", "pending", "recheck", "recheck")
}

func TestAFailedHeadEndsTheRefresh(t *testing.T) {
	g := newTable(t)
	g.refresh(0)
	g.readBack()
	g.fail = func(Request) error { return errors.New("down") }
	g.wantAsked("down", g.refresh(30*time.Second), "head")
	if ok, asked := g.Succeeded(g.now); ok || !asked {
		t.Errorf("ok %v, asked %v", ok, asked)
	}
	g.wantAsked("it waits before it asks again", g.refresh(100*time.Millisecond))
	if _, asked := g.Succeeded(g.now); asked {
		t.Error("a refresh that asked nothing says nothing")
	}
	g.fail = nil
	g.add("a", 0)
	g.refresh(30 * time.Second)
	if ok, _ := g.Succeeded(g.now); !ok || g.started() != 1 {
		t.Errorf("recovered: %v, %d started, want 1", ok, g.started())
	}
}

func TestFailedPendingReviewsDoNotStopTheRest(t *testing.T) {
	g := newTable(t)
	g.add("a", time.Hour)
	g.refresh(0)
	g.readBack()
	g.fail = func(r Request) error {
		if r.Kind == Pending {
			return errors.New("slow")
		}
		return nil
	}
	g.wantAsked("the rest goes on", g.refresh(20*time.Minute), "head", "pending", "recheck")
	if ok, _ := g.Succeeded(g.now); ok {
		t.Error("a refresh without the pending reviews is no success")
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	g := newTable(t)
	g.refresh(0)
	r, ok := g.nextAfter(time.Minute)
	if !ok {
		t.Fatal("nothing to ask")
	}
	_ = g.Answer(g.now, r, Result{Err: errors.New("slow down"), RetryAfter: time.Hour})
	g.wantAsked("within the hour", g.refresh(59*time.Minute))
	if g.refresh(2 * time.Minute); len(g.asked) == 0 {
		t.Error("nothing was asked after it")
	}
}

func (g *table) nextAfter(d time.Duration) (Request, bool) {
	g.now = g.now.Add(d)
	g.Begin(g.now)
	return g.Next(g.now)
}

// A walk that could not be finished leaves a stretch to be read later, and nothing is counted twice.
func TestInterruptedWalkIsFinishedLater(t *testing.T) {
	g := newTable(t)
	g.refresh(0)
	g.readBack()
	for i := range 1000 {
		g.addRow(g.row(fmt.Sprint("s", i), -time.Duration(i)*100*time.Millisecond))
	}
	pages := 0
	g.fail = func(r Request) error {
		if pages++; r.Kind == Head && pages%4 == 0 {
			return errors.New("reset")
		}
		return nil
	}
	for range 20 {
		g.refresh(2 * time.Minute)
	}
	if g.started() != 1000 || !g.Idle() {
		t.Errorf("%d counted, want 1000; all read: %v", g.started(), g.Idle())
	}
}
