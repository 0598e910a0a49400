package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// counters stops the gateway from starting sessions, and compares what Prometheus has seen of each series, from its first sample to its last, with
// what happened.
func (r *rig) counters(t *testing.T) {
	t.Helper()
	if _, err := fetch(t.Context(), http.MethodPost, r.gateway+"/calm", ""); err != nil {
		t.Fatal(err)
	}
	r.say("no further session starts")
	names := collectortest.Counted()
	for _, name := range collectortest.Measured() {
		if !r.native {
			name += "_count"
		}
		names = append(names, name)
	}
	selector := "{job='hoop',__name__=~'" + strings.Join(names, "|") + "'}[15m]"
	var saw map[string]series
	collectortest.Eventually(t, 2*time.Minute, half, func() string {
		saw = map[string]series{}
		for _, s := range r.vector(t, selector) {
			k := seriesKey(s.Metric)
			if len(s.Histograms) > 0 {
				s.Values = s.Histograms
				k = strings.Replace(k, "{", "_count{", 1)
			}
			saw[k] = s
		}
		return notIncreasedAs(saw, r.truth(t))
	})
	if !r.native {
		for _, name := range collectortest.Measured() {
			names = append(names, name+"_sum", name+"_bucket")
		}
	}
	for _, name := range names {
		for _, s := range r.vector(t, "resets("+name+"{job='hoop'}[15m]) > 0") {
			t.Errorf("%s%s has %v resets", name, seriesKey(s.Metric), s.Value.v)
		}
	}
	first := r.vector(t, "min_over_time(timestamp(hoop_up)[15m:1s])")[0].Value.v
	born, total := 0, 0.0
	for _, s := range saw {
		if s.Values[0].at.Sub(time.UnixMilli(int64(first*1000))) > time.Second {
			born++
		}
		total += increase(s)
	}
	if born < 20 {
		t.Errorf("only %d series were born during the run", born)
	}
	r.say("last minus first sample is the truth for all %d series (%.0f counted in all), %d of them born during the run; no resets", len(saw), total, born)
}

func (r *rig) truth(t *testing.T) map[string]float64 {
	t.Helper()
	v := url.Values{"lookback": {lookback}, "overlap": {overlap}, "everything": {"true"}}
	truth := fetched[gatewaytest.Truth](t, r.gateway+"/truth?"+v.Encode())
	for k := range truth.Samples {
		name, _, _ := strings.Cut(k, "{")
		if !slices.Contains(collectortest.Counted(), name) && !slices.Contains(collectortest.Measured(), strings.TrimSuffix(name, "_count")) {
			delete(truth.Samples, k)
		}
	}
	return truth.Samples
}

// increase is from the first sample to the last.
func increase(s series) float64 { return s.Values[len(s.Values)-1].v - s.Values[0].v }

// notIncreasedAs returns where what was seen is not the truth.
func notIncreasedAs(saw map[string]series, truth map[string]float64) string {
	var wrong []string
	for _, k := range slices.Sorted(maps.Keys(truth)) {
		s, ok := saw[k]
		switch {
		case !ok && truth[k] != 0:
			wrong = append(wrong, fmt.Sprintf("%s is not there, want %v", k, truth[k]))
		case ok && increase(s) != truth[k]:
			wrong = append(wrong, fmt.Sprintf("%s increased by %v, want %v: %v", k, increase(s), truth[k], s.Values[:min(4, len(s.Values))]))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(saw)) {
		if _, ok := truth[k]; !ok {
			wrong = append(wrong, k+" is made up")
		}
	}
	if n := len(wrong); n > 10 {
		wrong = append(wrong[:10:10], fmt.Sprintf("... and %d more", n-10))
	}
	return strings.Join(wrong, "\n")
}

// A check that finds nothing proves nothing unless it finds what is wrong.
func TestIncreasesAreComparedSeriesBySeries(t *testing.T) {
	saw := func(from, to float64) map[string]series {
		return map[string]series{"a": {Values: []point{{time.Unix(5, 0).UTC(), from}, {time.Unix(10, 0).UTC(), to}}}}
	}
	for _, test := range []struct {
		name  string
		saw   map[string]series
		truth map[string]float64
		want  string
	}{
		{"equal", saw(0, 3), map[string]float64{"a": 3}, ""},
		{"a first value was swallowed", saw(1, 3), map[string]float64{"a": 3}, "a increased by 2, want 3: [1 at 00:00:05.000 3 at 00:00:10.000]"},
		{"missing", saw(0, 3), map[string]float64{"a": 3, "b": 1}, "b is not there, want 1"},
		{"made up", saw(0, 3), nil, "a is made up"},
	} {
		if got := notIncreasedAs(test.saw, test.truth); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
