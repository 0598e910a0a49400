package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/common/config"
)

// authenticated returns a client with an HTTP client of the configuration.
func authenticated(t *testing.T, url string, cfg config.HTTPClientConfig, opts ...Option) *Client {
	t.Helper()
	hc, err := HTTPClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hc.CloseIdleConnections)
	c, err := New(url, hc, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tokenGateway accepts the tokens that a test sets, records what it receives, and sends new tokens.
type tokenGateway struct {
	mu      sync.Mutex
	takes   []string
	handOut string
	code    int // of an answer to a good token
	sent    []string
}

func (g *tokenGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	sent := r.Header.Get("Authorization")
	g.sent = append(g.sent, sent)
	if g.handOut != "" {
		w.Header().Set("X-New-Access-Token", g.handOut)
	}
	if !slices.Contains(g.takes, strings.TrimPrefix(sent, "Bearer ")) {
		answer(w, 401, `{"message":"access denied"}`)
		return
	}
	if g.code != 0 {
		answer(w, g.code, `{"message":"trouble"}`)
		return
	}
	answer(w, 200, emptyPage)
}

// sees returns what was received since its last call.
func (g *tokenGateway) sees() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := strings.Join(g.sent, ", ")
	g.sent = nil
	return s
}

func writeToken(t *testing.T, file, token string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A token is read from its file at each request, replaced by the one that the gateway sends, and dropped when the gateway refuses it.
func TestATokenIsReadReplacedAndDropped(t *testing.T) {
	g := &tokenGateway{takes: []string{"file-1"}}
	srv := httptest.NewServer(g)
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "token")
	c := authenticated(t, srv.URL, config.HTTPClientConfig{BearerTokenFile: file})
	bodies := watchBodies(c)
	list := func(wantKind, wantSent string) {
		t.Helper()
		if _, err := c.ListSessions(context.Background(), ListOptions{}); ErrorLabel(err) != wantKind {
			t.Fatalf("error %v, want kind %q", err, wantKind)
		}
		if sent := g.sees(); sent != wantSent {
			t.Fatalf("sent %q, want %q", sent, wantSent)
		}
	}

	writeToken(t, file, "file-1")
	list("", "Bearer file-1")
	writeToken(t, file, "file-2")
	list("unauthorized", "Bearer file-2") // the file is read again; a 401 to the configured token is not repeated
	g.takes = []string{"file-2"}
	list("", "Bearer file-2")

	g.handOut = "new-1"
	list("", "Bearer file-2")
	g.handOut, g.takes = "", []string{"new-1"}
	list("", "Bearer new-1") // the one handed out from then on
	list("", "Bearer new-1")
	g.handOut = "new-2"
	list("", "Bearer new-1")
	g.handOut, g.takes = "", []string{"new-2"}
	list("", "Bearer new-2")

	g.takes = nil
	list("unauthorized", "Bearer new-2, Bearer file-2") // both are refused: a moment's trouble, maybe
	g.takes = []string{"new-2"}
	list("", "Bearer new-2")

	writeToken(t, file, "file-3")
	g.takes = []string{"file-3"}
	list("", "Bearer new-2, Bearer file-3") // the configured one does better, so the other is dropped
	list("", "Bearer file-3")

	g.handOut, g.code = "new-3", 500
	list("status_5xx", "Bearer file-3") // an error hands out nothing
	g.handOut, g.code = "", 0
	list("", "Bearer file-3")
	bodies.wantAllReadToTheEnd(t)

	r := rotatedToken{}
	r.set("newer", "")
	r.drop("older") // its refusal comes late
	if got := r.get(""); got != "newer" {
		t.Errorf("%q is left", got)
	}
}

