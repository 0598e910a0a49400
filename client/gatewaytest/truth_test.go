package gatewaytest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// scene is a gateway on which a test plays the life of single sessions, on the connection pg of type database. T0 is noon, the lookback two
// hours, the allowed lateness 15 minutes, and sessions are forgotten after 24 hours.
type scene struct {
	t *testing.T
	g *Gateway
	c *clock
	o TruthOptions
}

func newScene(t *testing.T, d Dialect) *scene {
	t0 := noon().t
	c := &clock{t0.Add(-4 * time.Hour)}
	s := &scene{t: t, c: c, g: New(Config{Dialect: d, Now: c.now})}
	s.o = TruthOptions{
		T0: t0, Lookback: 2 * time.Hour, AllowedLateness: 15 * time.Minute, ForgetAfter: 24 * time.Hour,
		LongRunning: []time.Duration{time.Hour}, Overdue: []time.Duration{5 * time.Minute, 20 * time.Minute},
		EventSizeBuckets: []float64{1000}, DurationBuckets: []float64{60}, WaitBuckets: []float64{90},
	}
	return s
}

// time parses a time of the day, such as 12:03:20.5.
func (s *scene) time(text string) time.Time {
	s.t.Helper()
	v, err := time.Parse(time.RFC3339, "2026-11-23T"+text+"Z")
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// at moves the clock to a time.
func (s *scene) at(text string) {
	s.t.Helper()
	to := s.time(text)
	if to.Before(s.c.t) {
		s.t.Fatalf("the clock goes back from %v to %v", s.c.t, to)
	}
	s.c.t = to
}

// add adds a session that started and became visible at a time.
func (s *scene) add(id, start string, change func(*Row)) {
	s.t.Helper()
	at := s.time(start)
	if at.After(s.c.t) {
		s.c.t = at
	}
	r := Row{ID: id, Connection: "pg", Type: "database", StartDate: at, VisibleAt: at}
	change(&r)
	s.g.Add(r)
}

// then changes a session at a time.
func (s *scene) then(text, id string, change func(*Row)) {
	s.at(text)
	s.g.Update(id, change)
}

// read requests the newest page at a time.
func (s *scene) read(text string) {
	s.at(text)
	list(s.t, s.g, "limit", "100")
}

// series returns the truth now, but not before T0, without zeros and without what is the same in all cases.
func (s *scene) series() string {
	if s.c.t.Before(s.o.T0) {
		s.c.t = s.o.T0
	}
	truth := s.g.Truth(s.o)
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(truth.Samples)) {
		if v := truth.Samples[k]; v != 0 && !strings.Contains(k, "_info{") {
			short := strings.NewReplacer(`{connection="pg",type="database"}`, "", `connection="pg",`, "", `,type="database"`, "",
				`type="database",`, "", "hoop_", "", `"`, "").Replace(k)
			lines = append(lines, short+" "+strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(truth.Unobserved)) {
		lines = append(lines, fmt.Sprintf("unobserved %s %d", strings.TrimPrefix(name, "hoop_"), truth.Unobserved[name]))
	}
	if truth.Rewritten > 0 {
		lines = append(lines, fmt.Sprintf("rewritten %d", truth.Rewritten))
	}
	return strings.Join(lines, "\n")
}

// Changes of a session, for add and then.

func (s *scene) done(end string, code *int, size int64) func(*Row) {
	at := time.Time{}
	if end != "" {
		at = s.time(end)
	}
	return func(r *Row) { r.Status, r.EndDate, r.ExitCode, r.EventSize = "done", at, code, size }
}

func verb(v string, more ...func(*Row)) func(*Row) {
	return func(r *Row) {
		r.Verb = v
		for _, f := range more {
			f(r)
		}
	}
}

func plain(*Row) {}

// requests adds a pending review by groups that was requested when the session started.
func requests(kind string, access time.Duration, groups ...string) func(*Row) {
	return func(r *Row) {
		r.Review = &Review{Type: kind, AccessDuration: access, Status: pending, CreatedAt: r.StartDate.Truncate(time.Millisecond)}
		for _, g := range groups {
			r.Review.Groups = append(r.Review.Groups, Group{Group: g, Status: pending})
		}
	}
}

// decides sets the decision of a group, and the resulting status of the review and of the session.
func (s *scene) decides(at string, group int, decision, review, status string) func(*Row) {
	when := s.time(at)
	return func(r *Row) {
		r.Review.Groups[group].Status, r.Review.Groups[group].ReviewDate = decision, when
		r.Review.Status, r.Status = review, status
		if review == approved {
			r.Review.RevokeAt = when.Add(r.Review.AccessDuration)
		}
	}
}

// becomes sets the status of the review and of the session.
func becomes(review, status string) func(*Row) {
	return func(r *Row) { r.Review.Status, r.Status = review, status }
}

// TestTheTruthOfEachCase tests cases of the metrics' description. The expected values were computed by hand. Zeros are left out.
func TestTheTruthOfEachCase(t *testing.T) {
	for _, test := range truthCases() {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, Old)
			test.play(s)
			if got, want := s.series(), unindent(test.want); got != want {
				t.Errorf("got\n%s\n\nwant\n%s", got, want)
			}
		})
	}
}

