package fleet

import (
	"maps"
	"net/url"

	"github.com/hoop-exporter/hoop_exporter/collector/fleet/lease"
)

// Target is a gateway in the form of Prometheus' HTTP service discovery.
type Target struct {
	// Targets has the address of the process that watches the gateway.
	Targets []string `json:"targets"`
	// Labels select the gateway at that process, identify its series, and add those of the configuration.
	Labels map[string]string `json:"labels"`
}

// Targets returns all gateways of the configuration, sorted by name: in a cluster, each at the address of the process that watches it or is
// about to, else at own. It fails if that is not known. The label instance is the gateway's name and not an address, so that its series
// continue when another process or pod watches it.
func (f *Fleet) Targets(path, own string) ([]Target, error) {
	var seen lease.Seen
	if f.keeper != nil {
		var err error
		if seen, err = f.keeper.Seen(); err != nil {
			return nil, err
		}
	}
	out := []Target{}
	for _, g := range f.Config().Gateways() {
		labels := map[string]string{
			"__metrics_path__": path, "__param_gateway": g.Name(), "gateway": g.Name(), "instance": g.Name(),
		}
		at := own
		if u, err := url.Parse(seen.Expected(g.Address())); err == nil && u.Host != "" {
			at = u.Host
			if u.Scheme == "https" {
				labels["__scheme__"] = u.Scheme
			}
		}
		maps.Copy(labels, g.TargetLabels())
		out = append(out, Target{Targets: []string{at}, Labels: labels})
	}
	return out, nil
}
