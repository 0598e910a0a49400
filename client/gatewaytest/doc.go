// Package gatewaytest is a simulated hoop gateway for tests, benchmarks and the demo: an http.Handler that answers like
// real ones do, plays the life of sessions on a clock that its owner holds, and knows what every metric must be.
//
//	g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Life: gatewaytest.DefaultLife(), Seed: 1})
//	client := &http.Client{Transport: g.Transport()} // without a network, so also within testing/synctest
//	...
//	truth := g.Truth(gatewaytest.TruthOptions{T0: t0, Lookback: lookback, Overlap: overlap})
//
// It is held to reality by recorded answers: their sessions, put into its store and asked for in the same way, come out
// byte by byte. Everything left to chance is decided by the seed and the clock, never by how often anybody asks.
//
// The truth is computed from all sessions ever, from the metrics' description alone. It depends on what clients were
// shown, since an exporter cannot count the end of a session that was over before it first looked; the gateway
// remembers that when an answer is delivered. What it does not remember is a client that failed to read an answer.
package gatewaytest
