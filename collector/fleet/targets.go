package fleet

import (
	"maps"

	"github.com/hoop-exporter/hoop_exporter/collector/shard"
)

// Target is a gateway as Prometheus' HTTP service discovery takes it.
type Target struct {
	// Targets is the address of the exporter that has the gateway.
	Targets []string `json:"targets"`
	// Labels are those that make it scrape this gateway, those by which its series are told from others', and the configuration's.
	Labels map[string]string `json:"labels"`
}

// Targets returns all gateways of the configuration, sorted by name, those of other shards too: each at the address of the shard that has it,
// or at own where the fleet was not told the shards' addresses. The label instance is the gateway's name and not an address, so that its series
// go on when another shard, or another pod, has it.
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
