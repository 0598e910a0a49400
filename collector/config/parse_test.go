package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
)

const good = `
defaults:
  api_key_file: keys/auditor
  sessions: {lookback: 72h}
gateways:
  production:
    url: https://Hoop.example.com:443
    target_labels: {environment: production}
    labels: {connection_tags: [team, environment]}
`

// parsed reads a valid document.
func parsed(t *testing.T, document string) *Config {
	t.Helper()
	c, err := Parse("conf/hoop.yml", []byte(document))
	if err != nil {
		t.Fatalf("%s\nin %s", err, document)
	}
	return c
}

// only returns the gateway of this name.
func only(t *testing.T, c *Config, name string) *Gateway {
	t.Helper()
	i := slices.IndexFunc(c.Gateways(), func(g *Gateway) bool { return g.Name() == name })
	if i < 0 {
		t.Fatalf("there is no gateway %s", name)
	}
	return c.Gateways()[i]
}

func printed(t *testing.T, c *Config) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFileWithDefaults(t *testing.T) {
	c := parsed(t, good)
	g := only(t, c, "production")
	if len(c.Gateways()) != 1 || g.Name() != "production" || g.Address() != "https://hoop.example.com/api" || g.TargetLabels()["environment"] != "production" {
		t.Fatalf("it became %+v", g)
	}
	if of := g.Collector(); of.Lookback != 72*time.Hour || of.Budget != 0.1 || strings.Join(of.ConnectionTags, " ") != "team environment" {
		t.Errorf("the collector gets %+v", of)
	}
	if _, err := g.Client(); err != nil {
		t.Errorf("the key need not be there yet, but: %v", err)
	}
	if again := parsed(t, good); again.Hash() != c.Hash() || parsed(t, good+"\n").Hash() == c.Hash() {
		t.Error("the hash is not that of the content")
	}
}

