package config

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector"
)

// Setting is a choice that an operator has about a gateway. The flag --a.b-c is the key `a: {b_c: ...}` of a gateway in a file, and the flag
// --hoop.x-y the key `x_y` of the gateway itself. Flags, files, the schema of files and print-outs are all made of the settings.
type Setting struct {
	// Flag is its name as a flag, without the dashes before it; "" for what only the environment can set.
	Flag string
	// Env is the environment variable that sets it where the flag is not given; "" for none.
	Env string
	// Default is the text of its value where nothing sets it.
	Default string
	// Help says what the value means.
	Help string

	shape  *shape // of its value in a file
	parse  func(d *Draft, text string) error
	check  func(*Draft) error // returns what is wrong with the value
	get    func(*Draft) any
	encode func(*Draft) any // returns the value as YAML has it
	clear  func(*Draft)
}

// The flags of the only file that can be in the home folder, and of the only setting that is not in a file: httpKey is there instead.
const cliConfigFlag, httpConfigFlag = "hoop.cli-config", "hoop.http-config-file"

// Settings returns all settings, in the order in which people read them.
func Settings() []Setting {
	return slices.Concat(gatewaySettings(), sessionSettings(), metricSettings())
}

func gatewaySettings() []Setting {
	return []Setting{
		setting("", text(), "", "", func(d *Draft) *string { return &d.source.Token }).env("HOOP_TOKEN"),
		setting("", text(), "", "", func(d *Draft) *string { return &d.source.APIKey }).env("HOOP_API_KEY"),
		setting("hoop.url", text(), "", "URL of the gateway, such as https://hoop.example.com/api.",
			func(d *Draft) *string { return &d.source.URL }).env("HOOP_URL"),
		setting("hoop.token-file", file(), "", "File with a bearer token, read again on use. Without a configuration file, HOOP_TOKEN can hold the token itself.",
			func(d *Draft) *string { return &d.source.TokenFile }).env("HOOP_TOKEN_FILE"),
		setting("hoop.api-key-file", file(), "", "File with a key for the header Api-Key, read again on use. Without a configuration file, HOOP_API_KEY can hold the key itself.",
			func(d *Draft) *string { return &d.source.APIKeyFile }).env("HOOP_API_KEY_FILE"),
		setting(cliConfigFlag, file(), "", "Configuration of the hoop command line, such as ~/.hoop/config.toml, with api_url and token. Read again on use.",
			func(d *Draft) *string { return &d.source.CLIConfig }).env("HOOP_CLI_CONFIG"),
		setting(httpConfigFlag, file(), "", "YAML file for TLS, proxy, headers and authorization: an HTTPClientConfig as in the configuration of Prometheus.",
			func(d *Draft) *string { return &d.source.HTTPConfigFile }).env("HOOP_HTTP_CONFIG_FILE"),
		setting("hoop.timeout", duration().within(positive, "must be above 0"), "30s", "Time that the gateway has for an answer. A kind of request that timed out gets up to 8 times as much.",
			func(d *Draft) *time.Duration { return &d.collector.Timeout }),
		setting("hoop.duty", number().within(portion, "must be above 0 and at most 1, such as 0.1"), "0.1", "Share of the time that requests to the gateway may take, above 0 and at most 1.",
			func(d *Draft) *float64 { return &d.collector.Duty }),
		setting("hoop.max-response-bytes", integer().within(positive, "must be above 0"), strconv.Itoa(client.DefaultMaxResponseBytes), "Largest answer of the gateway that is read.",
			func(d *Draft) *int64 { return &d.maxResponse }),
	}
}

func sessionSettings() []Setting {
	return []Setting{
		setting("sessions.lookback", duration().within(positive, "must be above 0"), "168h", "How far back a first run reads.",
			func(d *Draft) *time.Duration { return &d.collector.Lookback }),
		setting("sessions.overlap", duration().within(positive, "must be above 0, since sessions show up late"), "15m", "How late a session may show up and still be counted.",
			func(d *Draft) *time.Duration { return &d.collector.Overlap }),
		setting("sessions.long-running", thresholds(), "1h,8h,24h,72h", "Thresholds of hoop_long_running_sessions.",
			func(d *Draft) *[]collector.Threshold { return &d.collector.LongRunning }),
		setting("sessions.forget-after", duration(), "90d", "How long an unfinished session is watched.",
			func(d *Draft) *time.Duration { return &d.collector.ForgetAfter }),
		setting("sessions.connection", text(), "", "Watch only the connection of this name.",
			func(d *Draft) *string { return &d.collector.Connection }),
		setting("sessions.type", text(), "", "Watch only connections of this type.",
			func(d *Draft) *string { return &d.collector.Type }),
		setting("sessions.user", text(), "", "Watch only the user with this subject identifier.",
			func(d *Draft) *string { return &d.collector.User }),
		setting("sessions.review-approver", text(), "", "Watch only sessions whose review the person with this e-mail may approve.",
			func(d *Draft) *string { return &d.collector.ReviewApprover }),
		setting("reviews.overdue", thresholds(), "5m,20m,1h,24h", "Thresholds of hoop_overdue_reviews.",
			func(d *Draft) *[]collector.Threshold { return &d.collector.Overdue }),
		setting("cache.ttl", duration().within(positive, "must be above 0: for a refresh at nearly every scrape, write 1ms"), "10s", "How long the result of a refresh answers scrapes.",
			func(d *Draft) *time.Duration { return &d.collector.CacheTTL }),
		setting("stale.after", duration(), "5m", "Time without a successful refresh after which gauges are withheld.",
			func(d *Draft) *time.Duration { return &d.collector.StaleAfter }),
	}
}

