package web

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// perPage is how many gateways a page shows.
const perPage = 250

// query is what the parameters of the page select.
type query struct {
	text  string // that the name contains, in lower case
	state string // a state's key, or "" for all
	sort  string // a column's key, or "" for the order by state
	down  bool   // descending
	page  int    // from 0
}

func queryOf(v url.Values) query {
	q := query{text: strings.TrimSpace(v.Get("q")), sort: v.Get("sort"), down: v.Get("order") == "desc"}
	if len(q.text) > 100 {
		q.text = ""
	}
	for s := range states {
		if s.Key() == v.Get("state") {
			q.state = s.Key()
		}
	}
	if !slices.ContainsFunc(columns(true), func(c column) bool { return c.key == q.sort && c.compare != nil }) {
		q.sort, q.down = "", false
	}
	if n, err := strconv.Atoi(v.Get("page")); err == nil && n > 1 {
		q.page = n - 1
	}
	return q
}

// link returns the address of the page with these parameters.
func (q query) link() string {
	v := url.Values{}
	set := func(name, value string, given bool) {
		if given {
			v.Set(name, value)
		}
	}
	set("q", q.text, q.text != "")
	set("state", q.state, q.state != "")
	set("sort", q.sort, q.sort != "")
	set("order", "desc", q.down)
	set("page", strconv.Itoa(q.page+1), q.page > 0)
	if len(v) == 0 {
		return "./"
	}
	return "./?" + v.Encode()
}

// column is a column of the table.
type column struct {
	key, Text, Help string
	number          bool // aligned to the right, and largest first at the first click
	compare         func(a, b *row) int

	Link, Sorted string
}

// Class is the column's style.
func (c column) Class() string {
	if c.number {
		return "n"
	}
	return ""
}

// columns are those of the table. Those that say nothing of a gateway that another process watches have it at the end.
func columns(expiry bool) []column {
	by := func(value func(*row) float64) func(a, b *row) int {
		return func(a, b *row) int { return cmp.Compare(value(a), value(b)) }
	}
	counted := func(value func(*row) float64) func(a, b *row) int {
		return by(func(r *row) float64 {
			if r.status.Counts == nil {
				return -1
			}
			return value(r)
		})
	}
	all := []column{
		{key: "name", Text: "Gateway", Help: "Sort by name", compare: func(a, b *row) int { return cmp.Compare(a.Name, b.Name) }},
		{key: "state", Text: "State", Help: "Sort by state, the worst first", compare: func(a, b *row) int { return cmp.Compare(a.State, b.State) }},
		{key: "refresh", Text: "Last refresh", Help: "Sort by the end of the last refresh", number: true, compare: func(a, b *row) int {
			return b.status.LastRefresh.Compare(a.status.LastRefresh) // the longest ago is the largest
		}},
		{key: "open", Text: "Open sessions", Help: "Sort by open sessions", number: true, compare: counted(func(r *row) float64 { return float64(r.status.Counts.Open()) })},
		{key: "waiting", Text: "Reviews waiting", Help: "Sort by waiting reviews", number: true, compare: counted(func(r *row) float64 { return float64(r.status.Counts.Waiting) })},
		{key: "oldest", Text: "Oldest wait", Help: "Sort by the longest wait", number: true, compare: counted(func(r *row) float64 { return r.status.Counts.OldestWait.Seconds() })},
		{key: "unread", Text: "Backfill", Help: "Sort by what is still to be read", compare: by(func(r *row) float64 { return r.status.Unread.Seconds() })},
		{key: "requests", Text: "Requests a minute", Help: "Sort by requests", number: true, compare: by(func(r *row) float64 { return r.status.RequestsPerMinute })},
		{key: "budget", Text: "Budget used", Help: "Sort by the portion of the budget that is used", compare: by(func(r *row) float64 { return r.status.Busy / max(r.status.Budget, 1e-9) })},
		{key: "role", Text: "Role", Help: "Sort by the credential’s role", compare: func(a, b *row) int { return cmp.Compare(a.Role, b.Role) }},
	}
	if expiry {
		all = append(all, column{key: "expiry", Text: "Expires", Help: "Sort by the credential’s expiry", number: true, compare: func(a, b *row) int {
			return a.status.CredentialExpiry.Compare(b.status.CredentialExpiry)
		}})
	}
	return append(all,
		column{key: "version", Text: "Version", Help: "Sort by the gateway’s version", number: true, compare: func(a, b *row) int { return cmp.Compare(a.Version, b.Version) }},
		column{Text: ""})
}

