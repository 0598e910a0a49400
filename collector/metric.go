package collector

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// gauge is one gauge of one scrape. client_golang's own constant metrics sort labels for each; these are handed in sorted.
type gauge struct {
	desc   *prometheus.Desc
	labels []*dto.LabelPair // sorted by name, shared, without spare capacity: who appends to it gets a copy
	value  float64
}

// Desc implements [prometheus.Metric].
func (g *gauge) Desc() *prometheus.Desc { return g.desc }

// Write implements [prometheus.Metric].
func (g *gauge) Write(out *dto.Metric) error {
	out.Label = g.labels
	p := &struct { // one piece of memory rather than two, as elsewhere here: a scrape makes very many
		gauge dto.Gauge
		value float64
	}{value: g.value}
	p.gauge.Value = &p.value
	out.Gauge = &p.gauge
	return nil
}

// counter is one counter of one scrape.
type counter struct {
	desc     *prometheus.Desc
	labels   []*dto.LabelPair // as those of a gauge
	value    uint64
	created  time.Time
	exemplar *ledger.Exemplar // nil: none to show
}

// Desc implements [prometheus.Metric].
func (c *counter) Desc() *prometheus.Desc { return c.desc }

// Write implements [prometheus.Metric].
func (c *counter) Write(out *dto.Metric) error {
	out.Label = c.labels
	p := &struct {
		counter dto.Counter
		value   float64
	}{value: float64(c.value)}
	p.counter.Value, p.counter.CreatedTimestamp, p.counter.Exemplar = &p.value, timestamp(c.created), exemplarOf(c.exemplar)
	out.Counter = &p.counter
	return nil
}

// exemplarLabel is the only label of an exemplar.
const exemplarLabel = "session_id"

// exemplarOf returns what is exposed of an exemplar; nil for one that a scraper would refuse, and for one whose id is not a UUID: an id of
// another form could say more about somebody than which session it is.
func exemplarOf(e *ledger.Exemplar) *dto.Exemplar {
	if e == nil || !isUUID(e.SessionID) {
		return nil
	}
	p := &struct {
		exemplar dto.Exemplar
		labels   [1]*dto.LabelPair
		label    labelMemory
		value    float64
		at       timestamppb.Timestamp
	}{value: e.Value}
	if !setTimestamp(&p.at, e.At) {
		return nil
	}
	p.labels[0] = p.label.set(exemplarLabel, e.SessionID)
	p.exemplar.Label, p.exemplar.Value, p.exemplar.Timestamp = p.labels[:], &p.value, &p.at
	return &p.exemplar
}

// isUUID tells whether s is 8-4-4-4-12 hexadecimal digits.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return false
			}
		}
	}
	return true
}

// timestamp is t for a protobuf; nil where there is none to show.
func timestamp(t time.Time) *timestamppb.Timestamp {
	ts := &timestamppb.Timestamp{}
	if !setTimestamp(ts, t) {
		return nil
	}
	return ts
}

// setTimestamp sets ts to t. It returns false where t is zero or more than protobuf can hold, over which an encoder would fail the scrape.
func setTimestamp(ts *timestamppb.Timestamp, t time.Time) bool {
	ts.Seconds, ts.Nanos = t.Unix(), int32(t.Nanosecond())
	return !t.IsZero() && ts.IsValid()
}

// labelMemory is a label with what it points to.
type labelMemory struct {
	pair        dto.LabelPair
	name, value string
}

func (m *labelMemory) set(name, value string) *dto.LabelPair {
	m.name, m.value = name, validText(value)
	m.pair.Name, m.pair.Value = &m.name, &m.value
	return &m.pair
}

func labelPair(name, value string) *dto.LabelPair { return new(labelMemory).set(name, value) }

// validText returns s as a label value that no scrape fails over. The ledger lets only valid UTF-8 through; were it not so, two
// values that are invalid in different ways stay two, which replacing the bad bytes would not do.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strconv.Quote(s)
}
