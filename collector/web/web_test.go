package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/hoop-exporter/hoop_exporter/collector"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a collector with one metric, and one that cannot be collected if it is broken.
type fake struct {
	ready    atomic.Bool
	broken   bool
	deadline time.Duration // of the last scrape
	lost     error         // why nothing may be shown
	status   collector.Status
}

func (f *fake) Ready() bool { return f.ready.Load() }

func (f *fake) CheckTerm() error { return f.lost }

func (f *fake) Status() collector.Status { return f.status }

func (f *fake) Scrape(ctx context.Context) prometheus.Collector {
	at, _ := ctx.Deadline()
	f.deadline = time.Until(at)
	return scraped{f.broken}
}

type scraped struct{ broken bool }

func (scraped) Describe(ch chan<- *prometheus.Desc) { ch <- desc() }

func (s scraped) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(desc(), prometheus.GaugeValue, 1)
	if s.broken {
		ch <- prometheus.NewInvalidMetric(desc(), context.DeadlineExceeded)
	}
}

func desc() *prometheus.Desc { return prometheus.NewDesc("hoop_up", "Help.", nil, nil) }

func handler(t *testing.T, f *fake, change func(*Config)) (http.Handler, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	cfg := Config{
		Collector: f, Registry: prometheus.NewRegistry(), Logger: slog.New(slog.NewTextHandler(log, nil)),
		TelemetryPath: "/metrics", TimeoutOffset: 500 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	h, err := Handler(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h, log
}

func get(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEachPageAnswersItsMethods(t *testing.T) {
	for _, test := range []struct {
		name, method, path string
		change             func(*Config)
		status             int
		says               string
	}{
		{"status page", "GET", "/", nil, 200, `<a href="./metrics"`},
		{"status page, with the metrics elsewhere", "GET", "/", func(c *Config) { c.TelemetryPath = "/a/b" }, 200, `<a href="./a/b"`},
		{"style", "GET", "/-/status.css", nil, 200, "prefers-color-scheme"},
		{"no configuration", "GET", "/config", nil, 404, ""},
		{"configuration", "GET", "/config", func(c *Config) {
			c.Configuration = func(w io.Writer) error { _, err := io.WriteString(w, "gateways: <b>\n"); return err }
		}, 200, "gateways: <b>\n"},
		{"configuration that cannot be written", "GET", "/config", func(c *Config) { c.Configuration = func(io.Writer) error { return errors.New("s3cret") } }, 500, "see the log"},
		{"metrics", "GET", "/metrics", nil, 200, "hoop_up 1"},
		{"metrics of the process", "GET", "/metrics", nil, 200, "promhttp_metric_handler_errors_total"},
		{"metrics elsewhere", "GET", "/a/b", func(c *Config) { c.TelemetryPath = "/a/b" }, 200, "hoop_up 1"},
		{"no metrics where they are not", "GET", "/metrics", func(c *Config) { c.TelemetryPath = "/a/b" }, 404, ""},
		{"healthy", "GET", "/-/healthy", nil, 200, "healthy"},
		{"healthy, without the text", "HEAD", "/-/healthy", nil, 200, ""},
		{"not ready", "GET", "/-/ready", nil, 503, "not ready"},
		{"only reading", "POST", "/metrics", nil, 405, ""},
		{"unknown", "GET", "/favicon.ico", nil, 404, ""},
		{"no profiles", "GET", "/debug/pprof/", nil, 404, ""},
		{"profiles", "GET", "/debug/pprof/goroutine?debug=1", func(c *Config) { c.Profiles = true }, 200, "goroutine profile"},
		{"link to profiles", "GET", "/", func(c *Config) { c.Profiles = true }, 200, "./debug/pprof/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, _ := handler(t, &fake{}, test.change)
			w := get(h, test.method, test.path)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.says) {
				t.Errorf("got %d %q, want %d with %q", w.Code, w.Body, test.status, test.says)
			}
		})
	}
}

func TestReadyOnceTheGatewayWasQueried(t *testing.T) {
	f := &fake{}
	h, _ := handler(t, f, nil)
	if w := get(h, "GET", "/-/ready"); w.Code != 503 {
		t.Errorf("before: %d", w.Code)
	}
	f.ready.Store(true)
	if w := get(h, "GET", "/-/ready"); w.Code != 200 {
		t.Errorf("after: %d", w.Code)
	}
}

func TestAScrapeHasPrometheusTimeLessTheOffset(t *testing.T) {
	for _, test := range []struct {
		name, header string
		offset, want time.Duration
	}{
		{"as told", "15", 500 * time.Millisecond, 14500 * time.Millisecond},
		{"a fraction", "0.75", 250 * time.Millisecond, 500 * time.Millisecond},
		{"not told", "", 500 * time.Millisecond, 9500 * time.Millisecond},
		{"garbage", "ten", 500 * time.Millisecond, 9500 * time.Millisecond},
		{"negative", "-3", 0, 10 * time.Second},
		{"zero", "0", 0, 10 * time.Second},
		{"no number", "NaN", 0, 10 * time.Second},
		{"infinite", "Inf", 0, 10 * time.Second},
		{"out of range", "1e999", 0, 10 * time.Second},
		{"longer than anybody waits", "1e300", 0, 5 * time.Minute},
		{"shorter than the offset", "1", 3 * time.Second, 500 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				h, _ := handler(t, f, func(c *Config) { c.TimeoutOffset = test.offset })
				get(h, "GET", "/metrics", "X-Prometheus-Scrape-Timeout-Seconds", test.header)
				if math.Abs(float64(f.deadline-test.want)) > float64(time.Microsecond) {
					t.Errorf("has %s, want %s", f.deadline, test.want)
				}
			})
		})
	}
}

func TestEachFormatIsAnsweredWhereItIsAccepted(t *testing.T) {
	for _, test := range []struct{ name, accept, want string }{
		{"text", "", "text/plain; version=0.0.4"},
		{"OpenMetrics", "application/openmetrics-text;version=1.0.0", "application/openmetrics-text; version=1.0.0"},
		{"protobuf", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
			"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, _ := handler(t, &fake{}, nil)
			w := get(h, "GET", "/metrics", "Accept", test.accept)
			if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, test.want) {
				t.Errorf("answers in %q, want %q", got, test.want)
			}
		})
	}
}

func TestOneBadSeriesLeavesTheOthers(t *testing.T) {
	h, log := handler(t, &fake{broken: true}, nil)
	get(h, "GET", "/metrics")
	w := get(h, "GET", "/metrics")
	for _, want := range []string{"hoop_up 1", `promhttp_metric_handler_errors_total{cause="gathering"} 1`} {
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%d without %q: %s", w.Code, want, w.Body)
		}
	}
	if !strings.Contains(log.String(), context.DeadlineExceeded.Error()) {
		t.Errorf("the log does not say why: %s", log)
	}
}

func TestTelemetryPathsThatAreRefused(t *testing.T) {
	for _, path := range []string{"", "metrics", "/", "/-/ready", "/-/healthy", "/debug/pprof", "/debug/pprof/x", "/config", "/-/status.css", "/{x}", "/a b", "//host/x", "/a/", "/a?b", "/a%2Fb"} {
		t.Run(path, func(t *testing.T) {
			_, err := Handler(Config{Collector: &fake{}, Registry: prometheus.NewRegistry(), TelemetryPath: path})
			if err == nil || !strings.HasPrefix(err.Error(), "--web.telemetry-path: ") {
				t.Errorf("%q: %v", path, err)
			}
		})
	}
}
