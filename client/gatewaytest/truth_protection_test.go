package gatewaytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// reports sets what a session reports about the protection of data.
func reports(metrics, guardrails, ai string) func(*Row) {
	return func(r *Row) {
		r.Metrics, r.GuardrailsInfo, r.AIAnalysis = json.RawMessage(metrics), json.RawMessage(guardrails), json.RawMessage(ai)
	}
}

func all(changes ...func(*Row)) func(*Row) {
	return func(r *Row) {
		for _, change := range changes {
			change(r)
		}
	}
}

// protectionCases are about the protection of data and about the decisions of groups. The cases are played on a new gateway.
func protectionCases() []truthCase {
	const finished = `
		sessions_started_total{identity=user,verb=exec} 1
		sessions_finished_total{outcome=success} 1
		session_exit_codes_total{exit_code=0} 1
		session_duration_seconds_count 1
		session_duration_seconds_sum 30
		session_duration_seconds_bucket{le=60} 1
		session_duration_seconds_bucket{le=+Inf} 1
		`
	const requested = `
		sessions_started_total{identity=user,verb=exec} 1
		reviews_requested_total{review_type=onetime} 1
		open_sessions{state=pending} 1
		open_reviews{review_type=onetime,status=PENDING} 1
		oldest_pending_review_created_timestamp_seconds 1795435200
		`
	ends := func(s *scene, id string) { s.then("12:00:30", id, s.done("12:00:30", ptr(0), 0)) }
	return []truthCase{
		{"everything of a finished session is counted", func(s *scene) {
			s.add("a", "12:00:00", func(r *Row) { r.ScriptSize = 70 })
			s.then("12:00:30", "a", all(s.done("12:00:30", ptr(0), 0), reports(
				`{"data_masking":{"info_types":{"A":3,"B":1},"transformed_bytes":40,"err_count":2},"truncated":true}`,
				`[{"rule_name":"r","direction":"input"},{"rule_name":"r","direction":"input"},{"rule_name":"r","direction":"output"}]`,
				`{"risk_level":"high","action":"block_execution"}`)))
		}, finished + `
			session_redactions_total{info_type=A} 3
			session_redactions_total{info_type=B} 1
			session_redacted_bytes_total 40
			session_redaction_errors_total 2
			session_recordings_truncated_total 1
			session_guardrail_matches_total{direction=input,rule=r} 2
			session_guardrail_matches_total{direction=output,rule=r} 1
			session_ai_analyses_total{action=block_execution,risk_level=high} 1
			session_input_size_bytes_count 1
			session_input_size_bytes_sum 70
			session_input_size_bytes_bucket{le=100} 1
			session_input_size_bytes_bucket{le=+Inf} 1`},
		{"nothing of a running session is counted", func(s *scene) {
			s.add("a", "12:00:00", all(func(r *Row) { r.ScriptSize = 70 }, reports(`{"data_masking":{"info_types":{"A":3}}}`,
				`[{"rule_name":"r","direction":"input"}]`, `{"risk_level":"low","action":"allow_execution"}`)))
		}, `
			sessions_started_total{identity=user,verb=exec} 1
			open_sessions{state=running} 1
			running_session_users 1
			oldest_running_session_start_timestamp_seconds 1795435200`},
		{"metrics that grow count once, with their value at the end", func(s *scene) {
			s.add("a", "12:00:00", reports(`{"data_masking":{"info_types":{"A":1}}}`, ``, ``))
			s.read("12:00:10")
			s.then("12:00:20", "a", reports(`{"data_masking":{"info_types":{"A":2}}}`, ``, ``))
			s.then("12:00:30", "a", all(s.done("12:00:30", ptr(0), 0), reports(`{"data_masking":{"info_types":{"A":3}}}`, ``, ``)))
			s.then("12:10:00", "a", reports(`{"data_masking":{"info_types":{"A":9}}}`, ``, ``))
		}, finished + `session_redactions_total{info_type=A} 3`},
		{"before T0: nothing", func(s *scene) {
			s.add("a", "11:00:00", all(s.done("11:00:30", ptr(0), 0), reports(`{"data_masking":{"info_types":{"A":3}},"truncated":true}`, ``, ``)))
		}, ``},
		{"impossible values are not counted", func(s *scene) {
			s.add("a", "12:00:00", func(r *Row) { r.ScriptSize = -3 })
			s.then("12:00:30", "a", all(s.done("12:00:30", ptr(0), 0), reports(
				`{"data_masking":{"info_types":{"A":-3,"B":1},"transformed_bytes":-1,"err_count":-1}}`, ``, ``)))
		}, finished + `
			session_redactions_total{info_type=B} 1
			unobserved session_input_size_bytes 1
			unobserved session_redacted_bytes_total 1
			unobserved session_redaction_errors_total 1
			unobserved session_redactions_total 1`},
		{"an input of unknown size, and one of a session that is not exec", func(s *scene) {
			s.add("a", "12:00:00", func(r *Row) { r.ScriptSize = -2 })
			ends(s, "a")
			s.add("b", "11:30:00", verb("connect", func(r *Row) { r.ScriptSize = 70 }, s.done("11:30:01", ptr(0), 0)))
		}, finished},
		{"metrics of another form, without masking", func(s *scene) {
			s.add("a", "12:00:00", reports(`{"bitmaps":7,"data_masking":null,"truncated":true}`, `{}`, `[]`))
			ends(s, "a")
		}, finished + `session_recordings_truncated_total 1`},
		{"machines", func(s *scene) {
			s.add("a", "12:00:00", func(r *Row) { r.IdentityType = "machine" })
			s.add("b", "12:00:00", func(r *Row) { r.IdentityType = "robot" })
		}, `
			sessions_started_total{identity=machine,verb=exec} 1
			sessions_started_total{identity=unknown,verb=exec} 1
			open_sessions{state=running} 2
			running_session_users 1
			oldest_running_session_start_timestamp_seconds 1795435200`},
		{"each group decides for itself", func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre", "dba", "security"))
			s.then("12:01:00", "a", s.decides("12:01:00", 1, approved, pending, "open"))
		}, requested + `
			review_decisions_total{forced=false,group=dba,status=APPROVED} 1
			review_group_wait_seconds_count{group=dba} 1
			review_group_wait_seconds_sum{group=dba} 60
			review_group_wait_seconds_bucket{group=dba,le=90} 1
			review_group_wait_seconds_bucket{group=dba,le=+Inf} 1
			pending_approvals{group=sre} 1
			pending_approvals{group=security} 1
			oldest_pending_approval_created_timestamp_seconds{group=sre} 1795435200
			oldest_pending_approval_created_timestamp_seconds{group=security} 1795435200`},
		{"a group that occurs twice decides once, and one that decided without a date waited for nothing", func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre", "sre"))
			s.then("12:01:00", "a", func(r *Row) { r.Review.Groups[0].Status, r.Review.Groups[1].Status = rejected, approved })
		}, requested + `review_decisions_total{forced=false,group=sre,status=REJECTED} 1`},
		{"requested before T0: a decision since counts, one before does not", func(s *scene) {
			s.add("a", "11:58:00", requests(oneTime, 0, "sre", "dba"))
			s.then("11:59:00", "a", s.decides("11:59:00", 0, approved, pending, "open"))
			s.then("12:00:00", "a", s.decides("12:00:00", 1, approved, pending, "open"))
		}, `
			open_sessions{state=pending} 1
			open_reviews{review_type=onetime,status=PENDING} 1
			oldest_pending_review_created_timestamp_seconds 1795435080
			review_decisions_total{forced=false,group=dba,status=APPROVED} 1
			review_group_wait_seconds_count{group=dba} 1
			review_group_wait_seconds_sum{group=dba} 120
			review_group_wait_seconds_bucket{group=dba,le=+Inf} 1`},
		{"decided before T0, but delivered undecided since", func(s *scene) {
			s.add("a", "11:58:00", requests(oneTime, 0, "sre", "dba"))
			s.read("12:00:00")
			s.then("12:00:01", "a", s.decides("11:57:00", 0, approved, pending, "open"))
		}, `
			open_sessions{state=pending} 1
			open_reviews{review_type=onetime,status=PENDING} 1
			oldest_pending_review_created_timestamp_seconds 1795435080
			pending_approvals{group=dba} 1
			oldest_pending_approval_created_timestamp_seconds{group=dba} 1795435080
			review_decisions_total{forced=false,group=sre,status=APPROVED} 1
			unobserved review_group_wait_seconds 1`},
		{"before the lookback, decided by a group while it was known, delivered as pending after it was forgotten: stays counted", func(s *scene) {
			s.add("a", "09:00:00", requests(oneTime, 0, "sre", "dba"))
			s.read("12:00:00")
			s.then("12:01:00", "a", s.decides("12:01:00", 0, approved, pending, "open"))
			s.c.t = s.time("09:00:00").Add(24*time.Hour + time.Second)
			list(s.t, s.g, "limit", "100")
		}, `
			review_decisions_total{forced=false,group=sre,status=APPROVED} 1
			review_group_wait_seconds_count{group=sre} 1
			review_group_wait_seconds_sum{group=sre} 10860
			review_group_wait_seconds_bucket{group=sre,le=+Inf} 1`},
		{"by force, for a time: what is granted", func(s *scene) {
			s.add("a", "12:00:00", requests(jit, time.Hour, "sre", "dba"))
			s.then("12:01:00", "a", func(r *Row) {
				s.decides("12:01:00", 1, approved, approved, "ready")(r)
				r.Review.Groups[1].ForcedReview = true
			})
		}, `
			sessions_started_total{identity=user,verb=exec} 1
			reviews_requested_total{review_type=jit} 1
			open_sessions{state=ready} 1
			open_reviews{review_type=jit,status=APPROVED} 1
			review_wait_seconds_count 1
			review_wait_seconds_sum 60
			review_wait_seconds_bucket{le=90} 1
			review_wait_seconds_bucket{le=+Inf} 1
			review_decisions_total{forced=true,group=dba,status=APPROVED} 1
			review_group_wait_seconds_count{group=dba} 1
			review_group_wait_seconds_sum{group=dba} 60
			review_group_wait_seconds_bucket{group=dba,le=90} 1
			review_group_wait_seconds_bucket{group=dba,le=+Inf} 1
			review_access_duration_seconds_count 1
			review_access_duration_seconds_sum 3600
			review_access_duration_seconds_bucket{le=3600} 1
			review_access_duration_seconds_bucket{le=+Inf} 1`},
		{"a rejected review grants nothing", func(s *scene) {
			s.add("a", "12:00:00", requests("other", time.Hour, "sre"))
			s.add("b", "12:00:00", requests(jit, time.Hour, "sre"))
			for _, id := range []string{"a", "b"} {
				s.then("12:01:00", id, s.decides("12:01:00", 0, rejected, rejected, "done"))
			}
		}, `
			sessions_started_total{identity=user,verb=exec} 2
			sessions_finished_total{outcome=rejected} 2
			reviews_requested_total{review_type=unknown} 1
			reviews_requested_total{review_type=jit} 1
			reviews_resolved_total{review_type=unknown,status=REJECTED} 1
			reviews_resolved_total{review_type=jit,status=REJECTED} 1
			review_wait_seconds_count 2
			review_wait_seconds_sum 120
			review_wait_seconds_bucket{le=90} 2
			review_wait_seconds_bucket{le=+Inf} 2
			review_decisions_total{forced=false,group=sre,status=REJECTED} 2
			review_group_wait_seconds_count{group=sre} 2
			review_group_wait_seconds_sum{group=sre} 120
			review_group_wait_seconds_bucket{group=sre,le=90} 2
			review_group_wait_seconds_bucket{group=sre,le=+Inf} 2`},
	}
}

