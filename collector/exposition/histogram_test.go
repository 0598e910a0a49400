package exposition

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

func allParts() histogramParts { return histogramParts{classic: true, native: true, exemplars: true} }

// written returns what a histogram writes.
func written(t testing.TB, from *ledger.Histogram, parts histogramParts) *dto.Histogram {
	t.Helper()
	var out dto.Metric
	if err := (&histogram{from: from, parts: parts}).Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetHistogram()
}

func TestPartsOfAHistogram(t *testing.T) {
	from := smallHistogram(at(0), 40)
	for _, tc := range []struct {
		name               string
		parts              histogramParts
		buckets, exemplars int
		native             bool
	}{
		{"classic and native", histogramParts{true, true, true}, 3, 2, true},
		{"without exemplars the +Inf bucket is implied", histogramParts{true, true, false}, 2, 0, true},
		{"classic alone", histogramParts{true, false, true}, 3, 0, false},
		{"native alone", histogramParts{false, true, true}, 0, 2, true},
		{"neither: count and sum", histogramParts{false, false, true}, 0, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := written(t, from, tc.parts)
			if len(h.GetBucket()) != tc.buckets {
				t.Errorf("%d classic buckets, want %d", len(h.GetBucket()), tc.buckets)
			}
			if len(h.GetExemplars()) != tc.exemplars {
				t.Errorf("%d native exemplars, want %d", len(h.GetExemplars()), tc.exemplars)
			}
			if (h.Schema != nil) != tc.native || (len(h.GetPositiveSpan()) > 0) != tc.native || (h.ZeroThreshold != nil) != tc.native {
				t.Errorf("schema %v, zero threshold %v, %d spans; native is %v", h.Schema, h.ZeroThreshold, len(h.GetPositiveSpan()), tc.native)
			}
			if h.GetSampleCount() != 4 || h.GetSampleSum() != 46 || !h.GetCreatedTimestamp().AsTime().Equal(at(0)) {
				t.Errorf("count %d, sum %v, created %v", h.GetSampleCount(), h.GetSampleSum(), h.GetCreatedTimestamp().AsTime())
			}
		})
	}
}

func TestExemplarsOfAHistogram(t *testing.T) {
	h := written(t, smallHistogram(at(0), 40), allParts())
	for i, want := range []struct {
		bound float64
		count uint64
		id    string
		value float64
		at    time.Time
	}{
		{bound: 1, count: 1},
		{10, 3, sessionA, 3, at(-time.Minute)},
		{math.Inf(1), 4, sessionB, 40, at(-time.Hour)},
	} {
		b := h.GetBucket()[i]
		if b.GetUpperBound() != want.bound || b.GetCumulativeCount() != want.count {
			t.Errorf("bucket %d goes up to %v and holds %d, want %v and %d", i, b.GetUpperBound(), b.GetCumulativeCount(), want.bound, want.count)
		}
		e := b.GetExemplar()
		if want.id == "" {
			if e != nil {
				t.Errorf("bucket %d has the exemplar %v, want none", i, e)
			}
			continue
		}
		if e.GetValue() != want.value || !e.GetTimestamp().AsTime().Equal(want.at) || len(e.GetLabel()) != 1 ||
			e.GetLabel()[0].GetName() != "session_id" || e.GetLabel()[0].GetValue() != want.id {
			t.Errorf("bucket %d has the exemplar %v, want %v of %s at %v", i, e, want.value, want.id, want.at)
		}
		// The one of the last bucket is an hour old, the other a minute: the newest has to be last.
		if native := h.GetExemplars()[2-i]; !proto.Equal(native, e) {
			t.Errorf("native exemplar %d is %v, want the bucket's, %v", 2-i, native, e)
		}
	}
}

