package ledger

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/state/statepb"
)

// errState is what is wrong with a state that cannot be read.
var errState = errors.New("the state is damaged")

// decoder fills an empty ledger from messages. What no ledger writes is an error, and the first one is kept: after it the ledger is not to be used.
type decoder struct {
	l       *Ledger
	symbols []string
	err     error
}

func (d *decoder) check(ok bool, what string) {
	if !ok && d.err == nil {
		d.err = fmt.Errorf("%w: %s", errState, what)
	}
}

func (d *decoder) ledger(m *statepb.Ledger) {
	l := d.l
	l.t0, l.backfillStart = timeOf(m.T0), timeOf(m.BackfillStart)
	l.firstT0 = timeOf(m.FirstT0)
	d.check(!l.t0.IsZero(), "it does not say since when it counts")
	l.baselineComplete, l.pendingComplete = m.BaselineComplete, m.PendingComplete
	l.lost, l.abandoned, l.malformedTotal = m.Lost, m.Abandoned, m.MalformedTotal
	l.unobserved = unobservedOf(m.Unobserved)
	d.gaps(m.UnreadGaps)
	d.labels(l.types, m.Types)
	d.labels(l.verbs, m.Verbs)
	d.labels(l.statuses, m.ReviewStatuses)
	d.labels(l.groups, m.Groups)
	d.connections(m.Connections)
	d.folded(m.FoldedConnections)
	d.targets(m.Targets)
	d.seen(m.Seen)
	d.malformed(m.Malformed)
}

func (d *decoder) progress(ledger *statepb.Ledger, m *statepb.Progress) {
	d.l.head, d.l.watermark, d.l.generation = timeOf(m.Head), timeOf(m.Watermark), m.Generation
	d.l.heldFrom, d.l.heldUntil, d.l.reviewsFrom = timeOf(m.HeldFrom), timeOf(m.HeldUntil), timeOf(m.ReviewsFrom)
	d.l.ahead = time.Duration(m.Ahead)
	d.check(!d.l.head.IsZero() && !d.l.watermark.IsZero() && !d.l.heldFrom.IsZero() && !d.l.reviewsFrom.IsZero(), "it does not say how far it has read")
	if len(m.Rechecked) != len(ledger.Sessions) {
		d.check(false, "its sessions and the times of their rechecks differ in number")
		return
	}
	d.sessions(ledger.Sessions, m.Rechecked)
}

