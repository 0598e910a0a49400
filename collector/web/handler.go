// Package web serves the exporter's pages: metrics, a status page, the configuration, health, readiness and, if enabled, profiles.
package web

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is what to serve, and where.
type Config struct {
	// Collector is collected at each scrape. Required if there are no Gateways.
	Collector Collector
	// Gateways are those of a configuration file. Nil: there is one gateway, the Collector's.
	Gateways Gateways
	// Reload reads the configuration file again. Nil: requests may not do that.
	Reload func() error
	// Configuration writes the effective configuration, as anyone may see it. Nil: it is not shown.
	Configuration func(io.Writer) error
	// Registry holds the metrics of the process itself; promhttp_* are added to it. Required.
	Registry *prometheus.Registry
	// Logger gets what fails in a scrape. Required.
	Logger *slog.Logger
	// TelemetryPath is the path of the metrics.
	TelemetryPath string
	// TimeoutOffset is how much of Prometheus' scrape timeout is kept for sending the answer.
	TimeoutOffset time.Duration
	// CreatedSamples adds _created lines to OpenMetrics text, which most Prometheus servers ingest as additional series.
	CreatedSamples bool
	// MaxRequests is how many scrapes of one gateway are answered at once; others get 503. 0: no limit.
	MaxRequests int
	// Profiles serves /debug/pprof/.
	Profiles bool

	clock func() time.Time // of the status page; nil: time.Now
}

// The paths besides the telemetry path.
const (
	healthyPath = "/-/healthy"
	readyPath   = "/-/ready"
	pprofPath   = "/debug/pprof/"
)

// Handler returns the handler of all pages. It fails on a telemetry path that cannot be served.
func Handler(cfg Config) (http.Handler, error) {
	if err := checkPath(cfg.TelemetryPath); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	status, err := newStatusPage(cfg)
	if err != nil {
		return nil, err
	}
	status.register(mux)
	scrapes, about := newScrapes(cfg), singleGateway(cfg)
	if cfg.Gateways != nil {
		about = allGateways(cfg)
		mux.Handle("GET "+probePath, orNames(status, scrapes.handler(probe(cfg))))
		mux.Handle("GET "+targetPath, targets(cfg))
		mux.Handle(reloadPath, reload(cfg))
	}
	mux.Handle("GET "+cfg.TelemetryPath, scrapes.handler(about))
	mux.HandleFunc("GET "+healthyPath, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "hoop_exporter is healthy.")
	})
	mux.HandleFunc("GET "+readyPath, func(w http.ResponseWriter, _ *http.Request) {
		// Not tied to the gateway: an exporter that is taken out of service while the gateway is down cannot report that.
		// With many gateways, one that was never refreshed must not stop the others.
		if cfg.Collector != nil && !cfg.Collector.Ready() {
			answer(w, http.StatusServiceUnavailable, "hoop_exporter is not ready: the first refresh has not been attempted yet.")
			return
		}
		answer(w, http.StatusOK, "hoop_exporter is ready.")
	})
	if cfg.Profiles {
		mux.HandleFunc(pprofPath, pprof.Index)
		mux.HandleFunc(pprofPath+"cmdline", pprof.Cmdline)
		mux.HandleFunc(pprofPath+"profile", pprof.Profile)
		mux.HandleFunc(pprofPath+"symbol", pprof.Symbol)
		mux.HandleFunc(pprofPath+"trace", pprof.Trace)
	}
	return hardened(mux), nil
}

// checkPath rejects a path that is not plain, or would hide another page.
func checkPath(path string) error {
	switch {
	case !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " {}?#%\\") || strings.Contains(path, "//"):
		return fmt.Errorf("--web.telemetry-path: %q is not a path such as /metrics", path)
	case path == "/" || slices.Contains([]string{healthyPath, readyPath, probePath, targetPath, reloadPath, stylePath, configPath}, path) || strings.HasPrefix(path+"/", pprofPath):
		return fmt.Errorf("--web.telemetry-path: %q is the path of another page", path)
	case strings.HasSuffix(path, "/"):
		return fmt.Errorf("--web.telemetry-path: %q ends with a slash: remove it", path)
	}
	return nil
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// The client may have gone away; then there is no one to report that to.
	_, _ = w.Write([]byte(text + "\n")) //nolint:gosec // it is plain text, and browsers must not guess (nosniff)
}
