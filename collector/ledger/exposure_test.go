package ledger_test

import (
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// A series that is born with a value shows 0 until that was served for as long as the delay.
func TestNewSeriesAreDelayed(t *testing.T) {
	pending := reviewed(onetime, "PENDING", 0)
	newBookWithDelay := func(t *testing.T) *book { return newBook(t, delay(2*time.Minute)) }
	t.Run("a counter without a label too", func(t *testing.T) {
		b := newBookWithDelay(t)
		b.apply(time.Second, row("a", 0, pending))
		b.serve(b.commit(time.Second), time.Second)
		b.want("within the delay", total(b.one(2*time.Minute).Requested), 0)
		b.want("after it", total(b.one(2*time.Minute+time.Second).Requested), 1)
	})
	t.Run("histograms too, even before they count anything", func(t *testing.T) {
		b := newBookWithDelay(t)
		b.apply(time.Second, row("a", 0))
		b.serve(b.commit(time.Second), time.Second)
		b.apply(time.Minute, row("a", 0, done(30*time.Second, 0)))
		b.want("within the delay", b.one(time.Minute).Histograms[ledger.Duration].Count, 0)
		b.want("after it", b.one(2*time.Minute + time.Second).Histograms[ledger.Duration].Count, 1)
	})
	t.Run("not longer than until it was served where it was born with 0", func(t *testing.T) {
		b := newBookWithDelay(t)
		b.apply(time.Second, row("a", 0))
		b.serve(b.commit(time.Second), time.Second)
		b.apply(time.Second, row("b", 0, pending))
		b.want("at once", total(b.one(time.Second).Requested), 1)
	})
	t.Run("but that long", func(t *testing.T) {
		b := newBookWithDelay(t)
		b.apply(time.Second, row("a", 0))
		b.commit(time.Second)
		b.apply(time.Hour, row("b", 0, pending))
		s := b.commit(time.Hour)
		b.want("never served", total(b.only(s).Requested), 0)
		b.serve(s, time.Hour)
		b.want("served", total(b.one(time.Hour).Requested), 1)
	})
	t.Run("what was served was an older snapshot", func(t *testing.T) {
		b := newBookWithDelay(t)
		old := b.commit(0)
		b.apply(time.Second, row("a", 0, pending))
		b.commit(time.Second)
		b.serve(old, time.Second)
		b.want("still delayed", total(b.one(time.Hour).Requested), 0)
	})
	t.Run("what was served was a newer snapshot", func(t *testing.T) {
		b := newBookWithDelay(t)
		b.apply(time.Second, row("a", 0, pending))
		b.commit(time.Second)
		b.serve(b.commit(time.Minute), time.Minute)
		b.want("released", total(b.one(3*time.Minute).Requested), 1)
	})
	t.Run("the first serving counts", func(t *testing.T) {
		b := newBookWithDelay(t)
		b.apply(time.Second, row("a", 0, pending))
		b.serve(b.commit(time.Second), time.Second)
		b.serve(b.commit(time.Minute), time.Minute)
		b.want("released", total(b.one(2*time.Minute+time.Second).Requested), 1)
	})
	t.Run("a clock that was set back begins the delay again", func(t *testing.T) {
		b := newBookWithDelay(t)
		b.apply(time.Second, row("a", 0, pending))
		b.serve(b.commit(time.Hour), time.Hour)
		b.want("set back", total(b.one(time.Minute).Requested), 0)
		b.want("released", total(b.one(3*time.Minute).Requested), 1)
	})
	t.Run("a delay of any length", func(t *testing.T) {
		b := newBook(t, delay(1))
		b.apply(time.Second, row("a", 0, pending))
		b.want("not served", total(b.one(time.Second).Requested), 0)
	})
	t.Run("no delay", func(t *testing.T) {
		b := newBook(t)
		b.apply(time.Second, row("a", 0, pending, done(time.Minute, 7)))
		b.want("at once", total(b.one(time.Second).Requested), 1)
	})
}

// A target goes when nothing of it is open and its newest session began 30 days ago. When it comes back it shows its old values first.
func TestQuietTargetsGo(t *testing.T) {
	finished := row("a", time.Second, done(2*time.Second, 0))
	const month = 30*day + time.Second
	t.Run("after 30 days", func(t *testing.T) {
		b := newBook(t)
		b.apply(time.Minute, finished, row("earlier", 0, done(time.Second, 0)))
		b.want("targets just before", len(b.commit(month-microsec).Targets), 1)
		b.want("targets then", len(b.commit(month).Targets), 0)
	})
	t.Run("not while a session is open", func(t *testing.T) {
		b := newBook(t)
		b.apply(time.Minute, row("a", time.Second))
		b.want("targets", len(b.commit(month+day).Targets), 1)
	})
	t.Run("and comes back", func(t *testing.T) {
		b := newBook(t, delay(2*time.Minute))
		b.apply(time.Minute, finished)
		b.serve(b.commit(time.Minute), time.Minute)
		b.serve(b.commit(5*time.Minute), 5*time.Minute)
		b.commit(month)
		b.head(month)
		b.apply(month, row("b", month, reviewed(onetime, "PENDING", month)), row("c", month, done(month, 0)))
		b.serve(b.commit(month), month)
		n := b.one(month + 2*time.Minute - microsec)
		b.want("old values within the delay", []any{counts(n.Started), total(n.Requested), n.Histograms[ledger.Duration].Count, n.Open[ledger.Pending]}, "[map[exec:1] 0 1 1]")
		n = b.one(month + 2*time.Minute)
		b.want("new values", []any{counts(n.Started), total(n.Requested), n.Histograms[ledger.Duration].Count}, "[map[exec:3] 1 2]")
	})
}

func TestGenerationsAndTimes(t *testing.T) {
	b := newBook(t)
	first, second := b.commit(time.Minute), b.commit(2*time.Minute)
	b.want("generations", []any{first.Generation, second.Generation}, "[1 2]")
	b.want("times", since(first.At, first.T0, second.At), "[1m0s 0s 2m0s]")
}

// A series that is born was 0 when all series that were not born yet were known to be 0.
func TestCreatedTimestamps(t *testing.T) {
	b := newBook(t)
	b.zeroAt(time.Minute)
	b.apply(2*time.Minute, row("a", 0, done(time.Minute, 7)))
	n := b.one(2 * time.Minute)
	b.want("first", since(b.counter(n.ExitCodes, "7").Created, n.Requested[0].Created, n.Histograms[ledger.Duration].Created), "[1m0s 1m0s 1m0s]")
	b.zeroAt(3 * time.Minute)
	b.apply(4*time.Minute, row("b", 0, done(time.Minute, 8)))
	n = b.one(4 * time.Minute)
	b.want("a later one", since(b.counter(n.ExitCodes, "8").Created, b.counter(n.ExitCodes, "7").Created), "[3m0s 1m0s]")
}

// An exemplar is the newest session that was counted in the last refresh that counted any.
func TestExemplarsOfCounters(t *testing.T) {
	finished := func(id string, start time.Duration) client.Session { return row(id, start, done(time.Hour, 3)) }
	show := func(b *book, at time.Duration) string {
		n := b.one(at)
		c := b.counter(n.ExitCodes, "3")
		if c.Exemplar == nil {
			return "none"
		}
		if f := b.counter(n.Finished, "failure").Exemplar; f == nil || f.SessionID != c.Exemplar.SessionID {
			b.Errorf("finished has another exemplar: %v", f)
		}
		b.want("value", c.Exemplar.Value, 1)
		return c.Exemplar.SessionID + " " + since(c.Exemplar.At)
	}
	b := newBook(t)
	b.apply(2*time.Hour, finished("b", time.Minute), finished("a", time.Minute), finished("older", time.Second))
	b.want("the newest one, by its id where several began together", show(b, 2*time.Hour), "b [2h0m0s]")
	b.want("and stays", show(b, 3*time.Hour), "b [2h0m0s]")
	b.apply(4*time.Hour, finished("older still", 0))
	b.want("until another one is counted", show(b, 4*time.Hour), "older still [4h0m0s]")
	b.apply(5*time.Hour, finished("x", time.Second), finished("y", time.Minute), finished("z", time.Second))
	b.want("in any order", show(b, 5*time.Hour), "y [5h0m0s]")
	b.want("nothing was counted", b.counter(b.one(5*time.Hour).Finished, "success").Exemplar == nil, true)
}

func TestDelayedCountersShowNoExemplar(t *testing.T) {
	b := newBook(t, delay(time.Minute))
	b.apply(time.Second, row("a", 0, done(time.Second, 3)))
	s := b.commit(time.Second)
	b.serve(s, time.Second)
	n := b.only(s)
	b.want("delayed", b.counter(n.ExitCodes, "3").Exemplar == nil, true)
	for _, e := range n.Histograms[ledger.Duration].Exemplars {
		b.want("delayed", e == nil, true)
	}
	b.want("released", b.counter(b.one(time.Hour).ExitCodes, "3").Exemplar.SessionID, "a")
}
