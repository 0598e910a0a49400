package web

import (
	"log/slog"
	"net/http"
	"time"
)

const (
	// headerWithin and maxHeaderBytes bound who sends a request's header slowly, or without end.
	headerWithin   = 10 * time.Second
	maxHeaderBytes = 64 << 10
	// maxBodyBytes bounds what is sent along; only the symbol look-up of profiles reads any of it.
	maxBodyBytes = 64 << 10
	// writeWithin is how long an answer may take to be read, once it should be there.
	writeWithin = 30 * time.Second
	// idleFor is longer than anybody's scrape interval, so that scrapes need no new connection.
	idleFor = 5 * time.Minute
)

// NewServer makes the server of a [Handler]: it waits for nobody for ever. Who reads an answer too slowly is disconnected; a scrape has the
// time that Prometheus gives it, and half a minute more.
func NewServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           http.MaxBytesHandler(h, maxBodyBytes),
		ReadHeaderTimeout: headerWithin,
		MaxHeaderBytes:    maxHeaderBytes,
		// Not shorter than the longest scrape: when it is over, the request's context ends too.
		ReadTimeout:  maxTimeout + writeWithin,
		WriteTimeout: writeWithin, // a scrape moves it, and so does a profile
		IdleTimeout:  idleFor,
		ErrorLog:     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// hardened sets the headers that keep browsers from doing anything with a page but showing it. What the file of --web.config.file sets is
// there already, and stays.
func hardened(next http.Handler) http.Handler {
	headers := map[string]string{
		"Cache-Control": "no-store", // numbers of a moment
		// The pages are text and links, with their style inside.
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
