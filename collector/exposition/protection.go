package exposition

import "github.com/hoop-exporter/hoop_exporter/collector/ledger"

// protectionFamilies are the families about the protection of data. All are counted when a session finishes.
func protectionFamilies() []family {
	return []family{
		{
			name:   "hoop_session_redactions_total",
			help:   "Values that were masked in the output of sessions that finished" + sinceT0 + ", by type. From metrics.data_masking.info_types" + fromAPI,
			labels: ofTarget("info_type"), impossible: []ledger.Measure{ledger.Redactions},
			send: targetCounters(func(n *ledger.TargetSnapshot) []ledger.Counter { return n.Redactions }),
		},
		{
			name:   "hoop_session_redacted_bytes_total",
			help:   "Bytes that were masked in the output of sessions that finished" + sinceT0 + ". From metrics.data_masking.transformed_bytes" + fromAPI,
			labels: ofTarget(), impossible: []ledger.Measure{ledger.RedactedBytes},
			send: targetCounters(func(n *ledger.TargetSnapshot) []ledger.Counter { return n.RedactedBytes }),
		},
		{
			name:   "hoop_session_redaction_errors_total",
			help:   "Times that masking failed in sessions that finished" + sinceT0 + ". From metrics.data_masking.err_count" + fromAPI,
			labels: ofTarget(), impossible: []ledger.Measure{ledger.RedactionErrors},
			send: targetCounters(func(n *ledger.TargetSnapshot) []ledger.Counter { return n.RedactionErrors }),
		},
		{
			name:   "hoop_session_recordings_truncated_total",
			help:   "Sessions that finished" + sinceT0 + " and whose recording was cut, so that the audit trail is incomplete. From metrics.truncated" + fromAPI,
			labels: ofTarget(),
			send:   targetCounters(func(n *ledger.TargetSnapshot) []ledger.Counter { return n.TruncatedRecordings }),
		},
		{
			name:   "hoop_session_guardrail_matches_total",
			help:   "Guardrail matches in sessions that finished" + sinceT0 + ", by rule and direction (input, output), which old gateways do not report. From guardrails_info" + fromAPI,
			labels: ofTarget("rule", "direction"),
			send:   targetCounters(func(n *ledger.TargetSnapshot) []ledger.Counter { return n.GuardrailMatches }),
		},
		{
			name: "hoop_session_ai_analyses_total",
			help: "Sessions that finished" + sinceT0 + " and whose input an AI analyzed, by risk level (low, medium, high) and action (allow_execution," +
				" block_execution), which old gateways do not report. From ai_analysis" + fromAPI,
			labels: ofTarget("risk_level", "action"),
			send:   targetCounters(func(n *ledger.TargetSnapshot) []ledger.Counter { return n.AIAnalyses }),
		},
		{
			name:   "hoop_session_input_size_bytes",
			help:   "Size in bytes of the input of a finished exec session, where it is known. From script_size" + fromAPI,
			labels: ofTarget(), impossible: []ledger.Measure{ledger.InputSize},
			send: targetHistogram(ledger.InputSize),
		},
	}
}
