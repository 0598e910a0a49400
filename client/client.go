package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// DefaultMaxResponseBytes bounds an answer where [WithMaxResponseBytes] does not say otherwise: 64 MiB.
const DefaultMaxResponseBytes = 64 << 20

// Client asks one gateway with one credential, which sees one organisation. It is safe for concurrent use, but a
// gateway should be asked one thing at a time: it does not cancel the work of a request that was given up.
type Client struct {
	base      *url.URL
	http      *http.Client
	apiKey    func() (string, error)
	maxBytes  int64
	userAgent string
	rotated   rotation
}

// Option changes a [Client] while it is made.
type Option func(*Client)

// WithAPIKey sends a key in the header Api-Key, beside whatever the HTTP client sends. It is asked at each request, so
// that a key can change while the process runs, and must be safe for concurrent use.
func WithAPIKey(key func() (string, error)) Option { return func(c *Client) { c.apiKey = key } }

// WithMaxResponseBytes bounds the body of an answer; what is larger is an [ErrTooLarge]. n below 1 means the default.
func WithMaxResponseBytes(n int64) Option {
	return func(c *Client) {
		if n > 0 {
			c.maxBytes = n
		}
	}
}

// WithUserAgent sets the header User-Agent.
func WithUserAgent(ua string) Option { return func(c *Client) { c.userAgent = ua } }

// Answer is what every answer of a gateway tells besides its content.
type Answer struct {
	// Date is the gateway's clock, in UTC: header Date. Zero where it is absent or cannot be read.
	Date time.Time
	// Version is the gateway's version: header Server, hoopgateway/<version>. Empty where a proxy stripped it.
	Version string
	// Bytes is the size of the body as it was read.
	Bytes int64
}

// New makes a client for the gateway at baseURL: https://host, https://host/api or, behind a path prefix,
// https://host/hoop. A credential in the URL is refused, and so is a query. hc sends the requests and is not changed;
// see [HTTPClient] for one that authenticates. Redirects are followed only within the same scheme and host.
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

// parseBase gives the base of the API. Its errors do not repeat the URL, which may hold a password.
func parseBase(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	switch {
	case err != nil:
		return nil, errors.New("gateway URL: cannot be parsed: give one such as https://host/api")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("gateway URL: the scheme must be http or https: give one such as https://host/api")
	case u.User != nil:
		return nil, errors.New("gateway URL: must not hold a user or password: give the credential by file or environment")
	case u.Hostname() == "":
		return nil, errors.New("gateway URL: the host is missing: give one such as https://host/api")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("gateway URL: must not hold a query or fragment: give one such as https://host/api")
	}
	u = u.JoinPath("/")
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	if !strings.HasSuffix(u.Path, "/api") {
		// JoinPath would make a path without its first slash where there was none at all.
		u.Path += "/api"
		if u.RawPath != "" {
			u.RawPath += "/api"
		}
	}
	return u, nil
}

// CloseIdleConnections closes the connections on which nothing is asked, for a client that is not used any more.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// URL is the base of the API, such as https://host/api. It holds no secret.
func (c *Client) URL() string { return c.base.String() }

