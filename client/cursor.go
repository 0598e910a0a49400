package client

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Cursor plans how to read a window of time page by page, from the newest session to the oldest. It does no I/O.
//
// Always holds: every row with a start after [Cursor.ReadDownTo] has been read, no session is returned twice, and both bounds only move
// down. Call [Cursor.Next] for the request to send and pass its answer to [Cursor.Advance], until Next returns false; then check
// [Cursor.Err] and [Cursor.Skipped]. A Cursor is not safe for concurrent use.
//
// After each page, the end of the window moves down to the oldest start of the page, rounded up to a whole second, because gateways compare
// whole seconds only. The rows of that second are sent again and recognized by their id. If one second has more rows than a page, the
// cursor reads that second by offset. It does so in several passes, until it has as many rows as the gateway's total: old gateways do not
// order sessions of equal start, so pages can miss some. If a page is in another order and more pages follow, the walk fails.
type Cursor struct {
	options    ListOptions
	start, end time.Time // the window as requested

	from, until time.Time     // whole seconds: the start of the window, and the end of the next request
	offset      int           // of the next request, while no row has a readable start
	second      *secondReader // nil unless the last second of the window is read by offset

	// seen has the rows that can be sent again, by id: those that started in the last second of the unread window.
	seen     map[string]time.Time
	readDown time.Time
	skipped  []SkippedSecond
	done     bool
	err      error
}

// NewCursor returns a cursor for the window from o.Start to o.End, both inclusive. Without a valid window, [Cursor.Err] is set. o.Offset is
// ignored. An o.Limit of 0 is [MaxLimit].
func NewCursor(o ListOptions) *Cursor {
	if o.Limit <= 0 {
		o.Limit = MaxLimit
	}
	c := &Cursor{
		options:  o,
		start:    o.Start.UTC(),
		end:      o.End.UTC(),
		from:     floorSecond(o.Start),
		until:    CeilSecond(o.End),
		seen:     make(map[string]time.Time),
		readDown: o.End.UTC(),
	}
	if o.Start.IsZero() || o.End.IsZero() || o.End.Before(o.Start) {
		c.stop(errWindow)
	}
	return c
}

// Next returns the next request, or false if the walk is over. It returns the same request until [Cursor.Advance] is called.
func (c *Cursor) Next() (ListOptions, bool) {
	if c.done {
		return ListOptions{}, false
	}
	o := c.options
	o.Start, o.End, o.Offset = c.from, c.until, c.offset
	if s := c.second; s != nil {
		o.Start, o.Offset, o.Count = s.from, s.offset, CountExact
		if s.limit > 0 {
			o.Limit = s.limit
		}
	}
	return o, true
}

// Done reports whether the walk is over, successfully or not.
func (c *Cursor) Done() bool { return c.done }

// Err returns why the walk stopped before it reached the start of its window, or nil.
func (c *Cursor) Err() error { return c.err }

// ReadDownTo returns how far the window has been read from its end without a gap. Every row with a start strictly after it was read, as
// the gateway had it at that moment, except in the seconds of [Cursor.Skipped]. It is the end of the window before the first page, and
// the start of the window when the walk is over, unless [Cursor.Err] is set.
func (c *Cursor) ReadDownTo() time.Time { return c.readDown }

// SkippedSecond is a second whose sessions could not all be read.
type SkippedSecond struct {
	// Start is the start of the second. Its end, the next whole second, belongs to it too.
	Start time.Time
	// Err is [ErrIncomplete] or [ErrTotal].
	Err error
}

// Skipped returns the seconds that could not be read completely.
func (c *Cursor) Skipped() []SkippedSecond { return slices.Clone(c.skipped) }

// Advance processes the answer to the request of the last [Cursor.Next]. It returns the sessions that it did not return before, newest
// first and those of equal start by descending id, in whatever order the gateway sent them. Malformed rows can be repeated.
func (c *Cursor) Advance(p *SessionPage) []Session {
	if c.done || p == nil {
		return nil
	}
	request, _ := c.Next()
	known := len(c.seen)
	rows := c.record(p)
	switch err := request.contradiction(p); {
	case err != nil:
		c.stop(err)
	case p.Rows == 0 && p.Total != nil && *p.Total > request.Offset && c.second == nil:
		c.stop(malformed(fmt.Sprintf("it contradicts itself: it has no sessions, but total is %d", *p.Total)))
	case rows.inside == 0 && rows.outside > 0:
		c.stop(malformed("its sessions are outside the requested window"))
	case c.second != nil:
		c.advanceSecond(p, len(c.seen)-known)
	default:
		c.advanceWindow(p, rows)
	}
	slices.SortFunc(rows.fresh, func(a, b Session) int {
		return cmp.Or(b.StartDate.Compare(a.StartDate.Time), cmp.Compare(b.ID, a.ID))
	})
	return rows.fresh
}

