package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// again gives a review another id than the first one of the session has.
func again(r *client.Review) { r.ID = "second" }

// restart continues with what is saved, as after a stop.
func (b *book) restart() {
	b.Helper()
	image, err := b.ledger.Image()
	if err != nil {
		b.Fatal(err)
	}
	if b.ledger, err = ledger.Restore(options{Lookback: lookback, AllowedLateness: lateness, ForgetAfter: forget}, image); err != nil {
		b.Fatal(err)
	}
}

// reviewsCounted are the requests, final states and waits that were counted of reviews.
func (b *book) reviewsCounted(at time.Duration) []any {
	b.Helper()
	n := b.one(at)
	var waits uint64
	if h := n.Histograms[ledger.ReviewWait]; h != nil {
		waits = h.Count
	}
	return []any{total(n.Requested), counts(n.Resolved), waits}
}

// A second review of a session counts like the first, wherever the session is by then: still tracked, known, or forgotten.
func TestASecondReviewOfASession(t *testing.T) {
	rejected := reviewed(onetime, "REJECTED", 0, group("sre", "REJECTED", time.Minute))
	closes := func(b *book) {
		b.head(2 * time.Hour)
		b.read(-lookback, 2*time.Hour)
		b.allPendingRead(2 * time.Hour)
	}
	for _, tt := range []struct {
		name string
		play func(b *book)
		late time.Duration // when the second one is requested
		want string
	}{
		{"the first is tracked, and its rejection was not seen", func(b *book) {}, 3 * time.Minute, "[2 map[EXECUTED:1] 1]"},
		{"the first was rejected", func(b *book) { b.apply(2*time.Minute, row("a", 0, rejected)) }, 3 * time.Minute, "[2 map[EXECUTED:1 REJECTED:1] 2]"},
		{"the first was rejected long ago, in time that is still open", func(b *book) { b.apply(2*time.Minute, row("a", 0, rejected)) }, time.Hour, "[2 map[EXECUTED:1 REJECTED:1] 2]"},
		{"the session is forgotten", func(b *book) { b.apply(2*time.Minute, row("a", 0, rejected)); closes(b) }, 2 * time.Hour, "[2 map[EXECUTED:1 REJECTED:1] 2]"},
		{"the first was rejected when its time was closed", func(b *book) { closes(b); b.apply(2*time.Hour, row("a", 0, rejected)) }, 2 * time.Hour, "[2 map[EXECUTED:1 REJECTED:1] 2]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := readBook(t)
			b.apply(time.Minute, row("a", 0, reviewed(onetime, "PENDING", 0)))
			b.commit(time.Minute)
			tt.play(b)
			second := func(status string, more ...func(*client.Review)) func(*client.Session) {
				return reviewed(onetime, status, tt.late, append(more, again)...)
			}
			for range 2 { // at any moment the process may stop
				b.restart()
				b.apply(tt.late+time.Minute, row("a", 0, second("PENDING")))
				n := b.one(tt.late + time.Minute)
				b.want("while it waits", []any{n.Open[ledger.Pending], since(n.PendingSince...), total(n.Requested)}, fmt.Sprintf("[1 [%v] 2]", tt.late))
			}
			b.apply(tt.late+2*time.Minute, row("a", 0, rejected), row("a", 0, second("PENDING"))) // an old answer, and one that is not
			b.commit(tt.late + 2*time.Minute)
			ended := row("a", 0, done(tt.late+3*time.Minute, 0), second("EXECUTED", revokeAt(tt.late+2*time.Minute)))
			for i, old := range []client.Session{
				ended, row("a", 0, rejected), ended, row("a", 0, second("PENDING")), row("a", 0, rejected), row("a", 0, reviewed(onetime, "PENDING", 0)), row("a", 0), ended,
				row("a", 0, done(0, 0)), ended,
			} {
				at := tt.late + time.Duration(4+i)*time.Minute
				b.apply(at, old)
				b.commit(at)
				b.restart()
			}
			later := tt.late + 6*time.Hour
			b.head(later)
			b.read(-lookback, later)
			b.allPendingRead(later)
			for range 2 { // it is forgotten, and an answer is hours old
				b.apply(later, row("a", 0, second("PENDING")))
				b.commit(later)
				b.apply(later, ended)
				b.want("at the end", b.reviewsCounted(later), tt.want)
				b.restart()
			}
			n := b.one(later)
			b.want("sessions", []any{counts(n.Started), len(counts(n.Finished)), n.Open}, "[map[exec:1] 1 [0 0 0 0 0]]")
		})
	}
}

