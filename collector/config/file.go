package config

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"
)

// section is what a file says in its defaults or about one gateway.
type section struct {
	key    string
	line   int
	values map[string]string // by flag; none that is wrong
	lines  map[string]int    // of the values, wrong ones too
	labels map[string]string
	http   *yaml.Node
	broken bool // it is no HTTPClientConfig
}

// The keys of a section that are no settings.
const labelsKey, urlKey = "target_labels", "url"

// reader reads a file's values.
type reader struct {
	mistakes
	settings map[string]Setting // by key
	reserved []string           // labels that no target may have
}

func newReader(path string) *reader {
	r := &reader{mistakes: mistakes{path: path}, settings: map[string]Setting{}, reserved: reservedLabels()}
	for _, s := range Settings() {
		if key := s.key(); key != "" {
			r.settings[key] = s
		}
	}
	return r
}

// parse reads and validates a file.
func parse(path string, content []byte) ([]*Gateway, error) {
	r := newReader(path)
	root := r.unfold(content)
	if root == nil {
		return nil, r.err()
	}
	defaults, sections := r.document(root)
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	b, err := newBuilder(&r.mistakes, dir, defaults)
	if err != nil {
		return nil, err
	}
	var gateways []*Gateway
	for _, s := range sections {
		gateways = append(gateways, b.gateway(s))
	}
	b.compare(sections, gateways)
	if err := r.err(); err != nil {
		return nil, err
	}
	return gateways, nil
}

func (r *reader) document(root *yaml.Node) (defaults *section, gateways []*section) {
	defaults = &section{key: "defaults"}
	if !r.is(root, "", "a mapping with the key gateways", "!!map") {
		return defaults, nil
	}
	for name, value := range pairs(root) {
		switch name.Value {
		case "defaults":
			defaults = r.section(value, "defaults")
		case "gateways":
			gateways = r.gateways(value)
		default:
			r.unknown(name.Line, join("", name.Value), []string{"defaults", "gateways"})
		}
	}
	if field(root, "gateways") == nil {
		r.add(root.Line, "gateways", "is missing: name at least one gateway there")
	}
	return defaults, gateways
}

func (r *reader) gateways(n *yaml.Node) (all []*section) {
	const key = "gateways"
	if !r.is(n, key, "a mapping of names to gateways", "!!map") {
		return nil
	}
	if len(n.Content) == 0 {
		r.add(n.Line, key, "is empty: name at least one gateway there")
	}
	for name, value := range pairs(n) {
		if !goodName(name.Value) {
			r.add(name.Line, join(key, name.Value), "is no name of a gateway: 1 to 63 letters, digits, dots, dashes and underscores, a letter or digit first")
		}
		full := join(key, name.Value)
		if !r.is(value, full, "a mapping with the url and what else holds for the gateway", "!!map") {
			continue
		}
		s := r.section(value, full)
		s.line = name.Line
		all = append(all, s)
	}
	return all
}

// goodName tells whether a gateway can be called so: the name is a label's value, and a parameter in URLs.
func goodName(name string) bool {
	if name == "" || len(name) > 63 {
		return false
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._-", r)) {
			return false
		}
	}
	return true
}

// wrong tells whether a setting is there and cannot be used.
func (s *section) wrong(flag string) bool {
	_, right := s.values[flag]
	return s.lines[flag] > 0 && !right
}

func (s *section) name() string { return strings.TrimPrefix(s.key, "gateways.") }

// section reads the defaults or a gateway.
func (r *reader) section(n *yaml.Node, key string) *section {
	s := &section{key: key, line: n.Line, values: map[string]string{}, lines: map[string]int{}}
	r.group(s, n, "")
	return s
}

// group reads the settings below a key of a section.
func (r *reader) group(s *section, n *yaml.Node, group string) {
	if !r.is(n, strings.TrimSuffix(s.key+"."+group, "."), "a mapping", "!!map") {
		return
	}
	for name, value := range pairs(n) {
		key, full := strings.TrimPrefix(group+"."+name.Value, "."), join(strings.TrimSuffix(s.key+"."+group, "."), name.Value)
		switch setting, known := r.settings[key]; {
		case strings.Contains(name.Value, "."): // sessions.lookback is a path, not a key
			r.unknown(name.Line, full, r.known(s, group))
		case key == httpKey:
			before := len(r.list)
			r.http(value, full, reflect.TypeFor[config.HTTPClientConfig]())
			s.http, s.broken = value, len(r.list) > before
		case key == labelsKey:
			s.labels = r.labels(value, full)
		case key == urlKey && s.key == "defaults":
			r.add(name.Line, full, "is no default: it makes a gateway what it is")
		case known:
			s.lines[setting.Flag] = value.Line
			if text, ok := r.value(setting, value, full); ok {
				s.values[setting.Flag] = text
			}
		case group == "" && slices.Contains(r.known(s, ""), key):
			r.group(s, value, key)
		default:
			r.unknown(name.Line, full, r.known(s, group))
		}
	}
}

// known are the keys of a group of settings.
func (r *reader) known(s *section, group string) (keys []string) {
	for key := range r.settings {
		if group != "" {
			rest, inside := strings.CutPrefix(key, group+".")
			if !inside {
				continue
			}
			key = rest
		}
		key, _, _ = strings.Cut(key, ".")
		keys = append(keys, key)
	}
	if group == "" {
		keys = append(keys, httpKey, labelsKey)
	}
	slices.Sort(keys)
	return slices.DeleteFunc(slices.Compact(keys), func(k string) bool { return group == "" && k == urlKey && s.key == "defaults" })
}

// value is a value as the flag's text.
func (r *reader) value(s Setting, n *yaml.Node, key string) (text string, ok bool) {
	if s.kind.isList() && n.Tag == "!!seq" {
		return r.sequence(s, n, key)
	}
	if n.Kind != yaml.ScalarNode || !s.kind.takes(n.Tag) {
		return "", r.is(n, key, s.kind.form())
	}
	if n.Value == "" && s.kind == file {
		r.add(n.Line, key, "is empty: name a file, or leave the key out")
		return "", false
	}
	return n.Value, r.valid(s, n, key, n.Value)
}

func (r *reader) sequence(s Setting, n *yaml.Node, key string) (text string, ok bool) {
	var items []string
	for _, item := range n.Content {
		switch {
		case item.Kind != yaml.ScalarNode || !s.kind.takes(item.Tag):
			return "", r.is(item, key, s.kind.form())
		case strings.Contains(item.Value, ","):
			r.add(item.Line, key, "%q has a comma in it", item.Value)
			return "", false
		}
		items = append(items, item.Value)
	}
	text = strings.Join(items, ",")
	return text, len(items) == 0 || r.valid(s, n, key, text)
}

// valid tells whether a text can be the setting's value, and notes it if not.
func (r *reader) valid(s Setting, n *yaml.Node, key, text string) bool {
	if err := s.set(&Draft{}, text); err != nil {
		r.add(n.Line, key, "%s", err)
		return false
	}
	return true
}