// Many goroutines send requests while tokens change, for the race detector.
func TestATokenMayChangeWhileManyUseIt(t *testing.T) {
	g := &tokenGateway{takes: []string{"file", "new"}, handOut: "new"}
	srv := httptest.NewServer(g)
	defer srv.Close()
	c := authenticated(t, srv.URL, config.HTTPClientConfig{BearerToken: "file"})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				g.mu.Lock()
				g.takes = []string{"file", "new"}[:1+(i+j)%2]
				g.mu.Unlock()
				if _, err := c.ListSessions(context.Background(), ListOptions{}); err != nil && !errors.Is(err, ErrUnauthorized) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// A new token is accepted only from the gateway itself, in answer to a bearer token.
func TestANewTokenIsTakenOnlyFromWhereItBelongs(t *testing.T) {
	t.Run("without a bearer token", func(t *testing.T) {
		g := &tokenGateway{takes: []string{""}, handOut: "new"}
		srv := httptest.NewServer(g)
		defer srv.Close()
		c := authenticated(t, srv.URL, config.HTTPClientConfig{}, WithAPIKey(func() (string, error) { return "key", nil }))
		for range 2 {
			if _, err := c.ListSessions(context.Background(), ListOptions{}); err != nil {
				t.Fatal(err)
			}
			if sent := g.sees(); sent != "" {
				t.Errorf("sent %q", sent)
			}
		}
	})
	t.Run("with basic authentication", func(t *testing.T) {
		var sent []string
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent = append(sent, r.Header.Get("Authorization"))
			w.Header().Set("X-New-Access-Token", "new")
			answer(w, 200, emptyPage)
		}))
		defer srv.Close()
		c := authenticated(t, srv.URL, config.HTTPClientConfig{BasicAuth: &config.BasicAuth{Username: "u", Password: "p"}})
		for range 2 {
			if _, err := c.ListSessions(context.Background(), ListOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if len(sent) != 2 || sent[0] != sent[1] || !strings.HasPrefix(sent[0], "Basic ") {
			t.Errorf("sent %q", sent)
		}
	})
	for name, token := range map[string]string{"with a space": "new token", "of another alphabet": "tökén", "endless": strings.Repeat("x", 17<<10)} {
		t.Run(name, func(t *testing.T) {
			g := &tokenGateway{takes: []string{"file"}, handOut: token}
			srv := httptest.NewServer(g)
			defer srv.Close()
			c := authenticated(t, srv.URL, config.HTTPClientConfig{BearerToken: "file"})
			for range 2 {
				if _, err := c.ListSessions(context.Background(), ListOptions{}); err != nil {
					t.Fatal(err)
				}
				if sent := g.sees(); sent != "Bearer file" {
					t.Errorf("sent %.40q", sent)
				}
			}
		})
	}
}

// Without the request that was sent, a new token is not accepted.
func TestANewTokenWithoutItsRequestIsIgnored(t *testing.T) {
	code := 200
	c, err := New("http://gateway", &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		if v := r.Header.Get("Authorization"); v != "" {
			t.Errorf("sent %q", v)
		}
		return &http.Response{StatusCode: code, Header: http.Header{"X-New-Access-Token": {"new"}}, Body: io.NopCloser(strings.NewReader(emptyPage))}, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	for _, code = range []int{200, 401, 200} {
		if _, err := c.ListSessions(context.Background(), ListOptions{}); (err == nil) != (code == 200) {
			t.Errorf("status %d: %v", code, err)
		}
	}
}

// A transport may replace the rotated token, as OAuth 2 does, and an API key is sent without a token. Then a 401 says nothing about the
// rotated token, and the request is not repeated.
func TestUnauthorizedIsNotRepeated(t *testing.T) {
	for name, authorization := range map[string]string{"a token of its own": "Bearer other", "an API key": ""} {
		t.Run(name, func(t *testing.T) {
			codes := []int{200, 401}
			c, err := New("http://gateway", &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				r.Header.Set("Authorization", authorization)
				if len(codes) == 0 {
					t.Fatal("it made another request")
				}
				code := codes[0]
				codes = codes[1:]
				return &http.Response{
					StatusCode: code, Request: r, Header: http.Header{"X-New-Access-Token": {"new"}}, Body: io.NopCloser(strings.NewReader(emptyPage)),
				}, nil
			})})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.ListSessions(context.Background(), ListOptions{}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.ListSessions(context.Background(), ListOptions{}); !errors.Is(err, ErrUnauthorized) || len(codes) > 0 {
				t.Errorf("error %v, %d answers left", err, len(codes))
			}
		})
	}
}

