package collectortest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// Series are the series of a scrape by name{label="value",...}, the labels sorted. Histograms are their _count, _sum and cumulative _bucket
// series.
type Series struct {
	Values     map[string]float64
	Cumulative map[string]bool      // counters, and all that histograms are: what must never fall
	Created    map[string]time.Time // of counters and, by the histogram's own name, of histograms; if it is known
}

// Flatten returns the series of metric families. It fails if a series occurs twice, which no Prometheus server accepts. Summaries are left
// out.
func Flatten(families []*dto.MetricFamily) (Series, error) {
	s := Series{map[string]float64{}, map[string]bool{}, map[string]time.Time{}}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if err := s.add(f.GetName(), m); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

func (s Series) add(name string, m *dto.Metric) error {
	labels := make([]string, 0, len(m.GetLabel())+1)
	for _, l := range m.GetLabel() {
		labels = append(labels, l.GetName()+"="+strconv.Quote(l.GetValue()))
	}
	switch {
	case m.Gauge != nil:
		return s.put(name, labels, m.GetGauge().GetValue(), false)
	case m.Counter != nil:
		if at := m.GetCounter().GetCreatedTimestamp(); at != nil {
			s.Created[key(name, labels)] = at.AsTime()
		}
		return s.put(name, labels, m.GetCounter().GetValue(), true)
	case m.Histogram != nil:
		return s.addHistogram(name, labels, m.GetHistogram())
	}
	return nil
}

func (s Series) addHistogram(name string, labels []string, h *dto.Histogram) error {
	if at := h.GetCreatedTimestamp(); at != nil {
		s.Created[key(name, labels)] = at.AsTime()
	}
	count := float64(h.GetSampleCount())
	err := errors.Join(s.put(name+"_count", labels, count, true), s.put(name+"_sum", labels, h.GetSampleSum(), true))
	at, _ := slices.BinarySearch(labels, "le=") // so that nothing has to be sorted again
	bucket := func(bound string, v float64) {
		err = errors.Join(err, s.put(name+"_bucket", slices.Insert(slices.Clone(labels), at, "le="+strconv.Quote(bound)), v, true))
	}
	infinite := false
	for _, b := range h.GetBucket() {
		infinite = infinite || math.IsInf(b.GetUpperBound(), 1)
		bucket(strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64), float64(b.GetCumulativeCount()))
	}
	if !infinite {
		bucket("+Inf", count)
	}
	return err
}

func (s Series) put(name string, labels []string, v float64, cumulative bool) error {
	k := key(name, labels)
	if _, twice := s.Values[k]; twice {
		return fmt.Errorf("%s is there twice", k)
	}
	s.Values[k] = v
	if cumulative {
		s.Cumulative[k] = true
	}
	return nil
}

func key(name string, labels []string) string {
	if len(labels) == 0 {
		return name
	}
	if !slices.IsSorted(labels) {
		slices.Sort(labels)
	}
	return name + "{" + strings.Join(labels, ",") + "}"
}

// Sum adds up the series of a family.
func Sum(series map[string]float64, family string) (sum float64) {
	for k, v := range series {
		if k == family || strings.HasPrefix(k, family+"{") {
			sum += v
		}
	}
	return sum
}

// Equal reports whether two values are equal but for the order in which a sum was added up.
func Equal(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }
