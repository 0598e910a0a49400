package web

import (
	"log/slog"
	"net/http"
	"time"
)

const (
	// headerWithin and maxHeaderBytes bound a request's header in time and size.
	headerWithin   = 10 * time.Second
	maxHeaderBytes = 64 << 10
	// maxBodyBytes bounds a request's body; only the symbol look-up of profiles reads one.
	maxBodyBytes = 64 << 10
	// writeWithin is how long a client may take to read an answer.
	writeWithin = 30 * time.Second
	// idleFor is longer than usual scrape intervals, so that scrapes need no new connection.
	idleFor = 5 * time.Minute
)

// NewServer returns the server of a [Handler]. Everything in it has a time limit: a client that reads an answer too slowly is disconnected; a
// scrape has its scrape timeout, and half a minute more.
func NewServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           http.MaxBytesHandler(h, maxBodyBytes),
		ReadHeaderTimeout: headerWithin,
		MaxHeaderBytes:    maxHeaderBytes,
		// Not shorter than the longest scrape: when it passes, the request's context ends too.
		ReadTimeout:  maxTimeout + writeWithin,
		WriteTimeout: writeWithin, // scrapes and profiles extend it
		IdleTimeout:  idleFor,
		ErrorLog:     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// hardened sets headers that keep browsers from doing anything with a page but showing it. Headers from the file of --web.config.file are set
// already, and stay.
func hardened(next http.Handler) http.Handler {
	headers := map[string]string{
		"Cache-Control": "no-store",
		// The pages are text and links, with their style inline.
		"Content-Security-Policy":      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "deny",
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			if w.Header().Get(name) == "" {
				w.Header().Set(name, value)
			}
		}
		next.ServeHTTP(w, r)
	})
}
