package gatewaytest

import "net/http"

// Fail returns a handler for [Config.Fault] that answers with a status code and a JSON error as a gateway sends it.
func Fail(code int, message string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(code)
		_, _ = w.Write(messageBody(message))
	})
}

// Spoil returns a handler for [Config.Fault] that answers with any status, content type and body.
func Spoil(code int, contentType string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		_, _ = w.Write(body)
	})
}

// serveFault counts a request that the handler of a fault answers.
func (g *Gateway) serveFault(h http.Handler, w http.ResponseWriter, r *http.Request) {
	from := g.cfg.Now()
	path, list, _ := g.route(r)
	g.mu.Lock()
	g.countStarted(path, list)
	g.mu.Unlock()
	seen := &statusWriter{ResponseWriter: w, code: http.StatusOK}
	defer func() {
		busy := g.cfg.Now().Sub(from)
		g.mu.Lock()
		g.countFinished(list, seen.code, busy)
		g.mu.Unlock()
	}()
	g.header(w, r)
	h.ServeHTTP(seen, r)
}

// statusWriter keeps the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
