package exposition

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// shown is a collector that shows one snapshot.
type shown struct {
	e *Exposition
	i *Instruments
	s *ledger.Snapshot
	v View
}

func (c shown) Describe(ch chan<- *prometheus.Desc) {
	c.e.Describe(ch)
	if c.i != nil {
		c.i.Describe(ch)
	}
}

func (c shown) Collect(ch chan<- prometheus.Metric) {
	c.e.Collect(ch, c.s, c.v)
	if c.i != nil {
		c.i.Collect(ch)
	}
}

// showing returns a collector that shows a snapshot with the options of a test.
func showing(t testing.TB, o Options, s *ledger.Snapshot, v View) shown {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return shown{e: e, s: s, v: v}
}

// testOptions has one or two values for everything that can be chosen.
func testOptions() Options {
	return Options{
		ConnectionTags: []string{"team", "data-class"},
		LongRunning:    []Threshold{{"1h", time.Hour}, {"24h", 24 * time.Hour}},
		Overdue:        []Threshold{{"5m", 5 * time.Minute}, {"1h", time.Hour}},
		StaleAfter:     5 * time.Minute,
	}
}

// The families and their labels, as people's dashboards rely on them.
func TestEveryFamilyIsDescribed(t *testing.T) {
	want := map[string]string{
		"hoop_up":            "",
		"hoop_open_sessions": "connection,type,state",
		"hoop_oldest_running_session_start_timestamp_seconds":    "connection,type",
		"hoop_long_running_sessions":                             "connection,type,threshold",
		"hoop_running_session_users":                             "connection,type",
		"hoop_oldest_ready_session_approved_timestamp_seconds":   "connection,type",
		"hoop_open_reviews":                                      "connection,type,status,review_type",
		"hoop_oldest_pending_review_created_timestamp_seconds":   "connection,type",
		"hoop_overdue_reviews":                                   "connection,type,threshold",
		"hoop_pending_approvals":                                 "connection,type,group",
		"hoop_oldest_pending_approval_created_timestamp_seconds": "connection,type,group",
		"hoop_connection_info":                                   "connection,subtype,tag_data_class,tag_team",
		"hoop_gateway_info":                                      "version",

		"hoop_sessions_started_total":   "connection,type,verb,identity",
		"hoop_sessions_finished_total":  "connection,type,outcome",
		"hoop_session_exit_codes_total": "connection,type,exit_code",
		"hoop_reviews_requested_total":  "connection,type,review_type",
		"hoop_reviews_resolved_total":   "connection,type,status,review_type",

		"hoop_session_event_size_bytes": "connection,type",
		"hoop_session_duration_seconds": "connection,type",
		"hoop_review_wait_seconds":      "connection,type",

		"hoop_session_redactions_total":           "connection,type,info_type",
		"hoop_session_redacted_bytes_total":       "connection,type",
		"hoop_session_redaction_errors_total":     "connection,type",
		"hoop_session_recordings_truncated_total": "connection,type",
		"hoop_session_guardrail_matches_total":    "connection,type,rule,direction",
		"hoop_session_ai_analyses_total":          "connection,type,risk_level,action",
		"hoop_session_input_size_bytes":           "connection,type",
		"hoop_review_decisions_total":             "connection,type,group,status,forced",
		"hoop_review_group_wait_seconds":          "group",
		"hoop_review_access_duration_seconds":     "connection,type",

		"hoop_exporter_last_refresh_timestamp_seconds":   "",
		"hoop_exporter_stale_after_seconds":              "",
		"hoop_exporter_gauges_withheld":                  "",
		"hoop_exporter_refresh_duration_seconds":         "",
		"hoop_exporter_refreshes_total":                  "",
		"hoop_exporter_refresh_failures_total":           "",
		"hoop_exporter_gateway_requests_total":           "code",
		"hoop_exporter_gateway_request_duration_seconds": "",
		"hoop_exporter_gateway_busy_seconds_total":       "",
		"hoop_exporter_tracked_sessions":                 "",
		"hoop_exporter_lost_sessions_total":              "",
		"hoop_exporter_abandoned_sessions_total":         "",
		"hoop_exporter_baseline_complete":                "",
		"hoop_exporter_unread_seconds":                   "",
		"hoop_exporter_recheck_lag_seconds":              "",
		"hoop_exporter_malformed_sessions_total":         "",
		"hoop_exporter_malformed_fields_total":           "field",
		"hoop_exporter_unobserved_total":                 "metric",
		"hoop_exporter_visibility_limited":               "",
		"hoop_exporter_state_save_failures_total":        "",
		"hoop_exporter_gateway_clock_steps_total":        "",
		"hoop_exporter_folded_connections":               "",

		"hoop_agent_up":                                     "agent,version",
		"hoop_exporter_refresh_error":                       "reason",
		"hoop_exporter_credential_expiry_timestamp_seconds": "",
	}
	got := map[string]string{}
	for _, d := range described(t) {
		if _, twice := got[d.name]; twice {
			t.Errorf("%s is described twice", d.name)
		}
		got[d.name] = d.labels
	}
	for name, labels := range want {
		if have, ok := got[name]; !ok {
			t.Errorf("%s is not described", name)
		} else if have != labels {
			t.Errorf("%s has the labels %q, want %q", name, have, labels)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is described, but not listed in this test", name)
		}
	}
}

