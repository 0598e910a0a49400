package client

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds of the API.
const (
	// MaxLimit is the largest page that a gateway returns. A larger limit is clamped to it.
	MaxLimit = 100
	// MaxOffset is the largest offset that every gateway answers. New gateways reject a larger one with 422.
	MaxOffset = 10000
)

// Filters narrow the sessions of a gateway. The zero value selects all of them; an empty field is not sent. Filters is comparable: equal
// values select the same sessions.
//
// In a request, Connection, Type and User are SQL LIKE patterns: case-sensitive, anchored at both ends, with % and _ as wildcards.
// [Filters.Literal] turns names into such patterns.
type Filters struct {
	// Connection selects by the connection's name: parameter `connection`.
	Connection string
	// Type selects by the connection's type: parameter `type`.
	Type string
	// User selects by the user's subject identifier, not the e-mail: parameter `user`.
	User string
	// ReviewApprover selects the sessions that a person may approve, by e-mail and the groups the person is in today:
	// parameter `review.approver`. It is not a pattern.
	ReviewApprover string
}

// Literal returns the patterns that match exactly these names, for [ListOptions].
func (f Filters) Literal() Filters {
	f.Connection, f.Type, f.User = escapeLike(f.Connection), escapeLike(f.Type), escapeLike(f.User)
	return f
}

// escapeLike returns the SQL LIKE pattern that matches s and nothing else.
func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// Count says whether [SessionPage.Total] is wanted: parameter `count`. Gateways before 1.144 ignore it and always count.
type Count string

const (
	// CountNone leaves Total nil, which makes the request cheap.
	CountNone Count = "none"
	// CountExact requests Total without a cap.
	CountExact Count = "exact"
)

// ListOptions are the parameters of GET /sessions. The zero value requests the newest page with the gateway's own defaults.
type ListOptions struct {
	Filters
	// ReviewStatus selects by the review's status: parameter `review.status`. It is a pattern as described at [Filters].
	ReviewStatus string

	// Start is the earliest start of a session, inclusive: parameter `start_date`. It is sent in UTC, cut to whole seconds.
	Start time.Time
	// End is the latest start of a session, inclusive: parameter `end_date`. It is sent in UTC, rounded up to whole seconds.
	// Gateways ignore it without Start. With Start alone they take their current whole second as the end, which misses the newest
	// sessions. So set both, with an End in the future.
	End time.Time

	// Limit is the page size: parameter `limit`, at most [MaxLimit]. 0 is the gateway's default, 20.
	Limit int
	// Offset skips rows from the newest: parameter `offset`, at most [MaxOffset] on new gateways. A larger offset takes the gateway longer.
	Offset int
	// Count says whether the total is wanted: parameter `count`. Empty is the gateway's default.
	Count Count
}

// values returns the query of the request. It returns an error for options that the gateway would silently misunderstand.
func (o ListOptions) values() (url.Values, error) {
	if o.Limit < 0 || o.Offset < 0 {
		return nil, fmt.Errorf("limit %d and offset %d must not be negative", o.Limit, o.Offset)
	}
	switch o.Count {
	case "", CountNone, CountExact:
	default:
		return nil, fmt.Errorf("count %q is unknown: use %q or %q", o.Count, CountNone, CountExact)
	}
	if o.Start.IsZero() && !o.End.IsZero() {
		return nil, errors.New("gateways ignore an end without a start: set both")
	}
	q := make(url.Values, 10)
	set := func(key, value string) {
		if value != "" {
			q.Set(key, value)
		}
	}
	set("user", o.User)
	set("connection", o.Connection)
	set("type", o.Type)
	set("review.approver", o.ReviewApprover)
	set("review.status", o.ReviewStatus)
	set("count", string(o.Count))
	if o.Limit > 0 {
		q.Set("limit", strconv.Itoa(o.Limit))
	}
	if o.Offset > 0 {
		q.Set("offset", strconv.Itoa(o.Offset))
	}
	for key, t := range map[string]time.Time{"start_date": floorSecond(o.Start), "end_date": CeilSecond(o.End)} {
		if t.IsZero() {
			continue
		}
		if y := t.Year(); y < 1 || y > 9999 {
			return nil, fmt.Errorf("%s is in year %d: use a year from 1 to 9999", key, y)
		}
		q.Set(key, t.Format(time.RFC3339))
	}
	return q, nil
}

// floorSecond returns t in UTC without its fraction of a second.
func floorSecond(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// CeilSecond returns t in UTC, rounded up to a whole second: the end that a window must have to include t.
func CeilSecond(t time.Time) time.Time {
	f := floorSecond(t)
	if f.Before(t) {
		return f.Add(time.Second)
	}
	return f
}
