package gatewaytest

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"
)

// million returns a gateway with a million sessions in 30 days; 2,000 of them have not finished, 100 of these are pending.
func million(b testing.TB, d Dialect) (*Gateway, *clock) {
	b.Helper()
	c := noon()
	g := New(Config{Dialect: d, Now: c.now})
	g.AddHistory(1_000_000, c.t.Add(-30*day), c.t, HistoryOptions{Connections: 200, Unfinished: 2000, Pending: 100})
	return g, c
}

// BenchmarkPage measures the simulation itself for a page of 100 out of a million sessions. A benchmark of the exporter must not measure
// mostly this.
func BenchmarkPage(b *testing.B) {
	week := "start_date=2026-11-16T12:00:00Z&end_date=2026-11-24T00:00:00Z"
	for _, d := range dialects {
		g, _ := million(b, d)
		for _, page := range []struct{ name, query string }{
			{"newest", "limit=100"},
			{"week", "limit=100&" + week},
			{"deep", "limit=100&offset=10000"},
			{"pending", "limit=100&review.status=PENDING"},
			{"pending week", "limit=100&review.status=PENDING&" + week},
			{"one connection, week", "limit=100&connection=pg-billing-prod&" + week},
		} {
			r := httptest.NewRequest(http.MethodGet, "/api/sessions?"+page.query, nil)
			r.Header.Set("Authorization", "Bearer token")
			b.Run(d.String()+"/"+page.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					w := httptest.NewRecorder()
					g.ServeHTTP(w, r)
					if w.Code != http.StatusOK {
						b.Fatal(w.Body)
					}
				}
			})
		}
	}
}

func BenchmarkAddHistoryMillion(b *testing.B) {
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		g, _ := million(b, New2026)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "bytes/row")
		runtime.KeepAlive(g)
	}
}

func BenchmarkTruthMillion(b *testing.B) {
	g, c := million(b, New2026)
	o := TruthOptions{T0: c.t, Lookback: 30 * day, AllowedLateness: 15 * time.Minute}
	for b.Loop() {
		g.Truth(o)
	}
}

// BenchmarkLife plays a day with five sessions a second.
func BenchmarkLife(b *testing.B) {
	for b.Loop() {
		l := DefaultLife()
		l.Rate = 5
		g, c := newLife(New2026, 1, l)
		c.sleep(day)
		g.Advance()
	}
}

// BenchmarkMemoryOfAMillion fails if a million rows need more memory than leaves room for what is tested with them.
func BenchmarkMemoryOfAMillion(b *testing.B) {
	perRow := 0.0
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		g, _ := million(b, New2026)
		runtime.GC()
		runtime.ReadMemStats(&after)
		perRow = float64(after.HeapAlloc-before.HeapAlloc) / 1e6
		runtime.KeepAlive(g)
	}
	b.ReportMetric(perRow, "bytes/row")
	if perRow > 160 {
		b.Errorf("%.0f bytes a row, want at most 160", perRow)
	}
}
