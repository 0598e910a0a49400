package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fetched is what an answer in JSON says.
func fetched[T any](t *testing.T, url string) (v T) {
	t.Helper()
	body, err := fetch(t.Context(), http.MethodGet, url, "")
	if err == nil {
		err = json.Unmarshal(body, &v)
	}
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return v
}

// api queries Prometheus; path has the parameters.
func api[T any](t *testing.T, r *rig, path string) T {
	t.Helper()
	return fetched[struct{ Data T }](t, r.prometheus+"/api/v1/"+path).Data
}

// result is what a query returned.
type result struct {
	ResultType string
	Result     json.RawMessage
}

// series has one value for a vector, many for a matrix.
type series struct {
	Metric     map[string]string
	Value      point
	Values     []point
	Histograms []point
}

func (r *rig) query(t *testing.T, expr string) result {
	t.Helper()
	return api[result](t, r, "query?"+url.Values{"query": {expr}}.Encode())
}

// vector is what a query returned that does not return a scalar.
func (r *rig) vector(t *testing.T, expr string) (out []series) {
	t.Helper()
	if err := json.Unmarshal(r.query(t, expr).Result, &out); err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return out
}

// point is a sample: of a histogram, its count.
type point struct {
	at time.Time
	v  float64
}

// String implements fmt.Stringer.
func (p point) String() string { return fmt.Sprintf("%v at %s", p.v, p.at.Format("15:04:05.000")) }

// UnmarshalJSON implements json.Unmarshaler.
func (p *point) UnmarshalJSON(b []byte) error {
	var pair [2]json.RawMessage
	var at float64
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if err := json.Unmarshal(pair[0], &at); err != nil {
		return err
	}
	p.at = time.UnixMilli(int64(at * 1000))
	var text string
	if err := json.Unmarshal(pair[1], &text); err != nil {
		var h struct{ Count string }
		if err := json.Unmarshal(pair[1], &h); err != nil {
			return err
		}
		text = h.Count
	}
	v, err := strconv.ParseFloat(text, 64)
	p.v = v
	return err
}

// seriesKey is how the gateway's truth calls a series: without the labels that Prometheus adds.
func seriesKey(metric map[string]string) string {
	var labels []string
	for name, value := range metric {
		if name != "__name__" && name != "job" && name != "instance" {
			labels = append(labels, fmt.Sprintf("%s=%q", name, value))
		}
	}
	slices.Sort(labels)
	if labels == nil {
		return metric["__name__"]
	}
	return metric["__name__"] + "{" + strings.Join(labels, ",") + "}"
}
