package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"

	"github.com/hoop-exporter/hoop_exporter/client/credential"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
)

// builder makes gateways of what a file says about each and of its defaults.
type builder struct {
	*mistakes
	dir      string // where relative paths start
	defaults *section
	base     Draft // with the defaults
	settings []Setting
	rules    []rule
}

func newBuilder(m *mistakes, dir string, defaults *section) (*builder, error) {
	d, err := NewDraft()
	if err != nil {
		return nil, err
	}
	b := &builder{mistakes: m, dir: dir, defaults: defaults, base: d, settings: Settings(), rules: rules()}
	b.apply(&b.base, defaults)
	b.base.source.ByKeys = true
	return b, nil
}

// apply sets what a section says.
func (b *builder) apply(d *Draft, s *section) {
	for _, setting := range b.settings {
		text, given := s.values[setting.Flag]
		if !given {
			continue
		}
		if home := setting.Flag == "hoop.cli-config" && strings.HasPrefix(text, "~/"); setting.kind == file && !home {
			text = config.JoinDir(b.dir, text)
		}
		if text == "" && setting.kind.isList() {
			setting.clear(d)
			continue
		}
		// It was found to be valid when it was read.
		_ = setting.set(d, text)
	}
}

// gateway makes a gateway, and notes what is wrong with it.
func (b *builder) gateway(s *section) *Gateway {
	d, http := b.base, b.defaults.http
	_, own := withoutCredential(s.http)
	for _, flag := range credentialFlags() {
		own = own || s.lines[flag] > 0
	}
	if own { // it takes the place of the defaults'
		d.source.TokenFile, d.source.APIKeyFile, d.source.CLIConfig = "", "", ""
		http, _ = withoutCredential(http)
	}
	b.apply(&d, s)
	g := &Gateway{name: s.name(), labels: maps.Clone(b.defaults.labels)}
	if g.labels == nil {
		g.labels = map[string]string{}
	}
	maps.Copy(g.labels, s.labels)
	if b.http(&d, overlay(http, s.http), s) {
		b.credential(&d, s)
	}
	b.url(g, &d, s)
	b.fit(&d, s)
	g.draft = d
	return g
}

// http sets the HTTP configuration. It returns false where it cannot be used.
func (b *builder) http(d *Draft, n *yaml.Node, s *section) bool {
	switch {
	case s.broken || b.defaults.broken:
		return false
	case n == nil:
		return true
	}
	c, err := decodeHTTP(n, b.dir)
	if err != nil {
		in := s
		if s.http == nil {
			in = b.defaults
		}
		b.add(n.Line, in.key+"."+httpKey, "%s", err)
		return false
	}
	d.source.HTTP = c
	return true
}

// credentialFlags are the settings that name a credential.
func credentialFlags() []string {
	return []string{"hoop.token-file", "hoop.api-key-file", "hoop.cli-config"}
}

func (b *builder) credential(d *Draft, s *section) {
	for _, flag := range credentialFlags() {
		if s.wrong(flag) || b.defaults.wrong(flag) {
			return // that was told
		}
	}
	if err := d.source.Check(); err != nil {
		b.add(s.line, s.key, "%s", err)
	}
}

func (b *builder) url(g *Gateway, d *Draft, s *section) {
	line, given := s.lines["hoop.url"]
	if !given {
		b.add(s.line, s.key+"."+urlKey, "is missing: give one such as https://hoop.example.com/api")
	}
	if !given || s.wrong("hoop.url") {
		return
	}
	var err error
	if g.address, err = address(d.source.URL); err != nil {
		b.add(line, s.key+"."+urlKey, "%s", strings.TrimPrefix(err.Error(), "gateway URL: "))
	}
}

// fit notes settings that do not fit each other.
func (b *builder) fit(d *Draft, s *section) {
	for _, r := range b.rules {
		told := slices.ContainsFunc(r.flags, func(flag string) bool { return s.wrong(flag) || b.defaults.wrong(flag) })
		if !told && r.broken(d) {
			b.wrong(s, r.flags, strings.ReplaceAll(r.text, "%s", keyOf(r.flags[1])))
		}
	}
	if err := exposition.CheckConnectionTags(d.collector.ConnectionTags); err != nil {
		b.wrong(s, []string{"labels.connection-tags"}, err.Error())
	}
}

func keyOf(flag string) string { return Setting{Flag: flag}.key() }

// wrong notes what is wrong with settings: the first is the one to change, and the line is that of the first one that the gateway gives,
// or else that the defaults give.
func (b *builder) wrong(s *section, flags []string, text string) {
	for _, in := range []*section{s, b.defaults} {
		for _, flag := range flags {
			if line, given := in.lines[flag]; given {
				b.add(line, in.key+"."+keyOf(flags[0]), "%s", text)
				return
			}
		}
	}
	b.add(s.line, s.key+"."+keyOf(flags[0]), "%s", text)
}

// compare finds gateways that cannot be beside each other.
func (b *builder) compare(sections []*section, gateways []*Gateway) {
	type whose struct {
		address, credential string
		filters             filters
	}
	served, same := map[string]int{}, map[whose]int{}
	for i, g := range gateways {
		if g.address == "" {
			continue
		}
		if first, taken := served[g.address]; !taken {
			served[g.address] = i
		} else if gateways[first].draft.collector.Budget != g.draft.collector.Budget {
			b.wrong(sections[i], []string{"hoop.duty", "hoop.url"},
				"must be the same as that of "+sections[first].key+", which has the same address: it bounds what one server has to do")
		}
		if g.draft.source.Check() != nil {
			continue // that was told, or something of it could not be read: nobody knows whose sessions it shows
		}
		w := whose{g.address, credentialText(g.draft.source), g.draft.filters()}
		if first, taken := same[w]; !taken {
			same[w] = i
		} else if !strings.Contains(w.credential, hidden) { // which says nothing: the file was printed
			b.add(sections[i].line, sections[i].key, "has the address, the credential and the filters of %s: the same sessions would be counted twice", sections[first].key)
		}
	}
}

// credentialText tells credentials apart. It holds secrets.
func credentialText(o credential.Options) string {
	parts := []any{o.TokenFile, o.APIKeyFile, o.CLIConfig}
	if c := o.HTTP; c != nil {
		if c.BasicAuth != nil {
			parts = append(parts, *c.BasicAuth)
		}
		if c.Authorization != nil {
			parts = append(parts, *c.Authorization)
		}
		if c.OAuth2 != nil {
			parts = append(parts, *c.OAuth2)
		}
		if c.HTTPHeaders != nil {
			for name, header := range c.HTTPHeaders.Headers {
				if strings.EqualFold(name, apiKeyHeader) {
					parts = append(parts, header)
				}
			}
		}
	}
	return fmt.Sprintf("%q", parts)
}