// ListSessions asks for one page: GET /sessions.
func (c *Client) ListSessions(ctx context.Context, o ListOptions) (*SessionPage, error) {
	const doing = "list sessions"
	query, err := o.values()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	page := &SessionPage{}
	page.Answer, err = c.get(ctx, doing, "sessions", query, func(r io.Reader) error {
		return decodePage(r, o, page)
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// GetSession asks for one session, without its input: GET /sessions/{id}. The page has one row, or none where the
// gateway does not know the id or does not show it to this credential.
func (c *Client) GetSession(ctx context.Context, id string) (*SessionPage, error) {
	const doing = "get session"
	if id == "" || id == "." || id == ".." {
		return nil, fmt.Errorf("%s: %q is no session id", doing, id)
	}
	var err error
	page := &SessionPage{}
	// Any value of expand that the gateway does not know leaves the input and the recorded output out.
	query := url.Values{"expand": {"none"}}
	page.Answer, err = c.get(ctx, doing, "sessions/"+url.PathEscape(id), query, func(r io.Reader) error {
		return decodeSession(r, id, page)
	})
	if status := (*StatusError)(nil); errors.As(err, &status) && status.Code == http.StatusNotFound && status.gateway {
		return &SessionPage{Answer: status.answer}, nil
	}
	if err != nil {
		return nil, err
	}
	return page, nil
}

// UserInfo asks who the credential is: GET /userinfo.
func (c *Client) UserInfo(ctx context.Context) (*UserInfo, Answer, error) {
	info := &UserInfo{}
	answer, err := c.get(ctx, "get user info", "userinfo", nil, func(r io.Reader) error {
		if err := decodeWhole(json.NewDecoder(&window{r: r}), info); err != nil {
			return err
		}
		if info.ID == "" && info.Role == "" {
			return malformed("there is neither an id nor a role")
		}
		return nil
	})
	if err != nil {
		return nil, answer, err
	}
	return info, answer, nil
}

// get asks for a path below the base and has read take the body of a good answer. All its errors say what was done.
func (c *Client) get(ctx context.Context, doing, path string, query url.Values, read func(io.Reader) error) (Answer, error) {
	sent := &secrets{}
	resp, err := c.send(sent.watch(ctx), path, query)
	if err != nil {
		return Answer{}, sent.redactError(transportError(doing, err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.Request != nil {
		sent.addAll(resp.Request.Header)
	}
	answer := answerOf(resp.Header)
	answer.Version = sent.redact(answer.Version)
	body := &meteredBody{r: http.MaxBytesReader(nil, resp.Body, c.maxBytes)}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// What cannot be read of an error's text is not worth another error.
		text, _ := io.ReadAll(io.LimitReader(body, 64<<10))
		answer.Bytes = body.bytes
		e := statusError(resp, c.base.EscapedPath()+"/"+path, text, sent)
		e.answer.Bytes = answer.Bytes
		return answer, sent.redactError(fmt.Errorf("%s: %w", doing, e))
	}
	err = expectObject(body, resp.Header.Get("Content-Type"), read)
	answer.Bytes = body.bytes
	switch {
	case err != nil && body.err != nil:
		// The body broke off; what the decoder makes of that is of no interest.
		return answer, sent.redactError(transportError(doing, body.err))
	case err != nil:
		return answer, sent.redactError(transportError(doing, asMalformed(err)))
	}
	return answer, nil
}

// newRequest makes a request as every one is: of this API, and with the API key.
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
	req.Header.Set("User-Agent", c.userAgent)
	if c.apiKey == nil {
		return req, nil
	}
	key, err := c.apiKey()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCredential, err)
	}
	if key = strings.TrimSpace(key); !isToken(key) {
		return nil, fmt.Errorf("%w: the API key is empty or holds spaces or control characters", ErrCredential)
	}
	req.Header.Set("Api-Key", key)
	return req, nil
}

// expectObject passes a body on that begins as a JSON object does.
func expectObject(body io.Reader, contentType string, read func(io.Reader) error) error {
	r := bufio.NewReader(body)
	for {
		b, err := r.ReadByte()
		if err == io.EOF {
			return fmt.Errorf("%w (it is empty)", ErrNotJSON)
		}
		if err != nil {
			return err
		}
		switch b {
		case ' ', '\t', '\r', '\n':
			continue
		case '{':
			if err := r.UnreadByte(); err != nil {
				return err
			}
			return read(r)
		case '[', '"':
			return malformed("it is no JSON object")
		}
		return fmt.Errorf("%w (content type %q)", ErrNotJSON, plainText(contentType, 60))
	}
}

// answerOf reads the headers that every answer has.
func answerOf(h http.Header) Answer {
	var a Answer
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

// meteredBody counts, and remembers what broke the body off.
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
