package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// step is one exchange of a walk: the request that the cursor must make, in milliseconds of the fake window, and its answer.
type step struct {
	start, end, offset, limit int
	answer                    *SessionPage
	fresh                     int // how many sessions the cursor must return from it
}

// play drives a cursor through a list of exchanges.
func play(t *testing.T, c *Cursor, steps ...step) {
	t.Helper()
	for i, s := range steps {
		o, more := c.Next()
		if !more {
			t.Fatalf("step %d: the walk is over: %v", i, c.Err())
		}
		if !o.Start.Equal(at(s.start)) || !o.End.Equal(at(s.end)) || o.Offset != s.offset || o.Limit != s.limit {
			t.Fatalf("step %d: the request is from %v to %v, offset %d, limit %d; want %v to %v, %d, %d",
				i, o.Start, o.End, o.Offset, o.Limit, at(s.start), at(s.end), s.offset, s.limit)
		}
		if fresh := c.Advance(s.answer); len(fresh) != s.fresh {
			t.Fatalf("step %d: %d sessions, want %d: %v", i, len(fresh), s.fresh, fresh)
		}
	}
}

// pageOf is a page with these rows. A total below 0 is unknown.
func pageOf(next bool, total int, rows ...fakeRow) *SessionPage {
	p := &SessionPage{HasNextPage: next}
	for _, r := range rows {
		p.add(r)
	}
	if total >= 0 {
		p.Total = &total
	}
	return p
}

// named is a row with an id and a start in milliseconds; lostRow does not even show when it started.
func named(id string, ms int) fakeRow { return fakeRow{id: id, start: at(ms)} }

func lostRow(id string) fakeRow { return fakeRow{id: id, lost: true} }

func finished(t *testing.T, c *Cursor) {
	t.Helper()
	if o, more := c.Next(); more || c.Err() != nil {
		t.Errorf("the walk should be over without an error, but: next request %+v, %v, error %v", o, more, c.Err())
	}
}

func TestCursorLimit(t *testing.T) {
	for limit, want := range map[int]int{-1: MaxLimit, 0: MaxLimit, 1: 1, 7: 7} {
		if o, _ := NewCursor(ListOptions{Start: at(0), End: at(1000), Limit: limit}).Next(); o.Limit != want {
			t.Errorf("limit %d is requested as %d, want %d", limit, o.Limit, want)
		}
	}
}

func TestCursorMovesDownOnMalformedRowsThatShowTheirStart(t *testing.T) {
	c := NewCursor(ListOptions{Start: at(0), End: at(10_000), Limit: 2})
	broken := func(id string, ms int) fakeRow { return fakeRow{id: id, start: at(ms), broken: true} }
	play(t, c,
		step{0, 10_000, 0, 2, pageOf(true, -1, broken("a", 8_500), broken("b", 6_500)), 0},
		step{0, 7_000, 0, 2, pageOf(false, -1, named("c", 100)), 1},
	)
	finished(t, c)
}

// A row that does not show its start could be anywhere in a long window, so it must not make a second look complete.
func TestCursorDoesNotCountRowsWithoutStartInASecond(t *testing.T) {
	c := NewCursor(ListOptions{Start: at(0), End: at(10_000), Limit: 3})
	play(t, c,
		step{0, 10_000, 0, 3, pageOf(true, -1, named("a", 9_900), named("b", 9_800), lostRow("x")), 2},
		step{9_000, 10_000, 3, 3, pageOf(false, 4, named("c", 9_700)), 1}, // a, b, c: one of the four is missing
		step{9_000, 10_000, 0, 3, pageOf(true, 4, named("d", 9_600)), 1},
		step{0, 9_000, 0, 3, pageOf(false, -1), 0},
	)
	finished(t, c)
}

// In a window of a second it is one of that second.
func TestCursorCountsRowsWithoutStartWithinASecond(t *testing.T) {
	c := NewCursor(ListOptions{Start: at(0), End: at(10_000), Limit: 2})
	play(t, c,
		step{0, 10_000, 0, 2, pageOf(true, -1, named("a", 9_900), named("b", 9_800)), 2},
		step{9_000, 10_000, 2, 2, pageOf(false, 3, lostRow("x")), 0},
		step{0, 9_000, 0, 2, pageOf(false, -1), 0},
	)
	finished(t, c)
	if len(c.Skipped()) > 0 {
		t.Errorf("skipped %v", c.Skipped())
	}
}

func TestCursorLeavesRowsBelowADenseSecondForLater(t *testing.T) {
	dense := step{0, 10_000, 0, 2, pageOf(true, -1, named("a", 9_900), named("b", 9_800)), 2}
	t.Run("beside rows of the second", func(t *testing.T) {
		c := NewCursor(ListOptions{Start: at(0), End: at(10_000), Limit: 2})
		play(t, c, dense,
			step{9_000, 10_000, 2, 2, pageOf(false, 3, named("c", 9_700), named("below", 5_000)), 1},
			step{0, 9_000, 0, 2, pageOf(false, -1, named("below", 5_000)), 1},
		)
		finished(t, c)
	})
	t.Run("alone: the gateway ignores the dates", func(t *testing.T) {
		c := NewCursor(ListOptions{Start: at(0), End: at(10_000), Limit: 2})
		play(t, c, dense, step{9_000, 10_000, 2, 2, pageOf(true, 3, named("below", 5_000)), 0})
		if _, more := c.Next(); more || ErrorLabel(c.Err()) != "malformed" {
			t.Errorf("more %v, error %v", more, c.Err())
		}
	})
}

