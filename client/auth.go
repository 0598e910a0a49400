package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/prometheus/common/config"
)

// HTTPClient returns an HTTP client that authenticates according to cfg: bearer token (a file is read again at each request), basic auth,
// OAuth 2, TLS with CA and client certificate, proxy, extra headers. It has no timeout: give each request a context with a deadline.
func HTTPClient(cfg config.HTTPClientConfig, opts ...config.HTTPClientOption) (*http.Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("HTTP client configuration: %w", err)
	}
	hc, err := config.NewClientFromConfig(cfg, "hoop", opts...)
	if err != nil {
		return nil, fmt.Errorf("HTTP client configuration: %w", err)
	}
	return hc, nil
}

// WithToken sends a bearer token. token is called at each request, so the token can change while the process runs; a changed token replaces
// one that the gateway has sent in the meantime. An empty token without an error leaves Authorization to the HTTP client. token must be
// safe for concurrent use.
func WithToken(token func() (string, error)) Option { return func(c *Client) { c.token = token } }

// configuredToken returns the token of [WithToken]; empty without that option.
func (c *Client) configuredToken() (string, error) {
	if c.token == nil {
		return "", nil
	}
	token, err := c.token()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrCredential, err)
	}
	if token != "" && !isToken(token) {
		return "", fmt.Errorf("%w: the token contains spaces or control characters", ErrCredential)
	}
	return token, nil
}

// rotatedToken is the bearer token that the gateway last sent in the header X-New-Access-Token; empty if it sent none. It replaces the
// configured token until that changes, or until the gateway rejects it and accepts the configured one. It is safe for concurrent use.
type rotatedToken struct {
	mu    sync.Mutex
	token string
	from  string // the configured token when the gateway sent it
}

// get returns the rotated token, unless the configured one has changed since: then it is forgotten.
func (r *rotatedToken) get(configured string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.from != configured {
		r.token, r.from = "", ""
	}
	return r.token
}

// last returns the rotated token and the configured one that it replaces, for use when the current configured one cannot be read.
func (r *rotatedToken) last() (token, from string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.token, r.from
}

func (r *rotatedToken) set(token, from string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token, r.from = token, from
}

// drop forgets token, unless a newer one replaced it.
func (r *rotatedToken) drop(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.token == token {
		r.token, r.from = "", ""
	}
}

// send sends a request with the rotated token, if there is one. If the gateway rejects it, send repeats the request once with the
// configured credential. It forgets the rotated token only if the configured one is accepted: a gateway also answers 401 while it cannot
// look up the user, and the configured token may have expired long ago.
func (c *Client) send(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	configured, unread := c.configuredToken()
	var token string
	if unread == nil {
		token = c.rotated.get(configured)
	} else if token, configured = c.rotated.last(); token == "" {
		return nil, unread
	}
	resp, err := c.sendOnce(ctx, path, query, token, configured)
	if err != nil || token == "" || resp.StatusCode != http.StatusUnauthorized || sentBearer(resp) != token {
		return resp, err
	}
	// The connection can be reused only if the body was read to its end. If it was not, nothing else is lost.
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
	if unread != nil {
		return nil, unread
	}
	resp, err = c.sendOnce(ctx, path, query, "", configured)
	if err == nil && resp.StatusCode != http.StatusUnauthorized {
		c.rotated.drop(token)
	}
	return resp, err
}

// sendOnce sends a request with the rotated token; if that is empty, with the configured one; if that is empty too, with what the HTTP
// client adds.
func (c *Client) sendOnce(ctx context.Context, path string, query url.Values, rotated, configured string) (*http.Response, error) {
	req, err := c.newRequest(ctx, path, query)
	if err != nil {
		return nil, err
	}
	if token := cmp.Or(rotated, configured); token != "" {
		// The HTTP client adds its own token only if the header is not set.
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	c.recordExpiry(sentBearer(resp))
	c.storeRotated(resp, configured)
	return resp, nil
}

// storeRotated stores a new token if this gateway sent it in answer to a request with a bearer token.
func (c *Client) storeRotated(resp *http.Response, configured string) {
	token := resp.Header.Get("X-New-Access-Token")
	if resp.StatusCode < 200 || resp.StatusCode > 299 || !isToken(token) || sentBearer(resp) == "" {
		return
	}
	if sameOrigin(resp.Request.URL, c.base) {
		c.rotated.set(token, configured)
	}
}

// sentBearer returns the bearer token of the request that was really sent. The transport of the HTTP client may have added it.
func sentBearer(resp *http.Response) string {
	if resp.Request == nil {
		return ""
	}
	scheme, token, _ := strings.Cut(resp.Request.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// isToken reports whether s can be a credential in a header: visible ASCII, at most 16 KiB.
func isToken(s string) bool {
	if s == "" || len(s) > 16<<10 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// sameOriginOnly rejects redirects to other origins before anything is sent there. next decides on all others.
func sameOriginOnly(next func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if !sameOrigin(req.URL, via[0].URL) {
			return fmt.Errorf("%w (it leads to %s://%s)", ErrRedirect, req.URL.Scheme, plainText(req.URL.Host, 100))
		}
		if len(via) >= 5 {
			return fmt.Errorf("%w (more than five in a row)", ErrRedirect)
		}
		if next == nil {
			return nil
		}
		err := next(req, via)
		if err == nil || errors.Is(err, http.ErrUseLastResponse) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrRedirect, err)
	}
}

// sameOrigin reports whether two URLs have the same scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}
