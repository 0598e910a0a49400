package gatewaytest

// The metrics about the protection of data and about the decisions of groups.

// The names of the histograms.
const (
	metricInputSize = "hoop_session_input_size_bytes"
	metricGroupWait = "hoop_review_group_wait_seconds" // #nosec G101 -- a metric
	metricAccess    = "hoop_review_access_duration_seconds"
)

// The names of counters whose value can be impossible.
const (
	metricRedactions      = "hoop_session_redactions_total"
	metricRedactedBytes   = "hoop_session_redacted_bytes_total"
	metricRedactionErrors = "hoop_session_redaction_errors_total"
)

// wordUnknown is the value of the labels "identity" and "review_type" for everything that is not one of their words.
const wordUnknown = "unknown"

// unknownScript is the script_size of an input of unknown size.
const unknownScript = -2

// protectionTotals are the values of the metrics about the protection of data and the decisions of groups, for one connection and type.
type protectionTotals struct {
	redactions                         map[string]int64 // by info_type
	redactedBytes, errors, truncations int64
	matches                            map[[2]string]int // by rule and direction
	analyses                           map[[2]string]int // by risk_level and action
	decisions                          map[[3]string]int // by forced, group and status
	inputSize, access                  histogram
}

func newProtectionTotals(o TruthOptions) protectionTotals {
	return protectionTotals{
		redactions: map[string]int64{}, matches: map[[2]string]int{}, analyses: map[[2]string]int{}, decisions: map[[3]string]int{},
		inputSize: newHistogram(1, o.InputSizeBuckets), access: newHistogram(1e6, o.AccessBuckets),
	}
}

// reviewTypes returns the values of the label "review_type", identities those of "identity".
func reviewTypes() []string { return []string{oneTime, jit, wordUnknown} }
func identities() []string  { return []string{identityUser, identityMachine, wordUnknown} }

// oneOf returns the word, or wordUnknown if it is not one of the words.
func oneOf(word string, words []string) string {
	for _, w := range words {
		if w == word {
			return w
		}
	}
	return wordUnknown
}

// startedBy returns the label "identity" of a session: what the first answer said that delivered it; empty if there is no such label.
func (t *truth) startedBy(r *row, f sessionStatus) string {
	if !t.o.Everything {
		return ""
	}
	old := t.g.cfg.Dialect == Old
	if r.is(delivered) {
		old = r.is(deliveredFirstByOld)
	}
	return oneOf(t.g.protectionOf(r, f, t.now, old).identity, identities())
}

// protection counts what a session reports at its end, as the first answer said that delivered it as finished.
func (t *truth) protection(p *protectionTotals, r *row, end sessionStatus) {
	old := t.g.cfg.Dialect == Old
	if r.is(deliveredEnd) {
		old = r.is(deliveredEndByOld)
	}
	said := t.g.protectionOf(r, end, t.now, old)
	if m := said.masking; m != nil {
		for name, n := range m.InfoTypes {
			sum := p.redactions[name]
			if t.addTo(&sum, n, metricRedactions); n > 0 {
				p.redactions[name] = sum
			}
		}
		t.addTo(&p.redactedBytes, m.Bytes, metricRedactedBytes)
		t.addTo(&p.errors, m.Errors, metricRedactionErrors)
	}
	if said.truncated {
		p.truncations++
	}
	for _, m := range said.matches {
		p.matches[[2]string{m.Rule, m.Direction}]++
	}
	if said.ai != nil {
		p.analyses[[2]string{said.ai.Risk, said.ai.Action}]++
	}
	switch {
	case end.verb != "exec" || end.script == unknownScript:
	case end.script > 0:
		p.inputSize.observe(end.script)
	case end.script < 0:
		t.out.Unobserved[metricInputSize]++
	}
}

// addTo adds to a counter, which an impossible value does not change.
func (t *truth) addTo(sum *int64, n int64, metric string) {
	if n < 0 {
		t.out.Unobserved[metric]++
		return
	}
	*sum += n
}

