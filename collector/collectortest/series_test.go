package collectortest

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

func TestFlattenNamesEverySeries(t *testing.T) {
	reg := prometheus.NewRegistry()
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "A gauge."})
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "A counter."}, []string{"z", "a"})
	histogram := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "h", Help: "A histogram.", Buckets: []float64{1, 2.5}}, []string{"a", "z"})
	reg.MustRegister(gauge, counter, histogram)
	gauge.Set(1)
	counter.WithLabelValues("1", `"`).Add(2)
	histogram.WithLabelValues("", "x").Observe(2)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Flatten(families)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"g": 1, `c_total{a="\"",z="1"}`: 2, `h_count{a="",z="x"}`: 1, `h_sum{a="",z="x"}`: 2,
		`h_bucket{a="",le="1",z="x"}`: 0, `h_bucket{a="",le="2.5",z="x"}`: 1, `h_bucket{a="",le="+Inf",z="x"}`: 1,
	}
	if !maps.Equal(got.Values, want) {
		t.Errorf("%v, want %v", got.Values, want)
	}
	if len(got.Cumulative) != len(want)-1 || got.Cumulative["g"] {
		t.Errorf("%v never fall", got.Cumulative)
	}
	for _, key := range []string{`c_total{a="\"",z="1"}`, `h{a="",z="x"}`} {
		if time.Since(got.Created[key]) > time.Minute {
			t.Errorf("%s was created at %v", key, got.Created[key])
		}
	}
	if sum := Sum(got.Values, "h_bucket"); sum != 2 {
		t.Errorf("buckets add up to %v, want 2", sum)
	}
	if _, err := Flatten([]*dto.MetricFamily{families[0], families[0]}); err == nil || !strings.Contains(err.Error(), "is there twice") {
		t.Errorf("a series twice: %v", err)
	}
}
