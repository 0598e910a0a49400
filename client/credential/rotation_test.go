package credential

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/config"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Wherever the file of a token is named: a changed file replaces a token that the gateway has sent meanwhile, and an empty file is reported
// and not sent.
func TestAChangedTokenFileReplacesTheGatewaysToken(t *testing.T) {
	plain := func(token string) string { return token + "\n" }
	for name, test := range map[string]struct {
		options func(file string) Options
		text    func(token string) string
	}{
		"token file":              {func(f string) Options { return Options{TokenFile: f} }, plain},
		"token_file of a gateway": {func(f string) Options { return Options{TokenFile: f, ByKeys: true} }, plain},
		"command line's configuration": {func(f string) Options { return Options{CLIConfig: f} }, func(token string) string {
			return "token = '" + token + "'\n"
		}},
		"cli_config of a gateway": {func(f string) Options { return Options{CLIConfig: f, ByKeys: true} }, func(token string) string {
			return "token = '" + token + "'\n"
		}},
		"HTTP configuration": {func(f string) Options {
			return Options{HTTP: &config.HTTPClientConfig{Authorization: &config.Authorization{Type: "bearer", CredentialsFile: f}}}
		}, plain},
		"http_client_config of a gateway": {func(f string) Options {
			return Options{ByKeys: true, HTTP: &config.HTTPClientConfig{Authorization: &config.Authorization{CredentialsFile: f}}}
		}, plain},
	} {
		t.Run(name, func(t *testing.T) {
			var sent []string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent = append(sent, r.Header.Get("Authorization"))
				w.Header().Set("X-New-Access-Token", "new-"+strings.TrimPrefix(sent[len(sent)-1], "Bearer "))
				_, _ = w.Write([]byte(`{"id":"u","role":"auditor"}`))
			}))
			defer srv.Close()
			file := write(t, filepath.Join(t.TempDir(), "token"), test.text("a"))
			o := test.options(file)
			o.URL = srv.URL
			c, err := o.Client()
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseIdleConnections()
			sendOnce(t, c)
			sendOnce(t, c)
			write(t, file, test.text("b"))
			sendOnce(t, c)
			sendOnce(t, c)
			if got := strings.Join(sent, ", "); got != "Bearer a, Bearer new-a, Bearer b, Bearer new-b" {
				t.Errorf("sent %s", got)
			}

			fresh, err := o.Client() // without a token of the gateway
			if err != nil {
				t.Fatal(err)
			}
			defer fresh.CloseIdleConnections()
			write(t, file, test.text(""))
			before := len(sent)
			_, _, err = fresh.UserInfo(context.Background())
			if !errors.Is(err, client.ErrCredential) || !strings.Contains(err.Error(), file) || len(sent) != before {
				t.Errorf("error %v, sent %s", err, sent[before:])
			}
		})
	}
}