func TestOnlyValidExemplarsOfUUIDsAreExposed(t *testing.T) {
	for _, tc := range []struct {
		name string
		e    *ledger.Exemplar
		want bool
	}{
		{"none", nil, false},
		{"a UUID", &ledger.Exemplar{SessionID: sessionB, Value: 1, At: at(0)}, true},
		{"a UUID in capitals", &ledger.Exemplar{SessionID: sessionA, Value: 1, At: at(0)}, true},
		{"an e-mail", &ledger.Exemplar{SessionID: "jane@example.com", Value: 1, At: at(0)}, false},
		{"as long as a UUID", &ledger.Exemplar{SessionID: "jane.doe.with.a.long.name@examples.io", Value: 1, At: at(0)}, false},
		{"hyphens elsewhere", &ledger.Exemplar{SessionID: "0f8fad5bd-9cb-469f-a165-70867728950e", Value: 1, At: at(0)}, false},
		{"a letter too far", &ledger.Exemplar{SessionID: "0f8fad5b-d9cb-469f-a165-70867728950g", Value: 1, At: at(0)}, false},
		{"empty", &ledger.Exemplar{Value: 1, At: at(0)}, false},
		{"no time", &ledger.Exemplar{SessionID: sessionB, Value: 1}, false},
		{"a time that protobuf cannot hold", &ledger.Exemplar{SessionID: sessionB, Value: 1, At: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := exemplarOf(tc.e); (got != nil) != tc.want {
				t.Errorf("exposed: %v", got)
			}
			c, err := newCounter(prometheus.NewDesc("c_total", "C.", nil, nil), ledger.Counter{Exemplar: tc.e})
			if err != nil {
				t.Fatal(err)
			}
			var out dto.Metric
			if err := c.Write(&out); err != nil {
				t.Fatal(err)
			}
			if (out.GetCounter().GetExemplar() != nil) != tc.want {
				t.Errorf("a counter exposes %v", out.GetCounter().GetExemplar())
			}
		})
	}
}

// native returns buckets from pairs of index and count.
func native(pairs ...int) []ledger.NativeBucket {
	var out []ledger.NativeBucket
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, ledger.NativeBucket{Index: int32(pairs[i]), Count: uint64(pairs[i+1])})
	}
	return out
}

func TestNativeSpans(t *testing.T) {
	type span struct {
		offset int32
		length uint32
	}
	for _, tc := range []struct {
		name    string
		buckets []ledger.NativeBucket
		spans   []span
		deltas  []int64
	}{
		{"no bucket", nil, nil, nil},
		{"one", native(3, 7), []span{{3, 1}}, []int64{7}},
		{"negative index", native(-3, 7), []span{{-3, 1}}, []int64{7}},
		{"index 1 is a span at 1", native(1, 7), []span{{1, 1}}, []int64{7}},
		{"neighbors", native(3, 7, 4, 2), []span{{3, 2}}, []int64{7, -5}},
		{"a gap of two is filled", native(3, 7, 6, 2), []span{{3, 4}}, []int64{7, -7, 0, 2}},
		{"a gap of three is not", native(3, 7, 7, 2), []span{{3, 1}, {3, 1}}, []int64{7, -5}},
		{"across zero", native(-1, 1, 0, 1), []span{{-1, 2}}, []int64{1, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			spans, deltas := nativeSpans(tc.buckets)
			var got []span
			for _, s := range spans {
				got = append(got, span{s.GetOffset(), s.GetLength()})
			}
			wantSame(t, "spans", got, tc.spans)
			wantSame(t, "deltas", deltas, tc.deltas)
		})
	}
}

func wantSame[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
}

func TestAnEmptyNativeHistogramIsStillNative(t *testing.T) {
	for _, tc := range []struct {
		name      string
		threshold float64
		spans     int
	}{
		{"the zero threshold tells it", 1e-9, 0},
		{"else a span of nothing does", 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := written(t, &ledger.Histogram{Created: at(0), Buckets: []uint64{0}, ZeroThreshold: tc.threshold}, allParts())
			spans := h.GetPositiveSpan()
			if len(spans) != tc.spans || tc.spans == 1 && (spans[0].GetLength() != 0 || spans[0].GetOffset() != 0) {
				t.Errorf("spans %v, want %d of nothing", spans, tc.spans)
			}
		})
	}
}

// factor is the bucket factor for which client_golang picks a schema.
func factor(schema int32) float64 { return math.Exp2(math.Exp2(-float64(schema))) + 1e-9 }

// plainHistogram is client_golang's own histogram of the same observations.
func plainHistogram(t interface{ Fatalf(string, ...any) }, like *ledger.Histogram, observations []float64) *dto.Histogram {
	threshold := like.ZeroThreshold
	if threshold == 0 {
		threshold = prometheus.NativeHistogramZeroThresholdZero
	}
	h := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "h", Buckets: like.Bounds, NativeHistogramBucketFactor: factor(like.Schema), NativeHistogramZeroThreshold: threshold,
	})
	for _, v := range observations {
		h.Observe(v)
	}
	var out dto.Metric
	if err := h.Write(&out); err != nil {
		t.Fatalf("client_golang: %v", err)
	}
	return out.GetHistogram()
}