func TestOriginsAreComparedBySchemeHostAndPort(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"http://a/x", "http://A:80/y", true},
		{"https://a/x", "https://a:443/", true},
		{"https://a/x", "https://a:80/", false},
		{"https://a", "http://a", false},
		{"http://a", "http://a.b", false},
		{"http://[::1]:8009", "http://[::1]:8009/x", true},
	} {
		a, errA := url.Parse(tt.a)
		b, errB := url.Parse(tt.b)
		if errA != nil || errB != nil || sameOrigin(a, b) != tt.want || sameOrigin(b, a) != tt.want {
			t.Errorf("%s and %s: want %v, %v, %v", tt.a, tt.b, tt.want, errA, errB)
		}
	}
}

// A redirect within the gateway is followed. Nothing is sent to another origin.
func TestRedirectsAreFollowedOnlyWithinTheGateway(t *testing.T) {
	var stolen []string
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stolen = append(stolen, fmt.Sprint(r.Header))
		answer(w, 200, emptyPage)
	}))
	defer thief.Close()
	var to string
	var sent http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v2/sessions" {
			sent = r.Header
			answer(w, 200, emptyPage)
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	}))
	defer srv.Close()
	key := WithAPIKey(func() (string, error) { return "hunter2", nil })
	follow := config.HTTPClientConfig{BearerToken: "hunter2", FollowRedirects: true}
	c := authenticated(t, srv.URL, follow, key)

	to = "/api/v2/sessions"
	if _, err := c.ListSessions(context.Background(), ListOptions{}); err != nil {
		t.Fatal(err)
	}
	if sent.Get("Authorization") != "Bearer hunter2" || sent.Get("Api-Key") != "hunter2" {
		t.Errorf("after a redirect within the gateway it was sent %v", sent)
	}

	host, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"another port":         thief.URL + "/login?state=hunter2",
		"another name":         "http://localhost:" + host.Port() + "/api/v2/sessions",
		"another scheme":       "https://" + host.Host + "/api/v2/sessions",
		"a name that looks so": "http://" + host.Hostname() + ".example.com/",
		"round in circles":     "/api/again",
		"nowhere":              "http://[::1/login?state=hunter2",
	} {
		to = target
		_, err := c.ListSessions(context.Background(), ListOptions{Filters: Filters{User: "somebody@example.com"}})
		checkError(t, err, "redirect", ErrRedirect, "gateway's own URL")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error contains a secret: %v", name, err)
		}
	}
	if len(stolen) > 0 {
		t.Errorf("a request was sent to another origin: %v", stolen)
	}

	to = "/api/v2/sessions"
	follow.FollowRedirects = false
	_, err = authenticated(t, srv.URL, follow, key).ListSessions(context.Background(), ListOptions{})
	checkError(t, err, "redirect", ErrRedirect, "HTTP 302")

	hc := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("never") }}
	defer hc.CloseIdleConnections()
	own, err := New(srv.URL, hc)
	if err != nil {
		t.Fatal(err)
	}
	_, err = own.ListSessions(context.Background(), ListOptions{})
	checkError(t, err, "redirect", ErrRedirect, "never")
}

func TestHTTPClientRefusesWhatCannotWork(t *testing.T) {
	for name, cfg := range map[string]config.HTTPClientConfig{
		"two credentials":    {BearerToken: "hunter2", BearerTokenFile: "hunter2"},
		"a CA that is not":   {TLSConfig: config.TLSConfig{CA: "hunter2"}},
		"a CA file not here": {TLSConfig: config.TLSConfig{CAFile: filepath.Join(t.TempDir(), "ca.pem")}},
	} {
		_, err := HTTPClient(cfg)
		if err == nil || !strings.HasPrefix(err.Error(), "HTTP client configuration: ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// Extra headers and TLS of the configuration are used.
func TestHTTPClientSendsItsHeadersOverTLS(t *testing.T) {
	var sent http.Header
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header
		answer(w, 200, emptyPage)
	}))
	defer srv.Close()
	c := authenticated(t, srv.URL, config.HTTPClientConfig{
		BearerToken: "token",
		TLSConfig:   config.TLSConfig{InsecureSkipVerify: true},
		HTTPHeaders: &config.Headers{Headers: map[string]config.Header{"X-Team": {Values: []string{"platform"}}}},
	})
	if _, err := c.ListSessions(context.Background(), ListOptions{}); err != nil {
		t.Fatal(err)
	}
	if sent.Get("X-Team") != "platform" || sent.Get("Authorization") != "Bearer token" {
		t.Errorf("sent %v", sent)
	}
}
