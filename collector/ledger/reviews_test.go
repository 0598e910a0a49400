package ledger_test

import (
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

const (
	onetime = client.ReviewOneTime
	jit     = client.ReviewJIT
)

// The wait for a decision is measured from the request to the decision, and the decision is dated by what the gateway reports of it.
func TestWaitForADecision(t *testing.T) {
	for _, tt := range []struct {
		name   string
		review func(*client.Session)
		want   string // seconds of each wait that was observed
	}{
		{"the end of access, less its duration", reviewed(jit, "APPROVED", 0, revokeAt(time.Hour), func(r *client.Review) { r.AccessDuration = 50 * time.Minute }), "600"},
		{"the first of several rejections", reviewed(onetime, "REJECTED", 0, group("a", "REJECTED", time.Hour), group("b", "REJECTED", 2*time.Hour)), "3600"},
		{"the first one in whatever order they come", reviewed(onetime, "REJECTED", 0, group("a", "REJECTED", 2*time.Hour), group("b", "REJECTED", time.Hour)), "3600"},
		{"a rejection without a date says nothing", reviewed(onetime, "REJECTED", 0, group("a", "REJECTED", time.Hour), undatedGroup("b", "REJECTED")), "3600"},
		{"the last approval", reviewed(onetime, "APPROVED", 0, group("a", "APPROVED", time.Hour), group("b", "APPROVED", 2*time.Hour)), "7200"},
		{"that it was revoked later is no approval", reviewed(onetime, "REVOKED", 0, group("a", "APPROVED", time.Hour), group("b", "REVOKED", 2*time.Hour)), "3600"},
		{"no date at all", reviewed(onetime, "APPROVED", 0, undatedGroup("a", "APPROVED")), "none"},
		{"pending", reviewed(onetime, "PENDING", 0, group("a", "APPROVED", time.Hour)), "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			b.apply(3*time.Hour, row("a", 0, tt.review))
			h, got := b.one(3 * time.Hour).Histograms[ledger.ReviewWait], any("none")
			if h.Count > 0 {
				got = h.Sum
			}
			b.want("waited", got, tt.want)
		})
	}
}

// A review that was requested before T0 counts if it was decided, or became final, since T0, or was seen undecided or not final since.
func TestReviewsFromBeforeT0(t *testing.T) {
	before := func(kind, status string, change ...func(*client.Review)) func(*client.Session) {
		return reviewed(kind, status, -10*time.Hour, change...)
	}
	finished := func(end time.Duration, review func(*client.Session)) client.Session {
		return row("a", -10*time.Hour, done(end, 0), review)
	}
	for _, tt := range []struct {
		name            string
		rows            []client.Session // at an hour, two hours ...
		resolved, waits string
	}{
		{"rejected since", []client.Session{finished(-time.Hour, before(onetime, "REJECTED", group("g", "REJECTED", time.Minute)))}, "map[REJECTED:1]", "1"},
		{"rejected on the instant", []client.Session{finished(-time.Hour, before(onetime, "REJECTED", group("g", "REJECTED", 0)))}, "map[REJECTED:1]", "1"},
		{"rejected before", []client.Session{finished(time.Minute, before(onetime, "REJECTED", group("g", "REJECTED", -microsec)))}, "map[]", "0"},
		{"revoked since", []client.Session{finished(-time.Hour, before(jit, "REVOKED", revokeAt(-time.Hour), group("g", "REVOKED", time.Minute)))}, "map[REVOKED:1]", "0"},
		{"revoked before", []client.Session{finished(time.Minute, before(jit, "REVOKED", revokeAt(time.Minute), group("g", "REVOKED", -microsec)))}, "map[]", "1"},
		{"revoked twice, the later time since", []client.Session{finished(-time.Hour, before(jit, "REVOKED", revokeAt(-time.Hour), group("g", "REVOKED", time.Minute), group("h", "REVOKED", -time.Hour)))}, "map[REVOKED:1]", "0"},
		{"access that ended since", []client.Session{finished(-time.Hour, before(jit, "APPROVED", revokeAt(time.Minute), func(r *client.Review) { r.AccessDuration = 2 * time.Hour }))}, "map[APPROVED:1]", "0"},
		{"access that ended before", []client.Session{finished(time.Minute, before(jit, "APPROVED", revokeAt(-microsec)))}, "map[]", "0"},
		{"approved once, its session ended since", []client.Session{finished(time.Minute, before(onetime, "APPROVED", revokeAt(-time.Hour)))}, "map[APPROVED:1]", "0"},
		{"approved once, its session ended before", []client.Session{finished(-microsec, before(onetime, "APPROVED", revokeAt(time.Minute)))}, "map[]", "1"},
		{"executed, its session ended since", []client.Session{finished(time.Minute, before(onetime, "EXECUTED"))}, "map[EXECUTED:1]", "0"},
		{"executed, its session ended less than a minute before", []client.Session{finished(-microsec, before(onetime, "EXECUTED"))}, "map[]", "0"},
		{"executed, its session has no end", []client.Session{row("a", -10*time.Hour, undated, before(onetime, "EXECUTED"))}, "map[]", "0"},
		{"processing, the minute after its session ended since", []client.Session{finished(-time.Minute, before(onetime, "PROCESSING"))}, "map[PROCESSING:1]", "0"},
		{"processing, the minute after its session ended before", []client.Session{finished(-time.Minute-microsec, before(onetime, "PROCESSING"))}, "map[]", "0"},
		{"seen undecided, though the decision is dated before", []client.Session{
			row("a", -10*time.Hour, before(onetime, "PENDING")), finished(-time.Hour, before(onetime, "REJECTED", group("g", "REJECTED", -time.Minute)))}, "map[REJECTED:1]", "1"},
		{"seen before it was final, though nothing dates that", []client.Session{
			row("a", -10*time.Hour, before(onetime, "APPROVED", revokeAt(-time.Hour))), finished(-time.Hour, before(onetime, "REVOKED"))}, "map[REVOKED:1]", "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			for i, s := range tt.rows {
				b.apply(time.Duration(i+1)*time.Hour, s)
			}
			n := b.one(5 * time.Hour)
			b.want("resolved", counts(n.Resolved), tt.resolved)
			b.want("waits", n.Histograms[ledger.ReviewWait] != nil && n.Histograms[ledger.ReviewWait].Count > 0, tt.waits == "1")
			b.want("requested", total(n.Requested), 0)
		})
	}
}

