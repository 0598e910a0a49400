package web

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"

	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

// Gateways are the gateways of the configuration. Only these are ever requested: nothing in a scrape's URL is an address.
type Gateways interface {
	// Gateway returns the collector of a gateway of this process.
	Gateway(name string) (Collector, bool)
	// Names are the names of this process's gateways, sorted.
	Names() []string
	// Targets are all gateways of the configuration: each at path of the exporter that owns it, or of own where that is unknown.
	Targets(path, own string) []fleet.Target
	// Wake starts a refresh of each gateway that was not scraped for a while. It does not wait.
	Wake()
}

// The paths that exist only with a configuration file.
const (
	probePath  = "/probe"
	targetPath = "/sd"
	reloadPath = "/-/reload"
)

// probe selects the gateway that the parameter gateway names.
func probe(cfg Config) func(*http.Request) (subject, error) {
	build := prometheus.NewRegistry()
	build.MustRegister(versioncollector.NewCollector("hoop_exporter"))
	return func(r *http.Request) (subject, error) {
		name := r.URL.Query().Get("gateway")
		if name == "" {
			return subject{}, &refusal{http.StatusBadRequest, "which gateway? Add the parameter gateway, such as " + probePath + "?gateway=production. " + knownGateways(cfg.Gateways)}
		}
		c, ok := cfg.Gateways.Gateway(name)
		if !ok {
			return subject{}, &refusal{http.StatusNotFound, "there is no gateway of this name here. " + knownGateways(cfg.Gateways)}
		}
		return subject{name, c, build}, nil
	}
}

// singleGateway selects the only gateway, and the exporter's own metrics.
func singleGateway(cfg Config) func(*http.Request) (subject, error) {
	return func(*http.Request) (subject, error) { return subject{"", cfg.Collector, cfg.Registry}, nil }
}

// allGateways selects the exporter's own metrics, with the health of every gateway.
func allGateways(cfg Config) func(*http.Request) (subject, error) {
	return func(*http.Request) (subject, error) {
		cfg.Gateways.Wake()
		return subject{"", nil, cfg.Registry}, nil
	}
}

func knownGateways(g Gateways) string {
	names := g.Names()
	if len(names) == 0 {
		return "This process has no gateway."
	}
	return "Those of this process are: " + strings.Join(names, ", ")
}

// targets serves all gateways in the form of Prometheus' HTTP service discovery.
func targets(cfg Config) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := json.Marshal(cfg.Gateways.Targets(probePath, r.Host))
		if err != nil {
			cfg.Logger.Error("cannot list the gateways", "err", err)
			http.Error(w, "cannot list the gateways", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(body, '\n')) // the client may have gone away
	})
}

// reload reads the configuration file again, if that is enabled.
func reload(cfg Config) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodPost && r.Method != http.MethodPut:
			w.Header().Set("Allow", "POST, PUT")
			answer(w, http.StatusMethodNotAllowed, "send a POST to reload the configuration.")
		case cfg.Reload == nil:
			answer(w, http.StatusForbidden, "reloading by request is not enabled: start with --web.enable-lifecycle, or send SIGHUP.")
		default:
			if err := cfg.Reload(); err != nil { // it names a file, a line and a key, and no secret
				answer(w, http.StatusInternalServerError, err.Error())
				return
			}
			answer(w, http.StatusOK, "the configuration was reloaded.")
		}
	})
}

// FleetGateways returns the gateways of a fleet.
func FleetGateways(f *fleet.Fleet) Gateways { return gateways{f} }

type gateways struct{ *fleet.Fleet }

// Gateway implements [Gateways].
func (g gateways) Gateway(name string) (Collector, bool) {
	c, ok := g.Collector(name)
	return c, ok
}
