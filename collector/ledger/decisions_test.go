package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// waits are how long groups took, as number and sum, by group.
func waits(s *snapshot) map[string]string {
	out := map[string]string{}
	for _, g := range s.GroupWaits {
		out[g.Group] = fmt.Sprint(g.Count, " ", g.Sum)
	}
	return out
}

func force(r *client.Review) { r.Groups[len(r.Groups)-1].Forced = true }

// Each group of a review counts once, with its first decision, however often and in whatever order the groups decide.
func TestEachDecisionOfAGroupCountsOnce(t *testing.T) {
	b := newBook(t)
	b.apply(time.Minute, row("a", 0, reviewed(jit, "PENDING", 0, undatedGroup("sre", "PENDING"), undatedGroup("dba", ""))))
	b.want("undecided", []any{allCounts(b.one(time.Minute).Decisions)}, "[map[]]")
	for range 2 {
		b.apply(2*time.Minute, row("a", 0, reviewed(jit, "PENDING", 0, undatedGroup("sre", "PENDING"), group("dba", "APPROVED", 90*time.Second))))
		b.want("the first", allCounts(b.one(2*time.Minute).Decisions), "map[[dba APPROVED false]:1]")
	}
	for range 2 { // the first one takes its approval back
		b.apply(3*time.Minute, row("a", 0, reviewed(jit, "APPROVED", 0, revokeAt(time.Hour),
			group("sre", "APPROVED", 3*time.Minute), force, group("dba", "REVOKED", 2*time.Minute))))
	}
	s := b.commit(3 * time.Minute)
	b.want("both", allCounts(b.only(s).Decisions), "map[[dba APPROVED false]:1 [sre APPROVED true]:1]")
	b.want("waits", waits(s), "map[dba:1 90 sre:1 180]")
	b.reopen()
	b.apply(4*time.Minute, row("a", 0, reviewed(jit, "APPROVED", 0, revokeAt(time.Hour), group("dba", "APPROVED", 90*time.Second), group("sre", "REJECTED", 3*time.Minute))))
	b.want("restored", total(b.one(4*time.Minute).Decisions), 2)
}

// A decision counts if the review was requested since T0, the group decided since T0, or it was seen undecided since T0.
func TestDecisionsThatCount(t *testing.T) {
	const before = -time.Hour
	for _, tt := range []struct {
		name      string
		requested time.Duration
		decision  func(*client.Review)
		undecided bool
		want      int
	}{
		{"requested since", time.Second, undatedGroup("sre", "APPROVED"), false, 1},
		{"decided since", before, group("sre", "APPROVED", time.Second), false, 1},
		{"seen undecided", before, undatedGroup("sre", "APPROVED"), true, 1},
		{"decided before", before, group("sre", "APPROVED", before+time.Minute), false, 0},
		{"of unknown date", before, undatedGroup("sre", "APPROVED"), false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			if tt.undecided {
				b.apply(time.Second, row("a", before, reviewed(onetime, "PENDING", tt.requested, undatedGroup("sre", "PENDING"))))
			}
			for range 2 {
				b.apply(time.Minute, row("a", before, reviewed(onetime, "APPROVED", tt.requested, tt.decision)))
				b.want("counted", total(b.one(time.Minute).Decisions), tt.want)
			}
		})
	}
}

// The deadline of a review, and a status that the gateway does not know itself, are not decisions of its groups. What a group decides later
// is.
func TestWhatNobodyDecidedIsNoDecision(t *testing.T) {
	for _, status := range []string{"", "PENDING", "EXPIRED", "UNKNOWN"} {
		t.Run(status, func(t *testing.T) {
			b := newBook(t)
			b.apply(time.Minute, row("a", 0, reviewed(onetime, "PENDING", 0, group("sre", status, time.Minute))))
			b.want("counted", allCounts(b.one(time.Minute).Decisions), "map[]")
			b.apply(3*time.Minute, row("a", 0, reviewed(onetime, "APPROVED", 0, group("sre", "APPROVED", 2*time.Minute))))
			s := b.commit(3 * time.Minute)
			b.want("counted", allCounts(b.only(s).Decisions), "map[[sre APPROVED false]:1]")
			b.want("waits", waits(s), "map[sre:1 120]")
		})
	}
}

