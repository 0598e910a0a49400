package processtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// What an attacker would try, against the built binary.
func TestSecurity(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs programs")
	}
	p := build(t)
	t.Run("no credential is shown", p.secrets)
	t.Run("login over TLS", p.login)
	t.Run("nothing in a request is fetched", p.bait)
}

const secret = "hunter2-0123456789-hunter2"

// credentials are the ways to give the secret.
func credentials(t *testing.T) map[string]struct{ env, args []string } {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]struct{ env, args []string }{
		"HOOP_TOKEN":   {env: []string{"HOOP_TOKEN=" + secret}},
		"HOOP_API_KEY": {env: []string{"HOOP_API_KEY=org|" + secret}},
		"token file":   {args: []string{"--hoop.token-file=" + file}},
		"API key file": {args: []string{"--hoop.api-key-file=" + file}},
	}
}

// failures are the ways of a gateway to fail, each of which repeats the credential if it can.
func failures() map[string]func(w http.ResponseWriter, sent string) {
	status := func(code int) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, sent string) {
			w.WriteHeader(code)
			_, _ = fmt.Fprintf(w, `{"message":"what is %s ?"}`, sent)
		}
	}
	raw := func(text string) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, sent string) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			_, _ = fmt.Fprintf(conn, text, sent)
			_ = conn.Close()
		}
	}
	return map[string]func(http.ResponseWriter, string){
		"not at all": nil,
		"401":        status(401), "403": status(403), "422": status(422), "429": status(429), "500": status(500),
		"web page":    func(w http.ResponseWriter, sent string) { _, _ = fmt.Fprintf(w, "<html>%s</html>", sent) },
		"broken JSON": func(w http.ResponseWriter, sent string) { _, _ = fmt.Fprintf(w, `{"data":[{"id":"%s","id":`, sent) },
		"redirect": func(w http.ResponseWriter, sent string) {
			w.Header().Set("Location", "https://"+sent[len(sent)-len(secret):]+".example.com/")
			w.WriteHeader(http.StatusFound)
		},
		"status line": raw("HTTP/1.1 %s\r\n\r\n"),
		"protocol":    raw("%s\r\n\r\n"),
		"header":      raw("HTTP/1.1 200 OK\r\n%s\r\n\r\n"),
		"reset":       raw("%.0s"),
	}
}

func (p programs) secrets(t *testing.T) {
	for how, credential := range credentials(t) {
		for what, fail := range failures() {
			t.Run(how+"/"+what, func(t *testing.T) {
				var got atomic.Bool
				gateway := failing(t, fail, &got)
				state := t.TempDir()
				args := append([]string{"--hoop.url=" + gateway, "--state.dir=" + state, "--web.listen-address=127.0.0.1:0", "--web.enable-pprof", "--log.level=debug"}, credential.args...)
				exporter, url := serveWith(t, credential.env, p.exporter, args...)
				up := "hoop_up 0"
				if fail == nil {
					up = "hoop_up 1"
				}
				shown := map[string]string{}
				for _, path := range []string{
					"/metrics", "/", "/-/ready", "/nowhere", "/debug/pprof/", "/debug/pprof/cmdline",
					"/debug/pprof/heap?debug=1", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap", "/debug/pprof/allocs", "/debug/pprof/trace?seconds=0.01",
				} {
					shown[path] = string(page(t, url+path))
				}
				if !strings.Contains(shown["/metrics"], "\n"+up+"\n") || !got.Load() {
					t.Errorf("no %s, or the credential was not sent (sent: %t)", up, got.Load())
				}
				if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", exporter.cmd.Process.Pid)); err == nil { // Linux
					shown["command line"] = string(line)
				}
				exporter.stop(t)
				shown["log"] = exporter.out.String()
				files, err := os.ReadDir(state)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range files {
					content, err := os.ReadFile(filepath.Join(state, f.Name()))
					if err != nil {
						t.Fatal(err)
					}
					shown["state, "+f.Name()] = f.Name() + string(content)
				}
				if fail == nil && len(files) == 0 {
					t.Error("no state was saved that could be looked at")
				}
				if fail != nil && !strings.Contains(shown["log"], "asking the gateway failed") && !strings.Contains(shown["log"], "cannot tell whether") {
					t.Errorf("the log does not tell of the failure")
				}
				for where, text := range shown {
					for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
						if strings.Contains(text, form) {
							t.Errorf("the credential is in %s", where)
						}
					}
				}
			})
		}
	}
}