// pageRows describes the rows of a page.
type pageRows struct {
	fresh           []Session // sessions that were not returned before
	inside, outside int       // rows with a readable start inside the requested window, and outside of it
	oldest          time.Time // start of the oldest row inside
	disordered      bool      // a session inside starts later than one before it on the page
}

// record adds the rows of a page to c.seen. It ignores rows outside the requested window: they could be sent again later, and would then
// not be recognized.
func (c *Cursor) record(p *SessionPage) pageRows {
	from := c.from
	if c.second != nil {
		from = c.second.from
	}
	var rows pageRows
	inside := func(start time.Time) bool { return !start.Before(from) && !start.After(c.until) }
	add := func(id string, start time.Time) (fresh bool) {
		if !inside(start) {
			rows.outside++
			return false
		}
		rows.inside++
		if rows.oldest.IsZero() || start.Before(rows.oldest) {
			rows.oldest = start
		}
		_, known := c.seen[id]
		c.seen[id] = start
		return !known
	}
	for i := range p.Sessions {
		s := &p.Sessions[i]
		start := s.StartDate.Time
		rows.disordered = rows.disordered || inside(start) && !rows.oldest.IsZero() && start.After(rows.oldest)
		if add(s.ID, start) {
			rows.fresh = append(rows.fresh, *s)
		}
	}
	for i := range p.Malformed {
		m := &p.Malformed[i]
		switch id := cmp.Or(m.ID, "\x00"+m.Digest); {
		case !m.StartDate.IsZero():
			add(id, m.StartDate.Time)
		case c.second != nil:
			// In a window of one second, the row belongs to that second. In a longer one it could belong anywhere.
			c.seen[id] = c.until
		}
	}
	return rows
}

// advanceWindow continues after a page of the unread window.
func (c *Cursor) advanceWindow(p *SessionPage, rows pageRows) {
	read := c.offset + p.Rows
	total, known := p.ExactTotal()
	switch {
	case p.Rows == 0,
		p.Rows < c.options.Limit && !p.HasNextPage && total <= read,
		// A full page needs both conditions. The gateway counts before it reads the rows, so a row that was added in between can hide
		// that another one did not fit.
		known && total == read && !p.HasNextPage:
		c.finish()
	case rows.inside == 0:
		// No row has a readable start. Continue after them by offset.
		c.offset = read
		if c.offset > MaxOffset {
			c.stop(malformed("none of its sessions has a readable start_date"))
		}
	case rows.disordered:
		// Sessions that are newer than the oldest one can be among those that follow.
		c.stop(malformed("its sessions are not in order, from the newest to the oldest"))
	default:
		c.readTo(rows.oldest)
		if to := CeilSecond(rows.oldest); to.Before(c.until) {
			c.moveTo(to)
			return
		}
		c.second = newSecondReader(c.from, c.until, read)
	}
}

// advanceSecond continues after a page of the second that is read by offset.
func (c *Cursor) advanceSecond(p *SessionPage, fresh int) {
	result := c.second.advance(p, c.options.Limit, len(c.seen), fresh)
	if result == secondUnfinished {
		return
	}
	below := c.until.Add(-time.Second)
	switch result {
	case secondUnreachable:
		c.skipped = append(c.skipped, SkippedSecond{below, ErrIncomplete})
	case secondMismatch:
		c.skipped = append(c.skipped, SkippedSecond{below, ErrTotal})
	}
	c.second = nil
	if !below.After(c.from) {
		c.finish()
		return
	}
	c.readTo(below)
	c.moveTo(below)
}

// moveTo moves the end of the unread window, and forgets the rows that cannot be sent again.
func (c *Cursor) moveTo(until time.Time) {
	c.until, c.offset = until, 0
	maps.DeleteFunc(c.seen, func(_ string, start time.Time) bool { return start.After(until) })
}

// readTo records that everything after t was read.
func (c *Cursor) readTo(t time.Time) {
	if t.Before(c.start) {
		t = c.start
	}
	if t.Before(c.readDown) {
		c.readDown = t
	}
}

func (c *Cursor) finish() {
	c.done, c.readDown, c.seen = true, c.start, nil
}

func (c *Cursor) stop(err error) {
	c.done, c.err, c.seen = true, fmt.Errorf("read sessions from %s down to %s: %w",
		c.end.Format(time.RFC3339), c.start.Format(time.RFC3339), err), nil
}
