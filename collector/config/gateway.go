package config

import (
	"fmt"
	"maps"
	"reflect"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector"
)

// Gateway is the validated configuration of one gateway. It is immutable.
type Gateway struct {
	name    string
	labels  map[string]string
	address string
	draft   Draft
	connect func(...client.Option) (*client.Client, error) // nil: as the draft says
}

// Format implements fmt.Formatter, so that no log shows what is in it.
func (g *Gateway) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "gateway %q", g.name) }

// Name is its name in the file; "" where flags made it.
func (g *Gateway) Name() string { return g.name }

// TargetLabels are the labels that its target gets in Prometheus, beside those that tell which gateway it is.
func (g *Gateway) TargetLabels() map[string]string { return maps.Clone(g.labels) }

// Address is the base URL of its API, written so that gateways with the same address have the same text here. They share one server: only
// one of them may ask at a time.
func (g *Gateway) Address() string { return g.address }

// Collector is the configuration of its collector, but for Client, Logger and State.
func (g *Gateway) Collector() collector.Config { return g.draft.config() }

// Client makes the client that asks it. Each has its own connections. Where a file configures the gateway, nothing that it names is read
// before the first request, so that what is missing is that request's error.
func (g *Gateway) Client(opts ...client.Option) (*client.Client, error) {
	opts = append([]client.Option{client.WithMaxResponseBytes(g.draft.maxResponse)}, opts...)
	if g.connect != nil {
		return g.connect(opts...)
	}
	return g.draft.source.Client(opts...)
}

// Equal tells whether nothing at all differs.
func (g *Gateway) Equal(o *Gateway) bool {
	return g.name == o.name && maps.Equal(g.labels, o.labels) && g.address == o.address && reflect.DeepEqual(g.draft, o.draft) &&
		(g.connect == nil) == (o.connect == nil)
}

// SameClient tells whether a client of one is as good as one of the other: address, credential, HTTP configuration and the largest answer
// are the same.
func (g *Gateway) SameClient(o *Gateway) bool {
	a, b := g.draft.source, o.draft.source
	a.URL, b.URL = g.address, o.address
	return reflect.DeepEqual(a, b) && g.draft.maxResponse == o.draft.maxResponse && (g.connect == nil) == (o.connect == nil)
}

// SameSessions tells whether both show the same sessions to the same credential, so that what was counted of one goes on with the other.
func (g *Gateway) SameSessions(o *Gateway) bool {
	return g.address == o.address && g.draft.filters() == o.draft.filters()
}