// A review of a session that is forgotten counts if nothing that was counted can look like it: it was requested since all pending ones were
// read, and so long after its session that it did not come with one that shows up too late.
func TestWhichReviewOfAForgottenSessionIsNew(t *testing.T) {
	for _, tt := range []struct {
		name   string
		review func(*client.Session)
		want   string
	}{
		{"it waits", reviewed(onetime, "PENDING", 0), "[1 map[] 0]"},
		{"it was rejected when it is first seen", reviewed(onetime, "REJECTED", 0, group("sre", "REJECTED", time.Minute)), "[1 map[REJECTED:1] 1]"},
		{"it may have been counted", reviewed(onetime, "PENDING", -microsec), "[0 map[] 0]"},
		{"it may have been counted, and is decided", reviewed(onetime, "EXECUTED", -microsec, revokeAt(time.Minute)), "[0 map[] 0]"},
		{"it has no id", reviewed(onetime, "PENDING", 0, func(r *client.Review) { r.ID = "" }), "[0 map[] 0]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := readBook(t)
			for range 2 {
				b.apply(2*time.Minute, row("a", -lateness-time.Second, tt.review, done(0, 0)))
				b.want("counted", b.reviewsCounted(2*time.Minute), tt.want)
				b.restart()
			}
		})
	}
	b := readBook(t)
	b.head(2 * lateness)
	b.read(-lookback, 2*lateness)
	b.apply(2*lateness, row("a", 0, reviewed(onetime, "PENDING", lateness-microsec)))
	b.want("it may have come with its session", b.reviewsCounted(2*lateness), "[0 map[] 0]")
	b.apply(2*lateness, row("b", 0, reviewed(onetime, "PENDING", lateness)))
	b.want("it cannot", b.reviewsCounted(2*lateness), "[1 map[] 0]")
	b = readBook(t)
	b.head(forget)
	b.apply(forget, row("a", -time.Second, reviewed(onetime, "PENDING", forget)))
	b.commit(forget)
	b.apply(forget, row("b", forget))
	b.want("its session is too old to be tracked", b.reviewsCounted(forget), "[0 map[] 0]")
}

// Once all pending reviews have been read, a review that was requested more than the allowed lateness before that has been counted, unless
// the gateway's clock may be ahead.
func TestWhichReviewIsNewOnceAllPendingOnesWereRead(t *testing.T) {
	const now = 2 * time.Hour
	for _, tt := range []struct {
		name      string
		requested time.Duration
		retained  bool // the clock has just made a step
		want      string
	}{
		{"within the allowed lateness", now - lateness, false, "[1 map[] 0]"},
		{"earlier", now - lateness - microsec, false, "[0 map[] 0]"},
		{"earlier, by a clock that may be ahead", now - lateness - microsec, true, "[1 map[] 0]"},
	} {
		b := readBook(t)
		b.head(now)
		b.read(-lookback, now)
		if !tt.retained {
			b.ledger.EndRetention()
		}
		b.allPendingRead(now)
		b.apply(now, row("a", 0, reviewed(onetime, "PENDING", tt.requested)))
		b.want(tt.name, b.reviewsCounted(now), tt.want)
	}
}

// Of two reviews that were requested before all pending ones were read, the second is new if it is known that the first had not been
// resolved.
func TestASecondReviewThatWasNotSeenWaiting(t *testing.T) {
	second := row("a", 0, done(2*time.Hour, 0), reviewed(onetime, "EXECUTED", time.Hour, again, revokeAt(90*time.Minute)))
	for name, want := range map[string]string{"the first waits": "[2 map[EXECUTED:1] 1]", "the session is forgotten": "[0 map[] 0]"} {
		b := readBook(t)
		if name == "the first waits" {
			b.apply(time.Minute, row("a", 0, reviewed(onetime, "PENDING", 0)))
			b.commit(time.Minute)
		}
		b.head(3 * time.Hour)
		b.ledger.EndRetention()
		b.read(-lookback, 3*time.Hour)
		b.allPendingRead(3 * time.Hour)
		b.allPendingRead(0) // that is older, and changes nothing
		if name == "the session is forgotten" {
			b.apply(3*time.Hour, row("a", 0, reviewed(onetime, "PENDING", 0))) // an answer that is hours old
		}
		b.apply(3*time.Hour, second)
		b.want(name, b.reviewsCounted(3*time.Hour), want)
	}
}

