package gatewaytest

import "time"

type truthCase struct {
	name string
	play func(*scene)
	want string
}

func truthCases() []truthCase {
	var all []truthCase
	for _, more := range [][]truthCase{sessionCases(), outcomeCases(), reviewCases(), decisionCases(), finalCases(), scopeCases()} {
		all = append(all, more...)
	}
	return all
}

// sessionCases are about what counts as started and finished since T0, and about what runs.
func sessionCases() []truthCase {
	return []truthCase{
		{"finished before T0: nothing", func(s *scene) {
			s.add("a", "11:00:00", s.done("11:00:30", ptr(0), 500))
			s.read("12:00:00")
		}, ``},
		{"started and finished since T0", func(s *scene) {
			s.add("a", "12:00:00", plain)
			s.then("12:00:30", "a", s.done("12:00:30.25", ptr(0), 500))
		}, `
			sessions_started_total{verb=exec} 1
			sessions_finished_total{outcome=success} 1
			session_exit_codes_total{exit_code=0} 1
			session_event_size_bytes_count 1
			session_event_size_bytes_sum 500
			session_event_size_bytes_bucket{le=1000} 1
			session_event_size_bytes_bucket{le=+Inf} 1
			session_duration_seconds_count 1
			session_duration_seconds_sum 30.25
			session_duration_seconds_bucket{le=60} 1
			session_duration_seconds_bucket{le=+Inf} 1`},
		{"started before T0, ended since: finished, not started", func(s *scene) {
			s.add("a", "11:59:00", s.done("12:00:00", ptr(0), 0))
		}, `
			sessions_finished_total{outcome=success} 1
			session_exit_codes_total{exit_code=0} 1
			session_duration_seconds_count 1
			session_duration_seconds_sum 60
			session_duration_seconds_bucket{le=60} 1
			session_duration_seconds_bucket{le=+Inf} 1`},
		{"delivered unfinished since T0, ended without a date: finished", func(s *scene) {
			s.add("a", "11:59:00", plain)
			s.read("12:00:00")
			s.then("12:01:00", "a", s.done("", nil, 0))
		}, `
			sessions_finished_total{outcome=unknown} 1
			session_exit_codes_total{exit_code=none} 1`},
		{"the same, not delivered: not counted", func(s *scene) {
			s.add("a", "11:59:00", plain)
			s.then("12:01:00", "a", s.done("", nil, 0))
		}, ``},
		{"running: state, oldest, users, long running", func(s *scene) {
			s.add("a", "11:00:00", func(r *Row) { r.UserID = "one" })
			s.add("b", "11:10:00", verb("connect", func(r *Row) { r.UserID = "one" }))
			s.add("c", "11:20:00", func(r *Row) { r.UserID = "two" })
			s.at("12:15:00")
		}, `
			open_sessions{state=running} 3
			running_session_users 2
			oldest_running_session_start_timestamp_seconds 1795431600
			long_running_sessions{threshold=1h} 2`},
		{"longer than the threshold, not as long", func(s *scene) {
			s.add("a", "11:00:00", plain)
			s.at("12:00:00")
		}, `
			open_sessions{state=running} 1
			running_session_users 1
			oldest_running_session_start_timestamp_seconds 1795431600`},
		{"an unknown status", func(s *scene) {
			s.add("a", "11:00:00", func(r *Row) { r.Status = "paused" })
		}, `open_sessions{state=unknown} 1`},
		{"done twice: the first end counts", func(s *scene) {
			s.add("a", "12:00:00", plain)
			s.then("12:01:00", "a", s.done("12:01:00", ptr(0), 700))
			s.then("12:02:00", "a", s.done("12:02:00", ptr(254), 1700))
			s.then("12:03:00", "a", s.done("12:03:00", ptr(1), 2700))
		}, `
			sessions_started_total{verb=exec} 1
			sessions_finished_total{outcome=success} 1
			session_exit_codes_total{exit_code=0} 1
			session_event_size_bytes_count 1
			session_event_size_bytes_sum 700
			session_event_size_bytes_bucket{le=1000} 1
			session_event_size_bytes_bucket{le=+Inf} 1
			session_duration_seconds_count 1
			session_duration_seconds_sum 60
			session_duration_seconds_bucket{le=60} 1
			session_duration_seconds_bucket{le=+Inf} 1
			rewritten 1`},
		{"done twice with the same code: the duration is that of the first end", func(s *scene) {
			s.add("a", "12:00:00", plain)
			s.then("12:01:00", "a", s.done("12:01:00", ptr(0), 0))
			s.then("12:02:00", "a", s.done("12:02:00", ptr(0), 0))
		}, `
			sessions_started_total{verb=exec} 1
			sessions_finished_total{outcome=success} 1
			session_exit_codes_total{exit_code=0} 1
			session_duration_seconds_count 1
			session_duration_seconds_sum 60
			session_duration_seconds_bucket{le=60} 1
			session_duration_seconds_bucket{le=+Inf} 1
			rewritten 1`},
		{"impossible values are not observed", func(s *scene) {
			s.add("a", "12:00:02", s.done("12:00:01", ptr(0), -5))
			s.add("b", "12:00:02", s.done("12:00:02", ptr(0), 0))
		}, `
			sessions_started_total{verb=exec} 2
			sessions_finished_total{outcome=success} 2
			session_exit_codes_total{exit_code=0} 2
			session_duration_seconds_count 1
			session_duration_seconds_bucket{le=60} 1
			session_duration_seconds_bucket{le=+Inf} 1
			unobserved session_duration_seconds 1
			unobserved session_event_size_bytes 1`},
	}
}