// A row that comes twice in one refresh is like a row that comes once, even if the session was first seen done before.
func TestAReviewThatStaysProcessingDoesNotComeBackByARepetition(t *testing.T) {
	gone := row("a", time.Second, done(0, 0), reviewed(onetime, "PROCESSING", time.Second), func(r *client.Session) { r.EndDate = client.Time{} })
	b := readBook(t)
	b.apply(time.Minute, gone)
	b.want("in its minute", len(ledger.ByStatus(b.one(time.Minute).OpenReviews)), 2)
	b.apply(3*time.Minute, gone, gone)
	b.want("due", b.due("a", 9*time.Minute), false)
	n := b.one(3 * time.Minute)
	b.want("after it", []any{ledger.ByStatus(n.OpenReviews), counts(n.Resolved)}, "[[{PENDING 0}] map[PROCESSING:1]]")
}

// While a review stays PROCESSING, it is final a minute after its session was first seen done in a row.
func TestAMinuteOfProcessing(t *testing.T) {
	processing := reviewed(onetime, "PROCESSING", time.Second)
	running := func(b *book, at time.Duration) { b.apply(at, row("a", time.Second, processing)) }
	over := func(b *book, at time.Duration) { b.apply(at, row("a", time.Second, undated, processing)) }
	for _, tt := range []struct {
		name string
		see  func(b *book)
		want string
	}{
		{"from when it was first seen done", func(b *book) { over(b, time.Minute); over(b, 90*time.Second); over(b, 2*time.Minute) }, "map[PROCESSING:1]"},
		{"not before", func(b *book) { over(b, time.Minute); over(b, 2*time.Minute-microsec) }, "map[]"},
		{"from the later time, where it ran again in between", func(b *book) {
			over(b, time.Minute)
			running(b, 90*time.Second)
			over(b, 100*time.Second)
			over(b, 2*time.Minute)
		}, "map[]"},
		{"from its end, where that is reported", func(b *book) { b.apply(2*time.Minute, row("a", time.Second, done(time.Minute, 0), processing)) }, "map[PROCESSING:1]"},
		{"an end on the instant", func(b *book) {
			b.apply(time.Minute, row("a", time.Second, done(time.Minute, 0), processing))
			b.apply(2*time.Minute, row("a", time.Second, done(time.Minute, 0), processing))
		}, "map[PROCESSING:1]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			tt.see(b)
			b.want("resolved", counts(b.one(time.Hour).Resolved), tt.want)
		})
	}
}

