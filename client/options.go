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
	// MaxLimit is the largest page that a gateway gives; a larger limit is clamped to it.
	MaxLimit = 100
	// MaxOffset is the largest offset that every gateway answers; newer ones refuse a larger one with 422.
	MaxOffset = 10000
)

// EmptyFilter sends a filter of [ListOptions] present but empty, which the API treats as a real filter: `type=` matches
// sessions without a type. An empty string leaves the filter out.
const EmptyFilter = "\x00"

// Count tells whether [SessionPage.Total] is wanted: parameter `count`. Gateways before 1.144 ignore it and always count.
type Count string

const (
	// CountNone leaves Total nil and is cheap.
	CountNone Count = "none"
	// CountExact asks for Total without a cap.
	CountExact Count = "exact"
)

// ListOptions are the parameters of GET /sessions. The zero value asks for the newest page as the gateway sees fit.
//
// The filters User, Connection, Type and ReviewStatus are SQL LIKE patterns to the gateway: case-sensitive and anchored,
// with % and _ as wildcards; [EscapeLike] takes a name as it stands.
type ListOptions struct {
	// User filters by the user's subject id, not the e-mail: parameter `user`.
	User string
	// Connection filters by the connection's name: parameter `connection`.
	Connection string
	// Type filters by the connection's type: parameter `type`.
	Type string
	// ReviewApprover filters by the e-mail of somebody who may approve, by the groups of today: parameter `review.approver`.
	ReviewApprover string
	// ReviewStatus filters by the review's status: parameter `review.status`.
	ReviewStatus string

	// Start is the earliest start of a session, inclusive: parameter `start_date`. It is sent in UTC, cut to whole seconds.
	Start time.Time
	// End is the latest start of a session, inclusive: parameter `end_date`. It is sent in UTC, rounded up to whole seconds.
	// Gateways ignore it without Start, and take their current whole second where only Start is given, which misses
	// the newest sessions; so give both, with an End that lies ahead.
	End time.Time

	// Limit is the size of a page: parameter `limit`, at most [MaxLimit]. 0 leaves it to the gateway, which gives 20.
	Limit int
	// Offset skips rows from the newest: parameter `offset`, at most [MaxOffset] on newer gateways. Its price grows with it.
	Offset int
	// Count tells whether the total is wanted: parameter `count`. Empty leaves it to the gateway.
	Count Count

	// Details keeps the fields without bound, as [Session.Details]. It is not sent: the gateway always answers with them.
	Details bool
}

// values gives the query of the request, or tells what the gateway would misunderstand without a word.
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
		return nil, errors.New("an end without a start is ignored by gateways: give both")
	}
	q := make(url.Values, 10)
	filter := func(key, value string) {
		switch value {
		case "":
		case EmptyFilter:
			q.Set(key, "")
		default:
			q.Set(key, value)
		}
	}
	filter("user", o.User)
	filter("connection", o.Connection)
	filter("type", o.Type)
	filter("review.approver", o.ReviewApprover)
	filter("review.status", o.ReviewStatus)
	filter("count", string(o.Count))
	if o.Limit > 0 {
		q.Set("limit", strconv.Itoa(o.Limit))
	}
	if o.Offset > 0 {
		q.Set("offset", strconv.Itoa(o.Offset))
	}
	for key, t := range map[string]time.Time{"start_date": floorSecond(o.Start), "end_date": ceilSecond(o.End)} {
		if t.IsZero() {
			continue
		}
		if y := t.Year(); y < 1 || y > 9999 {
			return nil, fmt.Errorf("%s lies in year %d: give one in 1 to 9999", key, y)
		}
		q.Set(key, t.Format(time.RFC3339))
	}
	return q, nil
}

// floorSecond is t in UTC without its fraction of a second.
func floorSecond(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// ceilSecond is t in UTC, rounded up to a whole second.
func ceilSecond(t time.Time) time.Time {
	f := floorSecond(t)
	if f.Before(t) {
		return f.Add(time.Second)
	}
	return f
}

// EscapeLike gives the pattern that matches s itself and nothing else, for the filters that are SQL LIKE patterns.
func EscapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}
