package ledger

import "time"

// Recheck is a session that has to be rechecked.
type Recheck struct {
	ID    string
	Start time.Time
	// LastSeen is when the session was last seen.
	LastSeen time.Time
	// Lost says that the gateway no longer shows the session.
	Lost bool
	// Due is when the next recheck is due; from Early on it may come if it costs nothing extra.
	Due, Early time.Time
}

// Rechecks returns the sessions whose next recheck is due at the time now, or may come early, in no particular order. due reports whether
// any is due.
func (l *Ledger) Rechecks(now time.Time) (rechecks []Recheck, due bool) {
	for _, s := range l.tracked {
		if s.isFinal() {
			continue
		}
		d := s.recheckDue()
		if early := s.lastSeen.Add(d.Sub(s.lastSeen) / 2); !early.After(now) {
			rechecks = append(rechecks, Recheck{s.id, s.start, s.lastSeen, s.lost, d, early})
			due = due || !d.After(now)
		}
	}
	return rechecks, due
}

// RecheckDue reports whether a session's next recheck is due at the time now. A session that is not tracked needs none.
func (l *Ledger) RecheckDue(id string, now time.Time) bool {
	s := l.tracked[id]
	return s != nil && !s.isFinal() && !s.recheckDue().After(now)
}

// MarkMissed records that a complete recheck did not find a session. The second time in a row means that the gateway no longer shows it: it
// leaves the gauges, and comes back when it is seen again.
func (l *Ledger) MarkMissed(id string, at time.Time) {
	s := l.tracked[id]
	if s == nil {
		return
	}
	s.misses++
	s.lastSeen, s.leftPendingList = at, false
	if s.misses == 2 && !s.lost {
		s.lost = true
		l.lost++
	}
}
