package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
)

// Setting is a choice that an operator has about a gateway. The flag --a.b-c is the key `a: {b_c: ...}` of a gateway in a file, and the
// flag --hoop.x-y the key `x_y` of the gateway itself. Flags, files, the schema of files and print-outs are all made of the settings.
type Setting struct {
	Flag    string // its name as a flag, without the dashes before it; "" for what only the environment can set
	Env     string // the environment variable that sets it if the flag is not given; "" for none
	Default string // the text of its value if nothing sets it
	Help    string // what the value means

	field   func(*Draft) any   // returns a pointer to the value, of a type that variableOf knows
	isFile  bool               // the value is the name of a file
	bound   func(float64) bool // reports whether a number or duration can be used; nil for any
	outside string             // what to say of one that cannot be used
}

// The flags of the only file that can be in the home folder, and of the only setting that is not in a file: httpKey is there instead.
const cliConfigFlag, httpConfigFlag = "hoop.cli-config", "hoop.http-config-file"

// Settings returns all settings, in the order in which people read them.
func Settings() []Setting {
	return []Setting{
		{Env: "HOOP_TOKEN", field: func(d *Draft) any { return &d.source.Token }},
		{Env: "HOOP_API_KEY", field: func(d *Draft) any { return &d.source.APIKey }},
		{Flag: "hoop.url", Env: "HOOP_URL", Help: "URL of the gateway, such as https://hoop.example.com/api.",
			field: func(d *Draft) any { return &d.source.URL }},
		{Flag: "hoop.token-file", Env: "HOOP_TOKEN_FILE", Help: "File with a bearer token, read again on use. Without a configuration file, HOOP_TOKEN can hold the token itself.",
			isFile: true, field: func(d *Draft) any { return &d.source.TokenFile }},
		{Flag: "hoop.api-key-file", Env: "HOOP_API_KEY_FILE", Help: "File with a key for the header Api-Key, read again on use. Without a configuration file, HOOP_API_KEY can hold the key itself.",
			isFile: true, field: func(d *Draft) any { return &d.source.APIKeyFile }},
		{Flag: cliConfigFlag, Env: "HOOP_CLI_CONFIG", Help: "Configuration file of the hoop command line, such as ~/.hoop/config.toml, with api_url and token. Read again on use.",
			isFile: true, field: func(d *Draft) any { return &d.source.CLIConfig }},
		{Flag: httpConfigFlag, Env: "HOOP_HTTP_CONFIG_FILE", Help: "YAML file for TLS, proxy, headers and authorization: an HTTPClientConfig, as in Prometheus' configuration.",
			isFile: true, field: func(d *Draft) any { return &d.source.HTTPConfigFile }},
		{Flag: "hoop.timeout", Default: "30s", Help: "Timeout of a request to the gateway. After a timeout, requests of the same kind get up to 8 times as long.",
			bound: positive, outside: "must be above 0", field: func(d *Draft) any { return &d.collector.Timeout }},
		{Flag: "hoop.duty", Default: "0.1", Help: "Share of the time that requests to the gateway may take, above 0 and at most 1.",
			bound: portion, outside: "must be above 0 and at most 1, such as 0.1", field: func(d *Draft) any { return &d.collector.Budget }},
		{Flag: "hoop.max-response-bytes", Default: strconv.Itoa(client.DefaultMaxResponseBytes), Help: "Largest response from the gateway that the exporter reads, in bytes.",
			bound: positive, outside: "must be above 0", field: func(d *Draft) any { return &d.maxResponse }},
		{Flag: "sessions.lookback", Default: "168h", Help: "How far back the first run reads. With a state, also how far back a restart reads what it missed.",
			bound: positive, outside: "must be above 0", field: func(d *Draft) any { return &d.collector.Lookback }},
		{Flag: "sessions.overlap", Default: "15m", Help: "How late a session may appear and still be counted.",
			bound: positive, outside: "must be above 0, because sessions can appear late", field: func(d *Draft) any { return &d.collector.AllowedLateness }},
		{Flag: "sessions.long-running", Default: "1h,8h,24h,72h", Help: "Thresholds of hoop_long_running_sessions.",
			field: func(d *Draft) any { return &d.collector.LongRunning }},
		{Flag: "sessions.forget-after", Default: "90d", Help: "How long to watch an unfinished session.",
			field: func(d *Draft) any { return &d.collector.ForgetAfter }},
		{Flag: "sessions.connection", Help: "Watch only the connection with this name.", field: func(d *Draft) any { return &d.collector.Connection }},
		{Flag: "sessions.type", Help: "Watch only connections of this type.", field: func(d *Draft) any { return &d.collector.Type }},
		{Flag: "sessions.user", Help: "Watch only the user with this subject identifier.", field: func(d *Draft) any { return &d.collector.User }},
		{Flag: "sessions.review-approver", Help: "Watch only sessions whose review the person with this e-mail address may approve.",
			field: func(d *Draft) any { return &d.collector.ReviewApprover }},
		{Flag: "reviews.overdue", Default: "5m,20m,1h,24h", Help: "Thresholds of hoop_overdue_reviews.",
			field: func(d *Draft) any { return &d.collector.Overdue }},
		{Flag: "cache.ttl", Default: "10s", Help: "How long scrapes get the result of the last refresh.",
			bound: positive, outside: "must be above 0: for a refresh at nearly every scrape, write 1ms", field: func(d *Draft) any { return &d.collector.CacheTTL }},
		{Flag: "stale.after", Default: "5m", Help: "Time without a successful refresh after which gauges are withheld.",
			field: func(d *Draft) any { return &d.collector.StaleAfter }},
		{Flag: "collect.data-protection", Default: "true", Help: "Count what was masked, cut from recordings, matched by guardrails and analyzed by AI.",
			field: func(d *Draft) any { return &d.protection }},
		{Flag: "collect.decisions", Default: "true", Help: "Count what groups decide in reviews, and how long they take.",
			field: func(d *Draft) any { return &d.decisions }},
		{Flag: "collect.agents", Default: "false", Help: "Read the gateway's agents once a minute, for hoop_agent_up.",
			field: func(d *Draft) any { return &d.collector.CollectAgents }},
		{Flag: "labels.connection-tags", Help: "Connection tags to show on hoop_connection_info, by key, such as team,environment.",
			field: func(d *Draft) any { return &d.collector.ConnectionTags }},
		{Flag: "metrics.first-value-hold", Default: "2m", Help: "How long a new series that starts with a value shows 0 first. 0 switches this off.",
			field: func(d *Draft) any { return &d.collector.FirstValueHold }},
		{Flag: "metrics.max-connections", Default: "0", Help: "How many connections keep their names; the others become <other>. 0 means all.",
			bound: notNegative, outside: "must not be negative; 0 means all", field: func(d *Draft) any { return &d.maxConnections }},
		{Flag: "metrics.exemplars", Default: "true", Help: "Give counters and histograms exemplars with a session_id.",
			field: func(d *Draft) any { return &d.exemplars }},
		{Flag: "metrics.native-histograms", Default: "true", Help: "Give histograms native buckets.", field: func(d *Draft) any { return &d.native }},
		{Flag: "metrics.classic-histograms", Default: "true", Help: "Give histograms classic buckets.", field: func(d *Draft) any { return &d.classic }},
	}
}

