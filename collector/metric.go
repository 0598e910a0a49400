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
	out.Gauge = &dto.Gauge{Value: new(g.value)}
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
	out.Counter = &dto.Counter{Value: new(float64(c.value)), CreatedTimestamp: timestamp(c.created), Exemplar: exemplarOf(c.exemplar)}
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
	at := timestamp(e.At)
	if at == nil {
		return nil
	}
	return &dto.Exemplar{Label: []*dto.LabelPair{labelPair(exemplarLabel, e.SessionID)}, Value: new(e.Value), Timestamp: at}
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

// timestamp is t for a protobuf; nil where t is zero or protobuf cannot hold it, because an encoder would fail the scrape.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	if ts := timestamppb.New(t); ts.IsValid() {
		return ts
	}
	return nil
}

// labelPair is one label, in one piece of memory.
func labelPair(name, value string) *dto.LabelPair {
	p := &struct {
		pair        dto.LabelPair
		name, value string
	}{name: name, value: validText(value)}
	p.pair.Name, p.pair.Value = &p.name, &p.value
	return &p.pair
}

// validText returns s as a label value that no scrape fails over. The ledger lets only valid UTF-8 through; were it not so, two
// values that are invalid in different ways stay two, which replacing the bad bytes would not do.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strconv.Quote(s)
}
