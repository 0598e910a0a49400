package gatewaytest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

var dialects = []Dialect{Old, New2026}

// each runs a test once for every dialect.
func each(t *testing.T, f func(t *testing.T, d Dialect)) {
	for _, d := range dialects {
		t.Run(d.String(), func(t *testing.T) { f(t, d) })
	}
}

// number is a gateway with n sessions a second apart, the newest at noon, ids made of their number: 000 is the newest.
func number(t *testing.T, d Dialect, n int) *Gateway {
	t.Helper()
	c := noon()
	g := New(Config{Dialect: d, Now: c.now})
	for i := range n {
		g.Add(Row{ID: fmt.Sprintf("%03d", i), StartDate: c.t.Add(-time.Duration(i) * time.Second)})
	}
	return g
}

func TestLimit(t *testing.T) {
	const garbage = `failed listing sessions, invalid \"limit\" option: must be an integer, got \"ten\"`
	tests := []struct {
		name, limit string
		rows        map[Dialect]int    // in a 200
		refused     map[Dialect]string // or the message, with its code
	}{
		{"absent is 20", "absent", map[Dialect]int{Old: 20, New2026: 20}, nil},
		{"as asked", "7", map[Dialect]int{Old: 7, New2026: 7}, nil},
		{"clamped to 100", "500", map[Dialect]int{Old: 100, New2026: 100}, nil},
		{"zero", "0", map[Dialect]int{Old: 0},
			map[Dialect]string{New2026: `422 {"message":"failed listing sessions, invalid \"limit\" option: must be at least 1, got 0"}`}},
		{"garbage", "ten", map[Dialect]int{Old: 0}, map[Dialect]string{New2026: `422 {"message":"` + garbage + `"}`}},
		{"negative", "-1", nil, map[Dialect]string{
			Old:     `500 {"message":"failed listing sessions, reason=ERROR: LIMIT must not be negative (SQLSTATE 2201W)"}`,
			New2026: `422 {"message":"failed listing sessions, invalid \"limit\" option: must be at least 1, got -1"}`,
		}},
	}
	each(t, func(t *testing.T, d Dialect) {
		g := number(t, d, 150)
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				query := []string{"limit", test.limit}
				if test.limit == "absent" {
					query = nil
				}
				a := ask(t, g, sessionsPath(query...))
				if want, refused := test.refused[d]; refused {
					if got := fmt.Sprint(a.code, " ", a.body); got != want {
						t.Errorf("got %s, want %s", got, want)
					}
					return
				}
				if got := len(list(t, g, query...).Data); got != test.rows[d] {
					t.Errorf("%d rows, want %d", got, test.rows[d])
				}
			})
		}
	})
}

func TestHasNextPage(t *testing.T) {
	tests := []struct {
		name          string
		limit, offset string
		rows          int
		want          map[Dialect]bool
	}{
		{"more to come", "10", "0", 10, map[Dialect]bool{Old: true, New2026: true}},
		{"short last page", "10", "25", 5, map[Dialect]bool{Old: false, New2026: false}},
		{"exactly full last page", "10", "20", 10, map[Dialect]bool{Old: true, New2026: false}},
		{"behind the end", "10", "30", 0, map[Dialect]bool{Old: false, New2026: false}},
	}
	each(t, func(t *testing.T, d Dialect) {
		g := number(t, d, 30)
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				p := list(t, g, "limit", test.limit, "offset", test.offset)
				if len(p.Data) != test.rows || p.HasNextPage != test.want[d] {
					t.Errorf("%d rows and has_next_page %v, want %d and %v", len(p.Data), p.HasNextPage, test.rows, test.want[d])
				}
			})
		}
	})
	t.Run("limit 0 on old: for ever", func(t *testing.T) {
		if p := list(t, number(t, Old, 30), "limit", "0", "offset", "1000"); !p.HasNextPage {
			t.Error("has_next_page is false")
		}
	})
}

