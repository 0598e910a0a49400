package client

import (
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

// HTTPClient makes an HTTP client that authenticates as cfg says: bearer token (a file is read again on use), basic
// auth, OAuth 2, TLS with CA and client certificate, proxy, extra headers. It has no time-out of its own: give each
// request a context with a deadline.
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

// rotation holds the bearer token that the gateway handed out last, in the header X-New-Access-Token.
// It is used instead of the configured one until the gateway refuses it while it takes the configured one.
type rotation struct {
	mu    sync.Mutex
	token string
}

func (r *rotation) get() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.token
}

func (r *rotation) set(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token = token
}

// drop forgets token, unless a newer one has come.
func (r *rotation) drop(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.token == token {
		r.token = ""
	}
}

// send sends a request, with the rotated token where there is one. Where that is refused, it asks once more with the
// configured credential. The rotated token is forgotten only if that one does better: a gateway answers 401 also when
// its look-up of the user fails for a moment, and the configured token may have expired long ago.
func (c *Client) send(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	token := c.rotated.get()
	resp, err := c.sendOnce(ctx, path, query, token)
	if err != nil || token == "" || resp.StatusCode != http.StatusUnauthorized || sentBearer(resp) != token {
		return resp, err
	}
	// Read to its end, the connection can be used again; if it cannot be, that is all that is lost.
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
	resp, err = c.sendOnce(ctx, path, query, "")
	if err == nil && resp.StatusCode != http.StatusUnauthorized {
		c.rotated.drop(token)
	}
	return resp, err
}

// sendOnce sends a request, with a token instead of the HTTP client's own where one is given.
func (c *Client) sendOnce(ctx context.Context, path string, query url.Values, token string) (*http.Response, error) {
	req, err := c.newRequest(ctx, path, query)
	if err != nil {
		return nil, err
	}
	if token != "" {
		// The HTTP client adds its own only where there is none.
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	c.keepRotated(resp)
	return resp, nil
}

// keepRotated takes over a new token, if it comes from this gateway in answer to a token of the same kind.
func (c *Client) keepRotated(resp *http.Response) {
	token := resp.Header.Get("X-New-Access-Token")
	if resp.StatusCode < 200 || resp.StatusCode > 299 || !isToken(token) || sentBearer(resp) == "" {
		return
	}
	if sameOrigin(resp.Request.URL, c.base) {
		c.rotated.set(token)
	}
}

// sentBearer is the bearer token that the request of this answer carried. The HTTP client adds it below us, and the
// answer tells what was really sent.
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

// isToken tells whether s can be a credential in a header: visible ASCII, of a sane length.
func isToken(s string) bool {
	if s == "" || len(s) > 16<<10 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// sameOriginOnly refuses redirects that leave the gateway, before anything is sent there, and asks next about the others.
func sameOriginOnly(next func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if !sameOrigin(req.URL, via[0].URL) {
			return fmt.Errorf("%w (it leads to %s://%s)", ErrRedirect, req.URL.Scheme, plainText(req.URL.Host, 100))
		}
		if len(via) >= 5 {
			return fmt.Errorf("%w (it goes round in circles)", ErrRedirect)
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

// sameOrigin tells whether two URLs have the same scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}
