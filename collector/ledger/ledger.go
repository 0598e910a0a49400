package ledger

import (
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Options are a ledger's settings.
type Options struct {
	// Lookback is how far the first read-back goes, Overlap how late a row may show up and still be counted, ForgetAfter when
	// an unfinished session is let go.
	Lookback, Overlap, ForgetAfter time.Duration
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
	o  Options
	t0 time.Time

	// head is when the newest page was last asked for.
	head time.Time
	// horizon is where the open end of the territory begins: at or after it any unknown row is new.
	horizon time.Time
	// floor is the oldest moment that was ever to be read.
	floor time.Time
	// unread are the stretches that have not been read to the end.
	unread spans
	// baseline and pendingRead tell that the first read-back, and the first reading of all pending reviews, are over.
	baseline, pendingRead bool

	tracked map[string]*entry
	seen    map[string]memory
	pruned  int // size of seen after the last pruning

	accounts    map[Target]*account
	connections map[string]*connection
	waiting     map[string]bool // connections not admitted or folded yet
	admitted    int
	folded      int

	types, verbs, statuses, groups *words

	malformed                     map[string]time.Time
	lost, abandoned, malformedSum uint64
	unobserved                    [Measures]uint64
	generation                    uint64
	zeroAt                        time.Time // see ZeroAt
}

// memory is what is kept of a row in open territory.
type memory struct {
	start     time.Time
	malformed bool // it could not be read, so it has not been counted
}

// New returns a ledger that counts from t0, the gateway's time of its first good answer, and has read nothing yet.
func New(o Options, t0 time.Time) *Ledger {
	l := empty(o)
	l.t0, l.head, l.horizon, l.floor = t0, t0, horizonOf(t0, o.Overlap), t0.Add(-o.Lookback)
	l.unread = l.unread.add(Span{l.floor, t0.Add(tick)})
	return l
}

// empty returns a ledger that knows no time yet.
func empty(o Options) *Ledger {
	return &Ledger{
		o:       o,
		tracked: map[string]*entry{}, seen: map[string]memory{},
		accounts: map[Target]*account{}, connections: map[string]*connection{}, waiting: map[string]bool{},
		types:     newWords(maxWords, "application", "command-line", "custom", "database", "httpproxy", "rdp", "ssh"),
		verbs:     newWords(maxWords, client.VerbConnect, client.VerbExec),
		statuses:  newWords(maxWords, append(restStatuses(), client.ReviewPending)...),
		groups:    newWords(maxGroups),
		malformed: map[string]time.Time{},
	}
}

// T0 is since when the ledger counts.
func (l *Ledger) T0() time.Time { return l.t0 }

// Horizon is where the open end of the territory begins.
func (l *Ledger) Horizon() time.Time { return l.horizon }

// Floor is the oldest moment that was ever to be read: older rows come to sight only by accident, or because they wait for a review.
func (l *Ledger) Floor() time.Time { return l.floor }

// counts tells whether what happened at t counts.
func (l *Ledger) counts(t time.Time) bool { return !t.IsZero() && !t.Before(l.t0) }

// open tells whether a row from t that is not known is new.
func (l *Ledger) open(t time.Time) bool { return !t.Before(l.horizon) || l.unread.contains(t) }

// Apply takes in rows as the gateway answered them at the time at, by its own clock. Within one refresh the order and repetition of
// distinct rows do not matter; of one id the later answer wins.
func (l *Ledger) Apply(at time.Time, rows []client.Session) {
	for i := range rows {
		l.apply(at, &rows[i])
	}
}

func (l *Ledger) apply(at time.Time, s *client.Session) {
	connection := l.noteConnection(s)
	e := l.tracked[s.ID]
	if e == nil {
		e = l.meet(at, s, connection)
	}
	e.update(l, s, at)
	if e.over(at) || e.start.Before(at.Add(-l.o.ForgetAfter)) && l.tracked[e.id] == nil {
		l.settle(e)
		return
	}
	l.tracked[e.id] = e
}

// meet makes an entry for a row that is not tracked, and says what of it has been counted before.
func (l *Ledger) meet(at time.Time, s *client.Session, connection string) *entry {
	start := s.StartDate.Time
	e := &entry{
		id: s.ID, start: start, user: hashUser(s.UserID),
		target: Target{Connection: connection, Type: clean(s.Type)},
	}
	m, known := l.seen[s.ID]
	fresh := !known || m.malformed
	switch {
	case fresh && l.open(start):
		l.remember(s.ID, memory{start: start})
	case fresh && start.Before(l.floor):
		// Never read, and never to be read: what finished there is history. What is unfinished counts when it ends.
		f := factsOf(s)
		e.started = true
		e.finished = f.state(at) == Finished
		e.resolved, e.waited = e.finished, e.finished
	default:
		e.started, e.finished, e.requested, e.resolved, e.waited = true, true, true, true, true
	}
	return e
}

// settle lets an entry go that needs no further look.
func (l *Ledger) settle(e *entry) {
	delete(l.tracked, e.id)
	if l.open(e.start) || e.start.Before(l.floor) && e.sawUnfinished {
		l.remember(e.id, memory{start: e.start})
	}
}

func (l *Ledger) remember(id string, m memory) { l.seen[id] = m }

// Malformed takes in rows that could not be read. Each is counted once, and known from then on, so that it does not look like one that
// is missing; should it become readable it still counts.
func (l *Ledger) Malformed(at time.Time, rows []client.MalformedSession) {
	for _, m := range rows {
		if e := l.tracked[m.ID]; e != nil {
			e.looked, e.left, e.missed = at, false, 0
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
			l.malformedSum++
		}
		// One without an ID is not remembered as known: the total is no guide while it is there.
		if _, ok := l.seen[key]; !ok && m.ID != "" && l.open(start) && l.tracked[key] == nil {
			l.remember(key, memory{start: start, malformed: true})
		}
	}
}

// ZeroAt tells when all series that are not born yet were still 0, by the exporter's clock: they will be created then, and not only now. A server dates
// a scrape to when it began, which is before the refresh that it waits for, and takes no created timestamp that is later than that.
func (l *Ledger) ZeroAt(t time.Time) { l.zeroAt = t }

// Served tells that the snapshot of a generation was shown to a scraper at the time now, by the exporter's clock.
func (l *Ledger) Served(generation uint64, now time.Time) {
	for _, a := range l.accounts {
		a.each(func(_ bool, b *birth, _ func(time.Time)) { b.serve(generation, now) })
	}
}
