package collectortest

// Counted returns the counters of what happens at a gateway. Tests compare them with the truth.
func Counted() []string {
	return []string{
		"hoop_sessions_started_total", "hoop_sessions_finished_total", "hoop_session_exit_codes_total", "hoop_reviews_requested_total",
		"hoop_reviews_resolved_total", "hoop_session_redactions_total", "hoop_session_redacted_bytes_total", "hoop_session_redaction_errors_total",
		"hoop_session_recordings_truncated_total", "hoop_session_guardrail_matches_total", "hoop_session_ai_analyses_total",
		"hoop_review_decisions_total",
	}
}

// Measured returns the histograms of what happens at a gateway. Tests compare their counts with the truth.
func Measured() []string {
	return []string{
		"hoop_session_event_size_bytes", "hoop_session_duration_seconds", "hoop_review_wait_seconds", "hoop_session_input_size_bytes",
		"hoop_review_group_wait_seconds", "hoop_review_access_duration_seconds",
	}
}
