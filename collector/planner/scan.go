package planner

import (
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// scan is the part of a walk that lies below its first page, and is read only if the gateway's total shows that something is missing there.
// Each refresh starts the walk again with its first page; the scan goes on where it stopped.
type scan struct {
	active          bool
	since           time.Time // the scan is sure to find what was visible then
	down            time.Time // it has read down to here
	totalUnreliable bool      // the total stayed wrong after everything had been read: it cannot be used
}

// resume makes the walk read what is left of the scan, down to from. It reports whether the walk went on; otherwise the walk starts again
// below down.
func (s *scan) resume(w *walk, from time.Time) bool {
	s.down = ledger.Later(s.down, from) // the window's start moves on with time, and can have passed it
	if w.running() && !w.readDownTo().After(client.CeilSecond(s.down)) {
		return true
	}
	w.start(from, client.CeilSecond(s.down))
	return false
}

// advance records how far the walk has come.
func (s *scan) advance(w *walk) {
	if s.active && !w.span.To.Before(s.down) {
		s.down = ledger.Earlier(s.down, w.readDownTo())
	}
}
