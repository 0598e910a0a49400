package ledger_test

import (
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// An unfinished session is due again when a twentieth of its age then has passed since it was seen, and may be taken from the half of that
// on.
func TestWhenASessionIsDueAgain(t *testing.T) {
	access := func(end time.Duration) func(*client.Session) { return reviewed(jit, "APPROVED", 0, revokeAt(end)) }
	for _, tt := range []struct {
		name string
		seen time.Duration
		row  client.Session
		want recheck
	}{
		{"by its age", 190 * time.Minute, row("a", 0), recheck{200 * time.Minute, 195 * time.Minute}},
		{"at once where it has no age", time.Minute, row("a", time.Minute), recheck{time.Minute, time.Minute}},
		{"at once where it begins in the future", time.Minute, row("a", time.Hour), recheck{time.Minute, time.Minute}},
		{"when its access ends, where that is sooner", 190 * time.Minute, row("a", 0, access(192*time.Minute)), recheck{192 * time.Minute, 191 * time.Minute}},
		{"by its age, where its access ends later", 190 * time.Minute, row("a", 0, access(201*time.Minute)), recheck{200 * time.Minute, 195 * time.Minute}},
		{"by its age, where its access has ended", 190 * time.Minute, row("a", 0, access(189*time.Minute)), recheck{200 * time.Minute, 195 * time.Minute}},
		{"by its age, where its access ends now", 190 * time.Minute, row("a", 0, access(190*time.Minute)), recheck{200 * time.Minute, 195 * time.Minute}},
		{"after a minute of processing", 190 * time.Minute, row("a", 0, done(190*time.Minute-30*time.Second, 0), reviewed(onetime, "PROCESSING", 0)),
			recheck{190*time.Minute + 30*time.Second, 190*time.Minute + 15*time.Second}},
		{"by its age, where a person decides", 190 * time.Minute, row("a", 0, done(191*time.Minute, 0), reviewed(onetime, "PENDING", 0)), recheck{200 * time.Minute, 195 * time.Minute}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			b.apply(tt.seen, tt.row)
			all, _ := b.rechecks(tt.want.early)
			b.want("recheck", all["a"], tt.want)
			all, due := b.rechecks(tt.want.due)
			b.want("when it is due", []any{len(all), due, b.due("a", tt.want.due)}, "[1 true true]")
			if tt.want.due > tt.seen {
				all, due = b.rechecks(tt.want.due - microsec)
				b.want("before it is due", []any{len(all), due, b.due("a", tt.want.due-microsec)}, "[1 false false]")
				all, _ = b.rechecks(tt.want.early - microsec)
				b.want("before it may be taken", len(all), 0)
			}
		})
	}
}

func TestFinishedAndUnknownSessionsAreNotDue(t *testing.T) {
	b := newBook(t)
	b.apply(time.Hour, row("a", 0, done(time.Minute, 0)))
	all, due := b.rechecks(day)
	b.want("finished", []any{b.due("a", day), len(all), due}, "[false 0 false]")
	b.want("unknown", b.due("b", day), false)
	b.missed("b", day) // nothing happens
	b.want("lost", b.commit(day).Lost, 0)
}

// The list of pending reviews shows which of them have left it: these are due at once.
func TestPendingReviewsThatLeftTheList(t *testing.T) {
	pending := reviewed(onetime, "PENDING", 0)
	const from, to, since = time.Minute, 2 * time.Minute, time.Hour
	for _, tt := range []struct {
		name  string
		seen  time.Duration
		row   client.Session
		leave bool
	}{
		{"at the upper end", since - microsec, row("a", to, pending), true},
		{"above it", since - microsec, row("a", to+microsec, pending), false},
		{"at the lower end, which was not read", since - microsec, row("a", from, pending), false},
		{"just above the lower end", since - microsec, row("a", from+microsec, pending), true},
		{"seen when the reading began", since, row("a", to, pending), false},
		{"seen since", since + microsec, row("a", to, pending), false},
		{"not pending", since - microsec, row("a", to), false},
		{"without a decision, but not pending", since - microsec, row("a", to, reviewed(onetime, "APPROVED", 0)), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			b.apply(tt.seen, tt.row)
			b.pendingRead(from, to, since)
			b.want("due", b.due("a", tt.seen), tt.leave)
		})
	}
}