// keyOf returns the path in a file that a flag has; "" for none.
func keyOf(flag string) string {
	if flag == httpConfigFlag {
		return ""
	}
	return strings.ReplaceAll(strings.TrimPrefix(flag, "hoop."), "-", "_")
}

// IsBool reports whether the flag needs no value.
func (s Setting) IsBool() bool { return s.shape().kind == "boolean" }

// shape returns the shape of the value in a file.
func (s Setting) shape() *shape {
	of := variableOf(s.field(&Draft{})).shape
	of.check = func(n *node) error { return s.read(&Draft{}, n, "") }
	return of
}

// Set sets the value whose text, as a flag has it, is given. The error does not say which setting it is about.
func (s Setting) Set(d *Draft, text string) error {
	if err := variableOf(s.field(d)).set(text); err != nil {
		return err
	}
	return s.check(d)
}

// check returns what is wrong with the value.
func (s Setting) check(d *Draft) error {
	if s.bound != nil && !s.bound(reflect.ValueOf(s.field(d)).Elem().Convert(reflect.TypeFor[float64]()).Float()) {
		return errors.New(s.outside)
	}
	return nil
}

func positive(v float64) bool    { return v > 0 }
func portion(v float64) bool     { return v > 0 && v <= 1 }
func notNegative(v float64) bool { return v >= 0 }

