package ledger

// Bounds returns the upper bounds of a measure's classic buckets, ascending and without +Inf, in the histogram's base unit (bytes or
// seconds). Each call returns a slice of its own. A change of bounds breaks every quantile that is computed across it.
func Bounds(m Measure) []float64 {
	const (
		kib, mib, gib = 1 << 10, 1 << 20, 1 << 30
		minute        = 60
		hour          = 60 * minute
		day           = 24 * hour
	)
	switch m {
	case EventSize, InputSize:
		return []float64{
			64, 256,
			1 * kib, 4 * kib, 16 * kib, 64 * kib, 256 * kib,
			1 * mib, 4 * mib, 16 * mib, 64 * mib, 256 * mib,
			1 * gib,
		}
	case Duration:
		// From one query to a user who stays logged in: by default, a session is long-running from 1h, 8h and 24h on.
		return []float64{
			0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
			1 * minute, 5 * minute, 15 * minute, 30 * minute,
			1 * hour, 4 * hour, 8 * hour, 1 * day,
		}
	case ReviewWait, GroupWait:
		// People decide, so the bounds go from a second to more than a weekend: by default, a review is overdue from 5m, 20m, 1h and 24h
		// on.
		return []float64{
			1, 5, 15, 30,
			1 * minute, 2 * minute, 5 * minute, 10 * minute, 20 * minute, 30 * minute,
			1 * hour, 2 * hour, 4 * hour, 8 * hour, 1 * day, 3 * day,
		}
	case AccessDuration:
		// People choose these durations themselves.
		return []float64{
			5 * minute, 15 * minute, 30 * minute,
			1 * hour, 2 * hour, 4 * hour, 8 * hour, 12 * hour, 1 * day, 2 * day, 7 * day, 30 * day,
		}
	}
	return nil
}
