package ledger

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// drawRow makes a session such as a gateway could show in the hour before and the hour after noon.
func drawRow(t *rapid.T, id string) client.Session {
	start := time.Duration(rapid.IntRange(-3600, 3600).Draw(t, "start")) * time.Second
	row := sessionRow(id, start)
	row.Connection = rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "connection")
	row.Type = rapid.SampledFrom([]string{"database", "new1", "new2"}).Draw(t, "type")
	row.Verb = rapid.SampledFrom([]string{"exec", "connect", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9"}).Draw(t, "verb")
	row.UserID = rapid.SampledFrom([]string{"u1", "u2"}).Draw(t, "user")
	row.Status = rapid.SampledFrom([]string{"open", "ready", "done", "new"}).Draw(t, "status")
	if rapid.Bool().Draw(t, "ended") {
		row.EndDate = at(start + time.Duration(rapid.IntRange(-10, 3600).Draw(t, "took"))*time.Second)
		row.ExitCode = code(rapid.SampledFrom([]int{0, 1, 254, 300, -1}).Draw(t, "exit"))
		row.EventSize = int64(rapid.IntRange(-1, 1<<30).Draw(t, "size"))
	}
	if rapid.Bool().Draw(t, "reviewed") {
		row.Review = drawReview(t, start)
	}
	if rapid.Bool().Draw(t, "protected") {
		drawProtection(t, &row)
	}
	return row
}

// drawProtection draws what a row reports about the protection of data: more words than there is room for, and impossible values.
func drawProtection(t *rapid.T, row *client.Session) {
	word := func(of string, n int) string { return fmt.Sprint(of, rapid.IntRange(0, n).Draw(t, of)) }
	row.Identity = rapid.SampledFrom([]client.Identity{"", client.IdentityUser, client.IdentityMachine, "robot"}).Draw(t, "identity")
	row.ScriptSize = int64(rapid.IntRange(-3, 1<<20).Draw(t, "script"))
	row.Metrics.Truncated = rapid.Bool().Draw(t, "truncated")
	row.Metrics.Masking = &client.Masking{
		InfoTypes:        map[string]int64{word("info", 100): int64(rapid.IntRange(-1, 9).Draw(t, "masked")), word("info", 100): 1},
		TransformedBytes: int64(rapid.IntRange(-1, 1000).Draw(t, "bytes")), ErrCount: int64(rapid.IntRange(-1, 3).Draw(t, "errors")),
	}
	row.Guardrails = client.Guardrails{{Rule: word("rule", 80), Direction: word("way", 12), Count: 2}, {Rule: "rule", Direction: "input", Count: 1}}
	row.AI = &client.AIAnalysis{RiskLevel: word("risk", 12), Action: word("action", 12)}
}

func drawReview(t *rapid.T, start time.Duration) *client.Review {
	r := &client.Review{
		ID:        rapid.SampledFrom([]string{"", "first", "second"}).Draw(t, "id"),
		Type:      rapid.SampledFrom([]string{"onetime", "jit"}).Draw(t, "kind"),
		Status:    rapid.SampledFrom([]string{"PENDING", "APPROVED", "REJECTED", "REVOKED", "PROCESSING", "EXECUTED", "EXPIRED", "UNKNOWN", "NEW"}).Draw(t, "review"),
		CreatedAt: at(start),
	}
	if rapid.Bool().Draw(t, "revokes") {
		r.RevokeAt = at(start + time.Duration(rapid.IntRange(0, 7200).Draw(t, "revoke"))*time.Second)
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "groups") {
		r.Groups = append(r.Groups, client.ReviewGroup{
			Group: fmt.Sprint("g", i), Forced: rapid.Bool().Draw(t, "forced"),
			Status:     rapid.SampledFrom([]string{"", "PENDING", "APPROVED", "REJECTED", "REVOKED"}).Draw(t, "group"),
			ReviewDate: at(start + time.Duration(rapid.IntRange(0, 600).Draw(t, "reviewed after"))*time.Second),
		})
	}
	return r
}

func drawRows(t *rapid.T) []client.Session {
	rows := make([]client.Session, rapid.IntRange(1, 40).Draw(t, "rows"))
	for i := range rows {
		rows[i] = drawRow(t, fmt.Sprintf("id%02d", i))
	}
	return rows
}

func capped() Options {
	o := options()
	o.MaxConnections, o.FirstValueHold = 2, time.Minute
	return o
}

// Within one refresh the order of distinct rows, how often each comes and where the pages end make no difference.
func TestOrderAndRepetitionDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, second := drawRows(t), drawRows(t) // of two refreshes
		for i := range min(len(first), len(second)) {
			// These never change.
			second[i].StartDate, second[i].Connection, second[i].Type = first[i].StartDate, first[i].Connection, first[i].Type
		}
		shuffles := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		run := func(shuffled bool) []*Snapshot {
			l := New(capped(), noon())
			var out []*Snapshot
			for i, rows := range [][]client.Session{first, second} {
				now := noon().Add(time.Duration(i+1) * time.Hour)
				apply(l, now, rows, shuffles, shuffled)
				out = append(out, l.Finish(now, now).Gauges)
				l.MarkServed(l.generation, now)
			}
			return append(out, l.Finish(noon().Add(3*time.Hour), noon().Add(3*time.Hour)).Gauges)
		}
		plain, shuffled := run(false), run(true)
		for i := range plain {
			if !reflect.DeepEqual(plain[i], shuffled[i]) {
				t.Fatalf("snapshot %d differs", i)
			}
		}
	})
}

