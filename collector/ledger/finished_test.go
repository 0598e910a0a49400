package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// finishedTarget is the target after one session, that began a second after noon, finished.
func finishedTarget(t *testing.T, change ...func(*client.Session)) (*book, *snapshot, target) {
	b := newBook(t)
	b.apply(11*365*day, row("a", time.Second, change...))
	s := b.commit(time.Hour)
	return b, s, b.only(s)
}

func TestExitCodes(t *testing.T) {
	for exit, want := range map[int]string{0: "0", 1: "1", 255: "255", 256: "other", -1: "other"} {
		t.Run(fmt.Sprint(exit), func(t *testing.T) {
			b, _, n := finishedTarget(t, done(time.Minute, exit))
			b.want("exit codes", labels(n.ExitCodes), "["+want+"]")
		})
	}
	t.Run("none", func(t *testing.T) {
		b, _, n := finishedTarget(t, undated)
		b.want("exit codes", counts(n.ExitCodes), "map[none:1]")
	})
}

func TestARejectedSessionHasNoExitCodeAndNoSize(t *testing.T) {
	b, s, n := finishedTarget(t, done(time.Minute, 254), size(100), reviewed(onetime, "REJECTED", 0))
	b.want("finished", counts(n.Finished), "map[rejected:1]")
	b.want("exit codes", counts(n.ExitCodes), "map[]")
	b.want("sizes", n.Histograms[ledger.EventSize].Count, 0)
	b.want("unobserved", s.Unobserved, "[0 0 0 0 0 0 0 0 0]")
}

// What is impossible is no observation; what is merely extreme is one.
func TestLimitsOfObservations(t *testing.T) {
	const ten = 10 * 365 * day
	for _, tt := range []struct {
		name       string
		change     []func(*client.Session)
		measure    ledger.Measure
		observed   int
		unobserved int
	}{
		{"a size of 0 is not known", []func(*client.Session){done(time.Minute, 0), size(0)}, ledger.EventSize, 0, 0},
		{"a byte", []func(*client.Session){done(time.Minute, 0), size(1)}, ledger.EventSize, 1, 0},
		{"a pebibyte", []func(*client.Session){done(time.Minute, 0), size(1 << 50)}, ledger.EventSize, 1, 0},
		{"more", []func(*client.Session){done(time.Minute, 0), size(1<<50 + 1)}, ledger.EventSize, 0, 1},
		{"less than nothing", []func(*client.Session){done(time.Minute, 0), size(-1)}, ledger.EventSize, 0, 1},
		{"no time", []func(*client.Session){done(time.Second, 0)}, ledger.Duration, 1, 0},
		{"less than none", []func(*client.Session){done(time.Second-microsec, 0)}, ledger.Duration, 0, 1},
		{"ten years", []func(*client.Session){done(time.Second+ten, 0)}, ledger.Duration, 1, 0},
		{"more than ten years", []func(*client.Session){done(time.Second+ten+microsec, 0)}, ledger.Duration, 0, 1},
		{"no end", []func(*client.Session){undated}, ledger.Duration, 0, 0},
		{"a wait of ten years", []func(*client.Session){reviewed(onetime, "APPROVED", time.Second, revokeAt(time.Second+ten))}, ledger.ReviewWait, 1, 0},
		{"a longer wait", []func(*client.Session){reviewed(onetime, "APPROVED", time.Second, revokeAt(time.Second+ten+microsec))}, ledger.ReviewWait, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, s, n := finishedTarget(t, tt.change...)
			b.want("observed", n.Histograms[tt.measure].Count, tt.observed)
			b.want("unobserved", s.Unobserved[tt.measure], tt.unobserved)
			b.want("unobserved, a refresh later", b.commit(time.Hour).Unobserved[tt.measure], tt.unobserved)
		})
	}
}

// The histograms of a target are there from its first counted session on, so that their first observation is an increase.
func TestHistogramsAreBornWithTheFirstCountedSession(t *testing.T) {
	b := newBook(t)
	b.apply(time.Minute, row("history", -time.Hour, done(-time.Minute, 0)))
	n := b.one(time.Minute)
	for m, h := range n.Histograms {
		b.want(fmt.Sprint("of history, measure ", m), h == nil, true)
	}
	b.apply(time.Minute, row("a", time.Second))
	n = b.one(time.Minute)
	for m, h := range n.Histograms {
		b.want(fmt.Sprint("of a running one, measure ", m), h != nil && h.Count == 0, true)
	}
}

func TestSeriesThatATargetHasFromTheBeginning(t *testing.T) {
	b := newBook(t)
	b.apply(time.Minute, row("a", -time.Hour))
	n := b.one(time.Minute)
	b.want("started", labels(n.Started), "[connect exec]")
	b.want("finished", labels(n.Finished), "[aborted disconnected expired failure rejected revoked success unknown]")
	b.want("resolved", labels(n.Resolved), "[APPROVED EXECUTED EXPIRED PROCESSING REJECTED REVOKED UNKNOWN]")
	b.want("exit codes", labels(n.ExitCodes), "[]")
}
