package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/ledger"
)

// The formats that Prometheus may request.
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

// observe scrapes an exporter.
func observe(ctx context.Context, exporter string) (collectortest.Series, error) {
	body, err := fetch(ctx, http.MethodGet, exporter+"/metrics", protobuf)
	if err != nil {
		return collectortest.Series{}, err
	}
	return decode(body)
}

// decode reads a scrape. It fails on what no server would take: a series twice.
func decode(body []byte) (collectortest.Series, error) {
	var families []*dto.MetricFamily
	decoder := expfmt.NewDecoder(bytes.NewReader(body), expfmt.NewFormat(expfmt.TypeProtoDelim))
	for {
		f := &dto.MetricFamily{}
		if err := decoder.Decode(f); errors.Is(err, io.EOF) {
			return collectortest.Flatten(families)
		} else if err != nil {
			return collectortest.Series{}, fmt.Errorf("decoding a scrape: %w", err)
		}
		families = append(families, f)
	}
}

// stats counts the requests that the gateway got.
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

// truth is what the gateway says that every metric must be now, for an exporter with these settings.
func truth(ctx context.Context, gateway string, lookback, overlap time.Duration) (gatewaytest.Truth, error) {
	q := url.Values{
		"lookback": {lookback.String()}, "overlap": {overlap.String()}, "forget_after": {"2160h"},
		"long_running": {"1h,8h,24h,72h"}, "overdue": {"5m,20m,1h,24h"},
		"event_size_buckets": {floats(ledger.Bounds(ledger.EventSize))}, "duration_buckets": {floats(ledger.Bounds(ledger.Duration))},
		"wait_buckets": {floats(ledger.Bounds(ledger.ReviewWait))}, "input_size_buckets": {floats(ledger.Bounds(ledger.InputSize))},
		"group_wait_buckets": {floats(ledger.Bounds(ledger.GroupWait))}, "access_buckets": {floats(ledger.Bounds(ledger.AccessDuration))},
		"everything": {"true"},
	}
	var t gatewaytest.Truth
	body, err := fetch(ctx, http.MethodGet, gateway+"/truth?"+q.Encode(), "application/json")
	if err == nil {
		err = json.Unmarshal(body, &t)
	}
	return t, err
}

func floats(list []float64) string {
	var out []string
	for _, v := range list {
		out = append(out, strconv.FormatFloat(v, 'g', -1, 64))
	}
	return strings.Join(out, ",")
}
