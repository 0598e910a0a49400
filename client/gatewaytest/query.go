package gatewaytest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds of a list request. Only new gateways bound offsets and cap totals.
const (
	defaultLimit = 20
	maxLimit     = 100
	maxOffset    = 10000
	maxTotal     = 10000
)

// The values of count, which only new gateways know. capped is the default.
const (
	countNone   = "none"
	countExact  = "exact"
	countCapped = "capped"
)

// query is a parsed list request.
type query struct {
	filter
	limit, offset int
	// windowed is true if start_date was given. Then from and to are the window, both inclusive, in Unix microseconds.
	windowed bool
	from, to int64
	count    string
}

// refusal is an error answer: the status code and the message.
type refusal struct {
	code    int
	message string
}

// parse parses a list request as the dialect does.
func (g *Gateway) parse(v url.Values, now time.Time) (query, *refusal) {
	q := query{limit: defaultLimit, to: now.Truncate(time.Second).UnixMicro()}
	if refused := g.parseDates(v, &q); refused != nil {
		return q, refused
	}
	if refused := g.parsePaging(v, &q); refused != nil {
		return q, refused
	}
	q.limit = min(q.limit, maxLimit)
	for _, p := range []struct {
		name string
		to   **pattern
	}{{"connection", &q.connection}, {"type", &q.connectionType}, {"user", &q.user}, {"review.status", &q.status}} {
		if !v.Has(p.name) {
			continue
		}
		like := pattern(v.Get(p.name))
		if !like.valid() {
			return q, sqlError()
		}
		*p.to = &like
	}
	if v.Has("review.approver") {
		email := v.Get("review.approver")
		q.approver = &email
	}
	return q, nil
}

// parseDates parses the window. An end_date without start_date is checked and then ignored.
func (g *Gateway) parseDates(v url.Values, q *query) *refusal {
	for _, p := range []struct {
		name string
		to   *int64
	}{{"start_date", &q.from}, {"end_date", &q.to}} {
		if !v.Has(p.name) {
			continue
		}
		t, err := time.Parse(time.RFC3339, v.Get(p.name))
		if err != nil && g.cfg.Dialect == Old {
			return invalid("failed listing sessions, start_date or end_date in wrong format")
		} else if err != nil {
			return invalidOption(p.name, "start_date or end_date in wrong format")
		}
		// The gateway drops the zone without a conversion, and the fraction of a second.
		*p.to = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC).UnixMicro()
	}
	q.windowed = v.Has("start_date")
	return nil
}

// parsePaging parses limit, offset and count.
func (g *Gateway) parsePaging(v url.Values, q *query) *refusal {
	for _, p := range []struct {
		name string
		to   *int
	}{{"limit", &q.limit}, {"offset", &q.offset}} {
		if !v.Has(p.name) {
			continue
		}
		n, err := strconv.Atoi(v.Get(p.name))
		if err != nil && g.cfg.Dialect >= New2026 {
			return invalidOption(p.name, fmt.Sprintf("must be an integer, got %q", v.Get(p.name)))
		} else if err != nil {
			n = 0 // the old gateway ignores the error
		}
		*p.to = n
	}
	if g.cfg.Dialect == Old {
		if q.limit < 0 || q.offset < 0 {
			return sqlError()
		}
		return nil
	}
	switch {
	case q.limit < 1:
		return invalidOption("limit", fmt.Sprintf("must be at least 1, got %d", q.limit))
	case q.offset < 0:
		return invalidOption("offset", fmt.Sprintf("must be at least 0, got %d", q.offset))
	case q.offset > maxOffset:
		return invalidOption("offset", fmt.Sprintf("must not be greater than %d, got %d; "+
			"narrow the result set with a filter instead of paginating deeper", maxOffset, q.offset))
	}
	switch q.count = v.Get("count"); {
	case !v.Has("count"):
		q.count = countCapped
	case q.count != countNone && q.count != countExact && q.count != countCapped:
		return invalidOption("count", fmt.Sprintf("must be none, exact or capped, got %q", q.count))
	}
	return nil
}

func invalid(message string) *refusal { return &refusal{http.StatusUnprocessableEntity, message} }

func invalidOption(name, why string) *refusal {
	return invalid(fmt.Sprintf("failed listing sessions, invalid %q option: %s", name, why))
}

// sqlError is the answer to a request that the database refuses. The reason is only in the gateway's log.
func sqlError() *refusal {
	return &refusal{http.StatusInternalServerError, "failed listing sessions (v2)"}
}

// kind returns the word under which [Stats] counts the request.
func (q query) kind() string {
	switch {
	case q.status != nil && q.windowed:
		return QueryStatusWindow
	case q.status != nil:
		return QueryStatus
	case q.windowed:
		return QueryWindow
	}
	return QueryNewest
}

// request returns the query for [Config.Cost].
func (q query) request(v url.Values) Request {
	out := Request{
		Path: PathSessions, Limit: q.limit, Offset: q.offset, Windowed: q.windowed,
		Filtered: q.status != nil || q.approver != nil, Count: strings.ToLower(v.Get("count")),
	}
	if q.windowed {
		out.Span = time.Duration(max(0, q.to-q.from)) * time.Microsecond
	}
	return out
}
