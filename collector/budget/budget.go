// Package budget bounds how much of the time requests may take at one gateway address, and divides that time fairly. It is pure: it makes
// no requests and holds no clock.
//
// What always holds: over any stretch of time, all requests at the address together take no more than the allowed fraction of it, plus a burst of
// ten seconds, plus what the last requests took beyond what was left.
//
// There is one [Budget] for each gateway address. Each planner that asks there has a [Share] of it, all of the same size, and each [Kind] of
// request has a fixed portion of a share. What one does not use goes to the others. A planner calls [Share.Refill] with the current time first; then
// [Share.Paused] and [Share.Allows] say whether a request may be made, and [Share.Charge] takes its duration from the share afterwards.
package budget

import (
	"slices"
	"sync"
	"time"
)

// burst is how much time requests may take at once after a rest.
const burst = 10 * time.Second

// Budget holds the time that requests at one gateway address may take. What all shares hold together is never more than one burst. It is safe
// for concurrent use.
type Budget struct {
	mu       sync.Mutex
	shares   []*Share
	refilled time.Time            // when income was last added
	unshared [kinds]time.Duration // what the last closed share held or owed; the next share gets it

	pausedUntil time.Time // no share may ask before
	failing     *Share    // its requests have no answer, and no other share's had one since
	unreachable bool      // the requests of another share have no answer either: it is the gateway's fault

	queue    []*Share      // shares that wait because of the debts of others, the longest waiting first
	turnCost time.Duration // what a share spends in one turn, on average
}

// Share is one planner's account in a [Budget]. It is safe for concurrent use.
type Share struct {
	budget      *Budget
	rate        float64              // the fraction of the time that its planner allows
	level       [kinds]time.Duration // what it holds of each kind; negative: a debt
	pausedUntil time.Time            // it may not ask before
	unanswered  bool                 // its last request had no answer

	hasTurn   bool          // it may ask until its turn ends
	turnSpent time.Duration // what its requests took in this turn
	queuedAt  time.Time     // when it last asked for a turn
}

// New returns a budget that is full and has no shares.
func New(now time.Time) *Budget {
	b := &Budget{refilled: now}
	for k := range kinds {
		b.unshared[k] = time.Duration(k.portion() * float64(burst))
	}
	return b
}

// NewShare returns a share that holds what the others hold too much from now on. Closing a share and opening another one gains nothing.
func (b *Budget) NewShare(now time.Time) *Share {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	s := &Share{budget: b, level: b.unshared}
	b.unshared = [kinds]time.Duration{}
	b.shares = append(b.shares, s)
	for k := range kinds {
		most := b.most(k)
		for _, o := range b.shares {
			if excess := o.level[k] - most; o != s && excess > 0 {
				o.level[k] -= excess
				s.level[k] += excess
			}
		}
		s.level[k] = min(s.level[k], most)
	}
	return s
}

// Close gives the share back. The other shares take over its debts: the gateway has worked for them.
func (s *Share) Close() {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shares = slices.DeleteFunc(b.shares, func(o *Share) bool { return o == s })
	b.queue = slices.DeleteFunc(b.queue, func(o *Share) bool { return o == s })
	if b.failing == s {
		b.failing = nil
	}
	if len(b.shares) == 0 {
		b.unshared = s.level
		b.pause(s.pausedUntil)
		return
	}
	for k := range kinds {
		for _, o := range b.shares {
			o.level[k] += min(s.level[k], 0) / time.Duration(len(b.shares))
		}
	}
}

// Refill adds what has come in since the last time. rate is the fraction of the time that this share's planner allows at the address.
func (s *Share) Refill(now time.Time, rate float64) {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	s.rate = rate
	s.budget.refill(now)
}

// refill adds what has come in since the last time, at the highest rate of all shares: during the first backfill of one of them the address may be
// asked for more.
func (b *Budget) refill(now time.Time) {
	var rate float64
	for _, s := range b.shares {
		rate = max(rate, s.rate)
	}
	elapsed := now.Sub(b.refilled)
	if elapsed > -time.Minute && elapsed < time.Millisecond {
		return // too little: it would be lost in rounding. Or another share was quicker; only a clock that was set back goes back for long.
	}
	income := time.Duration(float64(elapsed) * rate)
	b.refilled = now
	for income > 0 { // each round fills at least one kind of one share, or spends all
		var open float64
		for k := range kinds {
			open += k.portion() * float64(b.below(k))
		}
		rest := income
		for k := range kinds {
			for _, s := range b.shares {
				if room := b.most(k) - s.level[k]; room > 0 {
					part := min(time.Duration(float64(income)*k.portion()/open), room)
					s.level[k] += part
					rest -= part
				}
			}
		}
		if rest >= income-time.Duration(len(b.shares))*time.Duration(kinds) {
			return // no share has room for more than a rounding error
		}
		income = rest
	}
}

// most is the most that one share can hold of a kind.
func (b *Budget) most(k Kind) time.Duration {
	return time.Duration(k.portion() * float64(burst) / float64(len(b.shares)))
}

// below counts the shares that are not full of a kind.
func (b *Budget) below(k Kind) (n int) {
	for _, s := range b.shares {
		if s.level[k] < b.most(k) {
			n++
		}
	}
	return n
}

// Left is what may be spent on a kind before it is in debt; negative: the debt.
func (s *Share) Left(k Kind) time.Duration {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	return s.level[k]
}

// Charge takes what a request took from the share. It may leave a debt.
func (s *Share) Charge(k Kind, took time.Duration) {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	s.level[k] -= took
	s.turnSpent += took
}
