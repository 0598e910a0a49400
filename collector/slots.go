package collector

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"
)

// slotKept is how long a collector keeps its slot while it waits, counted from when it got the slot.
const slotKept = time.Second

// Slots bound how many collectors refresh at once; they get a slot in the order in which they came. A collector that has had its slot for
// longer than a second gives it up while it waits for its gateway, and ends its refresh without a slot. So gateways that hang or need many
// requests do not delay the others, and no refresh waits for a slot twice. It is safe for concurrent use.
type Slots struct{ free *semaphore.Weighted }

// NewSlots returns n slots.
func NewSlots(n int) *Slots { return &Slots{semaphore.NewWeighted(int64(n))} }

// slot is one collector's slot. Call order, for each refresh: acquire, then releaseDuring any number of times, then release. It is for one
// goroutine. Without Slots there is no bound.
type slot struct {
	slots *Slots
	held  bool
	since time.Time // when it was acquired
}

// acquire waits for a slot until ctx ends.
func (s *slot) acquire(ctx context.Context) {
	s.held = s.slots != nil && s.slots.free.Acquire(ctx, 1) == nil
	s.since = time.Now()
}

// release gives the slot back.
func (s *slot) release() {
	if s.held {
		s.slots.free.Release(1)
		s.held = false
	}
}

// releaseDuring calls wait, and gives the slot back during the call, [slotKept] after it was acquired.
func (s *slot) releaseDuring(wait func()) {
	if !s.held {
		wait()
		return
	}
	timer := time.AfterFunc(slotKept-time.Since(s.since), func() { s.slots.free.Release(1) })
	wait()
	s.held = timer.Stop()
}
