package gatewaytest

import "time"

// Request is a request as [Config.Cost] sees it.
type Request struct {
	// Path is one of PathSessions, PathSession and PathUserinfo.
	Path string
	// Number counts all requests before this one.
	Number int
	// Code is the status of the answer, Rows its number of sessions.
	Code, Rows int
	// Limit and Offset are as asked for, after clamping.
	Limit, Offset int
	// Windowed is true where start_date was given; Span is then the length of the window.
	Windowed bool
	Span     time.Duration
	// Filtered is true where there is a filter by review.
	Filtered bool
	// Count and Expand are the parameters of that name.
	Count, Expand string
}

const day = 24 * time.Hour

// OldCost is what a request costs on an old gateway with a million sessions: every list request scans the table, so
// that the price grows with the window's span, and with the offset.
func OldCost(r Request) time.Duration {
	switch {
	case r.Code != 200:
		return 2 * time.Millisecond
	case r.Path != PathSessions:
		return 8 * time.Millisecond
	case !r.Windowed && r.Filtered:
		return 2650*time.Millisecond + oldOffset(r.Offset)
	case !r.Windowed:
		return 2900*time.Millisecond + oldOffset(r.Offset)
	}
	price := along(r.Span, []point{
		{5 * time.Minute, 210 * time.Millisecond}, {2 * time.Hour, 350 * time.Millisecond}, {day, 350 * time.Millisecond},
		{7 * day, 550 * time.Millisecond}, {90 * day, 2900 * time.Millisecond},
	})
	if r.Filtered {
		price += 150 * time.Millisecond
	}
	return price + oldOffset(r.Offset)
}

// oldOffset is 9.45 s for 70,000 and 85 s for 500,000, as measured: a little more than in proportion.
func oldOffset(n int) time.Duration {
	rows := float64(n)
	return time.Duration((1.293e-4*rows + 8.19e-11*rows*rows) * float64(time.Second))
}

// NewCost is what a request costs on a new gateway with a million sessions: a page costs what it holds.
func NewCost(r Request) time.Duration {
	switch {
	case r.Code != 200:
		return time.Millisecond
	case r.Path != PathSessions:
		return 2 * time.Millisecond
	case r.Count == "exact":
		return 130 * time.Millisecond
	case r.Filtered && (!r.Windowed || r.Span >= 90*day):
		// For long spans the database changes its mind about how to go about it.
		if r.Number%7 == 6 {
			return 300 * time.Millisecond
		}
		return 14 * time.Millisecond
	case r.Filtered || !r.Windowed:
		return 10 * time.Millisecond
	case r.Count == "none":
		return 4 * time.Millisecond
	}
	return 10 * time.Millisecond
}

type point struct{ span, price time.Duration }

// along reads a price between measured ones, on straight lines, and keeps the last beyond the ends.
func along(span time.Duration, line []point) time.Duration {
	if span <= line[0].span {
		return line[0].price
	}
	for k := 1; k < len(line); k++ {
		a, b := line[k-1], line[k]
		if span <= b.span {
			share := float64(span-a.span) / float64(b.span-a.span)
			return a.price + time.Duration(share*float64(b.price-a.price))
		}
	}
	return line[len(line)-1].price
}
