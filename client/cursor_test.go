package client

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// walk runs a cursor over a list to its end and returns the ids in order.
func walk(t *testing.T, c *Cursor, list func(ListOptions) *SessionPage, atMost int) []string {
	t.Helper()
	var ids []string
	for n := 0; ; n++ {
		o, more := c.Next()
		if !more {
			return ids
		}
		if n == atMost {
			t.Fatalf("the walk is not over after %d requests; the next would be %+v", n, o)
		}
		for _, s := range c.Advance(list(o)) {
			ids = append(ids, s.ID)
		}
	}
}

func ids(rows []fakeRow) []string {
	s := make([]string, len(rows))
	for i, r := range rows {
		s[i] = r.id
	}
	return s
}

func equalAsSets(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// A walk reads every row once, with this number of requests.
func TestCursorReadsAll(t *testing.T) {
	minute := ListOptions{Start: at(0), End: at(60_000), Limit: 10, Count: CountNone}
	tests := map[string]struct {
		list     fakeList
		options  ListOptions
		requests int
	}{
		"nothing":                                {fakeList{}, minute, 1},
		"one row":                                {fakeList{rows: spread(1, at(500), 0)}, minute, 1},
		"a page that is not full":                {fakeList{rows: spread(9, at(50_500), time.Second)}, minute, 1},
		"exactly a page, no total":               {fakeList{rows: spread(10, at(50_500), time.Second)}, minute, 2},
		"exactly a page, with a total":           {fakeList{rows: spread(10, at(50_500), time.Second)}, withCount(minute, CountExact), 1},
		"exactly a page, old has_next_page lies": {fakeList{rows: spread(10, at(50_500), time.Second), old: true}, minute, 2},
		"old gateway that says a page is next, and there is none": {
			fakeList{rows: spread(10, at(50_500), time.Second), old: true, noTotal: true}, minute, 2},
		"three pages, a row of each second repeats": {fakeList{rows: spread(27, at(50_500), time.Second)}, minute, 3},
		"rows on whole seconds":                     {fakeList{rows: spread(27, at(50_000), time.Second)}, minute, 3},
		"rows on the window's own borders":          {fakeList{rows: append(rowsAt(3, at(60_000)), rowsAt(3, at(0))...)}, minute, 1},
		"limit clamped by the gateway":              {fakeList{rows: spread(28, at(50_500), time.Second), clamp: 4}, minute, 9},
		"clamped to a single row":                   {fakeList{rows: spread(4, at(50_500), time.Second), clamp: 1}, minute, 8},
		"a second of 25, with a total":              {fakeList{rows: spread(25, at(50_900), 20*time.Millisecond)}, minute, 5},
		"a second of 25, old":                       {fakeList{rows: spread(25, at(50_900), 20*time.Millisecond), old: true}, minute, 5},
		"a second of 25, nothing counts":            {fakeList{rows: spread(25, at(50_900), 20*time.Millisecond), noTotal: true}, minute, 9},
		"full pages, and never a next one":          {fakeList{rows: spread(25, at(50_900), 20*time.Millisecond), noTotal: true, neverNext: true}, minute, 9},
		"clamped, never a next one, but a total":    {fakeList{rows: spread(28, at(50_500), time.Second), clamp: 4, neverNext: true}, withCount(minute, CountExact), 9},
		"exactly a page, a total, and a next one":   {fakeList{rows: spread(11, at(50_500), time.Second), countsFirst: 1}, withCount(minute, CountExact), 2},
		"a full page at the window's first second":  {fakeList{rows: spread(10, at(900), 20*time.Millisecond)}, minute, 3},
		"a window of one moment":                    {fakeList{rows: rowsAt(25, at(5000))}, ListOptions{Start: at(5000), End: at(5000), Limit: 10}, 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.list.rng = rand.New(rand.NewPCG(1, 2))
			c := NewCursor(tt.options)
			got := walk(t, c, tt.list.list, 50)
			if want := ids(tt.list.rows); !equalAsSets(got, want) {
				t.Errorf("got %d rows, want %d: %v", len(got), len(want), got)
			}
			if tt.list.requests != tt.requests {
				t.Errorf("took %d requests, want %d", tt.list.requests, tt.requests)
			}
			if !c.Done() || c.Err() != nil || len(c.Skipped()) > 0 || !c.ReadDownTo().Equal(tt.options.Start) {
				t.Errorf("done %v, error %v, skipped %v, read down to %v", c.Done(), c.Err(), c.Skipped(), c.ReadDownTo())
			}
		})
	}
}

