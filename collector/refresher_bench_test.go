package collector

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
)

// A whole refresh: the newest page, the pending reviews, the looks that are due, the books and the snapshot. The gateway is in the
// process; what it takes itself stands beside it.
func BenchmarkRefresh(b *testing.B) {
	now := time.Now()
	g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, Seed: 1})
	g.AddHistory(200_000, now.Add(-7*24*time.Hour), now, gatewaytest.HistoryOptions{Unfinished: 500, Pending: 50, Connections: 200})
	c, err := client.New("https://hoop.example", &http.Client{Transport: g.Transport()}, client.WithAPIKey(func() (string, error) { return "org|secret", nil }))
	if err != nil {
		b.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Client, cfg.Budget = c, 1
	col, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	r := newRefresher(&col.link)
	if err := r.refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	for !r.planner.Idle() {
		r.backfill(b.Context())
	}
	b.Run("refresh", func(b *testing.B) {
		b.ReportAllocs()
		before := g.Stats()
		for range b.N {
			if err := r.refresh(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		after := g.Stats()
		b.ReportMetric(float64(after.Rows-before.Rows)/float64(b.N), "rows/op")
		b.ReportMetric(float64(after.Requests[gatewaytest.PathSessions]-before.Requests[gatewaytest.PathSessions])/float64(b.N), "requests/op")
	})
	b.Run("gateway alone", func(b *testing.B) {
		b.ReportAllocs()
		day := func(d time.Duration) string { return time.Now().UTC().Add(d).Format("2006-01-02T15:04:05Z") }
		for range b.N {
			for _, q := range []string{
				"start_date=" + day(-15*time.Minute) + "&end_date=" + day(time.Hour),
				"start_date=" + day(-7*24*time.Hour) + "&end_date=" + day(time.Hour) + "&review.status=PENDING",
			} {
				answerOnly(b, g, q)
			}
		}
	})
}

func answerOnly(b *testing.B, g *gatewaytest.Gateway, query string) {
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "https://hoop.example/api/sessions?limit=100&"+query, nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Api-Key", "org|secret")
	resp, err := g.Transport().RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		b.Fatal(resp.Status, err)
	}
}
