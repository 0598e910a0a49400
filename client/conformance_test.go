package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/config"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// TestGatewaysBehaveAsTheClientAssumes tests the assumptions of the client about a gateway. It only reads, works with any data, and runs
// against both dialects of the simulation and the gateway that HOOP_CONFORMANCE_URL and HOOP_CONFORMANCE_TOKEN name.
func TestGatewaysBehaveAsTheClientAssumes(t *testing.T) {
	for _, dialect := range []gatewaytest.Dialect{gatewaytest.Old, gatewaytest.New2026} {
		t.Run("simulation "+dialect.String(), func(t *testing.T) {
			now := time.Now()
			gateway := gatewaytest.New(gatewaytest.Config{Dialect: dialect, Seed: 1})
			gateway.AddHistory(20_000, now.Add(-14*24*time.Hour), now, gatewaytest.HistoryOptions{Reviewed: 0.1, Unfinished: 40, Pending: 15, Ready: 5})
			// A second with more than two pages, most of it at the same moment.
			moment := now.Add(-3 * time.Hour).Truncate(time.Second)
			for i := range 250 {
				gateway.Add(gatewaytest.Row{
					Connection: "dense_50%", Type: "database", Status: client.StatusDone,
					StartDate: moment.Add(time.Duration(min(i, 100)) * time.Millisecond), VisibleAt: moment,
				})
			}
			conform(t, func(t *testing.T, path, token string) *client.Client {
				return dial(t, "http://gateway"+path, &http.Client{Transport: bearer{token, gateway.Transport()}})
			}, "token")
		})
	}
	t.Run("named gateway", func(t *testing.T) {
		base, token := os.Getenv("HOOP_CONFORMANCE_URL"), os.Getenv("HOOP_CONFORMANCE_TOKEN")
		if base == "" {
			t.Skip("HOOP_CONFORMANCE_URL names no gateway")
		}
		conform(t, func(t *testing.T, path, token string) *client.Client {
			hc, err := client.HTTPClient(config.HTTPClientConfig{BearerToken: config.Secret(token)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(hc.CloseIdleConnections)
			return dial(t, strings.TrimSuffix(base, "/")+path, hc)
		}, token)
	})
}

func dial(t *testing.T, base string, hc *http.Client) *client.Client {
	t.Helper()
	c, err := client.New(base, hc)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bearer sends a token.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// conformance tests a gateway with a window in the past, in which little changes.
type conformance struct {
	*client.Client
	old    bool               // no count=none, no tiebreak, has_next_page from the number of rows
	window client.ListOptions // the tested window
	rows   []client.Session   // of the window, newest first
}

// conform runs all tests. connect returns a client of the gateway for a path and a token.
func conform(t *testing.T, connect func(t *testing.T, path, token string) *client.Client, token string) {
	c := &conformance{Client: connect(t, "", token)}
	t.Run("credential", c.credential)
	t.Run("other credential", func(t *testing.T) {
		_, err := connect(t, "", gatewaytest.BadToken).ListSessions(t.Context(), client.ListOptions{Limit: 1})
		var status *client.StatusError
		if !errors.Is(err, client.ErrUnauthorized) || !errors.As(err, &status) || status.Message == "" {
			t.Errorf("a wrong token gives %v", err)
		}
	})
	t.Run("other path", func(t *testing.T) {
		_, err := connect(t, "/no-such-path", token).ListSessions(t.Context(), client.ListOptions{Limit: 1})
		if !errors.Is(err, client.ErrNotJSON) && client.ErrorLabel(err) != "status_4xx" {
			t.Errorf("a wrong base path gives %v", err)
		}
	})
	c.findWindow(t)
	t.Run("page", c.page)
	t.Run("limit", c.limit)
	t.Run("offset", c.offset)
	t.Run("has_next_page", c.hasNextPage)
	t.Run("dates", c.dates)
	t.Run("filters", c.filters)
	t.Run("review filter", c.reviewFilter)
	t.Run("walk", c.walk)
	t.Run("session", c.session)
}

// list requests a page and tests that it is well-formed.
func (c *conformance) list(t *testing.T, o client.ListOptions) *client.SessionPage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := c.ListSessions(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range p.Malformed {
		t.Errorf("malformed row %s: %v", m.ID, m.Err)
	}
	if p.Rows != len(p.Sessions)+len(p.Malformed) || p.Date.IsZero() || p.Bytes == 0 {
		t.Errorf("page of %d rows, %d sessions, answer %+v", p.Rows, len(p.Sessions), p.ResponseInfo)
	}
	return p
}

func (c *conformance) credential(t *testing.T) {
	user, answer, err := c.UserInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if user.ID == "" || user.Role == "" || user.OrgID == "" || answer.Date.IsZero() {
		t.Errorf("%+v, %+v", user, answer)
	}
	if !user.SeesAllSessions() {
		t.Errorf("role %s does not see all sessions: the checks mean little", user.Role)
	}
	t.Logf("version %q, role %s", answer.Version, user.Role)
	agents, err := c.Agents(t.Context())
	if err != nil || agents.MalformedFields != nil || agents.Date.IsZero() {
		t.Fatalf("agents: %+v, %v", agents, err)
	}
	for _, a := range agents.Agents {
		if a.Name == "" || a.Status != client.AgentConnected && a.Status != "DISCONNECTED" {
			t.Errorf("agent %+v", a)
		}
	}
	t.Logf("%d agents", len(agents.Agents))
}

// findWindow finds a window that ends an hour ago and has at most 1,000 sessions, and reads it with a cursor.
func (c *conformance) findWindow(t *testing.T) {
	t.Helper()
	newest := c.list(t, client.ListOptions{Limit: 1, Count: client.CountNone})
	c.old = newest.Total != nil
	if len(newest.Sessions) == 0 {
		t.Skip("the gateway has no sessions")
	}
	c.window = client.ListOptions{End: newest.Date.Add(-time.Hour).Truncate(time.Second), Limit: 100, Count: client.CountExact}
	if start := newest.Sessions[0].StartDate.Time; start.Before(c.window.End) {
		c.window.End = start.Truncate(time.Second).Add(time.Second) // nothing happens there any more
	}
	for _, span := range []time.Duration{90 * 24 * time.Hour, 7 * 24 * time.Hour, 24 * time.Hour, 6 * time.Hour, time.Hour, 5 * time.Minute} {
		c.window.Start = c.window.End.Add(-span)
		if p := c.list(t, with(c.window, func(o *client.ListOptions) { o.Limit = 1 })); p.Total != nil && !p.TotalIsCapped && *p.Total <= 1000 {
			break
		}
	}
	cursor := client.NewCursor(c.window)
	for o, more := cursor.Next(); more; o, more = cursor.Next() {
		c.rows = append(c.rows, cursor.Advance(c.list(t, o))...)
	}
	if cursor.Err() != nil || len(cursor.Skipped()) > 0 {
		t.Fatalf("error %v, skipped %v", cursor.Err(), cursor.Skipped())
	}
	t.Logf("%d sessions from %v to %v, old: %v", len(c.rows), c.window.Start, c.window.End, c.old)
	if len(c.rows) < 30 {
		t.Skip("that is too few to check anything by")
	}
}

// with returns o with a change.
func with(o client.ListOptions, change func(*client.ListOptions)) client.ListOptions {
	change(&o)
	return o
}

func (c *conformance) page(t *testing.T) {
	p := c.list(t, c.window)
	for i, s := range p.Sessions {
		if s.StartDate.Before(c.window.Start) || s.StartDate.After(c.window.End) {
			t.Errorf("%s of %v is outside the window", s.ID, s.StartDate)
		}
		if s.OrgID == "" || s.Status == "" || s.StartDate.Location() != time.UTC {
			t.Errorf("session %+v", s)
		}
		if i == 0 {
			continue
		}
		before := p.Sessions[i-1]
		if s.StartDate.After(before.StartDate.Time) || (!c.old && s.StartDate.Equal(before.StartDate.Time) && s.ID > before.ID) {
			t.Errorf("%s of %v comes after %s of %v", s.ID, s.StartDate, before.ID, before.StartDate)
		}
	}
	if p.Total == nil || *p.Total != len(c.rows) {
		t.Errorf("the total is %v, and the walk read %d", p.Total, len(c.rows))
	}
	none := c.list(t, with(c.window, func(o *client.ListOptions) { o.Count = client.CountNone }))
	if (none.Total != nil) != c.old || none.HasNextPage != p.HasNextPage {
		t.Errorf("without count: total %v, next page %v", none.Total, none.HasNextPage)
	}
}

func (c *conformance) limit(t *testing.T) {
	for limit, want := range map[int]int{1: 1, 7: 7, 100: min(100, len(c.rows)), 500: min(100, len(c.rows)), 0: 20} {
		if p := c.list(t, with(c.window, func(o *client.ListOptions) { o.Limit = limit })); p.Rows != want {
			t.Errorf("limit %d gives %d rows, want %d", limit, p.Rows, want)
		}
	}
}

func (c *conformance) offset(t *testing.T) {
	all := c.list(t, with(c.window, func(o *client.ListOptions) { o.Limit = 20 }))
	for _, offset := range []int{0, 5, 15} {
		p := c.list(t, with(c.window, func(o *client.ListOptions) { o.Limit, o.Offset = 5, offset }))
		for i, s := range p.Sessions {
			if want := all.Sessions[offset+i]; !s.StartDate.Equal(want.StartDate.Time) || (!c.old && s.ID != want.ID) {
				t.Errorf("row %d at offset %d is %s of %v, want %s of %v", i, offset, s.ID, s.StartDate, want.ID, want.StartDate)
			}
		}
	}
	if p := c.list(t, with(c.window, func(o *client.ListOptions) { o.Offset = len(c.rows) + 50 })); p.Rows != 0 {
		t.Errorf("%d rows beyond the last", p.Rows)
	}
	_, err := c.ListSessions(t.Context(), with(c.window, func(o *client.ListOptions) { o.Offset = client.MaxOffset + 1 }))
	var status *client.StatusError
	if tooDeep := errors.As(err, &status) && status.Code == 422 && status.Message != ""; tooDeep == c.old || (c.old && err != nil) {
		t.Errorf("offset %d gives %v", client.MaxOffset+1, err)
	}
}

// hasNextPage requests a page of exactly as many rows as there are.
func (c *conformance) hasNextPage(t *testing.T) {
	for i := len(c.rows) - 1; i > 0; i-- {
		// A window that starts between two rows of different seconds.
		start := c.rows[i].StartDate.Truncate(time.Second)
		if n := len(c.rows) - i; n > 50 || !start.After(c.window.Start) {
			continue
		}
		upTo := c.rows[i].StartDate.Truncate(time.Second).Add(time.Second)
		o := client.ListOptions{Start: c.window.Start, End: upTo, Limit: 100, Count: client.CountExact}
		n := c.list(t, o).Rows
		if n == 0 || n == 100 {
			continue
		}
		o.Limit = n
		if p := c.list(t, o); p.Rows != n || p.HasNextPage != c.old {
			t.Errorf("of %d rows, a page of %d says of a next one: %v", n, p.Rows, p.HasNextPage)
		}
		o.Limit = n + 1
		if p := c.list(t, o); p.Rows != n || p.HasNextPage {
			t.Errorf("of %d rows, a page for %d has %d and says of a next one: %v", n, n+1, p.Rows, p.HasNextPage)
		}
		return
	}
	t.Skip("no row to divide the window at")
}

// dates requests windows of whole seconds around a row.
func (c *conformance) dates(t *testing.T) {
	for _, s := range c.rows {
		floor := s.StartDate.Truncate(time.Second)
		if floor.Equal(s.StartDate.Time) {
			continue
		}
		for name, tt := range map[string]struct {
			start, end time.Time
			has        bool
		}{
			"its second":                       {floor, floor.Add(time.Second), true},
			"its second, by its own time":      {s.StartDate.Time, s.StartDate.Time, true},
			"in another zone":                  {floor.In(time.FixedZone("", 5*3600)), floor.Add(time.Second).In(time.FixedZone("", -5*3600)), true},
			"up to the begin of its second":    {floor.Add(-time.Second), floor, false},
			"from the end of its second":       {floor.Add(time.Second), floor.Add(2 * time.Second), false},
			"a year in which nothing happened": {floor.AddDate(-100, 0, 0), floor.AddDate(-99, 0, 0), false},
		} {
			p := c.list(t, client.ListOptions{Start: tt.start, End: tt.end, Limit: 100})
			if p.Rows == 100 {
				continue // it may be on another page
			}
			if has := contains(p.Sessions, s.ID); has != tt.has {
				t.Errorf("%s: the row of %v is there: %v", name, s.StartDate, has)
			}
		}
		return
	}
	t.Skip("every row began on a whole second")
}

func contains(rows []client.Session, id string) bool {
	return slices.ContainsFunc(rows, func(s client.Session) bool { return s.ID == id })
}

// walk reads the window with pages of several sizes, and must find the same sessions each time.
func (c *conformance) walk(t *testing.T) {
	for _, limit := range []int{100, 33} {
		for _, count := range []client.Count{client.CountNone, client.CountExact} {
			t.Run(fmt.Sprintf("limit=%d count=%s", limit, count), func(t *testing.T) {
				cursor := client.NewCursor(with(c.window, func(o *client.ListOptions) { o.Limit, o.Count = limit, count }))
				requests, seen := 0, make(map[string]bool)
				for o, more := cursor.Next(); more; o, more = cursor.Next() {
					if requests++; requests > 10+len(c.rows) {
						t.Fatalf("%d requests for %d rows", requests, len(c.rows))
					}
					for _, s := range cursor.Advance(c.list(t, o)) {
						if seen[s.ID] {
							t.Errorf("%s came twice", s.ID)
						}
						seen[s.ID] = true
					}
				}
				for _, s := range c.rows {
					if !seen[s.ID] {
						t.Errorf("%s of %v is missing", s.ID, s.StartDate)
					}
				}
				if len(seen) != len(c.rows) || cursor.Err() != nil || len(cursor.Skipped()) > 0 {
					t.Errorf("%d of %d rows, error %v, skipped %v", len(seen), len(c.rows), cursor.Err(), cursor.Skipped())
				}
				t.Logf("%d requests for %d rows", requests, len(seen))
			})
		}
	}
}

func (c *conformance) session(t *testing.T) {
	want := c.rows[len(c.rows)-1]
	for _, s := range c.rows {
		if s.Status == client.StatusDone && s.Review == nil {
			want = s // nothing of it changes any more
			break
		}
	}
	p, err := c.GetSession(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Sessions) != 1 || p.Date.IsZero() {
		t.Fatalf("page %+v", p)
	}
	got := p.Sessions[0]
	if got.ID != want.ID || !got.StartDate.Equal(want.StartDate.Time) || !got.EndDate.Equal(want.EndDate.Time) || got.Status != want.Status ||
		got.Connection != want.Connection || got.Type != want.Type || got.UserID != want.UserID || got.Verb != want.Verb ||
		(got.ExitCode == nil) != (want.ExitCode == nil) || (got.ExitCode != nil && *got.ExitCode != *want.ExitCode) {
		t.Errorf("by its id it is %+v, in the list %+v", got, want)
	}
	missing, err := c.GetSession(t.Context(), "00000000-0000-4000-8000-000000000000")
	if err != nil || missing.Rows != 0 || missing.Date.IsZero() {
		t.Errorf("a session that is not there gives %+v, %v", missing, err)
	}
}
