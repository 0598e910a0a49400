package gatewaytest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// TruthOptions are the settings of an exporter that the values of its metrics depend on.
type TruthOptions struct {
	// T0 is when the exporter first ran: the Date of the first good answer.
	T0 time.Time
	// Now is the moment of the scrape. The default is the gateway's clock.
	Now time.Time
	// Lookback is how far before T0 sessions are read. AllowedLateness is how late a row can become visible and still count.
	Lookback, AllowedLateness time.Duration
	// ForgetAfter is the age at which unfinished sessions are forgotten. 0: never.
	ForgetAfter time.Duration
	// LongRunning and Overdue are the thresholds. The labels are the values of the label "threshold"; the defaults are the thresholds
	// themselves, such as 1h or 5m.
	LongRunning, Overdue             []time.Duration
	LongRunningLabels, OverdueLabels []string
	// EventSizeBuckets are upper bounds of classic buckets in bytes; DurationBuckets and WaitBuckets are in seconds.
	EventSizeBuckets, DurationBuckets, WaitBuckets []float64
	// InputSizeBuckets are in bytes; GroupWaitBuckets and AccessBuckets are in seconds.
	InputSizeBuckets, GroupWaitBuckets, AccessBuckets []float64
	// Everything adds the metrics about the protection of data and the decisions of groups, and the labels "identity" and "review_type".
	Everything bool
	// Agents adds hoop_agent_up.
	Agents bool
	// ConnectionTags are the tags in hoop_connection_info. A missing tag is an empty label.
	ConnectionTags []string
	// Filters are the exporter's filters, as sent to the API.
	client.Filters
}

// Truth is what an exporter that has read everything must expose.
type Truth struct {
	// Samples are the series of every metric about sessions, by name{label="value",...} with labels sorted by name. Histograms are _count,
	// _sum and cumulative _bucket. hoop_up and hoop_exporter_... are not included.
	Samples map[string]float64
	// Rewritten is the number of sessions and reviews that were counted by their first values and have others now. An exporter that did
	// not read in between can count at most that many under other labels.
	Rewritten int
	// Reworded is the number of sessions and decisions of groups that answers delivered in different words: in those of both versions of
	// the gateway, or with another decision. The first answer counts. An exporter that could not read it can count the words of another
	// one. It is 0 without [TruthOptions].Everything.
	Reworded int
	// Unobserved counts impossible values, which are not observed, by metric.
	Unobserved map[string]int
	// RecheckLag is how late the most overdue recheck of an unfinished session is. A recheck is due after a twentieth of the session's
	// age.
	RecheckLag time.Duration
}

// The names of the histograms.
const (
	metricEventSize = "hoop_session_event_size_bytes"
	metricDuration  = "hoop_session_duration_seconds"
	metricWait      = "hoop_review_wait_seconds"
)

// idle is how long a connection without sessions stays exposed.
const idle = 30 * day

// truth computes a [Truth] from all sessions.
type truth struct {
	g             *Gateway
	o             TruthOptions
	t0, now       int64
	from, forget  int64 // sessions that started before from are not read; those that started before forget are forgotten
	connections   map[string]*connection
	totals        map[[2]string]*totals
	groupWaits    map[string]*histogram
	out           Truth
	lag           int64
	long, overdue []threshold
}

type threshold struct {
	label string
	age   int64
}

// connection is what is known about a connection, across its types.
type connection struct {
	newest uint32 // the row of its newest session
	open   bool   // whether it has an unfinished session or review
}