func TestCursorDenseSecondStaysInTheWindow(t *testing.T) {
	c := NewCursor(ListOptions{Start: at(5_000), End: at(5_000), Limit: 1})
	play(t, c,
		step{5_000, 5_000, 0, 1, pageOf(true, 2, named("a", 5_000)), 1},
		step{5_000, 5_000, 1, 1, pageOf(false, 2, named("b", 5_000)), 1},
	)
	finished(t, c)
}

// If no row shows its start, the walk goes on by offset, up to the largest one and not beyond.
func TestCursorOffsetsOfRowsWithoutStart(t *testing.T) {
	page := func(rows int) *SessionPage {
		p := pageOf(true, -1, lostRow("x"))
		p.Rows = rows
		return p
	}
	for _, tt := range []struct {
		name  string
		pages []int // rows of each page
		want  []int // offsets of the requests
		stops bool
	}{
		{"to the largest offset", []int{4000, 4000, 2000, 4000}, []int{0, 4000, 8000, MaxOffset}, true},
		{"one more is too far", []int{4000, 6001}, []int{0, 4000}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCursor(ListOptions{Start: at(0), End: at(10_000), Limit: 4000})
			var got []int
			for i, rows := range tt.pages {
				o, more := c.Next()
				if !more {
					t.Fatalf("over before request %d: %v", i, c.Err())
				}
				got = append(got, o.Offset)
				c.Advance(page(rows))
			}
			if _, more := c.Next(); more || ErrorLabel(c.Err()) != "malformed" || !slices.Equal(got, tt.want) {
				t.Errorf("offsets %v, want %v; more %v, error %v", got, tt.want, more, c.Err())
			}
		})
	}
}

// The first offset within a dense second, and each that follows, is at most the largest one.
func TestCursorOffsetsWithinADenseSecond(t *testing.T) {
	page := func(rows int, row fakeRow) *SessionPage {
		p := pageOf(true, -1, row)
		p.Rows = rows
		return p
	}
	t.Run("the first one, behind rows without a start", func(t *testing.T) {
		c := NewCursor(ListOptions{Start: at(0), End: at(10_000), Limit: 6000})
		play(t, c,
			step{0, 10_000, 0, 6000, page(6000, lostRow("x")), 0},
			step{0, 10_000, 6000, 6000, page(6000, named("a", 9_500)), 1},
			step{9_000, 10_000, MaxOffset, 6000, page(6000, named("b", 9_400)), 1},
			step{0, 9_000, 0, 6000, pageOf(false, -1), 0},
		)
		finished(t, c)
		if skipped := c.Skipped(); len(skipped) != 1 || !skipped[0].Start.Equal(at(9_000)) {
			t.Errorf("skipped %v, want the second that could not be read to its end", skipped)
		}
	})
	t.Run("the following ones", func(t *testing.T) {
		c := NewCursor(ListOptions{Start: at(0), End: at(10_000), Limit: 6000})
		play(t, c,
			step{0, 10_000, 0, 6000, page(6000, named("a", 9_500)), 1},
			step{9_000, 10_000, 6000, 6000, page(6000, named("b", 9_400)), 1},
			step{9_000, 10_000, MaxOffset, 6000, page(6000, named("c", 9_300)), 1},
			step{0, 9_000, 0, 6000, pageOf(false, -1), 0},
		)
		finished(t, c)
	})
}

// Each of the twelve passes through a second whose rows never come together begins with a part of a page of its own size.
func TestCursorPassesThroughADenseSecond(t *testing.T) {
	const limit, total = 32, 1000
	c := NewCursor(ListOptions{Start: at(0), End: at(1000), Limit: limit})
	var first []int // the limits of the first requests of a pass
	n := 0
	for o, more := c.Next(); more; o, more = c.Next() {
		p := pageOf(true, total)
		if o.Offset == 0 {
			first = append(first, o.Limit)
		}
		for range o.Limit {
			if n++; o.Offset == 0 || n <= 2*limit {
				p.add(named(fmt.Sprint(n), 500)) // all new
			}
		}
		p.HasNextPage = p.Rows > 0
		c.Advance(p)
	}
	if want := []int{32, 16, 8, 24, 4, 20, 12, 28, 2, 18, 10, 26}; !slices.Equal(first, want) {
		t.Errorf("the passes begin with pages of %v, want %v", first, want)
	}
	if skipped := c.Skipped(); len(skipped) != 1 || !skipped[0].Start.Equal(at(0)) {
		t.Errorf("skipped %v", skipped)
	}
}