func TestWhatMakesAReviewThatLeftTheListWait(t *testing.T) {
	a := row("a", time.Minute, reviewed(onetime, "PENDING", 0))
	for _, tt := range []struct {
		name string
		look func(b *book)
	}{
		{"it is seen", func(b *book) { b.apply(2*time.Hour, a) }},
		{"it is seen, but cannot be read", func(b *book) { b.malformed(2*time.Hour, client.MalformedSession{ID: "a"}) }},
		{"a look does not find it", func(b *book) { b.missed("a", 2*time.Hour) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			b.apply(time.Hour, a)
			b.pendingRead(0, time.Hour, 90*time.Minute)
			b.want("counted as pending while it is not in the list", b.countPending(0, day), 0)
			tt.look(b)
			b.want("due soon after", b.due("a", 2*time.Hour+time.Minute), false)
			b.want("counted as pending again", b.countPending(0, day), 1)
		})
	}
}

func TestCountingPendingReviews(t *testing.T) {
	b := newBook(t)
	b.apply(time.Hour,
		row("a", time.Minute, reviewed(onetime, "PENDING", 0)), row("b", 2*time.Minute, reviewed(onetime, "PENDING", 0)),
		row("c", 2*time.Minute), row("d", 2*time.Minute, reviewed(onetime, "APPROVED", 0)))
	b.want("both ends are part of it", b.countPending(time.Minute, 2*time.Minute), 2)
	b.want("above the lower one", b.countPending(time.Minute+microsec, 2*time.Minute), 1)
	b.want("below the upper one", b.countPending(time.Minute, 2*time.Minute-microsec), 1)
	b.missed("a", time.Hour)
	b.want("missed once", b.countPending(0, day), 2)
	b.missed("a", time.Hour)
	b.want("lost", b.countPending(0, day), 1)
}

// If the gateway counts as many pending reviews as are known, that is as good as a recheck of each.
func TestConfirmingPendingReviews(t *testing.T) {
	pending := reviewed(onetime, "PENDING", 0)
	b := newBook(t)
	b.apply(19*time.Hour, row("a", 0, pending), row("outside", microsec, pending), row("runs", 0))
	b.confirmPending(0, 0, 20*time.Hour)
	for id, want := range map[string]bool{"a": false, "outside": true, "runs": true} {
		b.want(id+" is due", b.due(id, 20*time.Hour+microsec), want)
	}
	b.confirmPending(0, 0, 18*time.Hour) // an older answer
	b.want("due after an older answer", b.due("a", 20*time.Hour+microsec), false)
	b.want("due in the end", b.due("a", 20*time.Hour+20*time.Hour/19+microsec), true)
}

func TestASessionIsLostWhenTwoLooksInARowMissIt(t *testing.T) {
	a := row("a", 0)
	for _, tt := range []struct {
		name  string
		looks func(b *book)
		lost  int
		open  int
	}{
		{"one look", func(b *book) { b.missed("a", time.Hour) }, 0, 1},
		{"two looks", func(b *book) { b.missed("a", time.Hour); b.missed("a", time.Hour) }, 1, 0},
		{"three looks", func(b *book) { b.missed("a", time.Hour); b.missed("a", time.Hour); b.missed("a", time.Hour) }, 1, 0},
		{"seen in between", func(b *book) { b.missed("a", time.Hour); b.apply(time.Hour, a); b.missed("a", time.Hour) }, 0, 1},
		{"seen in between, but not readable", func(b *book) {
			b.missed("a", time.Hour)
			b.malformed(time.Hour, client.MalformedSession{ID: "a"})
			b.missed("a", time.Hour)
		}, 0, 1},
		{"seen again", func(b *book) { b.missed("a", time.Hour); b.missed("a", time.Hour); b.apply(time.Hour, a) }, 1, 1},
		{"lost again", func(b *book) {
			b.missed("a", time.Hour)
			b.missed("a", time.Hour)
			b.apply(time.Hour, a)
			b.missed("a", time.Hour)
			b.missed("a", time.Hour)
		}, 2, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			b.apply(time.Minute, a)
			tt.looks(b)
			s := b.commit(time.Hour)
			b.want("lost, open", []any{s.Lost, b.only(s).Open[ledger.Running]}, []any{tt.lost, tt.open})
		})
	}
}

