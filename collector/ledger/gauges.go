package ledger

import (
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// gauge collects what is open of a target.
type gauge struct {
	open      [States]int
	running   []time.Time
	users     map[uint64]bool
	ready     time.Time
	reviews   map[string]int
	pending   []time.Time
	approvals map[string]*GroupApprovals
}

// gauges adds up what is tracked, by the labels that it is shown under.
func (l *Ledger) gauges(at time.Time) map[Target]*gauge {
	out := map[Target]*gauge{}
	for _, e := range l.tracked {
		if e.lost {
			continue
		}
		label := l.label(e.target)
		g := out[label]
		if g == nil {
			g = &gauge{users: map[uint64]bool{}, reviews: map[string]int{}, approvals: map[string]*GroupApprovals{}}
			out[label] = g
		}
		g.add(l, e, at)
	}
	return out
}

func (g *gauge) add(l *Ledger, e *entry, at time.Time) {
	state := e.state(at)
	if state != Finished {
		g.open[state]++
	}
	if state == Running {
		g.running = append(g.running, e.runningSince(e.start))
		g.users[e.user] = true
	}
	r := e.review
	if r == nil {
		return
	}
	if state == Ready && r.kind == client.ReviewOneTime && !r.decision.IsZero() {
		g.ready = earlier(g.ready, r.decision)
	}
	if !e.atRest(at, e.done) {
		g.reviews[l.statuses.label(r.status)]++
	}
	if state == Pending {
		g.pending = append(g.pending, r.created)
		g.addApprovals(l, r)
	}
}

func (g *gauge) addApprovals(l *Ledger, r *review) {
	labels := make([]string, 0, len(r.pendingGroups))
	for _, name := range r.pendingGroups {
		if label := l.groups.label(name); !slices.Contains(labels, label) {
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

// numbers puts an account's counters and its gauges, if there are any, together.
func (a *account) numbers(g *gauge) TargetNumbers {
	n := TargetNumbers{
		Target:  a.target,
		Started: publish(a.started), Finished: publish(a.finished), ExitCodes: publish(a.exits), Resolved: publish(a.resolved),
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

func publish(m map[string]*series) []Counter {
	out := make([]Counter, 0, len(m))
	for _, label := range sortedKeys(m) {
		out = append(out, m[label].publish(label))
	}
	return out
}