func withCount(o ListOptions, n Count) ListOptions {
	o.Count = n
	return o
}

// The requests of a walk, one by one.
func TestAWalkMakesTheseRequests(t *testing.T) {
	o := ListOptions{Filters: Filters{Connection: "pg"}, Start: at(500), End: at(9_500), Limit: 2, Count: CountNone, Offset: 7}
	c := NewCursor(o)
	limit := 2
	request := func(start, end time.Time, offset int, count Count) {
		t.Helper()
		want := ListOptions{Filters: Filters{Connection: "pg"}, Start: start, End: end, Limit: limit, Offset: offset, Count: count}
		for range 2 { // a second call returns the same
			if got, more := c.Next(); !more || got != want {
				t.Fatalf("got  %+v, %v\nwant %+v", got, more, want)
			}
		}
	}
	page := func(more bool, total int, starts ...int) *SessionPage {
		p := &SessionPage{HasNextPage: more}
		for _, ms := range starts {
			p.add(rowsAt(1, at(ms))[0])
		}
		if total >= 0 {
			p.Total = &total
		}
		return p
	}
	readDown := func(ms int) {
		t.Helper()
		if got := c.ReadDownTo(); !got.Equal(at(ms)) {
			t.Fatalf("read down to %v, want %v", got, at(ms))
		}
	}

	request(at(0), at(10_000), 0, CountNone) // the window, to whole seconds
	readDown(9_500)
	c.Advance(page(true, -1, 8_700, 7_300))
	readDown(7_300)
	request(at(0), at(8_000), 0, CountNone) // down to the oldest start seen, rounded up
	c.Advance(page(true, -1, 7_300, 7_200))
	readDown(7_200)
	request(at(7_000), at(8_000), 2, CountExact) // more than a page within this second: by offset, and counted
	c.Advance(page(true, 4, 7_200, 7_100))
	readDown(7_200) // of a second read by offset nothing is certain until it is complete
	limit = 1
	request(at(7_000), at(8_000), 0, CountExact) // three rows of four: over again, with other borders
	c.Advance(page(true, 4, 7_300))
	limit = 2
	request(at(7_000), at(8_000), 1, CountExact)
	c.Advance(page(true, 4, 7_200, 7_050))
	readDown(7_000)
	request(at(0), at(7_000), 0, CountNone) // complete: on below
	c.Advance(page(true, -1, 6_000))
	readDown(6_000)
	request(at(0), at(6_000), 0, CountNone) // one row where two were requested, and more to come: a clamped limit
	c.Advance(page(false, -1, 6_000))
	readDown(500)
	if o, more := c.Next(); more || !c.Done() {
		t.Errorf("the walk should be over, but goes on with %+v", o)
	}
	if got := c.Advance(page(true, -1, 3_000, 2_000)); got != nil {
		t.Errorf("a page after the end gave %d rows", len(got))
	}
}

// Each pass through a full second has the borders between its pages at other places.
func TestCursorShiftsBorders(t *testing.T) {
	c := NewCursor(ListOptions{Start: at(0), End: at(1_000), Limit: 4})
	type request struct{ offset, limit int }
	var got []request
	total := 9 // a ninth row never comes
	for o, more := c.Next(); more; o, more = c.Next() {
		got = append(got, request{o.Offset, o.Limit})
		p := &SessionPage{Total: &total}
		for i := o.Offset; i < min(8, o.Offset+o.Limit); i++ {
			p.add(rowsAt(1, at(900-i))[0])
		}
		c.Advance(p)
	}
	want := []request{{0, 4}, {4, 4}, {8, 4}, {0, 2}, {2, 4}, {6, 4}, {8, 4}, {0, 1}, {1, 4}, {5, 4}, {8, 4}, {0, 3}, {3, 4}, {7, 4}, {8, 4}}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("requested %v, want that to begin as %v", got, want)
	}
	if skipped := c.Skipped(); len(skipped) != 1 || !skipped[0].Start.Equal(at(0)) || !errors.Is(skipped[0].Err, ErrTotal) {
		t.Errorf("skipped %v", skipped)
	}
}

