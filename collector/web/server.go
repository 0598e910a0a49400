package web

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/sync/errgroup"
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
	// stopWithin bounds how long scrapes under way keep a stopping process.
	stopWithin = 10 * time.Second
)

// newServer returns the server of a [Handler]. Everything in it has a time limit: a client that reads an answer too slowly is disconnected;
// a scrape has its scrape timeout, and half a minute more.
func newServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           http.MaxBytesHandler(h, maxBodyBytes),
		ReadHeaderTimeout: headerWithin,
		MaxHeaderBytes:    maxHeaderBytes,
		// Not shorter than the longest scrape: when it passes, the request's context ends too.
		ReadTimeout:  maxTimeout + writeWithin,
		WriteTimeout: writeWithin, // scrapes and profiles extend it
		IdleTimeout:  idleFor,
		ErrorLog:     log.New(serverLog{logger}, "", 0),
	}
}

// serverLog logs the messages of net/http's server as warnings. It logs clients that connect to a TLS port and send nothing only at
// debug, because the TCP probes of Kubernetes and of load balancers do that every few seconds.
type serverLog struct{ logger *slog.Logger }

func (l serverLog) Write(line []byte) (int, error) {
	level, text := slog.LevelWarn, strings.TrimSuffix(string(line), "\n")
	left := strings.HasSuffix(text, ": EOF") || strings.HasSuffix(text, ": connection reset by peer")
	if left && strings.HasPrefix(text, "http: TLS handshake error from ") {
		level = slog.LevelDebug
	}
	l.logger.Log(context.Background(), level, text)
	return len(line), nil
}

// Serve serves a [Handler] at the addresses of listen until ctx ends; then it waits up to 10 seconds for the requests under way. It calls
// listening with the URL of each address. It fails if it cannot listen.
func Serve(ctx context.Context, h http.Handler, listen *toolkit.FlagConfig, logger *slog.Logger, listening func(url string)) error {
	group, ctx := errgroup.WithContext(ctx)
	server := newServer(h, logger)
	server.BaseContext = func(l net.Listener) context.Context {
		scheme := "http"
		if server.TLSConfig != nil && server.TLSConfig.GetConfigForClient != nil {
			scheme = "https"
		}
		listening(scheme + "://" + l.Addr().String())
		return ctx // a scrape under way does not wait for its gateway any more when the process stops
	}
	group.Go(func() error {
		if err := toolkit.ListenAndServe(server, listen, logger); !errors.Is(err, http.ErrServerClosed) {
			return listenError(err, listen)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		logger.Info("stopping")
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		if err := server.Shutdown(stopping); err != nil {
			return errors.Join(err, server.Close())
		}
		return nil
	})
	return group.Wait()
}

// listenError gives an error of listening the name of the flag that says where to listen.
func listenError(err error, listen *toolkit.FlagConfig) error {
	var op *net.OpError
	switch {
	case listen.WebSystemdSocket != nil && *listen.WebSystemdSocket:
		return fmt.Errorf("--web.systemd-socket: %w", err)
	case errors.As(err, &op) && op.Op == "listen":
		return fmt.Errorf("--web.listen-address: %w", err)
	}
	return err
}

// hardened sets headers that keep browsers from doing anything with a page but showing it. Headers from the file of --web.config.file are
// set already, and stay.
func hardened(next http.Handler) http.Handler {
	const policy = "Content-Security-Policy"
	headers := map[string]string{
		"Cache-Control": "no-store",
		// The pages are text, links and a form, with one sheet of style.
		policy:                         "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "deny",
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			if name == policy && strings.HasPrefix(r.URL.Path, pprofPath) {
				value = strings.Replace(value, "style-src 'self'", "style-src 'unsafe-inline'", 1) // that of net/http/pprof
			}
			if w.Header().Get(name) == "" {
				w.Header().Set(name, value)
			}
		}
		next.ServeHTTP(w, r)
	})
}
