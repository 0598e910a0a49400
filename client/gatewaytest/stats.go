package gatewaytest

import (
	"maps"
	"time"
)

// The paths by which [Stats] counts requests, without the base path.
const (
	PathSessions = "/sessions"
	PathSession  = "/sessions/{id}"
	PathUserinfo = "/userinfo"
	PathAgents   = "/agents"
	PathOther    = "other"
)

// The kinds by which [Stats] counts list requests.
const (
	QueryNewest       = "newest"               // no dates
	QueryWindow       = "window"               // start_date given
	QueryStatus       = "review.status"        // that filter, no dates
	QueryStatusWindow = "review.status window" // both
)

// Stats counts requests and events so far.
type Stats struct {
	// Requests by path.
	Requests map[string]int
	// Queries are list requests by kind.
	Queries map[string]int
	// Rows is the number of sessions in all answers.
	Rows int
	// Errors are the answers by status code, if that is not 200.
	Errors map[int]int
	// Busy is the time that requests took, including the full time of those whose client disconnected.
	Busy time.Duration
	// InFlight is the number of requests that are being answered, MaxInFlight its maximum.
	InFlight, MaxInFlight int
	// Overlapping is the number of list requests that arrived while another one was being answered.
	Overlapping int
	// Abandoned is the number of requests whose client disconnected before the answer.
	Abandoned int
	// Events counts what happened in the gateway's life, by the names in [Events].
	Events map[string]int
}

func newStats() Stats {
	return Stats{Requests: map[string]int{}, Queries: map[string]int{}, Errors: map[int]int{}, Events: map[string]int{}}
}

// Stats returns a copy of the counts.
func (g *Gateway) Stats() Stats {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.advance(now.UnixMicro())
	s := g.stats
	s.Requests, s.Queries = maps.Clone(s.Requests), maps.Clone(s.Queries)
	s.Errors, s.Events = maps.Clone(s.Errors), maps.Clone(s.Events)
	return s
}