// accessGranted observes for how long a jit review that was approved grants access.
func (t *truth) accessGranted(p *protectionTotals, v *Review, granted bool) {
	switch {
	case v.Type != jit || !granted:
	case v.AccessDuration > 0:
		p.access.observe(v.AccessDuration.Microseconds())
	case v.AccessDuration < 0:
		t.out.Unobserved[metricAccess]++
	}
}

// groupDecisions counts the decision of each group of a review once: as the first answer said that delivered it.
func (t *truth) groupDecisions(p *protectionTotals, r *row, v *Review, delivered *deliveredReview) {
	seen := map[string]bool{}
	created := microsOf(v.CreatedAt)
	for _, d := range v.Groups {
		if d.Status == pending || d.Status == "" || seen[d.Group] {
			continue
		}
		seen[d.Group] = true
		now, undecided := d.Status, int64(0)
		if known := delivered.group(d.Group); known != nil {
			undecided = known.pending
			if known.decision.Status != "" {
				d = known.decision
			}
		}
		at := microsOf(d.ReviewDate)
		if created < t.t0 && !t.afterT0(at) && !t.afterT0(undecided) || t.forgotten(r, max(at, created)) {
			continue
		}
		forced := "false"
		if d.ForcedReview {
			forced = "true"
		}
		p.decisions[[3]string{forced, d.Group, d.Status}]++
		if d.Status != now {
			t.out.Reworded++
		}
		t.groupWait(d, created, at)
	}
}

// groupWait observes how long a group took to decide. The date of a revocation is not that of the decision.
func (t *truth) groupWait(d Group, created, at int64) {
	switch {
	case d.Status == revoked || at == 0:
	case created == 0 || at < created:
		t.out.Unobserved[metricGroupWait]++
	default:
		h := t.groupWaits[d.Group]
		if h == nil {
			n := newHistogram(1e6, t.o.GroupWaitBuckets)
			h = &n
			t.groupWaits[d.Group] = h
		}
		h.observe(at - created)
	}
}

// emit writes the samples of a connection. The counters without further labels exist for each known connection; a series with further
// labels exists from its first value on.
func (p *protectionTotals) emit(s samples, connection, kind string, counted bool) {
	of := []string{"connection", connection, "type", kind}
	s.set(float64(p.redactedBytes), metricRedactedBytes, of...)
	s.set(float64(p.errors), metricRedactionErrors, of...)
	s.set(float64(p.truncations), "hoop_session_recordings_truncated_total", of...)
	for word, n := range p.redactions {
		s.set(float64(n), metricRedactions, "connection", connection, "info_type", word, "type", kind)
	}
	for k, n := range p.matches {
		s.set(float64(n), "hoop_session_guardrail_matches_total", "connection", connection, "direction", k[1], "rule", k[0], "type", kind)
	}
	for k, n := range p.analyses {
		s.set(float64(n), "hoop_session_ai_analyses_total", "action", k[1], "connection", connection, "risk_level", k[0], "type", kind)
	}
	for k, n := range p.decisions {
		s.set(float64(n), "hoop_review_decisions_total", "connection", connection, "forced", k[0], "group", k[1], "status", k[2], "type", kind)
	}
	for name, h := range map[string]*histogram{metricInputSize: &p.inputSize, metricAccess: &p.access} {
		if counted || h.count > 0 {
			h.put(s, name, of...)
		}
	}
}

// emitBeyondConnections writes the samples that do not belong to a connection.
func (t *truth) emitBeyondConnections(s samples) {
	if t.o.Everything {
		for group, h := range t.groupWaits {
			h.put(s, metricGroupWait, "group", group)
		}
	}
	if t.o.Agents {
		for _, a := range t.g.cfg.Agents(t.o.Now) {
			up := 0.0
			if a.Status == AgentConnected {
				up = 1
			}
			s.set(up, "hoop_agent_up", "agent", a.Name, "version", a.Version)
		}
	}
}