// read sets the value that a file has. Relative names of files start from dir.
func (s Setting) read(d *Draft, n *node, dir string) error {
	switch {
	case s.isFile && n.text == "":
		return errors.New("is empty: name a file, or leave the key out")
	case s.isFile && (s.Flag != cliConfigFlag || !strings.HasPrefix(n.text, "~/")):
		return s.Set(d, config.JoinDir(dir, n.text))
	case n.tag != listTag:
		return s.Set(d, n.text)
	case len(n.children) == 0: // which no text can say
		reflect.ValueOf(s.field(d)).Elem().SetZero()
		return nil
	}
	var items []string
	for _, item := range n.children {
		items = append(items, item.text)
	}
	return s.Set(d, strings.Join(items, ","))
}

// written returns the value as a file has it: a default as it is documented, and the name of a file so that it is the same wherever the
// file with it is; nil for no value.
func (s Setting) written(d *Draft) any {
	var def Draft
	isDefault := s.Set(&def, s.Default) == nil && reflect.DeepEqual(s.field(&def), s.field(d))
	value := variableOf(s.field(d))
	switch name, isText := value.yaml.(string); {
	case isDefault && s.Default == "":
		return nil
	case isDefault && value.shape.each == nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: s.Default}
	case s.isFile && isText && !strings.HasPrefix(name, "~/"):
		if path, err := filepath.Abs(name); err == nil {
			return path
		}
	}
	return value.yaml
}

// variable is a variable for the value of a setting, with all that follows from its type.
type variable struct {
	shape *shape                  // of the value in a file
	set   func(text string) error // sets the variable to the value whose text, as a flag has it, is given
	yaml  any                     // the value as YAML has it
}

// variableOf returns the variable that p points to.
func variableOf(p any) variable {
	switch p := p.(type) {
	case *time.Duration:
		// 0 is an integer.
		s := &shape{kind: "duration", what: "a duration, such as 500ms, 30s, 15m, 8h or 90d", tags: []string{"!!str", "!!int"}}
		return newVariable(p, s, model.Duration(*p).String(), func(text string) (time.Duration, error) {
			d, err := model.ParseDuration(text)
			return time.Duration(d), err
		})
	case *float64:
		s := &shape{kind: "number", what: "a number, such as 0.1", tags: []string{"!!int", "!!float"}}
		return newVariable(p, s, *p, func(text string) (float64, error) { return strconv.ParseFloat(text, 64) })
	case *int64:
		s := &shape{kind: "integer", what: "a whole number, such as 100", tags: []string{"!!int"}}
		return newVariable(p, s, *p, func(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) })
	case *bool:
		s := &shape{kind: "boolean", what: "true or false", tags: []string{"!!bool"}}
		return newVariable(p, s, *p, func(text string) (bool, error) { return strconv.ParseBool(strings.ToLower(text)) })
	case *[]string:
		return newVariable(p, list("list", "a list, such as [team, environment]"), *p, parseList)
	case *[]exposition.Threshold:
		names := make([]string, 0, len(*p))
		for _, t := range *p {
			names = append(names, t.Name)
		}
		return newVariable(p, list("thresholds", "a list of durations, such as [1h, 24h]"), names, exposition.ParseThresholds)
	case *string:
		return newVariable(p, textShape(), *p, func(text string) (string, error) { return text, nil })
	}
	return variable{textShape(), func(string) error { return fmt.Errorf("a setting cannot be a %T", p) }, nil}
}

func newVariable[T any](p *T, s *shape, yaml any, parse func(text string) (T, error)) variable {
	return variable{s, func(text string) (err error) {
		if *p, err = parse(text); err != nil && s.each == nil {
			return fmt.Errorf("%q is not %s", text, s.what)
		}
		return err
	}, yaml}
}

func textShape() *shape {
	return &shape{kind: "text", what: "text: numbers and the like need quotes", tags: []string{"!!str", "!!timestamp"}}
}

// list returns a shape for lists, which can also be text with commas.
func list(kind, what string) *shape {
	item := &shape{kind: "text", what: what, tags: textShape().tags, check: func(n *node) error {
		if strings.Contains(n.text, ",") {
			return fmt.Errorf("%q contains a comma", n.text)
		}
		return nil
	}}
	return &shape{kind: kind, what: what, tags: append([]string{listTag}, item.tags...), each: item}
}

func parseList(text string) ([]string, error) {
	list := strings.Split(text, ",")
	for i, item := range list {
		if list[i] = strings.TrimSpace(item); list[i] == "" {
			return nil, fmt.Errorf("%q has an empty entry: write a list such as team,environment", text)
		}
	}
	return list, nil
}

// ParseValue reads the value whose text, as a flag has it, is given: a number, or a duration as Prometheus writes it, such as 90d.
func ParseValue[T any](text string) (v T, err error) {
	err = variableOf(&v).set(text)
	return v, err
}
