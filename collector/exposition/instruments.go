package exposition

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Instruments are what a collector counts while it works. They live as long as the collector does, and are safe for concurrent use.
type Instruments struct {
	requests        *prometheus.CounterVec
	requestDuration prometheus.Histogram
	busy            prometheus.Counter
	malformedFields *prometheus.CounterVec

	refreshes, refreshFailures prometheus.Counter
	refreshDuration            prometheus.Gauge
	stateSaveFailures          prometheus.Counter
	clockSteps                 prometheus.Counter

	all []prometheus.Collector
}

// NewInstruments returns instruments that show 0. Of o they need the kinds of histogram buckets.
func NewInstruments(o Options) *Instruments {
	i := &Instruments{}
	i.requests = add(i, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hoop_exporter_gateway_requests_total",
		Help: "Requests to the gateway that ended, by HTTP status code or, without one, by the kind of error, including requests that could not be sent.",
	}, []string{"code"}))
	i.requestDuration = add(i, prometheus.NewHistogram(withBuckets(o, prometheus.HistogramOpts{
		Name: "hoop_exporter_gateway_request_duration_seconds",
		Help: "Seconds that a request to the gateway took, including reading the answer, failed or not.",
	})))
	i.busy = add(i, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hoop_exporter_gateway_busy_seconds_total",
		Help: "Seconds in which a request to the gateway was in flight; its rate is the share of time that the exporter kept the gateway busy.",
	}))
	i.malformedFields = add(i, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hoop_exporter_malformed_fields_total",
		Help: "Fields in the gateway's answers that could not be used and count as absent, by name; the same field of the same session counts again in each answer.",
	}, []string{"field"}))
	i.refreshes = add(i, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hoop_exporter_refreshes_total",
		Help: "Refreshes that ended, including failed ones.",
	}))
	i.refreshFailures = add(i, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hoop_exporter_refresh_failures_total",
		Help: "Refreshes that failed: they could not read the newest page or the first page of pending reviews.",
	}))
	i.refreshDuration = add(i, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "hoop_exporter_refresh_duration_seconds",
		Help: "Seconds that the last refresh took, failed or not; 0 before the first.",
	}))
	i.stateSaveFailures = add(i, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hoop_exporter_state_save_failures_total",
		Help: "Times that the state could not be saved; counters stay at their last saved values until it can be.",
	}))
	i.clockSteps = add(i, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hoop_exporter_gateway_clock_steps_total",
		Help: "Number of times that the gateway's clock (header Date of its answers) went back after the exporter had followed it, so that sessions were read again.",
	}))
	return i
}

// add makes c one of the instruments that are described and collected.
func add[C prometheus.Collector](i *Instruments, c C) C {
	i.all = append(i.all, c)
	return c
}

// instrumentLabels are the labels of all instruments together.
func instrumentLabels() []string { return []string{"code", "field"} }

// withBuckets adds bounds for answers that take from milliseconds to a minute and a half, which depends on the gateway's version and size.
func withBuckets(o Options, h prometheus.HistogramOpts) prometheus.HistogramOpts {
	h.Buckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 90}
	// When there are too many native buckets, they get coarser. A reset instead would make the count fall.
	h.NativeHistogramBucketFactor = 1.1
	h.NativeHistogramMaxBucketNumber = 160
	if o.NoClassicHistograms {
		h.Buckets = []float64{math.Inf(1)} // an empty list would mean the default bounds if there are no native buckets either
	}
	if o.NoNativeHistograms {
		h.NativeHistogramBucketFactor = 0
	}
	return h
}

// Request counts a request that ended. code is the HTTP status, or, without one, a word for what went wrong.
func (i *Instruments) Request(code string, took time.Duration) {
	i.requests.WithLabelValues(validText(code)).Inc()
	i.requestDuration.Observe(took.Seconds())
	i.busy.Add(max(took, 0).Seconds())
}

// MalformedFields counts the fields of an answer that could not be used.
func (i *Instruments) MalformedFields(fields []client.MalformedField) {
	for _, f := range fields {
		i.malformedFields.WithLabelValues(f.Name).Add(float64(f.Count))
	}
}

// Refreshed counts a refresh that ended.
func (i *Instruments) Refreshed(took time.Duration, failed bool) {
	i.refreshes.Inc()
	if failed {
		i.refreshFailures.Inc()
	}
	i.refreshDuration.Set(took.Seconds())
}

// StateSaveFailed counts a state that could not be written.
func (i *Instruments) StateSaveFailed() { i.stateSaveFailures.Inc() }

// GatewayClockStepped counts a clock of the gateway that was set back.
func (i *Instruments) GatewayClockStepped() { i.clockSteps.Inc() }

// Describe implements [prometheus.Collector].
func (i *Instruments) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range i.all {
		c.Describe(ch)
	}
}

// Collect implements [prometheus.Collector].
func (i *Instruments) Collect(ch chan<- prometheus.Metric) {
	for _, c := range i.all {
		c.Collect(ch)
	}
}
