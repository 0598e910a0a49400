package processtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// The formats that Prometheus may ask for.
const (
	protobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	openMetrics = "application/openmetrics-text;version=1.0.0"
	plainText   = "text/plain;version=0.0.4"
)

// fetch returns an answer's body, whole or not at all.
func fetch(ctx context.Context, method, url, accept string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "10")
	// A connection for each, since those to a process that was killed are no good. Compressed, as by Prometheus.
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s: %s", url, resp.Status, body)
	}
	return body, err
}

// scrape is what a scrape shows, by name{label="value",...}; histograms as _count, _sum and cumulative _bucket.
type scrape struct {
	values map[string]float64
	// cumulative are the series that must never fall, created since when those of them count that tell.
	cumulative map[string]bool
	created    map[string]time.Time
}

// observe scrapes an exporter.
func observe(ctx context.Context, exporter string) (scrape, error) {
	body, err := fetch(ctx, http.MethodGet, exporter+"/metrics", protobuf)
	if err != nil {
		return scrape{}, err
	}
	return decode(body)
}

// decode reads a scrape. It fails on what no server would take: a series twice.
func decode(body []byte) (scrape, error) {
	s := scrape{map[string]float64{}, map[string]bool{}, map[string]time.Time{}}
	decoder := expfmt.NewDecoder(bytes.NewReader(body), expfmt.NewFormat(expfmt.TypeProtoDelim))
	for {
		f := &dto.MetricFamily{}
		if err := decoder.Decode(f); errors.Is(err, io.EOF) {
			return s, nil
		} else if err != nil {
			return s, fmt.Errorf("decode a scrape: %w", err)
		}
		for _, m := range f.GetMetric() {
			if err := s.add(f.GetName(), m); err != nil {
				return s, err
			}
		}
	}
}

func (s scrape) add(name string, m *dto.Metric) error {
	var labels []string
	for _, l := range m.GetLabel() {
		labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	switch {
	case m.Gauge != nil:
		return s.put(name, labels, m.GetGauge().GetValue(), false)
	case m.Counter != nil:
		if at := m.GetCounter().GetCreatedTimestamp(); at != nil {
			s.created[key(name, labels)] = at.AsTime()
		}
		return s.put(name, labels, m.GetCounter().GetValue(), true)
	case m.Histogram != nil:
		return s.addHistogram(name, labels, m.GetHistogram())
	}
	return nil // a summary of the Go runtime
}

func (s scrape) addHistogram(name string, labels []string, h *dto.Histogram) error {
	if at := h.GetCreatedTimestamp(); at != nil {
		s.created[key(name, labels)] = at.AsTime()
	}
	count := float64(h.GetSampleCount())
	err := errors.Join(s.put(name+"_count", labels, count, true), s.put(name+"_sum", labels, h.GetSampleSum(), true))
	infinite := false
	for _, b := range h.GetBucket() {
		infinite = infinite || math.IsInf(b.GetUpperBound(), 1)
		le := fmt.Sprintf("le=%q", strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64))
		err = errors.Join(err, s.put(name+"_bucket", append([]string{le}, labels...), float64(b.GetCumulativeCount()), true))
	}
	if infinite {
		return err
	}
	return errors.Join(err, s.put(name+"_bucket", append([]string{`le="+Inf"`}, labels...), count, true))
}

func (s scrape) put(name string, labels []string, v float64, cumulative bool) error {
	k := key(name, labels)
	if _, twice := s.values[k]; twice {
		return fmt.Errorf("%s is there twice", k)
	}
	s.values[k] = v
	if cumulative {
		s.cumulative[k] = true
	}
	return nil
}

func key(name string, labels []string) string {
	if len(labels) == 0 {
		return name
	}
	return name + "{" + strings.Join(slices.Sorted(slices.Values(labels)), ",") + "}"
}

// sum adds a family's series up.
func (s scrape) sum(family string) (sum float64) {
	for k, v := range s.values {
		if k == family || strings.HasPrefix(k, family+"{") {
			sum += v
		}
	}
	return sum
}

// stats is what the gateway was asked.
func stats(t *testing.T, gateway string) (s gatewaytest.Stats) {
	t.Helper()
	body, err := fetch(t.Context(), http.MethodGet, gateway+"/stats", "application/json")
	if err == nil {
		err = json.Unmarshal(body, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}
