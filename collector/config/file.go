package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/config"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/credential"
)

// parseFile reads and validates a file.
func parseFile(path string, content []byte) (gateways []*Gateway, err error) {
	b := &builder{problems: problems{path, map[int][]string{}}, settings: Settings()}
	if b.dir, err = filepath.Abs(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if b.base, err = newDraft(); err != nil {
		return nil, err
	}
	b.base.source.ByKeys = true
	if root := b.read(content); root != nil {
		b.check(root, fileShape())
		b.defaults = root.field(defaultsKey)
		gateways = b.gateways(root)
	}
	return gateways, b.err()
}

// builder makes gateways of the sections of a file whose form was checked.
type builder struct {
	problems
	settings []Setting
	dir      string // where relative paths start
	base     Draft  // the default of every setting
	defaults *node  // what the file says for all gateways; nil for nothing
}

func (b *builder) gateways(root *node) (gateways []*Gateway) {
	all := cmp.Or(root.field(gatewaysKey), &node{line: root.line, path: gatewaysKey})
	if len(all.children) == 0 && !root.invalid && !all.invalid {
		b.invalid(all, "must name at least one gateway")
	}
	sections := slices.DeleteFunc(all.children, func(n *node) bool { return n.tag != mapTag })
	for _, s := range sections {
		gateways = append(gateways, b.gateway(s))
	}
	b.compare(sections, gateways)
	return gateways
}

// gateway makes the gateway of a section, and adds the problems with what its valid values mean.
func (b *builder) gateway(section *node) *Gateway {
	drop := func(*node) bool { return false }
	if section.contains(isCredential(section.path)) { // it replaces that of the defaults, whatever kind each is
		drop = isCredential(defaultsKey)
	}
	all := overlay(b.defaults, section, drop)
	g := &Gateway{name: section.name, labels: map[string]string{}, draft: b.base}
	for _, s := range b.settings {
		if n := all.at(keyOf(s.Flag)); n != nil && n.valid() { // a setting without a key finds nothing valid
			_ = s.read(&g.draft, n, b.dir) // the check found it to be right
		}
	}
	if labels := all.field(labelsKey); labels != nil {
		for _, n := range labels.children {
			g.labels[n.name] = n.text
		}
	}
	var err error
	if http := all.field(httpKey); http != nil && http.valid() {
		if g.draft.source.HTTP, err = decodeHTTP(http, b.dir); err != nil {
			b.invalid(http, err.Error())
		}
	}
	if allValid(all, append(credentialFlags(), httpKey)) {
		if err := g.draft.source.Check(); err != nil {
			b.add(section.nameLine, section.path, "%s", err)
		}
	}
	if n := section.field(urlKey); n == nil {
		b.add(section.nameLine, join(section.path, urlKey), "is missing: give one such as https://hoop.example.com/api")
	} else if g.address, err = address(n.text); err != nil && n.valid() {
		b.invalid(n, strings.TrimPrefix(err.Error(), "gateway URL: "))
	}
	for _, c := range g.draft.conflicts(keyOf) {
		if allValid(all, c.flags) {
			b.conflict(section, c)
		}
	}
	return g
}

// allValid reports whether no problem was found with the values of settings that a section has.
func allValid(section *node, flags []string) bool {
	return !slices.ContainsFunc(flags, func(flag string) bool { return !section.at(keyOf(flag)).valid() })
}

// conflict adds the problem that settings do not fit. Its line is that of the first one in the section, or else in the defaults.
func (b *builder) conflict(section *node, c conflict) {
	key := keyOf(c.flags[0])
	for _, in := range []*node{section, b.defaults} {
		for _, flag := range c.flags {
			if n := in.at(keyOf(flag)); n != nil {
				b.add(n.line, join(in.path, key), "%s", c.text)
				return
			}
		}
	}
	b.add(section.nameLine, join(section.path, key), "%s", c.text)
}

// compare adds the problems of gateways with each other.
func (b *builder) compare(sections []*node, gateways []*Gateway) {
	type source struct {
		address, credential string
		filters             client.Filters
	}
	byAddress, bySource := map[string]int{}, map[source]int{}
	for i, g := range gateways {
		if g.address == "" {
			continue
		}
		n := sections[i]
		if first, found := byAddress[g.address]; !found {
			byAddress[g.address] = i
		} else if gateways[first].draft.collector.Budget != g.draft.collector.Budget {
			text := "must be the same as that of " + sections[first].path + ", which has the same address: it limits the load of one server"
			b.conflict(n, conflict{text, []string{"hoop.duty", "hoop.url"}})
		}
		if g.draft.source.Check() != nil {
			continue // this is reported, or a part of it could not be read: what sessions it shows is unknown
		}
		s := source{g.address, credentialID(g.draft.source), g.draft.collector.Filters}
		if first, found := bySource[s]; !found {
			bySource[s] = i
		} else if !strings.Contains(s.credential, hidden) { // a printed file: what is hidden can differ
			const text = "has the same address, credential and filters as %s: the same sessions would be counted twice"
			b.add(n.nameLine, n.path, text, sections[first].path)
		}
	}
}

// decodeHTTP returns the HTTP configuration of a value that was checked. Paths in it start from dir.
func decodeHTTP(n *node, dir string) (*config.HTTPClientConfig, error) {
	c := &config.HTTPClientConfig{}
	if err := n.yaml().Decode(c); err != nil {
		return nil, errors.New(withoutValues(credential.YAMLError(err).Error()))
	}
	c.SetDirectory(dir)
	if c.OAuth2 != nil { // SetDirectory leaves this one out
		c.OAuth2.ClientCertificateKeyFile = config.JoinDir(dir, c.OAuth2.ClientCertificateKeyFile)
	}
	return c, nil
}

const headersKey = "http_headers"

// credentialFlags returns the settings that name a credential, as far as a file has them.
func credentialFlags() []string {
	return []string{"hoop.token-file", "hoop.api-key-file", cliConfigFlag}
}

// isCredential returns a function that reports whether a value in the section at a path is a credential.
func isCredential(section string) func(*node) bool {
	http := section + "." + httpKey + "."
	paths := []string{http + "basic_auth", http + "authorization", http + "oauth2", http + "bearer_token", http + "bearer_token_file"}
	for _, flag := range credentialFlags() {
		paths = append(paths, section+"."+keyOf(flag))
	}
	return func(n *node) bool {
		return slices.Contains(paths, n.path) || strings.EqualFold(n.path, http+headersKey+"."+client.APIKeyHeader)
	}
}

// credentialID returns a text that differs between different credentials. It holds secrets.
func credentialID(o credential.Options) string {
	c := cmp.Or(o.HTTP, &config.HTTPClientConfig{})
	parts := []any{o.TokenFile, o.APIKeyFile, o.CLIConfig, c.BasicAuth, c.Authorization, c.OAuth2}
	if c.HTTPHeaders != nil {
		for name, header := range c.HTTPHeaders.Headers {
			if strings.EqualFold(name, client.APIKeyHeader) {
				parts = append(parts, header)
			}
		}
	}
	return fmt.Sprintf(strings.Repeat("%q ", len(parts)), parts...) // one by one: fmt shows only the address of a pointer inside a slice
}

// problems collects what is wrong with one file.
type problems struct {
	path  string
	texts map[int][]string // by line; 0 for the whole file
}

// add adds a problem with the value of a key, "" for the whole file. Its text gets file, line and key. A problem in the defaults, which all
// gateways have, is there once.
func (p *problems) add(line int, key, format string, args ...any) {
	where := p.path
	if line > 0 {
		where += ":" + strconv.Itoa(line)
	}
	if key != "" {
		where += ": " + key
	}
	text := where + ": " + fmt.Sprintf(format, args...)
	if !slices.Contains(p.texts[line], text) {
		p.texts[line] = append(p.texts[line], text)
	}
}

// invalid adds a problem with a value, and marks the value so that nothing else uses it.
func (p *problems) invalid(n *node, text string) {
	n.invalid = true
	p.add(n.line, n.path, "%s", text)
}

// err joins the problems in the order of the file; nil for none.
func (p *problems) err() error {
	var all []error
	for _, line := range slices.Sorted(maps.Keys(p.texts)) {
		for _, text := range p.texts[line] {
			all = append(all, errors.New(text))
		}
	}
	return errors.Join(all...)
}

// join returns the path of a key in the mapping at another path.
func join(parent, key string) string {
	return strings.TrimPrefix(parent+"."+printable(key), ".")
}

// printable returns a key in a form that fits in a line: quoted and shortened if it is long or has odd characters.
func printable(key string) string {
	odd := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' }
	if key == "" || len(key) > 64 || strings.ContainsFunc(key, odd) {
		return fmt.Sprintf("%.64q", key)
	}
	return key
}
