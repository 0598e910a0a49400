package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

func TestEachSessionCountsOnce(t *testing.T) {
	s := begin(t)
	s.see(time.Minute, sessionRow("a", time.Second))
	s.see(2*time.Minute, sessionRow("a", time.Second), sessionRow("a", time.Second))
	n := s.target(2 * time.Minute)
	s.want("started", counted(n.Started), "map[exec:1]")
	s.want("running", n.Open[Running], 1)
	done := s.ended("a", time.Second, 90*time.Second, 0)
	s.see(3*time.Minute, done)
	s.see(4*time.Minute, done, sessionRow("a", time.Second), done) // an answer that is older than the other one
	n = s.target(4 * time.Minute)
	s.want("started", counted(n.Started), "map[exec:1]")
	s.want("finished", counted(n.Finished), "map[success:1]")
	s.want("exit codes", counted(n.ExitCodes), "map[0:1]")
	s.want("running", n.Open[Running], 0)
	s.want("durations", []any{n.Histograms[Duration].Count, n.Histograms[Duration].Sum}, "[1 89]")
	s.AdvanceWatermark(noon().Add(time.Hour)) // it leaves the overlap
	s.see(time.Hour, done)
	s.want("finished after it left the overlap", counted(s.target(time.Hour).Finished), "map[success:1]")
}

func TestT0DividesHistoryFromWhatCounts(t *testing.T) {
	for _, tc := range []struct {
		name              string
		rows              func(s story) []client.Session
		started, finished string
	}{
		{"started on the instant", func(story) []client.Session { return []client.Session{sessionRow("a", 0)} }, "map[exec:1]", "map[]"},
		{"started before", func(story) []client.Session { return []client.Session{sessionRow("a", -Tick)} }, "map[]", "map[]"},
		{"ended before", func(s story) []client.Session { return []client.Session{s.ended("a", -time.Hour, -Tick, 0)} }, "map[]", "map[]"},
		{"ended on the instant", func(s story) []client.Session { return []client.Session{s.ended("a", -time.Hour, 0, 1)} }, "map[]", "map[failure:1]"},
		{"seen unfinished, then without an end", func(s story) []client.Session {
			gone := sessionRow("a", -time.Hour)
			gone.Status = "done"
			return []client.Session{sessionRow("a", -time.Hour), gone}
		}, "map[]", "map[unknown:1]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := story{t, New(options(), noon())}
			for i, row := range tc.rows(s) {
				s.see(time.Duration(i)*time.Second, row)
			}
			n := s.target(time.Minute)
			s.want("started", counted(n.Started), tc.started)
			s.want("finished", counted(n.Finished), tc.finished)
		})
	}
}

func TestLateRowsCountWithinTheAllowedLateness(t *testing.T) {
	s := begin(t)
	s.AdvanceWatermark(noon().Add(time.Hour))
	s.see(time.Hour, sessionRow("in time", time.Hour-15*time.Minute), sessionRow("too late", time.Hour-15*time.Minute-Tick))
	n := s.target(time.Hour)
	s.want("started", counted(n.Started), "map[exec:1]")
	s.want("running: gauges show both", n.Open[Running], 2)
	s.see(time.Hour+time.Minute, s.ended("too late", time.Hour-15*time.Minute-Tick, time.Hour, 0))
	s.want("finished", counted(s.target(time.Hour+time.Minute).Finished), "map[]")
}

func TestUnreadStretchesCountWhenTheyAreRead(t *testing.T) {
	s := begin(t)
	s.AdvanceWatermark(noon().Add(time.Hour))
	gap := Span{noon().Add(10 * time.Minute), noon().Add(20 * time.Minute)}
	s.MarkUnread(gap)
	s.want("unread", s.Finish(noon().Add(time.Hour), noon()).Gauges.Unread, 10*time.Minute)
	row := s.ended("a", 15*time.Minute, 16*time.Minute, 3)
	s.see(time.Hour, row)
	s.MarkRead(Span{noon().Add(15 * time.Minute), gap.To}) // the row that the page ended with is still in
	s.see(time.Hour, row)
	s.MarkRead(gap)
	s.see(time.Hour, row)
	n := s.target(time.Hour)
	s.want("started", counted(n.Started), "map[exec:1]")
	s.want("exit codes", counted(n.ExitCodes), "map[3:1]")
	s.want("nothing is left", len(s.Unread()), 0)
}

