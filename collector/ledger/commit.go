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
	newest  sighting
	subtype string
	tags    map[string]string
	folded  bool
}

// noteConnection returns the connection's name, as one text for all sessions that it has.
func (l *Ledger) noteConnection(s *client.Session) string {
	name := clean(s.Connection)
	c := l.connections[name]
	if c == nil {
		c = &connection{name: name}
		l.connections[name] = c
		l.waiting[name] = true
	}
	who := sighting{s.ID, s.StartDate.Time}
	if !who.newer(c.newest) && who != c.newest {
		return c.name
	}
	c.newest, c.subtype, c.tags = who, clean(s.ConnectionSubtype), nil
	for _, key := range l.o.ConnectionTags {
		if v, ok := s.ConnectionTags[key]; ok {
			if c.tags == nil {
				c.tags = map[string]string{}
			}
			c.tags[key] = clean(v)
		}
	}
	return c.name
}

// account returns where a target's sessions are counted: under its own labels, or those that it shares.
func (l *Ledger) account(t Target) *account {
	return l.accountOf(Target{Connection: l.connectionLabel(t.Connection), Type: l.types.use(t.Type)})
}

func (l *Ledger) accountOf(label Target) *account {
	a := l.accounts[label]
	if a == nil {
		a = newAccount(label)
		l.accounts[label] = a
	}
	return a
}

func (l *Ledger) connectionLabel(name string) string {
	if c := l.connections[name]; c != nil && c.folded {
		return OtherConnection
	}
	return name
}

// label is what a target is shown as.
func (l *Ledger) label(t Target) Target {
	return Target{Connection: l.connectionLabel(t.Connection), Type: l.types.label(t.Type)}
}

// Commit ends a refresh at the time at (by the gateway's clock; now by the exporter's) and returns what may be shown. What depends on the order
// of rows is decided here, in sorted order.
func (l *Ledger) Commit(at, now time.Time) *Snapshot {
	l.admit()
	l.abandon(at)
	if len(l.seen) > 0 {
		l.prune()
	}
	l.baseline = l.baseline || len(l.unread) == 0
	l.generation++
	gauges := l.gauges(at)
	for label := range gauges {
		l.accountOf(label)
	}
	for label, a := range l.accounts {
		l.commitAccount(a, gauges[label] != nil || at.Sub(a.lastStart) < exposedFor, now)
	}
	return l.snapshot(at, gauges)
}

// admit gives names to new connections and words, and moves what was counted under names that are not admitted.
func (l *Ledger) admit() {
	for _, name := range sortedKeys(l.waiting) {
		if l.o.MaxConnections == 0 || l.admitted < l.o.MaxConnections {
			l.admitted++
			continue
		}
		l.folded++
		l.connections[name].folded = true
		l.connections[name].tags = nil
	}
	clear(l.waiting)
	for _, w := range []*words{l.types, l.verbs, l.statuses, l.groups} {
		w.settle()
	}
	for t, a := range l.accounts {
		fold(a.started, l.verbs)
		fold(a.resolved, l.statuses)
		if a.born {
			continue
		}
		if label := l.label(t); label != t {
			delete(l.accounts, t)
			l.accountOf(label).add(a)
		}
	}
}

// abandon lets go what has been unfinished for too long.
func (l *Ledger) abandon(at time.Time) {
	limit := at.Add(-l.o.ForgetAfter)
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
		if m.start.Before(l.floor) && m.start.Before(limit) {
			delete(l.seen, id)
		}
	}
	for key, start := range l.malformed {
		if start.Before(limit) {
			delete(l.malformed, key)
		}
	}
}

// commitAccount gives birth to what is new, and releases what has been shown at its old value for long enough.
func (l *Ledger) commitAccount(a *account, expose bool, now time.Time) {
	for m := range Measures {
		l.unobserved[m] += a.unobserved[m]
		a.unobserved[m] = 0
	}
	a.born = true
	a.zeros()
	back := expose && !a.exposed && a.requested.born()
	a.exposed = expose
	a.each(func(counted bool, b *birth, stamp func(time.Time)) {
		stamp(now)
		switch {
		case !b.born():
			b.bear(l.birthday(now), l.generation, l.hold(counted))
		case back:
			b.again(l.generation, l.hold(true))
		}
		b.release(now)
	})
}

// birthday is since when a series that is born now has counted.
func (l *Ledger) birthday(now time.Time) time.Time {
	if l.zeroAt.IsZero() || l.zeroAt.After(now) {
		return now
	}
	return l.zeroAt
}

// hold is for how long a new series shows its old value once it was served. One that has counted nothing yet needs to be served only once.
func (l *Ledger) hold(counted bool) time.Duration {
	switch {
	case l.o.FirstValueHold <= 0:
		return -1
	case counted:
		return l.o.FirstValueHold
	}
	return 0
}

func (l *Ledger) snapshot(at time.Time, gauges map[Target]*gauge) *Snapshot {
	s := &Snapshot{
		Generation: l.generation, At: at, T0: l.t0,
		BaselineComplete: l.baseline, PendingComplete: l.pendingRead,
		Tracked: len(l.tracked), Lost: l.lost, Abandoned: l.abandoned, Malformed: l.malformedSum, Unobserved: l.unobserved,
		Unread: l.unread.total(), RecheckLag: l.lag(at), Folded: l.folded,
	}
	names := map[string]bool{}
	for label, a := range l.accounts {
		if !a.exposed {
			continue
		}
		s.Targets = append(s.Targets, a.numbers(gauges[label]))
		names[label.Connection] = true
	}
	slices.SortFunc(s.Targets, func(a, b TargetNumbers) int { return a.Target.compare(b.Target) })
	s.Connections = l.infos(names)
	return s
}

func (l *Ledger) infos(names map[string]bool) []Connection {
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

// lag is how much more than a twentieth of its age has passed since an unfinished session was last looked at, for the worst of them. Pending
// ones are watched by their list.
func (l *Ledger) lag(at time.Time) time.Duration {
	var lag time.Duration
	for _, e := range l.tracked {
		if !e.lost && !e.pending() && e.state(e.looked) != Finished {
			lag = max(lag, at.Sub(e.looked)-at.Sub(e.start)/recheckShare)
		}
	}
	return lag
}
