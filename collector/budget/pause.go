package budget

import "time"

// othersPause is the longest time for which the failure of one share pauses the others at the address.
const othersPause = 30 * time.Second

// Pause stops requests of this share until the given time, because the gateway said so or still works on a request that was given up. The
// other shares pause for at most 30 seconds, unless the gateway does not answer them either.
func (s *Share) Pause(now, until time.Time) {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	s.recordFailure()
	if until.After(s.pausedUntil) {
		s.pausedUntil = until
	}
	if latest := now.Add(othersPause); !b.unreachable && until.After(latest) {
		until = latest
	}
	b.pause(until)
}

// pause stops requests of all shares until the given time.
func (b *Budget) pause(until time.Time) {
	if until.After(b.pausedUntil) {
		b.pausedUntil = until
	}
}

// Paused reports whether no request may be sent now.
func (s *Share) Paused(now time.Time) bool {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	return now.Before(s.budget.pausedUntil) || now.Before(s.pausedUntil)
}

// PausedUntil is until when no request may be sent; it can be in the past.
func (s *Share) PausedUntil() time.Time {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	if s.budget.pausedUntil.After(s.pausedUntil) {
		return s.budget.pausedUntil
	}
	return s.pausedUntil
}

// RecordFailure records that a request of the share got no answer.
func (s *Share) RecordFailure() {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	s.recordFailure()
}

func (s *Share) recordFailure() {
	b := s.budget
	s.failed = true
	b.unreachable = b.unreachable || b.lastFailed != nil && b.lastFailed != s
	b.lastFailed = s
}

// RecordSuccess records that a request of the share was answered.
func (s *Share) RecordSuccess() {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	s.failed, b.lastFailed, b.unreachable = false, nil, false
}
