package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

const (
	acceptText        = "text/plain;version=0.0.4"
	acceptOpenMetrics = "application/openmetrics-text;version=1.0.0"
	acceptProtobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

// scraped scrapes a collector's handler like a scraper that accepts one format.
func scraped(t fataler, c prometheus.Collector, accept string, created bool) []byte {
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(c); err != nil {
		t.Fatalf("registering: %v", err)
	}
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true, EnableOpenMetricsTextCreatedSamples: created}).ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("HTTP %d: %s", w.Code, w.Body)
	}
	if kind, _, _ := strings.Cut(accept, ";"); !strings.HasPrefix(w.Header().Get("Content-Type"), kind) {
		t.Fatalf("answered %s, requested %s", w.Header().Get("Content-Type"), accept)
	}
	return w.Body.Bytes()
}

type fataler interface{ Fatalf(string, ...any) }

// decoded reads the families of a protobuf answer.
func decoded(t fataler, body []byte) map[string]*dto.MetricFamily {
	out := map[string]*dto.MetricFamily{}
	dec := expfmt.NewDecoder(bytes.NewReader(body), expfmt.NewFormat(expfmt.TypeProtoDelim))
	for {
		var f dto.MetricFamily
		if err := dec.Decode(&f); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("reading the protobuf answer: %v", err)
		}
		out[f.GetName()] = &f
	}
}

func TestProtobufHasNativeHistogramsExemplarsAndCreatedTimestamps(t *testing.T) {
	s := everything()
	families := decoded(t, scraped(t, showing(t, testOptions(), s, viewOf(s)), acceptProtobuf, false))
	for _, name := range []string{"hoop_session_event_size_bytes", "hoop_session_duration_seconds", "hoop_review_wait_seconds"} {
		h := families[name].GetMetric()[0].GetHistogram()
		if h.Schema == nil || len(h.GetPositiveSpan()) != 2 || h.GetZeroCount() != 1 || len(h.GetBucket()) != 3 || len(h.GetExemplars()) != 2 {
			t.Errorf("%s is %v", name, h)
		}
	}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			if m.TimestampMs != nil {
				t.Errorf("%s has a sample timestamp", name)
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				if !m.GetCounter().GetCreatedTimestamp().AsTime().Equal(s.T0) {
					t.Errorf("%s was created %v, want %v", name, m.GetCounter().GetCreatedTimestamp().AsTime(), s.T0)
				}
			case dto.MetricType_HISTOGRAM:
				if !m.GetHistogram().GetCreatedTimestamp().AsTime().Equal(s.T0) {
					t.Errorf("%s was created %v, want %v", name, m.GetHistogram().GetCreatedTimestamp().AsTime(), s.T0)
				}
			}
		}
	}
}

func TestOpenMetrics(t *testing.T) {
	s := everything()
	const (
		onCounter   = `hoop_sessions_finished_total{connection="pg",outcome="failure",type="database"} 2.0 # {session_id="` + sessionA + `"} 1.0 1.7673229856789e+09`
		onHistogram = `hoop_session_event_size_bytes_bucket{connection="pg",type="database",le="10.0"} 3 # {session_id="` + sessionA + `"} 3.0 1.7673229856789e+09`
		created     = `hoop_reviews_requested_created{connection="pg",review_type="onetime",type="database"} 1.7673194456789e+09`
	)
	for _, tc := range []struct {
		name      string
		change    func(*Options)
		created   bool
		want, not []string
	}{
		{"exemplars", func(*Options) {}, false, []string{onCounter, onHistogram}, []string{"_created{", "_created 1"}},
		{"without exemplars", func(o *Options) { o.NoExemplars = true }, false, nil, []string{"session_id"}},
		{"with created lines", func(*Options) {}, true, []string{created}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := testOptions()
			tc.change(&o)
			got := string(scraped(t, showing(t, o, s, viewOf(s)), acceptOpenMetrics, tc.created))
			for _, line := range tc.want {
				if !strings.Contains(got, "\n"+line+"\n") {
					t.Errorf("missing: %s", line)
				}
			}
			for _, part := range tc.not {
				if strings.Contains(got, part) {
					t.Errorf("there is a %s", part)
				}
			}
			if !strings.HasSuffix(got, "# EOF\n") {
				t.Error("no end")
			}
		})
	}
}

