package gatewaytest

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// TruthOptions is what the numbers of an exporter depend on besides the gateway.
type TruthOptions struct {
	// T0 is when the exporter first ran: the Date of the first good answer.
	T0 time.Time
	// Now is the moment of the scrape, by default the gateway's clock.
	Now time.Time
	// Lookback is how far before T0 sessions are read. Overlap is how late a row may show up and still count.
	Lookback, Overlap time.Duration
	// ForgetAfter is the age at which unfinished sessions are let go. 0: never.
	ForgetAfter time.Duration
	// LongRunning and Overdue are the thresholds; the labels are their values of the label threshold, made of the
	// thresholds (1h, 5m) where they are left out.
	LongRunning, Overdue             []time.Duration
	LongRunningLabels, OverdueLabels []string
	// The upper bounds of the classic buckets, in bytes and seconds.
	EventSizeBuckets, DurationBuckets, WaitBuckets []float64
	// ConnectionTags are the tags shown by hoop_connection_info; one that is missing is an empty label.
	ConnectionTags []string
	// Connection, Type, User and ReviewApprover are the exporter's filters, as the API takes them. Empty: none.
	Connection, Type, User, ReviewApprover string
}

// Truth is what an exporter that has read everything must say.
type Truth struct {
	// Samples are the series of every metric about sessions, by name{label="value",...} with labels in the order of
	// their names; histograms as _count, _sum and cumulative _bucket. hoop_up and hoop_exporter_... are not among them.
	Samples map[string]float64
	// Rewritten is the number of sessions and reviews counted by what was said first that say something else by now.
	// An exporter that did not look in between breaks its totals down differently by at most as many.
	Rewritten int
	// Unobserved counts values that no histogram takes, by metric.
	Unobserved map[string]int
	// RecheckLag is by how much the most overdue look at an unfinished session is late, when each is due after a
	// twentieth of its age.
	RecheckLag time.Duration
}

// The histograms.
const (
	metricEventSize = "hoop_session_event_size_bytes"
	metricDuration  = "hoop_session_duration_seconds"
	metricWait      = "hoop_review_wait_seconds"
)

// idle is for how long a connection without sessions stays exposed.
const idle = 30 * day

// truth computes a [Truth] by looking at every session there is.
type truth struct {
	g             *Gateway
	o             TruthOptions
	t0, now       int64
	from, forget  int64 // sessions before these are not read, and are let go
	connections   map[string]*connection
	tallies       map[[2]string]*tally
	out           Truth
	lag           int64
	long, overdue []threshold
}

type threshold struct {
	label string
	age   int64
}

// connection is what is known of a connection, whatever its type.
type connection struct {
	newest uint32 // the row
	open   bool   // whether it has something open
}

// Truth computes what every metric must be now.
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
		connections: map[string]*connection{}, tallies: map[[2]string]*tally{},
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

// inScope tells whether an exporter ever gets to read the session, or got it as a pending one.
func (t *truth) inScope(r *row) bool {
	if r.start >= t.from {
		return true
	}
	return r.more != nil && t.since(r.more.past.shown.pending) && !t.letGo(r, r.more.past.shown.pending)
}

// since tells whether a moment lies after T0; 0 is never.
func (t *truth) since(at int64) bool { return at != 0 && at >= t.t0 }

// session adds one session to everything.
func (t *truth) session(i uint32, r *row) {
	tooLate := t.since(r.visible) && r.visible-r.start > t.o.Overlap.Microseconds()
	if tooLate && !r.is(served) {
		return
	}
	f := t.g.facts(r)
	c := t.g.conns.at(r.conn)
	y := t.tally(c.name, c.kind)
	first := t.g.firsts(r, f, t.now)
	t.recheck(r)
	open := t.gauges(y, r, f, first, tooLate)
	t.known(c.name, i, open)
	if !tooLate {
		t.counters(y, r, f, first)
	}
}