func apply(l *Ledger, now time.Time, rows []client.Session, rng *rand.Rand, shuffled bool) {
	if !shuffled {
		l.Apply(now, rows)
		return
	}
	again := append(append([]client.Session{}, rows...), rows[:rng.IntN(len(rows)+1)]...)
	rng.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
	for len(again) > 0 {
		n := 1 + rng.IntN(len(again))
		l.Apply(now, again[:n])
		again = again[n:]
	}
}

// Of one id the later answer wins: what is open goes by it.
func TestLaterAnswerWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, last := drawRow(t, "id"), drawRow(t, "id")
		last.StartDate, last.Connection, last.Type = first.StartDate, first.Connection, first.Type
		for _, r := range []*client.Review{first.Review, last.Review} {
			if r != nil {
				r.ID = "the same"
			}
		}
		both, only := New(options(), noon()), New(options(), noon())
		now := noon().Add(2 * time.Hour)
		both.Apply(now, []client.Session{first})
		both.Apply(now, []client.Session{last})
		only.Apply(now, []client.Session{last})
		b, o := both.Finish(now, now).Gauges.Targets[0], only.Finish(now, now).Gauges.Targets[0]
		if b.Open != o.Open || !reflect.DeepEqual(b.OpenReviews, o.OpenReviews) || !reflect.DeepEqual(b.Approvals, o.Approvals) {
			t.Fatalf("open %v %v, want %v %v", b.Open, b.OpenReviews, o.Open, o.OpenReviews)
		}
		for what, n := range map[string]uint64{"started": sum(b.Started), "finished": sum(b.Finished), "resolved": sum(b.Resolved), "requested": sum(b.Requested)} {
			if n > 1 {
				t.Fatalf("%s counted %d times", what, n)
			}
		}
	})
}

func sum(counters []Counter) (n uint64) {
	for _, c := range counters {
		n += c.Value
	}
	return n
}

// Counters never fall, whatever rows come, and counting once is what a model that remembers every id forever would do.
func TestCountersNeverFall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New(capped(), noon())
		ids := map[string]time.Time{}
		var last uint64
		for i := range rapid.IntRange(1, 12).Draw(t, "refreshes") {
			now := noon().Add(time.Duration(i*10) * time.Minute)
			rows := drawRows(t)
			for j := range rows {
				if start, ok := ids[rows[j].ID]; ok {
					rows[j].StartDate = client.Time{Time: start} // it never moves
				}
				ids[rows[j].ID] = rows[j].StartDate.Time
			}
			l.Apply(now, rows)
			if rapid.Bool().Draw(t, "settle") {
				l.AdvanceWatermark(now)
			}
			snap := l.Finish(now, now).Gauges
			l.MarkServed(snap.Generation, now)
			var started, finished uint64
			for _, n := range snap.Targets {
				started += sum(n.Started)
				finished += sum(n.Finished)
			}
			if started < last {
				t.Fatalf("started fell from %d to %d", last, started)
			}
			last = started
			if int(max(started, finished)) > len(ids) {
				t.Fatalf("%d sessions started and %d finished, but there are only %d", started, finished, len(ids))
			}
		}
	})
}

func TestSpansAreASetOfMoments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s spans
		model := map[int]bool{} // by minute
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			from, to := rapid.IntRange(0, 60).Draw(t, "from"), rapid.IntRange(0, 60).Draw(t, "to")
			v := Span{noon().Add(time.Duration(from) * time.Minute), noon().Add(time.Duration(to) * time.Minute)}
			add := rapid.Bool().Draw(t, "add")
			if add {
				s = s.add(v)
			} else {
				s = s.remove(v)
			}
			for m := from; m < to; m++ {
				model[m] = add
			}
		}
		n := 0
		for m := range 60 {
			if got := s.contains(noon().Add(time.Duration(m) * time.Minute)); got != model[m] {
				t.Fatalf("minute %d: %v, want %v in %v", m, got, model[m], s)
			}
			if model[m] {
				n++
			}
		}
		if s.total() != time.Duration(n)*time.Minute {
			t.Fatalf("total %v, want %d minutes", s.total(), n)
		}
	})
}
