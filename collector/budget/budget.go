// Package budget bounds the time that requests may take at one gateway address, and divides it fairly. It does no I/O and never reads the
// clock: the caller passes the time.
//
// A [Budget] is a token bucket of request time, one for each gateway address. Each planner that sends requests there has a [Share] of it,
// all of the same size, and each [Kind] of request has a fixed portion of a share. What one does not use goes to the others.
//
// Invariant: over any span of time, the requests to an address take no more than the allowed fraction of it, plus a burst of ten seconds,
// plus what the last requests took beyond the balance.
//
// Call order: [Share.Refill] with the current time; [Share.Paused] and [Share.Allows], which report whether a request may be sent; after
// the request, [Share.Charge] with its duration.
package budget

import (
	"slices"
	"sync"
	"time"
)

// burst is how much time requests may take at once after a rest.
const burst = 10 * time.Second

// Budget is a token bucket of request time for one gateway address. Invariant: the balances of all shares add up to at most one burst. It
// is safe for concurrent use.
type Budget struct {
	mu         sync.Mutex
	shares     []*Share
	refilled   time.Time            // when time was last added
	unassigned [kinds]time.Duration // the balance of the last closed share, for the next one

	pausedUntil time.Time // no share may send a request before
	lastFailed  *Share    // the share whose request failed last; nil: a request has succeeded since
	unreachable bool      // requests of two shares have failed in a row: it is the gateway's fault

	queue    []*Share      // shares that wait for a turn, oldest waiter first
	turnCost time.Duration // what a share spends in one turn, on average
}

// Share is one planner's account in a [Budget]. It is safe for concurrent use.
type Share struct {
	budget      *Budget
	rate        float64              // the fraction of the time that its planner allows
	balance     [kinds]time.Duration // the time left for each kind; negative: a debt
	pausedUntil time.Time            // it may not send a request before
	failed      bool                 // its last request got no answer

	hasTurn   bool          // it may send requests until its turn ends
	turnSpent time.Duration // what its requests took in this turn
	queuedAt  time.Time     // when it last wanted a turn
}

// New returns a budget that is full and has no shares.
func New(now time.Time) *Budget {
	b := &Budget{refilled: now}
	for k := range kinds {
		b.unassigned[k] = time.Duration(k.portion() * float64(burst))
	}
	return b
}

// NewShare adds a share. It gets the balance by which the other shares exceed their new, smaller capacity, so that closing a share and
// opening another one gains nothing.
func (b *Budget) NewShare(now time.Time) *Share {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	s := &Share{budget: b, balance: b.unassigned}
	b.unassigned = [kinds]time.Duration{}
	b.shares = append(b.shares, s)
	for k := range kinds {
		capacity := b.capacity(k)
		for _, o := range b.shares {
			if excess := o.balance[k] - capacity; o != s && excess > 0 {
				o.balance[k] -= excess
				s.balance[k] += excess
			}
		}
		s.balance[k] = min(s.balance[k], capacity)
	}
	return s
}

// Close removes the share. The other shares take over its debts, because the gateway has spent that time.
func (s *Share) Close() {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shares = slices.DeleteFunc(b.shares, func(o *Share) bool { return o == s })
	b.queue = slices.DeleteFunc(b.queue, func(o *Share) bool { return o == s })
	if b.lastFailed == s {
		b.lastFailed = nil
	}
	if len(b.shares) == 0 {
		b.unassigned = s.balance
		b.pause(s.pausedUntil)
		return
	}
	for k := range kinds {
		for _, o := range b.shares {
			o.balance[k] += min(s.balance[k], 0) / time.Duration(len(b.shares))
		}
	}
}

// Refill adds the time that has become available since the last refill. rate is the fraction of time that this share's planner allows at
// the address.
func (s *Share) Refill(now time.Time, rate float64) {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	s.rate = rate
	s.budget.refill(now)
}

// refill adds the time that has become available since the last refill, at the highest rate of all shares: during the first backfill of one
// of them the address may be used more.
func (b *Budget) refill(now time.Time) {
	var rate float64
	for _, s := range b.shares {
		rate = max(rate, s.rate)
	}
	elapsed := now.Sub(b.refilled)
	if elapsed > -time.Minute && elapsed < time.Millisecond {
		return // too little, it would be lost in rounding; or slightly back, because another share was quicker
	}
	added := time.Duration(float64(elapsed) * rate)
	b.refilled = now
	for added > 0 { // each round fills at least one kind of one share, or distributes everything
		var open float64
		for k := range kinds {
			open += k.portion() * float64(b.countNotFull(k))
		}
		rest := added
		for k := range kinds {
			for _, s := range b.shares {
				if room := b.capacity(k) - s.balance[k]; room > 0 {
					part := min(time.Duration(float64(added)*k.portion()/open), room)
					s.balance[k] += part
					rest -= part
				}
			}
		}
		if rest >= added-time.Duration(len(b.shares))*time.Duration(kinds) {
			return // no share has room for more than a rounding error
		}
		added = rest
	}
}

// capacity is the largest balance that one share can have for a kind.
func (b *Budget) capacity(k Kind) time.Duration {
	return time.Duration(k.portion() * float64(burst) / float64(len(b.shares)))
}

// countNotFull counts the shares whose balance for a kind is below the capacity.
func (b *Budget) countNotFull(k Kind) (n int) {
	for _, s := range b.shares {
		if s.balance[k] < b.capacity(k) {
			n++
		}
	}
	return n
}

// Left is the balance for a kind; negative: the debt.
func (s *Share) Left(k Kind) time.Duration {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	return s.balance[k]
}

// Charge subtracts the duration of a request from the balance. It may leave a debt.
func (s *Share) Charge(k Kind, took time.Duration) {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	s.balance[k] -= took
	s.turnSpent += took
}
