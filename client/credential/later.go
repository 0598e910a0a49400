package credential

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// later is an HTTP client that connects at its first request.
func (o Options) later() *http.Client {
	hc := &http.Client{Transport: &transport{connect: o.connect}}
	if o.HTTP != nil && !o.HTTP.FollowRedirects {
		hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return hc
}

// transport reads the files of a credential and of TLS when it is first used, and again each time until they could be read.
type transport struct {
	connect func() (connection, error)

	mu   sync.Mutex
	made *connection // nil: not yet
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c, err := t.connection()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", client.ErrCredential, err)
	}
	if c.key != nil {
		key, err := c.key()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", client.ErrCredential, err)
		}
		req = req.Clone(req.Context()) // a transport must not change what it was given
		req.Header.Set("Api-Key", key)
	}
	return c.http.Transport.RoundTrip(req)
}

func (t *transport) connection() (*connection, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.made == nil {
		c, err := t.connect()
		if err != nil {
			return nil, err
		}
		t.made = &c
	}
	return t.made, nil
}

// CloseIdleConnections is called by that of http.Client.
func (t *transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.made != nil {
		t.made.http.CloseIdleConnections()
	}
}
