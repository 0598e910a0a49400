package exposition

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// Whatever text a gateway answers where it becomes a label value: no scrape fails, no series occurs twice, and the number of values is
// bounded.
func FuzzLabelValues(f *testing.F) {
	f.Add("pg-prod", "database", "postgres", "exec", "done", "APPROVED", "sre", "payments", 3)
	f.Add("", "", "", "", "", "", "", "", 0)
	f.Add("<other>", "other", "other", "other", "other", "other", "other", "other", 40)
	f.Add("a\xff", "a\xfe", "\xed\xa0\x80", "\x00", "\n", "PENDING", "g\"\\\n", "\u2028", 300)
	f.Add(strings.Repeat("ä", 200), strings.Repeat("x", 300), "{}", "le", "open", "PENDING", strings.Repeat("ü", 128), "quantile", 260)
	f.Fuzz(func(t *testing.T, connection, kind, subtype, verb, status, review, group, tag string, n int) {
		n = max(0, min(n, 400))
		// Each word also occurs with a number at its end and at its beginning.
		variant := func(word string, i, most int) string {
			switch i %= most; {
			case i == 0:
				return word
			case i%2 == 0:
				return fmt.Sprint(word, i)
			}
			return fmt.Sprint(i, word)
		}
		now := at(0)
		o, maxConnections := testOptions(), n%4
		l := ledger.New(ledger.Options{
			Lookback: time.Hour, AllowedLateness: 15 * time.Minute, ForgetAfter: 24 * time.Hour, ConnectionTags: o.ConnectionTags, MaxConnections: maxConnections,
		}, now)
		var rows []client.Session
		for i := range n + 1 {
			rows = append(rows, client.Session{
				ID: fmt.Sprint("id", i), Connection: variant(connection, i, 4), Type: variant(kind, i, 20), ConnectionSubtype: subtype,
				ConnectionTags: map[string]string{"team": variant(tag, i, 12)}, Verb: variant(verb, i, 25), Status: variant(status, i, 3),
				StartDate: client.Time{Time: now.Add(time.Duration(i) * time.Millisecond)},
				Review: &client.Review{Type: kind, Status: variant(review, i, 30), CreatedAt: client.Time{Time: now}, Groups: []client.ReviewGroup{
					{Group: variant(group, i, 1000), Status: client.ReviewPending}, {Group: group, Status: review},
				}},
			})
		}
		l.Apply(now, rows[:len(rows)/2])
		l.Finish(now, now)
		l.Apply(now.Add(time.Minute), rows)
		s := l.Finish(now.Add(time.Minute), now.Add(time.Minute)).Gauges
		wellFormed(t, o, maxConnections, s)
	})
}

// wellFormed checks that a scraper can read what is shown of a snapshot, and that its labels have few values. maxConnections 0 means no
// limit.
func wellFormed(t *testing.T, o Options, maxConnections int, s *ledger.Snapshot) {
	c := showing(t, o, s, viewOf(s))
	scraped(t, c, acceptOpenMetrics, true)
	decoded(t, scraped(t, c, acceptProtobuf, true))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(scraped(t, c, acceptText, false)))
	if err != nil {
		t.Fatalf("a scraper cannot read it: %v", err)
	}
	values := map[string]map[string]bool{}
	for _, f := range families {
		seen := map[string]bool{}
		for _, m := range f.GetMetric() {
			key := fmt.Sprint(m.GetLabel())
			if seen[key] {
				t.Errorf("%s{%s} is there twice", f.GetName(), key)
			}
			seen[key] = true
			for _, l := range m.GetLabel() {
				if v := l.GetValue(); !utf8.ValidString(v) || len(v) > 3*256 { // each invalid byte can become three
					t.Errorf("%s has a label value %q", f.GetName(), v)
				}
				if values[l.GetName()] == nil {
					values[l.GetName()] = map[string]bool{}
				}
				values[l.GetName()][l.GetValue()] = true
			}
		}
	}
	// Each label has its known words, at most 8 more (200 groups), and "other".
	for label, most := range map[string]int{"type": 7 + 8 + 1, "verb": 2 + 8 + 1, "status": 8 + 8 + 1, "state": 5, "outcome": 8, "exit_code": 258, "group": 201} {
		if len(values[label]) > most {
			t.Errorf("%s has %d values: %v", label, len(values[label]), values[label])
		}
	}
	if most := maxConnections; most > 0 && len(values["connection"]) > most+1 {
		t.Errorf("%d connections have names, want at most %d", len(values["connection"]), most)
	}
}

// Thresholds and tags either are refused or can be scraped, whatever the user chose.
func FuzzChosenLabels(f *testing.F) {
	f.Add("1h,8h", "5m", "team,environment")
	f.Add("", "1d,24h", "a.b,a-b")
	f.Add("60m,1h", "\xff", "connection,subtype,,")
	f.Fuzz(func(t *testing.T, running, overdue, tags string) {
		o := testOptions()
		var err error
		if o.LongRunning, err = ParseThresholds(running); err != nil {
			return
		}
		if o.Overdue, err = ParseThresholds(overdue); err != nil {
			return
		}
		o.ConnectionTags = strings.Split(tags, ",")
		e, err := New(o)
		if err != nil {
			return
		}
		s := everything()
		for _, key := range o.ConnectionTags {
			s.Connections[1].Tags[key] = key
		}
		if err := prometheus.NewPedanticRegistry().Register(shown{e: e, s: s, v: viewOf(s)}); err != nil {
			t.Fatal(err)
		}
		wellFormed(t, o, 0, s)
	})
}