func unindent(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	// Unobserved and rewritten are last.
	slices.SortStableFunc(lines, func(a, b string) int { return rank(a) - rank(b) })
	return strings.Join(lines, "\n")
}

func rank(line string) int {
	switch {
	case strings.HasPrefix(line, "rewritten"):
		return 2
	case strings.HasPrefix(line, "unobserved"):
		return 1
	}
	return 0
}

// TestZerosAreShownOfAnIdleConnection lists the series of a connection with nothing to count.
func TestZerosAreShownOfAnIdleConnection(t *testing.T) {
	s := newScene(t, Old)
	s.o.LongRunningLabels, s.o.OverdueLabels = []string{"60m"}, nil
	s.add("a", "11:00:00", s.done("11:00:01", ptr(0), 1))
	want := `
		hoop_connection_info{connection="pg",subtype=""} 1
		hoop_gateway_info{version="1.49.10"} 1
		hoop_long_running_sessions{connection="pg",threshold="60m",type="database"} 0
		hoop_open_reviews{connection="pg",status="PENDING",type="database"} 0
		hoop_open_sessions{connection="pg",state="expired",type="database"} 0
		hoop_open_sessions{connection="pg",state="pending",type="database"} 0
		hoop_open_sessions{connection="pg",state="ready",type="database"} 0
		hoop_open_sessions{connection="pg",state="running",type="database"} 0
		hoop_open_sessions{connection="pg",state="unknown",type="database"} 0
		hoop_overdue_reviews{connection="pg",threshold="20m",type="database"} 0
		hoop_overdue_reviews{connection="pg",threshold="5m",type="database"} 0
		hoop_reviews_requested_total{connection="pg",type="database"} 0
		hoop_reviews_resolved_total{connection="pg",status="APPROVED",type="database"} 0
		hoop_reviews_resolved_total{connection="pg",status="EXECUTED",type="database"} 0
		hoop_reviews_resolved_total{connection="pg",status="EXPIRED",type="database"} 0
		hoop_reviews_resolved_total{connection="pg",status="PROCESSING",type="database"} 0
		hoop_reviews_resolved_total{connection="pg",status="REJECTED",type="database"} 0
		hoop_reviews_resolved_total{connection="pg",status="REVOKED",type="database"} 0
		hoop_reviews_resolved_total{connection="pg",status="UNKNOWN",type="database"} 0
		hoop_running_session_users{connection="pg",type="database"} 0
		hoop_sessions_finished_total{connection="pg",outcome="aborted",type="database"} 0
		hoop_sessions_finished_total{connection="pg",outcome="disconnected",type="database"} 0
		hoop_sessions_finished_total{connection="pg",outcome="expired",type="database"} 0
		hoop_sessions_finished_total{connection="pg",outcome="failure",type="database"} 0
		hoop_sessions_finished_total{connection="pg",outcome="rejected",type="database"} 0
		hoop_sessions_finished_total{connection="pg",outcome="revoked",type="database"} 0
		hoop_sessions_finished_total{connection="pg",outcome="success",type="database"} 0
		hoop_sessions_finished_total{connection="pg",outcome="unknown",type="database"} 0
		hoop_sessions_started_total{connection="pg",type="database",verb="connect"} 0
		hoop_sessions_started_total{connection="pg",type="database",verb="exec"} 0`
	var got []string
	truth := s.g.Truth(s.o)
	for k, v := range truth.Samples {
		got = append(got, fmt.Sprint(k, " ", v))
	}
	slices.Sort(got)
	if got := strings.Join(got, "\n"); got != unindent(want) {
		t.Errorf("got\n%s\n\nwant\n%s", got, unindent(want))
	}
}

// TestAHistogramHasItsBucketsSumAndCount lists the series of histograms in the notation of the text format.
func TestAHistogramHasItsBucketsSumAndCount(t *testing.T) {
	s := newScene(t, Old)
	s.o.DurationBuckets = []float64{0.5, 1, 1e6}
	s.add("a", "12:00:00", plain)
	s.then("12:00:01", "a", s.done("12:00:01", ptr(0), 0))
	s.add("b", "12:00:01", plain)
	s.then("12:00:02.000001", "b", s.done("12:00:02.000001", ptr(0), 0))
	truth := s.g.Truth(s.o)
	for key, want := range map[string]float64{
		`hoop_session_duration_seconds_bucket{connection="pg",le="0.5",type="database"}`:   0,
		`hoop_session_duration_seconds_bucket{connection="pg",le="1",type="database"}`:     1,
		`hoop_session_duration_seconds_bucket{connection="pg",le="1e+06",type="database"}`: 2,
		`hoop_session_duration_seconds_bucket{connection="pg",le="+Inf",type="database"}`:  2,
		`hoop_session_duration_seconds_count{connection="pg",type="database"}`:             2,
		`hoop_session_duration_seconds_sum{connection="pg",type="database"}`:               2.000001,
		`hoop_review_wait_seconds_count{connection="pg",type="database"}`:                  0,
		`hoop_session_event_size_bytes_bucket{connection="pg",le="+Inf",type="database"}`:  0,
	} {
		if got, ok := truth.Samples[key]; !ok || got != want {
			t.Errorf("%s is %v (there: %v), want %v", key, got, ok, want)
		}
	}
}

