package gatewaytest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that a test controls.
type clock struct{ t time.Time }

func (c *clock) now() time.Time        { return c.t }
func (c *clock) sleep(d time.Duration) { c.t = c.t.Add(d) }

// noon returns a clock at the start time of most tests.
func noon() *clock { return &clock{time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

// answer is what a client receives.
type answer struct {
	code   int
	header http.Header
	body   string
}

// send sends a GET with a token through the gateway's transport.
func send(t *testing.T, g *Gateway, path string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://gateway.test"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := g.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

// page is the part of a list answer that tests use.
type page struct {
	Data        []Row `json:"data"`
	Total       *int  `json:"total"`
	Capped      *bool `json:"total_is_capped"`
	HasNextPage bool  `json:"has_next_page"`
}

// list requests sessions. query is pairs of name and value.
func list(t *testing.T, g *Gateway, query ...string) page {
	t.Helper()
	a := send(t, g, sessionsPath(query...))
	if a.code != http.StatusOK {
		t.Fatalf("%v: %d %s", query, a.code, a.body)
	}
	var p page
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%v: %v in %s", query, err, a.body)
	}
	return p
}

func sessionsPath(query ...string) string {
	v := url.Values{}
	for i := 0; i < len(query); i += 2 {
		v.Set(query[i], query[i+1])
	}
	return "/api/sessions?" + v.Encode()
}

func (p page) ids() []string {
	out := []string{}
	for _, r := range p.Data {
		out = append(out, r.ID)
	}
	return out
}

// compact returns JSON without white space.
func compact(t *testing.T, b []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func ptr[T any](v T) *T { return &v }
