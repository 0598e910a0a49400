package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/config"
)

// An error has a kind for a label, and a sentence that says what was being done and what to do.
func TestErrorsSayWhatFailedAndWhatToDo(t *testing.T) {
	reply := func(code int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	tests := map[string]struct {
		handler http.HandlerFunc
		kind    string
		is      error
		says    string
	}{
		"unauthorized": {reply(401, "application/json", `{"message":"access denied"}`), "unauthorized", ErrUnauthorized, `HTTP 401 from /api/sessions ("access denied"): the credential is missing, wrong or expired`},
		"forbidden":    {reply(403, "application/json", `{"message":"no"}`), "forbidden", ErrForbidden, "use one of an admin or auditor"},
		"forbidden by a firewall": {reply(403, "text/html", "\n<html>blocked</html>"), "status_4xx", nil,
			"HTTP 403 from /api/sessions: a proxy or firewall answered, not the gateway: allow the exporter's requests there"},
		"forbidden by a proxy":    {reply(403, "text/plain", "RBAC: access denied"), "status_4xx", nil, `("RBAC: access denied"): a proxy or firewall answered`},
		"forbidden, no text":      {reply(403, "", ""), "forbidden", ErrForbidden, "use one of an admin or auditor"},
		"forbidden, with a mark":  {reply(403, "application/json", byteOrderMark+`{"message":"no"}`), "forbidden", ErrForbidden, `("no")`},
		"a login page of a proxy": {reply(401, "text/html", "<html>"), "unauthorized", ErrUnauthorized, "a proxy or firewall answered"},
		"a proxy's credential":    {reply(407, "text/html", "<html>"), "proxy", ErrProxy, "HTTP 407 from /api/sessions: the proxy requires a user and a password"},
		"brotli":                  {compressed("br", []byte("\x1b\x00")), "not_json", ErrCompressed, `that was not requested: configure any proxy in between not to change it (Content-Encoding is "br")`},
		"broken gzip":             {compressed("gzip", zipped(emptyPage)[:12]), "connection", io.ErrUnexpectedEOF, "the connection to the gateway failed"},
		"gzip that is not":        {compressed("gzip", append([]byte("\x1f\x8b\x07"), zipped(emptyPage)[3:]...)), "not_json", ErrCompressed, "gzip: invalid header"},
		"gzip that grows":         {compressed("gzip", zipped(strings.Repeat(" ", 1<<20)+emptyPage)), "too_large", ErrTooLarge, "raise the limit"},
		"trouble in brotli":       {compressedStatus(503, "br", []byte("\x1b\x00")), "status_5xx", nil, "HTTP 503 from /api/sessions: "},
		"trouble in gzip":         {compressedStatus(503, "gzip", zipped(`{"message":"wait"}`)), "status_5xx", nil, `HTTP 503 from /api/sessions ("wait")`},
		"not found":               {reply(404, "text/html", `<html>`), "status_4xx", nil, "is the base path right?"},
		"too many":                {reply(429, "text/plain", "slow down"), "status_4xx", nil, `("slow down"): too many requests`},
		"unprocessable":           {reply(422, "application/json", `{"message":"bad date"}`), "status_4xx", nil, "bad date"},
		"gateway trouble":         {reply(500, "application/json", `{"message":"pq: timeout"}`), "status_5xx", nil, "pq: timeout"},
		"bad gateway":             {reply(502, "text/html", `<html>nginx</html>`), "status_5xx", nil, "HTTP 502 from /api/sessions: the gateway or a proxy in front of it failed"},
		"a message of no text":    {reply(500, "application/json", `{"message":{"code":7}}`), "status_5xx", nil, "7"},
		"not modified":            {reply(304, "", ""), "redirect", ErrRedirect, "HTTP 304 from /api/sessions: a cache in between answered, not the gateway"},
		"the web page":            {reply(200, "text/html", "\n <!DOCTYPE html>"), "not_json", ErrNotJSON, "is the base path right? expected https://host/api"},
		"html called json":        {reply(200, "application/json", "<html>"), "not_json", ErrNotJSON, "base path"},
		"garbage":                 {reply(200, "application/json", "\x00\x01\x02"), "not_json", ErrNotJSON, "base path"},
		"nothing":                 {reply(200, "application/json", ""), "not_json", ErrNotJSON, "it is empty"},
		"no content":              {reply(204, "", ""), "not_json", ErrNotJSON, "it is empty"},
		"a list":                  {reply(200, "application/json", "[]"), "malformed", ErrMalformed, "not a JSON object"},
		"another API":             {reply(200, "application/json", `{"status":"ok"}`), "malformed", ErrMalformed, "it has no data"},
		"half a page":             {reply(200, "application/json", `{"data":[`+aRow()+`,{"id":"s`), "malformed", ErrMalformed, "unexpected EOF"},
		"too large":               {reply(200, "application/json", `{"data":[`+strings.Repeat(aRow()+",", 100)+`]}`), "too_large", ErrTooLarge, "raise the limit"},
		"too large in one text":   {reply(200, "application/json", `{"x":"`+strings.Repeat("a", 5000)), "too_large", ErrTooLarge, "raise the limit"},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"data":[`+aRow())
		}, "connection", io.ErrUnexpectedEOF, "the connection to the gateway failed"},
		"broken off before the body": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "connection", nil, "the connection to the gateway failed"},
		"reset": {func(w http.ResponseWriter, _ *http.Request) {
			panic(http.ErrAbortHandler)
		}, "connection", nil, "the connection to the gateway failed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := serve(t, tt.handler, WithMaxResponseBytes(4000))
			p, err := c.ListSessions(context.Background(), ListOptions{Filters: Filters{User: "somebody@example.com"}})
			if p != nil || err == nil {
				t.Fatalf("page %+v, error %v", p, err)
			}
			checkError(t, err, tt.kind, tt.is, tt.says)
		})
	}
}

func checkError(t *testing.T, err error, kind string, is error, says string) {
	t.Helper()
	if got := ErrorLabel(err); got != kind {
		t.Errorf("kind %q, want %q of %v", got, kind, err)
	}
	if is != nil && !errors.Is(err, is) {
		t.Errorf("%v is not %v", err, is)
	}
	text := err.Error()
	if !strings.HasPrefix(text, "list sessions: ") || !strings.Contains(text, says) {
		t.Errorf("error %q does not say %q", text, says)
	}
	if len(text) > 600 || strings.ContainsAny(text, "\n\r\x00") || strings.Contains(text, "somebody") {
		t.Errorf("error %q is not one short line", text)
	}
}

// A proxy that refuses CONNECT for lack of a credential is named.
func TestAProxyThatWantsACredentialIsNamed(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
	defer proxy.Close()
	to, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	hc := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(to)}}
	defer hc.CloseIdleConnections()
	for _, scheme := range []string{"http", "https"} {
		c, err := New(scheme+"://gateway.invalid", hc)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.ListSessions(context.Background(), ListOptions{})
		checkError(t, err, "proxy", ErrProxy, "set them in proxy_url")
	}
}

func TestLimitOfBytesIsExact(t *testing.T) {
	for limit, fits := range map[int64]bool{int64(len(emptyPage)): true, int64(len(emptyPage)) - 1: false} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, emptyPage) }, WithMaxResponseBytes(limit))
		if _, err := c.ListSessions(context.Background(), ListOptions{}); (err == nil) != fits || (err != nil && !errors.Is(err, ErrTooLarge)) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

func TestStatusErrorsCarryMessageAndRetryAfter(t *testing.T) {
	long := strings.Repeat("ä", 300)
	tests := map[string]struct {
		retryAfter, body string
		want             StatusError
	}{
		"nothing said":     {"", ``, StatusError{}},
		"seconds":          {"120", `{"message":"wait"}`, StatusError{Message: "wait", RetryAfter: 2 * time.Minute}},
		"a date":           {"Sat, 01 Aug 2026 10:00:30 GMT", `{"message":""}`, StatusError{RetryAfter: 30 * time.Second}},
		"a date gone by":   {"Sat, 01 Aug 2026 09:00:30 GMT", `[]`, StatusError{Message: "[]"}},
		"for ever":         {"99999999999999999", `{}`, StatusError{RetryAfter: 24 * time.Hour}},
		"nonsense":         {"-5", `{"message":null}`, StatusError{}},
		"long":             {"", `{"message":"` + long + `"}`, StatusError{Message: long[:400]}},
		"control letters":  {"", `{"message":"a\u0000b\r\nc\u001b[31m\u202e"}`, StatusError{Message: "a b c [31m"}},
		"broken encoding":  {"", "{\"message\":\"a\xff\"}", StatusError{Message: "a\uFFFD"}},
		"the bearer token": {"", `{"message":"bad header Bearer secret-1"}`, StatusError{Message: "bad header Bearer <redacted>"}},
		"the API key":      {"", `{"message":"no key org|secret-2"}`, StatusError{Message: "no key <redacted>"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", "Sat, 01 Aug 2026 10:00:00 GMT")
				w.Header().Set("Retry-After", tt.retryAfter)
				answer(w, 503, tt.body)
			}))
			defer srv.Close()
			c := authenticated(t, srv.URL, config.HTTPClientConfig{BearerToken: "secret-1"}, WithAPIKey(func() (string, error) { return "org|secret-2", nil }))
			_, err := c.ListSessions(context.Background(), ListOptions{})
			var got *StatusError
			if !errors.As(err, &got) {
				t.Fatal(err)
			}
			if got.Code != 503 || got.Path != "/api/sessions" || got.Message != tt.want.Message || got.RetryAfter != tt.want.RetryAfter {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error contains a secret: %v", err)
			}
		})
	}
}

// A missing or incomplete answer is a timeout. A canceled request is not.
func TestWhichStatusRefusesForGood(t *testing.T) {
	for code, want := range map[int]bool{400: false, 401: false, 403: true, 404: true, 405: true, 407: false, 429: false, 500: false, 503: false} {
		if e := (&StatusError{Code: code}); e.Refused() != want {
			t.Errorf("%d: %v, want %v", code, e.Refused(), want)
		}
	}
}

func TestAnAnswerThatDoesNotEndIsATimeout(t *testing.T) {
	untilDone := transport(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	halfABody := transport(func(r *http.Request) (*http.Response, error) {
		body := io.MultiReader(strings.NewReader(`{"data":[`), readUntil{r.Context()})
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(body), Request: r}, nil
	})
	for name, rt := range map[string]http.RoundTripper{"no answer": untilDone, "half an answer": halfABody} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := New("http://gateway", &http.Client{Transport: rt})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				_, err = c.ListSessions(ctx, ListOptions{})
				checkError(t, err, "timeout", ErrTimeout, "allow more time")
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v is not context.DeadlineExceeded", err)
				}

				ctx, cancel = context.WithCancel(context.Background())
				time.AfterFunc(time.Minute, cancel)
				_, err = c.ListSessions(ctx, ListOptions{})
				checkError(t, err, "canceled", context.Canceled, "")
				if errors.Is(err, ErrTimeout) {
					t.Errorf("%v is called a timeout", err)
				}

				c, err = New("http://gateway", &http.Client{Transport: rt, Timeout: time.Second})
				if err != nil {
					t.Fatal(err)
				}
				_, err = c.ListSessions(context.Background(), ListOptions{})
				checkError(t, err, "timeout", ErrTimeout, "allow more time")
			})
		})
	}
}

// readUntil blocks until its context is done.
type readUntil struct{ ctx context.Context }

func (r readUntil) Read([]byte) (int, error) {
	<-r.ctx.Done()
	return 0, r.ctx.Err()
}

func TestTLSAndConnectionErrorsAreDistinguished(t *testing.T) {
	quiet := func(srv *httptest.Server) *httptest.Server {
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		t.Cleanup(srv.Close)
		return srv
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, emptyPage) })
	plain := quiet(httptest.NewServer(handler))
	secure := quiet(httptest.NewTLSServer(handler))
	picky := quiet(httptest.NewUnstartedServer(handler))
	picky.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	picky.StartTLS()
	gone := httptest.NewServer(handler)
	gone.Close()

	tests := map[string]struct {
		url  string
		hc   *http.Client
		kind string
		is   error
		says string
	}{
		"unknown authority":         {secure.URL, nil, "tls", ErrTLS, "check https or http in the URL, the CA"},
		"another host's":            {strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), secure.Client(), "tls", ErrTLS, "certificate"},
		"a client certificate":      {picky.URL, picky.Client(), "tls", ErrTLS, "client certificate"},
		"https to an http port":     {strings.Replace(plain.URL, "http:", "https:", 1), nil, "tls", ErrTLS, "HTTP response to HTTPS client"},
		"http to an https port":     {strings.Replace(secure.URL, "https:", "http:", 1), nil, "status_4xx", nil, "HTTPS server"},
		"nobody listens":            {gone.URL, nil, "connection", nil, "check the URL, the network"},
		"a name that is not known":  {"http://gateway.invalid", nil, "connection", nil, "gateway.invalid"},
		"a host whose name is tls:": {"http://tls.invalid", nil, "connection", nil, "tls.invalid"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			hc := tt.hc
			if hc == nil {
				hc = &http.Client{Transport: &http.Transport{}}
			}
			defer hc.CloseIdleConnections()
			c, err := New(tt.url, hc)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.ListSessions(context.Background(), ListOptions{Filters: Filters{User: "somebody@example.com"}})
			checkError(t, err, tt.kind, tt.is, tt.says)
		})
	}
}

func TestCredentialErrorsAreAKindOfTheirOwn(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "token")
	idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 401, `{"error":"invalid_client"}`)
	}))
	defer idp.Close()
	oauth := &config.OAuth2{ClientID: "exporter", ClientSecret: "hunter2", TokenURL: idp.URL}
	empty := func() (string, error) { return "\n", nil }
	tests := map[string]struct {
		cfg  config.HTTPClientConfig
		opts []Option
		is   error
		says string
	}{
		"token file missing": {config.HTTPClientConfig{BearerTokenFile: missing}, nil, fs.ErrNotExist, missing},
		"OAuth 2 refused":    {config.HTTPClientConfig{OAuth2: oauth}, nil, ErrCredential, "invalid_client"},
		"API key unreadable": {config.HTTPClientConfig{}, []Option{WithAPIKey(func() (string, error) {
			_, err := os.ReadFile(missing)
			return "", err
		})}, fs.ErrNotExist, missing},
		"API key empty": {config.HTTPClientConfig{}, []Option{WithAPIKey(empty)}, ErrCredential, "empty"},
		"API key of two lines": {config.HTTPClientConfig{}, []Option{WithAPIKey(func() (string, error) {
			return "hunter2\nhunter3", nil
		})}, ErrCredential, "control characters"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was sent") }))
			defer srv.Close()
			c := authenticated(t, srv.URL, tt.cfg, tt.opts...)
			_, err := c.ListSessions(context.Background(), ListOptions{})
			checkError(t, err, "credential", tt.is, tt.says)
			if !errors.Is(err, ErrCredential) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestEveryErrorHasAKind(t *testing.T) {
	for want, err := range map[string]error{
		"":             nil,
		"other":        errors.New("from elsewhere"),
		"timeout":      fmt.Errorf("wait: %w", context.DeadlineExceeded),
		"canceled":     fmt.Errorf("wait: %w", context.Canceled),
		"status_5xx":   &StatusError{Code: 599},
		"status_4xx":   &StatusError{Code: 404},
		"unauthorized": fmt.Errorf("list: %w", &StatusError{Code: 401}),
		"redirect":     &StatusError{Code: 308},
	} {
		if got := ErrorLabel(err); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}

// A summary is for pages that anyone may open.
func TestASummaryRepeatsNothingFromOutside(t *testing.T) {
	for want, err := range map[string]error{
		"": errors.New("alice from elsewhere"),
		"HTTP 401: the credential is missing, wrong or expired: create a new one": fmt.Errorf("list: %w", &StatusError{Code: 401, Message: "alice: gone", Path: "/alice: /x"}),
		"HTTP 599: the gateway or a proxy in front of it failed: see their logs":  &StatusError{Code: 599, Path: "/api/sessions/alice"},
		ErrTimeout.Error():                              transportError("list alice", context.DeadlineExceeded),
		ErrCredential.Error():                           fmt.Errorf("list: %w: open /home/alice/token", ErrCredential),
		ErrMalformed.Error():                            &requestError{"list", ErrMalformed, errors.New("alice")},
		errConnection.Error() + " (connection refused)": transportError("list", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}),
	} {
		if got := Summary(err); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
	if got := Summary(nil); got != "" {
		t.Errorf("for no error it is %q", got)
	}
}

func TestPlainTextIsOneShortPrintableLine(t *testing.T) {
	for s, want := range map[string]string{
		"":                               "",
		"one line":                       "one line",
		"two\r\n lines\t":                "two lines",
		"\x1b[31mred\x1b[0m\u200b\u2028": "[31mred [0m",
		strings.Repeat("ä", 1000):        strings.Repeat("ä", 12),
		"ä\xffö":                         "ä\uFFFDö",
	} {
		if got := plainText(s, 12); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}
