package ledger

import (
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Options are a ledger's settings.
type Options struct {
	// Lookback is how far the first read-back goes, Overlap how late a row may show up and still be counted, ForgetAfter when
	// an unfinished session is let go.
	Lookback, AllowedLateness, ForgetAfter time.Duration
	// FirstValueHold is for how long a series born with a value shows 0 first, from when it was first served; 0: not at all.
	FirstValueHold time.Duration
	// ConnectionTags are the tag keys to keep of a connection.
	ConnectionTags []string
	// MaxConnections is how many connections keep their name; 0: all.
	MaxConnections int
}

// Ledger counts every session and every review once.
//
// A row counts where it lies in territory that is still open (the stretch of the last overlap, or a stretch that has not been read)
// and is not known from there. What leaves open territory has been counted, so it needs no memory: a row from there that is neither
// tracked nor remembered feeds gauges at most.
type Ledger struct {
	options Options
	t0      time.Time

	// head is when the newest page was last asked for.
	head time.Time
	// watermark is where the open end of the territory begins: at or after it any unknown row is new.
	watermark time.Time
	// backfillStart is the oldest moment that was ever to be read.
	backfillStart time.Time
	// unread are the stretches that have not been read to the end.
	unread spans
	// baselineComplete and pendingRead tell that the first read-back, and the first reading of all pending reviews, are over.
	baselineComplete, pendingComplete bool

	tracked    map[string]*session
	seen       map[string]seenRow
	prunedSize int // size of seen after the last pruning

	counters       map[Target]*targetCounters
	connections    map[string]*connection
	newConnections map[string]bool // connections not admitted or folded yet
	admitted       int
	folded         int

	types, verbs, statuses, groups *labelLimiter

	malformed                       map[string]time.Time
	lost, abandoned, malformedTotal uint64
	unobserved                      [Measures]uint64
	generation                      uint64
	zeroAt                          time.Time // see ZeroAt
}

// seenRow is what is kept of a row in open territory.
type seenRow struct {
	start     time.Time
	malformed bool // it could not be read, so it has not been counted
}

// New returns a ledger that counts from t0, the gateway's time of its first good answer, and has read nothing yet.
func New(o Options, t0 time.Time) *Ledger {
	l := newEmpty(o)
	l.t0, l.head, l.watermark, l.backfillStart = t0, t0, watermarkAt(t0, o.AllowedLateness), t0.Add(-o.Lookback)
	l.unread = l.unread.add(Span{l.backfillStart, t0.Add(tick)})
	return l
}

// newEmpty returns a ledger that knows no time yet.
func newEmpty(o Options) *Ledger {
	return &Ledger{
		options: o,
		tracked: map[string]*session{}, seen: map[string]seenRow{},
		counters: map[Target]*targetCounters{}, connections: map[string]*connection{}, newConnections: map[string]bool{},
		types:     newLabelLimiter(maxUnknownLabels, "application", "command-line", "custom", "database", "httpproxy", "rdp", "ssh"),
		verbs:     newLabelLimiter(maxUnknownLabels, client.VerbConnect, client.VerbExec),
		statuses:  newLabelLimiter(maxUnknownLabels, append(finalStatuses(), client.ReviewPending)...),
		groups:    newLabelLimiter(maxGroups),
		malformed: map[string]time.Time{},
	}
}

// T0 is since when the ledger counts.
func (l *Ledger) T0() time.Time { return l.t0 }

// Watermark is where the open end of the territory begins.
func (l *Ledger) Watermark() time.Time { return l.watermark }

// BackfillStart is the oldest moment that was ever to be read: older rows come to sight only by accident, or because they wait for a review.
func (l *Ledger) BackfillStart() time.Time { return l.backfillStart }

// sinceT0 tells whether what happened at t counts.
func (l *Ledger) sinceT0(t time.Time) bool { return !t.IsZero() && !t.Before(l.t0) }

// isOpen tells whether a row from t that is not known is new.
func (l *Ledger) isOpen(t time.Time) bool { return !t.Before(l.watermark) || l.unread.contains(t) }

// Apply takes in rows as the gateway answered them at the time at, by its own clock. Within one refresh the order and repetition of
// distinct rows do not matter; of one id the later answer wins.
func (l *Ledger) Apply(at time.Time, rows []client.Session) {
	for i := range rows {
		l.apply(at, &rows[i])
	}
}

func (l *Ledger) apply(at time.Time, s *client.Session) {
	connection := l.recordConnection(s)
	e := l.tracked[s.ID]
	if e == nil {
		e = l.newSession(at, s, connection)
	}
	e.update(l, s, at)
	if e.isFinal(at) || e.start.Before(at.Add(-l.options.ForgetAfter)) && l.tracked[e.id] == nil {
		l.untrack(e)
		return
	}
	l.tracked[e.id] = e
}

// newSession makes an entry for a row that is not tracked, and says what of it has been counted before.
func (l *Ledger) newSession(at time.Time, s *client.Session, connection string) *session {
	start := s.StartDate.Time
	e := &session{
		id: s.ID, start: start, userHash: hashUser(s.UserID),
		target: Target{Connection: connection, Type: clean(s.Type)},
	}
	m, known := l.seen[s.ID]
	fresh := !known || m.malformed
	switch {
	case fresh && l.isOpen(start):
		l.remember(s.ID, seenRow{start: start})
	case fresh && start.Before(l.backfillStart):
		// Never read, and never to be read: what finished there is history. What is unfinished counts when it ends.
		f := statusOf(s)
		e.countedStart = true
		e.countedFinish = f.state(at) == Finished
		e.countedResolve, e.countedWait = e.countedFinish, e.countedFinish
	default:
		e.countedStart, e.countedFinish, e.countedRequest, e.countedResolve, e.countedWait = true, true, true, true, true
	}
	return e
}

// untrack lets an entry go that needs no further look.
func (l *Ledger) untrack(e *session) {
	delete(l.tracked, e.id)
	if l.isOpen(e.start) || e.start.Before(l.backfillStart) && e.sawUnfinished {
		l.remember(e.id, seenRow{start: e.start})
	}
}

func (l *Ledger) remember(id string, m seenRow) { l.seen[id] = m }

// ApplyMalformed takes in rows that could not be read. Each is counted once, and known from then on, so that it does not look like one that
// is missing; should it become readable it still counts.
func (l *Ledger) ApplyMalformed(at time.Time, rows []client.MalformedSession) {
	for _, m := range rows {
		if e := l.tracked[m.ID]; e != nil {
			e.lastSeen, e.leftPendingList, e.misses = at, false, 0
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
		if _, ok := l.malformed[key]; !ok && len(l.malformed) < maxMalformed {
			l.malformed[key] = start
			l.malformedTotal++
		}
		// One without an ID is not remembered as known: the total is no guide while it is there.
		if _, ok := l.seen[key]; !ok && m.ID != "" && l.isOpen(start) && l.tracked[key] == nil {
			l.remember(key, seenRow{start: start, malformed: true})
		}
	}
}

// SetZeroAt tells when all series that are not born yet were still 0, by the exporter's clock: they will be created then, and not only now. A server dates
// a scrape to when it began, which is before the refresh that it waits for, and takes no created timestamp that is later than that.
func (l *Ledger) SetZeroAt(t time.Time) { l.zeroAt = t }

// MarkServed tells that the snapshot of a generation was shown to a scraper at the time now, by the exporter's clock.
func (l *Ledger) MarkServed(generation uint64, now time.Time) {
	for _, a := range l.counters {
		a.eachSeries(func(_ bool, b *lifecycle, _ func(time.Time)) { b.markServed(generation, now) })
	}
}
