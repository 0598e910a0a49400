package client

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a gateway with the handler h and returns a client of it.
func serve(t *testing.T, h http.HandlerFunc, opts ...Option) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := New(srv.URL, srv.Client(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answer sends a body as a gateway does.
func answer(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body))
}

// transport is a function as an http.RoundTripper.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// bodyWatcher is a transport that counts bodies. net/http reuses a network connection only if the body was read to its end before it was
// closed. On a busy machine it sometimes does not reuse one even then, so tests count bodies instead of connections.
type bodyWatcher struct {
	next             http.RoundTripper
	opened, complete atomic.Int32
}

// watchBodies counts the bodies that a client reads from now on.
func watchBodies(c *Client) *bodyWatcher {
	w := &bodyWatcher{next: c.http.Transport}
	c.http.Transport = w
	return w
}

func (w *bodyWatcher) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	if err == nil {
		w.opened.Add(1)
		resp.Body = &watchedBody{ReadCloser: resp.Body, complete: &w.complete}
	}
	return resp, err
}

func (w *bodyWatcher) CloseIdleConnections() {
	(&http.Client{Transport: w.next}).CloseIdleConnections()
}

func (w *bodyWatcher) wantAllReadToTheEnd(t *testing.T) {
	t.Helper()
	if opened, complete := w.opened.Load(), w.complete.Load(); opened == 0 || complete != opened {
		t.Errorf("%d of %d bodies were read to the end before they were closed", complete, opened)
	}
}

// watchedBody is a body that counts itself when it is closed after its end.
type watchedBody struct {
	io.ReadCloser
	complete *atomic.Int32
	ended    bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err == io.EOF
	return n, err
}

func (b *watchedBody) Close() error {
	if b.ended {
		b.complete.Add(1)
		b.ended = false // counted
	}
	return b.ReadCloser.Close()
}

const emptyPage = `{"data":[],"total":0,"has_next_page":false}`
