package budget

import (
	"slices"
	"time"
)

// placeKept is how long a share that no longer calls Allows keeps its place in the queue.
const placeKept = 2 * time.Minute

// Allows reports whether the share may send a request of this kind now. A kind in debt waits. A share that has its turn continues while the
// debts of the other shares are at most one and a half bursts; any other share needs a turn first. Shares get turns in the order in which
// they started to wait: otherwise the fastest would use the whole budget. The debts of a share whose requests fail while the gateway
// answers other shares are not counted: that share alone pays for them.
func (s *Share) Allows(k Kind) bool {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	var debts time.Duration
	for _, o := range b.shares {
		if o != s && (!o.failed || b.unreachable) {
			debts += max(0, -o.sum())
		}
	}
	return s.balance[k] > 0 && (s.hasTurn && debts <= burst+burst/2 || s.startTurn(debts))
}

// startTurn starts the share's turn if the debts leave room for it and for those before it in the queue. Otherwise the share gets a place
// in the queue.
func (s *Share) startTurn(debts time.Duration) bool {
	b := s.budget
	b.queue = slices.DeleteFunc(b.queue, func(o *Share) bool { return b.refilled.Sub(o.queuedAt) > placeKept })
	place := slices.Index(b.queue, s)
	if place < 0 {
		place = len(b.queue)
		b.queue = append(b.queue, s)
	}
	s.queuedAt = b.refilled
	if debts+time.Duration(place)*b.turnCost > burst {
		return false
	}
	b.queue = slices.Delete(b.queue, place, place+1)
	s.hasTurn = true
	return true
}

// EndTurn ends the share's turn, if it has one. A planner calls it before each refresh and each step of the backfill.
func (s *Share) EndTurn() {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.hasTurn && s.turnSpent > 0 {
		b.turnCost = (3*b.turnCost + s.turnSpent) / 4
	}
	s.hasTurn, s.turnSpent = false, 0
}

func (s *Share) sum() (sum time.Duration) {
	for _, l := range s.balance {
		sum += l
	}
	return sum
}
