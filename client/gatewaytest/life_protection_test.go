package gatewaytest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMetricsOnlyGrowWhileASessionRuns requests all sessions every ten seconds. New gateways report metrics while a session runs, old ones
// only at its end.
func TestMetricsOnlyGrowWhileASessionRuns(t *testing.T) {
	each(t, func(t *testing.T, d Dialect) {
		l := DefaultLife()
		l.Rate, l.Duration, l.Rewritten = 0.05, 3*time.Minute, 0
		g, c := newLife(d, 3, l)
		g.AddHistory(100, c.t.Add(-time.Minute), c.t, HistoryOptions{Unfinished: 60, Pending: 10, Ready: 10})
		last, grew := map[string]protection{}, 0
		for range 240 {
			c.sleep(10 * time.Second)
			for _, r := range list(t, g, "limit", "100").Data {
				now := (&handmade{metrics: orNil(r.Metrics), guardrails: orNil(r.GuardrailsInfo)}).protection()
				if r.Status != "done" && d == Old && now.masking != nil {
					t.Fatalf("an unfinished session of an old gateway has metrics: %s", r.Metrics)
				}
				before := last[r.ID]
				if !grown(before, now) {
					t.Fatalf("%s of %s %s fell: %+v, then %s", r.ID, r.Status, r.Verb, before.masking, r.Metrics)
				}
				if r.Status != "done" && before.masking != nil && now.masking.Bytes > before.masking.Bytes {
					grew++
				}
				last[r.ID] = now
			}
		}
		if (grew > 0) != (d >= New2026) {
			t.Errorf("the metrics of unfinished sessions grew %d times", grew)
		}
	})
}

// grown reports whether nothing is less than before.
func grown(before, now protection) bool {
	if before.masking == nil {
		return len(now.matches) >= len(before.matches)
	}
	for name, n := range before.masking.InfoTypes {
		if now.masking == nil || now.masking.InfoTypes[name] < n {
			return false
		}
	}
	return now.masking != nil && now.masking.Bytes >= before.masking.Bytes && now.masking.Errors >= before.masking.Errors && len(now.matches) >= len(before.matches)
}

// TestMetricsStayAfterARevocation tests that a revoked session reports nothing more, even if its status stays open.
func TestMetricsStayAfterARevocation(t *testing.T) {
	l := DefaultLife()
	l.Rate, l.Reviewed, l.JIT, l.Revoked, l.Access, l.ReadyWait = 0.2, 1, 1, 1, 4*time.Minute, time.Second
	g, c := newLife(New2026, 3, l)
	first, partly := map[string]Row{}, 0
	for range 200 {
		c.sleep(20 * time.Second)
		for _, r := range g.Rows() {
			if r.Review == nil || r.Review.Status != revoked || r.Status != "open" {
				continue
			}
			was, known := first[r.ID]
			if !known {
				first[r.ID] = r
				if r.Metrics != nil {
					partly++
				}
			} else if !bytes.Equal(r.Metrics, was.Metrics) {
				t.Fatalf("%s became %s", was.Metrics, r.Metrics)
			}
		}
	}
	if partly == 0 {
		t.Error("no revoked session has metrics")
	}
}

// TestEachDialectHasItsFields tests which fields the answers of each version have.
func TestEachDialectHasItsFields(t *testing.T) {
	each(t, func(t *testing.T, d Dialect) {
		g, c := newLife(d, 3, DefaultLife())
		g.AddHistory(1000, c.t.Add(-time.Hour), c.t, HistoryOptions{})
		c.sleep(20 * time.Minute)
		var body strings.Builder
		for offset := 0; offset < 1200; offset += 100 {
			body.WriteString(send(t, g, sessionsPath("limit", "100", "offset", strconv.Itoa(offset))).body)
		}
		for part, want := range map[string]bool{
			`"data_masking":{"info_types":{"`: true, `"transformed_bytes":`: true, `"truncated":true`: true,
			`"guardrails_info":[{"rule_name":"`: d >= New2026, `"ai_analysis":{"risk_level":"`: d >= New2026, `"identity_type":"machine"`: d >= New2026,
			`"identity_type"`: d >= New2026, `"ai_analysis"`: d >= New2026, `"guardrails_info"`: d >= New2026, simulatedText: d >= New2026,
		} {
			if strings.Contains(body.String(), part) != want {
				t.Errorf("%s: there %v, want %v", part, !want, want)
			}
		}
	})
}

// TestAnUpdateByHandKeepsWhatALifeReported tests that a session of a life can be changed without a change of its other fields.
func TestAnUpdateByHandKeepsWhatALifeReported(t *testing.T) {
	g, c := newLife(New2026, 3, DefaultLife())
	c.sleep(time.Hour)
	before := list(t, g, "limit", "100").Data
	for _, r := range before {
		g.Update(r.ID, func(r *Row) { r.ConnectionSubtype = "changed" })
	}
	for i, r := range list(t, g, "limit", "100").Data {
		was := before[i]
		if r.ID != was.ID || r.ConnectionSubtype != "changed" || r.IdentityType != was.IdentityType || !bytes.Equal(r.Metrics, was.Metrics) ||
			!bytes.Equal(r.GuardrailsInfo, was.GuardrailsInfo) || !bytes.Equal(r.AIAnalysis, was.AIAnalysis) {
			t.Fatalf("got  %+v\nwant %+v", r, was)
		}
	}
}

func TestAgentsAreListed(t *testing.T) {
	each(t, func(t *testing.T, d Dialect) {
		c := noon()
		g := New(Config{Dialect: d, Now: c.now, Tokens: map[string]Credential{"token": {Role: RoleAuditor}, "other": {Role: RoleStandard}}})
		o := TruthOptions{T0: c.t, Agents: true}
		for minute, want := range map[int]float64{0: 0, 5: 1} {
			c.t = noon().t.Add(time.Duration(minute) * time.Minute)
			a := send(t, g, "/api/agents")
			var agents []Agent
			if err := json.Unmarshal([]byte(a.body), &agents); err != nil || a.code != http.StatusOK || len(agents) != 3 {
				t.Fatalf("%d %s: %v", a.code, a.body, err)
			}
			for _, agent := range agents {
				key := `hoop_agent_up{agent="` + agent.Name + `",version="` + agent.Version + `"}`
				up := g.Truth(o).Samples[key]
				if (agent.Status == AgentConnected) != (up == 1) || agent.Name == "office" && up != want {
					t.Errorf("minute %d: %+v, %v", minute, agent, up)
				}
			}
		}
		if a := send(t, g, "/api/agents", "Authorization", "Bearer other"); a.code != http.StatusForbidden {
			t.Errorf("a standard user: %d %s", a.code, a.body)
		}
		if n := g.Stats().Requests[PathAgents]; n != 3 {
			t.Errorf("%d requests were counted, want 3", n)
		}
		g = New(Config{Dialect: d, Agents: func(time.Time) []Agent { return nil }})
		if a := send(t, g, "/api/agents"); a.body != "[]" {
			t.Errorf("without agents: %s", a.body)
		}
	})
}
