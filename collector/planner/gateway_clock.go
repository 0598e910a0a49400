package planner

import (
	"errors"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// gatewayClock knows the gateway's time, from its answers and from the exporter's clock in between.
//
// For each answer, check comes first and observe after it. Before the first observe the gateway's time is taken to be the exporter's.
type gatewayClock struct {
	date, local time.Time // of the last answer: the gateway's clock and the exporter's

	// The smallest difference between the two clocks in the last one to two periods. Replicas of a gateway disagree by minutes, and
	// a clock that is set forward is not believed before it has stayed there.
	period       time.Duration
	low, lowNext time.Duration
	periodStart  time.Time

	dateless      int // answers without a date while the gateway's time is not known
	datelessSince time.Time
}

// errNoDate rejects an answer without a date while the gateway's time is not known. To use the exporter's clock instead would lose sessions where that
// is wrong, so it is used only for a gateway whose answers never have a date.
var errNoDate = errors.New("the answer does not tell the gateway's time: a proxy in between must not remove the header Date")

// enoughDateless is how many answers without a date it takes, for at least a period, until the exporter's clock is used.
const enoughDateless = 10

// check fails for an answer without a date while the gateway's time is not known.
func (c *gatewayClock) check(date, local time.Time) error {
	if !date.IsZero() || !c.local.IsZero() {
		return nil
	}
	if c.dateless++; c.dateless == 1 {
		c.datelessSince = local
	}
	if c.dateless < enoughDateless || local.Sub(c.datelessSince) < c.period {
		return errNoDate
	}
	return nil
}

// observe notes an answer's date, as it was when the exporter's clock showed local. After an answer without one, time goes on as it is known.
func (c *gatewayClock) observe(date, local time.Time) {
	if date.IsZero() {
		date = c.now(local)
	}
	off := date.Sub(local.Round(0))
	switch {
	case c.local.IsZero(), c.wasSet(local):
		c.low, c.lowNext, c.periodStart = off, off, local
	case local.Sub(c.periodStart) >= c.period:
		c.low, c.lowNext, c.periodStart = min(c.lowNext, off), off, local
	default:
		c.low, c.lowNext = min(c.low, off), min(c.lowNext, off)
	}
	c.date, c.local = date, local
}

// wasSet says whether the exporter's clock was set since the last answer, or the machine slept: what was compared with it is of no use then.
func (c *gatewayClock) wasSet(local time.Time) bool {
	const drift = 10 * time.Second
	return (local.Round(0).Sub(c.local.Round(0)) - local.Sub(c.local)).Abs() > drift
}

// now is the gateway's time when the exporter's clock shows local.
func (c *gatewayClock) now(local time.Time) time.Time {
	if c.local.IsZero() {
		return local.Round(0).UTC()
	}
	return c.date.Add(local.Sub(c.local))
}

// safe is a time that the clocks of all the gateway's replicas have reached when the exporter's clock shows local.
func (c *gatewayClock) safe(local time.Time) time.Time {
	now := c.now(local)
	if c.wasSet(local) {
		return now
	}
	return ledger.Earlier(local.Round(0).UTC().Add(c.low), now)
}