func TestReviewsCountOnce(t *testing.T) {
	reviewed := func(status, review string) client.Session {
		row := sessionRow("a", time.Second)
		row.Status = status
		row.Review = &client.Review{ID: "r", Type: "onetime", Status: review, CreatedAt: at(time.Second)}
		if review != "PENDING" {
			row.Review.RevokeAt = at(61 * time.Second)
		}
		return row
	}
	s := begin(t)
	row := reviewed("done", "PENDING") // given up by its client
	row.ExitCode, row.EndDate = code(254), at(5*time.Second)
	row.Review.Groups = []client.ReviewGroup{{Group: "sre", Status: "PENDING"}, {Group: "sre", Status: "PENDING"}, {Group: "dba", Status: "APPROVED"}}
	s.see(10*time.Second, row)
	n := s.target(10 * time.Second)
	s.want("requested", sum(n.Requested), 1)
	s.want("pending", []any{n.Open[Pending], ByStatus(n.OpenReviews), len(n.PendingSince)}, "[1 [{PENDING 1}] 1]")
	s.want("waits for", []any{len(n.Approvals), n.Approvals[0].Group, n.Approvals[0].Count}, "[1 sre 1]")
	s.want("finished", counted(n.Finished), "map[]")

	s.see(65*time.Second, reviewed("ready", "APPROVED"))
	n = s.target(65 * time.Second)
	s.want("ready", []any{n.Open[Ready], n.ReadySince.Sub(noon()), ByStatus(n.OpenReviews)}, "[1 1m1s [{APPROVED 1} {PENDING 0}]]")
	s.want("wait", n.Histograms[ReviewWait].Sum, 60)

	s.see(70*time.Second, reviewed("ready", "PROCESSING"))
	s.want("running", s.target(70 * time.Second).Open[Running], 1)
	finished := reviewed("done", "PROCESSING")
	finished.EndDate, finished.ExitCode, finished.EventSize = at(80*time.Second), code(0), 100
	s.see(81*time.Second, finished)
	n = s.target(81 * time.Second)
	s.want("finished", counted(n.Finished), "map[success:1]")
	s.want("resolved", counted(n.Resolved), "map[]")
	s.want("durations leave out what waited", n.Histograms[Duration].Count, 0)
	s.want("sizes", n.Histograms[EventSize].Sum, 100)
	finished.Review = reviewed("done", "EXECUTED").Review
	s.see(83*time.Second, finished, finished)
	n = s.target(83 * time.Second)
	s.want("resolved", counted(n.Resolved), "map[EXECUTED:1]")
	s.want("requested", sum(n.Requested), 1)
	s.want("waits", n.Histograms[ReviewWait].Count, 1)
	s.want("tracked", len(s.tracked), 0)
}

// TestAReviewMayComeAfterItsSession: a gateway writes the session first, and its review in a transaction of its own.
func TestAReviewMayComeAfterItsSession(t *testing.T) {
	s := begin(t)
	s.see(2*time.Second, sessionRow("a", time.Second))
	n := s.target(2 * time.Second)
	s.want("without a review it runs", []any{n.Open[Running], n.Open[Pending], sum(n.Requested)}, "[1 0 0]")

	row := sessionRow("a", time.Second)
	row.Review = &client.Review{ID: "r", Type: "onetime", Status: "PENDING", CreatedAt: at(20 * time.Second)}
	s.see(21*time.Second, row, row)
	n = s.target(21 * time.Second)
	s.want("with one it waits", []any{n.Open[Running], n.Open[Pending], sum(n.Requested)}, "[0 1 1]")
	s.want("started", counted(n.Started), "map[exec:1]")

	row.Status, row.EndDate, row.ExitCode = "done", at(80*time.Second), code(0)
	row.Review = &client.Review{ID: "r", Type: "onetime", Status: "EXECUTED", CreatedAt: at(20 * time.Second), RevokeAt: at(50 * time.Second)}
	s.see(90*time.Second, row)
	n = s.target(90 * time.Second)
	s.want("finished", counted(n.Finished), "map[success:1]")
	s.want("resolved", counted(n.Resolved), "map[EXECUTED:1]")
	s.want("the wait begins with the review", []any{n.Histograms[ReviewWait].Count, n.Histograms[ReviewWait].Sum}, "[1 30]")
	s.want("durations leave out what waited", n.Histograms[Duration].Count, 0)
	s.want("requested", sum(n.Requested), 1)
}

