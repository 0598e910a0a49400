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

// number returns a gateway with n sessions a second apart. The newest starts at noon and has the id 000.
func number(t *testing.T, d Dialect, n int) *Gateway {
	t.Helper()
	c := noon()
	g := New(Config{Dialect: d, Now: c.now})
	for i := range n {
		g.Add(Row{ID: fmt.Sprintf("%03d", i), StartDate: c.t.Add(-time.Duration(i) * time.Second)})
	}
	return g
}

func TestLimitsAreThoseOfEachDialect(t *testing.T) {
	const garbage = `failed listing sessions, invalid \"limit\" option: must be an integer, got \"ten\"`
	tests := []struct {
		name, limit string
		rows        map[Dialect]int    // in a 200
		refused     map[Dialect]string // otherwise the status and the message
	}{
		{"absent is 20", "absent", map[Dialect]int{Old: 20, New2026: 20}, nil},
		{"as requested", "7", map[Dialect]int{Old: 7, New2026: 7}, nil},
		{"clamped to 100", "500", map[Dialect]int{Old: 100, New2026: 100}, nil},
		{"zero", "0", map[Dialect]int{Old: 0},
			map[Dialect]string{New2026: `422 {"message":"failed listing sessions, invalid \"limit\" option: must be at least 1, got 0"}`}},
		{"garbage", "ten", map[Dialect]int{Old: 0}, map[Dialect]string{New2026: `422 {"message":"` + garbage + `"}`}},
		{"negative", "-1", nil, map[Dialect]string{
			Old:     `500 {"message":"failed listing sessions (v2)"}`,
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
				a := send(t, g, sessionsPath(query...))
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

func TestHasNextPageIsThatOfEachDialect(t *testing.T) {
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

func TestOffsetsSkipRows(t *testing.T) {
	const tooDeep = `{"message":"failed listing sessions, invalid \"offset\" option: must not be greater than 10000, got 10001; ` +
		`narrow the result set with a filter instead of paginating deeper"}`
	each(t, func(t *testing.T, d Dialect) {
		c := noon()
		g := New(Config{Dialect: d, Now: c.now})
		g.AddHistory(10_250, c.t.Add(-time.Hour), c.t, HistoryOptions{})
		if p := list(t, g, "offset", "10000", "limit", "100"); len(p.Data) != 100 || !p.HasNextPage {
			t.Errorf("at 10000: %d rows, has_next_page %v, want 100 and true", len(p.Data), p.HasNextPage)
		}
		deep := send(t, g, sessionsPath("offset", "10001"))
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

func TestTotalsAreThoseOfEachDialect(t *testing.T) {
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
		{"count=capped", 10_001, "capped", map[Dialect]*int{Old: ptr(10_001), New2026: ptr(10_000)}, true},
		{"count=exact", 10_001, "exact", map[Dialect]*int{Old: ptr(10_001), New2026: ptr(10_001)}, false},
	}
	each(t, func(t *testing.T, d Dialect) {
		for _, test := range tests {
			// The same without a filter, which uses only indexes, and with one, which tests rows.
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

func TestRowsComeNewestFirst(t *testing.T) {
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

func TestNewGatewaysCheckParameters(t *testing.T) {
	g := New(Config{Dialect: New2026})
	for query, want := range map[string]string{
		"offset=-1":  `invalid \"offset\" option: must be at least 0, got -1`,
		"offset=ten": `invalid \"offset\" option: must be an integer, got \"ten\"`,
		"count=some": `invalid \"count\" option: must be none, exact or capped, got \"some\"`,
		"count=":     `invalid \"count\" option: must be none, exact or capped, got \"\"`,
	} {
		if a := send(t, g, "/api/sessions?"+query); a.code != http.StatusUnprocessableEntity || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s, want 422 with %s", query, a.code, a.body, want)
		}
	}
}
