package exposition

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/hoop-exporter/hoop_exporter/client"
)

func TestInstruments(t *testing.T) {
	i := NewInstruments(Options{})
	i.Request("200", 250*time.Millisecond)
	i.Request("200", 500*time.Millisecond)
	i.Request("timeout", 30*time.Second)
	i.MalformedFields([]client.MalformedField{{Name: "exit_code", Count: 2}, {Name: "review.status", Count: 1}})
	i.MalformedFields([]client.MalformedField{{Name: "exit_code", Count: 1}})
	i.Refreshed(3*time.Second, true)
	i.Refreshed(2*time.Second, false)
	i.StateSaveFailed()
	i.GatewayClockStepped()
	err := testutil.CollectAndCompare(i, strings.NewReader(`
# HELP hoop_exporter_gateway_busy_seconds_total Seconds in which a request to the gateway was in flight; its rate is the share of time that the exporter kept the gateway busy.
# TYPE hoop_exporter_gateway_busy_seconds_total counter
hoop_exporter_gateway_busy_seconds_total 30.75
# HELP hoop_exporter_gateway_request_duration_seconds Seconds that a request to the gateway took, including reading the answer, failed or not.
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
# HELP hoop_exporter_gateway_requests_total Requests to the gateway that ended, by HTTP status code or, without one, by the kind of error, including requests that could not be sent.
# TYPE hoop_exporter_gateway_requests_total counter
hoop_exporter_gateway_requests_total{code="200"} 2
hoop_exporter_gateway_requests_total{code="timeout"} 1
# HELP hoop_exporter_malformed_fields_total Fields in the gateway's answers that could not be used and count as absent, by name; the same field of the same session counts again in each answer.
# TYPE hoop_exporter_malformed_fields_total counter
hoop_exporter_malformed_fields_total{field="exit_code"} 3
hoop_exporter_malformed_fields_total{field="review.status"} 1
# HELP hoop_exporter_refresh_duration_seconds Seconds that the last refresh took, failed or not; 0 before the first.
# TYPE hoop_exporter_refresh_duration_seconds gauge
hoop_exporter_refresh_duration_seconds 2
# HELP hoop_exporter_refresh_failures_total Refreshes that failed: they could not read the newest page or the first page of pending reviews.
# TYPE hoop_exporter_refresh_failures_total counter
hoop_exporter_refresh_failures_total 1
# HELP hoop_exporter_refreshes_total Refreshes that ended, including failed ones.
# TYPE hoop_exporter_refreshes_total counter
hoop_exporter_refreshes_total 2
# HELP hoop_exporter_state_save_failures_total Times that the state could not be saved; counters stay at their last saved values until it can be.
# TYPE hoop_exporter_state_save_failures_total counter
hoop_exporter_state_save_failures_total 1
# HELP hoop_exporter_gateway_clock_steps_total Number of times that the gateway's clock (header Date of its answers) went back after the exporter had followed it, so that sessions were read again.
# TYPE hoop_exporter_gateway_clock_steps_total counter
hoop_exporter_gateway_clock_steps_total 1
`))
	if err != nil {
		t.Error(err)
	}
}

// A clock that is set back, or a code that is not valid UTF-8, does no harm.
func TestInstrumentsTakeAnything(t *testing.T) {
	i := NewInstruments(Options{})
	i.Request("\xff", -time.Second)
	i.Refreshed(-time.Second, false)
	if _, err := testutil.CollectAndLint(i); err != nil {
		t.Error(err)
	}
	if got := testutil.ToFloat64(i.busy); got != 0 {
		t.Errorf("busy for %v s after a request of negative length", got)
	}
}

func TestInstrumentsHaveTheChosenBuckets(t *testing.T) {
	for _, tc := range []struct {
		name            string
		options         Options
		classic, native bool
	}{
		{"both", Options{}, true, true},
		{"classic alone", Options{NoNativeHistograms: true}, true, false},
		{"native alone", Options{NoClassicHistograms: true}, false, true},
		{"neither", Options{NoClassicHistograms: true, NoNativeHistograms: true}, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i := NewInstruments(tc.options)
			i.Request("200", time.Second)
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