func newProtectionScene(t *testing.T) *scene {
	s := newScene(t, New2026)
	s.o.Everything = true
	s.o.InputSizeBuckets, s.o.GroupWaitBuckets, s.o.AccessBuckets = []float64{100}, []float64{90}, []float64{3600}
	return s
}

func TestTheTruthOfTheProtectionOfData(t *testing.T) {
	for _, test := range protectionCases() {
		t.Run(test.name, func(t *testing.T) {
			s := newProtectionScene(t)
			test.play(s)
			if got, want := s.series(), unindent(test.want); got != want {
				t.Errorf("got\n%s\n\nwant\n%s", got, want)
			}
		})
	}
}

// TestTheFirstDeliveredDecisionOfAGroupCounts tests that a decision that changes counts as it was delivered first.
func TestTheFirstDeliveredDecisionOfAGroupCounts(t *testing.T) {
	for _, test := range []struct {
		delivers        bool
		status          string
		waits, reworded int
	}{{true, approved, 1, 1}, {false, revoked, 0, 0}} {
		s := newProtectionScene(t)
		s.add("a", "12:00:00", requests(jit, time.Hour, "sre"))
		s.then("12:01:00", "a", s.decides("12:01:00", 0, approved, approved, "open"))
		if test.delivers {
			s.read("12:02:00")
		}
		s.then("12:03:00", "a", s.decides("12:03:00", 0, revoked, revoked, "done"))
		s.read("12:04:00")
		truth := s.g.Truth(s.o)
		series := fmt.Sprintf(`hoop_review_decisions_total{connection="pg",forced="false",group="sre",status=%q,type="database"}`, test.status)
		waits := truth.Samples[`hoop_review_group_wait_seconds_count{group="sre"}`]
		if truth.Samples[series] != 1 || waits != float64(test.waits) || truth.Reworded != test.reworded {
			t.Errorf("delivered %v: %v, %v waits, %d reworded", test.delivers, truth.Samples[series], waits, truth.Reworded)
		}
	}
}