// Whatever is observed, the protobuf is the one that client_golang makes of the same observations.
func TestHistogramIsWrittenLikeClientGolang(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		like := &ledger.Histogram{
			Created: at(0), Bounds: ledger.Bounds(ledger.Duration),
			Schema:        rapid.Int32Range(-4, 8).Draw(t, "schema"),
			ZeroThreshold: rapid.SampledFrom([]float64{0, 1e-9, prometheus.DefNativeHistogramZeroThreshold}).Draw(t, "zero threshold"),
		}
		observations := rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 100), rapid.Float64Range(0, 1e15)), 0, 50).Draw(t, "observations")
		want := plainHistogram(t, like, observations)
		fill(like, want)
		var out dto.Metric
		if err := (&histogram{from: like, parts: allParts()}).Write(&out); err != nil {
			t.Fatal(err)
		}
		got := out.GetHistogram()
		want.CreatedTimestamp = got.CreatedTimestamp
		if !proto.Equal(got, want) {
			t.Fatalf("got\n%v\nwant\n%v", got, want)
		}
	})
}

// fill sets h to the numbers of a written histogram.
func fill(h *ledger.Histogram, from *dto.Histogram) {
	h.Count, h.Sum, h.Zero = from.GetSampleCount(), from.GetSampleSum(), from.GetZeroCount()
	before := uint64(0)
	for _, b := range from.GetBucket() {
		h.Buckets = append(h.Buckets, b.GetCumulativeCount()-before)
		before = b.GetCumulativeCount()
	}
	h.Buckets = append(h.Buckets, h.Count-before)
	h.Exemplars = make([]*ledger.Exemplar, len(h.Buckets))
	index, i, count := int32(0), 0, int64(0)
	for _, s := range from.GetPositiveSpan() {
		index += s.GetOffset()
		for range s.GetLength() {
			count += from.GetPositiveDelta()[i]
			if count > 0 {
				h.Native = append(h.Native, ledger.NativeBucket{Index: index, Count: uint64(count)})
			}
			index++
			i++
		}
	}
}

// Sessions go into a ledger, and the histogram that is written is the one that client_golang makes of their sizes and durations.
func TestSessionsBecomeTheHistogramThatClientGolangMakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := at(0)
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(1, 5000), rapid.Int64Range(1, 1<<45)), 1, 40).Draw(t, "sizes")
		micros := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 1e7), rapid.Int64Range(0, 1e12)), len(sizes), len(sizes)).Draw(t, "durations in µs")
		var bytes, seconds []float64
		var rows []client.Session
		for i := range sizes {
			exit := 0
			rows = append(rows, client.Session{
				ID: rapid.StringMatching(`[0-9a-f]{8}`).Draw(t, "id") + string(rune('a'+i%26)) + string(rune('a'+i/26)), Connection: "pg", Type: "database",
				Verb: client.VerbExec, Status: client.StatusDone, ExitCode: &exit, EventSize: sizes[i],
				StartDate: client.Time{Time: start}, EndDate: client.Time{Time: start.Add(time.Duration(micros[i]) * time.Microsecond)},
			})
			bytes, seconds = append(bytes, float64(sizes[i])), append(seconds, float64(micros[i])/1e6)
		}
		l := ledger.New(ledger.Options{Lookback: time.Hour, AllowedLateness: time.Hour, ForgetAfter: 1000 * time.Hour}, start)
		l.Apply(start, rows)
		s := l.Finish(start, start).Gauges
		if len(s.Targets) != 1 {
			t.Fatalf("%d targets, want 1", len(s.Targets))
		}
		for m, observations := range map[ledger.Measure][]float64{ledger.EventSize: bytes, ledger.Duration: seconds} {
			from := s.Targets[0].Histograms[m]
			var out dto.Metric
			if err := (&histogram{from: from, parts: histogramParts{classic: true, native: true}}).Write(&out); err != nil {
				t.Fatal(err)
			}
			got, want := out.GetHistogram(), plainHistogram(t, from, observations)
			if math.Abs(got.GetSampleSum()-want.GetSampleSum()) > 1e-9*want.GetSampleSum() {
				t.Fatalf("sum %v, want %v", got.GetSampleSum(), want.GetSampleSum())
			}
			want.CreatedTimestamp, want.SampleSum = got.CreatedTimestamp, got.SampleSum
			if !proto.Equal(got, want) {
				t.Fatalf("measure %d: got\n%v\nwant\n%v", m, got, want)
			}
		}
	})
}