func TestProblemsHaveLineAndKey(t *testing.T) {
	// one is a file whose gateway a has these lines, of which the first is line 3.
	one := func(lines ...string) string {
		return "gateways:\n  a:\n    " + strings.Join(lines, "\n    ") + "\n"
	}
	const url, key = "url: https://a", "token_file: t"
	for _, test := range []struct{ name, document, says string }{
		{"nothing", "", "hoop.yml: is empty: add gateways"},
		{"only comments", "# x\n", "hoop.yml: is empty: add gateways"},
		{"no YAML", "gateways: {a: [}", "hoop.yml:1: is not valid YAML: did not find expected node content"},
		{"a tab", "gateways:\n\ta: {}\n", "hoop.yml:2: is not valid YAML: found character that cannot start any token"},
		{"two documents", one(url, key) + "---\n" + one(url, key), "hoop.yml:5: a second YAML document starts here: write all gateways in one"},
		{"a list", "- a\n", "hoop.yml:1: must be a mapping with the key gateways"},
		{"no gateways", "defaults: {duty: 1}\n", "hoop.yml:1: gateways: must name at least one gateway"},
		{"gateways without one", "gateways: {}\n", "hoop.yml:1: gateways: must name at least one gateway"},
		{"gateways without anything", "gateways:\n", "hoop.yml:1: gateways: has no value: write one, or leave the key out"},
		{"a list of gateways", "gateways: [a]\n", "hoop.yml:1: gateways: must be a mapping of names to gateways"},
		{"an empty gateway", "gateways:\n  a:\n", "hoop.yml:2: gateways.a: has no value: write one, or leave the key out"},
		{"a gateway that is text", "gateways:\n  a: https://a\n", "hoop.yml:2: gateways.a: must be a mapping with the url of the gateway and its other settings"},
		{"an unknown part", "x: 1\n" + one(url, key), "hoop.yml:1: x: is unknown: the known keys are defaults, gateways"},
		{"an unknown key", one(url, key, "tokenfile: t"), "hoop.yml:5: gateways.a.tokenfile: is unknown: the known keys are api_key_file, cache, cli_config, collect, duty, http_client_config, labels, max_response_bytes, metrics, reviews, sessions, stale, target_labels, timeout, token_file, url"},
		{"an unknown key in a group", one(url, key, "cache:", "  size: 5"), "hoop.yml:6: gateways.a.cache.size: is unknown: the known keys are ttl"},
		{"a path for a key", one(url, key, "cache.ttl: 5s"), `hoop.yml:5: gateways.a.cache.ttl: is unknown: the known keys are ` + "api_key_file, cache, cli_config, collect, duty, http_client_config, labels, max_response_bytes, metrics, reviews, sessions, stale, target_labels, timeout, token_file, url"},
		{"an unknown key with odd signs", "\"a b\\n\": 1\n" + one(url, key), `hoop.yml:1: "a b\n": is unknown: the known keys are defaults, gateways`},
		{"a key twice", one(url, key, url), "hoop.yml:5: gateways.a.url: appears twice, first in line 3"},
		{"a gateway twice", one(url, key) + "  a: {url: https://b}\n", "hoop.yml:5: gateways.a: appears twice, first in line 2"},
		{"a key twice below HTTP", one(url, key, "http_client_config:", "  follow_redirects: true", "  follow_redirects: true"), "hoop.yml:7: gateways.a.http_client_config.follow_redirects: appears twice, first in line 6"},
		{"a key that is a list", "[a]: b\n" + one(url, key), "hoop.yml:1: has a key that is not text"},
		{"no key", one(url, key, "~: b"), "hoop.yml:5: gateways.a: has a key that is not text"},
		{"a bad name", "gateways:\n  -a: {url: https://a, token_file: t}\n", "hoop.yml:2: gateways.-a: is not a valid gateway name: use 1 to 63 letters, digits, dots, dashes and underscores, starting with a letter or digit"},
		{"no URL", one(key), "hoop.yml:2: gateways.a.url: is missing: give one such as https://hoop.example.com/api"},
		{"a problem is reported once", one(url, key, "cache: {ttl: x}", "stale: {after: 5s}"), `hoop.yml:5: gateways.a.cache.ttl: "x" is not a duration, such as 500ms, 30s, 15m, 8h or 90d`},
		{"a default URL", "defaults: {url: https://a}\n" + one(url, key), "hoop.yml:1: defaults.url: is not a default: give each gateway its own"},
		{"an invalid URL", one("url: a.example.com", key), "hoop.yml:3: gateways.a.url: the scheme must be http or https: give one such as https://host/api"},
		{"a URL with a password", one("url: https://u:s3cret@a", key), "hoop.yml:3: gateways.a.url: must not contain a user or password: give the credential in a file or in the environment"},
		{"a URL that is a number", one("url: 5", key), "hoop.yml:3: gateways.a.url: must be text: numbers and the like need quotes"},
		{"no credential", one(url), "hoop.yml:2: gateways.a: no credential: give token_file, api_key_file, cli_config or an authorization in http_client_config"},
		{"two credentials", one(url, key, "api_key_file: k"), "hoop.yml:2: gateways.a: more than one credential (token_file, api_key_file): keep one"},
		{"a credential and one for HTTP", one(url, "cli_config: c", "http_client_config: {bearer_token: s3cret}"), "hoop.yml:2: gateways.a: more than one credential (cli_config, the credential in http_client_config): keep one"},
		{"two credentials of the defaults", "defaults: {token_file: t, api_key_file: k}\n" + one(url), "hoop.yml:3: gateways.a: more than one credential (token_file, api_key_file): keep one"},
		{"a secret of the environment as a key", one(url, "token: s3cret", key), "hoop.yml:4: gateways.a.token: is unknown: the known keys are api_key_file, cache, cli_config, collect, duty, http_client_config, labels, max_response_bytes, metrics, reviews, sessions, stale, target_labels, timeout, token_file, url"},
		{"an empty file name", one(url, "token_file: ''"), "hoop.yml:4: gateways.a.token_file: is empty: name a file, or leave the key out"},
		{"a duty of 0", one(url, key, "duty: 0"), "hoop.yml:5: gateways.a.duty: must be above 0 and at most 1, such as 0.1"},
		{"a duty that is text", one(url, key, "duty: half"), "hoop.yml:5: gateways.a.duty: must be a number, such as 0.1"},
		{"a duty that is not a number", one(url, key, "duty: .nan"), `hoop.yml:5: gateways.a.duty: ".nan" is not a number, such as 0.1`},
		{"no time", one(url, key, "timeout: 0s"), "hoop.yml:5: gateways.a.timeout: must be above 0"},
		{"a time without a unit", one(url, key, "timeout: 30"), `hoop.yml:5: gateways.a.timeout: "30" is not a duration, such as 500ms, 30s, 15m, 8h or 90d`},
		{"a time that is a list", one(url, key, "timeout: [30s]"), "hoop.yml:5: gateways.a.timeout: must be a duration, such as 500ms, 30s, 15m, 8h or 90d"},
		{"a time with a tag", one(url, key, "timeout: !x 30s"), "hoop.yml:5: gateways.a.timeout: must be a duration, such as 500ms, 30s, 15m, 8h or 90d"},
		{"bytes with a fraction", one(url, key, "max_response_bytes: 1.5"), "hoop.yml:5: gateways.a.max_response_bytes: must be a whole number, such as 100"},
		{"bytes below 1", one(url, key, "max_response_bytes: 0"), "hoop.yml:5: gateways.a.max_response_bytes: must be above 0"},
		{"bytes beyond numbers", one(url, key, "max_response_bytes: 99999999999999999999"), "hoop.yml:5: gateways.a.max_response_bytes: must be a whole number, such as 100"},
		{"fewer than no connections", one(url, key, "metrics:", "  max_connections: -1"), "hoop.yml:6: gateways.a.metrics.max_connections: must not be negative; 0 means all"},
		{"a switch that is text", one(url, key, "metrics: {exemplars: 'off'}"), "hoop.yml:5: gateways.a.metrics.exemplars: must be true or false"},
		{"no buckets", one(url, key, "metrics:", "  classic_histograms: false", "  native_histograms: false"), "hoop.yml:7: gateways.a.metrics.native_histograms: is false as metrics.classic_histograms is: switch one of them on, or histograms have no buckets"},
		{"no value", one(url, key, "duty:"), "hoop.yml:5: gateways.a.duty: has no value: write one, or leave the key out"},
		{"an empty group", one(url, key, "sessions:"), "hoop.yml:5: gateways.a.sessions: has no value: write one, or leave the key out"},
		{"a group that is text", one(url, key, "sessions: 5h"), "hoop.yml:5: gateways.a.sessions: must be a mapping"},
		{"a filter that is a number", one(url, key, "sessions:", "  user: 123"), "hoop.yml:6: gateways.a.sessions.user: must be text: numbers and the like need quotes"},
		{"an invalid threshold", one(url, key, "reviews:", "  overdue: [5m, soon]"), `hoop.yml:6: gateways.a.reviews.overdue: "soon" is not a threshold: write durations above 0 such as 5m,1h,7d`},
		{"a threshold twice", one(url, key, "sessions: {long_running: [60m, 1h]}"), `hoop.yml:5: gateways.a.sessions.long_running: "60m" and "1h" are the same threshold: leave one out`},
		{"a comma in a list", one(url, key, "labels: {connection_tags: ['a,b']}"), `hoop.yml:5: gateways.a.labels.connection_tags: "a,b" contains a comma`},
		{"tags with an empty entry", one(url, key, "labels: {connection_tags: 'a,,b'}"), `hoop.yml:5: gateways.a.labels.connection_tags: "a,,b" has an empty entry: write a list such as team,environment`},
		{"tags that are numbers", one(url, key, "labels:", "  connection_tags:", "    - a", "    - 5"), "hoop.yml:8: gateways.a.labels.connection_tags: must be a list, such as [team, environment]"},
		{"tags that collide", one(url, key, "labels: {connection_tags: [a.b, a-b]}"), `hoop.yml:5: gateways.a.labels.connection_tags: connection tags to show as labels: "a.b" and "a-b" both become the label tag_a_b; choose one of them`},
		{"an overlap beyond the lookback", one(url, key, "sessions:", "  lookback: 1h", "  overlap: 2h"), "hoop.yml:7: gateways.a.sessions.overlap: must not be longer than sessions.lookback"},
		{"a lookback below the overlap", one(url, key, "sessions:", "  lookback: 1m"), "hoop.yml:6: gateways.a.sessions.overlap: must not be longer than sessions.lookback"},
		{"forgotten within the overlap", one(url, key, "sessions: {forget_after: 1m}"), "hoop.yml:5: gateways.a.sessions.forget_after: must be longer than sessions.overlap"},
		{"stale before it is refreshed", one(url, key, "stale: {after: 5s}"), "hoop.yml:5: gateways.a.stale.after: must be longer than cache.ttl"},
		{"defaults that do not fit, reported once", "defaults:\n  stale: {after: 5s}\n" + one(url, key) + "  b: {url: https://b, token_file: t}\n", "hoop.yml:2: defaults.stale.after: must be longer than cache.ttl"},
		{"a gateway that does not fit the defaults", "defaults: {stale: {after: 1m}}\n" + one(url, key, "cache: {ttl: 2m}"), "hoop.yml:6: gateways.a.stale.after: must be longer than cache.ttl"},
		{"a wrong default that nobody uses", "defaults: {duty: 5}\n" + one(url, key, "duty: 0.1"), "hoop.yml:1: defaults.duty: must be above 0 and at most 1, such as 0.1"},
		{"an invalid label", one(url, key, "target_labels:", "  a-b: x"), "hoop.yml:6: gateways.a.target_labels.a-b: is not a valid label name: use letters, digits and underscores, not starting with a digit"},
		{"a label of Prometheus", one(url, key, "target_labels: {__address__: x}"), "hoop.yml:5: gateways.a.target_labels.__address__: is not a valid target label: Prometheus reserves names that start with two underscores"},
		{"a label's value that is a number", one(url, key, "target_labels: {shard: 1}"), "hoop.yml:5: gateways.a.target_labels.shard: must be text: numbers and the like need quotes"},
		{"labels that are a list", one(url, key, "target_labels: [a]"), "hoop.yml:5: gateways.a.target_labels: must be a mapping of labels to values"},
		{"an unknown key for HTTP", one(url, key, "http_client_config:", "  tls_confg: {}"), "hoop.yml:6: gateways.a.http_client_config.tls_confg: is unknown: the known keys are authorization, basic_auth, bearer_token, bearer_token_file, enable_http2, follow_redirects, http_headers, no_proxy, oauth2, proxy_connect_header, proxy_from_environment, proxy_url, tls_config"},
		{"a secret of another kind", one(url, "http_client_config:", "  authorization: s3cret"), "hoop.yml:5: gateways.a.http_client_config.authorization: must be a mapping"},
		{"an unknown TLS version", one(url, key, "http_client_config: {tls_config: {min_version: s3cret}}"), "hoop.yml:5: gateways.a.http_client_config.tls_config.min_version: must be one of TLS10, TLS11, TLS12, TLS13"},
		{"a proxy that must be a URL", one(url, key, "http_client_config: {proxy_url: 'http://u:s3cret@a:b'}"), "hoop.yml:5: gateways.a.http_client_config.proxy_url: must be a URL"},
		{"HTTP that does not fit", one(url, key, "http_client_config:", "  tls_config: {ca: x, ca_file: y}"), "hoop.yml:6: gateways.a.http_client_config: at most one of ca, ca_file & ca_ref must be configured"},
		{"HTTP that does not fit in the defaults", "defaults:\n  http_client_config:\n    tls_config: {cert_file: x}\n" + one(url, key), "hoop.yml:3: defaults.http_client_config: exactly one of key or key_file must be configured when a client certificate is configured"},
		{"one address, two duties", one(url, key, "duty: 0.2") + "  b: {url: 'HTTPS://A:443/api/', token_file: u}\n", "hoop.yml:6: gateways.b.duty: must be the same as that of gateways.a, which has the same address: it limits the load of one server"},
		{"one address, two duties, said", one(url, key) + "  b:\n    duty: 0.2\n    url: https://a\n    token_file: u\n", "hoop.yml:6: gateways.b.duty: must be the same as that of gateways.a, which has the same address: it limits the load of one server"},
		{"the same twice", one(url, key) + "  b: {url: https://a/api, token_file: ./t, cache: {ttl: 20s}}\n", "hoop.yml:5: gateways.b: has the same address, credential and filters as gateways.a: the same sessions would be counted twice"},
		{"the same twice by HTTP", one(url, "http_client_config: {authorization: {credentials: s3cret}}") + "  b: {url: https://a, http_client_config: {bearer_token: s3cret}}\n", "hoop.yml:5: gateways.b: has the same address, credential and filters as gateways.a: the same sessions would be counted twice"},
		{"two without a valid credential", "gateways:\n  a: {url: https://a, token_file: [t]}\n  b: {url: https://a, token_file: [u]}\n", "hoop.yml:2: gateways.a.token_file: must be text: numbers and the like need quotes\nhoop.yml:3: gateways.b.token_file: must be text: numbers and the like need quotes"},
		{"an unknown anchor", one(url, "token_file: *s3cret"), "hoop.yml:4: is not valid YAML: unknown anchor <value> referenced"},
		{"a bracket that is missing", "gateways: {a: {url: https://a, token_file: t}\n", "hoop.yml:1: is not valid YAML: did not find expected ',' or '}'"},
		{"an alias within itself", one(url, key, "http_client_config: &x {oauth2: {claims: {a: *x}}}"), "hoop.yml:5: gateways.a.http_client_config.oauth2.claims.a: is an alias inside the value that it stands for"},
		{"merged within itself", "gateways: &x\n  a: {url: https://a, token_file: t}\n  <<: *x\n", "hoop.yml:3: gateways: is an alias inside the value that it stands for"},
		{"too deep", one(url, key, "http_client_config: {oauth2: {claims: {a: "+strings.Repeat("[", 60)+strings.Repeat("]", 60)+"}}}"), "hoop.yml:5: gateways.a.http_client_config.oauth2.claims.a" + strings.Repeat("[0]", 45) + ": is nested too deeply"},
		{"a merge of text", one(url, key, "<<: x"), "hoop.yml:5: gateways.a: can merge only mappings"},
		{"several, in order", "defaults: {duty: 7, x: 1}\ngateways:\n  b: {url: 5, timeout: 1}\n  a: {token_file: t, cache: {ttl: 0}}\n", `hoop.yml:1: defaults.duty: must be above 0 and at most 1, such as 0.1
hoop.yml:1: defaults.x: is unknown: the known keys are api_key_file, cache, cli_config, collect, duty, http_client_config, labels, max_response_bytes, metrics, reviews, sessions, stale, target_labels, timeout, token_file
hoop.yml:3: gateways.b.url: must be text: numbers and the like need quotes
hoop.yml:3: gateways.b.timeout: "1" is not a duration, such as 500ms, 30s, 15m, 8h or 90d
hoop.yml:3: gateways.b: no credential: give token_file, api_key_file, cli_config or an authorization in http_client_config
hoop.yml:4: gateways.a.cache.ttl: must be above 0: for a refresh at nearly every scrape, write 1ms
hoop.yml:4: gateways.a.url: is missing: give one such as https://hoop.example.com/api`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("hoop.yml", []byte(test.document))
			if err == nil {
				t.Fatalf("no error for %s", test.document)
			}
			if err.Error() != test.says {
				t.Errorf("got\n%s\nwant\n%s\nfor\n%s", err, test.says, test.document)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("a secret is in %s", err)
			}
		})
	}
}

