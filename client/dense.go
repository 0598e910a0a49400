package client

import "time"

// densePasses bounds how often a dense second is read over again.
const densePasses = 12

// denseSecond reads one second that holds more rows than a page, by offset. One pass is enough where the gateway orders
// rows of equal start. Where it does not, their order can change from request to request, and a row can hide on the
// other side of the border between two pages. Each pass then sets the borders elsewhere.
type denseSecond struct {
	from   time.Time // begin of its window; the end is the cursor's
	offset int       // of the next request
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

// advance takes a page of the second. Known is the number of distinct rows of the second so far, fresh how many of
// them this page brought.
func (d *denseSecond) advance(p *SessionPage, limit, known, fresh int) denseEnd {
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
	case !ended && d.barren > d.patience(known):
		// Whatever is asked, the same rows come.
		return denseIncomplete
	case !ended && d.offset == MaxOffset:
		return denseIncomplete
	case !ended:
		d.offset = min(d.shift(next), MaxOffset)
		return denseGoOn
	case !counted && (d.found == 0 || p.TotalIsCapped):
		// Nothing tells whether rows are missing. A pass without a new one is the best sign; and gateways that cap the
		// total do order rows of equal start.
		return denseComplete
	case d.pass+1 == densePasses:
		return denseIncomplete
	}
	d.pass, d.offset, d.found = d.pass+1, 0, 0
	return denseGoOn
}

// shift sets the borders of a later pass elsewhere, by quarters of a page: among four passes, one has any group of equal
// start that is smaller than three quarters of a page on one page.
func (d *denseSecond) shift(next int) int {
	if by := d.size * (d.pass % 4) / 4; d.offset == 0 && by > 0 {
		return by
	}
	return next
}

// patience is how many requests in a row may bring nothing new: a bit more than four passes have.
func (d *denseSecond) patience(known int) int { return 4 * (known/d.size + 2) }
