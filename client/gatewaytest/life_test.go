package gatewaytest

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// newLife returns a gateway with a life, and its clock.
func newLife(d Dialect, seed uint64, l Life) (*Gateway, *clock) {
	c := noon()
	return New(Config{Dialect: d, Seed: seed, Life: l, Now: c.now}), c
}

// TestEverythingHappens tests that every event happens within a day, with any seed.
func TestEverythingHappens(t *testing.T) {
	each(t, func(t *testing.T, d Dialect) {
		for seed := range uint64(2) {
			l := DefaultLife()
			l.Again = 0.3
			g, c := newLife(d, seed, l)
			c.sleep(day)
			kinds := g.Stats().Events
			for _, k := range Events(d) {
				if kinds[k] == 0 {
					t.Errorf("seed %d: no %q in a day", seed, k)
				}
				delete(kinds, k)
			}
			if len(kinds) > 0 {
				t.Errorf("seed %d: events that are not listed: %v", seed, kinds)
			}
		}
	})
}

func TestNothingHappensByItself(t *testing.T) {
	g, c := newLife(Old, 1, Life{})
	c.sleep(30 * day)
	if n := len(g.Rows()); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// TestTheSameSeedGivesTheSameLife tests that only the seed and the clock decide what happens, not the requests.
func TestTheSameSeedGivesTheSameLife(t *testing.T) {
	each(t, func(t *testing.T, d Dialect) {
		once, c := newLife(d, 7, DefaultLife())
		c.sleep(3 * time.Hour)
		often, c := newLife(d, 7, DefaultLife())
		for range 3 * 60 * 4 {
			c.sleep(15 * time.Second)
			list(t, often, "limit", "5")
		}
		other, c := newLife(d, 8, DefaultLife())
		c.sleep(3 * time.Hour)
		a, b, x := dump(t, once), dump(t, often), dump(t, other)
		if a != b {
			t.Error("requests changed what happened")
		}
		if a == x {
			t.Error("another seed makes no difference")
		}
	})
}

// dump returns every session and the counts of events.
func dump(t *testing.T, g *Gateway) string {
	t.Helper()
	b, err := json.Marshal(g.Rows())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(g.Stats().Events, string(b))
}

func TestSessionsStartAtTheRate(t *testing.T) {
	for _, rate := range []float64{0.1, 5} {
		l := Life{Rate: rate}
		g, c := newLife(Old, 3, l)
		c.sleep(2 * time.Hour)
		want := rate * 2 * 3600
		if n := float64(len(g.Rows())); n < 0.85*want || n > 1.15*want {
			t.Errorf("%v a second: %v sessions in 2 h, want about %v", rate, n, want)
		}
	}
}

func TestBurstsAreWithinASecond(t *testing.T) {
	g, c := newLife(New2026, 1, Life{Rate: 0.1, BurstSize: 130, BurstEvery: time.Hour})
	c.sleep(12 * time.Hour)
	perSecond := map[int64]int{}
	for _, r := range g.Rows() {
		perSecond[r.StartDate.Unix()]++
	}
	bursts := 0
	for _, n := range perSecond {
		if n >= 130 {
			bursts++
		}
	}
	if bursts == 0 || bursts != g.Stats().Events[EventBurst] {
		t.Errorf("%d seconds with 130 sessions, %d bursts", bursts, g.Stats().Events[EventBurst])
	}
}

// TestEverySessionHasAPossibleLife tests what must hold for every session of eight hours.
func TestEverySessionHasAPossibleLife(t *testing.T) {
	each(t, func(t *testing.T, d Dialect) {
		g, c := newLife(d, 5, DefaultLife())
		c.sleep(8 * time.Hour)
		for _, r := range g.Rows() {
			if why := wrongShape(r); why != "" {
				t.Fatalf("%s: %+v, review %+v", why, r, r.Review)
			}
		}
	})
}

func wrongShape(r Row) string {
	v := r.Review
	ms := func(t time.Time) bool { return t.Equal(t.Truncate(time.Millisecond)) }
	switch {
	case r.VisibleAt.Sub(r.StartDate) > 5*time.Minute, r.StartDate.Sub(r.VisibleAt) > 2*time.Second:
		return "visible too late or too early"
	case r.Status != "done" && r.EventSize != 0:
		return "a size before the end"
	case v == nil && r.Status == "ready":
		return "ready without a review"
	case v == nil:
		return ""
	case !v.CreatedAt.Equal(r.StartDate.Truncate(time.Millisecond)) && v.CreatedAt.Before(r.VisibleAt.Truncate(time.Millisecond)):
		return "the review was requested neither at the start nor after the session was visible"
	case v.CreatedAt.Sub(r.VisibleAt) > 30*time.Second:
		return "the review was requested too late"
	case !ms(v.RevokeAt):
		return "revoke_at in more than milliseconds"
	case v.Status == pending && !v.RevokeAt.IsZero():
		return "revoke_at before an approval"
	case v.Type == oneTime && (v.AccessDuration != 0 || v.Status == revoked):
		return "access for a time in a one-time review"
	case v.Type == jit && (v.Status == processing || v.Status == executed || v.Status == unknown):
		return "a jit review that is executed"
	}
	for _, d := range v.Groups {
		if !ms(d.ReviewDate) || (d.Status == pending) != d.ReviewDate.IsZero() || (d.Status == pending) != (d.ReviewedBy == nil) {
			return "a group's decision is inconsistent"
		}
	}
	if approved := lastApproval(v); v.Status != rejected && v.Status != revoked && !v.RevokeAt.IsZero() &&
		!v.RevokeAt.Add(-v.AccessDuration).Equal(approved) {
		return "revoke_at is not the approval and the access duration"
	}
	return ""
}

func lastApproval(v *Review) time.Time {
	var last time.Time
	for _, d := range v.Groups {
		if d.Status == approved && d.ReviewDate.After(last) {
			last = d.ReviewDate
		}
	}
	return last
}

// TestExecutedComesInTime sends requests every 20 seconds. On a new gateway, a one-time review is PROCESSING while its session runs and
// EXECUTED at most 45 s after its end.
func TestExecutedComesInTime(t *testing.T) {
	g, c := newLife(New2026, 5, DefaultLife())
	processed := 0
	for range 2 * 3600 / 20 {
		c.sleep(20 * time.Second)
		for _, r := range list(t, g, "review.status", processing, "limit", "100").Data {
			processed++
			if r.Status == "done" && c.t.Sub(r.EndDate) >= 45*time.Second {
				t.Fatalf("done since %v and still PROCESSING", c.t.Sub(r.EndDate))
			}
		}
	}
	if processed == 0 {
		t.Error("no review was seen PROCESSING")
	}
}

func TestLateRows(t *testing.T) {
	c := noon()
	g := New(Config{Now: c.now})
	id := g.Add(Row{ID: "late", StartDate: c.t, VisibleAt: c.t.Add(time.Minute)})
	if p := list(t, g); len(p.Data) != 0 || *p.Total != 0 {
		t.Errorf("%d rows of %d, before it shows up", len(p.Data), *p.Total)
	}
	if a := send(t, g, "/api/sessions/"+id); a.code != 404 {
		t.Errorf("by id: %d, before it shows up", a.code)
	}
	c.sleep(time.Minute)
	if p := list(t, g); len(p.Data) != 1 || !p.Data[0].StartDate.Equal(c.t.Add(-time.Minute)) {
		t.Errorf("got %+v, want the row with its old date", p.Data)
	}
}

func TestAnUpdateChangesOneRow(t *testing.T) {
	c := noon()
	g := New(Config{Now: c.now})
	start := c.t
	g.Add(Row{ID: "a", Review: &Review{Status: pending}})
	c.sleep(time.Minute)
	found := g.Update("a", func(r *Row) {
		r.ID, r.StartDate = "b", c.t
		r.Status, r.ExitCode, r.EndDate, r.Review.Status = "done", ptr(3), c.t, rejected
	})
	if !found || g.Update("b", func(*Row) {}) {
		t.Error("an id has changed")
	}
	if n := len(list(t, g, "review.status", pending).Data); n != 0 {
		t.Errorf("%d pending sessions, want none", n)
	}
	p := list(t, g, "review.status", rejected)
	if len(p.Data) != 1 {
		t.Fatalf("%d rejected sessions, want 1", len(p.Data))
	}
	if r := p.Data[0]; r.ID != "a" || !r.StartDate.Equal(start) || *r.ExitCode != 3 || !r.EndDate.Equal(c.t) {
		t.Errorf("got %+v", r)
	}
}

// TestLifeFollowsTheClockOfABubble tests the default clock within a testing/synctest bubble.
func TestLifeFollowsTheClockOfABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Life: DefaultLife(), Seed: 1, Dialect: New2026})
		time.Sleep(time.Hour)
		if n := *list(t, g).Total; n < 1000 {
			t.Errorf("%d sessions in an hour, want about 1800", n)
		}
	})
}

