package gatewaytest

import "time"

// Request is a request and its answer, for [Config.Cost].
type Request struct {
	// Path is one of PathSessions, PathSession, PathUserinfo and PathAgents.
	Path string
	// Number is the number of requests before this one.
	Number int
	// Code is the status of the answer, Rows the number of sessions in it.
	Code, Rows int
	// Limit is the requested limit after clamping, Offset the requested offset.
	Limit, Offset int
	// Windowed is true if start_date was given. Then Span is the length of the window.
	Windowed bool
	Span     time.Duration
	// Filtered is true if there is a filter by review.
	Filtered bool
	// Count and Expand are the parameters of these names.
	Count, Expand string
}

const day = 24 * time.Hour

// OldCost returns the time of a request on an old gateway with a million sessions. Every list request scans the table, so the time grows
// with the span of the window and with the offset.
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
	cost := along(r.Span, []point{
		{5 * time.Minute, 210 * time.Millisecond}, {2 * time.Hour, 350 * time.Millisecond}, {day, 350 * time.Millisecond},
		{7 * day, 550 * time.Millisecond}, {90 * day, 2900 * time.Millisecond},
	})
	if r.Filtered {
		cost += 150 * time.Millisecond
	}
	return cost + oldOffset(r.Offset)
}

// oldOffset returns the additional time of an offset. It was measured as 9.45 s for 70,000 and 85 s for 500,000, a little more than in
// proportion.
func oldOffset(n int) time.Duration {
	rows := float64(n)
	return time.Duration((1.293e-4*rows + 8.19e-11*rows*rows) * float64(time.Second))
}

// NewCost returns the time of a request on a new gateway with a million sessions. It depends on the rows of the page, not on the table.
func NewCost(r Request) time.Duration {
	switch {
	case r.Code != 200:
		return time.Millisecond
	case r.Path != PathSessions:
		return 2 * time.Millisecond
	case r.Count == "exact":
		return 130 * time.Millisecond
	case r.Filtered && (!r.Windowed || r.Span >= 90*day):
		// For long spans the database sometimes chooses a slower plan.
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

type point struct{ span, cost time.Duration }

// along interpolates between measured times, and returns the first or last one beyond the ends.
func along(span time.Duration, line []point) time.Duration {
	if span <= line[0].span {
		return line[0].cost
	}
	for k := 1; k < len(line); k++ {
		a, b := line[k-1], line[k]
		if span <= b.span {
			part := float64(span-a.span) / float64(b.span-a.span)
			return a.cost + time.Duration(part*float64(b.cost-a.cost))
		}
	}
	return line[len(line)-1].cost
}
