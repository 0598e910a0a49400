package history

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/tsdb"
)

const (
	// scrapeEvery is the scrape interval. run.mjs gives the data source the same one.
	scrapeEvery = time.Minute
	// span is the time before now that is simulated. The longest range of a dashboard is a day, and some queries look back for an hour.
	span = 25 * time.Hour
)

// TestHistory runs simulated gateways, real exporters, a scraper and the project's rules for a simulated day that ends now, and leaves a
// data directory for Prometheus in HOOP_PREVIEW_DATA. HOOP_PREVIEW_RULES is the file of the rules.
func TestHistory(t *testing.T) {
	dir, ruleFile := os.Getenv("HOOP_PREVIEW_DATA"), os.Getenv("HOOP_PREVIEW_RULES")
	if dir == "" || ruleFile == "" {
		t.Skip("HOOP_PREVIEW_DATA and HOOP_PREVIEW_RULES say what to make, of what; dashboards/preview/run sets them")
	}
	db := openDB(t, dir)
	end := time.Now().Truncate(scrapeEvery)
	begin := end.Add(-span)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(begin))
		w := newWorld(t, filepath.Join(t.TempDir(), "hoop.yml"), end)
		defer w.stop()
		rules := newRules(t, db, ruleFile)
		for now := time.Now(); now.Before(end); now = time.Now() {
			app := db.Appender(t.Context())
			for _, target := range w.targets {
				if err := target.scrape(app, now); err != nil {
					t.Fatal(err)
				}
			}
			if err := app.Commit(); err != nil {
				t.Fatal(err)
			}
			rules.evaluate(t.Context(), now)
			time.Sleep(time.Until(now.Add(scrapeEvery)))
		}
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	// A moment after the last scrape is the time at which the pictures are taken.
	now := strconv.FormatInt(end.Add(20*time.Second-scrapeEvery).UnixMilli(), 10)
	if err := os.WriteFile(filepath.Join(dir, "now"), []byte(now), 0o600); err != nil {
		t.Fatal(err)
	}
}

// openDB opens a new database of Prometheus, with room for exemplars. Nothing is compacted, so that exemplars stay in its log.
func openDB(t *testing.T, dir string) *tsdb.DB {
	t.Helper()
	o := tsdb.DefaultOptions()
	o.EnableExemplarStorage, o.MaxExemplars = true, 100_000
	db, err := tsdb.Open(dir, slog.New(slog.DiscardHandler), nil, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	db.DisableCompactions()
	return db
}

// get answers a request to an exporter, as a scrape by Prometheus makes it.
func get(ctx context.Context, h http.Handler, path string) (contentType string, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return "", nil, err
	}
	r.Header.Set("Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "10")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		return "", nil, fmt.Errorf("%s: HTTP %d: %s", path, rec.Code, rec.Body.Bytes())
	}
	return rec.Header().Get("Content-Type"), rec.Body.Bytes(), nil
}
