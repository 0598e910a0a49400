package planner

import (
	"testing"
	"time"
)

// The exporter's clock is used for a gateway whose answers never have a date, but only after many of them.
func TestAGatewayWhoseAnswersNeverHaveADate(t *testing.T) {
	c := gatewayClock{period: 15 * time.Minute}
	local := noon()
	for i := range 30 {
		if err := c.check(time.Time{}, local); err == nil {
			t.Fatalf("believed after %d answers in %v", i+1, local.Sub(noon()))
		}
		local = local.Add(30 * time.Second)
	}
	if err := c.check(time.Time{}, local); err != nil {
		t.Fatalf("after %v: %v", local.Sub(noon()), err)
	}
	c.observe(time.Time{}, local)
	if got := c.now(local); !got.Equal(local) {
		t.Errorf("its time is %v, want ours, %v", got, local)
	}
	// A few answers are not enough, however far apart.
	c = gatewayClock{period: 15 * time.Minute}
	for range enoughDateless - 1 {
		local = local.Add(time.Hour)
		if err := c.check(time.Time{}, local); err == nil {
			t.Fatal("believed after a few answers")
		}
	}
	if err := c.check(local, local); err != nil {
		t.Error(err)
	}
}

func TestTheClockOfTheSlowestReplicaCounts(t *testing.T) {
	c := gatewayClock{period: 15 * time.Minute}
	local := noon().Add(time.Hour) // the exporter's clock is an hour ahead
	c.observe(noon(), local)
	if got := c.now(local.Add(30 * time.Second)); !got.Equal(noon().Add(30 * time.Second)) {
		t.Errorf("the gateway's time: %v", got)
	}
	// Another replica is two minutes ahead: the slower one counts.
	local = local.Add(time.Minute)
	c.observe(noon().Add(3*time.Minute), local)
	if got := c.safe(local); !got.Equal(noon().Add(time.Minute)) {
		t.Errorf("the time that all replicas have reached: %v, want 12:01", got)
	}
	// A clock that was set forward is believed once it has stayed there for long.
	for range 40 {
		local = local.Add(time.Minute)
		c.observe(local.Add(time.Hour), local)
	}
	if got := c.safe(local); !got.Equal(local.Add(time.Hour)) {
		t.Errorf("half an hour later: %v, want %v", got, local.Add(time.Hour))
	}
	// A clock that was set back is believed at once.
	c.observe(noon(), local)
	if got := c.safe(local); !got.Equal(noon()) {
		t.Errorf("set back: %v, want 12:00", got)
	}
	// An answer without a date changes nothing.
	local = local.Add(time.Minute)
	if err := c.check(time.Time{}, local); err != nil {
		t.Error(err)
	}
	c.observe(time.Time{}, local)
	if got := c.now(local); !got.Equal(noon().Add(time.Minute)) {
		t.Errorf("without a date: %v, want 12:01", got)
	}
}
