package config

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"
)

const (
	// hidden stands in a print-out for what nobody should read.
	hidden = "<secret>"
	// printedName is what a print-out calls the gateway that flags make.
	printedName = "gateway"
)

// Write writes the effective configuration as a file: everything that holds for each gateway, with secrets hidden. A file of that text makes
// the same configuration but for the secrets, and for a credential from the environment, which no file takes.
func (c *Config) Write(w io.Writer) error {
	gateways := &yaml.Node{Kind: yaml.MappingNode}
	for _, g := range c.gateways {
		n, err := g.node()
		if err != nil {
			return fmt.Errorf("writing the configuration of gateway %q: %w", g.name, err)
		}
		name := key(g.name)
		if g.name == "" {
			name = key(printedName)
		}
		name.HeadComment = g.environment()
		gateways.Content = append(gateways.Content, name, n)
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key("gateways"), gateways}}); err != nil {
		return err
	}
	return e.Close()
}

// environment tells of a credential that no file takes.
func (g *Gateway) environment() string {
	switch o := g.draft.source; {
	case g.connect != nil:
		return "# The simulated gateway needs no credential."
	case o.Token != "":
		return "# The credential is a bearer token from the environment: HOOP_TOKEN. A configuration file needs token_file instead."
	case o.APIKey != "":
		return "# The credential is an API key from the environment: HOOP_API_KEY. A configuration file needs api_key_file instead."
	}
	return ""
}

// node is the gateway as a file has it.
func (g *Gateway) node() (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	d := g.draft
	if d.source.URL == "" || g.connect != nil {
		d.source.URL = g.address // that of the hoop command line's configuration
	}
	for _, s := range Settings() {
		path := s.key()
		if path == "" {
			continue
		}
		value, err := s.written(&d)
		if err != nil {
			return nil, err
		}
		if value.Value == "" && value.Kind == yaml.ScalarNode || s.kind == file && g.connect != nil {
			continue // not given
		}
		if s.kind == file {
			value.Value = absolute(value.Value)
		}
		put(n, path, value)
		if path == urlKey && len(g.labels) > 0 {
			labels := &yaml.Node{}
			if err := labels.Encode(g.labels); err != nil {
				return nil, err
			}
			put(n, labelsKey, labels)
		}
	}
	return n, g.putHTTP(n)
}

func (g *Gateway) putHTTP(to *yaml.Node) error {
	if g.connect != nil || g.draft.source.HTTP == nil && g.draft.source.HTTPConfigFile == "" {
		return nil
	}
	c, err := g.draft.source.HTTPConfig()
	if err != nil {
		return err
	}
	n := &yaml.Node{}
	if err := n.Encode(withoutSecrets(c)); err != nil {
		return err
	}
	put(to, httpKey, n)
	return nil
}

// absolute is a path that means the same wherever the print-out lies.
func absolute(path string) string {
	if strings.HasPrefix(path, "~/") {
		return path
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// withoutSecrets hides what the types of prometheus/common do not hide by themselves.
func withoutSecrets(c config.HTTPClientConfig) config.HTTPClientConfig {
	if c.HTTPHeaders != nil {
		headers := map[string]config.Header{}
		for name, h := range c.HTTPHeaders.Headers {
			values := make([]string, len(h.Values))
			for i := range values {
				values[i] = hidden
			}
			h.Values = values
			headers[name] = h
		}
		c.HTTPHeaders = &config.Headers{Headers: headers}
	}
	if c.OAuth2 != nil {
		o := *c.OAuth2
		if o.EndpointParams != nil {
			o.EndpointParams = maps.Clone(o.EndpointParams)
			for name := range o.EndpointParams {
				o.EndpointParams[name] = hidden
			}
		}
		if u, err := url.Parse(o.TokenURL); err == nil {
			if u.RawQuery != "" {
				u.RawQuery = hidden
			}
			o.TokenURL = u.Redacted()
		}
		c.OAuth2 = &o
	}
	return c
}

func key(name string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}
}

// put adds a value to a mapping; one at a path such as sessions.lookback goes into a mapping in it.
func put(to *yaml.Node, path string, value *yaml.Node) {
	group, rest, inside := strings.Cut(path, ".")
	if !inside {
		to.Content = append(to.Content, key(path), value)
		return
	}
	in := field(to, group)
	if in == nil {
		in = &yaml.Node{Kind: yaml.MappingNode}
		to.Content = append(to.Content, key(group), in)
	}
	put(in, rest, value)
}
