package config

import (
	"cmp"
	"errors"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
)

// shape says which values can be at a place in a file.
type shape struct {
	kind    string
	what    string                  // what to write there; it completes "must be ..."
	tags    []string                // the YAML types of such a value; none for any value
	keys    map[string]*shape       // of a mapping with known keys
	refused map[string]string       // of a mapping with known keys: what to say of keys that belong elsewhere
	each    *shape                  // of the values of a mapping with free keys, and of the items of a list
	name    func(name string) error // of a mapping with free keys: what is wrong with a key
	check   func(*node) error       // what is wrong with a value of these types
}

// The keys of a file, and those of a gateway that are not settings, but for the url.
const defaultsKey, gatewaysKey, urlKey, labelsKey, httpKey = "defaults", "gateways", "url", "target_labels", "http_client_config"

// gatewayNames is the pattern of the names of gateways, which are values of a label and parts of URLs.
const gatewayNames = `^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$`

// fileShape returns the shape of a whole file.
func fileShape() *shape {
	defaults := section("a mapping")
	delete(defaults.keys, urlKey)
	defaults.refused = map[string]string{urlKey: "is not a default: give each gateway its own"}
	gateways, names := mapping("a mapping of names to gateways"), regexp.MustCompile(gatewayNames)
	gateways.each = section("a mapping with the url of the gateway and its other settings")
	gateways.name = func(name string) error {
		if !names.MatchString(name) {
			return errors.New("is not a valid gateway name: use 1 to 63 letters, digits, dots, dashes and underscores, starting with a letter or digit")
		}
		return nil
	}
	file := mapping("a mapping with the key gateways")
	file.keys = map[string]*shape{defaultsKey: defaults, gatewaysKey: gateways}
	return file
}

func mapping(what string) *shape {
	return &shape{kind: "mapping", what: what, tags: []string{mapTag}, keys: map[string]*shape{}}
}

// section returns the shape of a gateway, and of the defaults but for the url.
func section(what string) *shape {
	all := mapping(what)
	all.keys[httpKey], all.keys[labelsKey] = httpShape(reflect.TypeFor[config.HTTPClientConfig]()), labelsShape()
	for _, s := range Settings() {
		into, name := all, keyOf(s.Flag)
		if group, rest, nested := strings.Cut(name, "."); nested {
			all.keys[group] = cmp.Or(all.keys[group], mapping("a mapping"))
			into, name = all.keys[group], rest
		}
		into.keys[name] = s.shape()
	}
	delete(all.keys, "") // of settings that a file does not have
	return all
}

// check adds the problems with the form of a value. What is in a value can be a secret, so only the checks of shapes quote any of it.
func (p *problems) check(n *node, s *shape) {
	switch {
	case len(s.tags) == 0:
		return
	case n.tag == nullTag:
		p.invalid(n, "has no value: write one, or leave the key out")
		return
	case !slices.Contains(s.tags, n.tag):
		p.invalid(n, "must be "+s.what)
		return
	}
	for _, c := range n.children {
		if s.name != nil {
			if err := s.name(c.name); err != nil {
				p.add(c.nameLine, c.path, "%s", err)
			}
		}
		if of := cmp.Or(s.keys[c.name], s.each); of != nil {
			p.check(c, of)
		} else {
			p.unknown(c, s)
		}
	}
	if s.check != nil && n.valid() {
		if err := s.check(n); err != nil {
			p.invalid(n, err.Error())
		}
	}
}

func (p *problems) unknown(n *node, in *shape) {
	n.invalid = true
	text := in.refused[n.name]
	if text == "" {
		text = "is unknown: the known keys are " + strings.Join(slices.Sorted(maps.Keys(in.keys)), ", ")
	}
	p.add(n.nameLine, n.path, "%s", text)
}

// tagPrefix starts the labels of connection tags, which an operator chooses as well.
const tagPrefix = "tag_"

// reservedLabels returns the labels that all series of a target have: Prometheus would rename one of two labels with the same name.
func reservedLabels() []string {
	return append(exposition.LabelNames(), "gateway", "instance", "job")
}

func labelsShape() *shape {
	labels := mapping("a mapping of labels to values")
	labels.each = textShape()
	reserved := reservedLabels()
	labels.name = func(name string) error {
		switch {
		case !model.LegacyValidation.IsValidLabelName(name):
			return errors.New("is not a valid label name: use letters, digits and underscores, not starting with a digit")
		case strings.HasPrefix(name, "__"):
			return errors.New("is not a valid target label: Prometheus reserves names that start with two underscores")
		case slices.Contains(reserved, name) || strings.HasPrefix(name, tagPrefix):
			return errors.New("is already a label of the gateway's series: choose another name")
		}
		return nil
	}
	return labels
}

// httpShape returns the shape of a type in an HTTPClientConfig. No check of it quotes a value, which can be a secret.
func httpShape(t reflect.Type) *shape {
	switch t {
	case reflect.TypeFor[config.URL]():
		return checkedText("text", "a URL", func(text string) bool { _, err := url.Parse(text); return err == nil })
	case reflect.TypeFor[config.TLSVersion]():
		versions := slices.Sorted(maps.Keys(config.TLSVersions))
		return checkedText("TLS version", "one of "+strings.Join(versions, ", "), func(text string) bool { return slices.Contains(versions, text) })
	}
	switch t.Kind() {
	case reflect.Pointer:
		return httpShape(t.Elem())
	case reflect.Struct:
		return mapping("a mapping").withFields(t)
	case reflect.Map:
		return &shape{kind: "mapping", what: "a mapping", tags: []string{mapTag}, each: httpShape(t.Elem())}
	case reflect.Slice:
		return &shape{kind: "list", what: "a list", tags: []string{listTag}, each: httpShape(t.Elem())}
	case reflect.Bool:
		return variableOf(new(bool)).shape
	case reflect.String:
		return textShape()
	}
	return &shape{kind: "any"}
}

func checkedText(kind, what string, valid func(text string) bool) *shape {
	return &shape{kind: kind, what: what, tags: textShape().tags, check: func(n *node) error {
		if !valid(n.text) {
			return errors.New("must be " + what)
		}
		return nil
	}}
}

// withFields adds the fields of a struct as YAML has them.
func (s *shape) withFields(t reflect.Type) *shape {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || strings.HasSuffix(name, "_ref"): // a reference to a secret manager, of which there is none
		case options == "inline" && f.Type.Kind() == reflect.Map:
			s.each = httpShape(f.Type.Elem())
		case options == "inline":
			s.withFields(f.Type)
		default:
			s.keys[name] = httpShape(f.Type)
		}
	}
	return s
}