// A second review gets a minute of its own to become EXECUTED.
func TestASecondReviewInProcessing(t *testing.T) {
	b := readBook(t)
	ended := func(r *client.Session) { r.Status = "done" }
	b.apply(time.Minute, row("a", 0, ended, reviewed(jit, "APPROVED", 0, revokeAt(time.Hour))))
	b.commit(time.Minute)
	b.apply(10*time.Minute, row("a", 0, ended, reviewed(onetime, "PROCESSING", 9*time.Minute, again, revokeAt(9*time.Minute))))
	b.want("at first", b.reviewsCounted(10*time.Minute), "[2 map[] 2]")
	b.apply(11*time.Minute, row("a", 0, ended, reviewed(onetime, "EXECUTED", 9*time.Minute, again, revokeAt(9*time.Minute))))
	b.want("then", b.reviewsCounted(11*time.Minute), "[2 map[EXECUTED:1] 2]")
}

// What is remembered of reviews has a limit also while the list of pending ones cannot be read.
func TestReviewsAreForgotten(t *testing.T) {
	for name, forgets := range map[string]func(b *book, now time.Duration){
		"when all pending ones were read": func(b *book, now time.Duration) { b.allPendingRead(now + lateness) },
		"after the lookback":              func(b *book, now time.Duration) { b.head(now + lookback + time.Hour) },
	} {
		b := readBook(t)
		for i := range 100 {
			id := fmt.Sprint("id", i)
			b.apply(time.Hour, row(id, 0, reviewed(onetime, "REJECTED", time.Hour)))
		}
		b.head(time.Hour)
		b.ledger.EndRetention()
		b.read(-lookback, time.Hour)
		b.commit(time.Hour)
		b.want(name+": before", b.countSeen(0, 0), 100)
		forgets(b, time.Hour+microsec)
		b.ledger.EndRetention()
		b.read(-lookback, time.Hour)
		b.restart()
		b.want(name+": after", b.countSeen(0, 0), 0)
	}
}

// If the API does not report ids of reviews, a session has one review.
func TestAReviewWithoutAnID(t *testing.T) {
	b := readBook(t)
	none := func(r *client.Review) { r.ID = "" }
	for _, r := range []func(*client.Session){reviewed(onetime, "PENDING", 0), reviewed(onetime, "PENDING", 0, none), reviewed(onetime, "REJECTED", 0, none), reviewed(onetime, "REJECTED", 0)} {
		b.apply(time.Minute, row("a", 0, r))
	}
	b.want("reviews", b.reviewsCounted(time.Minute)[:2], "[1 map[REJECTED:1]]")

	b = readBook(t)
	first := reviewed(onetime, "PENDING", 0)
	b.apply(time.Minute, row("a", 0, first), row("a", 0, first, func(r *client.Session) { r.Review.ID = "" }), row("a", 0, reviewed(onetime, "PENDING", time.Minute, again)))
	b.want("where one answer does not report it", b.reviewsCounted(time.Minute)[:2], "[2 map[]]")
}

// A session cannot request two reviews at one moment: another id with the same time of the request is the same review. It counts once,
// wherever the session is by then, and however often the id changes.
func TestAReviewWithAnotherIDAndTheSameRequest(t *testing.T) {
	b := readBook(t)
	first := func(status string, more ...func(*client.Review)) client.Session {
		return row("a", 0, reviewed(onetime, status, 0, more...))
	}
	for i := range 5 {
		at := time.Duration(1+i) * time.Minute
		b.apply(at, first("PENDING"), first("PENDING", again))
		b.commit(at)
		b.restart()
	}
	b.want("while it waits", b.reviewsCounted(6*time.Minute), "[1 map[] 0]")
	decided := group("sre", "REJECTED", 7*time.Minute)
	for i := range 5 {
		at := time.Duration(7+i) * time.Minute
		b.apply(at, first("REJECTED", decided))
		b.commit(at)
		b.apply(at, first("REJECTED", decided, again))
		b.commit(at)
		b.restart()
	}
	b.want("when it is decided", b.reviewsCounted(12*time.Minute), "[1 map[REJECTED:1] 1]")
	b.apply(3*time.Hour, row("a", 0, reviewed(onetime, "PENDING", 2*time.Hour, func(r *client.Review) { r.ID = "third" })))
	b.want("a later request", b.reviewsCounted(3*time.Hour), "[2 map[REJECTED:1] 1]")
}