// Each of the two groups of families can be left out, with all that is said about it.
func TestFamiliesCanBeLeftOut(t *testing.T) {
	protection := []string{
		"hoop_session_redactions_total", "hoop_session_redacted_bytes_total", "hoop_session_redaction_errors_total",
		"hoop_session_recordings_truncated_total", "hoop_session_guardrail_matches_total", "hoop_session_ai_analyses_total", "hoop_session_input_size_bytes",
	}
	decisions := []string{"hoop_review_decisions_total", "hoop_review_group_wait_seconds", "hoop_review_access_duration_seconds"}
	for _, tc := range []struct {
		name         string
		change       func(*Options)
		out, present []string
	}{
		{"data protection", func(o *Options) { o.NoDataProtection = true }, protection, decisions},
		{"decisions", func(o *Options) { o.NoDecisions = true }, decisions, protection},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := testOptions()
			tc.change(&o)
			got := exposed(t, showing(t, o, everything(), viewOf(everything())))
			for _, name := range tc.out {
				if strings.Contains(got, name) {
					t.Errorf("%s is exposed", name)
				}
			}
			for _, name := range tc.present {
				if !strings.Contains(got, "# TYPE "+name+" ") {
					t.Errorf("%s is missing", name)
				}
			}
		})
	}
}

func TestHelpIsOneSentenceAndSaysWhereAValueComesFrom(t *testing.T) {
	for _, d := range described(t) {
		_, source, further := strings.Cut(d.help, ". ")
		if !strings.HasSuffix(d.help, ".") || further && (!strings.HasPrefix(source, "From ") && source != "Read through a cache." || strings.Contains(source, ". ")) {
			t.Errorf("HELP of %s is not one sentence and the source: %s", d.name, d.help)
		}
		if strings.HasPrefix(d.name, "hoop_exporter_") {
			continue
		}
		if !strings.Contains(d.help, "cache") {
			t.Errorf("HELP of %s does not say that it is read through a cache: %s", d.name, d.help)
		}
		request := "GET /api/sessions"
		if d.name == "hoop_agent_up" {
			request = "GET /api/agents"
		}
		if d.name != "hoop_gateway_info" && !strings.Contains(d.help, request) {
			t.Errorf("HELP of %s does not say where the value comes from: %s", d.name, d.help)
		}
		if strings.HasSuffix(d.name, "_users") && !strings.Contains(d.help, "do not sum") {
			t.Errorf("HELP of %s does not warn of summing: %s", d.name, d.help)
		}
	}
}

type description struct{ name, help, labels string }

