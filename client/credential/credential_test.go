package credential

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/config"
	"go.uber.org/goleak"

	"github.com/hoop-exporter/hoop_exporter/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "s3cret-Token.value"

// received is the headers that a gateway received.
type received struct{ authorization, apiKey, extra string }

// gateway answers userinfo and keeps the headers of the last request.
func gateway(t *testing.T, start func(http.Handler) *httptest.Server) (*httptest.Server, *received) {
	t.Helper()
	got := &received{}
	s := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*got = received{r.Header.Get("Authorization"), r.Header.Get("Api-Key"), r.Header.Get("X-Team")}
		_, _ = w.Write([]byte(`{"id":"u","role":"auditor"}`))
	}))
	t.Cleanup(s.Close)
	return s, got
}

// sendOnce sends one request and closes the connections.
func sendOnce(t *testing.T, c *client.Client) {
	t.Helper()
	if _, _, err := c.UserInfo(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEachSourceSendsItsCredential(t *testing.T) {
	for _, test := range []struct {
		name string
		give func(t *testing.T, dir, url string) Options
		want received
	}{
		{"token from the environment", func(_ *testing.T, _, url string) Options {
			return Options{URL: url, Token: secret + "\n"}
		}, received{authorization: "Bearer " + secret}},
		{"token file", func(t *testing.T, dir, url string) Options {
			return Options{URL: url, TokenFile: write(t, filepath.Join(dir, "token"), secret+"\n")}
		}, received{authorization: "Bearer " + secret}},
		{"API key from the environment", func(_ *testing.T, _, url string) Options {
			return Options{URL: url, APIKey: "org|" + secret}
		}, received{apiKey: "org|" + secret}},
		{"API key file", func(t *testing.T, dir, url string) Options {
			return Options{URL: url, APIKeyFile: write(t, filepath.Join(dir, "key"), "xapi-"+secret+"\n")}
		}, received{apiKey: "xapi-" + secret}},
		{"command line's configuration", func(t *testing.T, dir, url string) Options {
			return Options{CLIConfig: write(t, filepath.Join(dir, "config.toml"), "api_url = '"+url+"'\ntoken = '"+secret+"'\ngrpc_url = 'x'\n")}
		}, received{authorization: "Bearer " + secret}},
		{"command line's configuration, in the home folder, with the same URL beside it", func(t *testing.T, dir, url string) Options {
			t.Setenv("HOME", dir)
			write(t, filepath.Join(dir, "config.toml"), "api_url = '"+url+"'\ntoken = '"+secret+"'\n")
			return Options{URL: url + "/api/", CLIConfig: "~/config.toml"}
		}, received{authorization: "Bearer " + secret}},
		{"command line's configuration without a URL", func(t *testing.T, dir, url string) Options {
			return Options{URL: url, CLIConfig: write(t, filepath.Join(dir, "config.toml"), "token = '"+secret+"'\n")}
		}, received{authorization: "Bearer " + secret}},
		{"command line's configuration with an API key", func(t *testing.T, dir, url string) Options {
			return Options{CLIConfig: write(t, filepath.Join(dir, "config.toml"), "api_url = '"+url+"'\ntoken = 'xapi-"+secret+"'\n")}
		}, received{apiKey: "xapi-" + secret}},
		{"HTTP configuration with a relative credentials file", func(t *testing.T, dir, url string) Options {
			write(t, filepath.Join(dir, "token"), secret)
			return Options{URL: url, HTTPConfigFile: write(t, filepath.Join(dir, "http.yml"),
				"authorization: {credentials_file: token}\nhttp_headers: {X-Team: {values: [platform]}}\n")}
		}, received{authorization: "Bearer " + secret, extra: "platform"}},
		{"HTTP configuration with an Api-Key header", func(t *testing.T, dir, url string) Options {
			return Options{URL: url, HTTPConfigFile: write(t, filepath.Join(dir, "http.yml"), "http_headers: {api-key: {secrets: ["+secret+"]}}\n")}
		}, received{apiKey: secret}},
		{"HTTP configuration without a credential beside a token", func(t *testing.T, dir, url string) Options {
			return Options{URL: url, Token: secret, HTTPConfigFile: write(t, filepath.Join(dir, "http.yml"), "http_headers: {X-Team: {values: [platform]}}\n")}
		}, received{authorization: "Bearer " + secret, extra: "platform"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, got := gateway(t, httptest.NewServer)
			c, err := test.give(t, t.TempDir(), s.URL).Client()
			if err != nil {
				t.Fatal(err)
			}
			sendOnce(t, c)
			if *got != test.want {
				t.Errorf("sent %+v, want %+v", *got, test.want)
			}
		})
	}
}

// A new `hoop login` or a renewed token needs no restart.
func TestFilesAreReadAgain(t *testing.T) {
	for _, test := range []struct {
		name string
		text func(url, token string) string
		give func(path, url string) Options
		sent func(*received) string
	}{
		{"token file", func(_, token string) string { return token },
			func(path, url string) Options { return Options{URL: url, TokenFile: path} },
			func(a *received) string { return strings.TrimPrefix(a.authorization, "Bearer ") }},
		{"API key file", func(_, token string) string { return token },
			func(path, url string) Options { return Options{URL: url, APIKeyFile: path} },
			func(a *received) string { return a.apiKey }},
		{"command line's configuration", func(url, token string) string { return "api_url='" + url + "'\ntoken='" + token + "'" },
			func(path, _ string) Options { return Options{CLIConfig: path} },
			func(a *received) string { return strings.TrimPrefix(a.authorization, "Bearer ") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, got := gateway(t, httptest.NewServer)
			path := write(t, filepath.Join(t.TempDir(), "file"), test.text(s.URL, "old"))
			c, err := test.give(path, s.URL).Client()
			if err != nil {
				t.Fatal(err)
			}
			for _, token := range []string{"old", "new"} {
				write(t, path, test.text(s.URL, token))
				sendOnce(t, c)
				if sent := test.sent(got); sent != token {
					t.Errorf("sent %q, want %q", sent, token)
				}
			}
			write(t, path, "")
			if _, _, err := c.UserInfo(context.Background()); client.ErrorLabel(err) != "credential" && test.name != "token file" {
				t.Errorf("with an empty file: %v, of kind %q", err, client.ErrorLabel(err))
			}
		})
	}
}

// The configuration of the command line contains the CA of a gateway that has its own.
func TestCLIConfigBringsItsCA(t *testing.T) {
	s, got := gateway(t, httptest.NewTLSServer)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	path := write(t, filepath.Join(t.TempDir(), "config.toml"),
		"api_url = '"+s.URL+"'\ntoken = '"+secret+"'\ntls_ca = '"+base64.StdEncoding.EncodeToString(ca)+"'\n")
	c, err := Options{CLIConfig: path}.Client()
	if err != nil {
		t.Fatal(err)
	}
	sendOnce(t, c)
	if got.authorization != "Bearer "+secret {
		t.Errorf("sent %+v", *got)
	}
}

func TestWhatCannotBeUsedIsSaidInOneSentence(t *testing.T) {
	const url = "https://hoop.example.com"
	for _, test := range []struct {
		name string
		give func(t *testing.T, dir string) Options
		want string
	}{
		{"nothing", func(*testing.T, string) Options { return Options{} }, "no credential: set HOOP_TOKEN"},
		{"no URL", func(*testing.T, string) Options { return Options{Token: secret} }, "no gateway: give its URL"},
		{"two credentials", func(*testing.T, string) Options { return Options{URL: url, Token: secret, APIKeyFile: "x"} },
			"more than one credential (HOOP_TOKEN, --hoop.api-key-file): keep one"},
		{"a credential beside that of the HTTP configuration", func(t *testing.T, dir string) Options {
			return Options{URL: url, Token: "t", HTTPConfigFile: write(t, filepath.Join(dir, "c"), "basic_auth: {username: u, password: "+secret+"}")}
		}, "more than one credential (HOOP_TOKEN, the credential in --hoop.http-config-file)"},
		{"a token of two words", func(*testing.T, string) Options { return Options{URL: url, Token: "Bearer " + secret} },
			"HOOP_TOKEN: it contains spaces"},
		{"an API key of two lines", func(*testing.T, string) Options { return Options{URL: url, APIKey: "a\n" + secret} },
			"HOOP_API_KEY: it contains spaces"},
		{"no such token file", func(_ *testing.T, dir string) Options {
			return Options{URL: url, TokenFile: filepath.Join(dir, "absent")}
		}, "--hoop.token-file: open"},
		{"an empty token file", func(t *testing.T, dir string) Options {
			return Options{URL: url, TokenFile: write(t, filepath.Join(dir, "f"), "\n")}
		}, "it is empty: put the credential there"},
		{"a folder as API key file", func(_ *testing.T, dir string) Options { return Options{URL: url, APIKeyFile: dir} },
			"--hoop.api-key-file: read"},
		{"no such command line's configuration", func(_ *testing.T, dir string) Options {
			return Options{CLIConfig: filepath.Join(dir, "absent")}
		}, "log in with `hoop login` first"},
		{"a broken command line's configuration", func(t *testing.T, dir string) Options {
			return Options{CLIConfig: write(t, filepath.Join(dir, "f"), "api_url = 'x'\ntoken = "+secret)}
		}, "is not a configuration of the hoop command line, line 2"},
		{"a token of another type", func(t *testing.T, dir string) Options {
			return Options{CLIConfig: write(t, filepath.Join(dir, "f"), "token = ['"+secret+"']")}
		}, "is not a configuration of the hoop command line"},
		{"logged out", func(t *testing.T, dir string) Options {
			return Options{CLIConfig: write(t, filepath.Join(dir, "f"), "api_url = 'x'")}
		}, "log in with `hoop login` again"},
		{"a command line's configuration without a URL", func(t *testing.T, dir string) Options {
			return Options{CLIConfig: write(t, filepath.Join(dir, "f"), "token = '"+secret+"'")}
		}, "has no api_url: set --hoop.url"},
		{"a token of another gateway", func(t *testing.T, dir string) Options {
			return Options{URL: "https://elsewhere.example.com", CLIConfig: write(t, filepath.Join(dir, "f"), "api_url = '"+url+"'\ntoken = '"+secret+"'")}
		}, "two gateways"},
		{"no such HTTP configuration", func(_ *testing.T, dir string) Options {
			return Options{URL: url, HTTPConfigFile: filepath.Join(dir, "absent")}
		}, "--hoop.http-config-file: open"},
		{"a misspelt HTTP configuration", func(t *testing.T, dir string) Options {
			return Options{URL: url, Token: secret, HTTPConfigFile: write(t, filepath.Join(dir, "f"), "tls_confg: {}")}
		}, "line 1: the key tls_confg is unknown"},
		{"a credential in the wrong place of the HTTP configuration", func(t *testing.T, dir string) Options {
			return Options{URL: url, HTTPConfigFile: write(t, filepath.Join(dir, "f"), "authorization: s3cret")}
		}, "line 1: text is not allowed here"},
		{"a URL with a password", func(*testing.T, string) Options {
			return Options{URL: "https://u:" + secret + "@hoop.example.com", Token: "t"}
		}, "must not contain a user or password"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.give(t, t.TempDir()).Client()
			if err == nil {
				t.Fatal("it was accepted")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("says %q, want %q in it", err, test.want)
			}
			if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "\n") {
				t.Errorf("says %q: a secret, or more than a line", err)
			}
		})
	}
}

