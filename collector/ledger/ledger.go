package ledger

import (
	"math"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Options are a ledger's settings.
type Options struct {
	// Lookback is how far the first backfill goes, AllowedLateness how late a row may show up and still be counted, ForgetAfter when an
	// unfinished session is abandoned.
	Lookback, AllowedLateness, ForgetAfter time.Duration
	// FirstValueHold is how long a series that is created with a value shows 0 first, counted from when it was first served; 0: not at all.
	FirstValueHold time.Duration
	// ConnectionTags are the tag keys to show of a connection.
	ConnectionTags []string
	// MaxConnections is how many connections keep their name; 0: all.
	MaxConnections int
	// NoDataProtection and NoDecisions leave out the counters and histograms about the protection of data, and about the decisions of
	// groups.
	NoDataProtection, NoDecisions bool
}

// Ledger counts every session and every review exactly once. It does no I/O and reads no clock; it is for one goroutine.
//
// Invariant: a row counts if, and only if, its start lies in open coverage and its id was not seen there before. Open coverage is
// everything from OpenFrom on, and every unread gap before it. All other time is closed: its rows have been counted, so the ledger
// remembers none of them (except for those that it retains after a step of the clock), and a row from there feeds gauges at most.
//
// Call order, within one refresh: [Ledger.ObserveTime] before each page; [Ledger.AdvanceHead] with the time of the newest page;
// [Ledger.Apply] and [Ledger.ApplyMalformed] with the rows of each page; [Ledger.MarkRead], [Ledger.AdvanceWatermark] and the Mark methods
// of rechecks and pending reviews once a page proves them; [Ledger.Finish] at the end, for what may be shown.
type Ledger struct {
	options Options
	t0      time.Time
	clock   clock

	// head is when the newest page was last requested, by the gateway's clock.
	head time.Time
	// watermark is the start from which each refresh looks for rows: all earlier rows that have become visible have been read, except for
	// the gaps.
	watermark time.Time
	// retainedFrom is the start from which rows are remembered, even those of closed coverage: the watermark or, until the head is at
	// retainedUntil, an earlier time. If it is later than the watermark, the gateway's clock went back.
	retainedFrom, retainedUntil time.Time
	// reviewsFrom is the time from which a further review of a session that has been counted is new, unless it is remembered.
	reviewsFrom time.Time
	// backfillStart is the oldest time that coverage reaches back to.
	backfillStart time.Time
	// unread are the gaps: stretches that have not been read to the end.
	unread spans
	// baselineComplete and pendingComplete say that the first backfill, and the first reading of all pending reviews, are over.
	baselineComplete, pendingComplete bool

	tracked    map[string]*session // by id: sessions that are rechecked
	seen       map[string]seenRow  // by id: rows known from open coverage
	prunedSize int                 // of seen after the last pruning

	counters       map[Target]*targetCounters
	connections    map[string]*connection
	newConnections map[string]bool // not admitted or folded yet
	admitted       int
	folded         distinct // the names of connections that share one

	groupWaits map[string]*histogram // by group
	words      vocabulary

	malformed                       map[string]time.Time
	lost, abandoned, malformedTotal uint64
	unobserved                      [Measures]uint64
	generation                      uint64
	zeroAt                          time.Time // see SetZeroAt
}

// seenRow is what is remembered of a row in open coverage, or of one whose review was requested recently.
type seenRow struct {
	start     time.Time
	uncounted bool // nothing of it has been counted: it could not be read, or was first seen in closed coverage
	// review is the last review that was known when the session was dropped, and requested is when that was requested; 0: none.
	review    uint64
	requested time.Time
}

// New returns a ledger that counts from t0, the gateway's time of its first good answer, and has read nothing yet.
func New(o Options, t0 time.Time) *Ledger {
	l := newEmpty(o)
	l.t0, l.head, l.watermark, l.backfillStart = t0, t0, watermarkAt(t0, o.AllowedLateness), t0.Add(-o.Lookback)
	l.retainedFrom, l.clock = l.backfillStart, clock{before: t0, ahead: math.MinInt64}
	l.retain(t0)
	l.unread = l.unread.add(Span{l.backfillStart, t0.Add(Tick)})
	l.reviewsFrom = t0
	return l
}

// newEmpty returns a ledger that knows no time yet.
func newEmpty(o Options) *Ledger {
	return &Ledger{
		options: o,
		tracked: map[string]*session{}, seen: map[string]seenRow{},
		counters: map[Target]*targetCounters{}, connections: map[string]*connection{}, newConnections: map[string]bool{},
		groupWaits: map[string]*histogram{}, words: newVocabulary(), malformed: map[string]time.Time{},
	}
}

// T0 is the time from which the ledger counts.
func (l *Ledger) T0() time.Time { return l.t0 }

// Watermark is the start from which each refresh looks for rows.
func (l *Ledger) Watermark() time.Time { return l.watermark }

// sinceT0 reports whether what happened at t counts; the zero time never does.
func (l *Ledger) sinceT0(t time.Time) bool { return !t.IsZero() && !t.Before(l.t0) }

// OpenFrom is where the open end of coverage starts: except in gaps, an unknown session that starts before it is not counted.
func (l *Ledger) OpenFrom() time.Time { return Later(l.watermark, l.retainedFrom) }

// isOpen reports whether t lies in open coverage, where an unknown row is new.
func (l *Ledger) isOpen(t time.Time) bool { return !t.Before(l.OpenFrom()) || l.unread.contains(t) }

// Apply updates the ledger with rows that the gateway sent at the time at, by its own clock. Within one refresh, the order and repetition
// of distinct rows do not matter; for each id, the latest answer wins.
func (l *Ledger) Apply(at time.Time, rows []client.Session) {
	for i := range rows {
		l.apply(at, &rows[i])
	}
}

func (l *Ledger) apply(at time.Time, row *client.Session) {
	if l.isTooFarAhead(at, row) {
		l.countMalformed(row.ID, at)
		return
	}
	connection := l.recordConnection(row)
	status := statusOf(row)
	s := l.tracked[row.ID]
	if s == nil {
		if seen, _ := l.recall(row.ID); seen.hasLaterReview(status.review) {
			return // an old answer
		}
		s = l.newSession(at, row, connection, &status)
	}
	s.update(l, row, status, at)
	if s.start.Before(at.Add(-l.options.ForgetAfter)) && l.tracked[s.id] == nil {
		l.untrack(s)
		return
	}
	l.tracked[s.id] = s
}

// MaxAhead is how far ahead of the gateway's time a session may start. That is farther than any window that is read, and more than the
// clocks of a gateway's replicas differ.
const MaxAhead = 6 * time.Hour

// TooFarAhead reports whether a start lies so far in the future that nothing is read there; at is the gateway's time.
func TooFarAhead(at, start time.Time) bool { return start.After(at.Add(MaxAhead)) }

// isTooFarAhead reports whether an unknown row starts too far ahead: it is neither counted nor remembered, because its id would have to be
// kept until then. If its start proves right, it counts when it is read again.
func (l *Ledger) isTooFarAhead(at time.Time, row *client.Session) bool {
	if !TooFarAhead(at, row.StartDate.Time) || l.tracked[row.ID] != nil {
		return false
	}
	_, known := l.seen[row.ID]
	return !known
}

// countMalformed counts a malformed session once.
func (l *Ledger) countMalformed(key string, start time.Time) {
	if _, ok := l.malformed[key]; !ok && len(l.malformed) < maxMalformed {
		l.malformed[key] = start
		l.malformedTotal++
	}
}

// newSession makes the session of a row that is not tracked, and marks which of its events have been counted before.
func (l *Ledger) newSession(at time.Time, row *client.Session, connection string, status *sessionStatus) *session {
	start := row.StartDate.Time
	s := &session{
		id: row.ID, start: start, userHash: hash64(row.UserID),
		target: Target{Connection: connection, Type: clean(row.Type)},
	}
	seen, known := l.recall(row.ID)
	fresh := !known || seen.uncounted
	switch {
	case fresh && l.isOpen(start):
		l.remember(row.ID, seenRow{start: start})
	case fresh && start.Before(l.backfillStart) && status.state(at) != Finished:
		// Its start was never read, and never will be: it counts when it ends. Sessions that have finished there do not count.
		s.countedStart = true
	default:
		s.countedStart, s.countedFinish = true, true
		counted := !l.isFurtherReview(status.review, seen, start, at)
		s.countedRequest, s.countedResolve, s.countedWait, s.countedDecisions = counted, counted, counted, counted
	}
	return s
}

// untrackFinal drops the sessions that need no further look. It runs at the end of a refresh, because the same row can come again until
// then.
func (l *Ledger) untrackFinal() {
	for _, s := range l.tracked {
		if s.isFinal() {
			l.untrack(s)
		}
	}
}

// untrack drops a session, and remembers its id and its last review if the row, or the review, could look new.
func (l *Ledger) untrack(s *session) {
	delete(l.tracked, s.id)
	row, known := l.recall(s.id)
	row.start, row.uncounted = s.start, l.isUncounted(s, row, known)
	if s.review != nil && s.review.id != 0 {
		row.review, row.requested = s.review.id, s.review.created
	}
	if l.isOpen(s.start) || s.start.Before(l.backfillStart) && s.sawUnfinished || l.couldLookNew(row) {
		l.remember(s.id, row)
	}
}

// recall returns what has to be remembered of a row; false if nothing has to.
func (l *Ledger) recall(id string) (seenRow, bool) {
	row, ok := l.seen[id]
	if !ok || !l.mustRemember(row) {
		return seenRow{}, false
	}
	return row, true
}

func (l *Ledger) remember(id string, row seenRow) { l.seen[id] = row }

// ApplyMalformed updates the ledger with rows that could not be read. Each is counted once as malformed, and known from then on, so that it
// does not look like a missing row; if it becomes readable, it still counts as a session.
func (l *Ledger) ApplyMalformed(at time.Time, rows []client.MalformedSession) {
	for _, m := range rows {
		if s := l.tracked[m.ID]; s != nil {
			s.lastSeen, s.leftPendingList, s.misses = at, false, 0
		}
		start := m.StartDate.Time
		if start.IsZero() {
			start = m.Near
		}
		if start.IsZero() {
			start = at
		}
		key := m.ID
		if key == "" {
			key = "unreadable " + m.Digest
		}
		l.countMalformed(key, Earlier(start, at.Add(MaxAhead)))
		// A row without an ID is not remembered as known: as long as it exists, the gateway's total proves nothing.
		if _, ok := l.seen[key]; !ok && m.ID != "" && !TooFarAhead(at, start) && l.isOpen(start) && l.tracked[key] == nil {
			l.remember(key, seenRow{start: start, uncounted: true})
		}
	}
}

// SetZeroAt sets a time at which all series that do not exist yet were still 0, by the exporter's clock: that is their created timestamp,
// instead of now. Prometheus dates a scrape to its beginning, which is before the refresh that the scrape waits for, and rejects a created
// timestamp later than that.
func (l *Ledger) SetZeroAt(t time.Time) { l.zeroAt = t }

// MarkServed records that the snapshot of a generation was served to a scraper at the time now, by the exporter's clock.
func (l *Ledger) MarkServed(generation uint64, now time.Time) {
	for _, c := range l.counters {
		c.eachSeries(func(_ bool, life *lifecycle, _ func(time.Time)) { life.markServed(generation, now) })
	}
	for _, h := range l.groupWaits {
		h.markServed(generation, now)
	}
}