// A dense second is given up when too many requests in a row bring nothing new: four passes of it, and a bit. One new row starts the count
// again.
func TestCursorGivesUpOnADenseSecond(t *testing.T) {
	for _, tt := range []struct {
		name     string
		fresh    func(request int) bool // whether a request within the second brings a new row
		requests int                    // within the second, until it is given up
	}{
		{"nothing new", func(int) bool { return false }, 13},                 // 10 rows in pages of 10: 4*(1+2), and one
		{"one at the first request", func(n int) bool { return n == 1 }, 14}, // and 13 after it
		{"one at the tenth", func(n int) bool { return n == 10 }, 23},
		{"one at each of the first 30", func(n int) bool { return n <= 30 }, 30 + 4*(40/10+2) + 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCursor(ListOptions{Start: at(0), End: at(10_000), Limit: 10})
			known := rowsAt(10, at(9_500))
			play(t, c, step{0, 10_000, 0, 10, pageOf(true, -1, known...), 10})
			requests := 0
			for o, more := c.Next(); more && o.Start.Equal(at(9_000)); o, more = c.Next() {
				requests++
				p := pageOf(true, -1, known...)
				if tt.fresh(requests) {
					p = pageOf(true, -1, append(slices.Clone(known[1:]), named(fmt.Sprint("new ", requests), 9_400))...)
				}
				c.Advance(p)
			}
			if requests != tt.requests {
				t.Errorf("%d requests, want %d", requests, tt.requests)
			}
			if skipped := c.Skipped(); len(skipped) != 1 || !skipped[0].Start.Equal(at(9_000)) {
				t.Errorf("skipped %v", skipped)
			}
		})
	}
}

// Without a total, a page is the last one of a pass when it is shorter than the requested limit, even if that is a single row.
func TestCursorShortPagesOfAPass(t *testing.T) {
	c := NewCursor(ListOptions{Start: at(9_000), End: at(10_000), Limit: 4})
	row := func(i int) fakeRow { return named(fmt.Sprint(i), 9_500) }
	play(t, c,
		step{9_000, 10_000, 0, 4, pageOf(false, -1, row(1), row(2), row(3), row(4)), 4},
		step{9_000, 10_000, 4, 4, pageOf(false, -1, row(5), row(6), row(7), row(8)), 4},
		step{9_000, 10_000, 8, 4, pageOf(false, -1, row(9)), 1},
		step{9_000, 10_000, 0, 2, pageOf(false, -1, row(10), row(1)), 1}, // a second pass, with half a page first
		step{9_000, 10_000, 2, 4, pageOf(false, -1, row(2)), 0},
		step{9_000, 10_000, 0, 1, pageOf(false, -1, row(3)), 0}, // a third one: a single row is a full page here
		step{9_000, 10_000, 1, 4, pageOf(false, -1, row(11), row(12), row(4)), 2},
		step{9_000, 10_000, 0, 3, pageOf(false, -1, row(1)), 0},
	)
	finished(t, c)
	if len(c.Skipped()) > 0 {
		t.Errorf("skipped %v", c.Skipped())
	}
}

// If more sessions follow after a page whose order is not from the newest to the oldest, newer ones than its oldest one can be among them:
// the walk fails, and nothing counts as read. The order of a page that holds the whole window does not matter.
func TestAWalkFailsIfMoreFollowsAfterAPageInAnotherOrder(t *testing.T) {
	o := ListOptions{Start: at(0), End: at(60_000), Limit: 3}
	for name, page := range map[string]*SessionPage{
		"oldest first":            pageOf(true, -1, named("a", 1000), named("b", 2000), named("c", 3000)),
		"at random":               pageOf(true, 9, named("a", 3000), named("b", 1000), named("c", 2000)),
		"the total says it":       pageOf(false, 9, named("a", 1000), named("b", 2000)),
		"between malformed rows":  pageOf(true, -1, fakeRow{id: "x", start: at(500), broken: true}, named("a", 1000), lostRow("y"), named("b", 1001)),
		"also sessions elsewhere": pageOf(true, -1, named("x", 99_000), named("a", 1000), named("b", 2000)),
	} {
		c := NewCursor(o)
		c.Advance(page)
		if _, more := c.Next(); more || !errors.Is(c.Err(), ErrMalformed) || !strings.Contains(c.Err().Error(), "from the newest to the oldest") || !c.ReadDownTo().Equal(o.End) {
			t.Errorf("%s: more %v, error %v, read down to %v", name, more, c.Err(), c.ReadDownTo())
		}
	}
	c := NewCursor(o)
	if fresh := c.Advance(pageOf(false, 2, named("a", 1000), named("b", 2000))); len(fresh) != 2 {
		t.Errorf("%d sessions of the whole window, want 2", len(fresh))
	}
	finished(t, c)
	c = NewCursor(o)
	c.Advance(pageOf(true, -1, named("x", 99_000), named("a", 2000), named("b", 2000), named("c", 1000)))
	if _, more := c.Next(); !more {
		t.Errorf("sessions of equal start have no order: %v", c.Err())
	}
}