// timeOf is the inverse of nanoseconds.
func timeOf(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

func (d *decoder) symbol(n uint32) string {
	if uint64(n) >= uint64(len(d.symbols)) {
		d.check(false, "a symbol is missing")
		return ""
	}
	return d.symbols[n]
}

// label is a symbol that is a label value.
func (d *decoder) label(n uint32) string {
	s := d.symbol(n)
	d.check(clean(s) == s, "a label value is invalid")
	return s
}

// ascending returns a function that checks that the keys of a list come in order, each once.
func (d *decoder) ascending(what string) func(key string) {
	first, last := true, ""
	return func(key string) {
		d.check(first || last < key, what+" are not in order, or one is there twice")
		first, last = false, key
	}
}

func unobservedOf(m *statepb.Unobserved) (n [Measures]uint64) {
	n[EventSize], n[Duration], n[ReviewWait] = m.GetEventSize(), m.GetDuration(), m.GetReviewWait()
	return n
}

func (d *decoder) gaps(gaps []*statepb.Gap) {
	var last time.Time
	for _, m := range gaps {
		s := Span{timeOf(m.From), timeOf(m.To)}
		d.check(s.From.Before(s.To) && !s.From.Before(last), "unread gaps are not in order")
		last = s.To
		d.l.unread = append(d.l.unread, s)
	}
}

func (d *decoder) labels(w *labelLimiter, m *statepb.LabelLimiter) {
	next := d.ascending("label values")
	for _, n := range m.GetAdmitted() {
		word := d.label(n)
		next(word)
		if _, known := w.admitted[word]; !known {
			w.admitted[word] = true
			w.admittedUnknown++
		}
	}
	d.check(w.admittedUnknown <= w.limit, "there are more label values than are admitted")
	next = d.ascending("waiting label values")
	for _, n := range m.GetWaiting() {
		word := d.label(n)
		next(word)
		w.candidates[word] = true
	}
}

func (d *decoder) connections(connections []*statepb.Connection) {
	next := d.ascending("connections")
	for _, m := range connections {
		c := &connection{
			name: d.label(m.Name), newest: sessionRef{m.NewestId, timeOf(m.NewestStart)}, subtype: d.label(m.Subtype),
			tags: make(map[string]string, len(m.Tags)),
		}
		next(c.name)
		nextTag := d.ascending("tags")
		for _, tag := range m.Tags {
			key := d.symbol(tag.Key)
			nextTag(key)
			c.tags[key] = d.label(tag.Value)
		}
		d.l.connections[c.name] = c
		if m.Waiting {
			d.l.newConnections[c.name] = true
		}
	}
}

func (d *decoder) folded(hashes []uint64) {
	d.check(len(hashes) <= maxDistinct, "it remembers too many folded connections")
	for i, h := range hashes {
		d.check(i == 0 || hashes[i-1] < h, "folded connections are not in order")
	}
	d.l.folded = hashes
}

func (d *decoder) targets(targets []*statepb.TargetCounters) {
	var last *targetCounters
	for _, m := range targets {
		a := newTargetCounters(Target{d.label(m.Connection), d.label(m.Type)})
		d.check(last == nil || last.target.compare(a.target) < 0, "targets are not in order, or one is there twice")
		last = a
		a.committed, a.exposed, a.lastStart, a.unobserved = m.Committed, m.Exposed, timeOf(m.NewestStart), unobservedOf(m.Unobserved)
		d.counters(a.started, m.Started)
		d.counters(a.finished, m.Finished)
		d.counters(a.exitCodes, m.ExitCodes)
		d.counters(a.resolved, m.Resolved)
		d.check(m.Requested != nil, "a target has no counter of requested reviews")
		d.counter(&a.requested, m.Requested)
		counted := m.EventSize != nil
		for measure, h := range []*statepb.Histogram{m.EventSize, m.Duration, m.ReviewWait} {
			d.check((h != nil) == counted, "a target has only some of its histograms")
			if h != nil {
				a.histograms[measure] = d.histogram(Measure(measure), h)
			}
		}
		d.l.counters[a.target] = a
	}
}

func (d *decoder) counters(to map[string]*series, counters []*statepb.Counter) {
	next := d.ascending("counters of a target")
	for _, m := range counters {
		label, s := d.label(m.Label), &series{}
		next(label)
		d.counter(s, m)
		to[label] = s
	}
}

func (d *decoder) counter(s *series, m *statepb.Counter) {
	s.lifecycle = d.birth(m.GetCreated(), m.GetHold())
	d.check(m.GetNotShown() <= m.GetValue(), "a counter has shown more than was counted")
	s.value, s.published = m.GetValue(), m.GetValue()-m.GetNotShown()
	if x := m.GetExemplar(); x != nil {
		d.check(x.Value == 0 && x.Bucket == 0, "a counter's exemplar has a value")
		s.exemplar = d.exemplar(x)
		s.exemplar.value = 1
	}
}

func (d *decoder) birth(created int64, hold *statepb.Hold) lifecycle {
	b := lifecycle{created: timeOf(created), released: hold == nil}
	if hold != nil {
		d.check(hold.Duration <= math.MaxInt64, "a series is held for ever")
		b.generation, b.servedAt, b.hold = hold.Generation, timeOf(hold.Served), time.Duration(hold.Duration)
	}
	return b
}

func (d *decoder) exemplar(m *statepb.Exemplar) exemplar {
	d.check(finite(m.Value), "an exemplar's value is not a number")
	return exemplar{session: sessionRef{m.SessionId, timeOf(m.SessionStart)}, value: m.Value, at: timeOf(m.Counted), set: true}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (d *decoder) histogram(measure Measure, m *statepb.Histogram) *histogram {
	bounds, counted := Bounds(measure), m.GetCounted()
	if !d.buckets(counted, len(bounds)+1) {
		return nil
	}
	h := newHistogram(measure)
	h.lifecycle = d.birth(m.Created, m.Hold)
	h.count, h.sum, h.classic = counted.Count, m.Sum, counted.Classic
	d.check(h.sum >= 0, "a histogram's sum is below 0")
	h.schema, h.zero, h.native = counted.Schema, counted.Zero, nativeOf(counted)
	for _, x := range counted.Exemplars {
		h.exemplars[x.Bucket] = d.exemplar(x)
	}
	switch {
	case m.Shown != nil:
		d.check(!m.ShownAll, "a histogram shows all and less than all")
		d.check(m.Shown.Count <= h.count, "a histogram has shown more than was counted")
		h.published = d.shown(h, bounds, m)
	case m.ShownAll:
		h.published = h.fullSnapshot(measure, bounds)
	}
	return h
}

// shown is what a histogram shows that has counted more by now.
func (d *decoder) shown(h *histogram, bounds []float64, m *statepb.Histogram) *Histogram {
	s := h.emptySnapshot(bounds)
	if !d.buckets(m.Shown, len(bounds)+1) {
		return s
	}
	d.check(finite(m.ShownSum), "a histogram's sum is not a number")
	s.Count, s.Sum, s.Buckets = m.Shown.Count, m.ShownSum, m.Shown.Classic
	s.Schema, s.Zero, s.Native = m.Shown.Schema, m.Shown.Zero, nativeOf(m.Shown)
	for _, m := range m.Shown.Exemplars {
		x := d.exemplar(m)
		s.Exemplars[m.Bucket] = x.visible()
	}
	return s
}

// buckets checks that there are as many classic buckets as there have to be, that each exemplar has one, and that all observations are in them.
func (d *decoder) buckets(m *statepb.Buckets, classic int) bool {
	if len(m.GetClassic()) != classic {
		d.check(false, "a histogram has other buckets")
		return false
	}
	const differs = "a histogram's buckets differ from its count"
	sum := uint64(0)
	for _, n := range m.Classic {
		d.check(n <= m.Count-sum, differs)
		sum += n
	}
	d.check(sum == m.Count, differs)
	bucket := -1
	for _, x := range m.Exemplars {
		if int64(x.Bucket) <= int64(bucket) || int64(x.Bucket) >= int64(classic) {
			d.check(false, "a histogram's exemplars are not in order")
			return false
		}
		bucket = int(x.Bucket)
	}
	d.check(m.Schema <= nativeSchema && m.Schema >= nativeSchemaMin, "a histogram's resolution is invalid")
	if len(m.NativeIndex) != len(m.NativeCount) || len(m.NativeIndex) > nativeBuckets {
		d.check(false, differs)
		return false
	}
	d.check(m.Zero <= m.Count, differs)
	sum = m.Zero
	for i, n := range m.NativeCount {
		d.check(i == 0 || m.NativeIndex[i-1] < m.NativeIndex[i], "a histogram's buckets are not in order")
		d.check(m.NativeIndex[i] > -maxNativeIndex && m.NativeIndex[i] < maxNativeIndex, "a histogram's bucket is out of range")
		d.check(n <= m.Count-sum, differs)
		sum += n
	}
	d.check(sum == m.Count, differs)
	return true
}

// maxNativeIndex is far beyond any index that there is.
const maxNativeIndex = 1 << 20

func nativeOf(m *statepb.Buckets) []NativeBucket {
	var b []NativeBucket
	for i, index := range m.NativeIndex {
		b = append(b, NativeBucket{Index: index, Count: m.NativeCount[i]})
	}
	return b
}

func (d *decoder) sessions(sessions []*statepb.Session, rechecked []int64) {
	d.l.tracked = make(map[string]*session, len(sessions))
	next := d.ascending("sessions")
	for i, m := range sessions {
		next(m.Id)
		s := &session{
			id: m.Id, target: Target{d.label(m.Connection), d.label(m.Type)}, userHash: m.User, start: timeOf(m.Start),
			sessionStatus: sessionStatus{verb: d.symbol(m.Verb), status: d.symbol(m.Status), end: timeOf(m.End), eventSize: m.EventSize},
			lastSeen:      timeOf(rechecked[i]), doneSeen: timeOf(m.Finished), misses: int(min(m.Missed, 1<<30)), leftPendingList: m.LeftList, lost: m.Lost,
			countedStart: m.CountedStarted, countedFinish: m.CountedFinished,
			countedRequest: m.CountedRequested, countedResolve: m.CountedResolved, countedWait: m.CountedWait,
			sawUnfinished: m.SeenUnfinished, sawReviewOpen: m.SeenUnresolved, sawUndecided: m.SeenUndecided,
		}
		if m.ExitCode != nil {
			code := int(*m.ExitCode)
			s.exitCode = &code
		}
		if r := m.Review; r != nil {
			s.review = &review{
				id: r.Id, kind: d.symbol(r.Type), status: d.symbol(r.Status),
				created: timeOf(r.Created), revokeAt: timeOf(r.RevokeAt), decision: timeOf(r.Decided), revokedAt: timeOf(r.Revoked),
			}
			for _, group := range r.PendingGroups {
				s.review.pendingGroups = append(s.review.pendingGroups, d.symbol(group))
			}
		}
		d.l.tracked[m.Id] = s
	}
}

func (d *decoder) seen(sessions []*statepb.SeenSession) {
	d.l.seen = make(map[string]seenRow, len(sessions))
	next := d.ascending("known sessions")
	for _, m := range sessions {
		next(m.Id)
		d.l.seen[m.Id] = seenRow{start: timeOf(m.Start), uncounted: m.Uncounted, review: m.Review, requested: timeOf(m.Requested)}
	}
}

func (d *decoder) malformed(sessions []*statepb.MalformedSession) {
	d.check(len(sessions) <= maxMalformed, "it remembers too many malformed sessions")
	next := d.ascending("malformed sessions")
	for _, m := range sessions {
		next(m.Key)
		d.l.malformed[m.Key] = timeOf(m.Start)
	}
}
