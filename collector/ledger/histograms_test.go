package ledger_test

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// The classic buckets are a promise: who computes a quantile over a change of them gets nonsense.
func TestBucketsOfMeasures(t *testing.T) {
	for m, want := range map[ledger.Measure]string{
		ledger.EventSize:  "[64 256 1024 4096 16384 65536 262144 1.048576e+06 4.194304e+06 1.6777216e+07 6.7108864e+07 2.68435456e+08 1.073741824e+09]",
		ledger.Duration:   "[0.1 0.25 0.5 1 2.5 5 10 30 60 300 900 1800 3600 14400 28800 86400]",
		ledger.ReviewWait: "[1 5 15 30 60 120 300 600 1200 1800 3600 7200 14400 28800 86400 259200]",
	} {
		if got := fmt.Sprint(ledger.Bounds(m)); got != want {
			t.Errorf("measure %d: %s, want %s", m, got, want)
		}
	}
}

// durations are the durations that a ledger has observed of sessions with these, in the order of their ids.
func durations(t *testing.T, all ...time.Duration) (*book, *ledger.Histogram) {
	t.Helper()
	b := newBook(t)
	for i, d := range all {
		b.apply(time.Hour, row(fmt.Sprintf("%03d", i), time.Second, done(time.Second+d, 0)))
	}
	return b, b.one(time.Hour).Histograms[ledger.Duration]
}

func TestClassicBucketsIncludeTheirUpperBound(t *testing.T) {
	b, h := durations(t, 0, 100*time.Millisecond, 100*time.Millisecond+microsec, 250*time.Millisecond, day, day+microsec)
	b.want("buckets", h.Buckets, "[2 2 0 0 0 0 0 0 0 0 0 0 0 0 0 1 1]")
	b.want("count, sum", []any{h.Count, h.Sum}, []any{6, 172800.450002})
	b.want("bounds", fmt.Sprint(h.Bounds), fmt.Sprint(ledger.Bounds(ledger.Duration)))
	var ids []string
	for i, e := range h.Exemplars {
		if e != nil {
			ids = append(ids, fmt.Sprint(i, "=", e.SessionID, " ", e.Value, " ", since(e.At)))
		}
	}
	b.want("exemplars", ids, "[0=001 0.1 [1h0m0s] 1=003 0.25 [1h0m0s] 15=004 86400 [1h0m0s] 16=005 86400.000001 [1h0m0s]]")
}

// An exemplar of a bucket is the newest session that fell into it in the last refresh in which one did.
func TestExemplarsOfBuckets(t *testing.T) {
	b := newBook(t)
	exemplar := func(at time.Duration) string {
		e := b.one(at).Histograms[ledger.Duration].Exemplars[0]
		return e.SessionID + " " + since(e.At)
	}
	short := func(id string, start time.Duration) client.Session { return row(id, start, done(start, 0)) }
	b.apply(time.Hour, short("a", time.Minute), short("c", time.Minute), short("b", time.Minute), short("d", time.Second))
	b.want("the newest", exemplar(time.Hour), "c [1h0m0s]")
	b.want("stays", exemplar(2*time.Hour), "c [1h0m0s]")
	b.apply(3*time.Hour, short("e", 0))
	b.want("until the next", exemplar(3*time.Hour), "e [3h0m0s]")
}

// Each observation lies in the native bucket that has it: above the lower bound, and up to the upper one, which is a part of it.
func TestNativeBucketsContainTheirObservations(t *testing.T) {
	for _, d := range []time.Duration{
		microsec, 2 * microsec, 999 * microsec, 250 * time.Millisecond, 500 * time.Millisecond, time.Second - microsec, time.Second, time.Second + microsec,
		1090507 * microsec, 1090508 * microsec, 1999999 * microsec, 2 * time.Second, 2*time.Second + microsec, 3 * time.Second, time.Minute, time.Hour, day, 365 * day,
	} {
		t.Run(d.String(), func(t *testing.T) {
			b, h := durations(t, d)
			b.want("schema", h.Schema, 3)
			if len(h.Native) != 1 || h.Native[0].Count != 1 || h.Zero != 0 {
				t.Fatalf("native buckets %v, %d of zero", h.Native, h.Zero)
			}
			checkNative(t, h.Native[0].Index, h.Schema, d.Seconds())
		})
	}
}