// Truth computes the value of every metric now.
func (g *Gateway) Truth(o TruthOptions) Truth {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.advance(now.UnixMicro())
	if o.Now.IsZero() {
		o.Now = now
	}
	t := &truth{
		g: g, o: o, t0: microsOf(o.T0), now: o.Now.UnixMicro(), from: microsOf(o.T0.Add(-o.Lookback)),
		connections: map[string]*connection{}, totals: map[[2]string]*totals{}, groupWaits: map[string]*histogram{},
		out:  Truth{Samples: map[string]float64{}, Unobserved: map[string]int{}},
		long: thresholds(o.LongRunning, o.LongRunningLabels), overdue: thresholds(o.Overdue, o.OverdueLabels),
	}
	if o.ForgetAfter > 0 {
		t.forget = o.Now.Add(-o.ForgetAfter).UnixMicro()
	}
	match := g.matcher(o.filter())
	for _, i := range g.all.rows {
		r := g.at(i)
		if t.inScope(r) && (match == nil || match(r)) {
			t.session(i, r)
		}
	}
	t.emit()
	t.out.RecheckLag = time.Duration(t.lag) * time.Microsecond
	return t.out
}

func (o TruthOptions) filter() filter {
	var f filter
	for _, x := range []struct {
		text string
		to   **pattern
	}{{o.Connection, &f.connection}, {o.Type, &f.connectionType}, {o.User, &f.user}} {
		if x.text != "" {
			p := pattern(x.text)
			*x.to = &p
		}
	}
	if o.ReviewApprover != "" {
		f.approver = &o.ReviewApprover
	}
	return f
}

// inScope reports whether an exporter reads the session: it is in the lookback, or it was delivered as pending before it was forgotten.
func (t *truth) inScope(r *row) bool {
	if r.start >= t.from {
		return true
	}
	if r.extra == nil {
		return false
	}
	known := func(at int64) bool { return t.afterT0(at) && !t.forgotten(r, at) }
	m := &r.extra.memory
	return known(m.firstPending) || known(m.delivered.pending) || slices.ContainsFunc(m.past, func(p pastReview) bool { return known(p.delivered.pending) })
}

// afterT0 reports whether a moment is at or after T0; 0 is never.
func (t *truth) afterT0(at int64) bool { return at != 0 && at >= t.t0 }

// session adds one session to all metrics.
func (t *truth) session(i uint32, r *row) {
	tooLate := t.afterT0(r.visible) && r.visible-r.start > t.o.AllowedLateness.Microseconds()
	if tooLate && !r.is(delivered) {
		return
	}
	f := t.g.statusOf(r)
	c := t.g.conns.at(r.conn)
	sum := t.totalsOf(c.name, c.kind)
	first := t.g.firstValues(r, f, t.now)
	t.recheck(r)
	open := t.gauges(sum, r, f, first, tooLate)
	t.recordNewest(c.name, i, open)
	if !tooLate {
		t.counters(sum, r, f, first)
	}
}

func (t *truth) totalsOf(connection, kind string) *totals {
	k := [2]string{connection, kind}
	if t.totals[k] == nil {
		t.totals[k] = newTotals(t.o)
	}
	return t.totals[k]
}

// recordNewest records the newest session of a connection, by start and then id.
func (t *truth) recordNewest(name string, i uint32, open bool) {
	c := t.connections[name]
	if c == nil {
		c = &connection{}
		t.connections[name] = c
	}
	c.newest = i // rows are in that order
	c.open = c.open || open
}

// counters adds what happened since T0. It does not count what happened after the session was forgotten.
func (t *truth) counters(sum *totals, r *row, f sessionStatus, first firstValues) {
	if f.start >= t.t0 {
		sum.started[[2]string{f.verb, t.startedBy(r, f)}]++
		sum.counted = true
	}
	open, endKnown := r.deliveredOpen, false
	if m := r.extra; m != nil && len(m.memory.past) > 0 && t.afterT0(m.memory.past[0].delivered.final) {
		// Its first end was delivered before its second review was requested, and counts or not by what was known then.
		open, endKnown = m.memory.past[0].delivered.notFinal, true
	}
	sinceT0 := f.start >= t.t0 || t.afterT0(first.end.end) || t.afterT0(open)
	if first.ended && sinceT0 && !t.forgotten(r, r.finishedAt()) {
		t.finished(sum, f, first.end, endKnown)
		if t.o.Everything {
			t.protection(&sum.protection, r, first.end)
		}
	}
	if r.extra != nil {
		for _, p := range r.extra.memory.past {
			t.pastReview(sum, r, p)
		}
	}
	if t.o.Everything && r.is(deliveredByOld) && r.is(deliveredByNew) {
		t.out.Reworded++
	}
	if f.review != nil {
		t.review(sum, r, f, first)
	}
}

