package gatewaytest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestPatternsMatchAsRegularExpressionsDo compares LIKE patterns with equivalent regular expressions.
func TestPatternsMatchAsRegularExpressionsDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune(`ab%_\ü`)))
		p, s := pattern(text.Draw(t, "pattern")), text.Draw(t, "text")
		if !p.valid() {
			t.Skip("the database refuses it")
		}
		var re strings.Builder
		re.WriteString(`(?s)\A`)
		escaped := false
		for _, c := range string(p) {
			switch {
			case escaped:
				re.WriteString(regexp.QuoteMeta(string(c)))
				escaped = false
			case c == '\\':
				escaped = true
			case c == '%':
				re.WriteString(`.*`)
			case c == '_':
				re.WriteString(`.`)
			default:
				re.WriteString(regexp.QuoteMeta(string(c)))
			}
		}
		re.WriteString(`\z`)
		if got, want := p.match(s), regexp.MustCompile(re.String()).MatchString(s); got != want {
			t.Fatalf("%q LIKE %q is %v, want %v (%s)", s, p, got, want, &re)
		}
		if only, ok := p.literal(); ok && p.match(s) != (s == only) {
			t.Fatalf("%q is said to match %q alone, and %q matches: %v", p, only, s, p.match(s))
		}
	})
}

// TestListsEqualAPlainReading requests random pages of random sessions and compares them with a test of every session, without indexes.
func TestListsEqualAPlainReading(t *testing.T) {
	each(t, func(outer *testing.T, d Dialect) {
		rapid.Check(outer, func(t *rapid.T) {
			c := noon()
			g := New(Config{Dialect: d, Now: c.now, Seed: rapid.Uint64().Draw(t, "seed")})
			base := c.t.Add(-time.Minute)
			second := rapid.IntRange(0, 20)
			status := rapid.SampledFrom([]string{"", pending, approved})
			if n := rapid.IntRange(0, 30).Draw(t, "history"); n > 0 {
				g.AddHistory(n, base, base.Add(20*time.Second), HistoryOptions{Unfinished: n / 3, Pending: n / 5, Connections: 3})
			}
			for i := range rapid.IntRange(0, 40).Draw(t, "rows") {
				r := Row{
					ID: fmt.Sprint(i), Connection: rapid.SampledFrom([]string{"pg", "px", "my"}).Draw(t, "connection"),
					StartDate: base.Add(time.Duration(second.Draw(t, "start")) * 500 * time.Millisecond),
				}
				if s := status.Draw(t, "status"); s != "" {
					r.Review = &Review{Status: s}
				}
				g.Add(r)
				if s := status.Draw(t, "later"); s != "" {
					g.Update(r.ID, func(r *Row) { r.Review = &Review{Status: s} })
				}
			}
			query, want := drawQuery(t, d, g.Rows(), base)
			got := list(outer, g, query...)
			if *got.Total != len(want.all) {
				t.Fatalf("%v: total %d, want %d", query, *got.Total, len(want.all))
			}
			if !slices.Equal(keysOf(got.Data, d), keysOf(want.page(), d)) {
				t.Fatalf("%v:\n got %v\nwant %v", query, keysOf(got.Data, d), keysOf(want.page(), d))
			}
			if more := want.offset+want.limit < len(want.all); d == New2026 && got.HasNextPage != more {
				t.Fatalf("%v: has_next_page %v, want %v", query, got.HasNextPage, more)
			}
		})
	})
}

// reading is the expected result of a query.
type reading struct {
	all           []Row
	limit, offset int
}

func (r reading) page() []Row {
	first := min(r.offset, len(r.all))
	return r.all[first:min(first+r.limit, len(r.all))]
}

// drawQuery draws a query and answers it from all rows.
func drawQuery(t *rapid.T, d Dialect, rows []Row, base time.Time) ([]string, reading) {
	r := reading{limit: rapid.IntRange(1, 30).Draw(t, "limit"), offset: rapid.IntRange(0, 40).Draw(t, "offset")}
	query := []string{"limit", strconv.Itoa(r.limit), "offset", strconv.Itoa(r.offset)}
	from, to := base.Add(-time.Hour), base.Add(time.Hour)
	if rapid.Bool().Draw(t, "windowed") {
		from = base.Add(time.Duration(rapid.IntRange(-1, 20).Draw(t, "from")) * time.Second)
		to = base.Add(time.Duration(rapid.IntRange(-1, 20).Draw(t, "to")) * time.Second)
		query = append(query, "start_date", from.Format(time.RFC3339), "end_date", to.Format(time.RFC3339))
	}
	connection := rapid.SampledFrom([]string{"", "pg", "p%"}).Draw(t, "filter")
	if connection != "" {
		query = append(query, "connection", connection)
	}
	status := rapid.SampledFrom([]string{"", pending, "%"}).Draw(t, "review")
	if status != "" {
		query = append(query, "review.status", status)
	}
	for _, row := range rows {
		if row.StartDate.Before(from) || row.StartDate.After(to) {
			continue
		}
		if connection != "" && row.Connection != connection && (connection != "p%" || row.Connection[0] != 'p') {
			continue
		}
		if status != "" && (row.Review == nil || status == pending && row.Review.Status != pending) {
			continue
		}
		r.all = append(r.all, row)
	}
	slices.SortFunc(r.all, func(a, b Row) int {
		return cmp.Or(b.StartDate.Compare(a.StartDate), strings.Compare(b.ID, a.ID))
	})
	return query, r
}

// keysOf returns what the dialect orders by: ids on new gateways, times on old ones.
func keysOf(rows []Row, d Dialect) []string {
	out := []string{}
	for _, r := range rows {
		if d == Old {
			out = append(out, r.StartDate.Format(time.RFC3339Nano))
		} else {
			out = append(out, r.ID)
		}
	}
	return out
}
