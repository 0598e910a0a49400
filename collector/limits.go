package collector

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hoop-exporter/hoop_exporter/collector/planner"
)

// Address is what the collectors of one gateway address share: one request at a time, in the order in which they want to ask, and the duty.
type Address struct {
	turn *semaphore.Weighted
	duty *planner.Duty
}

// NewAddress returns an address that nobody asks yet.
func NewAddress() *Address {
	return &Address{turn: semaphore.NewWeighted(1), duty: planner.NewDuty(time.Time{})}
}

// roomAfter is for how long a collector may work, be it in many requests, before it makes room whenever it waits for its gateway.
const roomAfter = time.Second

// Slots bound how many collectors refresh at once, in the order in which they want to. One that has worked for longer than a second makes room
// for another while it waits for its gateway, so that gateways that hang or have much to tell, however many there are, keep nobody else waiting.
type Slots struct{ free *semaphore.Weighted }

// NewSlots returns n slots.
func NewSlots(n int) *Slots { return &Slots{semaphore.NewWeighted(int64(n))} }

// slot is a collector's place among those that work. It is for one goroutine. Without Slots there is always one.
type slot struct {
	slots *Slots
	held  bool
	since time.Time // when it was taken
}

// take waits for a slot until ctx ends.
func (s *slot) take(ctx context.Context) {
	s.held = s.slots != nil && s.slots.free.Acquire(ctx, 1) == nil
	s.since = time.Now()
}

// leave gives the slot back.
func (s *slot) leave() {
	if s.held {
		s.slots.free.Release(1)
		s.held = false
	}
}

// while calls f, which waits for something, and has the slot again after it.
func (s *slot) while(ctx context.Context, f func()) {
	if !s.held {
		f()
		return
	}
	room := time.AfterFunc(roomAfter-time.Since(s.since), func() { s.slots.free.Release(1) })
	f()
	if !room.Stop() {
		s.take(ctx)
	}
}

// turn waits until no other collector asks at the address. It returns what ends the turn, and false where ctx has ended before, or nobody wants to
// know any more.
func (c *Collector) turn(ctx context.Context) (end func(), ok bool) {
	turn := c.address.turn
	if !turn.TryAcquire(1) {
		var err error
		c.slot.while(ctx, func() { err = turn.Acquire(ctx, 1) })
		if err != nil {
			return nil, false
		}
	}
	if c.retiring() {
		turn.Release(1)
		return nil, false
	}
	return func() { turn.Release(1) }, true
}
