package planner

import (
	"testing"
	"time"
	"unsafe"
)

// setBack is the time t after the wall clock was set back by d (or forward, where d is negative). The package time has no way to make one: the distance
// between the wall clock and the monotonic clock is the same in all that it returns.
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
		c := gatewayClock{period: 15 * time.Minute}
		c.observe(noon(), start)
		local := setBack(start.Add(time.Minute), d)
		if got := c.safe(local); !got.Equal(noon().Add(time.Minute)) {
			t.Errorf("set by %v: %v before the next answer, want 12:01", -d, got)
		}
		c.observe(noon().Add(time.Minute), local)
		if got := c.safe(local); !got.Equal(noon().Add(time.Minute)) {
			t.Errorf("set by %v: %v after the next answer, want 12:01", -d, got)
		}
	}
}

func TestTheExportersClockMayDriftForTenSeconds(t *testing.T) {
	start := time.Now()
	c := gatewayClock{period: 15 * time.Minute}
	c.observe(noon(), start)
	for _, tc := range []struct {
		d    time.Duration
		want bool
	}{{10 * time.Second, false}, {10*time.Second + 1, true}, {-10 * time.Second, false}, {-10*time.Second - 1, true}} {
		if got := c.wasSet(setBack(start.Add(time.Minute), tc.d)); got != tc.want {
			t.Errorf("set back by %v: %v, want %v", tc.d, got, tc.want)
		}
	}
}

func TestTheFirstAnswerIsBelievedWhereItsClockIsAhead(t *testing.T) {
	c := gatewayClock{period: 15 * time.Minute}
	c.observe(noon().Add(time.Hour), noon())
	if got := c.safe(noon()); !got.Equal(noon().Add(time.Hour)) {
		t.Errorf("%v, want 13:00", got)
	}
}

func TestAClockThatIsSetForwardIsBelievedAfterExactlyTwoPeriods(t *testing.T) {
	c := gatewayClock{period: 15 * time.Minute}
	c.observe(noon(), noon())
	for i, want := range []time.Duration{0, time.Hour} {
		local := noon().Add(time.Duration(i+1) * 15 * time.Minute)
		c.observe(local.Add(time.Hour), local)
		if got := c.safe(local).Sub(local); got != want {
			t.Errorf("after %d periods it is %v ahead, want %v", i+1, got, want)
		}
	}
}
