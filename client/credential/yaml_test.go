package credential

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/config"
	"github.com/prometheus/exporter-toolkit/web"
)

// goType matches the name of a Go type, such as config.plain, []string or map[string]string.
var goType = regexp.MustCompile(`\b(config|web|yaml|url|http|tls|time)\.[A-Za-z]|\[\]|map\[|\binto \w|!!`)

// yamlErrors returns what is wrong with a text as a file of --hoop.http-config-file, and as one of --web.config.file.
func yamlErrors(t *testing.T, text string) (found []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := config.LoadHTTPConfigFile(path)
	for _, err := range []error{err, web.Validate(path)} {
		if err != nil {
			found = append(found, strings.ReplaceAll(YAMLError(err).Error(), path, "file.yml"))
		}
	}
	return found
}

func TestYAMLErrorsShowNoGoTypeAndNoValue(t *testing.T) {
	for text, want := range map[string]string{
		"foo: 1":                                           "line 1: the key foo is unknown",
		"basic_auth: secret":                               "line 1: text is not allowed here",
		"[secret]":                                         "line 1: a list is not allowed here",
		"oauth2: {scopes: 5}":                              "line 1: a number is not allowed here: must be a list",
		"oauth2: {endpoint_params: [secret]}":              "line 1: a list is not allowed here: must be a mapping",
		"follow_redirects: secret":                         "line 1: text is not allowed here: must be true or false",
		"http_headers: {A: secret}":                        "line 1: text is not allowed here",
		"proxy_connect_header: 5":                          "line 1: a number is not allowed here",
		"no_proxy: a\nno_proxy: b":                         "no_proxy",
		"basic_auth_users: [secret]":                       "line 1: a list is not allowed here: must be a mapping",
		"tls_server_config: secret":                        "line 1: text is not allowed here",
		"http_server_config: {headers: secret}":            "line 1: text is not allowed here: must be a mapping",
		"tls_server_config: {cipher_suites: secret, a: 1}": "the key a is unknown",
	} {
		found := yamlErrors(t, text)
		if !strings.Contains(strings.Join(found, "\n"), want) {
			t.Errorf("%q: %q, want %q", text, found, want)
		}
		for _, e := range found {
			if goType.MatchString(e) || strings.ContainsAny(e, "\n`") || strings.Contains(e, "secret") {
				t.Errorf("%q: %q", text, e)
			}
		}
	}
}

func FuzzYAMLErrorsShowNoGoType(f *testing.F) {
	for _, key := range []string{"basic_auth", "authorization", "oauth2", "tls_config", "http_headers", "proxy_url", "follow_redirects", "tls_server_config", "http_server_config", "basic_auth_users"} {
		for _, value := range []string{"1", "a", "[b]", "{c: d}", "true", "{min_version: 3}", "{http2: 5}", "{headers: {a: []}}"} {
			f.Add(key, value)
		}
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		if goType.MatchString(key+value) || strings.Contains(key+value, "`") {
			t.Skip("an error may repeat a key")
		}
		for _, e := range yamlErrors(t, key+": "+value) {
			if goType.MatchString(e) {
				t.Errorf("%q: %q: %q", key, value, e)
			}
		}
	})
}
