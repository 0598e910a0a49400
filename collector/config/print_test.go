package config

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// everything has a secret at each place where one can be.
const everything = `
gateways:
  basic: {url: https://a, http_client_config: {basic_auth: {username: u, password: s3cret-1}, proxy_url: "http://u:s3cret-2@proxy", proxy_connect_header: {Proxy-Authorization: [s3cret-3]}}}
  bearer: {url: https://a, http_client_config: {bearer_token: s3cret-4}}
  bearing: {url: https://a, http_client_config: {bearer_token: s3cret-16}}
  oauth-by-proxy: {url: https://a, http_client_config: {oauth2: {client_id: c, client_secret: s3cret-17, token_url: "https://t", proxy_url: "http://127.0.0.1:9"}}}
  other: {url: https://a, http_client_config: {authorization: {type: Own, credentials: s3cret-5}}}
  header: {url: https://a, http_client_config: {http_headers: {Api-Key: {values: [s3cret-6, s3cret-7]}, X-Team: {secrets: [s3cret-8], files: [f]}}}}
  tls: {url: https://b, token_file: t, http_client_config: {tls_config: {ca: not secret, cert: not secret, key: s3cret-9}}}
  oauth:
    url: https://b
    target_labels: {a: "true", b: "5", c: ""}
    http_client_config:
      oauth2:
        client_id: c
        client_secret: s3cret-10
        token_url: "https://u:s3cret-11@login/token?key=s3cret-20"
        endpoint_params: {password: s3cret-12}
        scopes: [a, b]
        proxy_url: "http://u:s3cret-13@proxy"
        tls_config: {cert: x, key: s3cret-14}
  unusable: {url: https://b, http_client_config: {oauth2: {client_id: c, client_secret: s3cret-18, token_url: "http://u:s3cret-19@a:b"}}}
  jwt: {url: https://b, http_client_config: {oauth2: {client_id: c, token_url: "https://t", grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", client_certificate_key: s3cret-15}}}
`

func TestNoSecretIsShown(t *testing.T) {
	c := parsed(t, everything)
	text := printed(t, c)
	if strings.Contains(text, "s3cret") || strings.Count(text, hidden)+strings.Count(text, "xxxxx") != 20 {
		t.Errorf("a secret is there, or not all places are:\n%s", text)
	}
	for _, g := range c.Gateways() {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if shown := fmt.Sprintf(verb, g); strings.Contains(shown, "s3cret") || !strings.Contains(shown, g.Name()) {
				t.Errorf("%s shows %s", verb, shown)
			}
		}
	}
	again := parsed(t, text)
	if printed(t, again) != text {
		t.Errorf("the print-out is printed differently:\n%s\n%s", text, printed(t, again))
	}
	if !maps.Equal(only(t, again, "oauth").TargetLabels(), map[string]string{"a": "true", "b": "5", "c": ""}) {
		t.Error("labels have changed")
	}
}

// The page is for others than the one who wrote the file: it names nobody.
func TestThePublicPrintOutNamesNobody(t *testing.T) {
	c := parsed(t, `
gateways:
  filters: {url: https://a, token_file: t, sessions: {user: alice-1, review_approver: alice-2@example.com, connection: pg}}
  basic: {url: https://a, http_client_config: {basic_auth: {username: alice-3, password: s3cret}, proxy_url: "http://alice-4:s3cret@proxy"}}
  oauth: {url: https://a, http_client_config: {oauth2: {client_id: c, client_secret: s3cret, token_url: "https://alice-5:s3cret@login/token", proxy_url: "http://alice-6:s3cret@proxy"}}}
`)
	var public strings.Builder
	if err := c.WritePublic(&public); err != nil {
		t.Fatal(err)
	}
	text := public.String()
	if strings.Contains(text, "alice") || strings.Contains(text, "s3cret") || strings.Count(text, "withheld") != 6 {
		t.Errorf("a name is there, or not all places are:\n%s", text)
	}
	if own := printed(t, c); strings.Count(own, "alice") != 6 || strings.Contains(own, "withheld") {
		t.Errorf("--config.print withholds what its reader needs:\n%s", own)
	}
	if !strings.Contains(text, "connection: pg") {
		t.Errorf("the rest is not there:\n%s", text)
	}
}

