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
	PathOther    = "other"
)

// The kinds by which [Stats] counts list requests.
const (
	QueryNewest       = "newest"               // no dates
	QueryWindow       = "window"               // start_date given
	QueryStatus       = "review.status"        // that filter, no dates
	QueryStatusWindow = "review.status window" // both
)

// Stats is what the gateway has been asked so far.
type Stats struct {
	// Requests by path.
	Requests map[string]int
	// Queries are list requests by kind.
	Queries map[string]int
	// Rows is the number of sessions in all answers.
	Rows int
	// Errors are the answers by status code, where that is not 200.
	Errors map[int]int
	// Busy is the time that requests took, those that the client gave up included, in full.
	Busy time.Duration
	// InFlight is the number of requests that are being worked on, MaxInFlight the most ever.
	InFlight, MaxInFlight int
	// Overlapping is the number of list requests that came while another one was being worked on.
	Overlapping int
	// Abandoned is the number of requests whose client did not wait for the answer.
	Abandoned int
	// Kinds counts what happened in the gateway's life, by [Kinds].
	Kinds map[string]int
}

func newStats() Stats {
	return Stats{Requests: map[string]int{}, Queries: map[string]int{}, Errors: map[int]int{}, Kinds: map[string]int{}}
}

// Stats is what happened so far.
func (g *Gateway) Stats() Stats {
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.advance(now.UnixMicro())
	s := g.stats
	s.Requests, s.Queries = maps.Clone(s.Requests), maps.Clone(s.Queries)
	s.Errors, s.Kinds = maps.Clone(s.Errors), maps.Clone(s.Kinds)
	return s
}
