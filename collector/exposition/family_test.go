package exposition

import (
	"testing"
	"time"
)

func TestTimesAreExactToTheMicrosecond(t *testing.T) {
	for _, tc := range []struct {
		name string
		t    time.Time
		want float64
	}{
		{"none", time.Time{}, 0},
		{"a microsecond", time.Date(2026, 1, 2, 3, 4, 5, 1000, time.UTC), 1767323045.000001},
		{"all digits", time.Date(2026, 1, 2, 3, 4, 5, 123457000, time.UTC), 1767323045.123457},
		{"before 1970", time.Date(1969, 12, 31, 23, 59, 59, 500_000_000, time.UTC), -0.5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := unixSeconds(tc.t); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}