func TestOffset(t *testing.T) {
	const tooDeep = `{"message":"failed listing sessions, invalid \"offset\" option: must not be greater than 10000, got 10001; ` +
		`narrow the result set with a filter instead of paginating deeper"}`
	each(t, func(t *testing.T, d Dialect) {
		c := noon()
		g := New(Config{Dialect: d, Now: c.now})
		g.AddHistory(10_250, c.t.Add(-time.Hour), c.t, HistoryOptions{})
		if p := list(t, g, "offset", "10000", "limit", "100"); len(p.Data) != 100 || !p.HasNextPage {
			t.Errorf("at 10000: %d rows, has_next_page %v, want 100 and true", len(p.Data), p.HasNextPage)
		}
		deep := ask(t, g, sessionsPath("offset", "10001"))
		switch {
		case d == Old && deep.code != http.StatusOK:
			t.Errorf("beyond 10000: %d %s, want it to be unbounded", deep.code, deep.body)
		case d == New2026 && (deep.code != http.StatusUnprocessableEntity || deep.body != tooDeep):
			t.Errorf("beyond 10000: %d %s, want 422 %s", deep.code, deep.body, tooDeep)
		}
		if d == Old {
			if got := len(list(t, g, "offset", "10240", "limit", "100").Data); got != 10 {
				t.Errorf("%d rows on the last page, want 10", got)
			}
		}
	})
}

func TestTotal(t *testing.T) {
	tests := []struct {
		name     string
		sessions int
		count    string
		total    map[Dialect]*int
		capped   bool // new only: old ones do not have the key
	}{
		{"below the cap", 9999, "", map[Dialect]*int{Old: ptr(9999), New2026: ptr(9999)}, false},
		{"at the cap", 10_000, "", map[Dialect]*int{Old: ptr(10_000), New2026: ptr(10_000)}, false},
		{"above the cap", 10_001, "", map[Dialect]*int{Old: ptr(10_001), New2026: ptr(10_000)}, true},
		{"count=none", 10_001, "none", map[Dialect]*int{Old: ptr(10_001), New2026: nil}, false},
		{"count=exact", 10_001, "exact", map[Dialect]*int{Old: ptr(10_001), New2026: ptr(10_001)}, false},
	}
	each(t, func(t *testing.T, d Dialect) {
		for _, test := range tests {
			// The same without a filter, where only indexes are looked at, and with one, where rows are.
			for _, filter := range []string{"", "connection"} {
				t.Run(strings.TrimSpace(test.name+" "+filter), func(t *testing.T) {
					c := noon()
					g := New(Config{Dialect: d, Now: c.now})
					g.AddHistory(test.sessions, c.t.Add(-time.Hour), c.t, HistoryOptions{})
					query := []string{"limit", "1"}
					if test.count != "" {
						query = append(query, "count", test.count)
					}
					if filter != "" {
						query = append(query, filter, "%")
					}
					p := list(t, g, query...)
					if fmt.Sprint(deref(p.Total)) != fmt.Sprint(deref(test.total[d])) {
						t.Errorf("total %v, want %v", deref(p.Total), deref(test.total[d]))
					}
					if d == Old && p.Capped != nil || d == New2026 && (p.Capped == nil || *p.Capped != test.capped) {
						t.Errorf("total_is_capped %v, want %v", deref(p.Capped), test.capped)
					}
					if !p.HasNextPage {
						t.Error("has_next_page is false")
					}
				})
			}
		}
	})
}

func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func TestDates(t *testing.T) {
	// Created at: 9:59:59.7, 10:00:00, 10:00:05, 10:00:05.3, and 12:00:00.2 (the clock stands at 12:00:00.5).
	times := map[string]string{
		"a": "09:59:59.7Z", "b": "10:00:00Z", "c": "10:00:05Z", "d": "10:00:05.3Z", "e": "12:00:00.2Z",
	}
	tests := []struct {
		name, start, end string
		want             string
	}{
		{"none", "", "", "e d c b a"},
		{"inclusive at both ends", "10:00:00Z", "10:00:05Z", "c b"},
		{"end in whole seconds: .3 later is missed", "10:00:00Z", "10:00:05.9Z", "c b"},
		{"start in whole seconds: back to the second's beginning", "10:00:00.9Z", "10:00:06Z", "d c b"},
		{"end_date alone is ignored", "", "10:00:00Z", "e d c b a"},
		{"start_date alone ends at the clock's whole second", "10:00:05Z", "", "d c"},
		{"an end that lies ahead shows the newest", "10:00:05Z", "13:00:00Z", "e d c"},
		{"a zone is dropped, not converted", "10:00:00%2B05:00", "10:00:05-07:00", "c b"},
		{"upside down", "10:00:05Z", "10:00:00Z", ""},
	}
	each(t, func(t *testing.T, d Dialect) {
		c := noon()
		c.sleep(500 * time.Millisecond)
		g := New(Config{Dialect: d, Now: c.now})
		for id, at := range times {
			start, err := time.Parse(time.RFC3339, "2026-11-23T"+at)
			if err != nil {
				t.Fatal(err)
			}
			g.Add(Row{ID: id, StartDate: start})
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				query := []string{}
				for name, v := range map[string]string{"start_date": test.start, "end_date": test.end} {
					if v != "" {
						query = append(query, name, "2026-11-23T"+strings.ReplaceAll(v, "%2B", "+"))
					}
				}
				if got := strings.Join(list(t, g, query...).ids(), " "); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		}
	})
}

