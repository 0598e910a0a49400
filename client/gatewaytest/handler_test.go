package gatewaytest

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestEachFilterLeavesOnlyItsRows(t *testing.T) {
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
		{"review.status that no session has", "review.status", "REVOKED", ""},
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
		t.Run("a pattern that ends within an escape is an SQL error", func(t *testing.T) {
			if a := send(t, g, sessionsPath("connection", `pg\`)); a.code != http.StatusInternalServerError {
				t.Errorf("%d %s, want 500", a.code, a.body)
			}
		})
	})
}

func TestEachDialectAcceptsItsCredentials(t *testing.T) {
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
		{"Api-Key with an organization", "Api-Key", "org|secret", map[Dialect]int{Old: 2, New2026: 2}},
		{"Api-Key xapi-", "Api-Key", "xapi-secret", map[Dialect]int{Old: 2, New2026: 2}},
		{"hpk_ key in Api-Key fails", "Api-Key", "hpk_auditor", map[Dialect]int{Old: -1, New2026: -1}},
		{"a standard user sees fewer rows, silently", "Authorization", "Bearer jwt-2", map[Dialect]int{Old: 1, New2026: 1}},
		{"no credential", "X-Nothing", "", map[Dialect]int{Old: -1, New2026: -1}},
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
			if a := send(t, g, "/api/sessions/a", "Authorization", "Bearer jwt-2"); a.code != http.StatusNotFound {
				t.Errorf("got %d, want 404", a.code)
			}
		})
	})
}

// rowsFor returns the number of rows that a credential sees, or -1 if it is refused.
func rowsFor(t *testing.T, g *Gateway, header, value string) int {
	t.Helper()
	pairs := []string{"Authorization", "", header, value}
	a := send(t, g, "/api/sessions", pairs...)
	if a.code == http.StatusUnauthorized {
		return -1
	}
	return strings.Count(a.body, `"org_id"`)
}

func TestEachPathAnswersAsItsDialectDoes(t *testing.T) {
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
			a := send(t, g, test.path)
			if a.code != test.code || a.header.Get("Content-Type") != test.kind || !strings.Contains(a.body, test.part) {
				t.Errorf("%s: %d %s %s\nwant %d %s with %s", test.path, a.code, a.header.Get("Content-Type"), a.body,
					test.code, test.kind, test.part)
			}
		}
	})
}

func TestHeadersCarryTheDateAndTheServer(t *testing.T) {
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
				h := send(t, New(test.cfg), path).header
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
