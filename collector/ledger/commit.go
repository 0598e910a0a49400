package ledger

import (
	"cmp"
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// connection is what is known of a connection.
type connection struct {
	name    string
	newest  sessionRef
	subtype string
	tags    map[string]string
	folded  bool
}

// recordConnection returns the connection's name, as one text for all sessions that it has.
func (l *Ledger) recordConnection(s *client.Session) string {
	name := clean(s.Connection)
	c := l.connections[name]
	if c == nil {
		c = &connection{name: name}
		l.connections[name] = c
		l.newConnections[name] = true
	}
	who := sessionRef{s.ID, s.StartDate.Time}
	if !who.newer(c.newest) && who != c.newest {
		return c.name
	}
	c.newest, c.subtype, c.tags = who, clean(s.ConnectionSubtype), nil
	for _, key := range l.options.ConnectionTags {
		if v, ok := s.ConnectionTags[key]; ok {
			if c.tags == nil {
				c.tags = map[string]string{}
			}
			c.tags[key] = clean(v)
		}
	}
	return c.name
}

// countersFor returns where a target's sessions are counted: under its own labels, or those that it shares.
func (l *Ledger) countersFor(t Target) *targetCounters {
	return l.countersUnder(Target{Connection: l.connectionLabel(t.Connection), Type: l.types.register(t.Type)})
}

func (l *Ledger) countersUnder(label Target) *targetCounters {
	a := l.counters[label]
	if a == nil {
		a = newTargetCounters(label)
		l.counters[label] = a
	}
	return a
}

func (l *Ledger) connectionLabel(name string) string {
	if c := l.connections[name]; c != nil && c.folded {
		return OtherConnection
	}
	return name
}

// labelsOf is what a target is shown as.
func (l *Ledger) labelsOf(t Target) Target {
	return Target{Connection: l.connectionLabel(t.Connection), Type: l.types.lookup(t.Type)}
}

// Commit ends a refresh at the time at (by the gateway's clock; now by the exporter's) and returns what may be shown. What depends on the order
// of rows is decided here, in sorted order.
func (l *Ledger) Commit(at, now time.Time) *Snapshot {
	l.admitNames()
	l.abandon(at)
	if len(l.seen) > 0 {
		l.prune()
	}
	l.baselineComplete = l.baselineComplete || len(l.unread) == 0
	l.generation++
	gauges := l.gauges(at)
	for label := range gauges {
		l.countersUnder(label)
	}
	for label, a := range l.counters {
		l.commitCounters(a, gauges[label] != nil || at.Sub(a.lastStart) < exposedFor, now)
	}
	return l.snapshot(at, gauges)
}

// admitNames gives names to new connections and words, and moves what was counted under names that are not admitted.
func (l *Ledger) admitNames() {
	for _, name := range sortedKeys(l.newConnections) {
		if l.options.MaxConnections == 0 || l.admitted < l.options.MaxConnections {
			l.admitted++
			continue
		}
		l.folded++
		l.connections[name].folded = true
		l.connections[name].tags = nil
	}
	clear(l.newConnections)
	for _, w := range []*labelLimiter{l.types, l.verbs, l.statuses, l.groups} {
		w.admit()
	}
	for t, a := range l.counters {
		fold(a.started, l.verbs)
		fold(a.resolved, l.statuses)
		if a.committed {
			continue
		}
		if label := l.labelsOf(t); label != t {
			delete(l.counters, t)
			l.countersUnder(label).add(a)
		}
	}
}

// abandon lets go what has been unfinished for too long.
func (l *Ledger) abandon(at time.Time) {
	limit := at.Add(-l.options.ForgetAfter)
	for id, e := range l.tracked {
		if !e.start.Before(limit) {
			continue
		}
		if e.state(at) != Finished {
			l.abandoned++
		}
		delete(l.tracked, id)
	}
	for id, m := range l.seen {
		if m.start.Before(l.backfillStart) && m.start.Before(limit) {
			delete(l.seen, id)
		}
	}
	for key, start := range l.malformed {
		if start.Before(limit) {
			delete(l.malformed, key)
		}
	}
}

// commitCounters gives birth to what is new, and releases what has been shown at its old value for long enough.
func (l *Ledger) commitCounters(a *targetCounters, expose bool, now time.Time) {
	for m := range Measures {
		l.unobserved[m] += a.unobserved[m]
		a.unobserved[m] = 0
	}
	a.committed = true
	a.ensureZeros()
	back := expose && !a.exposed && a.requested.exists()
	a.exposed = expose
	a.eachSeries(func(counted bool, b *lifecycle, stamp func(time.Time)) {
		stamp(now)
		switch {
		case !b.exists():
			b.create(l.createdAt(now), l.generation, l.holdFor(counted))
		case back:
			b.reappear(l.generation, l.holdFor(true))
		}
		b.release(now)
	})
}

// createdAt is since when a series that is born now has counted.
func (l *Ledger) createdAt(now time.Time) time.Time {
	if l.zeroAt.IsZero() || l.zeroAt.After(now) {
		return now
	}
	return l.zeroAt
}

// holdFor is for how long a new series shows its old value once it was served. One that has counted nothing yet needs to be served only once.
func (l *Ledger) holdFor(counted bool) time.Duration {
	switch {
	case l.options.FirstValueHold <= 0:
		return -1
	case counted:
		return l.options.FirstValueHold
	}
	return 0
}

func (l *Ledger) snapshot(at time.Time, gauges map[Target]*targetGauges) *Snapshot {
	s := &Snapshot{
		Generation: l.generation, At: at, T0: l.t0,
		BaselineComplete: l.baselineComplete, PendingComplete: l.pendingComplete,
		Tracked: len(l.tracked), Lost: l.lost, Abandoned: l.abandoned, Malformed: l.malformedTotal, Unobserved: l.unobserved,
		Unread: l.unread.total(), RecheckLag: l.recheckLag(at), Folded: l.folded,
	}
	names := map[string]bool{}
	for label, a := range l.counters {
		if !a.exposed {
			continue
		}
		s.Targets = append(s.Targets, a.snapshot(gauges[label]))
		names[label.Connection] = true
	}
	slices.SortFunc(s.Targets, func(a, b TargetSnapshot) int { return a.Target.compare(b.Target) })
	s.Connections = l.connectionInfos(names)
	return s
}

func (l *Ledger) connectionInfos(names map[string]bool) []Connection {
	out := make([]Connection, 0, len(names))
	for _, name := range sortedKeys(names) {
		info := Connection{Name: name}
		if c := l.connections[name]; c != nil {
			info.Subtype, info.Tags = c.subtype, c.tags
		}
		out = append(out, info)
	}
	return out
}

func (t Target) compare(o Target) int {
	return cmp.Or(cmp.Compare(t.Connection, o.Connection), cmp.Compare(t.Type, o.Type))
}

// recheckLag is how much more than a twentieth of its age has passed since an unfinished session was last looked at, for the worst of them. Pending
// ones are watched by their list.
func (l *Ledger) recheckLag(at time.Time) time.Duration {
	var lag time.Duration
	for _, e := range l.tracked {
		if !e.lost && !e.reviewPending() && e.state(e.lastSeen) != Finished {
			lag = max(lag, at.Sub(e.lastSeen)-at.Sub(e.start)/recheckDivisor)
		}
	}
	return lag
}
