package credential

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// lazyClient returns an HTTP client that reads the files of the options at its first request, and a function for [client.WithToken] that
// does so, too.
func (o Options) lazyClient() (*http.Client, func() (string, error)) {
	t := &lazyTransport{resolve: o.resolve}
	hc := &http.Client{Transport: t}
	if o.HTTP != nil && !o.HTTP.FollowRedirects {
		hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return hc, t.token
}

// lazyTransport reads the files of a credential and of TLS at the first request. If that fails, it tries again at each request until it
// succeeds. It is safe for concurrent use.
type lazyTransport struct {
	resolve func() (resolved, error)

	mu   sync.Mutex
	done *resolved // nil until the files could be read
}

// RoundTrip implements http.RoundTripper. Its own errors are client.ErrCredential.
func (t *lazyTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	r, err := t.resolved()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", client.ErrCredential, err)
	}
	if r.apiKey != nil {
		key, err := r.apiKey()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", client.ErrCredential, err)
		}
		req = req.Clone(req.Context()) // a RoundTripper must not change the request
		req.Header.Set(client.APIKeyHeader, key)
	}
	return r.http.Transport.RoundTrip(req)
}

// token returns the bearer token of a file; empty if the credential is not such a file.
func (t *lazyTransport) token() (string, error) {
	r, err := t.resolved()
	if err != nil || r.token == nil {
		return "", err
	}
	return r.token()
}

func (t *lazyTransport) resolved() (*resolved, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done == nil {
		r, err := t.resolve()
		if err != nil {
			return nil, err
		}
		t.done = &r
	}
	return t.done, nil
}

// CloseIdleConnections is called by http.Client.CloseIdleConnections.
func (t *lazyTransport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done != nil {
		t.done.http.CloseIdleConnections()
	}
}
