package ledger

import (
	"cmp"
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// targetGauges sums up the sessions and reviews of one target that are not final, within one commit.
type targetGauges struct {
	open      [States]int
	running   []time.Time
	users     map[uint64]bool
	ready     time.Time
	reviews   map[Labels]int // by status and type
	pending   []time.Time
	approvals map[string]*GroupApprovals
}

// gauges sums up the tracked sessions by the labels that they are exposed with.
func (l *Ledger) gauges(at time.Time) map[Target]*targetGauges {
	out := map[Target]*targetGauges{}
	for _, s := range l.tracked {
		if s.lost {
			continue
		}
		label := l.labelsOf(s.target)
		g := out[label]
		if g == nil {
			g = &targetGauges{users: map[uint64]bool{}, reviews: map[Labels]int{}, approvals: map[string]*GroupApprovals{}}
			out[label] = g
		}
		g.add(l, s, at)
	}
	return out
}

func (g *targetGauges) add(l *Ledger, s *session, at time.Time) {
	state := s.state(at)
	if state != Finished {
		g.open[state]++
	}
	if state == Running {
		g.running = append(g.running, s.runningSince(s.start))
		g.users[s.userHash] = true
	}
	r := s.review
	if r == nil {
		return
	}
	if state == Ready && r.kind == client.ReviewOneTime && isKnown(r.decision) {
		g.ready = earliest(g.ready, r.decision)
	}
	if !s.reviewFinal(at, s.doneSeen) {
		g.reviews[Labels{l.words.statuses.lookup(r.status), r.reviewType()}]++
	}
	if state == Pending {
		if isKnown(r.created) {
			g.pending = append(g.pending, r.created)
		}
		g.addApprovals(l, r)
	}
}

func (g *targetGauges) addApprovals(l *Ledger, r *review) {
	labels := make([]string, 0, len(r.pendingGroups))
	for _, name := range r.pendingGroups {
		if label := l.words.groups.lookup(name); !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	for _, label := range labels {
		a := g.approvals[label]
		if a == nil {
			a = &GroupApprovals{Group: label}
			g.approvals[label] = a
		}
		a.Count++
		if isKnown(r.created) {
			a.Oldest = earliest(a.Oldest, r.created)
		}
	}
}

// isKnown reports whether the API gave a time. Gateways write an unset time as null, as year 1 or as 1970.
func isKnown(t time.Time) bool { return t.Unix() > 0 }

// earliest is the earlier of two times; a zero first one is missing.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// snapshot is what may be shown of a target: its counters, and its gauges if there are any.
func (c *targetCounters) snapshot(g *targetGauges) TargetSnapshot {
	n := TargetSnapshot{
		Target:  c.target,
		Started: c.visible(startedSessions), Finished: c.visible(finishedSessions), ExitCodes: c.visible(exitCodes),
		Requested: c.visible(requestedReviews), Resolved: c.visible(resolvedReviews),
		Redactions: c.visible(redactions), RedactedBytes: c.visible(redactedBytes), RedactionErrors: c.visible(redactionErrors),
		TruncatedRecordings: c.visible(truncatedRecordings), GuardrailMatches: c.visible(guardrailMatches), AIAnalyses: c.visible(aiAnalyses),
		Decisions: c.visible(groupDecisions),
	}
	for m, h := range c.histograms {
		if h != nil {
			n.Histograms[m] = h.visible()
		}
	}
	n.OpenReviews = g.openReviews()
	if g == nil {
		return n
	}
	slices.SortFunc(g.running, time.Time.Compare)
	slices.SortFunc(g.pending, time.Time.Compare)
	n.Open, n.RunningSince, n.RunningUsers, n.ReadySince, n.PendingSince = g.open, g.running, len(g.users), g.ready, g.pending
	for _, group := range sortedKeys(g.approvals) {
		n.Approvals = append(n.Approvals, *g.approvals[group])
	}
	return n
}

// openReviews are the reviews that are not final, with zeros for those that are pending. g can be nil.
func (g *targetGauges) openReviews() []ReviewCount {
	out := make([]ReviewCount, 0, len(reviewTypes()))
	for _, kind := range reviewTypes() {
		if g == nil || g.reviews[Labels{client.ReviewPending, kind}] == 0 {
			out = append(out, ReviewCount{client.ReviewPending, kind, 0})
		}
	}
	if g != nil {
		for labels, count := range g.reviews {
			out = append(out, ReviewCount{labels[0], labels[1], count})
		}
	}
	slices.SortFunc(out, func(a, b ReviewCount) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Type, b.Type))
	})
	return out
}

// visible returns what may be shown of a family, sorted by its labels. Snapshots share it as long as nothing in it changes.
func (c *targetCounters) visible(f family) []Counter {
	if c.shown == nil {
		c.shown = &[families][]Counter{}
	}
	all, out, shared := c.counters[f], c.shown[f], true
	if len(out) != len(all) || slices.ContainsFunc(out, func(n Counter) bool { return all[n.Labels] == nil }) {
		out, shared = make([]Counter, 0, len(all)), false
		for labels := range all {
			out = append(out, Counter{Labels: labels})
		}
		slices.SortFunc(out, func(a, b Counter) int { return a.Labels.compare(b.Labels) })
	}
	for i := range out {
		now := all[out[i].Labels].visible(out[i].Labels)
		if now.equal(&out[i]) {
			continue
		}
		if shared {
			out, shared = slices.Clone(out), false
		}
		out[i] = now
	}
	c.shown[f] = out
	return out
}

func (c *Counter) equal(o *Counter) bool {
	return c.Value == o.Value && c.Created.Equal(o.Created) && c.Labels == o.Labels &&
		(c.Exemplar == o.Exemplar || c.Exemplar != nil && o.Exemplar != nil && *c.Exemplar == *o.Exemplar)
}
