package config

import (
	"errors"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"
)

// httpKey is the key of a gateway's HTTPClientConfig, which has no flag but that of a file.
const httpKey = "http_client_config"

// httpField is a field of an HTTPClientConfig or of what is in it.
type httpField struct {
	name string
	typ  reflect.Type
}

// httpFields are the fields of a struct as YAML has them; or the type of all fields, where their names are free.
func httpFields(t reflect.Type) (fields []httpField, free reflect.Type) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported():
		case options == "inline" && f.Type.Kind() == reflect.Map:
			return nil, f.Type.Elem()
		case options == "inline":
			inner, _ := httpFields(f.Type)
			fields = append(fields, inner...)
		case strings.HasSuffix(name, "_ref"):
			// A reference to a secret manager, of which there is none.
		default:
			fields = append(fields, httpField{name, f.Type})
		}
	}
	return fields, nil
}

// http checks the form of a value for a type of HTTPClientConfig. No mistake tells a value: it can be a secret.
func (m *mistakes) http(n *yaml.Node, key string, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[config.URL]():
		if m.is(n, key, "text", "!!str") {
			if _, err := url.Parse(n.Value); err != nil {
				m.add(n.Line, key, "is no URL")
			}
		}
		return
	case reflect.TypeFor[config.TLSVersion]():
		if _, known := config.TLSVersions[n.Value]; !known {
			m.add(n.Line, key, "is no version of TLS: write one of %s", strings.Join(slices.Sorted(maps.Keys(config.TLSVersions)), ", "))
		}
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		m.httpStruct(n, key, t)
	case reflect.Map:
		if m.is(n, key, "a mapping", "!!map") {
			for name, value := range pairs(n) {
				m.http(value, join(key, name.Value), t.Elem())
			}
		}
	case reflect.Slice:
		if m.is(n, key, "a list", "!!seq") {
			for _, item := range n.Content {
				m.http(item, key, t.Elem())
			}
		}
	case reflect.Bool:
		m.is(n, key, "true or false", "!!bool")
	case reflect.String:
		m.is(n, key, text.form(), "!!str", "!!timestamp")
	}
}

func (m *mistakes) httpStruct(n *yaml.Node, key string, t reflect.Type) {
	if !m.is(n, key, "a mapping", "!!map") {
		return
	}
	fields, free := httpFields(t)
	for name, value := range pairs(n) {
		of := free
		var known []string
		for _, f := range fields {
			known = append(known, f.name)
			if f.name == name.Value {
				of = f.typ
			}
		}
		if of == nil {
			m.unknown(name.Line, join(key, name.Value), known)
			continue
		}
		m.http(value, join(key, name.Value), of)
	}
}

// is tells whether a value has one of the tags, and notes it if not.
func (m *mistakes) is(n *yaml.Node, key, form string, tags ...string) bool {
	switch {
	case slices.Contains(tags, n.Tag):
		return true
	case n.Tag == "!!null":
		m.add(n.Line, key, "has no value: write one, or leave the key out")
	default:
		m.add(n.Line, key, "must be %s", form)
	}
	return false
}

func (m *mistakes) unknown(line int, key string, known []string) {
	m.add(line, key, "is unknown: known here are %s", strings.Join(known, ", "))
}

// httpCredentials are the fields of an HTTPClientConfig that authenticate.
func httpCredentials() []string {
	return []string{"basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file"}
}

const headersKey, apiKeyHeader = "http_headers", "Api-Key"

// withoutCredential is an HTTPClientConfig without what authenticates; found tells whether there was anything.
func withoutCredential(n *yaml.Node) (rest *yaml.Node, found bool) {
	if n == nil || n.Kind != yaml.MappingNode {
		return n, false
	}
	rest = &yaml.Node{Kind: n.Kind, Tag: n.Tag, Line: n.Line}
	for name, value := range pairs(n) {
		if slices.Contains(httpCredentials(), name.Value) {
			found = true
			continue
		}
		if name.Value == headersKey && value.Kind == yaml.MappingNode {
			headers := &yaml.Node{Kind: value.Kind, Tag: value.Tag, Line: value.Line}
			for header, of := range pairs(value) {
				if strings.EqualFold(header.Value, apiKeyHeader) {
					found = true
					continue
				}
				headers.Content = append(headers.Content, header, of)
			}
			value = headers
		}
		rest.Content = append(rest.Content, name, value)
	}
	return rest, found
}

// decodeHTTP makes the configuration of nodes whose form was checked. Paths start from dir.
func decodeHTTP(n *yaml.Node, dir string) (*config.HTTPClientConfig, error) {
	c := &config.HTTPClientConfig{}
	if err := n.Decode(c); err != nil {
		if _, is := errors.AsType[*url.Error](err); is {
			err = errors.New("holds something that is no URL") // it would quote it
		}
		return nil, errors.New(withoutValues(err.Error()))
	}
	c.SetDirectory(dir)
	if c.OAuth2 != nil { // which forgets this one
		c.OAuth2.ClientCertificateKeyFile = config.JoinDir(dir, c.OAuth2.ClientCertificateKeyFile)
	}
	return c, nil
}
