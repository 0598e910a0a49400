package gatewaytest

import "strings"

// tally is everything about one connection and type.
type tally struct {
	started, finished, exitCodes map[string]int
	requested                    int
	resolved                     map[string]int
	size, duration, wait         histogram
	// counted is true from the first session on that was counted as started or finished: histograms begin with it.
	counted bool

	open, openReviews                         map[string]int
	oldestRunning, oldestReady, oldestPending int64
	users                                     map[string]bool
	long, overdue                             []int
	approvals                                 map[string]int
	oldestApproval                            map[string]int64
}

// newTally has the zeros that are said of every known connection.
func newTally(o TruthOptions) *tally {
	return &tally{
		started:   zeros("connect", "exec"),
		finished:  zeros("success", "failure", "aborted", "disconnected", "rejected", "revoked", "unknown"),
		exitCodes: map[string]int{},
		resolved:  zeros(approved, rejected, revoked, executed, processing, unknown),
		size:      newHistogram(1, o.EventSizeBuckets), duration: newHistogram(1e6, o.DurationBuckets),
		wait:        newHistogram(1e6, o.WaitBuckets),
		open:        zeros(statePending, stateRunning, stateReady, stateExpired, stateUnknown),
		openReviews: zeros(pending), users: map[string]bool{},
		long: make([]int, len(o.LongRunning)), overdue: make([]int, len(o.Overdue)),
		approvals: map[string]int{}, oldestApproval: map[string]int64{},
	}
}

func zeros(words ...string) map[string]int {
	out := map[string]int{}
	for _, w := range words {
		out[w] = 0
	}
	return out
}

// emit writes the samples of everything that is exposed.
func (t *truth) emit() {
	s := samples(t.out.Samples)
	if !t.g.cfg.HideVersion {
		s.set(1, "hoop_gateway_info", "version", t.g.cfg.Version)
	}
	for name, c := range t.connections {
		if c.open || t.g.at(c.newest).start >= t.now-idle.Microseconds() {
			t.info(s, name, c)
		}
	}
	for k, y := range t.tallies {
		c := t.connections[k[0]]
		if c.open || t.g.at(c.newest).start >= t.now-idle.Microseconds() {
			y.counters(s, k[0], k[1])
			t.emitGauges(s, y, k[0], k[1])
		}
	}
}

// info is the one series that tells about a connection, from its newest session.
func (t *truth) info(s samples, name string, c *connection) {
	k := t.g.conns.at(t.g.at(c.newest).conn)
	labels := map[string]string{"connection": name, "subtype": k.subtype}
	names := []string{"connection", "subtype"}
	for _, tag := range t.o.ConnectionTags {
		label := "tag_" + strings.Map(labelRune, tag)
		labels[label] = k.tags[tag]
		names = append(names, label)
	}
	s.setSorted(1, "hoop_connection_info", names, labels)
}

// labelRune turns what may not be in a label's name into an underscore.
func labelRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
		return r
	}
	return '_'
}

func (y *tally) counters(s samples, connection, kind string) {
	each := func(name, label string, n map[string]int) {
		for word, v := range n {
			s.setSorted(float64(v), name, []string{"connection", "type", label},
				map[string]string{"connection": connection, "type": kind, label: word})
		}
	}
	each("hoop_sessions_started_total", "verb", y.started)
	each("hoop_sessions_finished_total", "outcome", y.finished)
	each("hoop_session_exit_codes_total", "exit_code", y.exitCodes)
	each("hoop_reviews_resolved_total", "status", y.resolved)
	s.set(float64(y.requested), "hoop_reviews_requested_total", "connection", connection, "type", kind)
	for name, h := range map[string]*histogram{metricEventSize: &y.size, metricDuration: &y.duration, metricWait: &y.wait} {
		if y.counted || h.count > 0 {
			h.put(s, name, connection, kind)
		}
	}
	each("hoop_open_sessions", "state", y.open)
	each("hoop_open_reviews", "status", y.openReviews)
	each("hoop_pending_approvals", "group", y.approvals)
}

func (t *truth) emitGauges(s samples, y *tally, connection, kind string) {
	for name, at := range map[string]int64{
		"hoop_oldest_running_session_start_timestamp_seconds":  y.oldestRunning,
		"hoop_oldest_ready_session_approved_timestamp_seconds": y.oldestReady,
		"hoop_oldest_pending_review_created_timestamp_seconds": y.oldestPending,
	} {
		if at != 0 {
			s.set(seconds(at), name, "connection", connection, "type", kind)
		}
	}
	for group, at := range y.oldestApproval {
		s.set(seconds(at), "hoop_oldest_pending_approval_created_timestamp_seconds",
			"connection", connection, "group", group, "type", kind)
	}
	for k, h := range t.long {
		s.set(float64(y.long[k]), "hoop_long_running_sessions", "connection", connection, "threshold", h.label, "type", kind)
	}
	for k, h := range t.overdue {
		s.set(float64(y.overdue[k]), "hoop_overdue_reviews", "connection", connection, "threshold", h.label, "type", kind)
	}
	s.set(float64(len(y.users)), "hoop_running_session_users", "connection", connection, "type", kind)
}

// seconds is a moment as a Unix timestamp.
func seconds(micros int64) float64 { return float64(micros) / 1e6 }