func metricSettings() []Setting {
	return []Setting{
		setting("labels.connection-tags", list(), "", "Keys of connection tags to show on hoop_connection_info, such as team,environment.",
			func(d *Draft) *[]string { return &d.collector.ConnectionTags }),
		setting("metrics.first-value-hold", duration(), "2m", "How long a new series that has a value from the start is shown as 0 first. 0 switches it off.",
			func(d *Draft) *time.Duration { return &d.collector.FirstValueHold }),
		setting("metrics.max-connections", integer().within(notNegative, "must not be negative; 0 is all"), "0", "How many connections keep their name; all others become <other>. 0 is all.",
			func(d *Draft) *int64 { return &d.maxConnections }),
		setting("metrics.exemplars", boolean(), "true", "Give counters and histograms exemplars with a session_id.",
			func(d *Draft) *bool { return &d.exemplars }),
		setting("metrics.native-histograms", boolean(), "true", "Give histograms native buckets.",
			func(d *Draft) *bool { return &d.native }),
		setting("metrics.classic-histograms", boolean(), "true", "Give histograms classic buckets.",
			func(d *Draft) *bool { return &d.classic }),
	}
}

func setting[T any](flag string, t valueType[T], def, help string, field func(*Draft) *T) Setting {
	s := Setting{Flag: flag, Default: def, Help: help, shape: t.shape}
	s.parse = func(d *Draft, text string) (err error) {
		*field(d), err = t.parse(text)
		return err
	}
	s.check = func(d *Draft) error { return t.checkBound(*field(d)) }
	s.get = func(d *Draft) any { return *field(d) }
	s.encode = s.get
	if t.encode != nil {
		s.encode = func(d *Draft) any { return t.encode(*field(d)) }
	}
	s.clear = func(d *Draft) { *field(d) = *new(T) }
	return s
}

func (s Setting) env(name string) Setting { s.Env = name; return s }

// IsBool reports whether the flag needs no value.
func (s Setting) IsBool() bool { return s.shape.kind == "boolean" }

// isFile reports whether the value names a file.
func (s Setting) isFile() bool { return s.shape.kind == "file" }

// key returns the path of the setting in a file; "" where it has none.
func (s Setting) key() string {
	if s.Flag == httpConfigFlag {
		return ""
	}
	return keyOf(s.Flag)
}

// keyOf returns the key in a file that a flag has.
func keyOf(flag string) string {
	return strings.ReplaceAll(strings.TrimPrefix(flag, "hoop."), "-", "_")
}

// Set sets the value whose text, as a flag has it, is given. The error does not say which setting it is about.
func (s Setting) Set(d *Draft, text string) error {
	if err := s.parse(d, text); err != nil {
		return err
	}
	return s.check(d)
}

// read sets the value that a file has. Relative names of files start from dir.
func (s Setting) read(d *Draft, n *node, dir string) error {
	home := s.Flag == cliConfigFlag && strings.HasPrefix(n.text, "~/")
	switch {
	case s.isFile() && n.text == "":
		return errors.New("is empty: name a file, or leave the key out")
	case s.isFile() && !home:
		return s.Set(d, config.JoinDir(dir, n.text))
	case n.tag != listTag:
		return s.Set(d, n.text)
	case len(n.children) == 0: // which no text can say
		s.clear(d)
		return nil
	}
	var items []string
	for _, item := range n.children {
		items = append(items, item.text)
	}
	return s.Set(d, strings.Join(items, ","))
}

// written returns the value as a file has it: a default as it is documented, and the name of a file so that it is the same wherever the
// file with it is.
func (s Setting) written(d *Draft) (*yaml.Node, error) {
	var def Draft
	if isList := s.shape.each != nil; !isList && s.Set(&def, s.Default) == nil && s.get(&def) == s.get(d) {
		return &yaml.Node{Kind: yaml.ScalarNode, Value: s.Default}, nil
	}
	n := &yaml.Node{}
	if err := n.Encode(s.encode(d)); err != nil {
		return nil, err
	}
	switch {
	case s.isFile() && !strings.HasPrefix(n.Value, "~/"):
		path, err := filepath.Abs(n.Value)
		n.Value = path
		return n, err
	case n.Kind == yaml.SequenceNode:
		n.Style = yaml.FlowStyle
	}
	return n, nil
}
