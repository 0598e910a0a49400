package ledger

import "time"

// Unsaved is the result of a refresh. Always holds: its counters can be published only after they have been saved. A counter that falls
// back when the process starts again would make rate() add its whole value once more. Gauges may fall, so they need no save.
//
// Call order: [Ledger.Finish], then [Unsaved.Save], then publish. Nothing is applied to the ledger between the first two.
type Unsaved struct {
	// Gauges is the snapshot whose gauges may be published at once.
	Gauges *Snapshot

	ledger *Ledger
}

// Finish ends a refresh at the time at, by the gateway's clock, and now, by the exporter's.
func (l *Ledger) Finish(at, now time.Time) Unsaved {
	return Unsaved{Gauges: l.commit(at, now), ledger: l}
}

// Save calls save with the ledger, and returns the counters that may be published if save succeeds. If no state is kept, save does nothing.
func (u Unsaved) Save(save func(*Ledger) error) (Saved, error) {
	if err := save(u.ledger); err != nil {
		return Saved{}, err
	}
	return Saved{u.Gauges}, nil
}

// Saved are counters that may be published, because a process that starts again does not begin below them. Only [Unsaved.Save] and
// [Ledger.Restored] return one. The zero Saved has no counters.
type Saved struct{ snapshot *Snapshot }

// Restored returns the counters that a ledger had published before it was restored: they are already saved.
func (l *Ledger) Restored() Saved { return Saved{l.lastPublished()} }

// Counters returns the snapshot whose counters and histograms may be published; nil if there is none.
func (s Saved) Counters() *Snapshot { return s.snapshot }