func checkNative(t *testing.T, index, schema int32, v float64) {
	t.Helper()
	bound := func(i int32) float64 { return math.Exp2(float64(i) / math.Exp2(float64(schema))) }
	if v <= bound(index-1) || v > bound(index) {
		t.Errorf("%v is in bucket %d of schema %d, which is from %v to %v", v, index, schema, bound(index-1), bound(index))
	}
}

func TestObservationsOfZero(t *testing.T) {
	b, h := durations(t, 0, 0, microsec)
	b.want("zero", []any{h.Zero, h.Count, len(h.Native)}, "[2 3 1]")
	b.want("threshold", h.ZeroThreshold, math.Exp2(-128))
}

// A histogram has at most 160 native buckets: if there would be more, each two neighbors become one.
func TestNativeBucketsAreBounded(t *testing.T) {
	sizes := func(n, times int) (*book, *ledger.Histogram, map[int64]uint64) {
		b := newBook(t)
		observed := map[int64]uint64{}
		id := 0
		for i := range n {
			v := int64(math.Exp2(float64(i)/8 + 4)) // each in a bucket of its own
			for range times {
				id++
				observed[v]++
				b.apply(time.Hour, row(fmt.Sprint(id), 0, done(time.Minute, 0), size(v)))
			}
		}
		return b, b.one(time.Hour).Histograms[ledger.EventSize], observed
	}
	for _, tt := range []struct{ buckets, times, schema, want int }{{160, 1, 3, 160}, {161, 2, 2, 81}, {319, 1, 2, 160}, {320, 3, 1, 81}} {
		t.Run(fmt.Sprint(tt.buckets), func(t *testing.T) {
			b, h, observed := sizes(tt.buckets, tt.times)
			b.want("schema, buckets", []any{h.Schema, len(h.Native)}, []any{tt.schema, tt.want})
			want := map[int32]uint64{}
			for v, n := range observed {
				want[int32(math.Ceil(math.Log2(float64(v))*math.Exp2(float64(h.Schema))-1e-9))] += n
			}
			got := map[int32]uint64{}
			for i, bucket := range h.Native {
				if i > 0 && bucket.Index <= h.Native[i-1].Index {
					t.Errorf("bucket %d follows %d", bucket.Index, h.Native[i-1].Index)
				}
				got[bucket.Index] = bucket.Count
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("buckets %v, want %v", got, want)
			}
		})
	}
}

// A sum does not fall, whatever is added.
func TestSumsDoNotTurnAround(t *testing.T) {
	b := newBook(t)
	var rows []client.Session
	for i := range 9000 {
		rows = append(rows, row(fmt.Sprint(i), 0, done(time.Second, 0), size(1<<50)))
	}
	b.apply(time.Hour, rows...)
	h := b.one(time.Hour).Histograms[ledger.EventSize]
	b.want("count, sum", []any{h.Count, h.Sum}, []any{9000, float64(math.MaxInt64)})
}

// A snapshot does not change, whatever the ledger does afterwards.
func TestSnapshotsDoNotChange(t *testing.T) {
	b, old := durations(t, time.Second, time.Minute)
	before := fmt.Sprint(*old)
	b.apply(2*time.Hour, row("new", time.Second, done(2*time.Second, 0)), row("another", time.Second, done(time.Hour, 0)))
	b.want("the newer one", b.one(2 * time.Hour).Histograms[ledger.Duration].Count, 4)
	b.want("the older one", fmt.Sprint(*old), before)
}