// count is how many gateways are in a state, with the link to these.
type count struct {
	Key, Text, Link string
	Count           int
	Current         bool
}

// list is the table of gateways.
type list struct {
	Heading, Caption, None string
	Counts                 []count
	Columns                []column
	Rows                   []row
	Query, State, Sort     string
	Clear, Previous, Next  string
	Filtered, Expiry       bool
	Descending             bool

	alarming int // of all
}

// listOf selects and sorts rows, which are sorted by name.
func listOf(rows []row, q query) *list {
	l := &list{Query: q.text, State: q.state, Sort: q.sort, Descending: q.down, Filtered: q.text != "" || q.state != "", Clear: query{sort: q.sort, down: q.down}.link()}
	var per [states]int
	for i := range rows {
		per[rows[i].State]++
		l.Expiry = l.Expiry || rows[i].Expiry.UTC != ""
		if rows[i].State.Alarming() {
			l.alarming++
		}
	}
	l.Heading = fmt.Sprintf("%d gateways", len(rows))
	if len(rows) == 1 {
		l.Heading = "1 gateway"
	}
	in := q
	in.page = 0
	with := func(state string) string { in.state = state; return in.link() }
	l.Counts = append(l.Counts, count{"all", "All", with(""), len(rows), q.state == ""})
	for s := range states {
		if per[s] > 0 || s.Key() == q.state {
			l.Counts = append(l.Counts, count{s.Key(), s.Text(), with(s.Key()), per[s], q.state == s.Key()})
		}
	}
	text := strings.ToLower(q.text)
	found := slices.DeleteFunc(slices.Clone(rows), func(r row) bool {
		return q.state != "" && r.State.Key() != q.state || !strings.Contains(strings.ToLower(r.Name), text)
	})
	l.Columns = columns(l.Expiry)
	sortRows(found, l.Columns, q)
	l.cut(found, q)
	return l
}

// cut shows one page of what was found.
func (l *list) cut(found []row, q query) {
	from := min(q.page*perPage, len(found))
	to := min(from+perPage, len(found))
	l.Rows = found[from:to]
	switch {
	case len(found) > perPage:
		l.Caption = fmt.Sprintf("%d to %d of %d", from+1, to, len(found))
	case l.Filtered:
		l.Caption = fmt.Sprintf("%d found", len(found))
	}
	if l.None = "No gateway matches."; !l.Filtered && len(found) == 0 {
		l.None = "The configuration has no gateway."
	}
	if previous := q; q.page > 0 {
		previous.page--
		l.Previous = previous.link()
	}
	if next := q; to < len(found) {
		next.page++
		l.Next = next.link()
	}
}

// sortRows sorts rows, which are sorted by name, and links each column to its order.
func sortRows(rows []row, columns []column, q query) {
	by, reverse := q.sort, q.down
	if by == "" {
		by = "state"
	}
	for i := range columns {
		c := &columns[i]
		if c.compare == nil {
			continue
		}
		to := q
		to.sort, to.page, to.down = c.key, 0, c.number
		if c.key == by {
			to.down = !reverse
			c.Sorted = "ascending"
			if reverse {
				c.Sorted = "descending"
			}
			slices.SortStableFunc(rows, func(a, b row) int {
				if a.Here != b.Here && c.key != "name" && c.key != "state" { // there is nothing to compare
					if a.Here {
						return -1
					}
					return 1
				}
				if reverse {
					return c.compare(&b, &a)
				}
				return c.compare(&a, &b)
			})
		}
		c.Link = to.link()
	}
}
