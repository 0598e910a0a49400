package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/config"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the schema of the configuration file, instead of comparing it")

const (
	schemaFile  = "../../docs/config.schema.json"
	exampleFile = "../../docs/config.example.yml"
)

// object is a part of a schema.
type object = map[string]any

const (
	durationPattern = `^([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$`
	itemPattern     = `[^,]*[^,\s][^,]*`
	lengthPattern   = `\s*([0-9]+(ms|[ywdhms]))+\s*`
)

// schema is the schema of the file, made of the same table as its reader.
func schema(t *testing.T) object {
	t.Helper()
	gateway := section{key: "gateways.x"}
	defaults := section{key: "defaults"}
	return object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "hoop_exporter's configuration file",
		"description": "What --config.file names: the gateways to watch.",
		"type":        "object", "additionalProperties": false, "required": []string{"gateways"},
		"properties": object{
			"defaults": mapping("What holds for every gateway that says nothing else, key by key.", sectionSchema(&defaults)),
			"gateways": object{
				"description": "The gateways, by a name that becomes their label `gateway`.",
				"type":        "object", "minProperties": 1,
				"propertyNames":        object{"pattern": `^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$`},
				"additionalProperties": with(mapping("One gateway with one credential, which sees one organization.", sectionSchema(&gateway)), "required", []string{"url"}),
			},
		},
		"$defs": object{httpKey: with(httpSchema(reflect.TypeFor[config.HTTPClientConfig]()), "description",
			"TLS, proxy, headers and authorization towards the gateway, as <http_config> of Prometheus: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#http_config"),
			labelsKey: object{
				"description": "Labels of the gateway's target in Prometheus.",
				"type":        "object", "additionalProperties": object{"type": "string"},
				"propertyNames": object{
					"pattern": `^[a-zA-Z_][a-zA-Z0-9_]*$`,
					"not":     object{"anyOf": []object{{"pattern": "^(__|" + tagPrefix + ")"}, {"enum": slices.Sorted(slices.Values(reservedLabels()))}}},
				},
			}},
	}
}

func with(o object, key string, value any) object { o[key] = value; return o }

func mapping(description string, properties object) object {
	return object{"description": description, "type": "object", "additionalProperties": false, "properties": properties}
}

// sectionSchema are the keys of the defaults or of a gateway.
func sectionSchema(of *section) object {
	all := object{httpKey: object{"$ref": "#/$defs/" + httpKey}, labelsKey: object{"$ref": "#/$defs/" + labelsKey}}
	groups := map[string]string{
		"sessions": "Which sessions are watched, and for how long.", "reviews": "When reviews are overdue.", "cache": "How long an answer is good.",
		"stale": "When numbers are too old.", "labels": "What becomes a label.", "metrics": "What is shown, and how.",
	}
	for _, s := range Settings() {
		if s.key() == "" || s.key() == urlKey && of.key == "defaults" {
			continue
		}
		into := all
		group, name, inside := strings.Cut(s.key(), ".")
		if inside {
			if all[group] == nil {
				all[group] = mapping(groups[group], object{})
			}
			into = all[group].(object)["properties"].(object)
		} else {
			name = group
		}
		into[name] = with(s.schema(), "description", s.about)
	}
	return all
}

// schema is what the values of a setting look like.
func (s Setting) schema() object {
	o := s.kindSchema()
	if s.Flag == "hoop.url" {
		o["pattern"] = `^[hH][tT][tT][pP][sS]?://`
	}
	if s.Default == "" {
		return o
	}
	switch s.kind {
	case boolean:
		o["default"] = s.Default == "true"
	case number, whole:
		o["default"] = json.Number(s.Default)
	case thresholds:
		o["default"] = strings.Split(s.Default, ",")
	default:
		o["default"] = s.Default
	}
	return o
}

func (s Setting) kindSchema() object {
	positive := object{"type": "string", "pattern": durationPattern, "allOf": []object{{"pattern": "[1-9]"}}}
	switch s.kind {
	case file:
		return object{"type": "string", "minLength": 1}
	case duration:
		if s.bound == aboveZero {
			return positive
		}
		return object{"anyOf": []object{{"type": "string", "pattern": durationPattern, "minLength": 1}, {"enum": []any{"0", 0}}}}
	case number, whole:
		o := object{"type": map[kind]string{number: "number", whole: "integer"}[s.kind]}
		switch s.bound {
		case aboveZero:
			o["exclusiveMinimum"] = 0
		case share:
			o["exclusiveMinimum"], o["maximum"] = 0, 1
		case notNegative:
			o["minimum"] = 0
		}
		return o
	case boolean:
		return object{"type": "boolean"}
	case list:
		return object{"anyOf": []object{
			{"type": "array", "items": object{"type": "string", "pattern": "^" + itemPattern + "$"}},
			{"type": "string", "pattern": "^" + itemPattern + "(," + itemPattern + ")*$"},
		}}
	case thresholds:
		return object{"anyOf": []object{
			{"type": "array", "uniqueItems": true, "items": positive},
			{"type": "string", "pattern": `^(\s*|` + lengthPattern + "(," + lengthPattern + ")*)$"},
		}}
	}
	return object{"type": "string"}
}

