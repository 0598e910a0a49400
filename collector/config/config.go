package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
)

// maxBytes bounds a file: one with 10,000 gateways has room in it.
const maxBytes = 16 << 20

// Config is a validated configuration. It is immutable.
type Config struct {
	gateways []*Gateway // sorted by name
	hash     [sha256.Size]byte
}

// Load reads and validates a file. All its mistakes are told, one a line, each with file, line and key.
func Load(path string) (*Config, error) {
	content, err := Read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, content)
}

// Read returns what a file holds, for Parse: no more of it than is enough to tell that it is too large.
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

// Parse validates what a file holds. Relative paths in it start from the file's folder. No file that it names is read.
func Parse(path string, content []byte) (*Config, error) {
	if len(content) > maxBytes {
		return nil, fmt.Errorf("%s: is larger than %d bytes", path, maxBytes)
	}
	gateways, err := parse(path, content)
	if err != nil {
		return nil, err
	}
	return newConfig(gateways, sha256.Sum256(content)), nil
}

// Single is the configuration that flags make: one gateway without a name. The files that it names are read, so that a mistake is told at
// once. Only the first mistake is told.
func Single(d Draft) (*Config, error) {
	if err := checkFlags(&d); err != nil {
		return nil, err
	}
	c, err := d.source.Client()
	if err != nil {
		return nil, err
	}
	return single(d, c.URL(), nil)
}

// Simulated is the configuration that flags make about a gateway that connect knows how to ask, whatever they say about URL and credential.
func Simulated(d Draft, connect func(...client.Option) (*client.Client, error)) (*Config, error) {
	if err := checkFlags(&d); err != nil {
		return nil, err
	}
	c, err := connect()
	if err != nil {
		return nil, err
	}
	return single(d, c.URL(), connect)
}

func single(d Draft, url string, connect func(...client.Option) (*client.Client, error)) (*Config, error) {
	at, err := address(url)
	if err != nil {
		return nil, err
	}
	return newConfig([]*Gateway{{draft: d, address: at, connect: connect}}, [sha256.Size]byte{}), nil
}

// checkFlags finds what no single flag can know.
func checkFlags(d *Draft) error {
	for _, s := range Settings() {
		if s.get != nil && !s.bound.holds(s.get(d)) { // a draft that was not filled by Set
			return fmt.Errorf("--%s: %s", s.Flag, s.outside)
		}
	}
	for _, r := range rules() {
		switch {
		case !r.broken(d):
		case r.asFlag != "":
			return errors.New(r.asFlag)
		default:
			return fmt.Errorf("--%s: "+r.text, r.flags[0], "--"+r.flags[1])
		}
	}
	if err := exposition.CheckConnectionTags(d.collector.ConnectionTags); err != nil {
		return fmt.Errorf("--labels.connection-tags: %w", err)
	}
	return nil
}

func newConfig(gateways []*Gateway, hash [sha256.Size]byte) *Config {
	slices.SortFunc(gateways, func(a, b *Gateway) int { return strings.Compare(a.name, b.name) })
	return &Config{gateways: gateways, hash: hash}
}

// Gateways are all gateways, sorted by name.
func (c *Config) Gateways() []*Gateway { return slices.Clone(c.gateways) }

// Gateway finds a gateway by its name.
func (c *Config) Gateway(name string) (*Gateway, bool) {
	i, found := slices.BinarySearchFunc(c.gateways, name, func(g *Gateway, name string) int { return strings.Compare(g.name, name) })
	if !found {
		return nil, false
	}
	return c.gateways[i], true
}

// Hash is the SHA-256 of the file's content; zeros for flags.
func (c *Config) Hash() [sha256.Size]byte { return c.hash }