// described returns what a collector with the options of the tests describes.
func described(t *testing.T) []description {
	t.Helper()
	form := regexp.MustCompile(`fqName: "([^"]*)", help: "([^"]*)", unit: "", constLabels: {}, variableLabels: {([^}]*)}`)
	c := showing(t, testOptions(), nil, View{})
	c.i = NewInstruments(testOptions())
	ch := make(chan *prometheus.Desc, 100)
	c.Describe(ch)
	close(ch)
	var out []description
	for d := range ch {
		if d.Err() != nil {
			t.Errorf("%v", d.Err())
		}
		m := form.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("cannot read %s", d)
		}
		out = append(out, description{m[1], m[2], m[3]})
	}
	return out
}

// LabelNames has the labels of everything that is described, and le of classic buckets.
func TestLabelNames(t *testing.T) {
	want := []string{"le"}
	for _, d := range described(t) {
		for label := range strings.SplitSeq(d.labels, ",") {
			if label != "" && !strings.HasPrefix(label, "tag_") {
				want = append(want, label)
			}
		}
	}
	slices.Sort(want)
	if got := LabelNames(); !slices.Equal(got, slices.Compact(want)) || len(got) < 12 {
		t.Errorf("%q, but what is described has %q", got, slices.Compact(want))
	}
}

func TestTagLabels(t *testing.T) {
	for _, tc := range []struct {
		name, failure string
		tags, want    []string
	}{
		{name: "none"},
		{name: "sorted by label", tags: []string{"team", "env"}, want: []string{"tag_env", "tag_team"}},
		{name: "what no label name may hold", tags: []string{"a.b/c-d é"}, want: []string{"tag_a_b_c_d__"}},
		{name: "a digit first", tags: []string{"2fa"}, want: []string{"tag_2fa"}},
		{name: "case is kept", tags: []string{"Team", "team"}, want: []string{"tag_Team", "tag_team"}},
		{name: "two keys, one label", tags: []string{"my-tag", "my_tag"}, failure: `"my-tag" and "my_tag" both become the label tag_my_tag`},
		{name: "one key twice", tags: []string{"team", "team"}, failure: "both become the label tag_team"},
		{name: "an empty key", tags: []string{"team", ""}, failure: "a tag key is empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := New(Options{ConnectionTags: tc.tags})
			if tc.failure != "" {
				wantError(t, err, tc.failure)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			tags, err := tagLabels(tc.tags)
			if err != nil {
				t.Fatal(err)
			}
			var labels []string
			for _, tag := range tags {
				labels = append(labels, tag.label)
				if label := "tag_" + strings.Map(labelRune, tag.key); label != tag.label {
					t.Errorf("the tag %q would be shown as %s", tag.key, tag.label)
				}
			}
			if !slices.Equal(labels, tc.want) {
				t.Errorf("labels %q, want %q", labels, tc.want)
			}
		})
	}
}

func TestThresholdsThatCannotBeShown(t *testing.T) {
	for _, tc := range []struct {
		name    string
		of      []Threshold
		failure string
	}{
		{"without a name", []Threshold{{"", time.Hour}}, "has no name"},
		{"twice", []Threshold{{"1h", time.Hour}, {"1h", time.Hour}}, `"1h" is given twice`},
		{"zero", []Threshold{{"0s", 0}}, `"0s" is not above zero`},
		{"negative", []Threshold{{"-1h", -time.Hour}}, `"-1h" is not above zero`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := New(Options{LongRunning: tc.of})
			wantError(t, err, "long-running sessions: ", tc.failure)
			_, err = New(Options{Overdue: tc.of})
			wantError(t, err, "overdue reviews: ", tc.failure)
		})
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

func TestLint(t *testing.T) {
	c := showing(t, testOptions(), everything(), viewOf(everything()))
	c.i = NewInstruments(testOptions())
	c.i.Request("200", time.Second)
	problems, err := testutil.CollectAndLint(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
