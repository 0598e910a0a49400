package history

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// What goes wrong on the simulated day: few things, so that pictures look like those of a company where most things are fine.

// forget leaves two sessions behind: one whose review has waited for 47 minutes at the end of the day, and one that has run for 26 hours.
func (w *world) forget(g *gatewaytest.Gateway) {
	connections := gatewaytest.Connections(12)
	session := func(c gatewaytest.Connection, age time.Duration) gatewaytest.Row {
		start := w.end.Add(-age)
		return gatewaytest.Row{
			Connection: c.Name, Type: c.Type, ConnectionSubtype: c.Subtype, ConnectionTags: c.Tags, Verb: "connect", StartDate: start, VisibleAt: start,
		}
	}
	g.Add(session(connections[2], 26*time.Hour))
	waiting := session(connections[0], 47*time.Minute)
	waiting.Review = &gatewaytest.Review{
		ID: "4f7f1c52-8a34-4be5-9c0a-0d7a3a5b9e11", Type: "onetime", Status: "PENDING", CreatedAt: waiting.StartDate,
		Groups: []gatewaytest.Group{{ID: "9c1d7a66-53ab-4a0e-8a2b-6f1f0f2b7c22", Group: "dba", Status: "PENDING"}},
	}
	g.Add(waiting)
}

// agents returns agents of these names. The one of the warehouse was not connected for half an hour.
func (w *world) agents(names []string, now time.Time) []gatewaytest.Agent {
	var agents []gatewaytest.Agent
	for i, name := range names {
		id := fmt.Sprintf("75122bce-f957-49eb-a812-%012d", i)
		a := gatewaytest.Agent{ID: id, Name: name, Mode: "standard", Status: gatewaytest.AgentConnected, Version: "1.148.0"}
		if name == "warehouse" && w.between(now, 100*time.Minute, 70*time.Minute) {
			a.Status = gatewaytest.AgentDisconnected
		}
		agents = append(agents, a)
	}
	return agents
}

// token returns a token that expires six days after the end of the day.
func (w *world) token() string {
	claims := fmt.Sprintf(`{"exp": %d}`, w.end.Add(6*24*time.Hour).Unix())
	return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
}

// between reports whether now is between two times before the end of the day.
func (w *world) between(now time.Time, from, to time.Duration) bool {
	left := w.end.Sub(now)
	return left <= from && left > to
}

// transport reaches a gateway. Staging is down for half an hour. What should be rare in the protection of data happens at production only,
// for an hour and a half.
func (w *world) transport(host string) *http.Client {
	next := w.gateways[host].Transport()
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		now := time.Now()
		answer, err := next.RoundTrip(r)
		switch {
		case err != nil:
			return nil, err
		case host == "staging.example.com" && w.between(now, 200*time.Minute, 170*time.Minute):
			answer.StatusCode, answer.Status = http.StatusServiceUnavailable, "503 Service Unavailable"
			return withBody(answer, []byte(`{"message": "simulated maintenance"}`)), nil
		case host == "production" && w.between(now, 9*time.Hour, 450*time.Minute):
			return answer, nil
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, err
		}
		body = masked.ReplaceAll(body, []byte(`"err_count":0`))
		for _, rare := range [][2]string{
			{`"truncated":true`, `"truncated":false`}, {`"risk_level":"high","action":"allow_`, `"risk_level":"high","action":"block_`},
		} {
			body = bytes.ReplaceAll(body, []byte(rare[0]), []byte(rare[1]))
		}
		return withBody(answer, body), nil
	})}
}

var masked = regexp.MustCompile(`"err_count":\d+`)

// withBody gives an answer another body.
func withBody(answer *http.Response, body []byte) *http.Response {
	_ = answer.Body.Close() // it is in memory
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return answer
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
