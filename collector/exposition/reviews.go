package exposition

import (
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// reviewGauges are the families about reviews that have not reached a final state. Reviews that wait for longer than the thresholds count
// as overdue.
func reviewGauges(overdue []Threshold) []family {
	return []family{
		{
			name:   "hoop_open_reviews",
			help:   "Number of reviews that have not reached a final state, by the API's status and type (onetime, jit, unknown). From review.status and review.type" + fromAPI,
			labels: ofTarget("status", "review_type"),
			send: targetGauges(func(s *sender, n *ledger.TargetSnapshot) {
				for _, r := range n.OpenReviews {
					if r.Count > 0 || r.Status == client.ReviewPending && s.snapshot.PendingComplete {
						s.gauge(float64(r.Count), n.Connection, n.Type, r.Status, r.Type)
					}
				}
			}),
		},
		{
			name: "hoop_oldest_pending_review_created_timestamp_seconds",
			help: "Unix time in seconds at which the longest waiting review was requested, absent if none waits or if that is not known." +
				" From review.created_at" + fromAPI,
			labels: ofTarget(),
			send:   targetOldest(func(n *ledger.TargetSnapshot) []time.Time { return n.PendingSince }),
		},
		{
			name: "hoop_overdue_reviews",
			help: "Number of reviews pending for longer than the threshold, computed at the scrape; a review counts for each threshold that it exceeds," +
				" so do not sum over threshold. From review.created_at and review.status" + fromAPI,
			labels: ofTarget("threshold"),
			send: targetBeyond(overdue, func(n *ledger.TargetSnapshot) []time.Time { return n.PendingSince },
				func(s *ledger.Snapshot) bool { return s.PendingComplete }),
		},
		{
			name: "hoop_pending_approvals",
			help: "Number of pending reviews in which this group has not decided yet; do not sum over group, because a review can wait for several groups." +
				" From review.review_groups_data" + fromAPI,
			labels: ofTarget("group"),
			send: targetGauges(func(s *sender, n *ledger.TargetSnapshot) {
				for _, a := range n.Approvals {
					s.gauge(float64(a.Count), n.Connection, n.Type, a.Group)
				}
			}),
		},
		{
			name: "hoop_oldest_pending_approval_created_timestamp_seconds",
			help: "Unix time in seconds at which the review that has waited longest for this group was requested, absent if none waits" +
				" or if that is not known. From review.review_groups_data and review.created_at" + fromAPI,
			labels: ofTarget("group"),
			send: targetGauges(func(s *sender, n *ledger.TargetSnapshot) {
				for _, a := range n.Approvals {
					if !a.Oldest.IsZero() {
						s.gauge(unixSeconds(a.Oldest), n.Connection, n.Type, a.Group)
					}
				}
			}),
		},
	}
}

// reviewCounters are the families that count reviews.
func reviewCounters() []family {
	return []family{
		{
			name:   "hoop_reviews_requested_total",
			help:   "Reviews requested" + sinceT0 + ", by type, each review of a session once. From review.created_at and review.type" + fromAPI,
			labels: ofTarget("review_type"),
			send:   targetCounters(func(n *ledger.TargetSnapshot) []ledger.Counter { return n.Requested }),
		},
		{
			name: "hoop_reviews_resolved_total",
			help: "Reviews that reached a final state" + sinceT0 + ", by their status in it and their type." +
				" From review.status and review.type" + fromAPI,
			labels: ofTarget("status", "review_type"),
			send:   targetCounters(func(n *ledger.TargetSnapshot) []ledger.Counter { return n.Resolved }),
		},
	}
}
