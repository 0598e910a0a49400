package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// For any values at any keys, the schema refuses exactly the documents whose form the reader refuses.
func TestSchemaAndReaderAgreeOnAnyDocument(t *testing.T) {
	s := compiled(t)
	accepted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		for _, odd := range []int{0, rapid.IntRange(6, 30).Draw(t, "how odd")} {
			document, err := yaml.Marshal(documents(t, odd))
			if err != nil {
				t.Fatal(err)
			}
			p := &problems{"hoop.yml", map[int][]string{}}
			p.check(p.read(document), fileShape())
			says, schema := p.err(), valid(t, s, string(document))
			if (says == nil) != (schema == nil) {
				t.Fatalf("the reader says %v, the schema %v, of\n%s", says, schema, document)
			}
			if says == nil {
				accepted++
			} else {
				refused++
			}
		}
	})
	if accepted < 5 || refused < 5 {
		t.Errorf("%d documents were accepted, %d refused", accepted, refused)
	}
}

// documents returns a document. The larger odd is, up to 30, the more of its values are at wrong places; with 0 none is.
func documents(t *rapid.T, odd int) any {
	oddly := func() bool { return odd > 0 && rapid.IntRange(0, 30).Draw(t, "oddly") < odd/6 }
	scalar := rapid.SampledFrom([]any{"", "x", "5m", "1h30m", "https://a", "a,b", 0, 5, -1, 0.5, 1.5, true, false, nil})
	anything := func() any {
		switch rapid.IntRange(0, 5).Draw(t, "form") {
		case 0:
			return rapid.SliceOfN(scalar, 0, 3).Draw(t, "list")
		case 1:
			return map[string]any{rapid.SampledFrom([]string{"x", "ttl", "values", "a b", "__x", "tag_x"}).Draw(t, "key"): scalar.Draw(t, "value")}
		}
		return scalar.Draw(t, "scalar")
	}
	sample := map[string][]any{
		"text": {"x", ""}, "duration": {"5m", "1h30m"}, "number": {0.5, 1}, "integer": {5, 100}, "boolean": {true, false},
		"list": {[]any{"a", "b"}, []any{}, "a,b"}, "thresholds": {[]any{"5m", "1h"}, []any{}, "5m"},
	}
	section := func(defaults bool) any {
		if oddly() {
			return anything()
		}
		out := map[string]any{}
		for _, s := range Settings() {
			group, name, inside := strings.Cut(keyOf(s.Flag), ".")
			must := keyOf(s.Flag) == urlKey && !defaults
			if keyOf(s.Flag) == "" || keyOf(s.Flag) == urlKey && defaults && !oddly() || !must && rapid.IntRange(0, 3).Draw(t, "given") > 0 {
				continue
			}
			value := rapid.SampledFrom(sample[s.shape().kind]).Draw(t, keyOf(s.Flag))
			if s.isFile {
				value = "f"
			}
			if must {
				value = "https://a"
			}
			if oddly() {
				if value = anything(); keyOf(s.Flag) == urlKey && reflect.TypeOf(value) == reflect.TypeFor[string]() {
					value = "https://b" // what is a URL is more than a form
				}
			}
			if !inside {
				out[keyOf(s.Flag)] = value
				continue
			}
			in, _ := out[group].(map[string]any)
			if in == nil {
				in = map[string]any{}
				out[group] = in
			}
			in[name] = value
		}
		if rapid.Bool().Draw(t, "labels") {
			out[labelsKey] = map[string]any{rapid.SampledFrom([]string{"a", "_b", "C9"}).Draw(t, "label"): "x"}
		}
		if rapid.Bool().Draw(t, "http") {
			fields := slices.Sorted(maps.Keys(fileShape().keys[defaultsKey].keys[httpKey].keys))
			http := map[string]any{"follow_redirects": true, "tls_config": map[string]any{"ca_file": "x"}, "http_headers": map[string]any{"x": map[string]any{"values": []any{"x"}}}}
			if oddly() {
				http[rapid.SampledFrom(fields).Draw(t, "field")] = anything()
			}
			out[httpKey] = http
		}
		if oddly() {
			out[rapid.SampledFrom([]string{labelsKey, httpKey, "sessions", "x", "cache.ttl"}).Draw(t, "odd key")] = anything()
		}
		return out
	}
	name := "a"
	if oddly() {
		name = rapid.SampledFrom([]string{"-a", "a b", "A.b_c-9", "", "ä"}).Draw(t, "name")
	}
	root := map[string]any{"gateways": map[string]any{name: section(false), "b": section(false)}}
	if rapid.Bool().Draw(t, "defaults") {
		root["defaults"] = section(true)
	}
	if oddly() {
		root[rapid.SampledFrom([]string{"defaults", "gateways", "x"}).Draw(t, "odd part")] = anything()
	}
	return root
}