// outcomeCases are about the meaning of exit codes. All sessions started before T0 and were delivered as running after it, so only their
// end counts.
func outcomeCases() []truthCase {
	end := func(name, how string, code *int, want string) truthCase {
		return truthCase{name, func(s *scene) {
			s.add("a", "11:59:00", verb(how, requests(jit, 0, "sre"), becomes(unknown, "open")))
			s.read("12:00:00")
			s.then("12:01:00", "a", s.done("", code, 0))
		}, want + "\nreviews_resolved_total{status=UNKNOWN} 1"}
	}
	line := func(outcome, code string) string {
		return "sessions_finished_total{outcome=" + outcome + "} 1\nsession_exit_codes_total{exit_code=" + code + "} 1"
	}
	return []truthCase{
		end("connect ends with 0", "connect", ptr(0), line("success", "0")),
		end("connect ends with 254", "connect", ptr(254), line("disconnected", "254")),
		end("exec ends with 254", "exec", ptr(254), line("aborted", "254")),
		end("a new verb ends with 254", "play", ptr(254), line("aborted", "254")),
		end("exec ends with 255", "exec", ptr(255), line("failure", "255")),
		end("connect ends with 1", "connect", ptr(1), line("failure", "1")),
		end("no code", "exec", nil, line("unknown", "none")),
		end("beyond a process's codes", "exec", ptr(256), line("failure", "other")),
		end("below them", "exec", ptr(-1), line("failure", "other")),
	}
}

