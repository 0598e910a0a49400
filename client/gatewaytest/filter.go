package gatewaytest

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// pattern is a SQL LIKE pattern: case-sensitive, anchored at both ends, with % and _ as wildcards; \ escapes the next character.
type pattern string

// valid reports whether the database accepts the pattern. It refuses one that ends within an escape.
func (p pattern) valid() bool {
	trailing := len(p) - len(strings.TrimRight(string(p), `\`))
	return trailing%2 == 0
}

// literal returns the text that matches, or false if more than one can.
func (p pattern) literal() (string, bool) {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '%', '_':
			return "", false
		case '\\':
			i++
		}
		b.WriteByte(p[i])
	}
	return b.String(), true
}

// match reports whether s matches.
func (p pattern) match(s string) bool {
	for len(p) > 0 {
		switch p[0] {
		case '%':
			for i := 0; i <= len(s); i++ {
				if p[1:].match(s[i:]) {
					return true
				}
			}
			return false
		case '_':
			_, size := utf8.DecodeRuneInString(s)
			if size == 0 {
				return false
			}
			p, s = p[1:], s[size:]
			continue
		case '\\':
			p = p[1:]
		}
		if s == "" || s[0] != p[0] {
			return false
		}
		p, s = p[1:], s[1:]
	}
	return s == ""
}

// filter selects sessions. A nil pattern selects all of them, an empty one only those whose value is empty.
type filter struct {
	connection, connectionType, user, status *pattern
	// approver is an e-mail. It selects the sessions about which a group of this person may decide.
	approver *string
	// only is the subject identifier of a caller who sees only the own sessions; empty for admins and auditors.
	only string
}

// matcher returns a function that reports whether a row is selected, or nil if every row is. It tests each connection and user once, not
// once per row, because there can be a million rows.
func (g *Gateway) matcher(f filter) func(*row) bool {
	var tests []func(*row) bool
	if f.connection != nil || f.connectionType != nil {
		pass := make([]bool, len(g.conns.values))
		for i, c := range g.conns.values {
			pass[i] = f.connection.passes(c.name) && f.connectionType.passes(c.kind)
		}
		tests = append(tests, func(r *row) bool { return pass[r.conn] })
	}
	if f.user != nil || f.only != "" {
		pass := make([]bool, len(g.users.values))
		for i, u := range g.users.values {
			pass[i] = f.user.passes(u.id) && (f.only == "" || f.only == u.id)
		}
		tests = append(tests, func(r *row) bool { return pass[r.user] })
	}
	if f.status != nil {
		tests = append(tests, func(r *row) bool { v := r.review(); return v != nil && f.status.match(v.storedStatus()) })
	}
	if f.approver != nil {
		groups := g.cfg.Approvers[*f.approver]
		tests = append(tests, func(r *row) bool {
			v := r.review()
			return v != nil && slices.ContainsFunc(v.Groups, func(d Group) bool { return slices.Contains(groups, d.Group) })
		})
	}
	switch len(tests) {
	case 0:
		return nil
	case 1:
		return tests[0]
	}
	return func(r *row) bool {
		for _, t := range tests {
			if !t(r) {
				return false
			}
		}
		return true
	}
}

// passes reports whether s matches or there is no pattern.
func (p *pattern) passes(s string) bool { return p == nil || p.match(s) }