// httpSchema is what the values of a type of HTTPClientConfig look like.
func httpSchema(t reflect.Type) object {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[config.URL]():
		return object{"type": "string"}
	case reflect.TypeFor[config.TLSVersion]():
		var versions []string
		for v := range config.TLSVersions {
			versions = append(versions, v)
		}
		slices.Sort(versions)
		return object{"type": "string", "enum": versions}
	}
	switch t.Kind() {
	case reflect.Struct:
		fields, free := httpFields(t)
		if free != nil {
			return object{"type": "object", "additionalProperties": httpSchema(free)}
		}
		properties := object{}
		for _, f := range fields {
			properties[f.name] = httpSchema(f.typ)
		}
		return object{"type": "object", "additionalProperties": false, "properties": properties}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": httpSchema(t.Elem())}
	case reflect.Slice:
		return object{"type": "array", "items": httpSchema(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	}
	return object{}
}

// The schema is made here and kept in docs, for editors. To write it: go test ./collector/config -run Schema -update
func TestTheSchemaIsThatOfTheTable(t *testing.T) {
	var made bytes.Buffer
	e := json.NewEncoder(&made)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(schema(t)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile, made.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, made.Bytes()) {
		t.Errorf("%s is not what the table makes: run this test with -update", schemaFile)
	}
}

// compiled is the schema in docs, as an editor uses it.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valid tells what the schema says of a document.
func valid(t interface{ Fatal(...any) }, s *jsonschema.Schema, document string) error {
	var v any
	if err := yaml.Unmarshal([]byte(document), &v); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	v, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

func TestTheExampleIsValid(t *testing.T) {
	content, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(exampleFile); err != nil {
		t.Error(err)
	}
	if err := valid(t, compiled(t), string(content)); err != nil {
		t.Error(err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	if first != "# yaml-language-server: $schema=config.schema.json" {
		t.Errorf("editors do not find the schema by the first line %q", first)
	}
	for _, s := range Settings() {
		_, name, inside := strings.Cut(s.key(), ".")
		if !inside {
			name = s.key()
		}
		if name != "" && !strings.Contains(string(content), name+":") {
			t.Errorf("it does not show %s", s.key())
		}
	}
}

// What an editor says while somebody writes is what the exporter says later, as far as it is about the form.
func TestSchemaAndReaderAgree(t *testing.T) {
	s := compiled(t)
	gateway := func(text string) string { return "gateways: {a: {url: https://a, token_file: t, " + text + "}}" }
	http := func(text string) string {
		return "gateways: {a: {url: https://a, token_file: t, http_client_config: {" + text + "}}}"
	}
	documents := map[bool][]string{
		true: {
			gateway(""), gateway("duty: 1"), gateway("duty: 1e-3"), gateway("timeout: 1h30m"), gateway("max_response_bytes: 1"),
			gateway("sessions: {long_running: [1h, 90d]}"), gateway(`sessions: {long_running: "1h, 90d"}`), gateway("sessions: {long_running: []}"),
			gateway("sessions: {user: '123', connection: '', type: x, review_approver: a@b}"), gateway("reviews: {overdue: 5m}"),
			gateway("labels: {connection_tags: [team, a b]}"), gateway("labels: {connection_tags: []}"), gateway("labels: {connection_tags: 'team,env'}"),
			gateway("metrics: {first_value_hold: 0}"), gateway("metrics: {first_value_hold: 0s}"), gateway("metrics: {first_value_hold: '0'}"),
			gateway("metrics: {exemplars: false, native_histograms: true}"), gateway("metrics: {max_connections: 0}"),
			gateway("target_labels: {environment: production, _x: '', X9: '1'}"), gateway("target_labels: {}"),
			http("tls_config: {min_version: TLS12, ca_file: x, insecure_skip_verify: true}"), http("http_headers: {X-Team: {values: [a], secrets: [b], files: [c]}}"),
			http("proxy_url: 'http://u:p@proxy', follow_redirects: false, enable_http2: false"), http("proxy_from_environment: true"),
			"gateways: {a: {url: https://a, http_client_config: {authorization: {type: Bearer, credentials_file: f}}}}",
			"gateways: {a: {url: https://a, http_client_config: {oauth2: {client_id: x, token_url: https://t, scopes: [a], endpoint_params: {a: b}, claims: {a: [1, {b: c}]}, tls_config: {}}}}}",
			"defaults: {token_file: t, target_labels: {a: b}, duty: 0.5}\ngateways: {a: {url: HTTP://a/x/api}, A.b-c_9: {url: https://b}}",
			"defaults: {}\ngateways: {" + strings.Repeat("a", 63) + ": {url: https://a, api_key_file: k}}",
		},
		false: {
			"", "[]", "gateways", "gateways:", "gateways: {}", "gateways: []", "gateways: {a: }", "gateways: {a: []}", "defaults: {duty: 1}", "other: 1\n" + gateway(""),
			"defaults:\n" + gateway(""), "defaults: {url: https://a}\n" + gateway(""), "defaults: {cache: {}, x: 1}\n" + gateway(""),
			"gateways: {a: {token_file: t}}", "gateways: {a: {url: a.example.com, token_file: t}}", "gateways: {a: {url: 5, token_file: t}}",
			"gateways: {'': {url: https://a, token_file: t}}", "gateways: {-a: {url: https://a, token_file: t}}", "gateways: {a b: {url: https://a, token_file: t}}",
			"gateways: {ä: {url: https://a, token_file: t}}", "gateways: {" + strings.Repeat("a", 64) + ": {url: https://a, token_file: t}}",
			gateway("duty: 0"), gateway("duty: 1.5"), gateway("duty: '0.1'"), gateway("duty: [0.1]"), gateway("duty: "), gateway("timeout: 0s"), gateway("timeout: 30"),
			gateway("timeout: 5 minutes"), gateway("timeout: ''"), gateway("timeout: 1m1h"), gateway("timeout: true"), gateway("max_response_bytes: 0"), gateway("max_response_bytes: 1.5"),
			gateway("max_response_bytes: 1MB"), gateway("sessions: {lookback: 0}"), gateway("sessions: {overlap: {}}"), gateway("sessions: 5m"), gateway("sessions: "),
			gateway("sessions: {x: 1}"), gateway("sessions.lookback: 5h"), gateway("sessions: {long_running: [1h, 0s]}"), gateway("sessions: {long_running: [1h, 1h]}"),
			gateway("sessions: {long_running: [1]}"), gateway("sessions: {long_running: [[1h]]}"), gateway("sessions: {long_running: soon}"), gateway("sessions: {user: 123}"),
			gateway("sessions: {user: }"), gateway("sessions: {user: true}"), gateway("labels: {connection_tags: [a, 1]}"), gateway("labels: {connection_tags: ['a,b']}"),
			gateway("labels: {connection_tags: ['']}"), gateway("labels: {connection_tags: ''}"), gateway("labels: {connection_tags: 'a,,b'}"), gateway("labels: {connection_tags: {a: b}}"),
			gateway("metrics: {max_connections: -1}"), gateway("metrics: {exemplars: 'true'}"), gateway("metrics: {exemplars: yes}"), gateway("metrics: {openmetrics_created: true}"),
			gateway("http_config_file: x"), gateway("state_dir: x"), gateway("token: x"), gateway("api_key_file: 5"), gateway("cli_config: ''"),
			gateway("target_labels: {gateway: a}"), gateway("target_labels: {instance: a}"), gateway("target_labels: {job: a}"), gateway("target_labels: {le: a}"), gateway("target_labels: {connection: a}"),
			gateway("target_labels: {tag_x: a}"), gateway("target_labels: {__address__: a}"), gateway("target_labels: {a-b: a}"), gateway(`target_labels: {"9": a}`), gateway("target_labels: {a: 1}"),
			gateway("target_labels: [a]"), gateway("target_labels: {a: }"),
			http("tls_config: {min_version: TLS9}"), http("tls_config: "), http("tls_confg: {}"), http("tls_config: {ca_ref: x}"), http("tls_config: {insecure_skip_verify: 1}"),
			http("proxy_url: 5"), http("http_headers: {X: a}"), http("http_headers: {X: {value: [a]}}"), http("http_headers: {X: {values: a}}"), http("http_headers: {X: {values: [1]}}"),
			http("basic_auth: {username: 5}"), http("bearer_token: [x]"), http("oauth2: {endpoint_params: {a: 1}}"), http("follow_redirects: 'no'"), http("authorization: s3cret"),
		},
	}
	for good, list := range documents {
		for i, document := range list {
			t.Run(strconv.FormatBool(good)+" "+strconv.Itoa(i), func(t *testing.T) {
				_, err := Parse("hoop.yml", []byte(document))
				if (err == nil) != good {
					t.Errorf("the reader says %v of %s", err, document)
				}
				if err := valid(t, s, document); (err == nil) != good {
					t.Errorf("the schema says %v of %s", err, document)
				}
			})
		}
	}
}
