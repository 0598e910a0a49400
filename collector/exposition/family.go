package exposition

import (
	"fmt"
	"sort"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// fromAPI ends the help of what the gateway's API says.
const fromAPI = " of GET /api/sessions, read through a cache."

// sinceT0 says in a HELP text from what time a counter counts.
const sinceT0 = " since the exporter first ran (by the gateway's clock)"

// family is one metric family, and the only place that knows it. To add a metric, add a row to a list of families.
type family struct {
	// name and help are exposed as they are.
	name, help string
	// labels are the label names. Series are sent with one value for each, in this order.
	labels []string
	// impossible are the measures whose impossible values are left out of the family, and counted in hoop_exporter_unobserved_total.
	impossible []ledger.Measure
	// send sends the series of one scrape. It is made by one of the functions below, which decide when there is something to send.
	send func(*sender)
}

// ofTarget returns the labels of a family about sessions: connection, type, and those of its own.
func ofTarget(own ...string) []string {
	return append([]string{"connection", "type"}, own...)
}

// gauge is for a value that is always known.
func gauge(value func(*sender) float64) func(*sender) {
	return func(s *sender) { s.gauge(value(s)) }
}

// ledgerGauge is for a value of the snapshot. It is absent before the first snapshot, and not withheld.
func ledgerGauge(value func(*ledger.Snapshot) float64) func(*sender) {
	return func(s *sender) {
		if s.snapshot != nil {
			s.gauge(value(s.snapshot))
		}
	}
}

// ledgerCounter is for what the ledger counts of its own work, since T0.
func ledgerCounter(value func(*ledger.Snapshot) uint64) func(*sender) {
	return func(s *sender) {
		if s.Counted != nil {
			s.counter(ledger.Counter{Value: value(s.Counted), Created: s.Counted.T0})
		}
	}
}

// targetGauges is for gauges about sessions: each is called for each target. They are withheld when they would be out of date.
func targetGauges(each func(*sender, *ledger.TargetSnapshot)) func(*sender) {
	return func(s *sender) {
		if s.snapshot == nil || s.Withheld {
			return
		}
		for i := range s.snapshot.Targets {
			each(s, &s.snapshot.Targets[i])
		}
	}
}

// targetOldest is for the first of a target's points in time, oldest first. It is absent if a target has none.
func targetOldest(times func(*ledger.TargetSnapshot) []time.Time) func(*sender) {
	return targetGauges(func(s *sender, n *ledger.TargetSnapshot) {
		if sorted := times(n); len(sorted) > 0 {
			s.gauge(unixSeconds(sorted[0]), n.Connection, n.Type)
		}
	})
}

// targetBeyond is for a gauge by threshold: how many of a target's points in time, oldest first, are longer ago than each threshold. A 0 is
// sent only if it is known to be one.
func targetBeyond(thresholds []Threshold, times func(*ledger.TargetSnapshot) []time.Time, known func(*ledger.Snapshot) bool) func(*sender) {
	return targetGauges(func(s *sender, n *ledger.TargetSnapshot) {
		sorted := times(n)
		for _, t := range thresholds {
			limit := s.Now.Add(-t.Duration)
			count := sort.Search(len(sorted), func(i int) bool { return !sorted[i].Before(limit) })
			if count > 0 || known(s.snapshot) {
				s.gauge(float64(count), n.Connection, n.Type, t.Name)
			}
		}
	})
}

// targetCounted is for counters and histograms: each is called for each target. They are never withheld.
func targetCounted(each func(*sender, *ledger.TargetSnapshot)) func(*sender) {
	return func(s *sender) {
		if s.Counted == nil {
			return
		}
		for i := range s.Counted.Targets {
			each(s, &s.Counted.Targets[i])
		}
	}
}

// targetCounters is for counters of each target, with the labels of their own that the family has.
func targetCounters(of func(*ledger.TargetSnapshot) []ledger.Counter) func(*sender) {
	return targetCounted(func(s *sender, n *ledger.TargetSnapshot) {
		for _, c := range of(n) {
			labels := [...]string{n.Connection, n.Type, c.Labels[0], c.Labels[1], c.Labels[2]}
			s.counter(c, labels[:len(s.family.labels)]...)
		}
	})
}

// targetHistogram is for the histogram of each target. It is absent before a target's first observation.
func targetHistogram(m ledger.Measure) func(*sender) {
	return targetCounted(func(s *sender, n *ledger.TargetSnapshot) {
		if h := n.Histograms[m]; h != nil {
			s.histogram(h, n.Connection, n.Type)
		}
	})
}

// sender sends the series of one scrape. A series has one value for each label of its family, in the same order. One goroutine uses a
// sender: for each family, [Exposition.Collect] sets family and calls its send.
type sender struct {
	View
	snapshot *ledger.Snapshot // nil before the first
	parts    histogramParts
	ch       chan<- prometheus.Metric
	family   *describedFamily
	values   []string // memory that valid uses again for each series
}

func (s *sender) gauge(value float64, labels ...string) {
	s.put(prometheus.NewConstMetric(s.family.desc, prometheus.GaugeValue, value, s.valid(labels)...))
}

func (s *sender) counter(c ledger.Counter, labels ...string) {
	if !s.parts.exemplars {
		c.Exemplar = nil
	}
	s.put(newCounter(s.family.desc, c, s.valid(labels)...))
}

func (s *sender) histogram(h *ledger.Histogram, labels ...string) {
	if len(labels) != len(s.family.labels) {
		s.put(nil, fmt.Errorf("%d label values for %d labels", len(labels), len(s.family.labels)))
		return
	}
	s.ch <- &histogram{desc: s.family.desc, labels: prometheus.MakeLabelPairs(s.family.desc, s.valid(labels)), from: h, parts: s.parts}
}

// put sends m. An error fails the scrape. No answer of a gateway causes one, only a row whose labels and values differ in number.
func (s *sender) put(m prometheus.Metric, err error) {
	if err != nil {
		m = prometheus.NewInvalidMetric(s.family.desc, err)
	}
	s.ch <- m
}

// valid returns label values over which no scrape fails. The next call overwrites them.
func (s *sender) valid(labels []string) []string {
	s.values = s.values[:0]
	for _, v := range labels {
		s.values = append(s.values, validText(v))
	}
	return s.values
}

// unixSeconds is t as a Unix time, exact to the microsecond, which is the gateway's precision; 0 for the zero time.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
