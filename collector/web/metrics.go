package web

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"strconv"
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
	return promhttp.InstrumentMetricHandler(cfg.Registry, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), scrapeTimeout(r, cfg.TimeoutOffset))
		defer cancel()
		scrape := prometheus.NewRegistry()
		if err := scrape.Register(cfg.Collector.Scrape(ctx)); err != nil {
			cfg.Logger.Error("cannot describe metrics", "err", err)
			http.Error(w, "cannot describe metrics", http.StatusInternalServerError)
			return
		}
		promhttp.HandlerFor(prometheus.Gatherers{cfg.Registry, scrape}, opts).ServeHTTP(w, r)
	}))
}

// scrapeTimeout is for how long a scrape may take: what Prometheus says less the offset, but at least half of it.
func scrapeTimeout(r *http.Request, offset time.Duration) time.Duration {
	timeout := defaultTimeout
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err == nil && seconds > 0 && !math.IsInf(seconds, 0) {
		timeout = time.Duration(min(seconds, maxTimeout.Seconds()) * float64(time.Second))
	}
	return max(timeout-offset, timeout/2)
}

// errorLog is what promhttp writes its errors to.
type errorLog struct{ logger *slog.Logger }

// Println takes a text and an error.
func (l errorLog) Println(v ...any) { l.logger.Error("scrape failed in part", "err", v[len(v)-1]) }