// Prometheus would rename one of two labels of the same name.
func TestTargetLabelsMustNotBeLabelsOfSeries(t *testing.T) {
	for _, label := range append(exposition.LabelNames(), "gateway", "instance", "job", "tag_team", "tag_") {
		_, err := Parse("hoop.yml", fmt.Appendf(nil, "gateways: {a: {url: https://a, token_file: t, target_labels: {%s: x}}}", label))
		if want := "hoop.yml:1: gateways.a.target_labels." + label + ": is already a label of the gateway's series: choose another name"; err == nil || err.Error() != want {
			t.Errorf("says %v, want %s", err, want)
		}
	}
}

// A small file must not expand to something large.
func TestAliasesAreLimited(t *testing.T) {
	var b strings.Builder
	b.WriteString("gateways:\n  a:\n    url: https://a\n    token_file: t\n    http_client_config:\n      oauth2:\n        claims:\n          x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n")
	for i := range 10 {
		fmt.Fprintf(&b, "          x%d: &x%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i), 10), ", "))
	}
	_, err := Parse("hoop.yml", []byte(b.String()))
	if err == nil || !strings.Contains(err.Error(), "aliases expand to too many values") || strings.Contains(err.Error(), "\n") {
		t.Errorf("says %v", err)
	}
	if _, err := Parse("hoop.yml", make([]byte, maxBytes+1)); err == nil || err.Error() != "hoop.yml: is larger than 16777216 bytes" {
		t.Errorf("of a large file: %v", err)
	}
}

func TestDefaultsApplyKeyByKey(t *testing.T) {
	c := parsed(t, `
defaults:
  token_file: keys/all
  timeout: 5s
  sessions: {lookback: 72h, overlap: 5m, long_running: [2h]}
  labels: {connection_tags: [team]}
  metrics: {exemplars: false}
  target_labels: {region: eu, tier: "1"}
  http_client_config:
    tls_config: {ca_file: ca.crt, min_version: TLS12}
    http_headers: {X-Team: {values: [a, b]}}
    follow_redirects: false
gateways:
  plain: {url: https://plain}
  own:
    url: https://own
    cli_config: ~/config.toml
    duty: 0.5
    sessions: {lookback: 24h, long_running: []}
    labels: {connection_tags: []}
    metrics: {exemplars: true, first_value_hold: 0, max_connections: 99999999999}
    target_labels: {tier: "2", environment: x}
    http_client_config:
      tls_config: {min_version: TLS13, server_name: s}
      http_headers: {X-Team: {values: [c]}, X-Other: {files: [f]}}
  base: &base {url: https://base, sessions: {type: x}, reviews: {overdue: "1h, 2h"}}
  keyed: {url: https://keyed, http_client_config: {oauth2: {client_id: c, token_url: "https://t", client_certificate_key_file: k, tls_config: {ca_file: /c}}}}
  merged: {<<: [*base, {duty: 1, timeout: 9s}], url: https://merged, duty: 0.25}
`)
	dir, err := filepath.Abs("conf")
	if err != nil {
		t.Fatal(err)
	}
	plain, own, merged := only(t, c, "plain"), only(t, c, "own"), only(t, c, "merged")
	keyed := only(t, c, "keyed").draft.source.HTTP.OAuth2
	ofPlain, ofOwn, ofMerged := plain.Collector(), own.Collector(), merged.Collector()
	for _, test := range []struct {
		name      string
		got, want any
	}{
		{"its own lookback", ofOwn.Lookback, 24 * time.Hour},
		{"the defaults' lookback", ofPlain.Lookback, 72 * time.Hour},
		{"the defaults' overlap", ofOwn.AllowedLateness, 5 * time.Minute},
		{"nobody's duty", ofPlain.Budget, 0.1},
		{"its own duty", ofOwn.Budget, 0.5},
		{"nobody's stale limit", ofOwn.StaleAfter, 5 * time.Minute},
		{"its own empty list", len(ofOwn.LongRunning) + len(ofOwn.ConnectionTags), 0},
		{"the defaults' list", ofPlain.ConnectionTags, []string{"team"}},
		{"its own switch", ofOwn.NoExemplars, false},
		{"the defaults' switch", ofPlain.NoExemplars, true},
		{"0 is off", ofOwn.FirstValueHold == 0, true},
		{"more connections than there can be", ofOwn.MaxConnections, 1<<31 - 1},
		{"the defaults' labels", plain.TargetLabels(), map[string]string{"region": "eu", "tier": "1"}},
		{"labels of both", own.TargetLabels(), map[string]string{"region": "eu", "tier": "2", "environment": "x"}},
		{"the defaults' credential", plain.draft.source.TokenFile, filepath.Join(dir, "keys/all")},
		{"its own credential instead", [2]string{own.draft.source.TokenFile, own.draft.source.CLIConfig}, [2]string{"", "~/config.toml"}},
		{"TLS of both", [3]any{own.draft.source.HTTP.TLSConfig.CAFile, own.draft.source.HTTP.TLSConfig.MinVersion.String(), own.draft.source.HTTP.TLSConfig.ServerName},
			[3]any{filepath.Join(dir, "ca.crt"), "TLS13", "s"}},
		{"the defaults' redirects", own.draft.source.HTTP.FollowRedirects, false},
		{"HTTP/2 as ever", own.draft.source.HTTP.EnableHTTP2, true},
		{"headers of both", fmt.Sprint(own.draft.source.HTTP.HTTPHeaders.Headers), fmt.Sprintf("map[X-Other:{[] [] [%s]} X-Team:{[c] [] []}]", filepath.Join(dir, "f"))},
		{"paths of OAuth 2", [2]string{keyed.ClientCertificateKeyFile, keyed.TLSConfig.CAFile}, [2]string{filepath.Join(dir, "k"), "/c"}},
		{"merged: the first one", ofMerged.Type, "x"},
		{"merged: the second one", ofMerged.Timeout, 9 * time.Second},
		{"merged: its own", ofMerged.Budget, 0.25},
		{"a list as a flag has it", len(ofMerged.Overdue), 2},
	} {
		if fmt.Sprint(test.got) != fmt.Sprint(test.want) {
			t.Errorf("%s: %v, want %v", test.name, test.got, test.want)
		}
	}
}

// The credential of a gateway replaces that of the defaults, whatever kind each is.
func TestOwnCredentialReplacesTheDefaults(t *testing.T) {
	kinds := map[string]string{
		"token":    "token_file: %s",
		"key":      "api_key_file: %s",
		"cli":      "cli_config: %s",
		"bearer":   "http_client_config: {bearer_token: %s}",
		"file":     "http_client_config: {bearer_token_file: %s}",
		"auth":     "http_client_config: {authorization: {credentials: %s}}",
		"basic":    "http_client_config: {basic_auth: {username: %s}}",
		"oauth2":   "http_client_config: {oauth2: {client_id: %s, token_url: https://t}}",
		"header":   "http_client_config: {http_headers: {api-KEY: {secrets: [%s]}}}",
		"proxying": "http_client_config: {authorization: {credentials: %s}, proxy_url: http://p}",
	}
	for below, defaults := range kinds {
		for above, own := range kinds {
			document := "defaults: {" + fmt.Sprintf(defaults, "lower") + "}\ngateways: {a: {url: https://a, " + fmt.Sprintf(own, "upper") + "}, b: {url: https://b}}"
			c, err := Parse("hoop.yml", []byte(document))
			if err != nil {
				t.Errorf("%s over %s: %v", above, below, err)
				continue
			}
			a, b := credentialID(only(t, c, "a").draft.source), credentialID(only(t, c, "b").draft.source)
			if !strings.Contains(a, "upper") || strings.Contains(a, "lower") || !strings.Contains(b, "lower") {
				t.Errorf("%s over %s: a has %s, b has %s", above, below, a, b)
			}
			if http := only(t, c, "a").draft.source.HTTP; below == "proxying" && (http == nil || http.ProxyURL.Redacted() != "http://p") {
				t.Errorf("%s over %s: the proxy is gone", above, below)
			}
		}
	}
}

func TestAddressesAreNormalized(t *testing.T) {
	for _, test := range []struct{ url, address string }{
		{"https://a", "https://a/api"}, {"https://a/", "https://a/api"}, {"https://a/api", "https://a/api"}, {"https://a/api/", "https://a/api"},
		{"HTTPS://A", "https://a/api"}, {"https://a:443", "https://a/api"}, {"https://a:", "https://a/api"}, {"http://a:443", "http://a:443/api"}, {"http://a:80/x", "http://a/x/api"},
		{" https://a ", "https://a/api"}, {"https://[::1]:443", "https://[::1]/api"}, {"https://[::A]:8443", "https://[::a]:8443/api"}, {"https://a/X", "https://a/X/api"},
	} {
		got, err := address(test.url)
		if err != nil || got != test.address {
			t.Errorf("%q is %q, want %q (%v)", test.url, got, test.address, err)
		}
		if again, err := address(got); err != nil || again != got {
			t.Errorf("%q becomes %q (%v)", got, again, err)
		}
	}
}

// A file can have 10,000 gateways; reading it must take about a second at most.
func BenchmarkParseTenThousand(b *testing.B) {
	var file strings.Builder
	file.WriteString("defaults: {sessions: {lookback: 72h}, http_client_config: {tls_config: {min_version: TLS12}}}\ngateways:\n")
	for i := range 10_000 {
		fmt.Fprintf(&file, "  organization-%05d:\n    url: https://hoop-%02d.example.com/api\n    api_key_file: keys/%05d\n    target_labels: {region: eu, customer: c%05d}\n", i, i%100, i, i)
	}
	content := []byte(file.String())
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		if c, err := Parse("hoop.yml", content); err != nil || len(c.Gateways()) != 10_000 {
			b.Fatal(err)
		}
	}
}
