package fleet

import (
	"github.com/prometheus/client_golang/prometheus"
)

// health exposes the health of all gateways, for alerts about it without a scrape of each gateway.
type health struct{ fleet *Fleet }

// Health returns a prometheus.Collector of the health of all gateways. It makes no request.
func (f *Fleet) Health() prometheus.Collector { return health{f} }

// gauges are made for each scrape, so that no series of a gateway that is gone stays.
type gauges struct {
	gateways                           prometheus.Gauge
	up, lastRefresh, withheld, limited *prometheus.GaugeVec
}

func newGauges() *gauges {
	each := []string{"gateway"}
	return &gauges{
		gateways: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hoop_exporter_gateways",
			Help: "Number of gateways of the configuration that this process watches; if processes share a database, other processes watch the others.",
		}),
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hoop_exporter_gateway_up", Help: "1 if hoop_up of the gateway is 1, else 0.",
		}, each),
		lastRefresh: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hoop_exporter_gateway_last_refresh_timestamp_seconds",
			Help: "Unix time in seconds, by the exporter's clock, of the gateway's last refresh that succeeded; 0 before the first.",
		}, each),
		withheld: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hoop_exporter_gateway_gauges_withheld",
			Help: "1 if the gateway's gauges are withheld, because no refresh has succeeded for too long, else 0.",
		}, each),
		limited: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hoop_exporter_gateway_visibility_limited",
			Help: "1 if the gateway shows only part of its sessions to the credential (its role is neither admin nor auditor), else 0, also before the gateway reports the role.",
		}, each),
	}
}

func (g *gauges) all() []prometheus.Collector {
	return []prometheus.Collector{g.gateways, g.up, g.lastRefresh, g.withheld, g.limited}
}

// Describe implements prometheus.Collector.
func (health) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range newGauges().all() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (h health) Collect(ch chan<- prometheus.Metric) {
	g, all := newGauges(), h.fleet.all()
	g.gateways.Set(float64(len(all)))
	for _, w := range all {
		name, now := w.gateway.Name(), w.collector.Health()
		g.up.WithLabelValues(name).Set(flag(now.Up))
		g.withheld.WithLabelValues(name).Set(flag(now.Withheld))
		g.limited.WithLabelValues(name).Set(flag(now.VisibilityLimited))
		last := g.lastRefresh.WithLabelValues(name)
		if !now.LastSuccess.IsZero() {
			last.Set(float64(now.LastSuccess.UnixMilli()) / 1e3)
		}
	}
	for _, c := range g.all() {
		c.Collect(ch)
	}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
