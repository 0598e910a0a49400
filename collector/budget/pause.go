package budget

import "time"

// othersPause is how long the trouble of one share keeps the others at the address from asking.
const othersPause = 30 * time.Second

// Pause lets the share ask nothing before until: the gateway said so, or still works on a request that was given up. The other shares wait for half a
// minute at most, unless the gateway does not answer them either.
func (s *Share) Pause(now, until time.Time) {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	s.noAnswer()
	if until.After(s.pausedUntil) {
		s.pausedUntil = until
	}
	if most := now.Add(othersPause); !b.unreachable && until.After(most) {
		until = most
	}
	b.pause(until)
}

// pause lets no share ask before until.
func (b *Budget) pause(until time.Time) {
	if until.After(b.pausedUntil) {
		b.pausedUntil = until
	}
}

// Paused says whether nothing may be asked now.
func (s *Share) Paused(now time.Time) bool {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	return now.Before(s.budget.pausedUntil) || now.Before(s.pausedUntil)
}

// NoAnswer notes that a request of the share had no answer.
func (s *Share) NoAnswer() {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	s.noAnswer()
}

func (s *Share) noAnswer() {
	b := s.budget
	s.unanswered = true
	b.unreachable = b.unreachable || b.failing != nil && b.failing != s
	b.failing = s
}

// Answered notes that a request of the share had an answer.
func (s *Share) Answered() {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	s.unanswered, b.failing, b.unreachable = false, nil, false
}
