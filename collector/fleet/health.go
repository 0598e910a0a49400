package fleet

import (
	"github.com/prometheus/client_golang/prometheus"
)

// health shows how the asking of all gateways goes, for who has alerts about that without scraping each gateway.
type health struct {
	fleet                                        *Fleet
	gateways, up, lastRefresh, withheld, limited *prometheus.Desc
}

// Health returns a prometheus.Collector that shows how the asking of all gateways goes. It asks nothing.
func (f *Fleet) Health() prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &health{
		fleet:    f,
		gateways: desc("hoop_exporter_gateways", "Number of gateways of the configuration that this process has; the others are those of other shards."),
		up:       desc("hoop_exporter_gateway_up", "1 if hoop_up of the gateway is 1, else 0.", "gateway"),
		lastRefresh: desc("hoop_exporter_gateway_last_refresh_timestamp_seconds",
			"Unix time in seconds, by the exporter's clock, of the gateway's last refresh that succeeded; 0 before the first.", "gateway"),
		withheld: desc("hoop_exporter_gateway_gauges_withheld",
			"1 if the gateway's gauges are withheld, because no refresh has succeeded for too long, else 0.", "gateway"),
		limited: desc("hoop_exporter_gateway_visibility_limited",
			"1 if the gateway shows only part of its sessions to the credential (its role is neither admin nor auditor), else 0.", "gateway"),
	}
}

// Describe implements prometheus.Collector.
func (h *health) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{h.gateways, h.up, h.lastRefresh, h.withheld, h.limited} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (h *health) Collect(ch chan<- prometheus.Metric) {
	members := h.fleet.all()
	send := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	send(h.gateways, float64(len(members)))
	for _, m := range members {
		name, now := m.gateway.Name(), m.collector.Health()
		send(h.up, flag(now.Up), name)
		send(h.withheld, flag(now.Withheld), name)
		send(h.limited, flag(now.VisibilityLimited), name)
		var last float64
		if !now.LastSuccess.IsZero() {
			last = float64(now.LastSuccess.UnixMilli()) / 1e3
		}
		send(h.lastRefresh, last, name)
	}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
