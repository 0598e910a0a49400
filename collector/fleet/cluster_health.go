package fleet

import "github.com/prometheus/client_golang/prometheus"

// clusterHealth exposes what this process knows about its cluster.
type clusterHealth struct{ fleet *Fleet }

// ClusterHealth returns a prometheus.Collector of what a process knows about its cluster; nil without a cluster. It makes no request.
func (f *Fleet) ClusterHealth() prometheus.Collector {
	if f.keeper == nil {
		return nil
	}
	return clusterHealth{f}
}

// clusterGauges are made for each scrape, because a scrape shows only what is known.
type clusterGauges struct {
	up, unheld prometheus.Gauge
	members    *prometheus.GaugeVec
}

func newClusterGauges() *clusterGauges {
	return &clusterGauges{
		up: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hoop_exporter_database_up", Help: "1 if this process last reached the database that it shares with others, else 0.",
		}),
		unheld: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hoop_exporter_unheld_gateways",
			Help: "Number of gateways of the configuration that no process watches: they have no holder, or this process holds them and cannot watch them, as its log says; absent while the database cannot be reached.",
		}),
		members: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hoop_exporter_members",
			Help: "Number of running processes that share the database, including this one, by whether they have the same configuration as this one; absent while the database cannot be reached.",
		}, []string{"configuration"}),
	}
}

// Describe implements prometheus.Collector.
func (clusterHealth) Describe(ch chan<- *prometheus.Desc) {
	g := newClusterGauges()
	g.up.Describe(ch)
	g.unheld.Describe(ch)
	g.members.Describe(ch)
}

// Collect implements prometheus.Collector.
func (h clusterHealth) Collect(ch chan<- prometheus.Metric) {
	g := newClusterGauges()
	g.up.Set(flag(h.fleet.keeper.Up()))
	g.up.Collect(ch)
	seen, err := h.fleet.keeper.Seen()
	if err != nil {
		return
	}
	unheld := 0
	for _, g := range h.fleet.Config().Gateways() {
		if _, held := seen.Holder(g.Address()); !held || h.fleet.unwatchable(g) {
			unheld++
		}
	}
	g.unheld.Set(float64(unheld))
	g.members.WithLabelValues("same").Set(float64(seen.Same))
	g.members.WithLabelValues("other").Set(float64(seen.Other))
	g.unheld.Collect(ch)
	g.members.Collect(ch)
}
