// Package config reads what an operator says about gateways: flags for one, a file for many. Both are made of one table, [Settings]. A
// [Config] was validated, since nothing outside can make one without that.
package config

import (
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector"
)

// maxBytes is the largest size of a file: one with 10,000 gateways has room in it.
const maxBytes = 16 << 20

// Config is a validated configuration. It is immutable.
type Config struct {
	gateways []*Gateway // sorted by name
	hash     [sha256.Size]byte
}

// Load reads and validates a file. The error has a line for each problem, with file, line and key.
func Load(path string) (*Config, error) {
	content, err := Read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, content)
}

// Read returns the content of a file, for Parse. Of a file that is too large it reads no more than Parse needs to refuse it.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return content, nil
}

// Parse validates the content of a file. Relative paths in it start from the folder of the file. It reads no file that the content names.
func Parse(path string, content []byte) (*Config, error) {
	if len(content) > maxBytes {
		return nil, fmt.Errorf("%s: is larger than %d bytes", path, maxBytes)
	}
	gateways, err := parseFile(path, content)
	if err != nil {
		return nil, err
	}
	return newConfig(gateways, sha256.Sum256(content)), nil
}

// Single returns the configuration that flags make: one gateway without a name. It reads the files that the flags name, so that a problem
// with one is found at once. The error is the first problem.
func Single(d Draft) (*Config, error) { return Simulated(d, nil) }

// Simulated returns the configuration that flags make for a gateway whose client connect makes, whatever they say about URL and credential.
func Simulated(d Draft, connect func(...client.Option) (*client.Client, error)) (*Config, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	g := &Gateway{draft: d, connect: connect}
	c, err := g.Client()
	if err != nil {
		return nil, err
	}
	if g.address, err = address(c.URL()); err != nil {
		return nil, err
	}
	return newConfig([]*Gateway{g}, [sha256.Size]byte{}), nil
}

func newConfig(gateways []*Gateway, hash [sha256.Size]byte) *Config {
	slices.SortFunc(gateways, func(a, b *Gateway) int { return strings.Compare(a.name, b.name) })
	return &Config{gateways: gateways, hash: hash}
}

// Gateways returns all gateways, sorted by name.
func (c *Config) Gateways() []*Gateway { return slices.Clone(c.gateways) }

// Hash returns the SHA-256 of the content of the file; zeros for flags.
func (c *Config) Hash() [sha256.Size]byte { return c.hash }

// Gateway is the validated configuration of one gateway. It is immutable.
type Gateway struct {
	name    string
	labels  map[string]string
	address string
	draft   Draft
	connect func(...client.Option) (*client.Client, error) // nil: as the draft says
}

// Format implements fmt.Formatter, so that no log shows a secret.
func (g *Gateway) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "gateway %q", g.name) }

// Name returns the name in the file; "" where flags made the gateway.
func (g *Gateway) Name() string { return g.name }

// TargetLabels returns the labels that the target gets in Prometheus, in addition to those that identify the gateway.
func (g *Gateway) TargetLabels() map[string]string { return maps.Clone(g.labels) }

// Address returns the base URL of the API, spelled the same for all gateways with the same address. They share one server, so only one of
// them may send requests at a time.
func (g *Gateway) Address() string { return g.address }

// Collector returns the configuration of the collector, without Client, Logger and State.
func (g *Gateway) Collector() collector.Config { return g.draft.config() }

// Client returns a new client with its own connections. Where a file configures the gateway, the client reads credentials and certificates at
// the first request, so that what is missing is the error of that request.
func (g *Gateway) Client(opts ...client.Option) (*client.Client, error) {
	opts = append([]client.Option{client.WithMaxResponseBytes(g.draft.maxResponse)}, opts...)
	if g.connect != nil {
		return g.connect(opts...)
	}
	return g.draft.source.Client(opts...)
}

// Equal reports whether nothing at all differs.
func (g *Gateway) Equal(o *Gateway) bool {
	return g.name == o.name && maps.Equal(g.labels, o.labels) && g.address == o.address && reflect.DeepEqual(g.draft, o.draft) &&
		(g.connect == nil) == (o.connect == nil)
}

// SameClient reports whether a client of one can serve the other: address, credential, HTTP configuration and the largest answer are the
// same.
func (g *Gateway) SameClient(o *Gateway) bool {
	a, b := g.draft.source, o.draft.source
	a.URL, b.URL = g.address, o.address
	return reflect.DeepEqual(a, b) && g.draft.maxResponse == o.draft.maxResponse && (g.connect == nil) == (o.connect == nil)
}

// SameSessions reports whether both show the same sessions to the same credential, so that the counters of one continue with the other.
func (g *Gateway) SameSessions(o *Gateway) bool {
	return g.address == o.address && g.draft.filters() == o.draft.filters()
}
