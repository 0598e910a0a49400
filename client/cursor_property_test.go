package client

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A cursor over any list of either dialect, which grows meanwhile, returns every row that was there from the start exactly once, newest
// first. ReadDownTo is correct at every step, and the number of requests and the memory are bounded.
func TestAWalkReadsEveryRowOnceFromAnyList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const seconds = 6
		l := &fakeList{
			old:     rapid.Bool().Draw(t, "old"),
			steady:  rapid.Bool().Draw(t, "steady"),
			clamp:   rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3}).Draw(t, "clamp"),
			noTotal: rapid.IntRange(0, 9).Draw(t, "noTotal") == 0,
			rng:     rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0)),
		}
		if l.noTotal {
			l.old = false // without a tiebreak and without a total it is unknown what is missing
		}
		next := 0
		row := func(t *rapid.T) fakeRow {
			next++
			// Few distinct moments, so that many rows share one, and many lie on whole seconds.
			r := fakeRow{id: fmt.Sprintf("%02x-%d", (next*151)%256, next), start: at(250 * rapid.IntRange(0, 4*seconds).Draw(t, "start"))}
			r.broken = rapid.IntRange(0, 9).Draw(t, "broken") == 0
			if !l.old {
				r.lost = rapid.IntRange(0, 19).Draw(t, "lost") == 0
			}
			return r
		}
		n := rapid.IntRange(0, 60).Draw(t, "n")
		l.rows = rapid.SliceOfN(rapid.Custom(row), n, n).Draw(t, "rows")
		there := make(map[string]fakeRow)
		for _, r := range l.rows {
			if !r.broken && !r.lost {
				there[r.id] = r
			}
		}
		o := ListOptions{
			Start: at(rapid.IntRange(0, 1_000).Draw(t, "from")),
			End:   at(1000*seconds - rapid.IntRange(0, 1_000).Draw(t, "to")),
			Limit: rapid.IntRange(1, 9).Draw(t, "limit"),
			Count: rapid.SampledFrom([]Count{"", CountNone, CountExact}).Draw(t, "count"),
		}
		for id, r := range there {
			if r.start.Before(o.Start) || r.start.After(o.End) {
				delete(there, id) // rows in the rest of the first and last second may come, need not
			}
		}

		c := NewCursor(o)
		out := make(map[string]bool)
		size := o.Limit
		if l.clamp > 0 {
			size = min(size, l.clamp)
		}
		atMost := 10 + seconds*(maxPasses+1)*(70/size+3)
		for n := 0; ; n++ {
			request, more := c.Next()
			if again, _ := c.Next(); again != request {
				t.Fatalf("two calls: %+v, then %+v", request, again)
			}
			if !more {
				break
			}
			if n == atMost {
				t.Fatalf("not over after %d requests", n)
			}
			if request.Start.Nanosecond() != 0 || request.End.Nanosecond() != 0 || request.Offset > MaxOffset {
				t.Fatalf("request %+v", request)
			}
			before, end := c.ReadDownTo(), c.until
			fresh := c.Advance(l.list(request))
			if !slices.IsSortedFunc(fresh, func(a, b Session) int {
				if d := b.StartDate.Compare(a.StartDate.Time); d != 0 {
					return d
				}
				return strings.Compare(b.ID, a.ID)
			}) {
				t.Fatalf("not sorted: %v", fresh)
			}
			for _, s := range fresh {
				if out[s.ID] {
					t.Fatalf("%s came twice", s.ID)
				}
				out[s.ID] = true
			}
			if c.ReadDownTo().After(before) || c.until.After(end) {
				t.Fatalf("went up: read down to %v after %v, end %v after %v", c.ReadDownTo(), before, c.until, end)
			}
			claimHolds(t, c, there, out)
			if most := l.within(c.until.Add(-time.Second), c.until); len(c.seen) > most {
				t.Fatalf("remembers %d rows, of which at most %d can come again", len(c.seen), most)
			}
			// Rows show up meanwhile, some of them late.
			if rapid.IntRange(0, 3).Draw(t, "arrives") == 0 && n < 20 {
				l.rows = append(l.rows, row(t))
			}
		}
		if !c.Done() || c.Err() != nil || !c.ReadDownTo().Equal(o.Start) {
			t.Fatalf("done %v, error %v, read down to %v", c.Done(), c.Err(), c.ReadDownTo())
		}
		claimHolds(t, c, there, out)
		for _, s := range c.Skipped() {
			if largest := l.largestTie(s.Start, s.Start.Add(time.Second)); !l.old || 4*largest <= 3*size {
				t.Fatalf("skipped %v with pages of %d, though at most %d rows share a moment (old: %v)", s, size, largest, l.old)
			}
		}
	})
}

// within counts the rows from from to to, both inclusive, and the rows without a readable start.
func (l *fakeList) within(from, to time.Time) int {
	n := 0
	for _, r := range l.rows {
		if (!r.start.Before(from) && !r.start.After(to)) || r.lost {
			n++
		}
	}
	return n
}

// largestTie returns the largest number of rows with the same start.
func (l *fakeList) largestTie(from, to time.Time) int {
	most, n := 0, make(map[int64]int)
	for _, r := range l.rows {
		if !r.start.Before(from) && !r.start.After(to) {
			n[r.start.UnixNano()]++
			most = max(most, n[r.start.UnixNano()])
		}
	}
	return most
}

// claimHolds tests that every row above ReadDownTo was read, except in skipped seconds.
func claimHolds(t *rapid.T, c *Cursor, there map[string]fakeRow, out map[string]bool) {
	for id, r := range there {
		complete := !slices.ContainsFunc(c.Skipped(), func(s SkippedSecond) bool {
			return !r.start.Before(s.Start) && !r.start.After(s.Start.Add(time.Second))
		})
		above := r.start.After(c.ReadDownTo()) || c.Done()
		if above && complete && !out[id] {
			t.Fatalf("%s of %v is missing, above %v", id, r.start, c.ReadDownTo())
		}
	}
}
