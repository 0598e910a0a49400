package gatewaytest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// TestTheTruthIsWhatClientsRead reads all sessions of a day as a client does, and adds them up.
func TestTheTruthIsWhatClientsRead(t *testing.T) {
	each(t, func(t *testing.T, d Dialect) {
		l := DefaultLife()
		l.Rewritten, l.VeryLate, l.Overturned, l.BurstSize = 0, 0, 0, 0
		g, c := newLife(d, 9, l)
		o := TruthOptions{T0: c.t, Lookback: time.Hour, AllowedLateness: 15 * time.Minute, Everything: true}
		c.sleep(12 * time.Hour)
		want := map[string]float64{}
		for _, s := range readAll(t, g, c.t.Add(-13*time.Hour), c.t.Add(time.Hour)) {
			want["hoop_sessions_started_total "+oneOf(string(s.Identity), identities())]++
			addReview(want, s.Review)
			if v := s.Review; v != nil && v.Status != rejected && v.Status != revoked && v.Status != expired && (v.Status == pending || s.Status != "done") ||
				v == nil && s.Status != "done" {
				continue
			}
			addProtection(want, &s)
		}
		got := map[string]float64{}
		for k, v := range g.Truth(o).Samples {
			name, _, _ := strings.Cut(k, "{")
			if name == "hoop_sessions_started_total" {
				name += " " + strings.Split(strings.SplitAfter(k, `identity="`)[1], `"`)[0]
			}
			if _, ok := want[name]; ok || strings.Contains(name, "redact") || strings.Contains(name, "guardrail") || strings.Contains(name, "ai_analyses") {
				got[name] += v
			}
		}
		maps.DeleteFunc(got, func(_ string, v float64) bool { return v == 0 })
		if !maps.Equal(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		if kinds := map[Dialect]int{Old: 10, New2026: 13}[d]; len(want) != kinds {
			t.Errorf("too little happened: %d of %d in %v", len(want), kinds, want)
		}
	})
}

func addReview(sums map[string]float64, v *client.Review) {
	if v == nil {
		return
	}
	for _, group := range v.Groups {
		if group.Status != pending {
			sums["hoop_review_decisions_total"]++
		}
	}
	if v.Type == jit && (v.Status == approved || v.Status == revoked || v.Status == expired && !v.RevokeAt.IsZero()) {
		sums["hoop_review_access_duration_seconds_count"]++
		sums["hoop_review_access_duration_seconds_sum"] += v.AccessDuration.Seconds()
	}
}

func addProtection(sums map[string]float64, s *client.Session) {
	add := func(name string, n float64) {
		if n != 0 {
			sums[name] += n
		}
	}
	if m := s.Metrics.Masking; m != nil {
		for _, n := range m.InfoTypes {
			add(metricRedactions, float64(n))
		}
		add(metricRedactedBytes, float64(m.TransformedBytes))
		add(metricRedactionErrors, float64(m.ErrCount))
	}
	if s.Metrics.Truncated {
		add("hoop_session_recordings_truncated_total", 1)
	}
	for _, m := range s.Guardrails {
		add("hoop_session_guardrail_matches_total", float64(m.Count))
	}
	if s.AI != nil {
		add("hoop_session_ai_analyses_total", 1)
	}
	if s.Verb == "exec" && s.ScriptSize > 0 {
		add("hoop_session_input_size_bytes_count", 1)
		add("hoop_session_input_size_bytes_sum", float64(s.ScriptSize))
	}
}

// readAll reads all sessions of a time, as a client does. None of their fields is malformed.
func readAll(t *testing.T, g *Gateway, from, to time.Time) []client.Session {
	t.Helper()
	key := client.WithAPIKey(func() (string, error) { return "key", nil })
	c, err := client.New("http://gateway.test", &http.Client{Transport: g.Transport()}, key)
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]client.Session{}
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		page, err := c.ListSessions(t.Context(), client.ListOptions{Limit: 100, Start: at, End: at.Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.MalformedFields)+len(page.Malformed) > 0 || page.Rows == 100 {
			t.Fatalf("%d rows, %+v %+v", page.Rows, page.MalformedFields, page.Malformed)
		}
		for _, s := range page.Sessions {
			byID[s.ID] = s
		}
	}
	return slices.Collect(maps.Values(byID))
}
