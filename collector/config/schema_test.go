package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
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

// schema returns the schema of the file, made of the same shapes as its reader uses.
func schema() object {
	settings := map[string]Setting{}
	for _, s := range Settings() {
		if keyOf(s.Flag) != "" {
			settings[keyOf(s.Flag)] = s
		}
	}
	file := fileShape()
	gateway := file.keys[gatewaysKey].each
	s := object{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "hoop_exporter's configuration file"}
	maps.Copy(s, shapeSchema(file, "", settings))
	s["required"] = []string{gatewaysKey}
	gateways := s["properties"].(object)[gatewaysKey].(object)
	gateways["minProperties"], gateways["propertyNames"] = 1, object{"pattern": gatewayNames}
	gateways["additionalProperties"].(object)["required"] = []string{urlKey}
	http, labels := shapeSchema(gateway.keys[httpKey], httpKey, nil), shapeSchema(gateway.keys[labelsKey], labelsKey, nil)
	labels["propertyNames"] = object{
		"pattern": `^[a-zA-Z_][a-zA-Z0-9_]*$`,
		"not":     object{"anyOf": []object{{"pattern": "^(__|" + tagPrefix + ")"}, {"enum": slices.Sorted(slices.Values(reservedLabels()))}}},
	}
	s["$defs"] = object{httpKey: http, labelsKey: labels}
	return s
}

const anyGateway = gatewaysKey + ".*"

// descriptions are those of mappings, by their path in the file, or in a gateway or the defaults.
var descriptions = map[string]string{
	"": "What --config.file names: the gateways to watch.", defaultsKey: "What holds for every gateway that says nothing else, key by key.",
	gatewaysKey: "The gateways, by a name that becomes their label `gateway`.", anyGateway: "One gateway with one credential, which sees one organization.",
	"sessions": "Which sessions are watched, and for how long.", "reviews": "When reviews are overdue.", "cache": "How long an answer is good.",
	"stale": "When numbers are too old.", "labels": "What becomes a label.", "metrics": "What is shown, and how.",
	labelsKey: "Labels of the gateway's target in Prometheus.",
	httpKey: "TLS, proxy, headers and authorization towards the gateway, as <http_config> of Prometheus: " +
		"https://prometheus.io/docs/prometheus/latest/configuration/configuration/#http_config",
}

// shapeSchema returns the schema of a shape at such a path. Settings are those by their keys; none for a part of a definition.
func shapeSchema(of *shape, path string, settings map[string]Setting) object {
	s := object{}
	if text := descriptions[path]; text != "" {
		s["description"] = text
	}
	switch {
	case settings != nil && (path == httpKey || path == labelsKey):
		return object{"$ref": "#/$defs/" + path}
	case settings[path].Flag != "":
		return settingSchema(settings[path])
	case of.kind == "mapping" && of.each != nil:
		s["type"], s["additionalProperties"] = "object", shapeSchema(of.each, path+".*", settings)
	case of.kind == "mapping":
		properties := object{}
		for name, value := range of.keys {
			within := path + "." + name
			if path == "" || path == defaultsKey || path == anyGateway {
				within = name
			}
			properties[name] = shapeSchema(value, within, settings)
		}
		s["type"], s["additionalProperties"], s["properties"] = "object", false, properties
	case of.kind == "list":
		s["type"], s["items"] = "array", shapeSchema(of.each, path+".*", settings)
	case of.kind == "TLS version":
		s["type"], s["enum"] = "string", slices.Sorted(maps.Keys(config.TLSVersions))
	case of.kind == "text":
		s["type"] = "string"
	case of.kind == "boolean":
		s["type"] = "boolean"
	}
	return s
}

// settingSchema returns the schema of the values of a setting.
func settingSchema(s Setting) object {
	refuses := func(text string) bool { return s.Set(&Draft{}, text) != nil }
	positive := object{"type": "string", "pattern": durationPattern, "allOf": []object{{"pattern": "[1-9]"}}}
	o := object{"type": "string"}
	var def any = s.Default
	switch kind := s.shape().kind; kind {
	case "text":
		if s.isFile {
			o["minLength"] = 1
		}
	case "duration":
		if o = positive; !refuses("0") {
			o = object{"anyOf": []object{{"type": "string", "pattern": durationPattern, "minLength": 1}, {"enum": []any{"0", 0}}}}
		}
	case "number", "integer":
		o["type"], def = kind, json.Number(s.Default)
		if refuses("0") {
			o["exclusiveMinimum"] = 0
		} else if refuses("-1") {
			o["minimum"] = 0
		}
		if refuses("2") {
			o["maximum"] = 1
		}
	case "boolean":
		o["type"], def = "boolean", s.Default == "true"
	case "list":
		o = object{"anyOf": []object{
			{"type": "array", "items": object{"type": "string", "pattern": "^" + itemPattern + "$"}},
			{"type": "string", "pattern": "^" + itemPattern + "(," + itemPattern + ")*$"},
		}}
	case "thresholds":
		def = strings.Split(s.Default, ",")
		o = object{"anyOf": []object{
			{"type": "array", "uniqueItems": true, "items": positive},
			{"type": "string", "pattern": `^(\s*|` + lengthPattern + "(," + lengthPattern + ")*)$"},
		}}
	}
	if s.Flag == "hoop.url" {
		o["pattern"] = `^[hH][tT][tT][pP][sS]?://`
	}
	if s.Default != "" {
		o["default"] = def
	}
	o["description"] = s.Help
	return o
}

// The schema is made here and kept in docs, for editors. To write it: go test ./collector/config -run Schema -update
func TestSchemaFollowsFromTheSettings(t *testing.T) {
	var made bytes.Buffer
	e := json.NewEncoder(&made)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(schema()); err != nil {
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

// compiled returns the schema in docs, as an editor uses it.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valid returns what is wrong with a document according to the schema.
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

func TestExampleIsValid(t *testing.T) {
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
		_, name, inside := strings.Cut(keyOf(s.Flag), ".")
		if !inside {
			name = keyOf(s.Flag)
		}
		if name != "" && !strings.Contains(string(content), name+":") {
			t.Errorf("it does not show %s", keyOf(s.Flag))
		}
	}
}

// An editor that uses the schema finds the same problems with the form of a file as the exporter does.
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
