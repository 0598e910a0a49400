package gatewaytest

import "time"

// decisionCases are about how long reviews waited.
func decisionCases() []truthCase {
	wait := func(name string, want string, play func(*scene)) truthCase { return truthCase{name, play, want} }
	const requested = `
		sessions_started_total{verb=exec} 1
		reviews_requested_total 1
		open_sessions{state=ready} 1
		open_reviews{status=APPROVED} 1
		`
	return []truthCase{
		wait("revoke_at minus access_duration, whatever the groups say", requested+`
			review_wait_seconds_count 1
			review_wait_seconds_sum 60
			review_wait_seconds_bucket{le=90} 1
			review_wait_seconds_bucket{le=+Inf} 1`, func(s *scene) {
			s.add("a", "12:00:00", requests(jit, time.Hour, "sre"))
			s.then("12:01:00", "a", func(r *Row) {
				s.decides("12:00:30", 0, approved, approved, "ready")(r)
				r.Review.RevokeAt = s.time("13:01:00")
			})
		}),
		wait("without revoke_at, the latest approval", requested+`
			oldest_ready_session_approved_timestamp_seconds 1795435320
			review_wait_seconds_count 1
			review_wait_seconds_sum 120
			review_wait_seconds_bucket{le=+Inf} 1`, func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre", "dba", "security"))
			s.then("12:01:00", "a", s.decides("12:01:00", 0, approved, pending, "open"))
			s.then("12:02:00", "a", func(r *Row) {
				s.decides("12:02:00", 1, approved, approved, "ready")(r)
				r.Review.RevokeAt = time.Time{}
			})
		}),
		wait("a group can stay PENDING on an approved review", requested+`
			oldest_ready_session_approved_timestamp_seconds 1795435260
			review_wait_seconds_count 1
			review_wait_seconds_sum 60
			review_wait_seconds_bucket{le=90} 1
			review_wait_seconds_bucket{le=+Inf} 1`, func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre", "dba"))
			s.then("12:01:00", "a", s.decides("12:01:00", 0, approved, approved, "ready"))
		}),
		wait("decided, but without a time: not yet observed", requested, func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre"))
			s.then("12:01:00", "a", becomes(approved, "ready"))
		}),
		wait("pending without the time of the request: neither the oldest nor overdue", `
			sessions_started_total{verb=exec} 1
			open_sessions{state=pending} 1
			open_reviews{status=PENDING} 1
			pending_approvals{group=sre} 1`, func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre"))
			s.then("12:00:00", "a", func(r *Row) { r.Review.CreatedAt = time.Time{} })
			s.at("12:30:00")
		}),
		wait("decided before it was requested: not observed", requested+`
			oldest_ready_session_approved_timestamp_seconds 1795435199
			unobserved review_wait_seconds 1`, func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre"))
			s.then("12:01:00", "a", s.decides("11:59:59", 0, approved, approved, "ready"))
		}),
		wait("rejected: the earliest rejection", `
			sessions_started_total{verb=exec} 1
			sessions_finished_total{outcome=rejected} 1
			reviews_requested_total 1
			reviews_resolved_total{status=REJECTED} 1
			review_wait_seconds_count 1
			review_wait_seconds_sum 61.5
			review_wait_seconds_bucket{le=90} 1
			review_wait_seconds_bucket{le=+Inf} 1`, func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre", "dba", "security"))
			s.then("12:03:00", "a", func(r *Row) {
				s.decides("12:00:30", 0, approved, pending, "open")(r)
				s.decides("12:02:00", 1, rejected, rejected, "done")(r)
				s.decides("12:01:01.5", 2, rejected, rejected, "done")(r)
				r.EventSize = 700 // ignored for a rejected session
			})
		}),
		wait("approved, then rejected: the first decision is observed, the last status counts", `
			sessions_started_total{verb=exec} 1
			sessions_finished_total{outcome=rejected} 1
			reviews_requested_total 1
			reviews_resolved_total{status=REJECTED} 1
			review_wait_seconds_count 1
			review_wait_seconds_sum 60
			review_wait_seconds_bucket{le=90} 1
			review_wait_seconds_bucket{le=+Inf} 1
			rewritten 1`, func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre"))
			s.then("12:01:00", "a", s.decides("12:01:00", 0, approved, approved, "ready"))
			s.then("12:05:00", "a", s.decides("12:05:00", 0, rejected, rejected, "done"))
		}),
		wait("requested before T0, decided since", `
			open_sessions{state=ready} 1
			open_reviews{status=APPROVED} 1
			oldest_ready_session_approved_timestamp_seconds 1795435200
			review_wait_seconds_count 1
			review_wait_seconds_sum 600
			review_wait_seconds_bucket{le=+Inf} 1`, func(s *scene) {
			s.add("a", "11:50:00", requests(oneTime, 0, "sre"))
			s.then("12:00:00", "a", s.decides("12:00:00", 0, approved, approved, "ready"))
		}),
		wait("decided before T0, but delivered undecided since", `
			open_sessions{state=ready} 1
			open_reviews{status=APPROVED} 1
			oldest_ready_session_approved_timestamp_seconds 1795435190
			review_wait_seconds_count 1
			review_wait_seconds_sum 590
			review_wait_seconds_bucket{le=+Inf} 1`, func(s *scene) {
			s.add("a", "11:50:00", requests(oneTime, 0, "sre"))
			s.read("12:00:00")
			s.then("12:00:01", "a", s.decides("11:59:50", 0, approved, approved, "ready"))
		}),
	}
}

