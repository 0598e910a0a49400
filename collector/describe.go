package collector

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Labels of everything about sessions. Any other label of such a family is told by [family.label].
const (
	labelConnection = "connection"
	labelType       = "type"
)

// fromAPI ends the HELP of what the gateway said.
const fromAPI = " of GET /api/sessions, read through a cache."

// sinceT0 says in a HELP what a counter counts from.
const sinceT0 = " since the exporter first ran (by the gateway's clock)"

// family is a metric family about sessions: it has the labels connection and type.
type family struct {
	desc *prometheus.Desc
	// label is the one besides connection and type; "" where there is none.
	label string
}

// families are the descriptors of everything that is made from a snapshot. They are shared by all scrapes.
type families struct {
	up, gatewayInfo, connectionInfo *prometheus.Desc

	openSessions, oldestRunning, longRunning, runningUsers, oldestReady family
	openReviews, oldestPending, overdue, approvals, oldestApproval      family

	started, finished, exitCodes, requested, resolved family
	eventSize, duration, reviewWait                   family

	lastRefresh, staleAfter, withheld, visibilityLimited *prometheus.Desc
	tracked, lost, abandoned, malformed, unobserved      *prometheus.Desc
	baselineComplete, unread, recheckLag, folded         *prometheus.Desc

	all    []*prometheus.Desc
	labels []string // of any of them, with repetitions
}

// newFamilies describes what is exposed. tagLabels are the label names of the chosen connection tags.
func newFamilies(tagLabels []string) *families {
	f := &families{}
	f.describeState(tagLabels)
	f.describeSessions()
	f.describeReviews()
	f.describeCounters()
	f.describeHistograms()
	f.describeExporter()
	return f
}

// plain adds a family with exactly these labels.
func (f *families) plain(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(name, help, labels, nil)
	f.all = append(f.all, d)
	f.labels = append(f.labels, labels...)
	return d
}

// LabelNames are the names of all labels that series of a collector can have, but for the tag_... of connection tags.
func LabelNames() []string {
	names := slices.Concat(newFamilies(nil).labels, []string{"code", "le"})
	slices.Sort(names)
	return slices.Compact(names)
}

// target adds a family with the labels connection, type and label, if it is not "".
func (f *families) target(name, label, help string) family {
	labels := []string{labelConnection, labelType}
	if label != "" {
		labels = append(labels, label)
	}
	return family{desc: f.plain(name, help, labels...), label: label}
}

func (f *families) describeState(tagLabels []string) {
	f.up = f.plain("hoop_up",
		"1 if the last ended refresh succeeded (the newest page and the first page of pending reviews"+
			" of GET /api/sessions were read) and the stale limit has not passed, else 0; 0 before the first refresh."+
			" A refresh answers scrapes through a cache.")
	f.gatewayInfo = f.plain("hoop_gateway_info",
		"Always 1, with the version from the Server header of the gateway's last answer (unknown where a proxy strips it),"+
			" read through a cache. Absent before the first answer.",
		"version")
	f.connectionInfo = f.plain("hoop_connection_info",
		"Always 1, exactly one series per connection, from its newest session, to join team, environment and the like to other series."+
			" From connection_subtype and the chosen connection_tags"+fromAPI,
		append([]string{labelConnection, "subtype"}, tagLabels...)...)
}

func (f *families) describeSessions() {
	f.openSessions = f.target("hoop_open_sessions", "state",
		"Number of sessions that are not finished, by state: pending (its review waits for a decision), running, ready (approved,"+
			" not run yet), expired (approved, and the access has ended), unknown. From status and review"+fromAPI)
	f.oldestRunning = f.target("hoop_oldest_running_session_start_timestamp_seconds", "",
		"Unix time in seconds at which the oldest running session began to run: its start, or its approval where that is later."+
			" Absent when none runs. From start_date and review"+fromAPI)
	f.longRunning = f.target("hoop_long_running_sessions", "threshold",
		"Number of sessions running for longer than the threshold, computed at the scrape. A session above several thresholds is in each:"+
			" do not sum over threshold. From start_date, status and review"+fromAPI)
	f.runningUsers = f.target("hoop_running_session_users", "",
		"Number of distinct users with a running session. Do not sum: one user can have sessions on several connections."+
			" From user_id, status and review"+fromAPI)
	f.oldestReady = f.target("hoop_oldest_ready_session_approved_timestamp_seconds", "",
		"Unix time in seconds of the approval of the one-time session that has waited longest to be run. Absent when none waits."+
			" From status and review"+fromAPI)
}