// TestTheWordsOfTheFirstAnswerCount tests what counts if the gateway is replaced by one of the other version: what it said first.
func TestTheWordsOfTheFirstAnswerCount(t *testing.T) {
	for first, want := range map[Dialect]string{Old: "unknown 0", New2026: "machine 1"} {
		s := newProtectionScene(t)
		s.g.Replace(first)
		s.add("a", "12:00:00", all(func(r *Row) { r.IdentityType = "machine" }, reports(``, `[{"rule_name":"r","direction":"input"}]`, ``)))
		s.then("12:01:00", "a", s.done("12:01:00", ptr(0), 0))
		s.read("12:02:00")
		s.g.Replace(Old + New2026 - first)
		s.read("12:03:00")
		truth := s.g.Truth(s.o)
		got := ""
		for _, identity := range identities() {
			if truth.Samples[`hoop_sessions_started_total{connection="pg",identity="`+identity+`",type="database",verb="exec"}`] == 1 {
				got += identity
			}
		}
		got += fmt.Sprint(" ", truth.Samples[`hoop_session_guardrail_matches_total{connection="pg",direction="input",rule="r",type="database"}`])
		if got != want || truth.Reworded != 1 {
			t.Errorf("first %v: %s, want %s; %d reworded", first, got, want, truth.Reworded)
		}
	}
}