func TestConnectionInfoIsOfTheNewestSession(t *testing.T) {
	s := newScene(t, Old)
	s.o.ConnectionTags = []string{"team", "cost-center"}
	add := func(id, start, subtype string, tags map[string]string) {
		s.add(id, start, func(r *Row) { r.ConnectionSubtype, r.ConnectionTags = subtype, tags })
	}
	info := func() string {
		for k := range s.g.Truth(s.o).Samples {
			if strings.HasPrefix(k, "hoop_connection_info") {
				return k
			}
		}
		return ""
	}
	add("00000000-0000-4000-8000-000000000001", "12:00:00", "postgres", map[string]string{"team": `a "b"`, "cost-center": "7"})
	if got, want := info(), `hoop_connection_info{connection="pg",subtype="postgres",tag_cost_center="7",tag_team="a \"b\""}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	add("00000000-0000-4000-8000-000000000009", "12:00:00", "by id", nil)
	add("00000000-0000-4000-8000-000000000005", "12:00:00", "between", nil)
	if got, want := info(), `hoop_connection_info{connection="pg",subtype="by id",tag_cost_center="",tag_team=""}`; got != want {
		t.Errorf("the newest by start, then id: got %s, want %s", got, want)
	}
}

// TestIdleConnectionsDisappear tests that a connection is exposed for 30 days after its last session, and longer while something is open.
func TestIdleConnectionsDisappear(t *testing.T) {
	s := newScene(t, Old)
	s.add("a", "12:00:00", func(r *Row) { r.Connection = "ended"; s.done("12:00:00", ptr(0), 1)(r) })
	s.add("b", "12:00:00", func(r *Row) { r.Connection = "open" })
	s.o.ForgetAfter = 0
	shown := func() string {
		var names []string
		for _, name := range []string{"ended", "open"} {
			if _, ok := s.g.Truth(s.o).Samples[`hoop_sessions_started_total{connection="`+name+`",type="",verb="exec"}`]; ok {
				names = append(names, name)
			}
		}
		return strings.Join(names, " ")
	}
	for _, r := range []string{"a", "b"} {
		s.g.Update(r, func(r *Row) { r.Type = "" })
	}
	s.c.sleep(30 * day)
	if got := shown(); got != "ended open" {
		t.Errorf("after 30 days: %q", got)
	}
	s.c.sleep(time.Second)
	if got := shown(); got != "open" {
		t.Errorf("after 30 days and a second: %q", got)
	}
}

func TestTheTruthFollowsTheFilters(t *testing.T) {
	s := newScene(t, Old)
	s.add("a", "12:00:00", func(r *Row) { r.User, r.UserID = "a@example.com", "user-a" })
	s.add("b", "12:00:00", func(r *Row) { r.Connection = "my"; requests(oneTime, 0, "dba")(r) })
	for name, f := range map[string]func(*TruthOptions){
		"connection": func(o *TruthOptions) { o.Connection = "p%" },
		"user":       func(o *TruthOptions) { o.User = "user-a" },
		"approver":   func(o *TruthOptions) { o.ReviewApprover = "grace@example.com" },
		"type":       func(o *TruthOptions) { o.Type = "none" },
	} {
		o := s.o
		f(&o)
		want := map[string]string{"connection": "pg", "user": "pg", "approver": "my"}[name]
		var got []string
		for k := range s.g.Truth(o).Samples {
			if strings.HasPrefix(k, "hoop_connection_info") {
				got = append(got, strings.Split(k, `"`)[1])
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("filter by %s: %v, want %q", name, got, want)
		}
	}
}

// TestARecheckIsDueAfterATwentiethOfTheAge tests that a recheck is due after a twentieth of the age.
func TestARecheckIsDueAfterATwentiethOfTheAge(t *testing.T) {
	s := newScene(t, Old)
	s.add("a", "11:20:00", plain)
	lag := func(text string) time.Duration { s.at(text); return s.g.Truth(s.o).RecheckLag }
	if got := lag("12:00:00"); got != 0 {
		t.Errorf("never delivered: %v, want 0", got)
	}
	s.read("12:00:00")
	if got := lag("12:02:00"); got != 0 {
		t.Errorf("2m after a request, 42m old: %v, want 0", got)
	}
	if got, want := lag("12:10:00"), 10*time.Minute-150*time.Second; got != want {
		t.Errorf("10m after a request, 50m old: %v, want %v", got, want)
	}
	s.then("12:11:00", "a", s.done("12:11:00", ptr(0), 1))
	if got := lag("12:11:00"); got == 0 {
		t.Error("it has finished, but that was not delivered: want a lag")
	}
	s.read("12:12:00")
	if got := lag("12:30:00"); got != 0 {
		t.Errorf("known to have finished: %v, want 0", got)
	}
}
