package planner

import (
	"errors"
	"time"
)

// clock tells the gateway's time from its answers and the exporter's clock in between.
type clock struct {
	date, local time.Time // of the last answer

	// The smallest difference between the two clocks of the last one to two periods: replicas of a gateway disagree by minutes, and
	// a clock that is set forward is not believed before it has stayed there.
	period       time.Duration
	low, lowNext time.Duration
	turn         time.Time

	silent      int // answers without a date while the gateway's time is not known
	silentSince time.Time
}

// errNoDate is an answer without a date while the gateway's time is not known. To go by the exporter's clock instead would lose sessions where that
// is wrong, so only a gateway that never tells the time is taken to have ours.
var errNoDate = errors.New("the answer does not tell the gateway's time: a proxy in between must not remove the header Date")

// mostSilent is how many answers without a date, for as long as a period, it takes to go by the exporter's clock.
const mostSilent = 10

// tells fails for an answer that says nothing of the gateway's time while that is not known.
func (c *clock) tells(date, local time.Time) error {
	if !date.IsZero() || !c.local.IsZero() {
		return nil
	}
	if c.silent++; c.silent == 1 {
		c.silentSince = local
	}
	if c.silent < mostSilent || local.Sub(c.silentSince) < c.period {
		return errNoDate
	}
	return nil
}

// observe takes an answer's date, as it was when the exporter's clock showed local. After an answer without one the time goes on as known.
func (c *clock) observe(date, local time.Time) {
	if date.IsZero() {
		date = c.now(local)
	}
	off := date.Sub(local.Round(0))
	switch {
	case c.local.IsZero(), c.wasSet(local):
		c.low, c.lowNext, c.turn = off, off, local
	case local.Sub(c.turn) >= c.period:
		c.low, c.lowNext, c.turn = min(c.lowNext, off), off, local
	default:
		c.low, c.lowNext = min(c.low, off), min(c.lowNext, off)
	}
	c.date, c.local = date, local
}

// wasSet tells whether somebody has set the exporter's clock since the last answer, or the machine slept: what was compared with it is no use then.
func (c *clock) wasSet(local time.Time) bool {
	const drift = 10 * time.Second
	return (local.Round(0).Sub(c.local.Round(0)) - local.Sub(c.local)).Abs() > drift
}

// now is the gateway's time when the exporter's clock shows local.
func (c *clock) now(local time.Time) time.Time {
	if c.local.IsZero() {
		return local.Round(0).UTC()
	}
	return c.date.Add(local.Sub(c.local))
}

// safe is a time that the gateway has reached by all its replicas' clocks.
func (c *clock) safe(local time.Time) time.Time {
	now := c.now(local)
	if c.wasSet(local) {
		return now
	}
	if low := local.Round(0).UTC().Add(c.low); low.Before(now) {
		return low
	}
	return now
}