func TestProcessingForEverRestsAfterAMinute(t *testing.T) {
	s := begin(t)
	row := s.ended("a", time.Second, 10*time.Second, 0)
	row.Review = &client.Review{Type: "onetime", Status: "PROCESSING", CreatedAt: at(time.Second)}
	s.see(20*time.Second, row)
	s.want("resolved", counted(s.target(20*time.Second).Resolved), "map[]")
	looks, due := s.Rechecks(noon().Add(70 * time.Second))
	s.want("it is due when the minute is over", []any{len(looks), due}, "[1 true]")
	s.see(70*time.Second, row)
	s.want("resolved", counted(s.target(70*time.Second).Resolved), "map[PROCESSING:1]")
}

// A created timestamp is useful to Prometheus only if it is before the scrape, which waited for the refresh.
func TestCreatedWhenItWasStillZero(t *testing.T) {
	for _, test := range []struct {
		name         string
		zeroAt, want time.Duration
	}{
		{"before", time.Minute, time.Minute},
		{"the clock was set back", time.Hour, 2 * time.Minute},
	} {
		s := begin(t)
		s.SetZeroAt(noon().Add(test.zeroAt))
		s.see(2*time.Minute, s.ended("a", time.Second, time.Minute, 7))
		n := s.target(2 * time.Minute)
		s.want(test.name+": counter", n.ExitCodes[0].Created.Sub(noon()), test.want)
		s.want(test.name+": histogram", n.Histograms[Duration].Created.Sub(noon()), test.want)
	}
}

func TestFirstValueIsNotSwallowed(t *testing.T) {
	o := options()
	o.FirstValueHold = 2 * time.Minute
	l := New(o, noon())
	l.AdvanceWatermark(noon())
	s := story{t, l}
	commit := func(d time.Duration, serve bool) TargetSnapshot {
		n := s.target(d)
		if serve {
			l.MarkServed(l.generation, noon().Add(d))
		}
		return n
	}
	s.see(time.Second, sessionRow("a", time.Second))
	s.want("a new connection's counter is 0 first", counted(commit(time.Second, false).Started), "map[]")
	s.want("for as long as nobody has seen it", counted(commit(time.Hour, true).Started), "map[]")
	s.want("and for the delay after that", counted(commit(time.Hour+119*time.Second, false).Started), "map[]")
	s.want("then it counts", counted(commit(time.Hour+120*time.Second, true).Started), "map[exec:1]")

	s.see(time.Hour+2*time.Minute, s.ended("a", time.Second, time.Hour, 7))
	n := commit(time.Hour+3*time.Minute, true)
	s.want("finished was there at 0 beforehand", counted(n.Finished), "map[failure:1]")
	s.want("this exit code was not", []any{n.ExitCodes[0].Labels[0], n.ExitCodes[0].Value, n.ExitCodes[0].Exemplar}, "[7 0 <nil>]")
	n = commit(time.Hour+5*time.Minute, true)
	s.want("exit code after the delay", counted(n.ExitCodes), "map[7:1]")
	s.want("created when it was born", n.ExitCodes[0].Created.Sub(noon()), time.Hour+3*time.Minute)
	s.want("histograms were born with the first session", n.Histograms[Duration].Count, 1)
}

func TestKnownConnectionCountsAtOnce(t *testing.T) {
	o := options()
	o.FirstValueHold = 2 * time.Minute
	s := story{t, New(o, noon())}
	s.see(0, s.ended("history", -time.Hour, -time.Minute, 0))
	s.target(0)
	s.MarkServed(1, noon())
	s.see(time.Second, sessionRow("a", time.Second))
	s.want("started", counted(s.target(time.Second).Started), "map[exec:1]")
}

