// Package gatewaytest is a simulated hoop gateway for tests, benchmarks and the demo. It is an http.Handler that answers as real gateways
// of two versions do, plays the life of sessions on a clock that its owner controls, and computes the exact value of every metric.
//
//	g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Life: gatewaytest.DefaultLife(), Seed: 1})
//	client := &http.Client{Transport: g.Transport()} // without a network, so also within testing/synctest
//	...
//	truth := g.Truth(gatewaytest.TruthOptions{T0: t0, Lookback: lookback, AllowedLateness: allowedLateness})
//
// Tests compare it with real gateways: the sessions of recorded answers are put into its store and requested in the same way, and the
// answers are equal byte by byte. The seed and the clock decide everything that is random. How often a client sends requests changes
// nothing.
//
// [Gateway.Truth] computes the metrics from all sessions that ever existed, from the description of the metrics alone. It depends on what
// clients received, since an exporter cannot count the end of a session that was over before its first request. The gateway remembers what
// it delivered. It does not know if a client failed to read an answer.
//
// The files, by what they contain:
//
//	gateway.go                          configuration, construction, sessions made by hand
//	handler.go, auth.go, query.go,      the answers: paths, credentials, parameters,
//	filter.go, list.go, encode.go       filters, pages, JSON
//	faults.go, cost.go, transport.go    what can go wrong, what a request costs, a client without a network
//	agents.go                           the agents
//	row.go, store.go, index.go,         sessions: as on the wire, as stored,
//	intern.go, history.go, names.go     in order, in bulk, and the names in them
//	life.go, life_session.go,           what happens by itself: when sessions start,
//	life_review.go, life_queue.go       what happens to one, to its review, in which order
//	life_protection.go, protection.go   what is masked in one, which guardrails match
//	events.go, stats.go                 counts of what happened and of what was requested
//	truth.go, truth_*.go                the value of every metric
package gatewaytest
