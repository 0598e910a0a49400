package gatewaytest

import "strings"

// totals are the values of all metrics for one connection and type.
type totals struct {
	started              map[[2]string]int // by verb and identity
	finished, exitCodes  map[string]int
	requested            map[string]int    // by type of review
	resolved             map[[2]string]int // by status and type of review
	size, duration, wait histogram
	protection           protectionTotals
	// counted is true after the first session was counted as started or finished. The histograms exist from then on.
	counted bool

	open                                      map[string]int
	openReviews                               map[[2]string]int // by status and type of review
	oldestRunning, oldestReady, oldestPending int64
	users                                     map[string]bool
	long, overdue                             []int
	approvals                                 map[string]int
	oldestApproval                            map[string]int64
}

// newTotals returns totals with the zeros that every known connection has.
func newTotals(o TruthOptions) *totals {
	kinds, who := []string{""}, []string{""}
	if o.Everything {
		kinds, who = reviewTypes(), identities()
	}
	return &totals{
		started:   zeroPairs(who, "connect", "exec"),
		finished:  zeros("success", "failure", "aborted", "disconnected", "rejected", "revoked", "expired", "unknown"),
		exitCodes: map[string]int{},
		requested: zeros(kinds...),
		resolved:  zeroPairs(kinds, approved, rejected, revoked, executed, expired, processing, unknown),
		size:      newHistogram(1, o.EventSizeBuckets), duration: newHistogram(1e6, o.DurationBuckets),
		wait: newHistogram(1e6, o.WaitBuckets), protection: newProtectionTotals(o),
		open:        zeros(statePending, stateRunning, stateReady, stateExpired, stateUnknown),
		openReviews: zeroPairs(kinds, pending), users: map[string]bool{},
		long: make([]int, len(o.LongRunning)), overdue: make([]int, len(o.Overdue)),
		approvals: map[string]int{}, oldestApproval: map[string]int64{},
	}
}

// zeros returns a count of 0 for each word.
func zeros(words ...string) map[string]int {
	out := map[string]int{}
	for _, w := range words {
		out[w] = 0
	}
	return out
}

// zeroPairs returns a count of 0 for each pair of a word and one of the others.
func zeroPairs(others []string, words ...string) map[[2]string]int {
	out := map[[2]string]int{}
	for _, w := range words {
		for _, o := range others {
			out[[2]string{w, o}] = 0
		}
	}
	return out
}

// emit writes the samples of all exposed connections.
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
	for k, sum := range t.totals {
		c := t.connections[k[0]]
		if c.open || t.g.at(c.newest).start >= t.now-idle.Microseconds() {
			sum.counters(s, k[0], k[1])
			t.emitGauges(s, sum, k[0], k[1])
			if t.o.Everything {
				sum.protection.emit(s, k[0], k[1], sum.counted)
			}
		}
	}
	t.emitBeyondConnections(s)
}

// info writes hoop_connection_info of a connection, from its newest session.
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

// labelRune replaces a character that is invalid in a label name with an underscore.
func labelRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
		return r
	}
	return '_'
}

func (sum *totals) counters(s samples, connection, kind string) {
	each := func(name, label string, n map[string]int) {
		for word, v := range n {
			s.setSorted(float64(v), name, []string{"connection", "type", label},
				map[string]string{"connection": connection, "type": kind, label: word})
		}
	}
	// The second label is left out if it is empty.
	pairs := func(name, first, second string, n map[[2]string]int) {
		for words, v := range n {
			names := []string{"connection", "type", first}
			if words[1] != "" {
				names = append(names, second)
			}
			s.setSorted(float64(v), name, names, map[string]string{"connection": connection, "type": kind, first: words[0], second: words[1]})
		}
	}
	pairs("hoop_sessions_started_total", "verb", "identity", sum.started)
	each("hoop_sessions_finished_total", "outcome", sum.finished)
	each("hoop_session_exit_codes_total", "exit_code", sum.exitCodes)
	pairs("hoop_reviews_resolved_total", "status", "review_type", sum.resolved)
	for word, v := range sum.requested {
		names := []string{"connection", "type"}
		if word != "" {
			names = append(names, "review_type")
		}
		s.setSorted(float64(v), "hoop_reviews_requested_total", names, map[string]string{"connection": connection, "type": kind, "review_type": word})
	}
	for name, h := range map[string]*histogram{metricEventSize: &sum.size, metricDuration: &sum.duration, metricWait: &sum.wait} {
		if sum.counted || h.count > 0 {
			h.put(s, name, "connection", connection, "type", kind)
		}
	}
	each("hoop_open_sessions", "state", sum.open)
	pairs("hoop_open_reviews", "status", "review_type", sum.openReviews)
	each("hoop_pending_approvals", "group", sum.approvals)
}

func (t *truth) emitGauges(s samples, sum *totals, connection, kind string) {
	for name, at := range map[string]int64{
		"hoop_oldest_running_session_start_timestamp_seconds":  sum.oldestRunning,
		"hoop_oldest_ready_session_approved_timestamp_seconds": sum.oldestReady,
		"hoop_oldest_pending_review_created_timestamp_seconds": sum.oldestPending,
	} {
		if at != 0 {
			s.set(seconds(at), name, "connection", connection, "type", kind)
		}
	}
	for group, at := range sum.oldestApproval {
		s.set(seconds(at), "hoop_oldest_pending_approval_created_timestamp_seconds",
			"connection", connection, "group", group, "type", kind)
	}
	for k, h := range t.long {
		s.set(float64(sum.long[k]), "hoop_long_running_sessions", "connection", connection, "threshold", h.label, "type", kind)
	}
	for k, h := range t.overdue {
		s.set(float64(sum.overdue[k]), "hoop_overdue_reviews", "connection", connection, "threshold", h.label, "type", kind)
	}
	s.set(float64(len(sum.users)), "hoop_running_session_users", "connection", connection, "type", kind)
}

// seconds returns a moment as a Unix timestamp.
func seconds(micros int64) float64 { return float64(micros) / 1e6 }
