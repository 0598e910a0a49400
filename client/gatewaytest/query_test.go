package gatewaytest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestDatesBoundTheWindowAsEachDialectDoes(t *testing.T) {
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

func TestBadDatesAreRefusedAsEachDialectDoes(t *testing.T) {
	each(t, func(t *testing.T, d Dialect) {
		g := New(Config{Dialect: d})
		for _, name := range []string{"start_date", "end_date"} {
			for _, bad := range []string{"", "2026-11-23", "1763899200"} {
				a := send(t, g, sessionsPath(name, bad))
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
