package exposition

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// exemplarLabel is the only label of an exemplar.
const exemplarLabel = "session_id"

// newCounter returns a counter of one scrape. Its created timestamp and its exemplar are left out if a scraper would reject them.
func newCounter(desc *prometheus.Desc, from ledger.Counter, labels ...string) (m prometheus.Metric, err error) {
	if timeIsValid(from.Created) {
		m, err = prometheus.NewConstMetricWithCreatedTimestamp(desc, prometheus.CounterValue, float64(from.Value), from.Created, labels...)
	} else {
		m, err = prometheus.NewConstMetric(desc, prometheus.CounterValue, float64(from.Value), labels...)
	}
	if err != nil || !exemplarIsValid(from.Exemplar) {
		return m, err
	}
	return prometheus.NewMetricWithExemplars(m, prometheus.Exemplar{
		Value: from.Exemplar.Value, Labels: prometheus.Labels{exemplarLabel: from.Exemplar.SessionID}, Timestamp: from.Exemplar.At,
	})
}

// exemplarIsValid returns false if there is no exemplar, if a scraper would reject it, or if its id is not a UUID: an id in another form
// could contain more about a person than which session it is.
func exemplarIsValid(e *ledger.Exemplar) bool {
	return e != nil && isUUID(e.SessionID) && timeIsValid(e.At)
}

// isUUID returns true for 8-4-4-4-12 hexadecimal digits only, not for the other forms that package uuid accepts.
func isUUID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

// timeIsValid returns false for the zero time and for one that protobuf cannot hold, over which an encoder would fail the scrape.
func timeIsValid(t time.Time) bool {
	return !t.IsZero() && timestamppb.New(t).IsValid()
}

// exemplarOf returns an exemplar of a histogram's bucket; nil if there is none to show.
func exemplarOf(e *ledger.Exemplar) *dto.Exemplar {
	if !exemplarIsValid(e) {
		return nil
	}
	p := &struct { // one allocation instead of seven: a scrape makes very many
		exemplar dto.Exemplar
		labels   [1]*dto.LabelPair
		label    dto.LabelPair
		name, id string
		value    float64
		at       timestamppb.Timestamp
	}{name: exemplarLabel, id: e.SessionID, value: e.Value}
	p.label.Name, p.label.Value, p.labels[0] = &p.name, &p.id, &p.label
	p.at.Seconds, p.at.Nanos = e.At.Unix(), int32(e.At.Nanosecond())
	p.exemplar.Label, p.exemplar.Value, p.exemplar.Timestamp = p.labels[:], &p.value, &p.at
	return &p.exemplar
}

// validText returns s as a label value over which no scrape fails. The ledger passes only valid UTF-8 on. Should it not, then two values
// that are invalid in different ways stay two, which they would not if their invalid bytes were replaced.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strconv.Quote(s)
}
