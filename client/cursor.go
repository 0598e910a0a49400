package client

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Cursor plans the walk through a window of time, from the newest session to the oldest. It does no I/O: [Cursor.Next]
// is the request to make, [Cursor.Advance] takes its answer.
//
// The walk goes by moving the end of the window down to the oldest start seen, rounded up to a whole second, because
// that is all that gateways compare; the rows of that second come again and are told apart by their id. Where one second
// holds more than a page, it goes on by offset within that second, several times over until the rows are as many as the
// gateway's total: old gateways do not order sessions of equal start, so that pages can miss some.
type Cursor struct {
	options    ListOptions
	start, end time.Time // the window as it was given

	from, until time.Time // whole seconds: of the whole walk, of the next request
	offset      int       // of the next request, where its rows do not tell their start
	dense       *denseSecond

	// seen has the rows that can come again, by id: those that started in the last second of what is still to be read.
	seen     map[string]time.Time
	readDown time.Time
	skipped  []time.Time
	done     bool
	err      error
}

// NewCursor starts a walk through the window from o.Start to o.End, both inclusive, which must be set. Offset is of no
// meaning here; a Limit of 0 is [MaxLimit].
func NewCursor(o ListOptions) *Cursor {
	if o.Limit <= 0 {
		o.Limit = MaxLimit
	}
	c := &Cursor{
		options:  o,
		start:    o.Start.UTC(),
		end:      o.End.UTC(),
		from:     floorSecond(o.Start),
		until:    ceilSecond(o.End),
		seen:     make(map[string]time.Time),
		readDown: o.End.UTC(),
	}
	if o.Start.IsZero() || o.End.IsZero() || o.End.Before(o.Start) {
		c.stop(ErrWindow)
	}
	return c
}

// Next is the next request; false when the walk is over. Without an [Cursor.Advance] in between it is the same again.
func (c *Cursor) Next() (ListOptions, bool) {
	if c.done {
		return ListOptions{}, false
	}
	o := c.options
	o.Start, o.End, o.Offset = c.from, c.until, c.offset
	if d := c.dense; d != nil {
		o.Start, o.Offset, o.Count = d.from, d.offset, CountExact
		if d.limit > 0 {
			o.Limit = d.limit
		}
	}
	return o, true
}

// Done tells whether the walk is over.
func (c *Cursor) Done() bool { return c.done }

// Err tells why the walk stopped before it reached the start of its window; nil otherwise.
func (c *Cursor) Err() error { return c.err }

// End is the upper bound of the next request, a whole second.
func (c *Cursor) End() time.Time { return c.until }

// ReadDownTo tells how far the window has been read from its end without a gap: every row with a start strictly after
// this was read, as the gateway had it at that moment, but for the seconds of [Cursor.Skipped]. It is the window's end
// before the first page, and its start once the walk is over, unless [Cursor.Err] tells that it stopped before.
func (c *Cursor) ReadDownTo() time.Time { return c.readDown }

// Skipped are the seconds, by their beginning, that could not be read completely (their end, the next whole second, is
// part of them): they hold more sessions than a gateway lets one reach by offset, or their number never came to the
// gateway's total.
func (c *Cursor) Skipped() []time.Time { return slices.Clone(c.skipped) }

// Advance takes the answer to the last [Cursor.Next]. It gives the sessions that it did not give before, newest first
// and those of equal start by descending id, whatever order the gateway has. Malformed rows can come again.
func (c *Cursor) Advance(p *SessionPage) []Session {
	if c.done || p == nil {
		return nil
	}
	known := len(c.seen)
	rows := c.take(p)
	switch {
	case rows.inside == 0 && rows.outside > 0:
		c.stop(malformed("its sessions lie outside the window that was asked for"))
	case c.dense != nil:
		c.advanceDense(p, len(c.seen)-known)
	default:
		c.advanceWindow(p, rows)
	}
	slices.SortFunc(rows.fresh, func(a, b Session) int {
		return cmp.Or(b.StartDate.Compare(a.StartDate.Time), cmp.Compare(b.ID, a.ID))
	})
	return rows.fresh
}

// taken is what a page brought.
type taken struct {
	fresh           []Session
	inside, outside int       // rows with a readable start inside the request's window, and outside
	oldest          time.Time // start of the oldest one inside
}

// take remembers the rows of a page. What lies outside the window is left alone: the gateway was not asked for it, and
// it could come again without being recognised.
func (c *Cursor) take(p *SessionPage) taken {
	from := c.from
	if c.dense != nil {
		from = c.dense.from
	}
	var t taken
	take := func(id string, start time.Time) (fresh bool) {
		if start.Before(from) || start.After(c.until) {
			t.outside++
			return false
		}
		t.inside++
		if t.oldest.IsZero() || start.Before(t.oldest) {
			t.oldest = start
		}
		_, known := c.seen[id]
		c.seen[id] = start
		return !known
	}
	for i := range p.Sessions {
		if s := &p.Sessions[i]; take(s.ID, s.StartDate.Time) {
			t.fresh = append(t.fresh, *s)
		}
	}
	for i := range p.Malformed {
		m := &p.Malformed[i]
		switch id := cmp.Or(m.ID, "\x00"+m.Digest); {
		case !m.StartDate.IsZero():
			take(id, m.StartDate.Time)
		case c.dense != nil:
			// In a window of one second it counts as one of that second; in a longer one it could lie anywhere.
			c.seen[id] = c.until
		}
	}
	return t
}

// advanceWindow goes on below a page of the whole window that is left.
func (c *Cursor) advanceWindow(p *SessionPage, rows taken) {
	read := c.offset + p.Rows
	total, known := p.total()
	switch {
	case p.Rows == 0,
		p.Rows < c.options.Limit && !p.HasNextPage && total <= read,
		// A full page needs both: a gateway counts before it reads, and a row that came in between makes up for one
		// that did not fit.
		known && total == read && !p.HasNextPage:
		c.finish()
	case rows.inside == 0:
		// No row tells its start. Go on behind them.
		c.offset = read
		if c.offset > MaxOffset {
			c.stop(malformed("none of its sessions has a start_date that can be read"))
		}
	default:
		c.readTo(rows.oldest)
		if to := ceilSecond(rows.oldest); to.Before(c.until) {
			c.moveTo(to)
			return
		}
		c.dense = newDenseSecond(c.from, c.until, read)
	}
}

// advanceDense goes on after a page of a second that holds more than one.
func (c *Cursor) advanceDense(p *SessionPage, fresh int) {
	end := c.dense.advance(p, c.options.Limit, len(c.seen), fresh)
	if end == denseGoOn {
		return
	}
	below := c.until.Add(-time.Second)
	if end == denseIncomplete {
		c.skipped = append(c.skipped, below)
	}
	c.dense = nil
	if !below.After(c.from) {
		c.finish()
		return
	}
	c.readTo(below)
	c.moveTo(below)
}

// moveTo moves the end of what is left to be read, and forgets the rows that cannot come again.
func (c *Cursor) moveTo(until time.Time) {
	c.until, c.offset = until, 0
	maps.DeleteFunc(c.seen, func(_ string, start time.Time) bool { return start.After(until) })
}

// readTo notes that everything after t was read.
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
	c.done, c.err, c.seen = true, fmt.Errorf("walk from %s down to %s: %w",
		c.end.Format(time.RFC3339), c.start.Format(time.RFC3339), err), nil
}

// total is the number of rows that match the request, if it is known and can be true.
func (p *SessionPage) total() (int, bool) {
	if p.Total == nil || p.TotalIsCapped || *p.Total < p.Rows {
		return 0, false
	}
	return *p.Total, true
}
