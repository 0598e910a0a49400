package web

import (
	"encoding/json"
	"net/http"

	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

// Gateways are the gateways of the configuration. Only these are ever requested: nothing in a scrape's URL is an address.
type Gateways interface {
	// Locate returns where the metrics of a gateway are: the collector if this process watches it, else the URL of the process that does.
	// It fails with [fleet.ErrUnknown] for a name that is not in the configuration, and with what to say if no process watches it at the
	// moment, or that is not known.
	Locate(name string) (c Collector, url string, err error)
	// Names are the names of all gateways of the configuration, sorted.
	Names() []string
	// Targets are all gateways of the configuration: each at path of the process that watches it, or of own if there is only this process.
	// It fails with what to say if that is not known.
	Targets(path, own string) ([]fleet.Target, error)
	// Wake starts a refresh of each gateway that was not scraped for a while. It does not wait.
	Wake()
}

// The paths that exist only with a configuration file.
const (
	probePath  = "/probe"
	targetPath = "/sd"
	reloadPath = "/-/reload"
)

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

// targets serves all gateways in the form of Prometheus' HTTP service discovery.
func targets(cfg Config) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, err := cfg.Gateways.Targets(probePath, r.Host)
		if err != nil { // Prometheus keeps the targets that it has
			answer(w, http.StatusServiceUnavailable, err.Error()+".")
			return
		}
		body, err := json.Marshal(all)
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

// Locate implements [Gateways].
func (g gateways) Locate(name string) (Collector, string, error) { return g.Fleet.Locate(name) }

// Names implements [Gateways].
func (g gateways) Names() (names []string) {
	for _, gateway := range g.Config().Gateways() {
		names = append(names, gateway.Name())
	}
	return names
}
