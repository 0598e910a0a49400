package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"

	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

// probe selects the gateway that the parameter gateway names.
func probe(cfg Config) func(*http.Request) (subject, error) {
	build := prometheus.NewRegistry()
	build.MustRegister(versioncollector.NewCollector("hoop_exporter"))
	return func(r *http.Request) (subject, error) {
		name := r.URL.Query().Get("gateway")
		if name == "" {
			return subject{}, &refusal{status: http.StatusBadRequest, text: "which gateway? Add the parameter gateway, such as " + probePath + "?gateway=production. " + knownGateways(cfg.Gateways)}
		}
		c, err := locate(r, cfg.Gateways, name)
		if errors.Is(err, fleet.ErrUnknown) {
			return subject{}, &refusal{status: http.StatusNotFound, text: "there is no gateway of this name here. " + knownGateways(cfg.Gateways)}
		}
		return subject{name, c, build}, err
	}
}

// orNames answers a browser that names no gateway with a list of links. A scraper without a name gets the error that it needs.
func orNames(p *statusPage, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("gateway") == "" && strings.Contains(strings.Join(r.Header["Accept"], ","), "text/html") {
			p.bounded(func(w http.ResponseWriter, _ *http.Request) { p.names(w) })(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// redirected is the parameter of a request that another process has redirected here. It is not redirected again, so there are no loops.
const redirected = "redirected"

// locate returns the collector of a gateway, or how to refuse the request.
func locate(r *http.Request, in Gateways, name string) (Collector, error) {
	c, at, err := in.Locate(name)
	query := r.URL.Query()
	switch {
	case errors.Is(err, fleet.ErrUnknown):
		return nil, err
	case err != nil:
		return nil, &refusal{status: http.StatusServiceUnavailable, text: err.Error() + "."}
	case at == "":
		return c, nil
	case query.Has(redirected):
		return nil, &refusal{status: http.StatusServiceUnavailable, text: "another process watches the gateway by now: scrape again."}
	}
	query.Set(redirected, "1")
	location := strings.TrimSuffix(at, "/") + r.URL.EscapedPath() + "?" + query.Encode()
	return nil, &refusal{status: http.StatusTemporaryRedirect, text: "another process watches the gateway: " + location, location: location}
}

func knownGateways(g Gateways) string {
	names := g.Names()
	if len(names) == 0 {
		return "The configuration has no gateway."
	}
	return "Those of the configuration are: " + strings.Join(names, ", ")
}