func TestGaugesOfReviews(t *testing.T) {
	b := newBook(t)
	b.apply(time.Hour,
		row("pending 2", 0, reviewed(onetime, "PENDING", 10*time.Minute, undatedGroup("sre", "PENDING"), undatedGroup("dba", "PENDING"), undatedGroup("sre", "PENDING"))),
		row("pending 1", 0, reviewed(jit, "PENDING", 5*time.Minute, undatedGroup("sre", "PENDING"), undatedGroup("sec", "APPROVED"))),
		row("pending 3", 0, reviewed(jit, "PENDING", 20*time.Minute, undatedGroup("sre", "PENDING"))),
		row("ready 2", 0, status("ready"), reviewed(onetime, "APPROVED", 0, revokeAt(40*time.Minute))),
		row("ready 1", 0, status("ready"), reviewed(onetime, "APPROVED", 0, revokeAt(30*time.Minute), undatedGroup("late", "PENDING"))),
		row("ready 3", 0, status("ready"), reviewed(onetime, "APPROVED", 0, revokeAt(50*time.Minute))),
		row("ready, undated", 0, status("ready"), reviewed(onetime, "APPROVED", 0)),
		row("ready for a while", 0, status("ready"), reviewed(jit, "APPROVED", 0, revokeAt(3*time.Hour), func(r *client.Review) { r.AccessDuration = 170 * time.Minute })),
		row("ran already", 0, reviewed(onetime, "APPROVED", 0, revokeAt(time.Minute))),
		row("still runs after access ended", 0, reviewed(jit, "APPROVED", 0, revokeAt(2*time.Minute))),
	)
	n := b.one(time.Hour)
	b.want("open", n.Open, "[3 2 5 0 0]")
	b.want("pending since", since(n.PendingSince...), "[5m0s 10m0s 20m0s]")
	b.want("ready since", since(n.ReadySince), "[30m0s]")
	b.want("reviews that are not final", ledger.ByStatus(n.OpenReviews), "[{APPROVED 6} {PENDING 3}]")
	var approvals []any
	for _, a := range n.Approvals {
		approvals = append(approvals, a.Group, a.Count, since(a.Oldest))
	}
	b.want("approvals", approvals, "[dba 1 [10m0s] sre 3 [5m0s]]")
}

// EXPIRED can be shown over PENDING and over APPROVED: the session is finished, and the review in its final state.
func TestAnExpiredReview(t *testing.T) {
	b := newBook(t)
	b.apply(time.Minute,
		row("waits", 0, reviewed(onetime, "PENDING", 0, undatedGroup("sre", "PENDING"))),
		row("approved", 0, status("ready"), reviewed(jit, "APPROVED", 0, revokeAt(time.Hour))))
	b.commit(time.Minute)
	b.apply(2*time.Minute,
		row("waits", 0, reviewed(onetime, "EXPIRED", 0, undatedGroup("sre", "PENDING"))),
		row("approved", 0, status("ready"), reviewed(jit, "EXPIRED", 0, revokeAt(time.Hour))))
	s := b.commit(2 * time.Minute)
	n := b.only(s)
	b.want("open", []any{n.Open, ledger.ByStatus(n.OpenReviews), s.Tracked}, "[[0 0 0 0 0] [{PENDING 0}] 0]")
	b.want("finished", counts(n.Finished), "map[expired:2]")
	b.want("reviews", []any{total(n.Requested), counts(n.Resolved), n.Histograms[ledger.ReviewWait].Count}, "[2 map[EXPIRED:2] 1]")
}

// A status that the program does not know neither waits nor runs. It is shown as it is.
func TestAReviewOfUnknownStatus(t *testing.T) {
	b := newBook(t)
	b.apply(time.Minute, row("a", 0, reviewed(onetime, "ESCALATED", 0)), row("b", 0, status("ready"), reviewed(jit, "ESCALATED", 0)))
	n := b.one(time.Minute)
	b.want("open", []any{n.Open, ledger.ByStatus(n.OpenReviews), len(n.RunningSince), len(n.PendingSince)}, "[[0 0 0 0 2] [{ESCALATED 2} {PENDING 0}] 0 0]")
}

