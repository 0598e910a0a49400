package ledger

import (
	"slices"
	"testing"
)

func TestEveryHistogramHasItsBounds(t *testing.T) {
	for _, tc := range []struct {
		name        string
		measure     Measure
		first, last float64
	}{
		{"sizes go up to 1 GiB", EventSize, 64, 1 << 30},
		{"durations go up to a day", Duration, 0.1, 86400},
		{"waits go over a weekend", ReviewWait, 1, 3 * 86400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := Bounds(tc.measure)
			if b[0] != tc.first || b[len(b)-1] != tc.last {
				t.Errorf("bounds go from %v to %v, want %v to %v", b[0], b[len(b)-1], tc.first, tc.last)
			}
			for i := 1; i < len(b); i++ {
				if b[i-1] >= b[i] {
					t.Errorf("bound %v is not below the next one, %v", b[i-1], b[i])
				}
			}
			if len(b) > 16 {
				t.Errorf("%d bounds are %d series per target, at most 16 are wanted", len(b), len(b)+3)
			}
			kept := slices.Clone(b)
			b[0] = -1
			if !slices.Equal(Bounds(tc.measure), kept) {
				t.Error("a caller that writes to the bounds changes them for others")
			}
		})
	}
}

func TestBoundsOfSizesGrowByFour(t *testing.T) {
	b := Bounds(EventSize)
	for i := 1; i < len(b); i++ {
		if b[i] != 4*b[i-1] {
			t.Errorf("bound %v follows %v", b[i], b[i-1])
		}
	}
}