// reviewCases are about open reviews.
func reviewCases() []truthCase {
	return []truthCase{
		{"pending: groups that have not decided, and since when", func(s *scene) {
			s.add("a", "12:00:00.123456", requests(oneTime, 0, "sre", "dba"))
			s.add("b", "12:10:00", requests(jit, time.Hour, "sre"))
			s.then("12:11:00", "a", s.decides("12:11:00", 1, approved, pending, "open"))
			s.at("12:15:00.123")
		}, `
			sessions_started_total{verb=exec} 2
			reviews_requested_total 2
			open_sessions{state=pending} 2
			open_reviews{status=PENDING} 2
			overdue_reviews{threshold=5m} 2
			oldest_pending_review_created_timestamp_seconds 1795435200.123
			pending_approvals{group=sre} 2
			oldest_pending_approval_created_timestamp_seconds{group=sre} 1795435200.123`},
		{"overdue: longer than the threshold, not as long", func(s *scene) {
			s.add("a", "11:40:00", requests(oneTime, 0, "sre"))
			s.add("b", "11:55:00", requests(oneTime, 0, "dba"))
			s.at("12:00:00")
		}, `
			open_sessions{state=pending} 2
			open_reviews{status=PENDING} 2
			overdue_reviews{threshold=5m} 1
			oldest_pending_review_created_timestamp_seconds 1795434000
			pending_approvals{group=sre} 1
			pending_approvals{group=dba} 1
			oldest_pending_approval_created_timestamp_seconds{group=sre} 1795434000
			oldest_pending_approval_created_timestamp_seconds{group=dba} 1795434900`},
		{"given up by its client: still pending, not finished", func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre"))
			s.then("12:01:00", "a", s.done("12:01:00", ptr(254), 0))
			s.at("12:02:00")
		}, `
			sessions_started_total{verb=exec} 1
			reviews_requested_total 1
			open_sessions{state=pending} 1
			open_reviews{status=PENDING} 1
			oldest_pending_review_created_timestamp_seconds 1795435200
			pending_approvals{group=sre} 1
			oldest_pending_approval_created_timestamp_seconds{group=sre} 1795435200`},
		{"given up, approved later: ready again, with its old end", func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre"))
			s.then("12:01:00", "a", s.done("12:01:00", ptr(254), 0))
			s.then("12:02:00", "a", s.decides("12:02:00", 0, approved, approved, "ready"))
		}, `
			sessions_started_total{verb=exec} 1
			reviews_requested_total 1
			open_sessions{state=ready} 1
			open_reviews{status=APPROVED} 1
			oldest_ready_session_approved_timestamp_seconds 1795435320
			review_wait_seconds_count 1
			review_wait_seconds_sum 120
			review_wait_seconds_bucket{le=+Inf} 1`},
		{"given up, approved later, run: counted once, with the new end", func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre"))
			s.then("12:01:00", "a", s.done("12:01:00", ptr(254), 0))
			s.then("12:02:00", "a", s.decides("12:02:00", 0, approved, approved, "ready"))
			s.then("12:03:00", "a", becomes(processing, "open"))
			s.then("12:04:00", "a", s.done("12:04:00", ptr(0), 10))
			s.then("12:04:02", "a", becomes(executed, "done"))
		}, `
			sessions_started_total{verb=exec} 1
			sessions_finished_total{outcome=success} 1
			session_exit_codes_total{exit_code=0} 1
			session_event_size_bytes_count 1
			session_event_size_bytes_sum 10
			session_event_size_bytes_bucket{le=1000} 1
			session_event_size_bytes_bucket{le=+Inf} 1
			reviews_requested_total 1
			reviews_resolved_total{status=EXECUTED} 1
			review_wait_seconds_count 1
			review_wait_seconds_sum 120
			review_wait_seconds_bucket{le=+Inf} 1`},
		{"running since its approval, where that is later", func(s *scene) {
			s.add("a", "11:00:00", requests(oneTime, 0, "sre"))
			s.then("11:30:00", "a", s.decides("11:30:00", 0, approved, approved, "ready"))
			s.then("11:31:00", "a", becomes(processing, "ready"))
			s.at("12:15:00")
		}, `
			open_sessions{state=running} 1
			open_reviews{status=PROCESSING} 1
			running_session_users 1
			oldest_running_session_start_timestamp_seconds 1795433400`},
		{"ready: the one-time session approved first; jit does not wait to be run", func(s *scene) {
			s.add("c", "11:40:00", requests(jit, time.Hour, "sre"))
			s.then("11:41:00", "c", s.decides("11:41:00", 0, approved, approved, "ready"))
			s.add("a", "11:50:00", requests(oneTime, 0, "sre"))
			s.then("11:52:00", "a", s.decides("11:52:00", 0, approved, approved, "ready"))
			s.add("b", "11:40:00", requests(oneTime, 0, "sre"))
			s.then("11:55:00", "b", s.decides("11:55:00", 0, approved, approved, "ready"))
			s.at("12:00:00")
		}, `
			open_sessions{state=ready} 3
			open_reviews{status=APPROVED} 3
			oldest_ready_session_approved_timestamp_seconds 1795434720`},
		{"an unknown review status is exposed unchanged", func(s *scene) {
			s.add("a", "11:50:00", requests(oneTime, 0, "sre"))
			s.then("11:55:00", "a", becomes("ESCALATED", "ready"))
			s.at("12:00:00")
		}, `
			open_sessions{state=unknown} 1
			open_reviews{status=ESCALATED} 1`},
		{"a review expires over PENDING and over APPROVED: finished", func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre"))
			s.add("b", "12:00:00", requests(jit, time.Hour, "sre"))
			s.then("12:01:00", "b", s.decides("12:01:00", 0, approved, approved, "ready"))
			s.then("12:02:00", "a", becomes(expired, "open"))
			s.then("12:02:00", "b", becomes(expired, "ready"))
		}, `
			sessions_started_total{verb=exec} 2
			sessions_finished_total{outcome=expired} 2
			session_exit_codes_total{exit_code=none} 2
			reviews_requested_total 2
			reviews_resolved_total{status=EXPIRED} 2
			review_wait_seconds_count 1
			review_wait_seconds_sum 60
			review_wait_seconds_bucket{le=90} 1
			review_wait_seconds_bucket{le=+Inf} 1`},
	}
}

