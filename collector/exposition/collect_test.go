package exposition

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"pgregory.net/rapid"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

const (
	sessionA = "1CBC8DB5-FBF8-4293-8E35-59A6EEA40207"
	sessionB = "0f8fad5b-d9cb-469f-a165-70867728950e"
)

// at returns a time relative to that of the snapshot everything().
func at(after time.Duration) time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5, 678900000, time.UTC).Add(after)
}

// everything returns a snapshot that has a series for every family.
func everything() *ledger.Snapshot {
	created := at(-time.Hour)
	c := func(value uint64, labels ...string) ledger.Counter {
		out := ledger.Counter{Value: value, Created: created}
		copy(out.Labels[:], labels)
		return out
	}
	finished := c(2, "failure")
	finished.Exemplar = &ledger.Exemplar{SessionID: sessionA, Value: 1, At: at(-time.Minute)}
	return &ledger.Snapshot{
		Generation: 7, At: at(0), T0: created, BaselineComplete: true, PendingComplete: true,
		Tracked: 5, Lost: 1, Abandoned: 2, Malformed: 3, Unobserved: [ledger.Measures]uint64{ledger.Duration: 4},
		Unread: 90 * time.Second, RecheckLag: 1500 * time.Millisecond, Folded: 6,
		Connections: []ledger.Connection{
			{Name: "<other>"},
			{Name: "pg", Subtype: "postgres", Tags: map[string]string{"team": "banking", "data-class": "pii"}},
		},
		Targets: []ledger.TargetSnapshot{
			{
				Target:      ledger.Target{Connection: "<other>", Type: "ssh"},
				OpenReviews: []ledger.ReviewCount{{Status: "PENDING", Type: "jit"}},
				Requested:   []ledger.Counter{c(0, "jit")},
			},
			{
				Target:       ledger.Target{Connection: "pg", Type: "database"},
				Open:         [ledger.States]int{ledger.Pending: 1, ledger.Running: 2, ledger.Ready: 1},
				RunningSince: []time.Time{at(-25 * time.Hour), at(-2 * time.Hour)},
				RunningUsers: 2,
				ReadySince:   at(-10 * time.Minute),
				OpenReviews:  []ledger.ReviewCount{{Status: "APPROVED", Type: "onetime", Count: 1}, {Status: "PENDING", Type: "jit", Count: 1}},
				PendingSince: []time.Time{at(-6 * time.Minute)},
				Approvals:    []ledger.GroupApprovals{{Group: "dba", Count: 1, Oldest: at(-6 * time.Minute)}},
				Started:      []ledger.Counter{c(3, "connect", "user"), c(9, "exec", "machine")},
				Finished:     []ledger.Counter{finished, c(6, "success")},
				ExitCodes:    []ledger.Counter{c(6, "0"), c(2, "none")},
				Resolved:     []ledger.Counter{c(1, "EXECUTED", "onetime")},
				Requested:    []ledger.Counter{c(2, "onetime")},

				Redactions:    []ledger.Counter{c(12, "EMAIL_ADDRESS"), c(3, "US_SSN")},
				RedactedBytes: []ledger.Counter{c(200)}, RedactionErrors: []ledger.Counter{c(1)}, TruncatedRecordings: []ledger.Counter{c(1)},
				GuardrailMatches: []ledger.Counter{c(2, "no-secrets", "input")},
				AIAnalyses:       []ledger.Counter{c(4, "high", "block_execution")},
				Decisions:        []ledger.Counter{c(2, "dba", "APPROVED", "false"), c(1, "sre", "APPROVED", "true")},
				Histograms: [ledger.TargetMeasures]*ledger.Histogram{
					ledger.EventSize: smallHistogram(created, 40), ledger.Duration: smallHistogram(created, 41), ledger.ReviewWait: smallHistogram(created, 42),
					ledger.InputSize: smallHistogram(created, 43), ledger.AccessDuration: smallHistogram(created, 44),
				},
			},
		},
		GroupWaits: []ledger.GroupHistogram{{Group: "dba", Histogram: smallHistogram(created, 45)}},
	}
}

