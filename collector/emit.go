package collector

import (
	"sort"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// versionUnknown is the version of a gateway that answers without naming one.
const versionUnknown = "unknown"

// view is what a scrape shows besides the snapshot.
type view struct {
	// Now is the gateway's time now: what long-running and overdue are measured against.
	Now time.Time
	// Counted is the snapshot whose counters and histograms are shown; nil: the one whose gauges are.
	Counted *ledger.Snapshot
	// Up tells that the last ended refresh succeeded.
	Up bool
	// Withheld tells that no refresh has succeeded for so long that gauges would be old news. Then the gateway is not up either.
	Withheld bool
	// Version is what the gateway's last answer named; "" where it named none, and before the first.
	Version string
	// VisibilityLimited tells that the credential's role is shown only part of the sessions.
	VisibilityLimited bool
	// LastSuccess is when a refresh last succeeded, by the exporter's clock; zero before the first.
	LastSuccess time.Time
}

func (e *exposition) describe(ch chan<- *prometheus.Desc) {
	for _, d := range e.all {
		ch <- d
	}
}

// collect sends everything that a scrape shows. s is nil before the first snapshot: what nothing is known of is not shown then.
func (e *exposition) collect(ch chan<- prometheus.Metric, s *ledger.Snapshot, v view) {
	e.collectView(ch, s, v)
	if v.Counted == nil {
		v.Counted = s
	}
	if s != nil {
		e.collectGauges(ch, s, v)
	}
	if v.Counted != nil {
		e.collectCounted(ch, v.Counted)
	}
}

func (e *exposition) collectGauges(ch chan<- prometheus.Metric, s *ledger.Snapshot, v view) {
	e.collectLedger(ch, s)
	for i := range s.Connections {
		e.collectConnection(ch, &s.Connections[i])
	}
	if v.Withheld {
		return
	}
	for i := range s.Targets {
		t := newTarget(e, ch, &s.Targets[i])
		t.collectSessions(s, &s.Targets[i], v.Now)
		t.collectReviews(s, &s.Targets[i], v.Now)
	}
}

// collectCounted sends what only grows.
func (e *exposition) collectCounted(ch chan<- prometheus.Metric, s *ledger.Snapshot) {
	ch <- &counter{desc: e.lost, value: s.Lost, created: s.T0}
	ch <- &counter{desc: e.abandoned, value: s.Abandoned, created: s.T0}
	ch <- &counter{desc: e.malformed, value: s.Malformed, created: s.T0}
	for m, n := range s.Unobserved {
		ch <- &counter{desc: e.unobserved, labels: e.measures[m].unobserved, value: n, created: s.T0}
	}
	for i := range s.Targets {
		t := newTarget(e, ch, &s.Targets[i])
		t.collectCounters(&s.Targets[i])
		t.collectHistograms(&s.Targets[i])
	}
}

// collectView sends what the exporter knows without a snapshot.
func (e *exposition) collectView(ch chan<- prometheus.Metric, s *ledger.Snapshot, v view) {
	ch <- &gauge{desc: e.up, value: flag(v.Up && !v.Withheld)}
	if v.Version == "" && !v.LastSuccess.IsZero() {
		v.Version = versionUnknown // it has answered
	}
	if v.Version != "" {
		ch <- &gauge{desc: e.gatewayInfo, labels: []*dto.LabelPair{labelPair("version", v.Version)}, value: 1}
	}
	ch <- &gauge{desc: e.lastRefresh, value: unixSeconds(v.LastSuccess)}
	ch <- &gauge{desc: e.staleAfter, value: e.staleLimit.Seconds()}
	ch <- &gauge{desc: e.withheld, value: flag(v.Withheld)}
	ch <- &gauge{desc: e.visibilityLimited, value: flag(v.VisibilityLimited)}
	ch <- &gauge{desc: e.baselineComplete, value: flag(s != nil && s.BaselineComplete)}
}

// collectLedger sends what the ledger says of its own work.
func (e *exposition) collectLedger(ch chan<- prometheus.Metric, s *ledger.Snapshot) {
	ch <- &gauge{desc: e.tracked, value: float64(s.Tracked)}
	ch <- &gauge{desc: e.unread, value: s.Unread.Seconds()}
	ch <- &gauge{desc: e.recheckLag, value: s.RecheckLag.Seconds()}
	ch <- &gauge{desc: e.folded, value: float64(s.Folded)}
}

func (e *exposition) collectConnection(ch chan<- prometheus.Metric, c *ledger.Connection) {
	labels := make([]*dto.LabelPair, 0, 2+len(e.tagKeys))
	labels = append(labels, labelPair(labelConnection, c.Name), labelPair("subtype", c.Subtype))
	for i, key := range e.tagKeys {
		labels = append(labels, labelPair(e.tagLabels[i], c.Tags[key]))
	}
	ch <- &gauge{desc: e.connectionInfo, labels: labels, value: 1}
}

// target sends the series of one target in one scrape.
type target struct {
	*exposition
	ch   chan<- prometheus.Metric
	both []*dto.LabelPair // connection and type
}

func newTarget(e *exposition, ch chan<- prometheus.Metric, n *ledger.TargetSnapshot) target {
	return target{e, ch, []*dto.LabelPair{labelPair(labelConnection, n.Connection), labelPair(labelType, n.Type)}}
}

// labels are the target's two with one more, sorted by name.
func (t target) labels(with *dto.LabelPair) []*dto.LabelPair {
	if with.GetName() > labelType {
		return []*dto.LabelPair{t.both[0], t.both[1], with}
	}
	return []*dto.LabelPair{t.both[0], with, t.both[1]}
}

// sendPlain sends a gauge without a label of its own.
func (t target) sendPlain(f family, value float64) {
	t.ch <- &gauge{desc: f.desc, labels: t.both, value: value}
}

func (t target) sendGauge(f family, with *dto.LabelPair, value float64) {
	t.ch <- &gauge{desc: f.desc, labels: t.labels(with), value: value}
}

// sendOldest sends a moment, if there is one.
func (t target) sendOldest(f family, at []time.Time) {
	if len(at) > 0 {
		t.sendPlain(f, unixSeconds(at[0]))
	}
}

// sendBeyond sends for each threshold how many of the moments, oldest first, are longer ago. A 0 is sent only where it is known to be one.
func (t target) sendBeyond(f family, of []threshold, moments []time.Time, now time.Time, zeros bool) {
	for _, th := range of {
		limit := now.Add(-th.after)
		n := sort.Search(len(moments), func(i int) bool { return !moments[i].Before(limit) })
		if n > 0 || zeros {
			t.sendGauge(f, th.label, float64(n))
		}
	}
}

func (t target) collectSessions(s *ledger.Snapshot, n *ledger.TargetSnapshot, now time.Time) {
	for state := range ledger.States {
		known := s.BaselineComplete
		if state == ledger.Pending {
			known = s.PendingComplete
		}
		if n.Open[state] > 0 || known {
			t.sendGauge(t.openSessions, t.states[state], float64(n.Open[state]))
		}
	}
	t.sendOldest(t.oldestRunning, n.RunningSince)
	t.sendBeyond(t.longRunning, t.runningLimits, n.RunningSince, now, s.BaselineComplete)
	if n.RunningUsers > 0 || s.BaselineComplete {
		t.sendPlain(t.runningUsers, float64(n.RunningUsers))
	}
	if !n.ReadySince.IsZero() {
		t.sendPlain(t.oldestReady, unixSeconds(n.ReadySince))
	}
}

func (t target) collectReviews(s *ledger.Snapshot, n *ledger.TargetSnapshot, now time.Time) {
	for _, r := range n.OpenReviews {
		if r.Count > 0 || r.Label == client.ReviewPending && s.PendingComplete {
			t.sendGauge(t.openReviews, labelPair(t.openReviews.label, r.Label), float64(r.Count))
		}
	}
	t.sendOldest(t.oldestPending, n.PendingSince)
	t.sendBeyond(t.overdue, t.overdueLimits, n.PendingSince, now, s.PendingComplete)
	for _, a := range n.Approvals {
		group := labelPair(t.approvals.label, a.Group)
		t.sendGauge(t.approvals, group, float64(a.Count))
		t.sendGauge(t.oldestApproval, group, unixSeconds(a.Oldest))
	}
}

func (t target) collectCounters(n *ledger.TargetSnapshot) {
	t.sendCounters(t.started, n.Started)
	t.sendCounters(t.finished, n.Finished)
	t.sendCounters(t.exitCodes, n.ExitCodes)
	t.sendCounters(t.resolved, n.Resolved)
	t.sendCounter(t.requested, t.both, &n.Requested)
}

func (t target) sendCounters(f family, of []ledger.Counter) {
	for i := range of {
		t.sendCounter(f, t.labels(labelPair(f.label, of[i].Label)), &of[i])
	}
}

func (t target) sendCounter(f family, labels []*dto.LabelPair, from *ledger.Counter) {
	c := &counter{desc: f.desc, labels: labels, value: from.Value, created: from.Created}
	if t.parts.exemplars {
		c.exemplar = from.Exemplar
	}
	t.ch <- c
}

func (t target) collectHistograms(n *ledger.TargetSnapshot) {
	for m, from := range n.Histograms {
		if from != nil {
			t.ch <- &histogram{desc: t.measures[m].desc, labels: t.both, from: from, parts: t.parts}
		}
	}
}

// unixSeconds is t as a Unix time, exact to the microsecond that the gateway knows; 0 for the zero time.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
