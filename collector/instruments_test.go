package collector

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
)

type shownInstruments struct{ *instruments }

func (i shownInstruments) Describe(ch chan<- *prometheus.Desc) { i.describe(ch) }
func (i shownInstruments) Collect(ch chan<- prometheus.Metric) { i.collect(ch) }

func TestInstruments(t *testing.T) {
	i := newInstruments(Config{})
	i.request("200", 250*time.Millisecond)
	i.request("200", 500*time.Millisecond)
	i.request("timeout", 30*time.Second)
	i.refreshed(3*time.Second, true)
	i.refreshed(2*time.Second, false)
	i.stateSaveFailed()
	err := testutil.CollectAndCompare(shownInstruments{i}, strings.NewReader(`
# HELP hoop_exporter_gateway_busy_seconds_total Seconds for which a request to the gateway was under way; its rate is the share of time that the gateway was kept busy.
# TYPE hoop_exporter_gateway_busy_seconds_total counter
hoop_exporter_gateway_busy_seconds_total 30.75
# HELP hoop_exporter_gateway_request_duration_seconds Seconds that a request to the gateway took, answer read, failed or not.
# TYPE hoop_exporter_gateway_request_duration_seconds histogram
hoop_exporter_gateway_request_duration_seconds_bucket{le="0.005"} 0
hoop_exporter_gateway_request_duration_seconds_bucket{le="0.01"} 0
hoop_exporter_gateway_request_duration_seconds_bucket{le="0.025"} 0
hoop_exporter_gateway_request_duration_seconds_bucket{le="0.05"} 0
hoop_exporter_gateway_request_duration_seconds_bucket{le="0.1"} 0
hoop_exporter_gateway_request_duration_seconds_bucket{le="0.25"} 1
hoop_exporter_gateway_request_duration_seconds_bucket{le="0.5"} 2
hoop_exporter_gateway_request_duration_seconds_bucket{le="1"} 2
hoop_exporter_gateway_request_duration_seconds_bucket{le="2.5"} 2
hoop_exporter_gateway_request_duration_seconds_bucket{le="5"} 2
hoop_exporter_gateway_request_duration_seconds_bucket{le="10"} 2
hoop_exporter_gateway_request_duration_seconds_bucket{le="30"} 3
hoop_exporter_gateway_request_duration_seconds_bucket{le="90"} 3
hoop_exporter_gateway_request_duration_seconds_bucket{le="+Inf"} 3
hoop_exporter_gateway_request_duration_seconds_sum 30.75
hoop_exporter_gateway_request_duration_seconds_count 3
# HELP hoop_exporter_gateway_requests_total Requests to the gateway that ended, by HTTP status code, or by what went wrong where there is none; those that could not be sent too.
# TYPE hoop_exporter_gateway_requests_total counter
hoop_exporter_gateway_requests_total{code="200"} 2
hoop_exporter_gateway_requests_total{code="timeout"} 1
# HELP hoop_exporter_refresh_duration_seconds Seconds that the last ended refresh took, failed or not; 0 before the first.
# TYPE hoop_exporter_refresh_duration_seconds gauge
hoop_exporter_refresh_duration_seconds 2
# HELP hoop_exporter_refresh_failures_total Refreshes that ended without the newest page and the first page of pending reviews.
# TYPE hoop_exporter_refresh_failures_total counter
hoop_exporter_refresh_failures_total 1
# HELP hoop_exporter_refreshes_total Refreshes that ended, failed ones included.
# TYPE hoop_exporter_refreshes_total counter
hoop_exporter_refreshes_total 2
# HELP hoop_exporter_state_save_failures_total Times that the state could not be written to disk. Counters stay at their last saved values until it can.
# TYPE hoop_exporter_state_save_failures_total counter
hoop_exporter_state_save_failures_total 1
`))
	if err != nil {
		t.Error(err)
	}
}

// A clock that is set back, or a word that is no UTF-8, must not take the exporter down.
func TestInstrumentsTakeAnything(t *testing.T) {
	i := newInstruments(Config{})
	i.request("\xff", -time.Second)
	i.refreshed(-time.Second, false)
	if _, err := testutil.CollectAndLint(shownInstruments{i}); err != nil {
		t.Error(err)
	}
	if got := testutil.ToFloat64(i.busy); got != 0 {
		t.Errorf("busy for %v s after a request of negative length", got)
	}
}

func TestInstrumentsHaveTheChosenBuckets(t *testing.T) {
	for _, tc := range []struct {
		name            string
		cfg             Config
		classic, native bool
	}{
		{"both", Config{}, true, true},
		{"classic alone", Config{NoNativeHistograms: true}, true, false},
		{"native alone", Config{NoClassicHistograms: true}, false, true},
		{"neither", Config{NoClassicHistograms: true, NoNativeHistograms: true}, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i := newInstruments(tc.cfg)
			i.request("200", time.Second)
			var m dto.Metric
			if err := i.requestDuration.Write(&m); err != nil {
				t.Fatal(err)
			}
			if h := m.GetHistogram(); (len(h.GetBucket()) > 0) != tc.classic || (h.Schema != nil) != tc.native {
				t.Errorf("%d classic buckets, schema %v", len(h.GetBucket()), h.Schema)
			}
		})
	}
}
