package client

import "time"

// densePasses bounds how often a dense second is read.
const densePasses = 12

// denseSecond reads one second that holds more rows than a page, by offset. One pass is enough where the gateway orders
// rows of equal start. Where it does not, their order can change from request to request, and a row can hide on the
// other side of the border between two pages. Each pass then sets the borders elsewhere.
type denseSecond struct {
	from   time.Time // begin of its window; the end is the cursor's
	offset int       // of the next request
	limit  int       // of the next request, 0 for that of the walk
	pass   int
	found  int // rows that this pass brought
	barren int // requests in a row that brought none
	size   int // rows of the largest page
}

type denseEnd int

const (
	denseGoOn denseEnd = iota
	denseComplete
	denseIncomplete
)

// newDenseSecond begins after the rows that are read already.
func newDenseSecond(from, until time.Time, read int) *denseSecond {
	d := &denseSecond{from: until.Add(-time.Second), offset: min(read, MaxOffset), size: 1}
	if d.from.Before(from) {
		d.from = from
	}
	return d
}

// advance takes a page of the second, of a walk with pages of limit. Known is the number of distinct rows of the second
// so far, fresh how many of them this page brought.
func (d *denseSecond) advance(p *SessionPage, limit, known, fresh int) denseEnd {
	if d.limit > 0 {
		limit = d.limit
	}
	d.size = max(d.size, p.Rows)
	d.found += fresh
	d.barren++
	if fresh > 0 {
		d.barren = 0
	}
	total, counted := p.total()
	if counted && known >= total {
		return denseComplete
	}
	next := d.offset + p.Rows
	var ended bool
	switch {
	case p.Rows == 0:
		ended = true
	case counted:
		ended = next >= total
	default:
		ended = p.Rows < limit && !p.HasNextPage
	}
	switch {
	case ended && !counted && (d.found == 0 || p.TotalIsCapped):
		// Nothing tells whether rows are missing. A pass without a new one is the best sign; and gateways that cap the
		// total do order rows of equal start.
		return denseComplete
	case d.barren > d.patience(known):
		// Whatever is asked, the same rows come.
		return denseIncomplete
	case !ended && d.offset == MaxOffset, ended && d.pass+1 == densePasses:
		return denseIncomplete
	case !ended:
		d.offset, d.limit = min(next, MaxOffset), 0
		return denseGoOn
	}
	d.again()
	return denseGoOn
}

// again begins another pass. Its first page is a part of a page, so that all its borders lie elsewhere: at a half, a
// quarter, three quarters, then in between. Among the first four passes, one has any group of equal start that is smaller
// than three quarters of a page on one page; and a gateway whose order hangs on limit and offset alone is not asked
// the same thing twice.
func (d *denseSecond) again() {
	sixteenths := [densePasses]int{0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13}
	d.pass++
	d.offset, d.found = 0, 0
	d.limit = d.size * sixteenths[d.pass] / 16
}

// patience is how many requests in a row may bring nothing new: a bit more than four passes have.
func (d *denseSecond) patience(known int) int { return 4 * (known/d.size + 2) }