// A gateway of a configuration file reads its files at the first request, and again until they can be read.
func TestByKeysFilesAreReadAtTheFirstRequest(t *testing.T) {
	ca := func(s *httptest.Server) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	}
	for _, test := range []struct {
		name   string
		give   func(dir, url string) Options
		mend   func(s *httptest.Server) (file, text string)
		says   string
		want   received
		secure bool
	}{
		{"token file", func(dir, url string) Options { return Options{URL: url, TokenFile: filepath.Join(dir, "f")} },
			func(*httptest.Server) (string, string) { return "f", secret + "\n" }, "token_file: open ", received{authorization: "Bearer " + secret}, false},
		{"API key file", func(dir, url string) Options { return Options{URL: url, APIKeyFile: filepath.Join(dir, "f")} },
			func(*httptest.Server) (string, string) { return "f", secret + "\n" }, "api_key_file: open ", received{apiKey: secret}, false},
		{"command line's configuration", func(dir, url string) Options { return Options{URL: url, CLIConfig: filepath.Join(dir, "f")} },
			func(s *httptest.Server) (string, string) {
				return "f", "api_url = '" + s.URL + "'\ntoken = '" + secret + "'\n"
			}, "cli_config: open ", received{authorization: "Bearer " + secret}, false},
		{"command line's configuration with an API key", func(dir, url string) Options { return Options{URL: url, CLIConfig: filepath.Join(dir, "f")} },
			func(*httptest.Server) (string, string) { return "f", "token = 'xapi-" + secret + "'\n" }, "cli_config: open ", received{apiKey: "xapi-" + secret}, false},
		{"a CA", func(dir, url string) Options {
			return Options{URL: url, HTTP: &config.HTTPClientConfig{BearerToken: secret, TLSConfig: config.TLSConfig{CAFile: filepath.Join(dir, "f")}}}
		}, func(s *httptest.Server) (string, string) { return "f", string(ca(s)) }, "unable to read CA cert: unable to read file ", received{authorization: "Bearer " + secret}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			start, dir := httptest.NewServer, t.TempDir()
			if test.secure {
				start = httptest.NewTLSServer
			}
			s, got := gateway(t, start)
			o := test.give(dir, s.URL)
			o.ByKeys = true
			c, err := o.Client()
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, _, err = c.UserInfo(t.Context())
				if client.ErrorLabel(err) != "credential" || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("says %v, want a credential error with %q", err, test.says)
				}
			}
			file, text := test.mend(s)
			write(t, filepath.Join(dir, file), text)
			for range 2 {
				sendOnce(t, c)
			}
			if *got != test.want {
				t.Errorf("sent %+v, want %+v", *got, test.want)
			}
		})
	}
}