// A review whose age is not known waits like any other, but is neither the oldest nor overdue.
func TestNoGaugeIsATimeThatTheAPIDoesNotGive(t *testing.T) {
	for name, created := range map[string]client.Time{"null": {}, "1970": {Time: time.Unix(0, 0).UTC()}} {
		b := newBook(t)
		never := func(r *client.Review) { r.CreatedAt, r.RevokeAt = created, created }
		b.apply(time.Hour,
			row("a", 0, reviewed(onetime, "PENDING", 0, undatedGroup("sre", "PENDING"), never)),
			row("b", 0, status("ready"), reviewed(onetime, "APPROVED", 0, never)))
		n := b.one(time.Hour)
		b.want(name+": pending", []any{n.Open, ledger.ByStatus(n.OpenReviews)}, "[[1 0 1 0 0] [{APPROVED 1} {PENDING 1}]]")
		b.want(name+": times", []any{since(n.PendingSince...), since(n.ReadySince)}, "[[] [never]]")
		b.want(name+": approvals", []any{n.Approvals[0].Count, since(n.Approvals[0].Oldest)}, "[1 [never]]")
		b.apply(time.Hour, row("c", 0, reviewed(onetime, "PENDING", 10*time.Minute, undatedGroup("sre", "PENDING"))))
		n = b.one(time.Hour)
		b.want(name+": with a second one", []any{since(n.PendingSince...), n.Approvals[0].Count, since(n.Approvals[0].Oldest)}, "[[10m0s] 2 [10m0s]]")
	}
}

func TestGaugesOfRunningSessions(t *testing.T) {
	b := newBook(t)
	b.apply(time.Hour,
		row("b", 20*time.Minute, user("u1")),
		row("a", 10*time.Minute, user("u2"), reviewed(jit, "APPROVED", 10*time.Minute, revokeAt(2*time.Hour), func(r *client.Review) { r.AccessDuration = 90 * time.Minute })),
		row("c", 15*time.Minute, user("u1"), reviewed(onetime, "APPROVED", time.Minute, revokeAt(2*time.Minute))),
		row("d", 5*time.Minute, user("u3"), reviewed(onetime, "PENDING", 5*time.Minute)),
		row("e", 5*time.Minute, user("u4"), status("ready")),
	)
	n := b.one(time.Hour)
	b.want("running since the start, or since the approval where that is later", since(n.RunningSince...), "[15m0s 20m0s 30m0s]")
	b.want("users", n.RunningUsers, 2)
	b.apply(2*time.Hour, row("a", 10*time.Minute, done(90*time.Minute, 0)), row("b", 20*time.Minute, done(90*time.Minute, 0)), row("c", 15*time.Minute, done(90*time.Minute, 0)),
		row("d", 5*time.Minute, done(90*time.Minute, 0)), row("e", 5*time.Minute, done(90*time.Minute, 0)))
	n = b.one(2 * time.Hour)
	b.want("nothing is open", []any{n.Open, len(n.RunningSince), n.RunningUsers, len(n.PendingSince)}, "[[0 0 0 0 0] 0 0 0]")
	b.want("pending reviews are shown as 0", ledger.ByStatus(n.OpenReviews), "[{PENDING 0}]")
}

func TestFinishedSessionsWhoseReviewIsOpenStayInTheGauges(t *testing.T) {
	b := newBook(t)
	b.apply(time.Minute, row("a", 0, done(30*time.Second, 0), reviewed(jit, "APPROVED", 0, revokeAt(time.Hour))))
	s := b.commit(time.Minute)
	n := b.only(s)
	b.want("tracked", s.Tracked, 1)
	b.want("open", []any{n.Open, len(n.RunningSince), ledger.ByStatus(n.OpenReviews)}, "[[0 0 0 0 0] 0 [{APPROVED 1} {PENDING 0}]]")
	b.want("resolved", counts(n.Resolved), "map[]")
	b.apply(time.Hour, row("a", 0, done(30*time.Second, 0), reviewed(jit, "APPROVED", 0, revokeAt(time.Hour))))
	s = b.commit(time.Hour)
	b.want("at the end of access", []any{s.Tracked, counts(b.only(s).Resolved)}, "[0 map[APPROVED:1]]")
}
