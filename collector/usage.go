package collector

import (
	"sync"
	"time"
)

const (
	// usageSlot is the length of a slot of usage, and usageSlots how many there are: those of the last five minutes, and the current one.
	usageSlot  = time.Minute
	usageSlots = 6
)

// usage measures the requests of the last five minutes. Always holds: a slot has the requests that ended in its minute, counted from the
// start. The refresher adds to it, and any goroutine reads it. Its times have to come from [time.Now]: their monotonic readings are
// compared.
type usage struct {
	began time.Time

	mu    sync.Mutex
	slots [usageSlots]struct {
		minute   int64
		requests int
		busy     time.Duration
	}
}

func newUsage(now time.Time) *usage { return &usage{began: now} }

// add counts a request that ended now.
func (u *usage) add(now time.Time, took time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	minute := int64(now.Sub(u.began) / usageSlot)
	s := &u.slots[minute%usageSlots]
	if s.minute != minute {
		s.minute, s.requests, s.busy = minute, 0, 0
	}
	s.requests++
	s.busy += max(took, 0)
}

// recent returns how many requests a minute there were within the last five minutes, and the fraction of the time that they took. In a
// program's first minute, it counts as if that minute had passed.
func (u *usage) recent(now time.Time) (perMinute, busy float64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	minute := int64(now.Sub(u.began) / usageSlot)
	var requests int
	var took time.Duration
	for _, s := range u.slots {
		if s.minute > minute-usageSlots {
			requests += s.requests
			took += s.busy
		}
	}
	first := max(0, minute-usageSlots+1)
	over := max(usageSlot, now.Sub(u.began)-time.Duration(first)*usageSlot)
	return float64(requests) / over.Minutes(), min(1, took.Seconds()/over.Seconds())
}