// A second with more rows than offsets can reach is skipped, and the rows around it are read.
func TestCursorSkipsWhatOffsetsDoNotReach(t *testing.T) {
	for _, old := range []bool{true, false} {
		t.Run(fmt.Sprintf("old=%v", old), func(t *testing.T) {
			l := fakeList{old: old, rng: rand.New(rand.NewPCG(1, 2))}
			above, below := spread(30, at(9_900), 7*time.Millisecond), spread(30, at(3_900), 7*time.Millisecond)
			l.rows = slices.Concat(above, below)
			for i := range 10_300 {
				l.rows = append(l.rows, fakeRow{id: fmt.Sprint("dense-", i), start: at(5_000).Add(time.Duration(i+1) * 90 * time.Microsecond)})
			}
			c := NewCursor(ListOptions{Start: at(0), End: at(10_000), Limit: 100})
			got := walk(t, c, func(o ListOptions) *SessionPage {
				if o.Offset > MaxOffset {
					t.Fatalf("offset %d", o.Offset)
				}
				return l.list(o)
			}, 200)
			if want := 60 + MaxOffset + 100; len(got) != want {
				t.Errorf("got %d rows, want %d", len(got), want)
			}
			if skipped := c.Skipped(); len(skipped) != 1 || !skipped[0].Start.Equal(at(5_000)) || !errors.Is(skipped[0].Err, ErrIncomplete) {
				t.Errorf("skipped %v, want the second that begins at %v", skipped, at(5_000))
			}
			for _, r := range slices.Concat(above, below) {
				if !slices.Contains(got, r.id) {
					t.Errorf("%s is missing", r.id)
				}
			}
			if !c.ReadDownTo().Equal(at(0)) || c.Err() != nil {
				t.Errorf("read down to %v, error %v", c.ReadDownTo(), c.Err())
			}
		})
	}
}

// The passes find all of hundreds of rows with the same start, although each request has another order.
func TestCursorUnitesPasses(t *testing.T) {
	for _, steady := range []bool{false, true} {
		for _, n := range []int{101, 150, 250, 500} {
			l := fakeList{rows: rowsAt(n, at(5_000)), old: true, steady: steady, rng: rand.New(rand.NewPCG(3, uint64(n)))}
			c := NewCursor(ListOptions{Start: at(0), End: at(10_000)})
			if got := walk(t, c, l.list, 12*(n/100+2)); !equalAsSets(got, ids(l.rows)) || len(c.Skipped()) > 0 {
				t.Errorf("%d of %d rows after %d requests, skipped %v", len(got), n, l.requests, c.Skipped())
			}
			t.Logf("%d rows of one moment (steady: %v): %d requests", n, steady, l.requests)
		}
	}
}

