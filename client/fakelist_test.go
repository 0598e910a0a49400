package client

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// fakeList is the list of a gateway for a cursor. It filters by whole seconds, orders, returns pages and counts like one of the two
// dialects.
type fakeList struct {
	rows []fakeRow
	// old is the old dialect: rows of equal start are in another order in every request, has_next_page depends on the number of rows, and
	// there is always a total. The new dialect orders by id, has_next_page is exact, and there is a total unless count=none.
	old bool
	// steady makes the order of old depend on limit and offset alone.
	steady bool
	// clamp is the largest limit; 0: none.
	clamp int
	// neverNext always reports that there is no next page.
	neverNext bool
	// countsFirst is the number of rows that were added after the first total was counted.
	countsFirst int
	// noTotal never sends a total.
	noTotal bool
	rng     *rand.Rand
	// requests is the number of requests so far.
	requests int
}

type fakeRow struct {
	id    string
	start time.Time
	// broken rows are malformed; lost ones are malformed and have no readable start.
	broken, lost bool
}

var fakeEpoch = time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC)

// at returns a moment, in milliseconds after the start of the tests' window.
func at(ms int) time.Time { return fakeEpoch.Add(time.Duration(ms) * time.Millisecond) }

func (l *fakeList) list(o ListOptions) *SessionPage {
	l.requests++
	from, to := o.Start.Truncate(time.Second), o.End.Truncate(time.Second)
	var match []fakeRow
	for _, r := range l.rows {
		if !r.start.Before(from) && !r.start.After(to) {
			match = append(match, r)
		}
	}
	if l.old {
		rng := l.rng
		if l.steady {
			rng = rand.New(rand.NewPCG(uint64(o.Limit), uint64(o.Offset)))
		}
		rng.Shuffle(len(match), func(i, j int) { match[i], match[j] = match[j], match[i] })
	}
	slices.SortStableFunc(match, func(a, b fakeRow) int {
		if c := b.start.Compare(a.start); c != 0 || l.old {
			return c
		}
		return strings.Compare(b.id, a.id)
	})
	limit := o.Limit
	if l.clamp > 0 {
		limit = min(limit, l.clamp)
	}
	p := &SessionPage{}
	first := min(o.Offset, len(match))
	last := min(first+limit, len(match))
	for _, r := range match[first:last] {
		p.add(r)
	}
	p.HasNextPage = last < len(match)
	if l.old {
		p.HasNextPage = p.Rows == limit
	}
	if l.neverNext {
		p.HasNextPage = false
	}
	if total := len(match) - l.countsFirst; !l.noTotal && (l.old || o.Count != CountNone) {
		if !l.old && total > MaxOffset {
			total, p.TotalIsCapped = MaxOffset, true
		}
		p.Total = &total
	}
	l.countsFirst = 0
	return p
}

func (p *SessionPage) add(r fakeRow) {
	p.Rows++
	if !r.broken && !r.lost {
		p.Sessions = append(p.Sessions, Session{ID: r.id, StartDate: Time{r.start}, Connection: "c"})
		return
	}
	m := MalformedSession{Digest: "digest of " + r.id}
	if !r.lost {
		m.ID, m.StartDate = r.id, Time{r.start}
	}
	p.Malformed = append(p.Malformed, m)
}

// rowsAt returns n rows with the same start and unordered ids.
func rowsAt(n int, start time.Time) []fakeRow {
	rows := make([]fakeRow, n)
	for i := range rows {
		rows[i] = fakeRow{id: fmt.Sprintf("%03d-%d", (i*7919)%1000+i/1000*1000, start.UnixMicro()), start: start}
	}
	return rows
}

// spread returns n rows, newest first, from start down in steps.
func spread(n int, start time.Time, step time.Duration) []fakeRow {
	rows := make([]fakeRow, n)
	for i := range rows {
		rows[i] = rowsAt(1, start.Add(-time.Duration(i)*step))[0]
	}
	return rows
}