// smallHistogram has observed 0, 3, 3 and last, in two classic buckets and +Inf.
func smallHistogram(created time.Time, last float64) *ledger.Histogram {
	return &ledger.Histogram{
		Created: created, Count: 4, Sum: 6 + last, Bounds: []float64{1, 10}, Buckets: []uint64{1, 2, 1},
		Exemplars: []*ledger.Exemplar{nil, {SessionID: sessionA, Value: 3, At: at(-time.Minute)}, {SessionID: sessionB, Value: last, At: at(-time.Hour)}},
		Schema:    0, ZeroThreshold: 1e-9, Zero: 1, Native: []ledger.NativeBucket{{Index: 2, Count: 2}, {Index: 6, Count: 1}},
	}
}

// viewOf returns the view of a scrape a moment after the snapshot was taken.
func viewOf(s *ledger.Snapshot) View {
	return View{Now: s.At.Add(time.Second), Up: true, Version: "1.49.10", LastSuccess: s.At}
}

// exposed returns what is scraped in the text format, without the HELP lines.
func exposed(t testing.TB, c prometheus.Collector) string {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		t.Fatalf("a scrape failed: %v", err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	text, err := testutil.GatherAndFormat(reg, expfmt.TypeTextPlain, names...)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "# HELP") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func wantText(t *testing.T, got, want string) {
	t.Helper()
	if want = strings.TrimPrefix(want, "\n"); got == want {
		return
	}
	wanted := map[string]bool{}
	for line := range strings.Lines(want) {
		wanted[line] = true
	}
	for line := range strings.Lines(got) {
		if !wanted[line] {
			t.Errorf("not wanted: %s", line)
		}
		delete(wanted, line)
	}
	for line := range wanted {
		t.Errorf("missing: %s", line)
	}
	if !t.Failed() {
		t.Errorf("other order or repeated lines:\n%s", got)
	}
}

func TestEverythingIsExposed(t *testing.T) {
	wantText(t, exposed(t, showing(t, testOptions(), everything(), viewOf(everything()))), everythingText)
}

func TestAnUnknownTimeIsNotShown(t *testing.T) {
	s := everything()
	s.Targets[1].Approvals[0].Oldest, s.Targets[1].PendingSince, s.Targets[1].ReadySince = time.Time{}, nil, time.Time{}
	text := exposed(t, showing(t, testOptions(), s, viewOf(s)))
	for _, name := range []string{"hoop_oldest_pending_approval_created", "hoop_oldest_pending_review_created", "hoop_oldest_ready_session_approved"} {
		if strings.Contains(text, name) {
			t.Errorf("%s is there", name)
		}
	}
	if want := `hoop_pending_approvals{connection="pg",group="dba",type="database"} 1`; !strings.Contains(text, want) {
		t.Errorf("%s is missing", want)
	}
}

func TestBeforeTheFirstSnapshot(t *testing.T) {
	wantText(t, exposed(t, showing(t, testOptions(), nil, View{})), `
# TYPE hoop_exporter_baseline_complete gauge
hoop_exporter_baseline_complete 0
# TYPE hoop_exporter_gauges_withheld gauge
hoop_exporter_gauges_withheld 0
# TYPE hoop_exporter_last_refresh_timestamp_seconds gauge
hoop_exporter_last_refresh_timestamp_seconds 0
# TYPE hoop_exporter_stale_after_seconds gauge
hoop_exporter_stale_after_seconds 300
# TYPE hoop_exporter_visibility_limited gauge
hoop_exporter_visibility_limited 0
# TYPE hoop_up gauge
hoop_up 0
`)
}

func TestAnEmptyGateway(t *testing.T) {
	s := &ledger.Snapshot{At: at(0), T0: at(0)}
	wantText(t, exposed(t, showing(t, testOptions(), s, View{Now: at(0), Up: true, VisibilityLimited: true, LastSuccess: at(0)})), `
# TYPE hoop_exporter_abandoned_sessions_total counter
hoop_exporter_abandoned_sessions_total 0
# TYPE hoop_exporter_baseline_complete gauge
hoop_exporter_baseline_complete 0
# TYPE hoop_exporter_folded_connections gauge
hoop_exporter_folded_connections 0
# TYPE hoop_exporter_gauges_withheld gauge
hoop_exporter_gauges_withheld 0
# TYPE hoop_exporter_last_refresh_timestamp_seconds gauge
hoop_exporter_last_refresh_timestamp_seconds 1.7673230456789e+09
# TYPE hoop_exporter_lost_sessions_total counter
hoop_exporter_lost_sessions_total 0
# TYPE hoop_exporter_malformed_sessions_total counter
hoop_exporter_malformed_sessions_total 0
# TYPE hoop_exporter_recheck_lag_seconds gauge
hoop_exporter_recheck_lag_seconds 0
# TYPE hoop_exporter_stale_after_seconds gauge
hoop_exporter_stale_after_seconds 300
# TYPE hoop_exporter_tracked_sessions gauge
hoop_exporter_tracked_sessions 0
# TYPE hoop_exporter_unobserved_total counter
hoop_exporter_unobserved_total{metric="hoop_review_access_duration_seconds"} 0
hoop_exporter_unobserved_total{metric="hoop_review_group_wait_seconds"} 0
hoop_exporter_unobserved_total{metric="hoop_review_wait_seconds"} 0
hoop_exporter_unobserved_total{metric="hoop_session_duration_seconds"} 0
hoop_exporter_unobserved_total{metric="hoop_session_event_size_bytes"} 0
hoop_exporter_unobserved_total{metric="hoop_session_input_size_bytes"} 0
hoop_exporter_unobserved_total{metric="hoop_session_redacted_bytes_total"} 0
hoop_exporter_unobserved_total{metric="hoop_session_redaction_errors_total"} 0
hoop_exporter_unobserved_total{metric="hoop_session_redactions_total"} 0
# TYPE hoop_exporter_unread_seconds gauge
hoop_exporter_unread_seconds 0
# TYPE hoop_exporter_visibility_limited gauge
hoop_exporter_visibility_limited 1
# TYPE hoop_gateway_info gauge
hoop_gateway_info{version="unknown"} 1
# TYPE hoop_up gauge
hoop_up 1
`)
}

func TestStaleGaugesAreWithheld(t *testing.T) {
	s := everything()
	v := viewOf(s)
	v.Withheld = true // Up is what the last refresh was; old news is not up
	var want strings.Builder
	gone := false
	for line := range strings.Lines(strings.TrimPrefix(everythingText, "\n")) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(strings.TrimSpace(name), " ")
			gone = kind == "gauge" && !strings.HasPrefix(name, "hoop_exporter_") && !strings.HasSuffix(name, "_info") && name != "hoop_up"
		}
		switch {
		case gone:
		case line == "hoop_up 1\n":
			want.WriteString("hoop_up 0\n")
		case line == "hoop_exporter_gauges_withheld 0\n":
			want.WriteString("hoop_exporter_gauges_withheld 1\n")
		default:
			want.WriteString(line)
		}
	}
	wantText(t, exposed(t, showing(t, testOptions(), s, v)), want.String())
}