// The walk ends whatever a gateway does, and never reports a window as read that it has not read.
func TestCursorEndsWithOddGateways(t *testing.T) {
	page := func(rows []fakeRow, more bool, total int) *SessionPage {
		p := &SessionPage{HasNextPage: more}
		for _, r := range rows {
			p.add(r)
		}
		if total >= 0 {
			p.Total = &total
		}
		return p
	}
	calls := 0
	dense := rowsAt(100, at(59_500))
	wide := spread(100, at(59_500), 500*time.Millisecond)
	lost := make([]fakeRow, 100)
	for i := range lost {
		lost[i] = fakeRow{id: fmt.Sprint(i), lost: true}
	}
	tests := map[string]struct {
		list    func(ListOptions) *SessionPage
		rows    int
		atMost  int
		stopped bool
	}{
		"no rows and a next page for ever": {
			func(ListOptions) *SessionPage { return page(nil, true, 77_658) }, 0, 1, true},
		"no rows, and a total": {
			func(ListOptions) *SessionPage { return page(nil, false, 57) }, 0, 1, true},
		"no rows and a next page, after some": {
			func(o ListOptions) *SessionPage {
				if o.End.Before(at(59_500)) {
					return page(nil, true, -1)
				}
				return page(wide[:5], true, -1)
			}, 5, 30, true},
		"no rows and a total, after rows without a start": {
			func(o ListOptions) *SessionPage {
				if o.Offset > 0 {
					return page(nil, false, 150)
				}
				return page(lost, true, 150)
			}, 0, 3, true},
		"the same page for ever": {
			func(ListOptions) *SessionPage { return page(wide, true, -1) }, 100, 30, true},
		"the same page for ever, with a total": {
			func(ListOptions) *SessionPage { return page(wide, true, 1_000_000) }, 100, 30, true},
		"the same page for ever, of one second": {
			func(ListOptions) *SessionPage { return page(dense, true, 1_000_000) }, 100, 30, true},
		"the dates are ignored": {
			func(o ListOptions) *SessionPage { return page(spread(100, at(90_000), time.Millisecond), true, -1) }, 0, 1, true},
		"no row has a readable start": {
			func(ListOptions) *SessionPage { return page(lost, true, -1) }, 0, 101, true},
		"new rows for ever at the same moment": {
			func(o ListOptions) *SessionPage {
				calls++
				rows := rowsAt(100, o.End.Add(-500*time.Millisecond))
				for i := range rows {
					rows[i].id = fmt.Sprint(calls, "-", i)
				}
				return page(rows, true, -1)
			}, -1, 60 * 102, false},
		"new rows at each pass, never enough": {
			func(o ListOptions) *SessionPage {
				if o.Offset > 0 {
					return page(nil, false, 1_000_000)
				}
				calls++
				rows := rowsAt(100, o.End.Add(-500*time.Millisecond))
				for i := range rows {
					rows[i].id = fmt.Sprint(calls, "+", i)
				}
				return page(rows, true, 1_000_000)
			}, -1, 60 * (2*maxPasses + 1), false},
		"a total below the rows": {
			func(o ListOptions) *SessionPage {
				if o.Offset > 0 || o.End.Before(at(60_000)) {
					return page(nil, false, 0)
				}
				return page(dense, true, 0)
			}, 100, 3, false},
		"a total above the rows": {
			func(o ListOptions) *SessionPage {
				if o.Offset > 0 || o.End.Before(at(59_500)) {
					return page(nil, false, 150)
				}
				return page(dense, true, 150)
			}, 100, 30, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := ListOptions{Start: at(0), End: at(60_000), Limit: 100}
			c := NewCursor(o)
			got := walk(t, c, tt.list, tt.atMost)
			if tt.rows >= 0 && len(got) != tt.rows {
				t.Errorf("got %d rows, want %d", len(got), tt.rows)
			}
			if stopped := c.Err() != nil; stopped != tt.stopped {
				t.Errorf("error %v", c.Err())
			}
			if down := c.ReadDownTo(); down.Equal(o.Start) == tt.stopped {
				t.Errorf("read down to %v", down)
			}
		})
	}
}

// Reviews can be decided between the count and the rows. Even then such a page is refused: taken as the end, it would hide all pending
// reviews.
func TestAnEmptyListWithATotalIsRefused(t *testing.T) {
	pending := ListOptions{Start: at(0), End: at(60_000), ReviewStatus: ReviewPending}
	one := 1
	c := NewCursor(pending)
	c.Advance(&SessionPage{Total: &one})
	if !errors.Is(c.Err(), ErrMalformed) || !c.ReadDownTo().Equal(at(60_000)) {
		t.Errorf("error %v, read down to %v", c.Err(), c.ReadDownTo())
	}
}

func TestCursorNeedsAWindow(t *testing.T) {
	for name, o := range map[string]ListOptions{
		"no start":         {End: at(0)},
		"no end":           {Start: at(0)},
		"end before start": {Start: at(1), End: at(0)},
	} {
		c := NewCursor(o)
		if _, more := c.Next(); more || !errors.Is(c.Err(), errWindow) {
			t.Errorf("%s: more %v, error %v", name, more, c.Err())
		}
	}
}