func TestHistoryHasWhatWasRequested(t *testing.T) {
	each(t, func(t *testing.T, d Dialect) {
		c := noon()
		g := New(Config{Dialect: d, Now: c.now})
		from := c.t.Add(-30 * day)
		g.AddHistory(20_000, from, c.t, HistoryOptions{Connections: 40, Unfinished: 2000, Pending: 100, Ready: 50})
		states, thirds, connections := map[string]int{}, map[int]int{}, map[string]bool{}
		for _, r := range g.Rows() {
			connections[r.Connection] = true
			if r.StartDate.Before(from) || r.StartDate.After(c.t) || r.EndDate.After(c.t) {
				t.Fatalf("outside the stretch: %v to %v", r.StartDate, r.EndDate)
			}
			switch {
			case r.Review != nil && r.Review.Status == pending:
				states["pending"]++
			case r.Status != "done":
				states[r.Status]++
			default:
				states["done"]++
				continue
			}
			thirds[int(r.StartDate.Sub(from)/(10*day))]++
		}
		want := map[string]int{"done": 18_000, "pending": 100, "ready": 50, "open": 1850}
		if fmt.Sprint(states) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", states, want)
		}
		for third := range 3 {
			if n := thirds[third]; n < 650 || n > 680 {
				t.Errorf("%d unfinished in third %d of the stretch, want about 667", n, third)
			}
		}
		if len(connections) != 40 {
			t.Errorf("%d connections, want 40", len(connections))
		}
	})
}