// failing is a gateway that fails, or does not. got tells that it was sent the secret.
func failing(t *testing.T, fail func(http.ResponseWriter, string), got *atomic.Bool) (url string) {
	t.Helper()
	g := gatewaytest.New(gatewaytest.Config{})
	g.AddHistory(50, time.Now().Add(-time.Hour), time.Now().Add(-time.Minute), gatewaytest.HistoryOptions{Unfinished: 5})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.Header.Get("Authorization") + r.Header.Get("Api-Key")
		if strings.HasSuffix(sent, secret) {
			got.Store(true)
		}
		if fail == nil {
			g.ServeHTTP(w, r)
			return
		}
		fail(w, sent)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// page is what a page shows, whatever its status, and unpacked.
func page(t *testing.T, url string) []byte {
	t.Helper()
	status, _, body := ask(t, &http.Transport{DisableKeepAlives: true}, url, nil)
	if status >= 500 {
		t.Errorf("%s: HTTP %d", url, status)
	}
	if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		if body, err = io.ReadAll(z); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	return body
}

// ask makes a request, changed as wanted.
func ask(t *testing.T, transport http.RoundTripper, url string, change func(*http.Request)) (status int, header http.Header, body []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, body
}

// A server with a certificate and one user, whose password is "correct horse".
const webConfig = `
tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
http_server_config:
  headers:
    X-Frame-Options: sameorigin
    Strict-Transport-Security: max-age=3600
basic_auth_users:
  prometheus: $2a$04$wktj0mkJ7URd0vyKmqbKXuL96XDkTekHO29wmUKNGkrujdTeB7WOq
`

func (p programs) login(t *testing.T) {
	dir := t.TempDir()
	// The certificate of a test server, with its key: for 127.0.0.1.
	own := httptest.NewTLSServer(http.NotFoundHandler())
	own.Close()
	certificate := own.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"web.yml":  []byte(webConfig),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	gateway := failing(t, nil, &atomic.Bool{})
	_, url := serve(t, p.exporter, "--hoop.url="+gateway, "--web.listen-address=127.0.0.1:0", "--web.enable-pprof", "--web.config.file="+filepath.Join(dir, "web.yml"))
	pool := x509.NewCertPool()
	pool.AddCert(own.Certificate())
	secure := &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	https := strings.Replace(url, "http://", "https://", 1)
	as := func(user, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	for _, test := range []struct {
		name   string
		who    func(*http.Request)
		status int
	}{
		{"the right password", as("prometheus", "correct horse"), 200},
		{"a wrong password", as("prometheus", "wrong horse"), 401},
		{"no password", as("prometheus", ""), 401},
		{"somebody else", as("grafana", "correct horse"), 401},
		{"nobody", nil, 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, path := range []string{"/metrics", "/", "/-/ready", "/debug/pprof/cmdline"} {
				status, header, body := ask(t, secure, https+path, test.who)
				if status != test.status || strings.Contains(string(body), "hoop") != (status == 200) {
					t.Errorf("%s: HTTP %d: %.200s", path, status, body)
				}
				want := map[string]string{"X-Frame-Options": "sameorigin", "Strict-Transport-Security": "max-age=3600", "X-Content-Type-Options": "nosniff"}
				if status == 200 {
					want["Referrer-Policy"] = "no-referrer"
				}
				for name, value := range want {
					if got := header.Values(name); len(got) != 1 || got[0] != value {
						t.Errorf("%s: %s is %q, want %q once", path, name, got, value)
					}
				}
			}
		})
	}
	t.Run("without TLS", func(t *testing.T) {
		status, _, body := ask(t, &http.Transport{DisableKeepAlives: true}, url+"/metrics", as("prometheus", "correct horse"))
		if status != 400 || strings.Contains(string(body), "hoop_") {
			t.Errorf("HTTP %d: %.200s", status, body)
		}
	})
}

func (p programs) bait(t *testing.T) {
	var eaten atomic.Int32
	bait := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { eaten.Add(1) }))
	defer bait.Close()
	_, host, _ := strings.Cut(bait.URL, "://")
	var told atomic.Bool
	g := gatewaytest.New(gatewaytest.Config{})
	g.AddHistory(50, time.Now().Add(-time.Hour), time.Now().Add(-time.Minute), gatewaytest.HistoryOptions{})
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(fmt.Sprint(r.URL, r.Host, r.Header), host) {
			told.Store(true)
		}
		g.ServeHTTP(w, r)
	}))
	defer gateway.Close()
	// Each scrape asks the gateway.
	_, url := serve(t, p.exporter, "--hoop.url="+gateway.URL, "--web.listen-address=127.0.0.1:0", "--web.enable-pprof", "--cache.ttl=1ms")
	var plain []byte
	eventually(t, time.Minute, 100*time.Millisecond, func() string {
		if plain = page(t, url+"/metrics"); strings.Contains(string(plain), "\nhoop_exporter_baseline_complete 1\n") {
			return ""
		}
		return "not everything was read back"
	})
	for name, test := range map[string]struct {
		query  string
		change func(*http.Request)
	}{
		"target":       {query: "?target=" + bait.URL},
		"url":          {query: "?url=" + bait.URL + "&hoop.url=" + bait.URL + "&HOOP_URL=" + bait.URL},
		"module":       {query: "?module=" + bait.URL + "&auth=" + bait.URL + "&config=" + bait.URL},
		"host":         {change: func(r *http.Request) { r.Host = host }},
		"forwarded":    {change: func(r *http.Request) { r.Header.Set("X-Forwarded-Host", host) }},
		"as a proxy":   {change: func(r *http.Request) { r.URL.Opaque = bait.URL + "/metrics" }},
		"its referrer": {change: func(r *http.Request) { r.Header.Set("Referer", bait.URL) }},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, body := ask(t, &http.Transport{DisableKeepAlives: true}, url+"/metrics"+test.query, test.change)
			if got, want := names(body), names(plain); status != 200 || got != want {
				t.Errorf("HTTP %d, other metrics: %s", status, body)
			}
			if eaten.Load() > 0 || told.Load() {
				t.Error("the address in the request was asked, or handed on")
			}
		})
	}
}

// names are the hoop metrics of a text answer, without what the exporter counts of itself.
func names(text []byte) string {
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "# TYPE hoop_") {
			out.WriteString(line)
		}
	}
	return out.String()
}
