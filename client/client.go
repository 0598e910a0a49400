// Package client is a Go client for the sessions API of a hoop gateway.
//
// [Client] sends requests and reads answers, [Cursor] plans how to read a window of time page by page, [ErrorLabel] classifies errors.
// The package knows nothing about metrics.
package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// DefaultMaxResponseBytes is the default for [WithMaxResponseBytes]: 64 MiB.
const DefaultMaxResponseBytes = 64 << 20

// APIKeyHeader is the header that carries an API key. Bearer tokens are sent in Authorization.
const APIKeyHeader = "Api-Key"

// Client sends requests to one gateway with one credential, which sees one organization. It is safe for concurrent use. But send only one
// request at a time: a gateway continues to work on a request after the client has canceled it.
type Client struct {
	base      *url.URL
	http      *http.Client
	apiKey    func() (string, error)
	token     func() (string, error)
	maxBytes  int64
	userAgent string
	rotated   rotatedToken
	expiry    atomic.Pointer[time.Time] // of the bearer token that was last sent; nil: none has been
}

// Option configures a [Client] in [New].
type Option func(*Client)

// WithAPIKey sends an API key in [APIKeyHeader], in addition to what the HTTP client sends. key is called at each request, so the key can
// change while the process runs. It must be safe for concurrent use.
func WithAPIKey(key func() (string, error)) Option { return func(c *Client) { c.apiKey = key } }

// WithMaxResponseBytes limits the body of an answer; a larger one is an [ErrTooLarge]. n below 1 is the default.
func WithMaxResponseBytes(n int64) Option {
	return func(c *Client) {
		if n > 0 {
			c.maxBytes = n
		}
	}
}

// WithUserAgent sets the header User-Agent.
func WithUserAgent(ua string) Option { return func(c *Client) { c.userAgent = ua } }

// ResponseInfo is what every answer of a gateway has besides its content.
type ResponseInfo struct {
	// Date is the gateway's clock, in UTC: header Date. It is zero if the header is missing or cannot be read.
	Date time.Time
	// Version is the gateway's version: header Server, hoopgateway/<version>. It is empty if a proxy removed the header.
	Version string
	// Bytes is the size of the body that was read, decompressed.
	Bytes int64
}

// New returns a client for the gateway at baseURL: https://host, https://host/api or, behind a path prefix, https://host/hoop. It
// returns an error for a URL that is not http or https, or that has a credential, a query or a fragment. hc sends the requests and is not
// changed; [HTTPClient] returns one that authenticates. Redirects are followed only within the same scheme and host.
func New(baseURL string, hc *http.Client, opts ...Option) (*Client, error) {
	base, err := parseBase(baseURL)
	if err != nil {
		return nil, err
	}
	if hc == nil {
		hc = &http.Client{}
	}
	own := *hc
	own.CheckRedirect = sameOriginOnly(hc.CheckRedirect)
	c := &Client{base: base, http: &own, maxBytes: DefaultMaxResponseBytes, userAgent: "hoop_exporter"}
	for _, o := range opts {
		o(c)
	}
	return c, nil
}

// parseBase returns the base of the API. Its errors do not repeat the URL, which may contain a password.
func parseBase(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	switch {
	case err != nil:
		return nil, errors.New("gateway URL: cannot be parsed: give one such as https://host/api")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("gateway URL: the scheme must be http or https: give one such as https://host/api")
	case u.User != nil:
		return nil, errors.New("gateway URL: must not contain a user or password: give the credential in a file or in the environment")
	case u.Hostname() == "":
		return nil, errors.New("gateway URL: the host is missing: give one such as https://host/api")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("gateway URL: must not contain a query or fragment: give one such as https://host/api")
	}
	u = u.JoinPath("/")
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	if !strings.HasSuffix(u.Path, "/api") {
		// JoinPath would drop the leading slash of a path that is empty.
		u.Path += "/api"
		if u.RawPath != "" {
			u.RawPath += "/api"
		}
	}
	return u, nil
}

// CloseIdleConnections closes the idle network connections. Call it when the client is no longer used.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// URL returns the base of the API, such as https://host/api. It contains no secret.
func (c *Client) URL() string { return c.base.String() }

// ListSessions requests one page: GET /sessions. A page that contradicts itself, because it has no rows although there are some, is an
// [ErrMalformed].
func (c *Client) ListSessions(ctx context.Context, o ListOptions) (*SessionPage, error) {
	const doing = "list sessions"
	query, err := o.values()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	page := &SessionPage{}
	page.ResponseInfo, err = c.get(ctx, doing, "sessions", query, '{', func(r io.Reader) error {
		return decodePage(r, o.Limit, page)
	})
	if err != nil {
		return nil, err
	}
	if err := o.contradiction(page); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return page, nil
}

