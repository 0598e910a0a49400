package ledger

import (
	"cmp"
	"slices"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// connection is what is known of a connection that has a name of its own. tags and shown are replaced, never changed.
type connection struct {
	name    string
	newest  sessionRef
	subtype string
	tags    map[string]string // so many that a key that is chosen later can be shown at once
	shown   map[string]string // the chosen ones
}

// recordConnection updates the connection of a row, and returns the name that its sessions are counted under, as one string that they share. A
// connection beyond the cap is not remembered.
func (l *Ledger) recordConnection(s *client.Session) string {
	name := clean(s.Connection)
	c := l.connections[name]
	if c == nil {
		if l.options.MaxConnections > 0 && l.admitted >= l.options.MaxConnections {
			l.folded.add(name)
			return OtherConnection
		}
		c = &connection{name: name}
		l.connections[name] = c
		l.newConnections[name] = true
	}
	ref := sessionRef{s.ID, s.StartDate.Time}
	if !ref.newer(c.newest) && ref != c.newest {
		return c.name
	}
	c.newest, c.subtype, c.tags = ref, clean(s.ConnectionSubtype), l.tagsOf(s.ConnectionTags)
	c.shown = l.chosenOf(c.tags)
	return c.name
}

// tagsOf are the tags to remember: the chosen ones, and others in the order of their keys up to the limit.
func (l *Ledger) tagsOf(tags map[string]string) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, key := range l.options.ConnectionTags {
		if v, ok := tags[key]; ok {
			out[key] = clean(v)
		}
	}
	for _, key := range sortedKeys(tags) {
		if len(out) >= maxTags {
			break
		}
		if len(key) <= maxLabelBytes {
			out[key] = clean(tags[key])
		}
	}
	return out
}

// chosenOf are those tags that are shown; nil for none.
func (l *Ledger) chosenOf(tags map[string]string) map[string]string {
	var out map[string]string
	for _, key := range l.options.ConnectionTags {
		if v, ok := tags[key]; ok {
			if out == nil {
				out = map[string]string{}
			}
			out[key] = v
		}
	}
	return out
}

// countersFor returns the counters that a target's sessions go to: its own, or those that it shares.
func (l *Ledger) countersFor(t Target) *targetCounters {
	return l.countersUnder(Target{Connection: l.connectionLabel(t.Connection), Type: l.words.types.register(t.Type)})
}

func (l *Ledger) countersUnder(label Target) *targetCounters {
	c := l.counters[label]
	if c == nil {
		c = newTargetCounters(label)
		l.counters[label] = c
	}
	return c
}

func (l *Ledger) connectionLabel(name string) string {
	if l.connections[name] == nil {
		return OtherConnection
	}
	return name
}

// labelsOf are the label values that a target is exposed with.
func (l *Ledger) labelsOf(t Target) Target {
	return Target{Connection: l.connectionLabel(t.Connection), Type: l.words.types.lookup(t.Type)}
}

// Commit ends a refresh at the time at, by the gateway's clock, and now, by the exporter's. What depends on the order of rows is decided here,
// in sorted order, so that the order in which they came makes no difference.
func (l *Ledger) Commit(at, now time.Time) *Snapshot {
	l.admitNames()
	l.untrackFinal()
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
	for label, c := range l.counters {
		l.commitCounters(c, gauges[label] != nil || at.Sub(c.lastStart) < exposedFor, now)
	}
	for _, h := range l.groupWaits {
		l.commitSeries(true, false, &h.lifecycle, h.stampExemplars, now)
	}
	return l.snapshot(at, gauges)
}

// admitNames decides which new connections and label values keep their name, and moves what was counted under the others.
func (l *Ledger) admitNames() {
	l.admitConnections()
	for _, limiter := range l.words.all() {
		limiter.admit()
	}
	l.foldGroupWaits()
	for t, c := range l.counters {
		l.words.fold(c)
		if c.committed {
			continue
		}
		if label := l.labelsOf(t); label != t {
			delete(l.counters, t)
			l.countersUnder(label).add(c)
		}
	}
}

