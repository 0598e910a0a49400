package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
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
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

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

// With a web configuration, only the right user with the right password sees anything, over TLS.
func TestPagesAreShownOnlyAfterALoginOverTLS(t *testing.T) {
	p := built(t)
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
	_, url := serve(t, p.Exporter, "--hoop.url="+gateway, "--web.listen-address=127.0.0.1:0", "--web.enable-pprof", "--web.config.file="+filepath.Join(dir, "web.yml"))
	pool := x509.NewCertPool()
	pool.AddCert(own.Certificate())
	secure := &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	https := strings.Replace(url, "http://", "https://", 1)
	as := func(user, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	for _, test := range []struct {
		name   string
		login  func(*http.Request)
		status int
	}{
		{"the right password", as("prometheus", "correct horse"), 200},
		{"a wrong password", as("prometheus", "wrong horse"), 401},
		{"no password", as("prometheus", ""), 401},
		{"another user", as("grafana", "correct horse"), 401},
		{"no user", nil, 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, path := range []string{"/metrics", "/", "/-/ready", "/debug/pprof/cmdline"} {
				status, header, body := send(t, secure, https+path, test.login)
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
		status, _, body := send(t, &http.Transport{DisableKeepAlives: true}, url+"/metrics", as("prometheus", "correct horse"))
		if status != 400 || strings.Contains(string(body), "hoop_") {
			t.Errorf("HTTP %d: %.200s", status, body)
		}
	})
}

// Whatever address a request names, nothing is fetched from there, nor passed on to the gateway.
func TestNoAddressInARequestIsFetched(t *testing.T) {
	t.Parallel()
	p := built(t)
	var fetched atomic.Int32
	bait := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched.Add(1) }))
	defer bait.Close()
	_, host, _ := strings.Cut(bait.URL, "://")
	var passedOn atomic.Bool
	g := gatewaytest.New(gatewaytest.Config{})
	g.AddHistory(50, time.Now().Add(-time.Hour), time.Now().Add(-time.Minute), gatewaytest.HistoryOptions{})
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(fmt.Sprint(r.URL, r.Host, r.Header), host) {
			passedOn.Store(true)
		}
		g.ServeHTTP(w, r)
	}))
	defer gateway.Close()
	// Each scrape queries the gateway.
	_, url := serve(t, p.Exporter, "--hoop.url="+gateway.URL, "--web.listen-address=127.0.0.1:0", "--web.enable-pprof", "--cache.ttl=1ms")
	var plain []byte
	collectortest.Eventually(t, time.Minute, 100*time.Millisecond, func() string {
		if plain = page(t, url+"/metrics"); strings.Contains(string(plain), "\nhoop_exporter_baseline_complete 1\n") {
			return ""
		}
		return "not everything was read"
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
			status, _, body := send(t, &http.Transport{DisableKeepAlives: true}, url+"/metrics"+test.query, test.change)
			if got, want := names(body), names(plain); status != 200 || got != want {
				t.Errorf("HTTP %d, other metrics: %s", status, body)
			}
			if fetched.Load() > 0 || passedOn.Load() {
				t.Error("the address in the request got a request, or was passed on")
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

// page is what a page shows, whatever its status, and unpacked.
func page(t *testing.T, url string) []byte {
	t.Helper()
	status, _, body := send(t, &http.Transport{DisableKeepAlives: true}, url, nil)
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

// send makes a request, changed as wanted.
func send(t *testing.T, transport http.RoundTripper, url string, change func(*http.Request)) (status int, header http.Header, body []byte) {
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
