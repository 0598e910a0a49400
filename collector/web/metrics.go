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

// scrapes answers scrapes, of one gateway or of another.
type scrapes struct {
	cfg    Config
	opts   promhttp.HandlerOpts
	places places
}

func newScrapes(cfg Config) *scrapes {
	return &scrapes{cfg: cfg, places: places{most: cfg.MaxRequests}, opts: promhttp.HandlerOpts{
		ErrorLog: errorLog{cfg.Logger},
		// One bad series must not take all others with it. The error is logged and counted in
		// promhttp_metric_handler_errors_total, and tests see to it that there is none.
		ErrorHandling:                       promhttp.ContinueOnError,
		Registry:                            cfg.Registry,
		EnableOpenMetrics:                   true,
		EnableOpenMetricsTextCreatedSamples: cfg.CreatedSamples,
	}}
}

// handler counts scrapes, bounds their time, and answers each with what it is about.
func (s *scrapes) handler(of func(r *http.Request) (subject, error)) http.Handler {
	one := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		about, err := of(r)
		if refused, ok := errors.AsType[*refusal](err); ok {
			answer(w, refused.status, refused.text)
			return
		}
		if !s.places.acquire(about.name) {
			answer(w, http.StatusServiceUnavailable, fmt.Sprintf(
				"hoop_exporter is answering %d scrapes already, as many as --web.max-requests allows: scrape less often, or raise it.", s.places.most))
			return
		}
		defer s.places.release(about.name)
		s.serve(w, r, about)
	})
	counted := promhttp.InstrumentMetricHandler(s.cfg.Registry, one)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Who reads no faster than this holds one of the places of those who do. Where there is no connection, there is no deadline either.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(prometheusTimeout(r) + writeWithin))
		counted.ServeHTTP(w, r)
	})
}

// subject is what a scrape is about.
type subject struct {
	name      string              // of the gateway; scrapes of one do not take another one's places
	collector Collector           // nil: no gateway
	with      prometheus.Gatherer // what is shown besides
}

// refusal is an answer without metrics.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// serve answers from a registry of the scrape's own, because the deadline is the scrape's.
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
	promhttp.HandlerFor(gatherers, s.opts).ServeHTTP(w, r)
}

// places are those of scrapes that are answered at once. Who finds none is refused at once: a queue would only make all of them late.
type places struct {
	most  int // of one gateway; 0: all
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

// scrapeTimeout is for how long a scrape may take: what Prometheus says less the offset, but at least half of it.
func scrapeTimeout(r *http.Request, offset time.Duration) time.Duration {
	timeout := prometheusTimeout(r)
	return max(timeout-offset, timeout/2)
}

// prometheusTimeout is how long Prometheus waits for the answer, as it says itself.
func prometheusTimeout(r *http.Request) time.Duration {
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
