package fleet

import (
	"maps"

	"github.com/hoop-exporter/hoop_exporter/collector/shard"
)

// Target is a gateway in the form of Prometheus' HTTP service discovery.
type Target struct {
	// Targets has the address of the exporter that owns the gateway.
	Targets []string `json:"targets"`
	// Labels select the gateway at that exporter, identify its series, and add those of the configuration.
	Labels map[string]string `json:"labels"`
}

// Targets returns all gateways of the configuration, sorted by name, including those of other shards: each at the address of the shard that owns
// it, or at own where the shards' addresses are unknown. The label instance is the gateway's name and not an address, so that its series
// continue when another shard or pod owns it.
func (f *Fleet) Targets(path, own string) []Target {
	f.mu.Lock()
	owned := f.owned
	f.mu.Unlock()
	out := make([]Target, 0, len(owned))
	for _, o := range owned {
		at, g := own, o.gateway
		if f.o.ShardAddress != "" {
			at = shard.Address(f.o.ShardAddress, o.owner)
		}
		labels := map[string]string{
			"__metrics_path__": path, "__param_gateway": g.Name(), "gateway": g.Name(), "instance": g.Name(),
		}
		maps.Copy(labels, g.TargetLabels())
		out = append(out, Target{Targets: []string{at}, Labels: labels})
	}
	return out
}
