package exposition

import (
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// BenchmarkScrape gathers and encodes a snapshot in which every target has full histograms and exemplars. Beside it, as the reference:
// plain client_golang vectors that hold the same series and have only to be written at a scrape. A const metric allocates its labels one by
// one and sorts them, about 13 allocations more for each series than vectors need. It takes a scrape no longer than that of the vectors.
func BenchmarkScrape(b *testing.B) {
	for _, targets := range []int{200, 2000} {
		s := fullSnapshot(targets)
		o := Options{
			LongRunning: []Threshold{{"1h", time.Hour}, {"8h", 8 * time.Hour}, {"24h", 24 * time.Hour}, {"72h", 72 * time.Hour}},
			Overdue:     []Threshold{{"5m", 5 * time.Minute}, {"20m", 20 * time.Minute}, {"1h", time.Hour}, {"24h", 24 * time.Hour}},
		}
		c := showing(b, o, s, viewOf(s))
		ours, plain := prometheus.NewRegistry(), prometheus.NewRegistry()
		ours.MustRegister(c)
		families, err := ours.Gather()
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range families {
			plain.MustRegister(plainVector(f))
		}
		for name, format := range map[string]expfmt.FormatType{"text": expfmt.TypeTextPlain, "protobuf": expfmt.TypeProtoDelim} {
			b.Run(fmt.Sprintf("targets=%d/%s/exposition", targets, name), func(b *testing.B) { benchmarkScrape(b, ours, format) })
			b.Run(fmt.Sprintf("targets=%d/%s/vectors", targets, name), func(b *testing.B) { benchmarkScrape(b, plain, format) })
		}
	}
}

func benchmarkScrape(b *testing.B, g prometheus.Gatherer, format expfmt.FormatType) {
	b.ReportAllocs()
	var series, size int
	for b.Loop() {
		families, err := g.Gather()
		if err != nil {
			b.Fatal(err)
		}
		w := &countingWriter{}
		enc := expfmt.NewEncoder(w, expfmt.NewFormat(format))
		series = 0
		for _, f := range families {
			series += len(f.GetMetric())
			if err := enc.Encode(f); err != nil {
				b.Fatal(err)
			}
		}
		size = w.n
	}
	b.ReportMetric(float64(series), "metrics")
	b.ReportMetric(float64(size), "bytes")
}

type countingWriter struct{ n int }

func (w *countingWriter) Write(p []byte) (int, error) {
	w.n += len(p)
	return io.Discard.Write(p)
}

// fullSnapshot has every series of each target.
func fullSnapshot(targets int) *ledger.Snapshot {
	created := at(-time.Hour)
	counters := func(exemplars bool, labels ...string) []ledger.Counter {
		var out []ledger.Counter
		for i, label := range labels {
			c := ledger.Counter{Value: uint64(i), Created: created}
			copy(c.Labels[:], strings.Split(label, " "))
			if exemplars {
				c.Exemplar = &ledger.Exemplar{SessionID: sessionB, Value: 1, At: at(0)}
			}
			out = append(out, c)
		}
		return out
	}
	s := &ledger.Snapshot{At: at(0), T0: created, BaselineComplete: true, PendingComplete: true}
	for i := range targets {
		name := fmt.Sprintf("connection-%04d", i)
		n := ledger.TargetSnapshot{
			Target:       ledger.Target{Connection: name, Type: "database"},
			Open:         [ledger.States]int{1, 2, 3, 4, 5},
			RunningSince: []time.Time{at(-30 * time.Hour), at(-time.Hour)}, RunningUsers: 2, ReadySince: at(-time.Minute),
			OpenReviews:  []ledger.ReviewCount{{Status: "APPROVED", Type: "jit", Count: 1}, {Status: "PENDING", Type: "jit", Count: 2}},
			PendingSince: []time.Time{at(-2 * time.Hour), at(-time.Minute)},
			Approvals:    []ledger.GroupApprovals{{Group: "dba", Count: 1, Oldest: at(-time.Hour)}, {Group: "security", Count: 1, Oldest: at(-time.Hour)}},
			Started:      counters(false, "connect user", "connect machine", "connect unknown", "exec user", "exec machine", "exec unknown"),
			Finished:     counters(true, "aborted", "disconnected", "expired", "failure", "rejected", "revoked", "success", "unknown"),
			ExitCodes:    counters(true, "0", "1", "2", "254", "none"),
			Requested:    counters(false, "onetime", "jit", "unknown"),

			Redactions:    counters(true, "EMAIL_ADDRESS", "PHONE_NUMBER", "US_SSN"),
			RedactedBytes: counters(true, ""), RedactionErrors: counters(true, ""), TruncatedRecordings: counters(true, ""),
			GuardrailMatches: counters(true, "no-secrets input", "no-secrets output"),
			AIAnalyses:       counters(true, "low allow_execution", "high block_execution"),
			Decisions:        counters(true, "dba APPROVED false", "dba REJECTED false", "security APPROVED false", "security APPROVED true"),
		}
		for _, status := range []string{"APPROVED", "EXECUTED", "EXPIRED", "PROCESSING", "REJECTED", "REVOKED", "UNKNOWN"} {
			n.Resolved = append(n.Resolved, counters(false, status+" onetime", status+" jit", status+" unknown")...)
		}
		for m := range ledger.TargetMeasures {
			n.Histograms[m] = fullHistogram(m, created)
		}
		s.Targets = append(s.Targets, n)
		s.Connections = append(s.Connections, ledger.Connection{Name: name, Subtype: "postgres"})
	}
	return s
}

// fullHistogram has an observation and an exemplar in each classic bucket, and a native bucket for each, at schema 3.
func fullHistogram(m ledger.Measure, created time.Time) *ledger.Histogram {
	h := &ledger.Histogram{Created: created, Bounds: ledger.Bounds(m), Schema: 3, ZeroThreshold: prometheus.DefNativeHistogramZeroThreshold}
	for i := range len(h.Bounds) + 1 {
		v := h.Bounds[0] / 2
		if i > 0 {
			v = h.Bounds[i-1] * 1.1
		}
		h.Count++
		h.Sum += v
		h.Buckets = append(h.Buckets, 1)
		h.Exemplars = append(h.Exemplars, &ledger.Exemplar{SessionID: sessionB, Value: v, At: at(0)})
		h.Native = append(h.Native, ledger.NativeBucket{Index: int32(math.Ceil(math.Log2(v) * 8)), Count: 1})
	}
	return h
}

// plainVector is a client_golang vector that holds the series of a family.
func plainVector(f *dto.MetricFamily) prometheus.Collector {
	var names []string
	for _, l := range f.GetMetric()[0].GetLabel() {
		names = append(names, l.GetName())
	}
	switch f.GetType() {
	case dto.MetricType_COUNTER:
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.GetName(), Help: f.GetHelp()}, names)
		for _, m := range f.GetMetric() {
			c := v.WithLabelValues(values(m)...)
			if e := m.GetCounter().GetExemplar(); e != nil {
				c.(prometheus.ExemplarAdder).AddWithExemplar(m.GetCounter().GetValue(), plainExemplar(e))
			} else {
				c.Add(m.GetCounter().GetValue())
			}
		}
		return v
	case dto.MetricType_HISTOGRAM:
		var bounds []float64
		for _, b := range f.GetMetric()[0].GetHistogram().GetBucket() {
			bounds = append(bounds, b.GetUpperBound())
		}
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: f.GetName(), Help: f.GetHelp(), Buckets: bounds, NativeHistogramBucketFactor: factor(3), NativeHistogramMaxExemplars: 20,
		}, names)
		for _, m := range f.GetMetric() {
			for _, e := range m.GetHistogram().GetExemplars() {
				v.WithLabelValues(values(m)...).(prometheus.ExemplarObserver).ObserveWithExemplar(e.GetValue(), plainExemplar(e))
			}
		}
		return v
	}
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: f.GetName(), Help: f.GetHelp()}, names)
	for _, m := range f.GetMetric() {
		v.WithLabelValues(values(m)...).Set(m.GetGauge().GetValue())
	}
	return v
}

func values(m *dto.Metric) []string {
	var out []string
	for _, l := range m.GetLabel() {
		out = append(out, strings.Clone(l.GetValue()))
	}
	return out
}

func plainExemplar(e *dto.Exemplar) prometheus.Labels {
	return prometheus.Labels{"session_id": e.GetLabel()[0].GetValue()}
}