func TestLabelsAreBounded(t *testing.T) {
	s := begin(t)
	for i := range 20 {
		row := sessionRow(fmt.Sprint("verb", i), time.Second)
		row.Verb = fmt.Sprintf("verb%02d", i)
		s.see(time.Minute, row)
	}
	n := s.target(time.Minute)
	s.want("started", counted(n.Started), "map[other:12 verb00:1 verb01:1 verb02:1 verb03:1 verb04:1 verb05:1 verb06:1 verb07:1]")
}

func TestConnectionsBeyondTheCapShareAName(t *testing.T) {
	o := options()
	o.MaxConnections = 2
	l := New(o, noon())
	s := story{t, l}
	row := func(id, conn string) client.Session {
		r := sessionRow(id, time.Second)
		r.Connection = conn
		return r
	}
	s.see(time.Minute, row("1", "c"), row("2", "b"), row("3", "a"), row("4", "d"))
	s.see(2*time.Minute, row("5", "d"), row("6", "a"))
	snap := s.Finish(noon().Add(2*time.Minute), noon()).Gauges
	got := map[string]any{}
	for _, n := range snap.Targets {
		got[n.Connection] = []any{counted(n.Started), n.Open[Running]}
	}
	s.want("targets", got, "map[<other>:[map[exec:3] 3] a:[map[exec:2] 2] b:[map[exec:1] 1]]")
	s.want("folded", snap.Folded, 2)
	s.want("connections", len(snap.Connections), 3)
	s.see(3*time.Minute, row("7", "e"))
	s.want("folded later", s.Finish(noon().Add(3*time.Minute), noon()).Gauges.Folded, 3)
}

func TestStuckAndLostSessionsLeaveTheGauges(t *testing.T) {
	s := begin(t)
	s.see(time.Minute, sessionRow("a", time.Second), sessionRow("b", time.Second))
	s.MarkMissed("b", noon().Add(2*time.Minute))
	s.want("missed once", s.target(2 * time.Minute).Open[Running], 2)
	s.MarkMissed("b", noon().Add(3*time.Minute))
	s.want("missed twice", s.target(3 * time.Minute).Open[Running], 1)
	s.want("lost", s.lost, 1)
	s.see(4*time.Minute, s.ended("b", time.Second, 4*time.Minute, 0))
	s.want("seen again, it counts", counted(s.target(4*time.Minute).Finished), "map[success:1]")

	long := 90*24*time.Hour + time.Minute
	snap := s.Finish(noon().Add(long), noon().Add(long)).Gauges
	s.want("abandoned", snap.Abandoned, 1)
	s.want("tracked", snap.Tracked, 0)
	s.see(long, sessionRow("a", time.Second))
	s.want("an abandoned one stays away", s.Finish(noon().Add(long), noon().Add(long)).Gauges.Tracked, 0)
}

func TestAReviewFromBeforeTheLookbackIsShownWhilePending(t *testing.T) {
	s := begin(t)
	row := sessionRow("old", -48*time.Hour)
	row.Review = &client.Review{Type: "onetime", Status: "PENDING", CreatedAt: at(-48 * time.Hour)}
	s.see(time.Minute, row)
	n := s.target(time.Minute)
	s.want("pending", n.Open[Pending], 1)
	s.want("requested before T0", sum(n.Requested), 0)
	rejected := row
	rejected.Review = &client.Review{
		Type: "onetime", Status: "REJECTED", CreatedAt: at(-48 * time.Hour), Groups: []client.ReviewGroup{{Status: "REJECTED", ReviewDate: at(time.Hour)}},
	}
	s.see(2*time.Hour, rejected)
	s.see(3*time.Hour, rejected)
	n = s.target(3 * time.Hour)
	s.want("finished", counted(n.Finished), "map[rejected:1]")
	s.want("resolved", counted(n.Resolved), "map[REJECTED:1]")
	s.want("wait", n.Histograms[ReviewWait].Sum, 49*3600)
	s.see(4*time.Hour, s.ended("stranger", -48*time.Hour, time.Hour, 0))
	s.want("what finished there is history", counted(s.target(4*time.Hour).Finished), "map[rejected:1]")
}

