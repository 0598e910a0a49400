package exposition

import (
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// sessionGauges are the families about sessions that are not finished. Sessions that run for longer than the thresholds count as
// long-running.
func sessionGauges(longRunning []Threshold) []family {
	return []family{
		{
			name: "hoop_open_sessions",
			help: "Number of sessions that are not finished, by state: pending (its review waits for a decision), running, ready (approved," +
				" not run yet), expired (approved, and the access has ended), unknown (a status of the session" +
				" or of its review that the exporter does not know). From status and review" + fromAPI,
			labels: ofTarget("state"),
			send: targetGauges(func(s *sender, n *ledger.TargetSnapshot) {
				for state := range ledger.States {
					known := s.snapshot.BaselineComplete
					if state == ledger.Pending {
						known = s.snapshot.PendingComplete
					}
					if n.Open[state] > 0 || known {
						s.gauge(float64(n.Open[state]), n.Connection, n.Type, state.String())
					}
				}
			}),
		},
		{
			name: "hoop_oldest_running_session_start_timestamp_seconds",
			help: "Unix time in seconds at which the oldest running session began to run (its start, or its approval if that is later)," +
				" absent if none runs. From start_date and review" + fromAPI,
			labels: ofTarget(),
			send:   targetOldest(func(n *ledger.TargetSnapshot) []time.Time { return n.RunningSince }),
		},
		{
			name: "hoop_long_running_sessions",
			help: "Number of sessions running for longer than the threshold, computed at the scrape; a session counts for each threshold that it exceeds," +
				" so do not sum over threshold. From start_date, status and review" + fromAPI,
			labels: ofTarget("threshold"),
			send: targetBeyond(longRunning, func(n *ledger.TargetSnapshot) []time.Time { return n.RunningSince },
				func(s *ledger.Snapshot) bool { return s.BaselineComplete }),
		},
		{
			name: "hoop_running_session_users",
			help: "Number of distinct users with a running session; do not sum, because a user can have sessions on several connections." +
				" From user_id, status and review" + fromAPI,
			labels: ofTarget(),
			send: targetGauges(func(s *sender, n *ledger.TargetSnapshot) {
				if n.RunningUsers > 0 || s.snapshot.BaselineComplete {
					s.gauge(float64(n.RunningUsers), n.Connection, n.Type)
				}
			}),
		},
		{
			name: "hoop_oldest_ready_session_approved_timestamp_seconds",
			help: "Unix time in seconds of the approval of the one-time session that has waited longest to be run, absent if none waits." +
				" From status and review" + fromAPI,
			labels: ofTarget(),
			send: targetGauges(func(s *sender, n *ledger.TargetSnapshot) {
				if !n.ReadySince.IsZero() {
					s.gauge(unixSeconds(n.ReadySince), n.Connection, n.Type)
				}
			}),
		},
	}
}

// sessionCounters are the families that count sessions.
func sessionCounters() []family {
	return []family{
		{
			name:   "hoop_sessions_started_total",
			help:   "Sessions that started" + sinceT0 + ", by verb and identity (user, machine, unknown). From start_date, verb and identity_type" + fromAPI,
			labels: ofTarget("verb", "identity"),
			send:   targetCounters(func(n *ledger.TargetSnapshot) []ledger.Counter { return n.Started }),
		},
		{
			name: "hoop_sessions_finished_total",
			help: "Sessions that finished" + sinceT0 + ", by outcome: success, failure, disconnected (the usual end of an interactive session)," +
				" aborted, rejected, revoked, expired (its review expired), unknown. From status, exit_code, verb and review" + fromAPI,
			labels: ofTarget("outcome"),
			send:   targetCounters(func(n *ledger.TargetSnapshot) []ledger.Counter { return n.Finished }),
		},
		{
			name:   "hoop_session_exit_codes_total",
			help:   "Sessions that finished" + sinceT0 + " and were not rejected, by exit code: 0 to 255, none, other. From exit_code" + fromAPI,
			labels: ofTarget("exit_code"),
			send:   targetCounters(func(n *ledger.TargetSnapshot) []ledger.Counter { return n.ExitCodes }),
		},
	}
}
