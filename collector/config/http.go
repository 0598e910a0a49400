package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/prometheus/common/config"

	"github.com/hoop-exporter/hoop_exporter/client/credential"
)

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
		s := mapping("a mapping")
		s.addFields(t)
		return s
	case reflect.Map:
		s := mapping("a mapping")
		s.each = httpShape(t.Elem())
		return s
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

// addFields adds the fields of a struct as YAML has them.
func (s *shape) addFields(t reflect.Type) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || strings.HasSuffix(name, "_ref"): // a reference to a secret manager, of which there is none
		case options == "inline" && f.Type.Kind() == reflect.Map:
			s.each = httpShape(f.Type.Elem())
		case options == "inline":
			s.addFields(f.Type)
		default:
			s.keys[name] = httpShape(f.Type)
		}
	}
}

// decodeHTTP returns the HTTP configuration of a value that was checked. Paths in it start from dir.
func decodeHTTP(n *node, dir string) (*config.HTTPClientConfig, error) {
	c := &config.HTTPClientConfig{}
	if err := n.yaml().Decode(c); err != nil {
		if _, is := errors.AsType[*url.Error](err); is {
			err = errors.New("contains an invalid URL") // the error would quote it
		}
		return nil, errors.New(withoutValues(err.Error()))
	}
	c.SetDirectory(dir)
	if c.OAuth2 != nil { // SetDirectory leaves this one out
		c.OAuth2.ClientCertificateKeyFile = config.JoinDir(dir, c.OAuth2.ClientCertificateKeyFile)
	}
	return c, nil
}

const headersKey, apiKeyHeader = "http_headers", "Api-Key"

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
		return slices.Contains(paths, n.path) || strings.EqualFold(n.path, http+headersKey+"."+apiKeyHeader)
	}
}

// credentialID returns a text that differs between different credentials. It holds secrets.
func credentialID(o credential.Options) string {
	c := cmp.Or(o.HTTP, &config.HTTPClientConfig{})
	parts := []any{o.TokenFile, o.APIKeyFile, o.CLIConfig, c.BasicAuth, c.Authorization, c.OAuth2}
	if c.HTTPHeaders != nil {
		for name, header := range c.HTTPHeaders.Headers {
			if strings.EqualFold(name, apiKeyHeader) {
				parts = append(parts, header)
			}
		}
	}
	return fmt.Sprintf(strings.Repeat("%q ", len(parts)), parts...) // one by one: fmt shows only the address of a pointer inside a slice
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
