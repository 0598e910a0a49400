package gatewaytest

import (
	"testing"
	"time"
)

// TestCostsAreThoseOfRealGateways compares with measurements on real gateways with a million sessions.
func TestCostsAreThoseOfRealGateways(t *testing.T) {
	window := func(span time.Duration) Request {
		return Request{Path: PathSessions, Code: 200, Windowed: true, Span: span, Limit: 100}
	}
	newest := Request{Path: PathSessions, Code: 200, Limit: 100}
	with := func(r Request, f func(*Request)) Request { f(&r); return r }
	deep := func(n int) func(*Request) { return func(r *Request) { r.Offset = n } }
	filtered := func(r *Request) { r.Filtered = true }
	const ms = time.Millisecond
	tests := []struct {
		name     string
		cost     func(Request) time.Duration
		request  Request
		from, to time.Duration
	}{
		{"old: newest page, no dates", OldCost, newest, 1900 * ms, 4000 * ms},
		{"old: 5 minutes", OldCost, window(5 * time.Minute), 210 * ms, 210 * ms},
		{"old: 2 hours", OldCost, window(2 * time.Hour), 350 * ms, 350 * ms},
		{"old: 1 day", OldCost, window(day), 350 * ms, 350 * ms},
		{"old: 7 days", OldCost, window(7 * day), 550 * ms, 550 * ms},
		{"old: 90 days", OldCost, window(90 * day), 2900 * ms, 2900 * ms},
		{"old: a year", OldCost, window(365 * day), 2900 * ms, 2900 * ms},
		{"old: offset 70,000 in 7 days", OldCost, with(window(7*day), deep(70_000)), 9900 * ms, 10_100 * ms},
		{"old: offset 500,000", OldCost, with(newest, deep(500_000)), 86_000 * ms, 90_000 * ms},
		{"old: pending, no dates", OldCost, with(newest, filtered), 2500 * ms, 2800 * ms},
		{"old: pending in 7 days", OldCost, with(window(7*day), filtered), 700 * ms, 700 * ms},
		{"old: by id", OldCost, Request{Path: PathSession, Code: 200}, 8 * ms, 8 * ms},
		{"old: refused", OldCost, Request{Path: PathSessions, Code: 422}, 0, 5 * ms},
		{"new: newest page, no dates", NewCost, newest, 10 * ms, 10 * ms},
		{"new: a window", NewCost, window(7 * day), 4 * ms, 10 * ms},
		{"new: pending, no dates", NewCost, with(newest, filtered), 14 * ms, 14 * ms},
		{"new: pending in 7 days", NewCost, with(window(7*day), filtered), 10 * ms, 10 * ms},
		{"new: pending in 91 days", NewCost, with(window(91*day), filtered), 10 * ms, 14 * ms},
		{"new: the same, sometimes", NewCost, with(with(window(91*day), filtered), func(r *Request) { r.Number = 6 }), 300 * ms, 300 * ms},
		{"new: count=exact", NewCost, with(window(day), func(r *Request) { r.Count = "exact" }), 130 * ms, 130 * ms},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.cost(test.request); got < test.from || got > test.to {
				t.Errorf("%v, want %v to %v", got, test.from, test.to)
			}
		})
	}
}

// TestCostSeesTheRequest tests what the cost can depend on.
func TestCostSeesTheRequest(t *testing.T) {
	c := noon()
	var seen []Request
	g := New(Config{Dialect: New2026, Now: c.now, Cost: func(r Request) time.Duration {
		seen = append(seen, r)
		return 0
	}})
	g.AddHistory(300, c.t.Add(-time.Hour), c.t, HistoryOptions{})
	list(t, g, "limit", "500", "offset", "50", "start_date", "2026-11-23T00:00:00Z", "end_date", "2026-11-24T00:00:00Z", "count", "none")
	send(t, g, "/api/sessions/none?expand=none")
	send(t, g, "/api/sessions?limit=0&review.status=PENDING")
	want := []Request{
		{Path: PathSessions, Number: 0, Code: 200, Rows: 100, Limit: 100, Offset: 50, Windowed: true, Span: day, Count: "none"},
		{Path: PathSession, Number: 1, Code: 404, Expand: "none"},
		{Path: PathSessions, Number: 2, Code: 422},
	}
	for i := range want {
		if i >= len(seen) || seen[i] != want[i] {
			t.Errorf("request %d: got %+v, want %+v", i, seen[i], want[i])
		}
	}
}