// finalCases are about when a review reaches its final state, and with which status.
func finalCases() []truthCase {
	// run plays a one-time review that was requested and approved before T0 and whose session ended 10 s after noon.
	run := func(s *scene) {
		s.add("a", "11:50:00", requests(oneTime, 0, "sre"))
		s.then("11:51:00", "a", s.decides("11:51:00", 0, approved, approved, "ready"))
		s.then("11:52:00", "a", becomes(processing, "open"))
		s.then("12:00:10", "a", s.done("12:00:10", ptr(0), 0))
	}
	const ended = `
		sessions_finished_total{outcome=success} 1
		session_exit_codes_total{exit_code=0} 1
		`
	return []truthCase{
		{"PROCESSING is not final for a minute after the end", func(s *scene) { run(s); s.at("12:01:09.9") },
			ended + `open_reviews{status=PROCESSING} 1`},
		{"PROCESSING for longer is final", func(s *scene) { run(s); s.at("12:01:10") },
			ended + `reviews_resolved_total{status=PROCESSING} 1`},
		{"EXECUTED in time", func(s *scene) { run(s); s.then("12:00:40", "a", becomes(executed, "done")) },
			ended + `reviews_resolved_total{status=EXECUTED} 1`},
		{"EXECUTED too late: it has been counted as PROCESSING", func(s *scene) { run(s); s.then("12:02:00", "a", becomes(executed, "done")) },
			ended + `
			reviews_resolved_total{status=PROCESSING} 1
			rewritten 1`},
		{"PROCESSING without an end_date: a minute after it finished", func(s *scene) {
			s.add("a", "12:00:00", requests(oneTime, 0, "sre"))
			s.then("12:01:00", "a", func(r *Row) { r.Status = "done"; r.Review.Status = processing })
			s.at("12:01:59")
			if got := s.g.Truth(s.o).Samples[`hoop_reviews_resolved_total{connection="pg",status="PROCESSING",type="database"}`]; got != 0 {
				s.t.Errorf("%v final after 59 s", got)
			}
			s.at("12:02:00")
		}, `
			sessions_started_total{verb=exec} 1
			sessions_finished_total{outcome=unknown} 1
			session_exit_codes_total{exit_code=none} 1
			reviews_requested_total 1
			reviews_resolved_total{status=PROCESSING} 1`},
		{"APPROVED one-time: final when its session has finished", func(s *scene) {
			s.add("a", "11:50:00", requests(oneTime, 0, "sre"))
			s.then("11:51:00", "a", s.decides("11:51:00", 0, approved, approved, "ready"))
			s.then("12:00:10", "a", s.done("12:00:10", ptr(0), 0))
		}, ended + `reviews_resolved_total{status=APPROVED} 1`},
		{"UNKNOWN: final when its session has finished", func(s *scene) { run(s); s.then("12:00:20", "a", becomes(unknown, "done")) },
			ended + `reviews_resolved_total{status=UNKNOWN} 1`},
		{"jit: open until access expires, also after the end", func(s *scene) {
			s.add("a", "11:50:00", requests(jit, 30*time.Minute, "sre"))
			s.then("11:51:00", "a", s.decides("11:51:00", 0, approved, approved, "ready"))
			s.then("11:52:00", "a", becomes(approved, "open"))
			s.then("12:00:10", "a", s.done("12:00:10", ptr(0), 0))
			s.at("12:20:59")
		}, ended + `open_reviews{status=APPROVED} 1`},
		{"jit: final when access has expired, although the session still runs", func(s *scene) {
			s.add("a", "11:50:00", requests(jit, 30*time.Minute, "sre"))
			s.then("11:51:00", "a", s.decides("11:51:00", 0, approved, approved, "ready"))
			s.then("11:52:00", "a", becomes(approved, "open"))
			s.at("12:21:00")
		}, `
			open_sessions{state=running} 1
			running_session_users 1
			oldest_running_session_start_timestamp_seconds 1795434660
			reviews_resolved_total{status=APPROVED} 1`},
		{"jit: expired while ready", func(s *scene) {
			s.add("a", "11:50:00", requests(jit, 30*time.Minute, "sre"))
			s.then("11:51:00", "a", s.decides("11:51:00", 0, approved, approved, "ready"))
			s.at("12:21:00")
		}, `
			open_sessions{state=expired} 1
			reviews_resolved_total{status=APPROVED} 1`},
		{"jit without revoke_at: final when its session has finished", func(s *scene) {
			s.add("a", "11:50:00", requests(jit, 5*time.Minute, "sre"))
			s.then("11:51:00", "a", becomes(approved, "open"))
			s.then("12:00:10", "a", s.done("12:00:10", ptr(0), 0))
		}, ended + `reviews_resolved_total{status=APPROVED} 1`},
		{"revoked: finished, although the status stays open", func(s *scene) {
			s.add("a", "12:00:00", verb("connect", requests(jit, 30*time.Minute, "sre")))
			s.then("12:01:00", "a", s.decides("12:01:00", 0, approved, approved, "open"))
			s.then("12:10:00", "a", s.decides("12:10:00", 0, revoked, revoked, "open"))
		}, `
			sessions_started_total{verb=connect} 1
			sessions_finished_total{outcome=revoked} 1
			session_exit_codes_total{exit_code=none} 1
			reviews_requested_total 1
			reviews_resolved_total{status=REVOKED} 1
			review_wait_seconds_count 1
			review_wait_seconds_sum 60
			review_wait_seconds_bucket{le=90} 1
			review_wait_seconds_bucket{le=+Inf} 1`},
		{"revoked before T0", func(s *scene) {
			s.add("a", "11:00:00", requests(jit, 30*time.Minute, "sre"))
			s.then("11:01:00", "a", s.decides("11:01:00", 0, approved, approved, "open"))
			s.then("11:10:00", "a", s.decides("11:10:00", 0, revoked, revoked, "open"))
			s.read("12:00:00")
		}, ``},
		{"rejected before T0, but delivered pending since", func(s *scene) {
			s.add("a", "11:00:00", requests(oneTime, 0, "sre"))
			s.read("12:00:00")
			s.then("12:00:01", "a", s.decides("11:10:00", 0, rejected, rejected, "done"))
		}, `
			sessions_finished_total{outcome=rejected} 1
			reviews_resolved_total{status=REJECTED} 1
			review_wait_seconds_count 1
			review_wait_seconds_sum 600
			review_wait_seconds_bucket{le=+Inf} 1`},
		{"rejected since T0, never delivered pending: by the time of the group", func(s *scene) {
			s.add("a", "11:59:00", requests(oneTime, 0, "sre"))
			s.then("12:00:00", "a", s.decides("12:00:00", 0, rejected, rejected, "done"))
		}, `
			reviews_resolved_total{status=REJECTED} 1
			review_wait_seconds_count 1
			review_wait_seconds_sum 60
			review_wait_seconds_bucket{le=90} 1
			review_wait_seconds_bucket{le=+Inf} 1`},
	}
}
