// Package config reads what an operator says about gateways: flags for one, a file for many. Both are made of one table, [Settings]. A
// [Config] was validated, since nothing outside can make one without that.
package config

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/hoop-exporter/hoop_exporter/client"
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
	gateways, err := parse(path, content)
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
