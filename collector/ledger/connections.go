package ledger

import "github.com/hoop-exporter/hoop_exporter/client"

// connection is what is known of a connection that has a name of its own. tags and shown are replaced, never changed.
type connection struct {
	name    string
	newest  sessionRef
	subtype string
	tags    map[string]string // more than are shown, so that a key that is chosen later can be shown at once
	shown   map[string]string // the chosen ones
}

// recordConnection updates the connection of a row, and returns the name that its sessions are counted under, as one string that they
// share. A connection beyond the cap is not remembered.
func (l *Ledger) recordConnection(s *client.Session) string {
	name := clean(s.Connection)
	c := l.connections[name]
	if c == nil {
		if l.options.MaxConnections > 0 && l.admitted >= l.options.MaxConnections {
			l.folded.add(name)
			return otherConnection
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

func (l *Ledger) connectionLabel(name string) string {
	if l.connections[name] == nil {
		return otherConnection
	}
	return name
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

// chosenOf are the tags that are shown; nil for none.
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
