package client

import "time"

// maxPasses limits how often a second is read.
const maxPasses = 12

// secondReader plans how to read by offset one second that has more rows than a page. [Cursor] calls advance after each page and reads
// from, offset and limit for the next request.
//
// One pass is enough if the gateway orders rows of equal start. If it does not, their order can change from request to request, and a row
// can be missed at the border between two pages. So each pass has its borders in different places.
type secondReader struct {
	from      time.Time // start of the request's window; its end is the cursor's
	offset    int       // of the next request
	limit     int       // of the next request; 0 is the cursor's
	pass      int
	found     int // new rows in this pass
	fruitless int // requests in a row without a new row
	size      int // rows of the largest page so far
}

type secondResult int

const (
	secondUnfinished secondResult = iota
	secondComplete
	secondUnreachable // it has more sessions than offsets can reach
	secondMismatch    // fewer sessions were found than the total says
)

// newSecondReader starts after the rows of the second that have already been read.
func newSecondReader(from, until time.Time, read int) *secondReader {
	s := &secondReader{from: until.Add(-time.Second), offset: min(read, MaxOffset), size: 1}
	if s.from.Before(from) {
		s.from = from
	}
	return s
}

// advance processes a page of the second. limit is the cursor's page size, known the number of distinct rows of the second so far, and
// fresh how many of them are new in this page.
func (s *secondReader) advance(p *SessionPage, limit, known, fresh int) secondResult {
	if s.limit > 0 {
		limit = s.limit
	}
	s.size = max(s.size, p.Rows)
	s.found += fresh
	s.fruitless++
	if fresh > 0 {
		s.fruitless = 0
	}
	total, counted := p.ExactTotal()
	if counted && known >= total {
		return secondComplete
	}
	next := s.offset + p.Rows
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
	case ended && !counted && (s.found == 0 || p.TotalIsCapped):
		// Without a total, a pass without a new row is the best sign that none is missing. Gateways that cap the total order rows of
		// equal start, so one pass is enough there.
		return secondComplete
	case s.fruitless > s.patience(known):
		// The gateway repeats the same rows for every request.
		return secondMismatch
	case !ended && s.offset == MaxOffset:
		return secondUnreachable
	case ended && s.pass+1 == maxPasses:
		return secondMismatch
	case !ended:
		s.offset, s.limit = min(next, MaxOffset), 0
		return secondUnfinished
	}
	s.startPass()
	return secondUnfinished
}

// startPass starts another pass. Its first page is shorter, so that all borders between pages are in different places: shifted by a half, a
// quarter and three quarters of a page, then by the values in between. Rows of equal start that fill less than three quarters of a page are
// on one page in at least one of the first four passes. A gateway whose order depends on limit and offset alone does not get the same
// request twice.
func (s *secondReader) startPass() {
	sixteenths := [maxPasses]int{0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13}
	s.pass++
	s.offset, s.found = 0, 0
	s.limit = s.size * sixteenths[s.pass] / 16
}

// patience returns how many requests in a row may have no new row: a few more than four passes take.
func (s *secondReader) patience(known int) int { return 4 * (known/s.size + 2) }
