package planner

import (
	"testing"
	"time"
	"unsafe"
)

// setBack is the time t after the wall clock was set back by d (or forward, where d is negative). The package time has no way to make one:
// the distance between the wall clock and the monotonic clock is the same in all that it returns.
func setBack(t time.Time, d time.Duration) time.Time {
	jumped := t.Add(-d)
	// #nosec G103 -- the monotonic reading goes back by what the wall clock went forward
	(*struct {
		wall      uint64
		monotonic int64
		location  *time.Location
	})(unsafe.Pointer(&jumped)).monotonic += int64(d)
	return jumped
}

func TestTheGatewaysTimeSurvivesThatTheExportersClockIsSet(t *testing.T) {
	for _, d := range []time.Duration{time.Hour, -time.Hour} {
		start := time.Now() // #nosec -- only its monotonic reading matters
		if got := setBack(start, d).Sub(start); got != 0 {
			t.Fatalf("%v have passed since then, want 0", got)
		}
		c := gatewayClock{period: 15 * time.Minute, known: true, base: start, local: start, offset: noon().Sub(start.Round(0))}
		local := setBack(start.Add(time.Minute), d)
		if got := c.now(local); !got.Equal(noon().Add(time.Minute)) {
			t.Errorf("set by %v: %v before the next answer, want 12:01", -d, got)
		}
		c.observe(noon().Add(time.Minute), local)
		if got := c.now(local); !got.Equal(noon().Add(time.Minute)) {
			t.Errorf("set by %v: %v after the next answer, want 12:01", -d, got)
		}
	}
}
