package config

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"
)

// hidden is what a print-out has in place of a secret, withheld what a page has in place of a person's name.
const hidden, withheld = "<secret>", "<withheld>"

// Write writes the effective configuration as a file: the value of every setting of each gateway, with secrets hidden. A file of that text
// makes the same configuration except for the secrets, and for a credential from the environment, which a file cannot have.
func (c *Config) Write(w io.Writer) error { return c.write(w, false) }

// WritePublic writes what Write does, for a page that others may open: without what can name a person, which are the filters by user and by
// approver, and the user names for the gateway, a proxy or a token endpoint.
func (c *Config) WritePublic(w io.Writer) error { return c.write(w, true) }

func (c *Config) write(w io.Writer, public bool) error {
	gateways := &yaml.Node{Kind: yaml.MappingNode}
	for _, g := range c.gateways {
		n, err := g.written(public)
		if err != nil {
			return fmt.Errorf("writing the configuration of gateway %q: %w", g.name, err)
		}
		name := textNode(cmp.Or(g.name, "gateway")) // flags give it no name
		name.HeadComment = g.comment()
		gateways.Content = append(gateways.Content, name, n)
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{textNode(gatewaysKey), gateways}}); err != nil {
		return err
	}
	return e.Close()
}

// comment returns what to say of a credential that a file cannot have.
func (g *Gateway) comment() string {
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

// written returns the gateway as a file has it; public is for [Config.WritePublic].
func (g *Gateway) written(public bool) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	d := g.draft
	if public {
		for _, name := range []*string{&d.collector.User, &d.collector.ReviewApprover} {
			if *name != "" {
				*name = withheld
			}
		}
	}
	if d.source.URL == "" || g.connect != nil {
		d.source.URL = g.address // that of the configuration of the hoop command line
	}
	for _, s := range Settings() {
		if value := s.written(&d); value != nil && keyOf(s.Flag) != "" && (g.connect == nil || !s.isFile) {
			if err := put(n, keyOf(s.Flag), value); err != nil {
				return nil, err
			}
		}
		if keyOf(s.Flag) == urlKey && len(g.labels) > 0 {
			if err := put(n, labelsKey, g.labels); err != nil {
				return nil, err
			}
		}
	}
	if g.connect != nil || g.draft.source.HTTP == nil && g.draft.source.HTTPConfigFile == "" {
		return n, nil
	}
	c, err := g.draft.source.HTTPConfig()
	if err != nil {
		return nil, err
	}
	c = withoutSecrets(c)
	if public {
		c = withoutUsers(c)
	}
	return n, put(n, httpKey, c)
}

func textNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

// put adds a value to a mapping: at a path such as sessions.lookback, to the mapping sessions, if that was added last.
func put(to *yaml.Node, path string, value any) error {
	name, rest, nested := strings.Cut(path, ".")
	if nested {
		if last := len(to.Content) - 2; last < 0 || to.Content[last].Value != name {
			to.Content = append(to.Content, textNode(name), &yaml.Node{Kind: yaml.MappingNode})
		}
		return put(to.Content[len(to.Content)-1], rest, value)
	}
	n := &yaml.Node{}
	err := n.Encode(value)
	if n.Kind == yaml.SequenceNode {
		n.Style = yaml.FlowStyle
	}
	to.Content = append(to.Content, textNode(name), n)
	return err
}

// withoutUsers hides names of users.
func withoutUsers(c config.HTTPClientConfig) config.HTTPClientConfig {
	if c.BasicAuth != nil && c.BasicAuth.Username != "" {
		b := *c.BasicAuth
		b.Username = withheld
		c.BasicAuth = &b
	}
	c.ProxyURL = withoutUser(c.ProxyURL)
	if c.OAuth2 != nil {
		o := *c.OAuth2
		o.ProxyURL = withoutUser(o.ProxyURL)
		if u, err := url.Parse(o.TokenURL); err == nil && u.User != nil {
			u.User = url.User(withheld)
			o.TokenURL = u.String()
		}
		c.OAuth2 = &o
	}
	return c
}

// withoutUser hides the user of a URL.
func withoutUser(u config.URL) config.URL {
	if u.URL == nil || u.User == nil {
		return u
	}
	own := *u.URL
	own.User = url.User(withheld)
	return config.URL{URL: &own}
}

// withoutSecrets hides what the types of prometheus/common do not hide by themselves.
func withoutSecrets(c config.HTTPClientConfig) config.HTTPClientConfig {
	if c.HTTPHeaders != nil {
		headers := maps.Clone(c.HTTPHeaders.Headers)
		for name, h := range headers {
			h.Values = slices.Repeat([]string{hidden}, len(h.Values))
			headers[name] = h
		}
		c.HTTPHeaders = &config.Headers{Headers: headers}
	}
	if c.OAuth2 != nil {
		o := *c.OAuth2
		o.EndpointParams = maps.Clone(o.EndpointParams)
		for name := range o.EndpointParams {
			o.EndpointParams[name] = hidden
		}
		u, err := url.Parse(o.TokenURL)
		if err != nil {
			u = &url.URL{RawQuery: hidden}
		} else if u.RawQuery != "" {
			u.RawQuery = hidden
		}
		o.TokenURL = u.Redacted()
		c.OAuth2 = &o
	}
	return c
}