// A 0 says that there is none, so it is shown only if everything that could be another value has been read.
func TestZerosAreShownOnlyWhereTheyAreKnown(t *testing.T) {
	const (
		pending  = `hoop_open_sessions{connection="quiet",state="pending",type="ssh"} 0`
		running  = `hoop_open_sessions{connection="quiet",state="running",type="ssh"} 0`
		unknown  = `hoop_open_sessions{connection="quiet",state="unknown",type="ssh"} 0`
		users    = `hoop_running_session_users{connection="quiet",type="ssh"} 0`
		long     = `hoop_long_running_sessions{connection="quiet",threshold="1h",type="ssh"} 0`
		reviews  = `hoop_open_reviews{connection="quiet",review_type="jit",status="PENDING",type="ssh"} 0`
		approved = `hoop_open_reviews{connection="quiet",review_type="jit",status="APPROVED",type="ssh"} 0`
		overdue  = `hoop_overdue_reviews{connection="quiet",threshold="5m",type="ssh"} 0`
		started  = `hoop_sessions_started_total{connection="quiet",identity="user",type="ssh",verb="exec"} 0`
	)
	always := []string{started}
	ofBaseline, ofPending := []string{running, unknown, users, long}, []string{pending, reviews, overdue}
	for _, tc := range []struct {
		name              string
		baseline, pending bool
		want, not         []string
	}{
		{"nothing read to the end", false, false, always, append(append([]string{approved}, ofBaseline...), ofPending...)},
		{"pending reviews read", false, true, append(ofPending, started), append([]string{approved}, ofBaseline...)},
		{"backfilled, pending reviews not", true, false, append(ofBaseline, started), append([]string{approved}, ofPending...)},
		{"all read", true, true, append(append([]string{started}, ofBaseline...), ofPending...), []string{approved}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &ledger.Snapshot{At: at(0), T0: at(0), BaselineComplete: tc.baseline, PendingComplete: tc.pending, Targets: []ledger.TargetSnapshot{{
				Target:      ledger.Target{Connection: "quiet", Type: "ssh"},
				OpenReviews: []ledger.ReviewCount{{Status: "APPROVED", Type: "jit"}, {Status: "PENDING", Type: "jit"}},
				Started:     []ledger.Counter{{Labels: ledger.Labels{"exec", "user"}, Created: at(0)}},
			}}}
			got := exposed(t, showing(t, testOptions(), s, viewOf(s)))
			for _, line := range tc.want {
				if !strings.Contains(got, line+"\n") {
					t.Errorf("missing: %s", line)
				}
			}
			for _, line := range tc.not {
				if strings.Contains(got, line) {
					t.Errorf("shown too early: %s", line)
				}
			}
		})
	}
}

