package exposition

// everythingText is what a scrape of everything() gets, without the HELP lines.
const everythingText = `
# TYPE hoop_connection_info gauge
hoop_connection_info{connection="<other>",subtype="",tag_data_class="",tag_team=""} 1
hoop_connection_info{connection="pg",subtype="postgres",tag_data_class="pii",tag_team="banking"} 1
# TYPE hoop_exporter_abandoned_sessions_total counter
hoop_exporter_abandoned_sessions_total 2
# TYPE hoop_exporter_baseline_complete gauge
hoop_exporter_baseline_complete 1
# TYPE hoop_exporter_folded_connections gauge
hoop_exporter_folded_connections 6
# TYPE hoop_exporter_gauges_withheld gauge
hoop_exporter_gauges_withheld 0
# TYPE hoop_exporter_last_refresh_timestamp_seconds gauge
hoop_exporter_last_refresh_timestamp_seconds 1.7673230456789e+09
# TYPE hoop_exporter_lost_sessions_total counter
hoop_exporter_lost_sessions_total 1
# TYPE hoop_exporter_malformed_sessions_total counter
hoop_exporter_malformed_sessions_total 3
# TYPE hoop_exporter_recheck_lag_seconds gauge
hoop_exporter_recheck_lag_seconds 1.5
# TYPE hoop_exporter_stale_after_seconds gauge
hoop_exporter_stale_after_seconds 300
# TYPE hoop_exporter_tracked_sessions gauge
hoop_exporter_tracked_sessions 5
# TYPE hoop_exporter_unobserved_total counter
hoop_exporter_unobserved_total{metric="hoop_review_access_duration_seconds"} 0
hoop_exporter_unobserved_total{metric="hoop_review_group_wait_seconds"} 0
hoop_exporter_unobserved_total{metric="hoop_review_wait_seconds"} 0
hoop_exporter_unobserved_total{metric="hoop_session_duration_seconds"} 4
hoop_exporter_unobserved_total{metric="hoop_session_event_size_bytes"} 0
hoop_exporter_unobserved_total{metric="hoop_session_input_size_bytes"} 0
hoop_exporter_unobserved_total{metric="hoop_session_redacted_bytes_total"} 0
hoop_exporter_unobserved_total{metric="hoop_session_redaction_errors_total"} 0
hoop_exporter_unobserved_total{metric="hoop_session_redactions_total"} 0
# TYPE hoop_exporter_unread_seconds gauge
hoop_exporter_unread_seconds 90
# TYPE hoop_exporter_visibility_limited gauge
hoop_exporter_visibility_limited 0
# TYPE hoop_gateway_info gauge
hoop_gateway_info{version="1.49.10"} 1
# TYPE hoop_long_running_sessions gauge
hoop_long_running_sessions{connection="<other>",threshold="1h",type="ssh"} 0
hoop_long_running_sessions{connection="<other>",threshold="24h",type="ssh"} 0
hoop_long_running_sessions{connection="pg",threshold="1h",type="database"} 2
hoop_long_running_sessions{connection="pg",threshold="24h",type="database"} 1
# TYPE hoop_oldest_pending_approval_created_timestamp_seconds gauge
hoop_oldest_pending_approval_created_timestamp_seconds{connection="pg",group="dba",type="database"} 1.7673226856789e+09
# TYPE hoop_oldest_pending_review_created_timestamp_seconds gauge
hoop_oldest_pending_review_created_timestamp_seconds{connection="pg",type="database"} 1.7673226856789e+09
# TYPE hoop_oldest_ready_session_approved_timestamp_seconds gauge
hoop_oldest_ready_session_approved_timestamp_seconds{connection="pg",type="database"} 1.7673224456789e+09
# TYPE hoop_oldest_running_session_start_timestamp_seconds gauge
hoop_oldest_running_session_start_timestamp_seconds{connection="pg",type="database"} 1.7672330456789e+09
# TYPE hoop_open_reviews gauge
hoop_open_reviews{connection="<other>",review_type="jit",status="PENDING",type="ssh"} 0
hoop_open_reviews{connection="pg",review_type="jit",status="PENDING",type="database"} 1
hoop_open_reviews{connection="pg",review_type="onetime",status="APPROVED",type="database"} 1
# TYPE hoop_open_sessions gauge
hoop_open_sessions{connection="<other>",state="expired",type="ssh"} 0
hoop_open_sessions{connection="<other>",state="pending",type="ssh"} 0
hoop_open_sessions{connection="<other>",state="ready",type="ssh"} 0
hoop_open_sessions{connection="<other>",state="running",type="ssh"} 0
hoop_open_sessions{connection="<other>",state="unknown",type="ssh"} 0
hoop_open_sessions{connection="pg",state="expired",type="database"} 0
hoop_open_sessions{connection="pg",state="pending",type="database"} 1
hoop_open_sessions{connection="pg",state="ready",type="database"} 1
hoop_open_sessions{connection="pg",state="running",type="database"} 2
hoop_open_sessions{connection="pg",state="unknown",type="database"} 0
# TYPE hoop_overdue_reviews gauge
hoop_overdue_reviews{connection="<other>",threshold="1h",type="ssh"} 0
hoop_overdue_reviews{connection="<other>",threshold="5m",type="ssh"} 0
hoop_overdue_reviews{connection="pg",threshold="1h",type="database"} 0
hoop_overdue_reviews{connection="pg",threshold="5m",type="database"} 1
# TYPE hoop_pending_approvals gauge
hoop_pending_approvals{connection="pg",group="dba",type="database"} 1
# TYPE hoop_review_access_duration_seconds histogram
hoop_review_access_duration_seconds_bucket{connection="pg",type="database",le="1"} 1
hoop_review_access_duration_seconds_bucket{connection="pg",type="database",le="10"} 3
hoop_review_access_duration_seconds_bucket{connection="pg",type="database",le="+Inf"} 4
hoop_review_access_duration_seconds_sum{connection="pg",type="database"} 50
hoop_review_access_duration_seconds_count{connection="pg",type="database"} 4
# TYPE hoop_review_decisions_total counter
hoop_review_decisions_total{connection="pg",forced="false",group="dba",status="APPROVED",type="database"} 2
hoop_review_decisions_total{connection="pg",forced="true",group="sre",status="APPROVED",type="database"} 1
# TYPE hoop_review_group_wait_seconds histogram
hoop_review_group_wait_seconds_bucket{group="dba",le="1"} 1
hoop_review_group_wait_seconds_bucket{group="dba",le="10"} 3
hoop_review_group_wait_seconds_bucket{group="dba",le="+Inf"} 4
hoop_review_group_wait_seconds_sum{group="dba"} 51
hoop_review_group_wait_seconds_count{group="dba"} 4
# TYPE hoop_review_wait_seconds histogram
hoop_review_wait_seconds_bucket{connection="pg",type="database",le="1"} 1
hoop_review_wait_seconds_bucket{connection="pg",type="database",le="10"} 3
hoop_review_wait_seconds_bucket{connection="pg",type="database",le="+Inf"} 4
hoop_review_wait_seconds_sum{connection="pg",type="database"} 48
hoop_review_wait_seconds_count{connection="pg",type="database"} 4
# TYPE hoop_reviews_requested_total counter
hoop_reviews_requested_total{connection="<other>",review_type="jit",type="ssh"} 0
hoop_reviews_requested_total{connection="pg",review_type="onetime",type="database"} 2
# TYPE hoop_reviews_resolved_total counter
hoop_reviews_resolved_total{connection="pg",review_type="onetime",status="EXECUTED",type="database"} 1
# TYPE hoop_running_session_users gauge
hoop_running_session_users{connection="<other>",type="ssh"} 0
hoop_running_session_users{connection="pg",type="database"} 2
# TYPE hoop_session_ai_analyses_total counter
hoop_session_ai_analyses_total{action="block_execution",connection="pg",risk_level="high",type="database"} 4
# TYPE hoop_session_duration_seconds histogram
hoop_session_duration_seconds_bucket{connection="pg",type="database",le="1"} 1
hoop_session_duration_seconds_bucket{connection="pg",type="database",le="10"} 3
hoop_session_duration_seconds_bucket{connection="pg",type="database",le="+Inf"} 4
hoop_session_duration_seconds_sum{connection="pg",type="database"} 47
hoop_session_duration_seconds_count{connection="pg",type="database"} 4
# TYPE hoop_session_event_size_bytes histogram
hoop_session_event_size_bytes_bucket{connection="pg",type="database",le="1"} 1
hoop_session_event_size_bytes_bucket{connection="pg",type="database",le="10"} 3
hoop_session_event_size_bytes_bucket{connection="pg",type="database",le="+Inf"} 4
hoop_session_event_size_bytes_sum{connection="pg",type="database"} 46
hoop_session_event_size_bytes_count{connection="pg",type="database"} 4
# TYPE hoop_session_exit_codes_total counter
hoop_session_exit_codes_total{connection="pg",exit_code="0",type="database"} 6
hoop_session_exit_codes_total{connection="pg",exit_code="none",type="database"} 2
# TYPE hoop_session_guardrail_matches_total counter
hoop_session_guardrail_matches_total{connection="pg",direction="input",rule="no-secrets",type="database"} 2
# TYPE hoop_session_input_size_bytes histogram
hoop_session_input_size_bytes_bucket{connection="pg",type="database",le="1"} 1
hoop_session_input_size_bytes_bucket{connection="pg",type="database",le="10"} 3
hoop_session_input_size_bytes_bucket{connection="pg",type="database",le="+Inf"} 4
hoop_session_input_size_bytes_sum{connection="pg",type="database"} 49
hoop_session_input_size_bytes_count{connection="pg",type="database"} 4
# TYPE hoop_session_recordings_truncated_total counter
hoop_session_recordings_truncated_total{connection="pg",type="database"} 1
# TYPE hoop_session_redacted_bytes_total counter
hoop_session_redacted_bytes_total{connection="pg",type="database"} 200
# TYPE hoop_session_redaction_errors_total counter
hoop_session_redaction_errors_total{connection="pg",type="database"} 1
# TYPE hoop_session_redactions_total counter
hoop_session_redactions_total{connection="pg",info_type="EMAIL_ADDRESS",type="database"} 12
hoop_session_redactions_total{connection="pg",info_type="US_SSN",type="database"} 3
# TYPE hoop_sessions_finished_total counter
hoop_sessions_finished_total{connection="pg",outcome="failure",type="database"} 2
hoop_sessions_finished_total{connection="pg",outcome="success",type="database"} 6
# TYPE hoop_sessions_started_total counter
hoop_sessions_started_total{connection="pg",identity="machine",type="database",verb="exec"} 9
hoop_sessions_started_total{connection="pg",identity="user",type="database",verb="connect"} 3
# TYPE hoop_up gauge
hoop_up 1
`
