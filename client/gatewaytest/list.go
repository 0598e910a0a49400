package gatewaytest

import (
	"cmp"
	"slices"
	"strconv"
)

// found is the result of a query: the rows and their number.
type found struct {
	rows  []uint32 // oldest first
	total int
	// atLeast is true if counting stopped early. Then total is a lower bound.
	atLeast bool
}

// newest returns the k-th newest of the rows, from 0.
func (f found) newest(k int) uint32 { return f.rows[len(f.rows)-1-k] }

// find returns the rows of a query. It tests single rows only if no index has exactly the requested ones.
func (g *Gateway) find(q query) found {
	base, f := &g.all, q.filter
	if f.status != nil {
		if status, ok := f.status.literal(); ok {
			base, f.status = g.reviewIndex(status), nil
		}
	}
	rows := base.rows
	if q.windowed {
		rows = base.window(&g.store, q.from, q.to)
	}
	match := g.matcher(f)
	if match == nil {
		return found{rows: rows, total: len(rows)}
	}
	// Only old gateways and count=exact need all of them.
	enough := len(rows)
	if g.cfg.Dialect >= New2026 && q.count != countExact {
		enough = q.offset + q.limit + 1
		if q.count != countNone {
			enough = max(enough, maxTotal+1)
		}
	}
	var out []uint32
	for _, i := range slices.Backward(rows) {
		if match(g.at(i)) {
			if out = append(out, i); len(out) >= enough {
				break
			}
		}
	}
	slices.Reverse(out)
	return found{rows: out, total: len(out), atLeast: len(out) >= enough && enough < len(rows)}
}

// page returns the requested page of the rows, newest first.
func (g *Gateway) page(q query, f found) []uint32 {
	n := len(f.rows)
	first, last := min(q.offset, n), min(q.offset+q.limit, n)
	if first == last {
		return nil
	}
	if g.cfg.Dialect == Old {
		return g.shuffleTies(q, f, first, last)
	}
	out := make([]uint32, 0, last-first)
	for k := first; k < last; k++ {
		out = append(out, f.newest(k))
	}
	return out
}

// shuffleTies returns a page of an old gateway. It sorts by created_at only, so rows of equal created_at have another order in every
// request. Rows outside of the page that have the created_at of its first or last row are shuffled with them.
func (g *Gateway) shuffleTies(q query, f found, first, last int) []uint32 {
	start := func(k int) int64 { return g.at(f.newest(k)).start }
	a, b := first, last
	for a > 0 && start(a-1) == start(first) {
		a--
	}
	for b < len(f.rows) && start(b) == start(last-1) {
		b++
	}
	out := make([]uint32, 0, b-a)
	for k := a; k < b; k++ {
		out = append(out, f.newest(k))
	}
	salt := mix(g.cfg.Seed ^ mix(uint64(q.limit)<<32^uint64(q.offset)))
	slices.SortStableFunc(out, func(x, y uint32) int {
		if c := cmp.Compare(g.at(y).start, g.at(x).start); c != 0 {
			return c
		}
		return cmp.Compare(mix(uint64(x)^salt), mix(uint64(y)^salt))
	})
	return out[first-a : last-a]
}

// mix is a hash function: the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// appendList appends the body of the answer.
func (g *Gateway) appendList(b []byte, q query, f found, page []uint32) []byte {
	b = append(b, `{"data":[`...)
	for k, i := range page {
		if k > 0 {
			b = append(b, ',')
		}
		b = g.appendRow(b, g.at(i), nil)
	}
	b = append(b, `],"total":`...)
	if g.cfg.Dialect == Old {
		b = strconv.AppendInt(b, int64(f.total), 10)
		// An old gateway compares only the number of rows. That is wrong if the last page is full, and always with limit 0.
		b = strconv.AppendBool(append(b, `,"has_next_page":`...), len(page) == q.limit)
		return append(b, '}')
	}
	capped := q.count == countCapped && f.total > maxTotal
	switch {
	case q.count == countNone:
		b = append(b, "null"...)
	case capped:
		b = strconv.AppendInt(b, maxTotal, 10)
	default:
		b = strconv.AppendInt(b, int64(f.total), 10)
	}
	b = strconv.AppendBool(append(b, `,"total_is_capped":`...), capped)
	b = strconv.AppendBool(append(b, `,"has_next_page":`...), len(f.rows) > q.offset+len(page))
	return append(b, '}')
}