func TestBadDates(t *testing.T) {
	each(t, func(t *testing.T, d Dialect) {
		g := New(Config{Dialect: d})
		for _, name := range []string{"start_date", "end_date"} {
			for _, bad := range []string{"", "2026-11-23", "1763899200"} {
				a := ask(t, g, sessionsPath(name, bad))
				want := `{"message":"failed listing sessions, start_date or end_date in wrong format"}`
				if d == New2026 {
					want = fmt.Sprintf(`{"message":"failed listing sessions, invalid \"%s\" option: start_date or end_date in wrong format"}`, name)
				}
				if a.code != http.StatusUnprocessableEntity || a.body != want {
					t.Errorf("%s=%q: %d %s, want 422 %s", name, bad, a.code, a.body, want)
				}
			}
		}
	})
}

func TestOrder(t *testing.T) {
	c := noon()
	tied := func(d Dialect, seed uint64) *Gateway {
		g := New(Config{Dialect: d, Now: c.now, Seed: seed})
		g.Add(Row{ID: "00000000-0000-4000-8000-00000000ffff", StartDate: c.t.Add(time.Second)})
		for i := range 30 {
			g.Add(Row{ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", (i*7)%30), StartDate: c.t})
		}
		g.Add(Row{ID: "00000000-0000-4000-8000-00000000fffe", StartDate: c.t.Add(-time.Second)})
		return g
	}
	t.Run("new: created_at, then id, descending", func(t *testing.T) {
		ids := list(t, tied(New2026, 1), "limit", "100").ids()
		if !slices.IsSortedFunc(ids[1:31], func(a, b string) int { return strings.Compare(b, a) }) {
			t.Errorf("not by id: %v", ids)
		}
	})
	t.Run("old: pages of equal timestamps neither agree nor add up", func(t *testing.T) {
		g := tied(Old, 1)
		whole := list(t, g, "limit", "100").ids()
		if whole[0][32:] != "ffff" || whole[31][32:] != "fffe" {
			t.Errorf("created_at comes first: %v", whole)
		}
		pages := append(list(t, g, "limit", "16").ids(), list(t, g, "limit", "16", "offset", "16").ids()...)
		if slices.Equal(whole, pages) {
			t.Error("two pages show the order of one")
		}
		distinct := map[string]bool{}
		for _, id := range pages {
			distinct[id] = true
		}
		if len(distinct) == len(pages) {
			t.Error("no session comes twice: another seed may be needed")
		}
		if again := list(t, tied(Old, 1), "limit", "100").ids(); !slices.Equal(whole, again) {
			t.Error("the same seed and request give another order")
		}
		if other := list(t, tied(Old, 2), "limit", "100").ids(); slices.Equal(whole, other) {
			t.Error("another seed gives the same order")
		}
	})
}

func TestFilters(t *testing.T) {
	review := func(status string, groups ...string) *Review {
		v := &Review{Status: status}
		for _, g := range groups {
			v.Groups = append(v.Groups, Group{Group: g})
		}
		return v
	}
	tests := []struct {
		name, filter, value string
		want                string
	}{
		{"connection", "connection", "pg", "a"},
		{"connection is anchored", "connection", "p", ""},
		{"connection is case-sensitive", "connection", "PG", ""},
		{"percent", "connection", "pg%", "d c b a"},
		{"percent in the middle", "connection", "p%_1", "d c b"},
		{"underscore is any one character", "connection", "pg_1", "d c b"},
		{"backslash escapes", "connection", `pg\_1`, "b"},
		{"backslash escapes a backslash", "connection", `pg\\1`, "d"},
		{"present but empty is a filter", "connection", "", "e"},
		{"type", "type", "data%", "b a"},
		{"user is the subject", "user", "user-7", "a"},
		{"user is not the e-mail", "user", "user7@example.com", ""},
		{"review.status", "review.status", "PENDING", "a"},
		{"review.status as a pattern", "review.status", "%E%T%D%", "b"},
		{"review.status empty", "review.status", "", "d"},
		{"review.status that nobody has", "review.status", "REVOKED", ""},
		{"review.approver by groups", "review.approver", "grace@example.com", "b a"},
		{"review.approver unknown", "review.approver", "nobody@example.com", ""},
		{"unknown parameters are ignored", "status", "open", "e d c b a"},
	}
	each(t, func(t *testing.T, d Dialect) {
		c := noon()
		g := New(Config{Dialect: d, Now: c.now})
		for i, r := range []Row{
			{ID: "a", Connection: "pg", Type: "database", User: "user7@example.com", UserID: "user-7", Review: review("PENDING", "sre", "dba")},
			{ID: "b", Connection: "pg_1", Type: "database", Review: review("REJECTED", "dba")},
			{ID: "c", Connection: "pgx1", Type: "custom", Review: review("APPROVED", "sre")},
			{ID: "d", Connection: `pg\1`, Type: "custom", Review: review("")},
			{ID: "e", Connection: "", Type: "custom"},
		} {
			r.StartDate = c.t.Add(time.Duration(i) * time.Second)
			g.Add(r)
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				p := list(t, g, test.filter, test.value)
				if got := strings.Join(p.ids(), " "); got != test.want || *p.Total != len(p.Data) {
					t.Errorf("got %q of %d, want %q", got, *p.Total, test.want)
				}
			})
		}
		t.Run("a pattern that ends within an escape is SQL trouble", func(t *testing.T) {
			if a := ask(t, g, sessionsPath("connection", `pg\`)); a.code != http.StatusInternalServerError {
				t.Errorf("%d %s, want 500", a.code, a.body)
			}
		})
	})
}

func TestNewGatewaysCheckParameters(t *testing.T) {
	g := New(Config{Dialect: New2026})
	for query, want := range map[string]string{
		"offset=-1":  `invalid \"offset\" option: must be at least 0, got -1`,
		"offset=ten": `invalid \"offset\" option: must be an integer, got \"ten\"`,
		"count=some": `invalid \"count\" option: must be none or exact, got \"some\"`,
	} {
		if a := ask(t, g, "/api/sessions?"+query); a.code != http.StatusUnprocessableEntity || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s, want 422 with %s", query, a.code, a.body, want)
		}
	}
}

func TestCredentials(t *testing.T) {
	tokens := map[string]Credential{
		"jwt": {}, "hpk_auditor": {Role: RoleAuditor, UserID: "exporter"}, "jwt-2": {Role: RoleStandard, UserID: "user-2"},
	}
	keys := map[string]Credential{"org|secret": {}, "xapi-secret": {}, "hpk_auditor": {Role: RoleAuditor}}
	tests := []struct {
		name, header, value string
		want                map[Dialect]int // rows; -1 is a 401
	}{
		{"bearer token", "Authorization", "Bearer jwt", map[Dialect]int{Old: 2, New2026: 2}},
		{"wrong bearer token", "Authorization", "Bearer other", map[Dialect]int{Old: -1, New2026: -1}},
		{"token without Bearer", "Authorization", "jwt", map[Dialect]int{Old: -1, New2026: -1}},
		{"hpk_ key after Bearer, new only", "Authorization", "Bearer hpk_auditor", map[Dialect]int{Old: -1, New2026: 2}},
		{"Api-Key with an organisation", "Api-Key", "org|secret", map[Dialect]int{Old: 2, New2026: 2}},
		{"Api-Key xapi-", "Api-Key", "xapi-secret", map[Dialect]int{Old: 2, New2026: 2}},
		{"hpk_ key in Api-Key fails", "Api-Key", "hpk_auditor", map[Dialect]int{Old: -1, New2026: -1}},
		{"a standard user sees fewer rows, silently", "Authorization", "Bearer jwt-2", map[Dialect]int{Old: 1, New2026: 1}},
		{"nobody", "X-Nothing", "", map[Dialect]int{Old: -1, New2026: -1}},
	}
	each(t, func(t *testing.T, d Dialect) {
		g := New(Config{Dialect: d, Tokens: tokens, APIKeys: keys})
		g.Add(Row{ID: "a", User: "user1@example.com", UserID: "user-1"})
		g.Add(Row{ID: "b", User: "user2@example.com", UserID: "user-2"})
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				got := rowsFor(t, g, test.header, test.value)
				if got != test.want[d] {
					t.Errorf("%d rows, want %d", got, test.want[d])
				}
			})
		}
		t.Run("a standard user does not find others' sessions by id", func(t *testing.T) {
			if a := ask(t, g, "/api/sessions/a", "Authorization", "Bearer jwt-2"); a.code != http.StatusNotFound {
				t.Errorf("got %d, want 404", a.code)
			}
		})
	})
}

// rowsFor is the number of rows that a credential gets to see, -1 where it is refused.
func rowsFor(t *testing.T, g *Gateway, header, value string) int {
	t.Helper()
	pairs := []string{"Authorization", "", header, value}
	a := ask(t, g, "/api/sessions", pairs...)
	if a.code == http.StatusUnauthorized {
		return -1
	}
	return strings.Count(a.body, `"org_id"`)
}

func TestAnswersByPath(t *testing.T) {
	each(t, func(t *testing.T, d Dialect) {
		c := noon()
		g := New(Config{Dialect: d, Now: c.now, BasePath: "/hoop/api"})
		id := g.Add(Row{Connection: "pg", ScriptSize: 20, ConnectionTags: map[string]string{"team": "<&>"}})
		tests := []struct {
			path string
			code int
			kind string
			part string
		}{
			{"/hoop/api/sessions", 200, "application/json; charset=utf-8", `"data":[{"id":"` + id},
			{"/hoop/api/sessions/" + id, 200, "application/json; charset=utf-8", `"script":{"data":"select 1            "}`},
			{"/hoop/api/sessions/" + id + "?expand=none", 200, "application/json; charset=utf-8", `"script":null`},
			{"/hoop/api/sessions/" + id + "?expand=", 200, "application/json; charset=utf-8", `"script":{`},
			{"/hoop/api/sessions/5d1f2c8a-0000-4c39-9a40-e1d3f5b7a912", 404, "application/json; charset=utf-8", `{"message":`},
			{"/hoop/api/userinfo", 200, "application/json; charset=utf-8", `"role":"admin"`},
			{"/api/sessions", 200, "text/html; charset=utf-8", "<html"},
			{"/hoop/api", 200, "text/html; charset=utf-8", "<html"},
			{"/hoop/api/sessions/" + id + "/more", 200, "text/html; charset=utf-8", "<html"},
			{"/", 200, "text/html; charset=utf-8", "<html"},
		}
		for _, test := range tests {
			a := ask(t, g, test.path)
			if a.code != test.code || a.header.Get("Content-Type") != test.kind || !strings.Contains(a.body, test.part) {
				t.Errorf("%s: %d %s %s\nwant %d %s with %s", test.path, a.code, a.header.Get("Content-Type"), a.body,
					test.code, test.kind, test.part)
			}
		}
	})
}

func TestHeaders(t *testing.T) {
	c := noon()
	c.sleep(900 * time.Millisecond)
	tests := []struct {
		name   string
		cfg    Config
		server string
		token  string
	}{
		{"old", Config{Dialect: Old}, "hoopgateway/1.49.10", ""},
		{"new", Config{Dialect: New2026}, "hoopgateway/1.148.0", ""},
		{"between", Config{Dialect: Old, Version: "1.63.2"}, "hoopgateway/1.63.2", ""},
		{"stripped by a proxy", Config{HideVersion: true}, "", ""},
		{"a fresh token", Config{Dialect: New2026, NewAccessToken: func(*http.Request) string { return "fresh" }},
			"hoopgateway/1.148.0", "fresh"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.cfg.Now = c.now
			for _, path := range []string{"/api/sessions", "/nowhere"} {
				h := ask(t, New(test.cfg), path).header
				if h.Get("Server") != test.server || h.Get("X-New-Access-Token") != test.token {
					t.Errorf("Server %q, token %q; want %q, %q", h.Get("Server"), h.Get("X-New-Access-Token"), test.server, test.token)
				}
				if h.Get("Date") != "Mon, 23 Nov 2026 12:00:00 GMT" {
					t.Errorf("Date %q is not the clock's whole second", h.Get("Date"))
				}
			}
		})
	}
}