// 200 groups keep their name, whatever the order of their decisions; the waits of the others are one histogram.
func TestWaitsOfManyGroups(t *testing.T) {
	for _, order := range []string{"ascending", "descending"} {
		t.Run(order, func(t *testing.T) {
			b := newBook(t)
			for i := range 300 {
				if order == "descending" {
					i = 299 - i
				}
				b.apply(time.Hour, row(fmt.Sprint(i), 0, reviewed(onetime, "APPROVED", 0, group(fmt.Sprintf("group %03d", i), "APPROVED", time.Minute))))
			}
			got := waits(b.commit(time.Hour))
			b.want("the first, the last with a name, and the others", []any{len(got), got["group 000"], got["group 199"], got["other"]}, "[201 1 60 1 60 100 6000]")
		})
	}
}

func TestWaitsOfGroups(t *testing.T) {
	const tenYears = 10 * 365 * 24 * time.Hour // longer waits are impossible
	for _, tt := range []struct {
		name       string
		decision   func(*client.Review)
		want       string
		unobserved int
	}{
		{"approved", group("sre", "APPROVED", time.Minute), "map[sre:1 60]", 0},
		{"rejected", group("sre", "REJECTED", time.Minute), "map[sre:1 60]", 0},
		{"revoked: the date is not that of the decision", group("sre", "REVOKED", time.Minute), "map[]", 0},
		{"without a date", undatedGroup("sre", "APPROVED"), "map[]", 0},
		{"before it was requested", group("sre", "APPROVED", -time.Minute), "map[]", 1},
		{"at once", group("sre", "APPROVED", 0), "map[sre:1 0]", 0},
		{"after ten years", group("sre", "APPROVED", tenYears), "map[sre:1 3.1536e+08]", 0},
		{"later than that", group("sre", "APPROVED", tenYears+time.Second), "map[]", 1},
		{"twice, the first counts", func(r *client.Review) {
			group("sre", "APPROVED", time.Minute)(r)
			group("sre", "REJECTED", time.Hour)(r)
		}, "map[sre:1 60]", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			b.apply(time.Hour, row("a", 0, reviewed(onetime, "APPROVED", 0, tt.decision)))
			s := b.commit(time.Hour)
			b.want("waits", waits(s), tt.want)
			b.want("unobserved", s.Unobserved[ledger.GroupWait], tt.unobserved)
			b.want("decisions", total(b.only(s).Decisions), 1)
		})
	}
}

// What a jit review grants is observed once, when it was decided by an approval.
func TestAccessThatIsGranted(t *testing.T) {
	for _, tt := range []struct {
		name, kind, status string
		access             time.Duration
		change             func(*client.Review)
		want               string
		unobserved         int
	}{
		{"approved", jit, "APPROVED", time.Hour, revokeAt(2 * time.Hour), "1 3600", 0},
		{"approved without an end", jit, "APPROVED", time.Hour, group("sre", "APPROVED", time.Minute), "1 3600", 0},
		{"for one time", onetime, "APPROVED", time.Hour, revokeAt(2 * time.Hour), "0 0", 0},
		{"rejected", jit, "REJECTED", time.Hour, group("sre", "REJECTED", time.Minute), "0 0", 0},
		{"revoked later", jit, "REVOKED", time.Hour, revokeAt(2 * time.Hour), "1 3600", 0},
		{"unknown", jit, "APPROVED", 0, revokeAt(time.Hour), "0 0", 0},
		{"negative", jit, "APPROVED", -time.Hour, revokeAt(0), "0 0", 1},
		{"rejected after an approval", jit, "REJECTED", time.Hour, func(r *client.Review) { revokeAt(2 * time.Hour)(r); group("sre", "REJECTED", time.Minute)(r) }, "0 0", 0},
		{"expired after a rejection", jit, "EXPIRED", time.Hour, group("sre", "REJECTED", time.Minute), "0 0", 0},
		{"expired after an approval that a group opposed", jit, "EXPIRED", time.Hour, func(r *client.Review) { revokeAt(2 * time.Hour)(r); group("sre", "REJECTED", time.Minute)(r) }, "1 3600", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t)
			for range 2 {
				b.apply(time.Minute, row("a", 0, reviewed(tt.kind, tt.status, 0, tt.change, func(r *client.Review) { r.AccessDuration = tt.access })))
			}
			s := b.commit(time.Minute)
			h := b.only(s).Histograms[ledger.AccessDuration]
			b.want("granted", fmt.Sprint(h.Count, " ", h.Sum), tt.want)
			b.want("unobserved", s.Unobserved[ledger.AccessDuration], tt.unobserved)
		})
	}
}