// TestZerosOfEverything lists the additional series of a connection with nothing to count.
func TestZerosOfEverything(t *testing.T) {
	s := newProtectionScene(t)
	s.add("a", "11:00:00", s.done("11:00:01", ptr(0), 1))
	s.at("12:00:00")
	s.o.Everything = false
	before := s.g.Truth(s.o).Samples
	s.o.Everything = true
	counts := map[string]int{}
	for k, v := range s.g.Truth(s.o).Samples {
		if _, ok := before[k]; ok {
			continue
		}
		name, _, _ := strings.Cut(k, "{")
		counts[name]++
		if v != 0 {
			t.Errorf("%s is %v", k, v)
		}
	}
	want := map[string]int{
		"hoop_sessions_started_total": 2 * 3, "hoop_reviews_requested_total": 3, "hoop_reviews_resolved_total": 7 * 3, "hoop_open_reviews": 3,
		metricRedactedBytes: 1, metricRedactionErrors: 1, "hoop_session_recordings_truncated_total": 1,
	}
	if !maps.Equal(counts, want) {
		t.Errorf("got %v, want %v", counts, want)
	}
}

// TestEverythingAddsOnly tests that the switch changes nothing but what it adds: without its labels, the other series have the same values.
func TestEverythingAddsOnly(t *testing.T) {
	each(t, func(t *testing.T, d Dialect) {
		g, c := newLife(d, 6, DefaultLife())
		o := TruthOptions{T0: c.t, Lookback: time.Hour, AllowedLateness: 15 * time.Minute}
		c.sleep(6 * time.Hour)
		without := g.Truth(o)
		o.Everything = true
		with := g.Truth(o)
		sums := map[string]float64{}
		for k, v := range with.Samples {
			name, labels, ok := strings.Cut(strings.TrimSuffix(k, "}"), "{")
			if ok {
				kept := slices.DeleteFunc(strings.Split(labels, ","), func(l string) bool {
					return strings.HasPrefix(l, "identity=") || strings.HasPrefix(l, "review_type=")
				})
				name += "{" + strings.Join(kept, ",") + "}"
			}
			sums[name] += v
		}
		for k, v := range without.Samples {
			if sums[k] != v {
				t.Errorf("%s is %v, want %v", k, sums[k], v)
			}
		}
		if with.Rewritten != without.Rewritten || with.Reworded < 0 || without.Reworded != 0 {
			t.Errorf("%d and %d rewritten, %d and %d reworded", with.Rewritten, without.Rewritten, with.Reworded, without.Reworded)
		}
	})
}