// admitConnections decides which new connections keep their name, and forgets the names of the others.
func (l *Ledger) admitConnections() {
	forgotten := false
	for _, name := range sortedKeys(l.newConnections) {
		if l.options.MaxConnections == 0 || l.admitted < l.options.MaxConnections {
			l.admitted++
			continue
		}
		l.folded.add(name)
		delete(l.connections, name)
		forgotten = true
	}
	clear(l.newConnections)
	if !forgotten {
		return
	}
	for _, s := range l.tracked {
		s.target.Connection = l.connectionLabel(s.target.Connection)
	}
}

// abandon drops sessions that have been unfinished for too long.
func (l *Ledger) abandon(at time.Time) {
	limit := at.Add(-l.options.ForgetAfter)
	for id, tracked := range l.tracked {
		if !tracked.start.Before(limit) {
			continue
		}
		if tracked.state(at) != Finished {
			l.abandoned++
		}
		delete(l.tracked, id)
	}
	for id, row := range l.seen {
		if row.start.Before(l.backfillStart) && row.start.Before(limit) {
			delete(l.seen, id)
		}
	}
	for key, start := range l.malformed {
		if start.Before(limit) {
			delete(l.malformed, key)
		}
	}
}

// commitCounters creates the new series, and releases those that have been shown at their old value for long enough.
func (l *Ledger) commitCounters(c *targetCounters, expose bool, now time.Time) {
	for m := range Measures {
		l.unobserved[m] += c.unobserved[m]
		c.unobserved[m] = 0
	}
	back := expose && !c.exposed && c.committed
	c.committed, c.exposed = true, expose
	c.ensureZeros(&l.options)
	c.eachSeries(func(counted bool, life *lifecycle, stamp func(time.Time)) {
		l.commitSeries(counted, back, life, stamp, now)
	})
}

// commitSeries creates a series if it is new, and releases it if it has been shown at its old value for long enough. back: it was not exposed for long.
func (l *Ledger) commitSeries(counted, back bool, life *lifecycle, stamp func(time.Time), now time.Time) {
	stamp(now)
	switch {
	case !life.exists():
		life.create(l.createdAt(now), l.generation, l.holdFor(counted))
	case back:
		life.reappear(l.generation, l.holdFor(true))
	}
	life.release(now)
}

// createdAt is the created timestamp of a series that is created now.
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
		Unread: l.unread.total(), RecheckLag: l.recheckLag(at), Folded: l.folded.count(),
	}
	names := map[string]bool{}
	for label, c := range l.counters {
		if !c.exposed {
			continue
		}
		s.Targets = append(s.Targets, c.snapshot(gauges[label]))
		names[label.Connection] = true
	}
	slices.SortFunc(s.Targets, func(a, b TargetSnapshot) int { return a.Target.compare(b.Target) })
	s.Connections = l.connectionInfos(names)
	for _, group := range sortedKeys(l.groupWaits) {
		s.GroupWaits = append(s.GroupWaits, GroupHistogram{group, l.groupWaits[group].visible()})
	}
	return s
}

func (l *Ledger) connectionInfos(names map[string]bool) []Connection {
	out := make([]Connection, 0, len(names))
	for _, name := range sortedKeys(names) {
		info := Connection{Name: name}
		if c := l.connections[name]; c != nil {
			info.Subtype, info.Tags = c.subtype, c.shown
		}
		out = append(out, info)
	}
	return out
}

func (t Target) compare(o Target) int {
	return cmp.Or(cmp.Compare(t.Connection, o.Connection), cmp.Compare(t.Type, o.Type))
}

// recheckLag is how much more than a twentieth of its age has passed since an unfinished session was last looked at, for the worst of them.
// Pending ones are watched by their list.
func (l *Ledger) recheckLag(at time.Time) time.Duration {
	var lag time.Duration
	for _, tracked := range l.tracked {
		if !tracked.lost && !tracked.reviewPending() && tracked.state(tracked.lastSeen) != Finished {
			lag = max(lag, at.Sub(tracked.lastSeen)-at.Sub(tracked.start)/recheckDivisor)
		}
	}
	return lag
}
