package gatewaytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// recorded is a request and the answer of a real gateway.
type recorded struct {
	dialect Dialect
	file    string
	query   []string // of /api/sessions
	// more is the number of sessions that matched besides those in the answer, status their review status.
	status string
	more   int
	code   int
}

func recordings() []recorded {
	week := []string{"start_date", "2026-11-16T00:00:00Z", "end_date", "2026-11-24T00:00:00Z"}
	window := []string{"start_date", "2026-11-01T00:00:00Z", "end_date", "2026-11-01T00:05:00Z", "limit", "10"}
	byStatus := func(status, limit string) []string { return []string{"review.status", status, "limit", limit} }
	return []recorded{
		{Old, "page-newest", append(week, "limit", "20"), "", 77658 - 20, 200},
		{Old, "page-window", window, "", 29, 200},
		{Old, "pending", byStatus("PENDING", "5"), "PENDING", 72, 200},
		{Old, "rejected", byStatus("REJECTED", "3"), "REJECTED", 772, 200},
		{Old, "revoked", byStatus("REVOKED", "3"), "REVOKED", 774, 200},
		{Old, "approved-ready", byStatus("APPROVED", "3"), "APPROVED", 74, 200},
		{Old, "executed", byStatus("EXECUTED", "3"), "EXECUTED", 1936, 200},
		{Old, "empty", window, "", 0, 200},
		{Old, "limit-0", append(week, "limit", "0"), "", 77658, 200},
		{Old, "bad-date-422", []string{"start_date", "yesterday"}, "", 0, 422},

		{New2026, "page-newest", append(week, "limit", "20"), "", 10000, 200},
		{New2026, "page-window", window, "", 29, 200},
		{New2026, "page-window-count-none", append(window, "count", "none"), "", 29, 200},
		{New2026, "pending", byStatus("PENDING", "5"), "PENDING", 76, 200},
		{New2026, "rejected", byStatus("REJECTED", "3"), "REJECTED", 787, 200},
		{New2026, "revoked", byStatus("REVOKED", "3"), "REVOKED", 773, 200},
		{New2026, "approved-ready", byStatus("APPROVED", "3"), "APPROVED", 80, 200},
		{New2026, "executed", byStatus("EXECUTED", "3"), "EXECUTED", 1947, 200},
		{New2026, "empty", window, "", 0, 200},
		{New2026, "limit-0-422", []string{"limit", "0"}, "", 0, 422},
		{New2026, "offset-too-deep-422", []string{"offset", "10001"}, "", 0, 422},
		{New2026, "bad-date-422", []string{"start_date", "yesterday"}, "", 0, 422},
	}
}

// TestTheSimulationAnswersAsRecordedGatewaysDid compares the simulation with real gateways. It adds the sessions of a recorded answer to
// the store and sends the same request. The answer is equal byte by byte, including the envelope and errors.
func TestTheSimulationAnswersAsRecordedGatewaysDid(t *testing.T) {
	for _, rec := range recordings() {
		t.Run(rec.dialect.String()+"/"+rec.file, func(t *testing.T) {
			want := compact(t, readFixture(t, rec.dialect, rec.file))
			var shown page
			if err := json.Unmarshal([]byte(want), &shown); err != nil {
				t.Fatal(err)
			}
			c := &clock{time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)}
			g := New(Config{Dialect: rec.dialect, Now: c.now})
			older := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
			if strings.HasPrefix(rec.file, "page-window") {
				older = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
			}
			for _, r := range shown.Data {
				g.Add(r)
			}
			fill(g, rec, older)

			got := send(t, g, sessionsPath(rec.query...))
			if got.code != rec.code {
				t.Errorf("status %d, want %d", got.code, rec.code)
			}
			if got.body != want {
				t.Errorf("answer differs\n got %s\nwant %s", got.body, want)
			}
		})
	}
}

// fill adds the sessions that the recorded answer counts but does not contain, older than those that it contains.
func fill(g *Gateway, rec recorded, older time.Time) {
	if rec.status == "" {
		g.AddHistory(rec.more, older, older.Add(3*time.Minute), HistoryOptions{})
		return
	}
	for i := range rec.more {
		at := older.Add(time.Duration(i) * time.Millisecond)
		g.Add(Row{StartDate: at, Review: &Review{Status: rec.status, CreatedAt: at}})
	}
}

func TestUnauthorizedIsAnsweredAsRecorded(t *testing.T) {
	for _, d := range []Dialect{Old, New2026} {
		t.Run(d.String(), func(t *testing.T) {
			got := send(t, New(Config{Dialect: d}), "/api/sessions", "Authorization", "Bearer "+BadToken)
			if want := compact(t, readFixture(t, d, "unauthorized-401")); got.code != http.StatusUnauthorized || got.body != want {
				t.Errorf("got %d %s, want 401 %s", got.code, got.body, want)
			}
		})
	}
}

func TestUserinfoIsAnsweredAsRecorded(t *testing.T) {
	who := map[Dialect]Credential{
		Old:     {Role: RoleAdmin, UserID: "admin@example.com", Name: "Admin"},
		New2026: {Role: RoleAuditor, UserID: "8adc32af-10ce-49ae-a0be-dd72fcb5652c", Name: "exporter", Email: "exporter"},
	}
	for d, c := range who {
		t.Run(d.String(), func(t *testing.T) {
			want := compact(t, readFixture(t, d, "userinfo"))
			var org struct {
				ID string `json:"org_id"`
			}
			if err := json.Unmarshal([]byte(want), &org); err != nil {
				t.Fatal(err)
			}
			want = strings.ReplaceAll(want, org.ID, OrgID)
			g := New(Config{Dialect: d, Tokens: map[string]Credential{"token": c}})
			if got := send(t, g, "/api/userinfo"); got.code != http.StatusOK || got.body != want {
				t.Errorf("got %d %s\nwant 200 %s", got.code, got.body, want)
			}
		})
	}
}

// TestRecordedAnswersAreAllTested fails if a recording is not used by a test.
func TestRecordedAnswersAreAllTested(t *testing.T) {
	requested := map[string]bool{}
	for _, rec := range recordings() {
		requested[fmt.Sprint(rec.dialect, rec.file)] = true
	}
	for _, d := range []Dialect{Old, New2026} {
		requested[fmt.Sprint(d, "unauthorized-401")], requested[fmt.Sprint(d, "userinfo")] = true, true
		files, err := filepath.Glob(filepath.Join("..", "testdata", "gateway-"+d.String(), "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatal("no recordings", err)
		}
		for _, f := range files {
			if name := strings.TrimSuffix(filepath.Base(f), ".json"); !requested[fmt.Sprint(d, name)] {
				t.Errorf("%s is not requested", f)
			}
		}
	}
}

func readFixture(t *testing.T, d Dialect, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "gateway-"+d.String(), name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