func TestWhatIsThereIsShownEvenWhileReadingBack(t *testing.T) {
	s := everything()
	s.BaselineComplete, s.PendingComplete = false, false
	got := exposed(t, showing(t, testOptions(), s, viewOf(s)))
	for line := range strings.Lines(everythingText) {
		zero := strings.HasSuffix(line, " 0\n") && strings.Contains(line, "connection=")
		isGauge := !strings.Contains(line, "_total{") && !strings.Contains(line, "_bucket{")
		switch {
		case strings.HasPrefix(line, "hoop_exporter_baseline_complete"), line == "\n":
		case zero && isGauge:
			if strings.Contains(got, line) {
				t.Errorf("shown too early: %s", line)
			}
		case !strings.Contains(got, line):
			t.Errorf("missing: %s", line)
		}
	}
}

// Whatever the times and the thresholds, the value is how many times are longer ago than the threshold.
func TestThresholdsAreCountedAtTheScrape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ages := rapid.SliceOfN(rapid.Int64Range(-10, 100), 0, 20).Draw(t, "ages in minutes")
		limit := rapid.Int64Range(1, 100).Draw(t, "threshold in minutes")
		later := rapid.Int64Range(0, 50).Draw(t, "minutes from snapshot to scrape")
		slices.SortFunc(ages, func(a, b int64) int { return int(b - a) })
		want := 0
		var times []time.Time
		for _, age := range ages {
			times = append(times, at(-time.Duration(age)*time.Minute))
			if age+later > limit {
				want++
			}
		}
		of := []Threshold{{"x", time.Duration(limit) * time.Minute}}
		e, err := New(Options{Overdue: of, LongRunning: of})
		if err != nil {
			t.Fatal(err)
		}
		s := &ledger.Snapshot{At: at(0), BaselineComplete: true, PendingComplete: true, Targets: []ledger.TargetSnapshot{{PendingSince: times, RunningSince: times}}}
		c := shown{e: e, s: s, v: View{Now: at(time.Duration(later) * time.Minute)}}
		for _, name := range []string{"hoop_overdue_reviews", "hoop_long_running_sessions"} {
			if got := valueOf(t, c, name); got != float64(want) {
				t.Fatalf("%s is %v, want %d", name, got, want)
			}
		}
	})
}

// valueOf returns the value of the only gauge or counter of a family.
func valueOf(t interface{ Fatalf(string, ...any) }, c prometheus.Collector, name string) float64 {
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(c); err != nil {
		t.Fatalf("registering: %v", err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatalf("a scrape failed: %v", err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()
			if len(m) != 1 {
				t.Fatalf("%s has %d series, want 1", name, len(m))
			}
			return m[0].GetGauge().GetValue() + m[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("%s is missing", name)
	return 0
}

// A row that is wrong fails every scrape, which any test sees, but does not end the process.
func TestTooFewLabelValuesFailAScrape(t *testing.T) {
	for name, send := range map[string]func(*sender){
		"gauge":     func(s *sender) { s.gauge(1) },
		"counter":   func(s *sender) { s.counter(ledger.Counter{Created: at(0)}) },
		"histogram": func(s *sender) { s.histogram(smallHistogram(at(0), 40)) },
	} {
		t.Run(name, func(t *testing.T) {
			desc := prometheus.NewDesc("hoop_x", "X.", []string{"connection"}, nil)
			e := &Exposition{families: []describedFamily{{family{name: "hoop_x", labels: []string{"connection"}, send: send}, desc}}}
			reg := prometheus.NewPedanticRegistry()
			reg.MustRegister(shown{e: e})
			if _, err := reg.Gather(); err == nil {
				t.Error("the scrape did not fail")
			}
		})
	}
}
