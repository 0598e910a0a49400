package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// noon is when the stories of these tests happen.
func noon() time.Time { return time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC) }

func at(d time.Duration) client.Time { return client.Time{Time: noon().Add(d)} }

func code(n int) *int { return &n }

func options() Options {
	return Options{Lookback: 24 * time.Hour, AllowedLateness: 15 * time.Minute, ForgetAfter: 90 * 24 * time.Hour}
}

// sessionRow is one that began d after noon and runs.
func sessionRow(id string, d time.Duration) client.Session {
	return client.Session{ID: id, Connection: "pg", Type: "database", Verb: "exec", Status: "open", UserID: "u", StartDate: at(d)}
}

func (s story) ended(id string, start, end time.Duration, exit int) client.Session {
	row := sessionRow(id, start)
	row.Status, row.EndDate, row.ExitCode = "done", at(end), code(exit)
	return row
}

// story is a ledger that began at noon and whose lookback has been read.
type story struct {
	*testing.T
	*Ledger
}

func begin(t *testing.T) story {
	l := New(options(), noon())
	l.AdvanceWatermark(noon())
	l.MarkRead(Span{l.backfillStart, noon().Add(Tick)})
	l.EndRetention()
	return story{t, l}
}

func (s story) see(d time.Duration, rows ...client.Session) { s.Apply(noon().Add(d), rows) }

// target returns the numbers of the one target that there is, d after noon.
func (s story) target(d time.Duration) TargetSnapshot {
	s.Helper()
	snap := s.Finish(noon().Add(d), noon().Add(d)).Gauges
	if len(snap.Targets) != 1 {
		s.Fatalf("%d targets, want 1", len(snap.Targets))
	}
	return snap.Targets[0]
}

// counted adds up counters of one kind.
func counted(counters []Counter) map[string]uint64 {
	out := map[string]uint64{}
	for _, c := range counters {
		if c.Value > 0 {
			out[c.Labels[0]] += c.Value
		}
	}
	return out
}

func (s story) want(what string, got, want any) {
	s.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		s.Errorf("%s: %s, want %s", what, g, w)
	}
}