func TestByKeysMistakesNameKeys(t *testing.T) {
	const url = "https://hoop.example.com"
	cli := write(t, filepath.Join(t.TempDir(), "f"), "api_url = 'https://elsewhere.example.com'\ntoken = '"+secret+"'\n")
	for _, test := range []struct {
		name string
		give Options
		want string
	}{
		{"nothing", Options{URL: url}, "no credential: give token_file, api_key_file, cli_config or an authorization in http_client_config"},
		{"two", Options{URL: url, TokenFile: "x", APIKeyFile: "y"}, "more than one credential (token_file, api_key_file): keep one"},
		{"two with HTTP", Options{URL: url, CLIConfig: "x", HTTP: &config.HTTPClientConfig{BearerToken: secret}},
			"more than one credential (cli_config, the credential in http_client_config): keep one"},
		{"no URL", Options{TokenFile: "x"}, "gateway URL: the scheme must be http or https"},
		{"a token of another gateway", Options{URL: url, CLIConfig: cli}, "two gateways: url and the api_url of cli_config differ: log in at the one of url"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.give.ByKeys = true
			c, err := test.give.Client()
			if err == nil {
				_, _, err = c.UserInfo(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("says %v, want %q", err, test.want)
			}
		})
	}
}

// No redirect is followed if the configuration says so, also with the lazy client.
func TestByKeysRedirectsAreFollowedAsConfigured(t *testing.T) {
	for _, follow := range []bool{true, false} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/userinfo" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			_, _ = w.Write([]byte(`{"id":"u","role":"auditor"}`))
		}))
		t.Cleanup(s.Close)
		c, err := Options{URL: s.URL, ByKeys: true, HTTP: &config.HTTPClientConfig{BearerToken: secret, FollowRedirects: follow}}.Client()
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.UserInfo(t.Context()); (err == nil) != follow {
			t.Errorf("followed %t: %v", follow, err)
		}
	}
}
