package exposition

import (
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// exporterGauges are the families about the exporter's own state. They are never withheld.
func exporterGauges(staleAfter time.Duration) []family {
	return []family{
		{
			name: "hoop_exporter_last_refresh_timestamp_seconds",
			help: "Unix time in seconds, by the exporter's clock, of the last refresh that succeeded; 0 before the first.",
			send: gauge(func(s *sender) float64 { return unixSeconds(s.LastSuccess) }),
		},
		{
			name: "hoop_exporter_stale_after_seconds",
			help: "Seconds without a successful refresh after which gauges are withheld.",
			send: gauge(func(*sender) float64 { return staleAfter.Seconds() }),
		},
		{
			name: "hoop_exporter_gauges_withheld",
			help: "1 if the gauges about sessions and reviews are withheld, because no refresh has succeeded for too long, else 0.",
			send: gauge(func(s *sender) float64 { return boolValue(s.Withheld) }),
		},
		{
			name: "hoop_exporter_visibility_limited",
			help: "1 if the gateway shows only part of the sessions to this credential (its role is neither admin nor auditor), else 0, also before the gateway reports the role.",
			send: gauge(func(s *sender) float64 { return boolValue(s.VisibilityLimited) }),
		},
		{
			name: "hoop_exporter_refresh_error",
			help: "1 for the reason why the last refresh failed (timeout, connection, tls, credential, unauthorized, forbidden, status_4xx, status_5xx, redirect, proxy, not_json," +
				" malformed, too_large, incomplete, stuck, clock, copy, identity, state or other), absent after a successful one and before the first.",
			labels: []string{"reason"},
			send: func(s *sender) {
				if s.RefreshError != "" {
					s.gauge(1, s.RefreshError)
				}
			},
		},
		{
			name: "hoop_exporter_credential_expiry_timestamp_seconds",
			help: "Unix time in seconds at which the credential expires (exp of a bearer token that is a JWT), absent for other credentials and before the first answer.",
			send: func(s *sender) {
				if !s.CredentialExpiry.IsZero() {
					s.gauge(unixSeconds(s.CredentialExpiry))
				}
			},
		},
		{
			name: "hoop_exporter_baseline_complete",
			help: "1 if the first backfill over the lookback is complete, so that a connection with nothing open is shown as 0; else 0.",
			send: gauge(func(s *sender) float64 { return boolValue(s.snapshot != nil && s.snapshot.BaselineComplete) }),
		},
		{
			name: "hoop_exporter_tracked_sessions",
			help: "Number of sessions that are rechecked: unfinished ones, and those whose review has not reached a final state.",
			send: ledgerGauge(func(s *ledger.Snapshot) float64 { return float64(s.Tracked) }),
		},
		{
			name: "hoop_exporter_unread_seconds",
			help: "Seconds of the gateway's past whose sessions have not been read yet.",
			send: ledgerGauge(func(s *ledger.Snapshot) float64 { return s.Unread.Seconds() }),
		},
		{
			name: "hoop_exporter_recheck_lag_seconds",
			help: "Seconds by which the most overdue recheck of an unfinished session is late, except for sessions in the list of pending reviews; a recheck is due a twentieth of the session's age after the last one.",
			send: ledgerGauge(func(s *ledger.Snapshot) float64 { return s.RecheckLag.Seconds() }),
		},
		{
			name: "hoop_exporter_folded_connections",
			help: "Number of connections beyond the limit, which share the label value <other>; from 1024 on an estimate, off by about 3 %, because their names are not kept.",
			send: ledgerGauge(func(s *ledger.Snapshot) float64 { return float64(s.Folded) }),
		},
	}
}

// exporterCounters are the families that count sessions and values that are missing from other families. observed are those that can miss a
// value.
func exporterCounters(observed []family) []family {
	return []family{
		{
			name: "hoop_exporter_lost_sessions_total",
			help: "Unfinished sessions that the gateway no longer shows: they are not in the gauges until they appear again.",
			send: ledgerCounter(func(s *ledger.Snapshot) uint64 { return s.Lost }),
		},
		{
			name: "hoop_exporter_abandoned_sessions_total",
			help: "Sessions that the exporter dropped, because they were unfinished for too long.",
			send: ledgerCounter(func(s *ledger.Snapshot) uint64 { return s.Abandoned }),
		},
		{
			name: "hoop_exporter_malformed_sessions_total",
			help: "Sessions in the gateway's answers that could not be read, or are dated hours ahead of its time, each counted once.",
			send: ledgerCounter(func(s *ledger.Snapshot) uint64 { return s.Malformed }),
		},
		unobserved(observed),
	}
}

// unobserved is the family that counts the values that are missing from others.
func unobserved(observed []family) family {
	return family{
		name:   "hoop_exporter_unobserved_total",
		help:   "Values that a histogram or a counter did not count, because they are negative or impossible, by the metric's name.",
		labels: []string{"metric"},
		send: func(s *sender) {
			if s.Counted == nil {
				return
			}
			for _, f := range observed {
				for _, m := range f.impossible {
					s.counter(ledger.Counter{Value: s.Counted.Unobserved[m], Created: s.Counted.T0}, f.name)
				}
			}
		},
	}
}
