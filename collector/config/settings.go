package config

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector"
)

// Setting is something that an operator decides about a gateway. The flag --a.b-c is the key `a: {b_c: ...}` of a gateway in a file, and the
// flag --hoop.x-y the key `x_y` of the gateway itself.
type Setting struct {
	// Flag is its name as a flag, without dashes before it; "" for what is only taken from the environment.
	Flag string
	// Env is the environment variable that it is taken from where the flag is not given; "" for none.
	Env string
	// Default and Help are the flag's.
	Default, Help string

	about    string // the help as it holds for a file too
	kind     kind
	bound    bound
	outside  string // what to say of a value out of bounds
	flagOnly bool   // there is no such key
	set      func(*Draft, string) error
	get      func(*Draft) any
	clear    func(*Draft)
}

// Set reads the text of a value, as a flag has it.
func (s Setting) Set(d *Draft, text string) error { return s.set(d, text) }

// IsBool tells whether the flag needs no value.
func (s Setting) IsBool() bool { return s.kind == boolean }

// key is the path of the setting in a file; "" where it has none.
func (s Setting) key() string {
	if s.flagOnly || s.Flag == "" {
		return ""
	}
	return strings.ReplaceAll(strings.TrimPrefix(s.Flag, "hoop."), "-", "_")
}

// Settings are all there are, in the order in which people read them.
func Settings() []Setting {
	var all []Setting
	for _, group := range [][]Setting{gatewaySettings(), sessionSettings(), metricSettings()} {
		all = append(all, group...)
	}
	return all
}

func gatewaySettings() []Setting {
	return []Setting{
		{Env: "HOOP_TOKEN", set: func(d *Draft, v string) error { d.source.Token = v; return nil }},
		{Env: "HOOP_API_KEY", set: func(d *Draft, v string) error { d.source.APIKey = v; return nil }},
		texts("hoop.url", "URL of the gateway, such as https://hoop.example.com/api.",
			func(d *Draft) *string { return &d.source.URL }).env("HOOP_URL"),
		files("hoop.token-file", "File with a bearer token, read again on use.",
			func(d *Draft) *string { return &d.source.TokenFile }).env("HOOP_TOKEN_FILE").asFlag("The token itself is taken only from the environment: HOOP_TOKEN."),
		files("hoop.api-key-file", "File with a key for the header Api-Key, read again on use.",
			func(d *Draft) *string { return &d.source.APIKeyFile }).env("HOOP_API_KEY_FILE").asFlag("The key itself is taken only from the environment: HOOP_API_KEY."),
		files("hoop.cli-config", "Configuration of the hoop command line, such as ~/.hoop/config.toml, to take api_url and token from. Read again on use.",
			func(d *Draft) *string { return &d.source.CLIConfig }).env("HOOP_CLI_CONFIG"),
		files("hoop.http-config-file", "YAML file for TLS, proxy, headers and authorization: an HTTPClientConfig as in Prometheus' own configuration.",
			func(d *Draft) *string { return &d.source.HTTPConfigFile }).env("HOOP_HTTP_CONFIG_FILE").onlyAsFlag(),
		durations("hoop.timeout", "30s", "Time that the gateway has for an answer. A kind of request that timed out gets up to 8 times as much.",
			func(d *Draft) *time.Duration { return &d.collector.Timeout }).within(aboveZero, "must be above 0"),
		setting("hoop.duty", "0.1", "Share of the time that requests to the gateway may take, above 0 and at most 1.", number, parseFloat,
			func(d *Draft) *float64 { return &d.collector.Duty }).within(share, "must be above 0 and at most 1, such as 0.1"),
		setting("hoop.max-response-bytes", strconv.Itoa(client.DefaultMaxResponseBytes), "Largest answer of the gateway that is read.", whole, ParseInt,
			func(d *Draft) *int64 { return &d.maxResponse }).within(aboveZero, "must be above 0"),
	}
}

