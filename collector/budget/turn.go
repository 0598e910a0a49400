package budget

import (
	"slices"
	"time"
)

// keepPlace is how long a share keeps its place in the queue without asking again.
const keepPlace = 2 * time.Minute

// Allows says whether a request of the kind may be made now. A kind that is in debt waits. The debts of a share keep the others waiting only where their
// requests would add up to more than another burst of debts. Then the shares take turns, in the order in which they first wanted to ask: otherwise
// those that happen to ask first would take all there is, each time. The debts of a share that has no answers from a gateway that answers others do not
// count: it pays for them out of its own part.
func (s *Share) Allows(k Kind) bool {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	var debts time.Duration
	for _, o := range b.shares {
		if o != s && (!o.unanswered || b.unreachable) {
			debts += max(0, -o.sum())
		}
	}
	return s.level[k] > 0 && (s.hasTurn && debts <= burst+burst/2 || s.startTurn(debts))
}

// startTurn starts the share's turn if there is room for it and for those before it in the queue. Otherwise it gets a place there.
func (s *Share) startTurn(debts time.Duration) bool {
	b := s.budget
	b.queue = slices.DeleteFunc(b.queue, func(o *Share) bool { return b.refilled.Sub(o.queuedAt) > keepPlace })
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

// EndTurn ends the share's turn, if it has one. A planner calls it before it starts something else.
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
	for _, l := range s.level {
		sum += l
	}
	return sum
}