// A value at the wrong place below http_client_config can be a secret.
func TestNoProblemShowsASecret(t *testing.T) {
	wrong := 0
	var walk func(path []string, of *shape)
	walk = func(path []string, of *shape) {
		for _, value := range []any{"s3cret", []any{"s3cret"}, map[string]any{"x": "s3cret"}, []any{[]any{"s3cret"}}, "http://u:s3cret@a:b", "%s3cret", nil, 5} {
			for _, key := range slices.Backward(path) {
				value = map[string]any{key: value}
			}
			document, err := yaml.Marshal(map[string]any{"gateways": map[string]any{"a": map[string]any{"url": "https://a", "token_file": "t", httpKey: value}}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = Parse("hoop.yml", document); err != nil {
				wrong++
				if strings.Contains(err.Error(), "s3cret") || !strings.HasPrefix(err.Error(), "hoop.yml:") {
					t.Errorf("says %s", err)
				}
			}
		}
		if of.kind == "mapping" && of.each != nil {
			walk(append(slices.Clone(path), "x"), of.each)
		}
		for name, value := range of.keys {
			walk(append(slices.Clone(path), name), value)
		}
	}
	walk(nil, httpShape(reflect.TypeFor[config.HTTPClientConfig]()))
	if wrong < 300 {
		t.Errorf("only %d problems were found", wrong)
	}
	for _, document := range []string{
		"gateways: {a: {url: https://a, http_client_config: {authorization: {credentials: *s3cret}}}}",
		"gateways: {a: {url: https://a, http_client_config: {authorization: {credentials: 's3cret}}}}",
		"gateways: {a: {url: https://a, http_client_config: {authorization: {credentials: !!int s3cret}}}}",
		"gateways: {a: {url: https://a, http_client_config: {follow_redirects: !!bool s3cret}}}",
		"gateways: {a: {url: https://a, http_client_config: {oauth2: {claims: {a: !!int s3cret}}}}}",
		"gateways: {a: {url: https://a, http_client_config: {authorization: {type: basic, credentials: s3cret}}}}",
		"gateways: {a: {url: https://a, http_client_config: {bearer_token: s3cret, basic_auth: {password: s3cret}}}}",
		"gateways: {a: {url: https://u:s3cret@a, token_file: t}}",
	} {
		if _, err := Parse("hoop.yml", []byte(document)); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("says %v of %s", err, document)
		}
	}
}

func TestConfigurationFromFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("relative", []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs("relative")
	if err != nil {
		t.Fatal(err)
	}
	token := t.TempDir() + "/token"
	if err := os.WriteFile(token, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	http := t.TempDir() + "/http.yml"
	if err := os.WriteFile(http, []byte("authorization: {credentials: s3cret}\ntls_config: {min_version: TLS13}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		set    map[string]string
		prints string
		loads  bool // what it prints is a file by itself
	}{
		{"a token file", map[string]string{"hoop.url": "https://a", "hoop.token-file": token, "sessions.lookback": "2h"}, "token_file: " + token, true},
		{"a relative path", map[string]string{"hoop.url": "https://a", "hoop.api-key-file": "relative"}, "api_key_file: " + here + "\n", true},
		{"HTTP", map[string]string{"hoop.url": "https://a", "hoop.http-config-file": http}, "min_version: TLS13", true},
		{"a token of the environment", map[string]string{"hoop.url": "https://a", "HOOP_TOKEN": "s3cret"}, "HOOP_TOKEN", false},
		{"a key of the environment", map[string]string{"hoop.url": "https://a", "HOOP_API_KEY": "s3cret"}, "HOOP_API_KEY", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := newDraft()
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range Settings() {
				if v, given := test.set[orElse(s.Flag, s.Env)]; given {
					if err := s.Set(&d, v); err != nil {
						t.Fatal(err)
					}
				}
			}
			c, err := Single(d)
			if err != nil {
				t.Fatal(err)
			}
			text := printed(t, c)
			if !strings.Contains(text, test.prints) || strings.Contains(text, "s3cret") {
				t.Errorf("want %q and no secret in\n%s", test.prints, text)
			}
			if _, err := Parse("elsewhere/hoop.yml", []byte(text)); (err == nil) != test.loads {
				t.Errorf("as a file: %v", err)
			}
			g := only(t, c, "")
			if g.Address() != "https://a/api" || len(g.TargetLabels()) > 0 || c.Hash() != [32]byte{} {
				t.Errorf("%s has address %s", g, g.Address())
			}
		})
	}
	if _, err := Single(Draft{}); err == nil || err.Error() != "--hoop.timeout: must be above 0" {
		t.Errorf("for an empty draft: %v", err)
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func TestEqualSameClientSameSessions(t *testing.T) {
	base := "gateways: {a: {url: https://a, token_file: t, duty: 0.1}}"
	for _, test := range []struct {
		name, now               string
		equal, client, sessions bool
	}{
		{"nothing changed", base, true, true, true},
		{"a default is said", "gateways: {a: {url: https://a, token_file: t, duty: 0.1, timeout: 30s}}", true, true, true},
		{"by defaults", "defaults: {token_file: t}\ngateways: {a: {url: https://a}}", true, true, true},
		{"the same address in other words", "gateways: {a: {url: https://A:443/api, token_file: t}}", false, true, true},
		{"another name", "gateways: {b: {url: https://a, token_file: t}}", false, true, true},
		{"another URL", "gateways: {a: {url: https://b, token_file: t}}", false, false, false},
		{"another credential", "gateways: {a: {url: https://a, token_file: u}}", false, false, true},
		{"another kind of credential", "gateways: {a: {url: https://a, api_key_file: t}}", false, false, true},
		{"other HTTP", "gateways: {a: {url: https://a, token_file: t, http_client_config: {enable_http2: false}}}", false, false, true},
		{"other bytes", "gateways: {a: {url: https://a, token_file: t, max_response_bytes: 5}}", false, false, true},
		{"another filter", "gateways: {a: {url: https://a, token_file: t, sessions: {type: x}}}", false, true, false},
		{"another lookback", "gateways: {a: {url: https://a, token_file: t, sessions: {lookback: 24h}}}", false, true, true},
		{"other thresholds", "gateways: {a: {url: https://a, token_file: t, reviews: {overdue: [60s]}}}", false, true, true},
		{"another label", "gateways: {a: {url: https://a, token_file: t, target_labels: {x: y}}}", false, true, true},
		{"another switch", "gateways: {a: {url: https://a, token_file: t, metrics: {exemplars: false}}}", false, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, now := parsed(t, base).Gateways()[0], parsed(t, test.now).Gateways()[0]
			if got := [3]bool{now.Equal(before), now.SameClient(before), now.SameSessions(before)}; got != [3]bool{test.equal, test.client, test.sessions} {
				t.Errorf("equal, same client, same sessions: %t", got)
			}
			if got := [3]bool{before.Equal(now), before.SameClient(now), before.SameSessions(now)}; got != [3]bool{test.equal, test.client, test.sessions} {
				t.Errorf("the other way round: %t", got)
			}
		})
	}
	t.Run("after it was used", func(t *testing.T) {
		before, now := parsed(t, everything), parsed(t, everything)
		for _, g := range before.Gateways() {
			c, err := g.Client()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, _, err := c.UserInfo(ctx); err == nil {
				t.Error("it got a request")
			}
			if o := only(t, now, g.Name()); !g.Equal(o) || !g.SameClient(o) || !g.SameSessions(o) {
				t.Errorf("%s is not as it was", g)
			}
		}
	})
}

// A missing secret is an error only of the gateway that needs it, and only when a request is sent.
func TestSecretsAreReadAtTheFirstRequest(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	c, err := Parse("hoop.yml", []byte(`
gateways:
  token: {url: http://127.0.0.1:9, token_file: absent-token}
  key: {url: http://127.0.0.1:9, api_key_file: absent-key}
  cli: {url: http://127.0.0.1:9/cli, cli_config: absent-cli}
  ca: {url: http://127.0.0.1:9/ca, token_file: present, http_client_config: {tls_config: {ca_file: absent-ca}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("present", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, g := range c.Gateways() {
		used, err := g.Client()
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = used.UserInfo(t.Context())
		if client.ErrorLabel(err) != "credential" || !strings.Contains(err.Error(), "absent-"+g.Name()) {
			t.Errorf("%s: %v", g, err)
		}
	}
}

func TestLoadNamesTheFileThatCannotBeRead(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := Load("hoop.yml"); err == nil || !strings.HasPrefix(err.Error(), "reading the configuration: open hoop.yml: ") {
		t.Errorf("says %v", err)
	}
	if err := os.WriteFile("hoop.yml", []byte(good), fs.ModePerm); err != nil {
		t.Fatal(err)
	}
	c, err := Load("hoop.yml")
	if err != nil || c.Hash() != parsed(t, good).Hash() {
		t.Errorf("%v, or another hash", err)
	}
}

// FuzzParse checks that every valid file is printed as a file with the same meaning.
func FuzzParse(f *testing.F) {
	for _, s := range []string{good, everything, "gateways: {a: {url: https://a, token_file: t, <<: &x {duty: 1}}, b: *x}", "a: &a [*a]", "gateways:\n  a: !!binary aGFsbG8="} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := Parse("hoop.yml", content)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "hoop.yml:") {
				t.Errorf("says %s", err)
			}
			return
		}
		var first, second bytes.Buffer
		if err := c.Write(&first); err != nil {
			t.Fatal(err)
		}
		again, err := Parse("hoop.yml", first.Bytes())
		if err != nil {
			t.Fatalf("%s\nof\n%s", err, first.String())
		}
		if err := again.Write(&second); err != nil || first.String() != second.String() {
			t.Errorf("%v\n%s\nbecomes\n%s", err, first.String(), second.String())
		}
		for _, g := range c.Gateways() {
			o := only(t, again, g.Name())
			if !o.SameSessions(g) || !maps.Equal(o.TargetLabels(), g.TargetLabels()) || !reflect.DeepEqual(o.Collector(), g.Collector()) {
				t.Errorf("%s is not the same in\n%s", g, first.String())
			}
		}
	})
}
