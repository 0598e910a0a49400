package collector

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// instruments count what one collector does. They are safe for concurrent use.
type instruments struct {
	requests        *prometheus.CounterVec
	requestDuration prometheus.Histogram
	busy            prometheus.Counter

	refreshes, refreshFailures prometheus.Counter
	refreshDuration            prometheus.Gauge
	stateSaveFailures          prometheus.Counter
}

func newInstruments(cfg Config) *instruments {
	return &instruments{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hoop_exporter_gateway_requests_total",
			Help: "Requests to the gateway that ended, by HTTP status code, or by what went wrong where there is none; those that could not be sent too.",
		}, []string{"code"}),
		requestDuration: prometheus.NewHistogram(requestDurationOpts(cfg)),
		busy: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hoop_exporter_gateway_busy_seconds_total",
			Help: "Seconds for which a request to the gateway was under way; its rate is the share of time that the gateway was kept busy.",
		}),
		refreshes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hoop_exporter_refreshes_total",
			Help: "Refreshes that ended, failed ones included.",
		}),
		refreshFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hoop_exporter_refresh_failures_total",
			Help: "Refreshes that ended without the newest page and the first page of pending reviews.",
		}),
		refreshDuration: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hoop_exporter_refresh_duration_seconds",
			Help: "Seconds that the last ended refresh took, failed or not; 0 before the first.",
		}),
		stateSaveFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hoop_exporter_state_save_failures_total",
			Help: "Times that the state could not be written to disk. Counters stay at their last saved values until it can.",
		}),
	}
}

// requestDurationOpts has bounds for answers that take from milliseconds to a minute and a half, by the gateway's version and size.
func requestDurationOpts(cfg Config) prometheus.HistogramOpts {
	o := prometheus.HistogramOpts{
		Name:    "hoop_exporter_gateway_request_duration_seconds",
		Help:    "Seconds that a request to the gateway took, answer read, failed or not.",
		Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 90},
		// Once there are too many native buckets they get coarser. A reset instead would make the count fall.
		NativeHistogramBucketFactor:    1.1,
		NativeHistogramMaxBucketNumber: 160,
	}
	if cfg.NoClassicHistograms {
		o.Buckets = []float64{math.Inf(1)} // an empty list would mean the default ones where there are no native ones either
	}
	if cfg.NoNativeHistograms {
		o.NativeHistogramBucketFactor = 0
	}
	return o
}

// request notes a request that ended. code is the HTTP status, or a word for what went wrong where there is none.
func (i *instruments) request(code string, took time.Duration) {
	i.requests.WithLabelValues(validText(code)).Inc()
	i.requestDuration.Observe(took.Seconds())
	i.busy.Add(max(took, 0).Seconds())
}

// refreshed notes a refresh that ended.
func (i *instruments) refreshed(took time.Duration, failed bool) {
	i.refreshes.Inc()
	if failed {
		i.refreshFailures.Inc()
	}
	i.refreshDuration.Set(took.Seconds())
}

// stateSaveFailed notes that the state could not be written.
func (i *instruments) stateSaveFailed() { i.stateSaveFailures.Inc() }

func (i *instruments) all() []prometheus.Collector {
	return []prometheus.Collector{
		i.requests, i.requestDuration, i.busy, i.refreshes, i.refreshFailures, i.refreshDuration, i.stateSaveFailures,
	}
}

func (i *instruments) describe(ch chan<- *prometheus.Desc) {
	for _, c := range i.all() {
		c.Describe(ch)
	}
}

func (i *instruments) collect(ch chan<- prometheus.Metric) {
	for _, c := range i.all() {
		c.Collect(ch)
	}
}
