package exposition

import "github.com/hoop-exporter/hoop_exporter/collector/ledger"

// decisionFamilies are the families about what groups decide.
func decisionFamilies() []family {
	return []family{
		{
			name: "hoop_review_decisions_total",
			help: "Decisions of groups in reviews" + sinceT0 + ", each group of a review once, by status and whether this approval alone was enough" +
				" (forced: an emergency approval). From review.review_groups_data" + fromAPI,
			labels: ofTarget("group", "status", "forced"),
			send:   targetCounters(func(n *ledger.TargetSnapshot) []ledger.Counter { return n.Decisions }),
		},
		{
			name: "hoop_review_group_wait_seconds",
			help: "Seconds from the request of a review to a group's decision, over all connections. From review.created_at and" +
				" review.review_groups_data" + fromAPI,
			labels: []string{"group"}, impossible: []ledger.Measure{ledger.GroupWait},
			send: func(s *sender) {
				if s.Counted == nil {
					return
				}
				for _, g := range s.Counted.GroupWaits {
					s.histogram(g.Histogram, g.Group)
				}
			},
		},
		{
			name:   "hoop_review_access_duration_seconds",
			help:   "Seconds of access that an approved jit review grants. From review.access_duration" + fromAPI,
			labels: ofTarget(), impossible: []ledger.Measure{ledger.AccessDuration},
			send: targetHistogram(ledger.AccessDuration),
		},
	}
}
