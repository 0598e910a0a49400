package exposition

import "github.com/hoop-exporter/hoop_exporter/collector/ledger"

// measureFamilies are the histograms that are always there.
func measureFamilies() []family {
	return []family{
		{
			name:   "hoop_session_event_size_bytes",
			help:   "Size in bytes of the recording of a finished session, if it is known and the session was not rejected. From event_size" + fromAPI,
			labels: ofTarget(), impossible: []ledger.Measure{ledger.EventSize},
			send: targetHistogram(ledger.EventSize),
		},
		{
			name:   "hoop_session_duration_seconds",
			help:   "Seconds from start to end of a finished session that never had a review. From start_date and end_date" + fromAPI,
			labels: ofTarget(), impossible: []ledger.Measure{ledger.Duration},
			send: targetHistogram(ledger.Duration),
		},
		{
			name: "hoop_review_wait_seconds",
			help: "Seconds from the request of a review to its decision. From created_at, revoke_at, access_duration and review_groups_data" +
				" of the reviews" + fromAPI,
			labels: ofTarget(), impossible: []ledger.Measure{ledger.ReviewWait},
			send: targetHistogram(ledger.ReviewWait),
		},
	}
}