func sessionSettings() []Setting {
	return []Setting{
		durations("sessions.lookback", "168h", "How far a first run reads back.",
			func(d *Draft) *time.Duration { return &d.collector.Lookback }).within(aboveZero, "must be above 0"),
		durations("sessions.overlap", "15m", "How late a session may show up and still be counted.",
			func(d *Draft) *time.Duration { return &d.collector.AllowedLateness }).within(aboveZero, "must be above 0, since sessions show up late"),
		setting("sessions.long-running", "1h,8h,24h,72h", "Thresholds of hoop_long_running_sessions.", thresholds, collector.ParseThresholds,
			func(d *Draft) *[]collector.Threshold { return &d.collector.LongRunning }),
		durations("sessions.forget-after", "90d", "How long an unfinished session is watched.",
			func(d *Draft) *time.Duration { return &d.collector.ForgetAfter }),
		texts("sessions.connection", "Watch only the connection of this name.",
			func(d *Draft) *string { return &d.collector.Connection }),
		texts("sessions.type", "Watch only connections of this type.",
			func(d *Draft) *string { return &d.collector.Type }),
		texts("sessions.user", "Watch only the user with this subject identifier.",
			func(d *Draft) *string { return &d.collector.User }),
		texts("sessions.review-approver", "Watch only sessions whose review the person with this e-mail may approve.",
			func(d *Draft) *string { return &d.collector.ReviewApprover }),
		setting("reviews.overdue", "5m,20m,1h,24h", "Thresholds of hoop_overdue_reviews.", thresholds, collector.ParseThresholds,
			func(d *Draft) *[]collector.Threshold { return &d.collector.Overdue }),
		durations("cache.ttl", "10s", "How long the result of a refresh answers scrapes.",
			func(d *Draft) *time.Duration { return &d.collector.CacheTTL }).within(aboveZero, "must be above 0: to ask at nearly every scrape, write 1ms"),
		durations("stale.after", "5m", "Time without a successful refresh after which gauges are withheld.",
			func(d *Draft) *time.Duration { return &d.collector.StaleAfter }),
	}
}

func metricSettings() []Setting {
	return []Setting{
		setting("labels.connection-tags", "", "Keys of connection tags to show on hoop_connection_info, such as team,environment.", list, parseList,
			func(d *Draft) *[]string { return &d.collector.ConnectionTags }),
		durations("metrics.first-value-hold", "2m", "How long a series that is born with a value is shown as 0 first. 0 switches it off.",
			func(d *Draft) *time.Duration { return &d.collector.FirstValueHold }),
		setting("metrics.max-connections", "0", "How many connections keep their name; all others become <other>. 0 is all.", whole, ParseInt,
			func(d *Draft) *int64 { return &d.maxConnections }).within(notNegative, "must not be negative; 0 is all"),
		switches("metrics.exemplars", "Give counters and histograms exemplars with a session_id.",
			func(d *Draft) *bool { return &d.exemplars }),
		switches("metrics.native-histograms", "Give histograms native buckets.",
			func(d *Draft) *bool { return &d.native }),
		switches("metrics.classic-histograms", "Give histograms classic buckets.",
			func(d *Draft) *bool { return &d.classic }),
	}
}

func setting[T any](flag, def, help string, k kind, parse func(string) (T, error), field func(*Draft) *T) Setting {
	s := Setting{Flag: flag, Default: def, Help: help, about: help, kind: k, get: func(d *Draft) any { return *field(d) }}
	s.clear = func(d *Draft) { *field(d) = *new(T) }
	s.set = func(d *Draft, text string) (err error) {
		*field(d), err = parse(text)
		return err
	}
	return s
}

func texts(flag, help string, field func(*Draft) *string) Setting {
	return setting(flag, "", help, text, func(v string) (string, error) { return v, nil }, field)
}

func files(flag, help string, field func(*Draft) *string) Setting {
	s := texts(flag, help, field)
	s.kind = file
	return s
}

func durations(flag, def, help string, field func(*Draft) *time.Duration) Setting {
	return setting(flag, def, help, duration, ParseDuration, field)
}

func switches(flag, help string, field func(*Draft) *bool) Setting {
	return setting(flag, "true", help, boolean, parseBool, field).asFlag("On; --no-" + flag + " switches it off.")
}

// asFlag adds to the help what holds for the flag only.
func (s Setting) asFlag(help string) Setting { s.Help += " " + help; return s }

func (s Setting) env(name string) Setting { s.Env = name; return s }
func (s Setting) onlyAsFlag() Setting     { s.flagOnly = true; return s }

// within refuses values out of bounds.
func (s Setting) within(b bound, outside string) Setting {
	s.bound, s.outside = b, outside
	parse := s.set
	s.set = func(d *Draft, text string) error {
		if err := parse(d, text); err != nil {
			return err
		}
		if !b.holds(s.get(d)) {
			return errors.New(outside)
		}
		return nil
	}
	return s
}