// hostile returns odd names that a user could give a connection, a group or a tag.
func hostile() []string {
	return []string{
		"", " ", "\xff", "\xfe", "a\xc3", "\x00", "\n", `\`, `\n`, `"`, `"} 1` + "\n" + `hoop_up 0`, "é", "日本", "\u2028", "<other>", "{}", "#", "=",
		strings.Repeat("x", 10_000),
	}
}

func TestHostileLabelValues(t *testing.T) {
	s := &ledger.Snapshot{At: at(0), T0: at(0), BaselineComplete: true, PendingComplete: true}
	for _, v := range hostile() {
		n := everything().Targets[1]
		n.Target = ledger.Target{Connection: v, Type: v}
		n.Approvals[0].Group = v
		n.OpenReviews[0].Status, n.OpenReviews[0].Type = v, v
		for _, c := range []*ledger.Counter{
			&n.Started[0], &n.Finished[0], &n.ExitCodes[0], &n.Resolved[0], &n.Redactions[0], &n.GuardrailMatches[0], &n.AIAnalyses[0], &n.Decisions[0],
		} {
			c.Labels = ledger.Labels{v, v, v}
		}
		s.GroupWaits = append(s.GroupWaits, ledger.GroupHistogram{Group: v, Histogram: smallHistogram(at(0), 1)})
		s.Targets = append(s.Targets, n)
		s.Connections = append(s.Connections, ledger.Connection{Name: v, Subtype: v, Tags: map[string]string{"team": v}})
	}
	v := viewOf(s)
	v.Version = "\xff"
	c := showing(t, testOptions(), s, v)
	for name, accept := range map[string]string{"text": acceptText, "OpenMetrics": acceptOpenMetrics, "protobuf": acceptProtobuf} {
		t.Run(name, func(t *testing.T) { scraped(t, c, accept, true) })
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(scraped(t, c, acceptText, false)))
	if err != nil {
		t.Fatalf("a scraper cannot read it: %v", err)
	}
	var got []string
	for _, m := range families["hoop_connection_info"].GetMetric() {
		got = append(got, m.GetLabel()[0].GetValue())
	}
	for _, v := range hostile() {
		if utf8.ValidString(v) && !slices.Contains(got, v) {
			t.Errorf("%q did not arrive", v)
		}
	}
	if len(got) != len(hostile()) {
		t.Errorf("%d connections arrived of %d", len(got), len(hostile()))
	}
	if up := families["hoop_up"].GetMetric(); len(up) != 1 || up[0].GetGauge().GetValue() != 1 {
		t.Error("a label value was read as a sample")
	}
}

// Whatever a snapshot holds, no scrape fails, in any format.
func TestNoSnapshotFailsAScrape(t *testing.T) {
	e, err := New(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := anySnapshot(t)
		v := View{Now: anyTime(t), Up: rapid.Bool().Draw(t, "up"), Withheld: rapid.Bool().Draw(t, "withheld"), Version: anyText().Draw(t, "version"), LastSuccess: anyTime(t)}
		c := shown{e: e, s: s, v: v}
		scraped(t, c, acceptText, true)
		scraped(t, c, acceptOpenMetrics, true)
		decoded(t, scraped(t, c, acceptProtobuf, true))
	})
}

func anyText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom(hostile()), rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
}

func anyTime(t *rapid.T) time.Time {
	return rapid.SampledFrom([]time.Time{{}, at(0), at(time.Hour), at(-1e6 * time.Hour), time.Unix(0, 0), time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}).Draw(t, "time")
}

func anySnapshot(t *rapid.T) *ledger.Snapshot {
	s := &ledger.Snapshot{
		At: anyTime(t), T0: anyTime(t), BaselineComplete: rapid.Bool().Draw(t, "baseline"), PendingComplete: rapid.Bool().Draw(t, "pending"),
	}
	counters := func() (out []ledger.Counter) {
		for _, label := range rapid.SliceOfNDistinct(anyText(), 0, 4, rapid.ID).Draw(t, "labels") {
			labels := ledger.Labels{label, anyText().Draw(t, "second label"), anyText().Draw(t, "third label")}
			out = append(out, ledger.Counter{Labels: labels, Value: rapid.Uint64().Draw(t, "value"), Created: anyTime(t), Exemplar: anyExemplar(t)})
		}
		return out
	}
	for _, name := range rapid.SliceOfNDistinct(anyText(), 0, 4, rapid.ID).Draw(t, "connections") {
		s.Connections = append(s.Connections, ledger.Connection{Name: name, Subtype: anyText().Draw(t, "subtype"), Tags: map[string]string{"team": anyText().Draw(t, "tag")}})
		n := ledger.TargetSnapshot{
			Target: ledger.Target{Connection: name, Type: anyText().Draw(t, "type")}, RunningSince: []time.Time{anyTime(t)}, PendingSince: []time.Time{anyTime(t)},
			ReadySince: anyTime(t), RunningUsers: rapid.IntRange(0, 3).Draw(t, "users"),
			Started: counters(), Finished: counters(), ExitCodes: counters(), Resolved: counters(), Requested: counters(),
			Redactions: counters(), GuardrailMatches: counters(), AIAnalyses: counters(), Decisions: counters(),
			RedactedBytes: []ledger.Counter{{Created: anyTime(t), Exemplar: anyExemplar(t)}},
		}
		for _, c := range counters() {
			n.OpenReviews = append(n.OpenReviews, ledger.ReviewCount{Status: c.Labels[0], Type: c.Labels[1], Count: int(c.Value % 3)})
			n.Approvals = append(n.Approvals, ledger.GroupApprovals{Group: c.Labels[0], Count: int(c.Value % 3), Oldest: anyTime(t)})
		}
		if rapid.Bool().Draw(t, "histogram") {
			h := smallHistogram(anyTime(t), 40)
			h.Exemplars = []*ledger.Exemplar{anyExemplar(t), anyExemplar(t), anyExemplar(t)}
			n.Histograms[ledger.Duration] = h
		}
		s.Targets = append(s.Targets, n)
	}
	return s
}

func anyExemplar(t *rapid.T) *ledger.Exemplar {
	if rapid.Bool().Draw(t, "no exemplar") {
		return nil
	}
	id := rapid.OneOf(anyText(), rapid.Just(sessionA)).Draw(t, "session")
	return &ledger.Exemplar{SessionID: id, Value: rapid.Float64().Draw(t, "exemplar"), At: anyTime(t)}
}

// Scrapes at the same time, through registries that add labels of their own, all see the same.
func TestScrapesAtTheSameTime(t *testing.T) {
	s := everything()
	reg := prometheus.NewPedanticRegistry()
	c := showing(t, testOptions(), s, viewOf(s))
	for _, gateway := range []string{"a", "b"} {
		prometheus.WrapRegistererWith(prometheus.Labels{"gateway": gateway, "zone": "z"}, reg).MustRegister(c)
	}
	first := gathered(t, reg)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if got := gathered(t, reg); got != first {
					t.Error("a scrape differs from the first one")
				}
			}
		})
	}
	wg.Wait()
}

// gathered returns everything that a registry has, as one comparable string.
func gathered(t *testing.T, g prometheus.Gatherer) string {
	families, err := g.Gather()
	if err != nil {
		t.Errorf("a scrape failed: %v", err)
	}
	var out strings.Builder
	for _, f := range families {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(f)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(&out, "%x\n", b)
	}
	return out.String()
}

// A metric may be written more than once, and what a caller appends to one result is not in another.
func TestWritingTwiceSharesNoList(t *testing.T) {
	s := everything()
	ch := make(chan prometheus.Metric, 1000)
	showing(t, testOptions(), s, viewOf(s)).Collect(ch)
	close(ch)
	for m := range ch {
		var first, second dto.Metric
		if err := m.Write(&first); err != nil {
			t.Fatal(err)
		}
		before := proto.Clone(&first)
		first.Label = append(first.Label, &dto.LabelPair{})
		if h := first.GetHistogram(); h != nil {
			h.Exemplars = append(h.Exemplars, &dto.Exemplar{})
			h.Bucket = append(h.Bucket, &dto.Bucket{})
			h.PositiveDelta[0], h.Bucket[0] = 99, &dto.Bucket{}
		}
		if err := m.Write(&second); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(before, &second) {
			t.Errorf("%v: first %v, then %v", m.Desc(), before, &second)
		}
		if len(first.Label) > 1 && cap(second.Label) > len(second.Label) {
			t.Errorf("%v: appending labels to one result changes another", m.Desc())
		}
		if !slices.IsSortedFunc(second.GetLabel(), func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) }) {
			t.Errorf("%v: labels are not sorted: %v", m.Desc(), second.GetLabel())
		}
	}
}
