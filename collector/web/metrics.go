package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Collector is what a scrape needs of a collector.
type Collector interface {
	// Scrape gives the metrics of one scrape, which has until the context's deadline.
	Scrape(ctx context.Context) prometheus.Collector
	// Ready tells whether the gateway was asked at least once, with whatever result.
	Ready() bool
}

const (
	// defaultTimeout is for who scrapes without saying for how long: Prometheus' own default.
	defaultTimeout = 10 * time.Second
	// maxTimeout bounds what a header can make the exporter wait.
	maxTimeout = 5 * time.Minute
)

// metrics serves one scrape after the other from a registry of its own, because the deadline is the scrape's.
func metrics(cfg Config) http.Handler {
	opts := promhttp.HandlerOpts{
		ErrorLog: errorLog{cfg.Logger},
		// One bad series must not take all others with it. The error is logged and counted in
		// promhttp_metric_handler_errors_total, and tests see to it that there is none.
		ErrorHandling:                       promhttp.ContinueOnError,
		Registry:                            cfg.Registry,
		EnableOpenMetrics:                   true,
		EnableOpenMetricsTextCreatedSamples: cfg.CreatedSamples,
	}
	one := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), scrapeTimeout(r, cfg.TimeoutOffset))
		defer cancel()
		scrape := prometheus.NewRegistry()
		if err := scrape.Register(cfg.Collector.Scrape(ctx)); err != nil {
			cfg.Logger.Error("cannot describe metrics", "err", err)
			http.Error(w, "cannot describe metrics", http.StatusInternalServerError)
			return
		}
		promhttp.HandlerFor(prometheus.Gatherers{cfg.Registry, scrape}, opts).ServeHTTP(w, r)
	})
	counted := promhttp.InstrumentMetricHandler(cfg.Registry, limited(cfg.MaxRequests, one))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Who reads no faster than this holds one of the places of those who do. Where there is no connection, there is no deadline either.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(told(r) + writeWithin))
		counted.ServeHTTP(w, r)
	})
}

// limited answers at most n requests at once, and refuses others at once: a queue would only make all of them late.
func limited(n int, next http.Handler) http.Handler {
	if n <= 0 {
		return next
	}
	places := make(chan struct{}, n)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			next.ServeHTTP(w, r)
		default:
			answer(w, http.StatusServiceUnavailable,
				fmt.Sprintf("hoop_exporter is answering %d scrapes already, as many as --web.max-requests allows: scrape less often, or raise it.", n))
		}
	})
}

// scrapeTimeout is for how long a scrape may take: what Prometheus says less the offset, but at least half of it.
func scrapeTimeout(r *http.Request, offset time.Duration) time.Duration {
	timeout := told(r)
	return max(timeout-offset, timeout/2)
}

// told is how long Prometheus waits for the answer, as it says itself.
func told(r *http.Request) time.Duration {
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err == nil && seconds > 0 && !math.IsInf(seconds, 0) {
		return time.Duration(min(seconds, maxTimeout.Seconds()) * float64(time.Second))
	}
	return defaultTimeout
}

// errorLog is what promhttp writes its errors to.
type errorLog struct{ logger *slog.Logger }

// Println takes a text and an error.
func (l errorLog) Println(v ...any) {
	if err, ok := v[len(v)-1].(error); ok && (errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)) {
		l.logger.Debug("the one who scraped went away", "err", err)
		return
	}
	l.logger.Error("scrape failed in part", "err", v[len(v)-1])
}