// forgotten reports whether a session was too old at a moment to be tracked.
func (t *truth) forgotten(r *row, at int64) bool {
	return t.o.ForgetAfter > 0 && r.start < at-t.o.ForgetAfter.Microseconds()
}

// finished counts a session by its status at its first end. now is its current status. endKnown says that an answer had that end.
func (t *truth) finished(sum *totals, now, end sessionStatus, endKnown bool) {
	sum.counted = true
	outcome := end.outcome()
	sum.finished[outcome]++
	if outcome != "rejected" {
		sum.exitCodes[exitLabel(end.exit)]++
	}
	switch {
	case outcome == "rejected":
	case end.size > 0:
		sum.size.observe(end.size)
	case end.size < 0:
		t.out.Unobserved[metricEventSize]++
	}
	if end.review == nil && end.end != 0 {
		if lasted := end.end - end.start; lasted >= 0 {
			sum.duration.observe(lasted)
		} else {
			t.out.Unobserved[metricDuration]++
		}
	}
	if !endKnown && (now.outcome() != outcome || now.exit != end.exit || now.size != end.size || now.end != end.end) {
		t.out.Rewritten++
	}
}

// exitLabel returns the value of the label "exit_code".
func exitLabel(code int16) string {
	switch {
	case code == noExit:
		return "none"
	case code < 0 || code > 255:
		return "other"
	}
	return strconv.Itoa(int(code))
}

// gauges adds what is open now, and reports whether anything is.
func (t *truth) gauges(sum *totals, r *row, f sessionStatus, first firstValues, tooLate bool) bool {
	if tooLate && !t.afterT0(r.deliveredOpen) {
		return false
	}
	state := f.state(t.now)
	if state != stateFinished && f.start < t.forget {
		return false
	}
	open := false
	if state != stateFinished {
		open = true
		sum.open[state]++
	}
	if state == stateRunning {
		t.running(sum, r, f)
	}
	if f.review != nil && !first.isFinal {
		open = true
		t.openReview(sum, f, state)
	}
	return open
}

// running adds a running session. It runs since its start, or since its approval if that is later.
func (t *truth) running(sum *totals, r *row, f sessionStatus) {
	since := f.start
	if f.review != nil {
		if at, decided := f.review.decision(); decided {
			since = max(since, at)
		}
	}
	sum.oldestRunning = earliest(sum.oldestRunning, since)
	u := t.g.users.at(r.user)
	sum.users[cmp.Or(u.id, u.email)] = true
	for k, h := range t.long {
		if t.now-since > h.age {
			sum.long[k]++
		}
	}
}

// recheck updates the lag with a session that was unfinished in the last answer. Sessions that were pending in it need no recheck, because
// the list of pending reviews covers them.
func (t *truth) recheck(r *row) {
	if r.extra != nil && r.extra.memory.delivered.pending == r.deliveredOpen {
		return
	}
	if r.is(lastDeliveredOpen) && t.afterT0(r.deliveredOpen) && r.start >= t.forget {
		t.lag = max(t.lag, t.now-r.deliveredOpen-(t.now-r.start)/20)
	}
}

// earliest returns the earlier of two moments. a is 0 if it is unknown.
func earliest(a, b int64) int64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// thresholds pairs ages with their labels.
func thresholds(ages []time.Duration, labels []string) []threshold {
	out := make([]threshold, len(ages))
	for i, age := range ages {
		out[i] = threshold{shortDuration(age), age.Microseconds()}
		if i < len(labels) {
			out[i].label = labels[i]
		}
	}
	return out
}

// shortDuration formats a duration without zero units: 1h, not 1h0m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