// scopeCases are about which sessions an exporter can know.
func scopeCases() []truthCase {
	ran := func(s *scene) func(*Row) { return s.done("12:00:10", nil, 0) }
	return []truthCase{
		{"before the lookback: not read", func(s *scene) {
			s.add("a", "09:59:59", plain)
			s.read("12:00:00")
			s.then("12:00:10", "a", ran(s))
		}, ``},
		{"at its start: read", func(s *scene) {
			s.add("a", "10:00:00", verb("exec", requests(jit, 0, "sre"), becomes(unknown, "open")))
			s.read("12:00:00")
		}, `
			open_sessions{state=running} 1
			open_reviews{status=UNKNOWN} 1
			running_session_users 1
			oldest_running_session_start_timestamp_seconds 1795428000
			long_running_sessions{threshold=1h} 1`},
		{"before the lookback, pending, delivered: known", func(s *scene) {
			s.add("a", "09:00:00", requests(oneTime, 0, "sre"))
			s.read("12:00:00")
		}, `
			open_sessions{state=pending} 1
			open_reviews{status=PENDING} 1
			overdue_reviews{threshold=5m} 1
			overdue_reviews{threshold=20m} 1
			oldest_pending_review_created_timestamp_seconds 1795424400
			pending_approvals{group=sre} 1
			oldest_pending_approval_created_timestamp_seconds{group=sre} 1795424400`},
		{"before the lookback, pending, not delivered: not known", func(s *scene) {
			s.add("a", "09:00:00", requests(oneTime, 0, "sre"))
		}, ``},
		{"before the lookback, pending, delivered, then rejected", func(s *scene) {
			s.add("a", "09:00:00", requests(oneTime, 0, "sre"))
			s.read("12:00:00")
			s.then("12:00:10", "a", s.decides("12:00:10", 0, rejected, rejected, "done"))
		}, `
			sessions_finished_total{outcome=rejected} 1
			reviews_resolved_total{status=REJECTED} 1
			review_wait_seconds_count 1
			review_wait_seconds_sum 10810
			review_wait_seconds_bucket{le=+Inf} 1`},
		{"as late as the allowed lateness: counts", func(s *scene) {
			s.add("a", "12:00:00", func(r *Row) { r.VisibleAt = s.time("12:15:00"); ran(s)(r) })
			s.at("12:30:00")
		}, `
			sessions_started_total{verb=exec} 1
			sessions_finished_total{outcome=unknown} 1
			session_exit_codes_total{exit_code=none} 1
			session_duration_seconds_count 1
			session_duration_seconds_sum 10
			session_duration_seconds_bucket{le=60} 1
			session_duration_seconds_bucket{le=+Inf} 1`},
		{"later than the allowed lateness: does not count", func(s *scene) {
			s.add("a", "12:00:00", func(r *Row) { r.VisibleAt = s.time("12:15:00.1"); ran(s)(r) })
			s.at("12:30:00")
		}, ``},
		{"not visible yet", func(s *scene) {
			s.add("a", "12:00:00", func(r *Row) { r.VisibleAt = s.time("12:15:00") })
			s.at("12:14:59")
		}, ``},
		{"later than the allowed lateness, delivered unfinished: gauges only", func(s *scene) {
			s.add("a", "12:00:00", func(r *Row) { r.VisibleAt = s.time("12:16:00") })
			s.read("12:30:00")
		}, `
			open_sessions{state=running} 1
			running_session_users 1
			oldest_running_session_start_timestamp_seconds 1795435200`},
		{"the same, finished: still no counter", func(s *scene) {
			s.add("a", "12:00:00", func(r *Row) { r.VisibleAt = s.time("12:16:00") })
			s.read("12:30:00")
			s.then("12:31:00", "a", s.done("12:31:00", ptr(0), 5))
		}, ``},
		{"later than the allowed lateness, but before T0: read by the backfill", func(s *scene) {
			s.add("a", "11:00:00", func(r *Row) { r.VisibleAt = s.time("11:30:00") })
			s.at("12:00:00")
		}, `
			open_sessions{state=running} 1
			running_session_users 1
			oldest_running_session_start_timestamp_seconds 1795431600`},
		{"too old: forgotten in gauges and in later counters", func(s *scene) {
			s.add("a", "11:00:00", plain)
			s.add("b", "11:00:00", requests(oneTime, 0, "sre"))
			s.read("12:00:00")
			s.c.t = s.time("11:00:00").Add(24*time.Hour + time.Second)
			s.g.Update("a", func(r *Row) { r.Status, r.ExitCode = "done", ptr(0) })
		}, ``},
		{"as old as that: not yet", func(s *scene) {
			s.o.LongRunning = nil
			s.add("a", "11:00:00", plain)
			s.read("12:00:00")
			s.c.t = s.time("11:00:00").Add(24 * time.Hour)
		}, `
			open_sessions{state=running} 1
			running_session_users 1
			oldest_running_session_start_timestamp_seconds 1795431600`},
		{"finished in time, and old by now: stays counted", func(s *scene) {
			s.add("a", "11:00:00", plain)
			s.read("12:00:00")
			s.then("12:00:10", "a", func(r *Row) { r.Status, r.ExitCode = "done", ptr(0) })
			s.c.sleep(48 * time.Hour)
		}, `
			sessions_finished_total{outcome=success} 1
			session_exit_codes_total{exit_code=0} 1`},
	}
}
