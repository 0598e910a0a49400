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

// Transport leads to the gateway without a network, so that it works within a testing/synctest bubble.
// A client that goes away gets its error at once, while the gateway works on until the request's cost has passed.
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
	// A copy, because the gateway may go on with it after the client has got its error and reuses the request.
	in := r.Clone(ctx)
	in.Body = http.NoBody
	go w.run(t.h, in)
	select {
	case <-w.begun:
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

// errAborted is what a client sees of a connection that the server cut.
var errAborted = errors.New("gatewaytest: connection reset by peer")

// pipeWriter is the ResponseWriter whose other end is a Response.
type pipeWriter struct {
	header   http.Header
	body     *io.PipeWriter
	once     sync.Once
	begun    chan struct{}
	response *http.Response // set once begun
	failed   error          // set once begun
	left     int64          // bytes that Content-Length still promises; negative where it does not say
	stop     func() bool
}

func newPipeWriter(ctx context.Context, r *http.Request) *pipeWriter {
	w := &pipeWriter{header: http.Header{}, begun: make(chan struct{}), left: -1}
	reader, body := io.Pipe()
	w.body = body
	w.response = &http.Response{Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: reader}
	// When the client gives up, its reads fail, and the gateway's writes go nowhere.
	w.stop = context.AfterFunc(ctx, func() { _ = body.CloseWithError(ctx.Err()) })
	return w
}

// run serves the request, and ends the response however the handler ends.
func (w *pipeWriter) run(h http.Handler, r *http.Request) {
	defer w.stop()
	end := errAborted
	defer func() {
		_ = recover() // http.ErrAbortHandler, or a mistake in a fault: both cut the connection
		w.once.Do(func() { w.failed = end; close(w.begun) })
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

// WriteHeader implements http.ResponseWriter: the client gets its response, without the body so far.
func (w *pipeWriter) WriteHeader(code int) {
	w.once.Do(func() {
		w.response.StatusCode, w.response.Status = code, fmt.Sprintf("%d %s", code, http.StatusText(code))
		w.response.Header = w.header.Clone()
		w.response.ContentLength = -1
		if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil {
			w.left, w.response.ContentLength = n, n
		}
		close(w.begun)
	})
}

// Write implements http.ResponseWriter.
func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	n, err := w.body.Write(b)
	w.left -= int64(n)
	return n, err
}

// Flush implements http.Flusher; nothing is ever held back.
func (w *pipeWriter) Flush() { w.WriteHeader(http.StatusOK) }
