package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/hoop-exporter/hoop_exporter/collector"
)

// Collector is the part of collector.Collector that a scrape needs.
type Collector interface {
	// Scrape returns the metrics of one scrape, which ends by the context's deadline.
	Scrape(ctx context.Context) prometheus.Collector
	// Ready reports whether a refresh was attempted, whatever its result.
	Ready() bool
	// Status is what the status page shows. It waits for nothing.
	Status() collector.Status
	// CheckTerm fails once another process may watch the gateway: metrics that were gathered before must then not be shown.
	CheckTerm() error
}

const (
	// defaultTimeout is for scrapes without a scrape timeout: Prometheus' own default.
	defaultTimeout = 10 * time.Second
	// maxTimeout bounds the scrape timeout that a header can set.
	maxTimeout = 5 * time.Minute
)

// scrapes answers scrapes. It is safe for concurrent use.
type scrapes struct {
	cfg    Config
	opts   promhttp.HandlerOpts
	places places
}

func newScrapes(cfg Config) *scrapes {
	return &scrapes{cfg: cfg, places: places{most: cfg.MaxRequests}, opts: promhttp.HandlerOpts{
		ErrorLog: errorLog{cfg.Logger},
		// One bad series must not remove all others. The error is logged and counted in promhttp_metric_handler_errors_total, and tests
		// check that there is none.
		ErrorHandling:                       promhttp.ContinueOnError,
		Registry:                            cfg.Registry,
		EnableOpenMetrics:                   true,
		EnableOpenMetricsTextCreatedSamples: cfg.CreatedSamples,
	}}
}

// handler bounds the number and the time of scrapes, and answers each with the metrics of its subject.
func (s *scrapes) handler(of func(r *http.Request) (subject, error)) http.Handler {
	one := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		about, err := of(r)
		if refused, ok := errors.AsType[*refusal](err); ok {
			if refused.location != "" {
				w.Header().Set("Location", refused.location)
			}
			answer(w, refused.status, refused.text)
			return
		}
		if !s.places.acquire(about.name) {
			answer(w, http.StatusServiceUnavailable, fmt.Sprintf(
				"hoop_exporter is already answering %d scrapes, as many as --web.max-requests allows: scrape less often, or raise it.", s.places.most))
			return
		}
		defer s.places.release(about.name)
		s.serve(w, r, about)
	})
	counted := promhttp.InstrumentMetricHandler(s.cfg.Registry, one)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A client that reads too slowly must not keep its place forever. A recorder in tests has no deadline to set.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(prometheusTimeout(r) + writeWithin))
		counted.ServeHTTP(w, r)
	})
}

// subject is what one scrape exposes.
type subject struct {
	name      string              // of the gateway; each gateway has its own places
	collector Collector           // nil: no gateway
	with      prometheus.Gatherer // further metrics
}

// refusal is an answer without metrics.
type refusal struct {
	status   int
	text     string
	location string // of the metrics; "": unknown
}

func (r *refusal) Error() string { return r.text }

// serve answers from a registry made for this scrape, because the deadline belongs to the scrape.
func (s *scrapes) serve(w http.ResponseWriter, r *http.Request, about subject) {
	gatherers := prometheus.Gatherers{about.with}
	if about.collector != nil {
		ctx, cancel := context.WithTimeout(r.Context(), scrapeTimeout(r, s.cfg.TimeoutOffset))
		defer cancel()
		scrape := prometheus.NewRegistry()
		if err := scrape.Register(about.collector.Scrape(ctx)); err != nil {
			s.cfg.Logger.Error("cannot describe metrics", "err", err)
			http.Error(w, "cannot describe metrics", http.StatusInternalServerError)
			return
		}
		gatherers = append(gatherers, scrape)
	}
	var families []*dto.MetricFamily
	var err error
	h := promhttp.HandlerFor(prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, err }), s.opts) // has metrics of its own
	families, err = gatherers.Gather()
	if about.collector != nil {
		// Checked after they were gathered: another process may have taken over while the scrape waited.
		if lost := about.collector.CheckTerm(); lost != nil {
			answer(w, http.StatusServiceUnavailable, lost.Error()+".")
			return
		}
	}
	h.ServeHTTP(w, withEncodings(r))
}

// places bound how many scrapes of a gateway are answered at once. One too many is refused at once: a queue would only make all of them
// late.
type places struct {
	most  int // per gateway; 0: no limit
	mu    sync.Mutex
	taken map[string]int
}

func (p *places) acquire(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.most > 0 && p.taken[name] >= p.most {
		return false
	}
	if p.taken == nil {
		p.taken = map[string]int{}
	}
	p.taken[name]++
	return true
}

func (p *places) release(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[name]--; p.taken[name] == 0 {
		delete(p.taken, name)
	}
}

// scrapeTimeout is how long a scrape may take: Prometheus' scrape timeout less the offset, but at least half of it.
func scrapeTimeout(r *http.Request, offset time.Duration) time.Duration {
	timeout := prometheusTimeout(r)
	return max(timeout-offset, timeout/2)
}

// prometheusTimeout is the scrape timeout that Prometheus sends with the request.
func prometheusTimeout(r *http.Request) time.Duration {
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err == nil && seconds > 0 && !math.IsInf(seconds, 0) {
		return time.Duration(min(seconds, maxTimeout.Seconds()) * float64(time.Second))
	}
	return defaultTimeout
}

// errorLog gets the errors of promhttp.
type errorLog struct{ logger *slog.Logger }

// Println logs the last value, which is an error.
func (l errorLog) Println(v ...any) {
	if err, ok := v[len(v)-1].(error); ok && (errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)) {
		l.logger.Debug("the client of a scrape disconnected", "err", err)
		return
	}
	l.logger.Error("scrape failed in part", "err", v[len(v)-1])
}
