package gatewaytest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// FuzzQuery sends any text as a query. The answer is always JSON with a status that a gateway can send.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{
		"", "limit=0", "limit=-1&offset=99999999999999999999", "connection=%25%5C", "review.status=&user=%00",
		"start_date=0000-01-01T00:00:00Z&end_date=9999-12-31T23:59:60Z", "start_date=2026-11-23T12:00:00%2B14:00&count=exact",
		"a;b&=&%zz",
	} {
		f.Add(q)
	}
	c := noon()
	var gateways []*Gateway
	for _, d := range dialects {
		g := New(Config{Dialect: d, Now: c.now})
		g.AddHistory(50, c.t.Add(-time.Hour), c.t, HistoryOptions{Unfinished: 10, Pending: 5})
		g.AddHistory(20, c.t, c.t, HistoryOptions{}) // all with the same start
		gateways = append(gateways, g)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, g := range gateways {
			r := httptest.NewRequest(http.MethodGet, "/api/sessions", nil)
			r.URL = &url.URL{Path: "/api/sessions", RawQuery: query}
			r.Header.Set("Authorization", "Bearer token")
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			var p page
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatalf("%v: %s", err, w.Body)
			}
			switch w.Code {
			case http.StatusOK:
				if p.Data == nil || len(p.Data) > maxLimit {
					t.Fatalf("%d rows, null: %v", len(p.Data), p.Data == nil)
				}
			case http.StatusUnprocessableEntity, http.StatusInternalServerError:
			default:
				t.Fatalf("status %d", w.Code)
			}
		}
	})
}
