package planner

import (
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// scan is the part of a walk that lies below its first page, and is read only where the gateway's total says that something is missing
// there. Each refresh starts the walk anew with its first page; the scan goes on where it was.
type scan struct {
	active          bool
	since           time.Time // what was visible then is what the scan is sure to find
	down            time.Time // it has read down to here
	totalUnreliable bool      // the total stayed wrong after all had been read: it is no guide
}

// resume has the walk read what is left of the scan, down to from. It says whether the walk went on; otherwise it starts anew below down.
func (s *scan) resume(w *walk, from time.Time) bool {
	s.down = ledger.Later(s.down, from) // the window's start moves on with the time, and can have passed it
	if w.running() && !w.readDownTo().After(client.CeilSecond(s.down)) {
		return true
	}
	w.start(from, client.CeilSecond(s.down))
	return false
}

// advance notes how far the walk has come.
func (s *scan) advance(w *walk) {
	if s.active && !w.span.To.Before(s.down) {
		s.down = ledger.Earlier(s.down, w.readDownTo())
	}
}