func (f *families) describeReviews() {
	f.openReviews = f.target("hoop_open_reviews", "status",
		"Number of reviews that are not at rest (nothing more will happen to one that is), by the API's status. From review.status"+fromAPI)
	f.oldestPending = f.target("hoop_oldest_pending_review_created_timestamp_seconds", "",
		"Unix time in seconds at which the longest waiting review was asked for. Absent when none waits."+
			" From review.created_at"+fromAPI)
	f.overdue = f.target("hoop_overdue_reviews", "threshold",
		"Number of reviews pending for longer than the threshold, computed at the scrape. A review above several thresholds is in each:"+
			" do not sum over threshold. From review.created_at and review.status"+fromAPI)
	f.approvals = f.target("hoop_pending_approvals", "group",
		"Number of pending reviews in which this group has not decided yet. Do not sum over group: a review can wait for several."+
			" From review.review_groups_data"+fromAPI)
	f.oldestApproval = f.target("hoop_oldest_pending_approval_created_timestamp_seconds", "group",
		"Unix time in seconds at which the review that has waited longest for this group was asked for. Absent when none waits."+
			" From review.review_groups_data and review.created_at"+fromAPI)
}

func (f *families) describeCounters() {
	f.started = f.target("hoop_sessions_started_total", "verb",
		"Sessions that started"+sinceT0+", by verb. From start_date and verb"+fromAPI)
	f.finished = f.target("hoop_sessions_finished_total", "outcome",
		"Sessions that finished"+sinceT0+", by outcome: success, failure, disconnected (the usual end of an interactive session),"+
			" aborted, rejected, revoked, unknown. From status, exit_code, verb and review"+fromAPI)
	f.exitCodes = f.target("hoop_session_exit_codes_total", "exit_code",
		"Sessions that finished"+sinceT0+" and were not rejected, by exit code: 0 to 255, none, other. From exit_code"+fromAPI)
	f.requested = f.target("hoop_reviews_requested_total", "",
		"Reviews asked for"+sinceT0+". From review.created_at"+fromAPI)
	f.resolved = f.target("hoop_reviews_resolved_total", "status",
		"Reviews that came to rest (nothing more will happen to them)"+sinceT0+", by the API's status in which they did."+
			" From review.status"+fromAPI)
}

func (f *families) describeHistograms() {
	f.eventSize = f.target("hoop_session_event_size_bytes", "",
		"Size in bytes of what was recorded of a finished session, where it is known and the session was not rejected. From event_size"+fromAPI)
	f.duration = f.target("hoop_session_duration_seconds", "",
		"Seconds from start to end of a finished session that never had a review. From start_date and end_date"+fromAPI)
	f.reviewWait = f.target("hoop_review_wait_seconds", "",
		"Seconds from when a review was asked for to its decision. From created_at, revoke_at, access_duration and review_groups_data"+
			" of the reviews"+fromAPI)
}

func (f *families) describeExporter() {
	f.lastRefresh = f.plain("hoop_exporter_last_refresh_timestamp_seconds",
		"Unix time in seconds, by the exporter's clock, of the last refresh that succeeded; 0 before the first.")
	f.staleAfter = f.plain("hoop_exporter_stale_after_seconds",
		"Seconds without a successful refresh after which gauges are withheld.")
	f.withheld = f.plain("hoop_exporter_gauges_withheld",
		"1 if the gauges about sessions and reviews are withheld, because no refresh has succeeded for too long, else 0.")
	f.visibilityLimited = f.plain("hoop_exporter_visibility_limited",
		"1 if the gateway shows only part of the sessions to this credential (its role is neither admin nor auditor), else 0, also while it has not told the role.")
	f.baselineComplete = f.plain("hoop_exporter_baseline_complete",
		"1 if the first read-back over the lookback has ended, so that what is not open there is shown as 0; else 0.")
	f.tracked = f.plain("hoop_exporter_tracked_sessions",
		"Number of sessions that are looked at again: unfinished ones, and those whose review is not at rest.")
	f.unread = f.plain("hoop_exporter_unread_seconds",
		"Seconds of the gateway's past whose sessions have not been read back yet.")
	f.recheckLag = f.plain("hoop_exporter_recheck_lag_seconds",
		"Seconds by which the most overdue look at an unfinished session is past its time, which is a twentieth of its age after the last one. Pending ones are watched by their list.")
	f.folded = f.plain("hoop_exporter_folded_connections",
		"Number of connections beyond the cap on connections, which share the label value <other>.")
	f.lost = f.plain("hoop_exporter_lost_sessions_total",
		"Unfinished sessions that the gateway no longer shows: they have left the gauges until they are seen again.")
	f.abandoned = f.plain("hoop_exporter_abandoned_sessions_total",
		"Sessions let go because they were unfinished for too long.")
	f.malformed = f.plain("hoop_exporter_malformed_sessions_total",
		"Sessions in the gateway's answers that could not be read, each counted once.")
	f.unobserved = f.plain("hoop_exporter_unobserved_total",
		"Values that a histogram did not take because they are negative or impossible, by the histogram's name.", "metric")
}
