package client

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// fakeList is the list of a gateway, as far as the walk can tell: it filters by whole seconds, orders, cuts pages and
// counts as one of the two dialects does.
type fakeList struct {
	rows []fakeRow
	// old: no tiebreak among rows of equal start (their order changes from request to request), has_next_page from the
	// number of rows, a total always. Otherwise: by id, exact, a total unless count=none.
	old bool
	// steady has the order of old depend on limit and offset alone.
	steady bool
	// clamp bounds the limit.
	clamp int
	// neverNext says that there is no next page, always.
	neverNext bool
	// countsFirst takes so many rows as not there yet when the first total was counted.
	countsFirst int
	// noTotal leaves the total out, whatever is asked.
	noTotal bool
	rng     *rand.Rand
	// requests counts.
	requests int
}

type fakeRow struct {
	id    string
	start time.Time
	// broken rows are malformed; lost ones do not even tell their start.
	broken, lost bool
}

var fakeEpoch = time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC)

// at is a moment of the fake window, in milliseconds from its beginning.
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

// rowsAt makes n rows of a start each, with ids that do not follow the time.
func rowsAt(n int, start time.Time) []fakeRow {
	rows := make([]fakeRow, n)
	for i := range rows {
		rows[i] = fakeRow{id: fmt.Sprintf("%03d-%d", (i*7919)%1000+i/1000*1000, start.UnixMicro()), start: start}
	}
	return rows
}

// spread makes n rows, a step apart, the newest first at start.
func spread(n int, start time.Time, step time.Duration) []fakeRow {
	rows := make([]fakeRow, n)
	for i := range rows {
		rows[i] = rowsAt(1, start.Add(-time.Duration(i)*step))[0]
	}
	return rows
}
