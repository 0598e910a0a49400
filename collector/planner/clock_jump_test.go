package planner

import (
	"testing"
	"time"
	"unsafe"
)

// setBack is the time t after the wall clock was set back by d (or forward, if d is negative). The package time has no way to make one: the
// distance between the wall clock and the monotonic clock is the same in all that it returns.
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

// A machine's monotonic clock stands still while it sleeps. The gateway's clock does not, so the next answer agrees with the machine's wall
// clock.
func TestTheGatewaysTimeAfterTheMachineSlept(t *testing.T) {
	const second, minute = time.Second, time.Minute
	for _, tt := range []struct {
		name      string
		own       time.Duration // how far the exporter's clock moves ahead of its monotonic one
		gateway   time.Duration // how far the gateway's does
		corrected time.Duration // by how much the first answer corrects both
	}{
		{"an hour", time.Hour, time.Hour, time.Hour},
		{"a moment more than a clock may drift", 11 * second, 11 * second, 11 * second},
		{"no more than a clock may drift", 10 * second, 10 * second, 0},
		{"an hour, and the answer is 5 s old", time.Hour, time.Hour - 5*second, time.Hour},
		{"an hour, and the answer is 6 s old", time.Hour, time.Hour - 6*second, 0},
		{"its clock was only set", time.Hour, 0, 0},
		{"its clock was set by 20 minutes, and the gateway's by 5", 20 * minute, 5 * minute, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, start := gatewayClock{period: 15 * minute}, time.Now() // #nosec -- only its monotonic reading matters
			gateway := start.Round(0).Add(20 * second)
			passed := time.Duration(0)
			for ; passed < 5*minute; passed += 15 * second {
				c.observe(gateway.Add(passed), start.Add(passed))
			}
			local := setBack(start.Add(passed), -tt.own)
			c.observe(gateway.Add(passed+tt.gateway), local)
			if got := c.now(local).Sub(gateway.Add(passed)); got != tt.corrected {
				t.Errorf("the gateway's time goes ahead by %v, want %v", got, tt.corrected)
			}
			if got := c.own(local).Sub(start.Round(0).Add(passed)); got != tt.corrected {
				t.Errorf("the exporter's own goes ahead by %v, want %v", got, tt.corrected)
			}
			if tt.corrected == 0 {
				return
			}
			for range 6 {
				passed += 15 * second
				local = setBack(start.Add(passed), -tt.own)
				c.observe(gateway.Add(passed+tt.own), local)
			}
			if got := c.now(local).Sub(gateway.Add(passed)); got != tt.own {
				t.Errorf("after some more answers it is ahead by %v, want %v", got, tt.own)
			}
		})
	}
}

// The exporter's clock is an hour ahead, and is set right before the gateway's time is known: then both agree.
func TestAnExporterWhoseClockIsSetRightBelievesTheGateway(t *testing.T) {
	c, start := gatewayClock{period: 15 * time.Minute}, time.Now() // #nosec -- only its monotonic reading matters
	gateway := start.Round(0).Add(-time.Hour)
	c.observe(gateway, start)
	local := setBack(start.Add(5*time.Second), time.Hour)
	c.observe(gateway.Add(5*time.Second), local)
	if got := c.now(local); !c.known || !got.Equal(gateway.Add(5*time.Second)) {
		t.Errorf("the time is %v, and known: %v; want %v", got, c.known, gateway.Add(5*time.Second))
	}
	// The ledger compares the gateway's time with this one: setting a clock does not move it.
	if got := c.own(local).Sub(start.Round(0)); got != 5*time.Second {
		t.Errorf("the exporter's own time has gone on by %v, want 5s", got)
	}
}

func TestTheGatewaysTimeAfterTheMachineSleptTwice(t *testing.T) {
	c, start := gatewayClock{period: 15 * time.Minute}, time.Now() // #nosec -- only its monotonic reading matters
	for i, slept := range []time.Duration{0, time.Hour, 3 * time.Hour} {
		passed := time.Duration(i) * 15 * time.Second
		local, gateway := setBack(start.Add(passed), -slept), start.Round(0).Add(passed+slept)
		c.observe(gateway, local)
		if got := c.now(local); !got.Equal(gateway) || !c.own(local).Equal(gateway) {
			t.Errorf("after %v of sleep the time is %v, and the exporter's own %v; want %v", slept, got, c.own(local), gateway)
		}
	}
}
