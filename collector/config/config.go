// Package config reads what an operator says about gateways: flags for one, a file for many. Both are made of one table, [Settings]. A
// [Config] was validated, since nothing outside can make one without that.
package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/credential"
	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
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
	var content []byte
	if err == nil {
		defer func() { _ = f.Close() }()
		content, err = io.ReadAll(io.LimitReader(f, maxBytes+1))
	}
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

// Single returns the configuration that flags make: one gateway without a name. It reads the files that they name. The error is the first
// problem.
func Single(d Draft) (*Config, error) {
	if d.source == (credential.Options{}) && d.check() == nil {
		return nil, errNothingGiven
	}
	return Simulated(d, nil)
}

// errNothingGiven is the error if nothing says which gateway to watch.
var errNothingGiven = errors.New("no gateway and no credential: give the URL with --hoop.url or HOOP_URL, such as https://hoop.example.com/api, and a credential with " +
	"HOOP_TOKEN, HOOP_API_KEY, --hoop.token-file or --hoop.api-key-file; --demo shows a simulated gateway without both, and --help all flags")

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

// Gateway returns the gateway of a name; nil if there is none.
func (c *Config) Gateway(name string) *Gateway {
	i, ok := slices.BinarySearchFunc(c.gateways, name, func(g *Gateway, name string) int { return strings.Compare(g.name, name) })
	if !ok {
		return nil
	}
	return c.gateways[i]
}

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

// Name returns the name in the file; "" if flags configure the gateway.
func (g *Gateway) Name() string { return g.name }

// TargetLabels returns the labels that the target gets in Prometheus, in addition to those that identify the gateway.
func (g *Gateway) TargetLabels() map[string]string { return maps.Clone(g.labels) }

// Address returns the base URL of the API, spelled the same for all gateways on one server: only one of them may send requests at a time.
func (g *Gateway) Address() string { return g.address }

// Collector returns the configuration of the collector, without Client, Logger and State.
func (g *Gateway) Collector() collector.Config { return g.draft.config() }

// Client returns a new client with its own connections. Where a file configures the gateway, the client reads credentials and certificates
// at the first request, so that what is missing is the error of that request.
func (g *Gateway) Client(opts ...client.Option) (*client.Client, error) {
	opts = append([]client.Option{client.WithMaxResponseBytes(g.draft.maxResponse)}, opts...)
	if g.connect != nil {
		return g.connect(opts...)
	}
	return g.draft.source.Client(opts...)
}

// Equal reports whether nothing at all differs.
func (g *Gateway) Equal(o *Gateway) bool {
	return g.name == o.name && maps.Equal(g.labels, o.labels) && reflect.DeepEqual(g.draft, o.draft) && g.SameClient(o)
}

// SameClient reports whether a client of one can serve the other: address, credential, HTTP configuration and largest answer are the same.
func (g *Gateway) SameClient(o *Gateway) bool {
	a, b := g.draft.source, o.draft.source
	a.URL, b.URL = g.address, o.address
	return reflect.DeepEqual(a, b) && g.draft.maxResponse == o.draft.maxResponse && (g.connect == nil) == (o.connect == nil)
}

// SameSessions reports whether both show the same sessions to the same credential, so that the counters of one continue with the other.
func (g *Gateway) SameSessions(o *Gateway) bool {
	return g.address == o.address && g.draft.collector.Filters == o.draft.collector.Filters
}

// Draft holds the values of all settings of a gateway, before they were checked against each other. [Setting.Set] fills it.
type Draft struct {
	source                      credential.Options
	collector                   collector.Config
	maxResponse, maxConnections int64
	exemplars, native, classic  bool
	protection, decisions       bool
}

// Defaults returns the configuration of a collector in which every setting has its default. Client is missing.
func Defaults() (collector.Config, error) {
	d, err := newDraft()
	return d.config(), err
}

// newDraft returns a draft in which every setting has its default.
func newDraft() (d Draft, err error) {
	for _, s := range Settings() {
		if err = s.Set(&d, s.Default); err != nil && s.Default != "" {
			return d, err
		}
	}
	return d, nil
}

// conflict says that settings do not fit each other.
type conflict struct {
	text  string   // what to change about the first one
	flags []string // of the settings
}

// conflicts returns what no single setting can know. A name is what the text calls a setting.
func (d *Draft) conflicts(name func(flag string) string) (found []conflict) {
	add := func(broken bool, text string, flags ...string) {
		if broken {
			found = append(found, conflict{text, flags})
		}
	}
	c := &d.collector
	add(c.AllowedLateness > c.Lookback, "must not be longer than "+name("sessions.lookback"), "sessions.overlap", "sessions.lookback")
	add(c.ForgetAfter <= c.AllowedLateness, "must be longer than "+name("sessions.overlap"), "sessions.forget-after", "sessions.overlap")
	add(c.StaleAfter <= c.CacheTTL, "must be longer than "+name("cache.ttl"), "stale.after", "cache.ttl")
	add(!d.native && !d.classic, "is false as "+name("metrics.classic-histograms")+" is: switch one of them on, or histograms have no buckets",
		"metrics.native-histograms", "metrics.classic-histograms")
	if err := exposition.CheckConnectionTags(c.ConnectionTags); err != nil {
		add(true, err.Error(), "labels.connection-tags")
	}
	return found
}

// check returns the first problem of a draft that flags filled, with the name of the flag.
func (d *Draft) check() error {
	for _, s := range Settings() {
		if err := s.check(d); err != nil { // it was not filled by Set
			return fmt.Errorf("--%s: %w", s.Flag, err)
		}
	}
	if found := d.conflicts(func(flag string) string { return "--" + flag }); len(found) > 0 {
		return fmt.Errorf("--%s: %s", found[0].flags[0], found[0].text)
	}
	return nil
}

// config returns the configuration of a collector.
func (d *Draft) config() collector.Config {
	c := d.collector
	c.MaxConnections = int(min(d.maxConnections, math.MaxInt32))
	c.NoExemplars, c.NoNativeHistograms, c.NoClassicHistograms = !d.exemplars, !d.native, !d.classic
	c.NoDataProtection, c.NoDecisions = !d.protection, !d.decisions
	return c
}

// address returns the base URL of the API to which a URL leads, in the one spelling by which addresses can be compared.
func address(of string) (string, error) {
	c, err := client.New(of, nil)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(c.URL())
	if err != nil {
		return "", err
	}
	u.Host = strings.TrimSuffix(strings.ToLower(u.Host), ":"+map[string]string{"http": "80", "https": "443"}[u.Scheme])
	u.Host = strings.TrimSuffix(u.Host, ":")
	return u.String(), nil
}