// GetSession requests one session, without its input: GET /sessions/{id}. The page has one row. It has none if the gateway does not
// know the id or does not show the session to this credential.
func (c *Client) GetSession(ctx context.Context, id string) (*SessionPage, error) {
	const doing = "get session"
	if id == "" || id == "." || id == ".." {
		return nil, fmt.Errorf("%s: %q is not a session id", doing, id)
	}
	var err error
	page := &SessionPage{}
	// With any unknown value of expand, the gateway leaves out the input and the recorded output.
	query := url.Values{"expand": {"none"}}
	page.ResponseInfo, err = c.get(ctx, doing, "sessions/"+url.PathEscape(id), query, '{', func(r io.Reader) error {
		return decodeSession(r, id, page)
	})
	if status := (*StatusError)(nil); errors.As(err, &status) && status.Code == http.StatusNotFound && status.gateway {
		return &SessionPage{ResponseInfo: status.answer}, nil
	}
	if err != nil {
		return nil, err
	}
	return page, nil
}

// UserInfo requests the user that the credential belongs to: GET /userinfo.
func (c *Client) UserInfo(ctx context.Context) (*UserInfo, ResponseInfo, error) {
	info := &UserInfo{}
	answer, err := c.get(ctx, "get user info", "userinfo", nil, '{', func(r io.Reader) error {
		return decodeUserInfo(r, info)
	})
	if err != nil {
		return nil, answer, err
	}
	return info, answer, nil
}

// get requests a path below the base and passes the body of a successful answer to read, if it starts with opens: '{' or '['. Its errors
// start with doing and contain no secret.
func (c *Client) get(ctx context.Context, doing, path string, query url.Values, opens byte, read func(io.Reader) error) (ResponseInfo, error) {
	sent := &secrets{}
	resp, err := c.send(sent.watch(ctx), path, query)
	if err != nil {
		return ResponseInfo{}, sent.redactError(transportError(doing, err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.Request != nil {
		sent.addAll(resp.Request.Header)
	}
	answer := answerOf(resp.Header)
	answer.Version = sent.redact(answer.Version)
	received := http.MaxBytesReader(nil, resp.Body, c.maxBytes)
	body := &meteredBody{r: newPlainBody(received, resp.Header.Get("Content-Encoding"), c.maxBytes)}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// If the text of the error cannot be read completely, the status is still reported.
		text, _ := io.ReadAll(io.LimitReader(body, 64<<10))
		answer.Bytes = body.bytes
		e := statusError(resp, c.base.EscapedPath()+"/"+path, text, sent)
		e.answer.Bytes = answer.Bytes
		return answer, sent.redactError(fmt.Errorf("%s: %w", doing, e))
	}
	err = expectJSON(opens, body, resp.Header.Get("Content-Type"), read)
	answer.Bytes = body.bytes
	switch {
	case err != nil && body.err != nil:
		// The body broke off: report that, not the decoder's error that follows from it.
		return answer, sent.redactError(transportError(doing, body.err))
	case err != nil:
		return answer, sent.redactError(transportError(doing, asMalformed(err)))
	}
	return answer, nil
}

// newRequest returns a GET request of this API, with the API key if there is one.
func (c *Client) newRequest(ctx context.Context, path string, query url.Values) (*http.Request, error) {
	u := *c.base
	u.RawPath = c.base.EscapedPath() + "/" + path
	var err error
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return nil, err
	}
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	if err != nil {
		return nil, err
	}
	req.URL, req.Host = &u, u.Host
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Cache-Control", "no-cache") // a copy from a cache shows sessions as they were
	req.Header.Set("User-Agent", c.userAgent)
	if c.apiKey == nil {
		return req, nil
	}
	key, err := c.apiKey()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCredential, err)
	}
	if key = strings.TrimSpace(key); !isToken(key) {
		return nil, fmt.Errorf("%w: the API key is empty or contains spaces or control characters", ErrCredential)
	}
	req.Header.Set(APIKeyHeader, key)
	return req, nil
}

// answerOf reads the headers that every answer of a gateway has.
func answerOf(h http.Header) ResponseInfo {
	var a ResponseInfo
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		a.Date = t.UTC()
	}
	if v, ok := strings.CutPrefix(h.Get("Server"), "hoopgateway/"); ok {
		v, _, _ = strings.Cut(strings.TrimSpace(v), " ")
		if v = plainText(v, 64); utf8.ValidString(v) {
			a.Version = v
		}
	}
	return a
}

// meteredBody counts the bytes of a body and keeps the error that broke it off.
type meteredBody struct {
	r     io.Reader
	bytes int64
	err   error
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.bytes += int64(n)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}