func TestMalformedRowsCountOnceAndAreKnown(t *testing.T) {
	s := begin(t)
	bad := []client.MalformedSession{{ID: "x", StartDate: at(time.Second)}, {Digest: "d1", Near: noon().Add(time.Second)}}
	s.ApplyMalformed(noon().Add(time.Minute), bad)
	s.ApplyMalformed(noon().Add(time.Minute), bad)
	s.want("malformed", s.Finish(noon().Add(time.Minute), noon()).Gauges.Malformed, 2)
	s.want("known by its id, so that the total fits; one without is not", s.CountSeen(noon(), noon().Add(time.Minute)), 1)
	s.see(2*time.Minute, sessionRow("x", time.Second))
	s.want("once readable it counts", counted(s.target(2*time.Minute).Started), "map[exec:1]")
}

func TestImpossibleValuesAreNotObserved(t *testing.T) {
	s := begin(t)
	row := s.ended("a", time.Minute, time.Second, 0) // it ended before it began
	row.EventSize = -5
	s.see(2*time.Minute, row)
	snap := s.Finish(noon().Add(2*time.Minute), noon()).Gauges
	s.want("unobserved", snap.Unobserved, "[1 1 0 0 0 0 0 0 0]")
	s.want("finished all the same", counted(snap.Targets[0].Finished), "map[success:1]")
	s.want("durations", snap.Targets[0].Histograms[Duration].Count, 0)
}

func TestQuietConnectionsLeaveAndComeBack(t *testing.T) {
	o := options()
	o.FirstValueHold = 2 * time.Minute
	s := story{t, New(o, noon())}
	serve := func(d time.Duration) *Snapshot {
		snap := s.Finish(noon().Add(d), noon().Add(d)).Gauges
		s.MarkServed(snap.Generation, noon().Add(d))
		return snap
	}
	s.see(time.Second, s.ended("a", time.Second, 2*time.Second, 0))
	serve(time.Second)
	s.want("shown", counted(serve(3 * time.Minute).Targets[0].Finished), "map[success:1]")
	month := 30*24*time.Hour + 2*time.Second
	s.want("gone after 30 days", len(serve(month).Targets), 0)
	s.AdvanceWatermark(noon().Add(month))
	s.see(month, s.ended("b", month, month+time.Second, 0))
	s.want("back at its old value", counted(serve(month + time.Second).Targets[0].Finished), "map[success:1]")
	s.want("then it goes on", counted(serve(month + 3*time.Minute).Targets[0].Finished), "map[success:2]")
}

func TestConnectionInfoIsOfTheNewestSession(t *testing.T) {
	o := options()
	o.ConnectionTags = []string{"team"}
	s := story{t, New(o, noon())}
	newer, older := sessionRow("b", time.Minute), sessionRow("a", time.Second)
	newer.ConnectionSubtype, newer.ConnectionTags = "postgres", map[string]string{"team": "blue", "secret": "x"}
	older.ConnectionSubtype, older.ConnectionTags = "mysql", map[string]string{"team": "red"}
	s.see(2*time.Minute, newer, older)
	s.want("info", s.Finish(noon().Add(2*time.Minute), noon()).Gauges.Connections, "[{pg postgres map[team:blue]}]")
}

func TestCountingGoesOnAfterALongStop(t *testing.T) {
	s := begin(t)
	s.AdvanceWatermark(noon().Add(time.Hour))
	s.see(time.Hour, sessionRow("known", time.Hour-time.Minute))
	s.openGap(noon().Add(72 * time.Hour))
	s.want("unread, at most the lookback", s.Unread()[0].From.Sub(noon()), 48*time.Hour)
	s.see(72*time.Hour, sessionRow("new", 60*time.Hour), sessionRow("given up", 40*time.Hour), sessionRow("known", time.Hour-time.Minute))
	s.want("started", counted(s.target(72*time.Hour).Started), "map[exec:2]")
}
