package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// Transport returns a transport to the gateway without a network, which also works within a testing/synctest bubble. A client that cancels
// its request gets the error immediately, while the gateway continues until the cost of the request has passed.
func (g *Gateway) Transport() http.RoundTripper { return transport{g} }

type transport struct{ h http.Handler }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
	}
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := newPipeWriter(ctx, r)
	// A copy, because the client may reuse the request after an error while the gateway still works on it.
	in := r.Clone(ctx)
	in.Body = http.NoBody
	go w.run(t.h, in)
	select {
	case <-w.started:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if w.failed != nil {
		return nil, w.failed
	}
	return w.response, nil
}

// errAborted is the error of a client whose connection the server closed.
var errAborted = errors.New("gatewaytest: connection reset by peer")

// pipeWriter is a ResponseWriter that passes what is written to a Response.
type pipeWriter struct {
	header   http.Header
	body     *io.PipeWriter
	once     sync.Once
	started  chan struct{} // closed when response or failed is set
	response *http.Response
	failed   error
	left     int64 // bytes that are missing from Content-Length; negative without that header
	stop     func() bool
}

func newPipeWriter(ctx context.Context, r *http.Request) *pipeWriter {
	w := &pipeWriter{header: http.Header{}, started: make(chan struct{}), left: -1}
	reader, body := io.Pipe()
	w.body = body
	w.response = &http.Response{Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: reader}
	// After the client canceled the request, its reads and the gateway's writes fail.
	w.stop = context.AfterFunc(ctx, func() { _ = body.CloseWithError(ctx.Err()) })
	return w
}

// run serves the request and completes the response, even if the handler panics.
func (w *pipeWriter) run(h http.Handler, r *http.Request) {
	defer w.stop()
	end := errAborted
	defer func() {
		_ = recover() // http.ErrAbortHandler, or a bug in a fault: both close the connection
		w.once.Do(func() { w.failed = end; close(w.started) })
		_ = w.body.CloseWithError(end)
	}()
	h.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK)
	if end = io.EOF; w.left > 0 {
		end = io.ErrUnexpectedEOF
	}
}

// Header implements http.ResponseWriter.
func (w *pipeWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. The client gets the response and can read the body while it is written.
func (w *pipeWriter) WriteHeader(code int) {
	w.once.Do(func() {
		w.response.StatusCode, w.response.Status = code, fmt.Sprintf("%d %s", code, http.StatusText(code))
		w.response.Header = w.header.Clone()
		w.response.ContentLength = -1
		if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil {
			w.left, w.response.ContentLength = n, n
		}
		close(w.started)
	})
}

// Write implements http.ResponseWriter.
func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	n, err := w.body.Write(b)
	w.left -= int64(n)
	return n, err
}

// Flush implements http.Flusher. Writes are not buffered.
func (w *pipeWriter) Flush() { w.WriteHeader(http.StatusOK) }