// The lag is how much more than a twentieth of its age has passed since a session was seen, for the worst of them.
func TestRecheckLag(t *testing.T) {
	for _, tt := range []struct {
		name string
		rows []client.Session // seen at an hour
		look func(b *book)
		want time.Duration // at two hours
	}{
		{"none", nil, nil, 0},
		{"of one", []client.Session{row("a", 0)}, nil, 54 * time.Minute},
		{"of the worst", []client.Session{row("a", 0), row("b", time.Hour), row("c", 20*time.Minute)}, nil, 57 * time.Minute},
		{"not yet", []client.Session{row("a", -38*time.Hour)}, nil, 0},
		{"not of a pending one", []client.Session{row("a", 0, reviewed(onetime, "PENDING", 0))}, nil, 0},
		{"of a pending one that left the list", []client.Session{row("a", 0, reviewed(onetime, "PENDING", 0))}, func(b *book) { b.pendingRead(-time.Hour, time.Hour, 90*time.Minute) }, 54 * time.Minute},
		{"of an approved one", []client.Session{row("a", 0, reviewed(onetime, "APPROVED", 0))}, nil, 54 * time.Minute},
		{"not of a finished one", []client.Session{row("a", 0, done(time.Minute, 0), reviewed(jit, "APPROVED", 0, revokeAt(day)))}, nil, 0},
		{"not of a lost one", []client.Session{row("a", 0)}, func(b *book) { b.missed("a", time.Hour); b.missed("a", time.Hour) }, 0},
		{"of one missed once", []client.Session{row("a", 0)}, func(b *book) { b.missed("a", 90*time.Minute) }, 24 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			b.apply(time.Hour, tt.rows...)
			if tt.look != nil {
				tt.look(b)
			}
			b.want("lag", b.commit(2*time.Hour).RecheckLag, tt.want)
		})
	}
}

// What is unfinished for longer than forget-after is let go, and counted. It is not taken up again.
func TestAbandonedSessions(t *testing.T) {
	const late = forget + time.Second // the session began a second after noon
	for _, tt := range []struct {
		name               string
		row                client.Session
		seen               time.Duration
		at                 time.Duration
		tracked, abandoned int
	}{
		{"on the instant it is kept", row("a", time.Second), time.Minute, late, 1, 0},
		{"then it goes", row("a", time.Second), time.Minute, late + microsec, 0, 1},
		{"pending too", row("a", time.Second, reviewed(onetime, "PENDING", 0)), time.Minute, late + microsec, 0, 1},
		{"running too, with a review", row("a", time.Second, reviewed(jit, "APPROVED", 0, revokeAt(200*day))), time.Minute, late + microsec, 0, 1},
		{"a finished one goes, but is not counted", row("a", time.Second, done(time.Minute, 0), reviewed(jit, "APPROVED", 0, revokeAt(200*day))), time.Minute, late + microsec, 0, 0},
		{"first seen on the instant it is taken", row("a", time.Second), late, late, 1, 0},
		{"first seen after that it is not", row("a", time.Second), late + microsec, late + microsec, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			b.apply(tt.seen, tt.row)
			s := b.commit(tt.at)
			b.want("tracked, abandoned", []any{s.Tracked, s.Abandoned}, []any{tt.tracked, tt.abandoned})
		})
	}
}