func (t *truth) tally(connection, kind string) *tally {
	k := [2]string{connection, kind}
	if t.tallies[k] == nil {
		t.tallies[k] = newTally(t.o)
	}
	return t.tallies[k]
}

// known notes the newest session of a connection, by start and then id.
func (t *truth) known(name string, i uint32, open bool) {
	c := t.connections[name]
	if c == nil {
		c = &connection{}
		t.connections[name] = c
	}
	c.newest = i // rows come in that order
	c.open = c.open || open
}

// counters adds what happened since T0. What was let go before it happened does not count.
func (t *truth) counters(y *tally, r *row, f facts, first firsts) {
	if f.start >= t.t0 {
		y.started[f.verb]++
		y.counted = true
	}
	sinceT0 := f.start >= t.t0 || t.since(first.end.end) || t.since(r.seenOpen)
	if first.ended && sinceT0 && !t.letGo(r, r.finishedAt()) {
		t.finished(y, f, first.end)
	}
	if f.review != nil {
		t.review(y, r, f, first)
	}
}

// letGo tells whether a session was too old at a moment to be still followed.
func (t *truth) letGo(r *row, at int64) bool {
	return t.o.ForgetAfter > 0 && r.start < at-t.o.ForgetAfter.Microseconds()
}

// finished counts a session by what it was at its first end; now is what it says today.
func (t *truth) finished(y *tally, now, end facts) {
	y.counted = true
	outcome := end.outcome()
	y.finished[outcome]++
	if outcome != "rejected" {
		y.exitCodes[exitLabel(end.exit)]++
	}
	switch {
	case outcome == "rejected":
	case end.size > 0:
		y.size.observe(end.size)
	case end.size < 0:
		t.out.Unobserved[metricEventSize]++
	}
	if end.review == nil && end.end != 0 {
		if lasted := end.end - end.start; lasted >= 0 {
			y.duration.observe(lasted)
		} else {
			t.out.Unobserved[metricDuration]++
		}
	}
	if now.outcome() != outcome || now.exit != end.exit || now.size != end.size || now.end != end.end {
		t.out.Rewritten++
	}
}

// exitLabel is the value of the label exit_code.
func exitLabel(code int16) string {
	switch {
	case code == noExit:
		return "none"
	case code < 0 || code > 255:
		return "other"
	}
	return strconv.Itoa(int(code))
}

// gauges adds what is open now, and tells whether something is.
func (t *truth) gauges(y *tally, r *row, f facts, first firsts, tooLate bool) bool {
	if tooLate && !t.since(r.seenOpen) {
		return false
	}
	state := f.state(t.now)
	if state != stateFinished && f.start < t.forget {
		return false
	}
	open := false
	if state != stateFinished {
		open = true
		y.open[state]++
	}
	if state == stateRunning {
		t.running(y, r, f)
	}
	if f.review != nil && !first.rested {
		open = true
		t.openReview(y, f, state)
	}
	return open
}

// running adds a session that runs: since its start, or since its approval where that came later.
func (t *truth) running(y *tally, r *row, f facts) {
	since := f.start
	if f.review != nil {
		if at, decided := f.review.decision(); decided {
			since = max(since, at)
		}
	}
	y.oldestRunning = earliest(y.oldestRunning, since)
	u := t.g.users.at(r.user)
	y.users[cmp.Or(u.id, u.email)] = true
	for k, h := range t.long {
		if t.now-since > h.age {
			y.long[k]++
		}
	}
}

// recheck finds the look that is most overdue, among the sessions of which the last answer said that they are unfinished. Those of which it
// said that they are pending are watched by the list of these, and need no look.
func (t *truth) recheck(r *row) {
	if r.more != nil && r.more.past.shown.pending == r.seenOpen {
		return
	}
	if r.is(knownOpen) && t.since(r.seenOpen) && r.start >= t.forget {
		t.lag = max(t.lag, t.now-r.seenOpen-(t.now-r.start)/20)
	}
}

// earliest of two moments, of which the first may not be known yet.
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

// shortDuration is 1h for what time.Duration calls 1h0m0s.
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
