package ledger

import (
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// targetGauges collects what is open of a target.
type targetGauges struct {
	open      [States]int
	running   []time.Time
	users     map[uint64]bool
	ready     time.Time
	reviews   map[string]int
	pending   []time.Time
	approvals map[string]*GroupApprovals
}

// gauges adds up what is tracked, by the labels that it is shown under.
func (l *Ledger) gauges(at time.Time) map[Target]*targetGauges {
	out := map[Target]*targetGauges{}
	for _, e := range l.tracked {
		if e.lost {
			continue
		}
		label := l.labelsOf(e.target)
		g := out[label]
		if g == nil {
			g = &targetGauges{users: map[uint64]bool{}, reviews: map[string]int{}, approvals: map[string]*GroupApprovals{}}
			out[label] = g
		}
		g.add(l, e, at)
	}
	return out
}

func (g *targetGauges) add(l *Ledger, e *session, at time.Time) {
	state := e.state(at)
	if state != Finished {
		g.open[state]++
	}
	if state == Running {
		g.running = append(g.running, e.runningSince(e.start))
		g.users[e.userHash] = true
	}
	r := e.review
	if r == nil {
		return
	}
	if state == Ready && r.kind == client.ReviewOneTime && !r.decision.IsZero() {
		g.ready = earlier(g.ready, r.decision)
	}
	if !e.reviewFinal(at, e.doneSeen) {
		g.reviews[l.statuses.lookup(r.status)]++
	}
	if state == Pending {
		g.pending = append(g.pending, r.created)
		g.addApprovals(l, r)
	}
}

func (g *targetGauges) addApprovals(l *Ledger, r *review) {
	labels := make([]string, 0, len(r.pendingGroups))
	for _, name := range r.pendingGroups {
		if label := l.groups.lookup(name); !slices.Contains(labels, label) {
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
		a.Oldest = earlier(a.Oldest, r.created)
	}
}

// earlier is the earlier one of two times of which the first may be missing.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// snapshot puts an account's counters and its gauges, if there are any, together.
func (a *targetCounters) snapshot(g *targetGauges) TargetSnapshot {
	n := TargetSnapshot{
		Target:  a.target,
		Started: publishCounters(a.started), Finished: publishCounters(a.finished), ExitCodes: publishCounters(a.exitCodes), Resolved: publishCounters(a.resolved),
		Requested: a.requested.publish(""),
	}
	for m, h := range a.histograms {
		if h != nil {
			n.Histograms[m] = h.publish(Measure(m), Bounds(Measure(m)))
		}
	}
	if g == nil {
		n.OpenReviews = []LabelCount{{Label: client.ReviewPending}}
		return n
	}
	slices.SortFunc(g.running, time.Time.Compare)
	slices.SortFunc(g.pending, time.Time.Compare)
	n.Open, n.RunningSince, n.RunningUsers, n.ReadySince, n.PendingSince = g.open, g.running, len(g.users), g.ready, g.pending
	g.reviews[client.ReviewPending] += 0
	for _, status := range sortedKeys(g.reviews) {
		n.OpenReviews = append(n.OpenReviews, LabelCount{status, g.reviews[status]})
	}
	for _, group := range sortedKeys(g.approvals) {
		n.Approvals = append(n.Approvals, *g.approvals[group])
	}
	return n
}

func publishCounters(m map[string]*series) []Counter {
	out := make([]Counter, 0, len(m))
	for _, label := range sortedKeys(m) {
		out = append(out, m[label].publish(label))
	}
	return out
}