// A further review of a session has groups of its own.
func TestGroupsOfAFurtherReview(t *testing.T) {
	b := newBook(t)
	id := func(id string) func(*client.Review) { return func(r *client.Review) { r.ID = id } }
	b.apply(time.Minute, row("a", 0, reviewed(onetime, "REJECTED", 0, id("first"), group("sre", "REJECTED", time.Minute))))
	b.apply(2*time.Minute, row("a", 0, reviewed(onetime, "PENDING", 90*time.Second, id("second"), undatedGroup("sre", "PENDING"))))
	b.apply(3*time.Minute, row("a", 0, reviewed(onetime, "APPROVED", 90*time.Second, id("second"), group("sre", "APPROVED", 150*time.Second))))
	// An old answer.
	b.apply(4*time.Minute, row("a", 0, reviewed(onetime, "REJECTED", 0, id("first"), group("sre", "REJECTED", time.Minute), group("dba", "REJECTED", time.Minute))))
	s := b.commit(4 * time.Minute)
	b.want("decisions", allCounts(b.only(s).Decisions), "map[[sre APPROVED false]:1 [sre REJECTED false]:1]")
	b.want("waits", waits(s), "map[sre:2 120]")
}

// A review with more groups than are remembered counts those that it remembers, once.
func TestGroupsOfAReviewAreBounded(t *testing.T) {
	b := newBook(t)
	many := func(r *client.Review) {
		for i := range 1200 {
			group(fmt.Sprintf("group%04d", i), "APPROVED", time.Minute)(r)
		}
	}
	for range 3 {
		b.apply(time.Minute, row("a", 0, reviewed(jit, "APPROVED", 0, revokeAt(time.Hour), many)))
	}
	s := b.commit(time.Minute)
	b.want("decisions", total(b.only(s).Decisions), 1000)
	b.want("groups", len(s.GroupWaits), 201) // with "other"
}

// A new group's histogram shows nothing for the delay, like every series that is born with a value.
func TestTheFirstWaitOfAGroupIsNotSwallowed(t *testing.T) {
	b := newBook(t, func(o *ledger.Options) { o.FirstValueHold = 2 * time.Minute })
	b.apply(time.Minute, row("a", 0, reviewed(onetime, "APPROVED", 0, group("sre", "APPROVED", time.Minute))))
	s := b.commit(time.Minute)
	b.want("born", waits(s), "map[sre:0 0]")
	b.serve(s, time.Minute)
	b.want("delayed", waits(b.commit(2*time.Minute)), "map[sre:0 0]")
	b.want("after the delay", waits(b.commit(4*time.Minute)), "map[sre:1 60]")
}

// A review that was requested before the last one was counted is not new: neither are the decisions of its groups.
func TestGroupsOfAReviewThatIsNotNew(t *testing.T) {
	b := newBook(t)
	id := func(id string) func(*client.Review) { return func(r *client.Review) { r.ID = id } }
	const start = -3 * time.Hour
	b.apply(time.Minute, row("a", start, reviewed(onetime, "REJECTED", -2*time.Hour, id("first"), group("sre", "REJECTED", -time.Hour))))
	b.apply(time.Minute, row("a", start, reviewed(jit, "APPROVED", -30*time.Minute, id("second"), revokeAt(time.Hour), group("dba", "APPROVED", time.Second))))
	b.want("decisions", total(b.one(time.Minute).Decisions), 0)
}

// A session that is too old to be watched counts no decision again, however often the list of pending reviews shows it.
func TestDecisionsOfASessionThatIsForgotten(t *testing.T) {
	b := newBook(t, after(day))
	for i := range 3 {
		at := time.Duration(i) * time.Minute
		b.apply(at, row("a", -2*day, reviewed(jit, "PENDING", -2*day, group("dba", "APPROVED", time.Second), undatedGroup("sre", "PENDING"))))
		b.commit(at)
	}
	b.want("decisions", total(b.one(time.Hour).Decisions), 0)
}
