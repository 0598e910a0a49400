package web

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hoop-exporter/hoop_exporter/collector"
)

// waiting is a collector whose scrapes wait for their deadline, or for the test.
type waiting struct {
	underWay atomic.Int32
	release  chan struct{}
	large    int // further series
}

func (*waiting) Ready() bool      { return true }
func (*waiting) CheckTerm() error { return nil }

func (*waiting) Status() collector.Status { return collector.Status{} }

func (c *waiting) Scrape(ctx context.Context) prometheus.Collector { return waited{c, ctx} }

type waited struct {
	*waiting
	ctx context.Context
}

func (waited) Describe(chan<- *prometheus.Desc) {}

func (s waited) Collect(ch chan<- prometheus.Metric) {
	s.underWay.Add(1)
	defer s.underWay.Add(-1)
	select {
	case <-s.release:
	case <-s.ctx.Done():
	}
	ch <- prometheus.MustNewConstMetric(desc(), prometheus.GaugeValue, 1)
	for i := range s.large {
		d := prometheus.NewDesc("hoop_large", "Help.", []string{"connection"}, nil)
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, 1, strings.Repeat(string(rune('a'+i%26)), 100)+string(rune('a'+i/26)))
	}
}

func TestScrapesBeyondTheLimitAreRefusedAtOnce(t *testing.T) {
	for _, test := range []struct {
		name                     string
		limit, scrapes, answered int
	}{
		{"beyond", 40, 2000, 40},
		{"within", 40, 40, 40},
		{"one at a time", 1, 10, 1},
		{"no limit", 0, 2000, 2000},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &waiting{release: make(chan struct{})}
				h, err := Handler(Config{
					Collector: c, Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), TelemetryPath: "/metrics", MaxRequests: test.limit,
				})
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				type came struct {
					code  int
					body  string
					after time.Duration
				}
				answers := make(chan came, test.scrapes)
				for range test.scrapes {
					go func() {
						w := get(h, "GET", "/metrics", "X-Prometheus-Scrape-Timeout-Seconds", "10")
						answers <- came{w.Code, w.Body.String(), time.Since(began)}
					}()
				}
				synctest.Wait()
				if n := int(c.underWay.Load()); n != test.answered {
					t.Errorf("%d scrapes are under way, want %d", n, test.answered)
				}
				if w := get(h, "GET", "/-/healthy"); w.Code != 200 {
					t.Errorf("other pages are refused too: %d", w.Code)
				}
				got := map[int]int{}
				for range test.scrapes {
					a := <-answers
					got[a.code]++
					switch {
					case a.code == 200 && !strings.Contains(a.body, "hoop_up 1"), a.code == 503 && !strings.Contains(a.body, "--web.max-requests"):
						t.Errorf("%d says %q", a.code, a.body)
					case a.code == 503 && a.after != 0, a.after > 10*time.Second:
						t.Errorf("%d came after %v", a.code, a.after)
					}
				}
				if got[200] != test.answered || got[503] != test.scrapes-test.answered {
					t.Errorf("answers %v, want %d times 200 and 503 else", got, test.answered)
				}
				close(c.release)
				if w := get(h, "GET", "/metrics"); w.Code != 200 {
					t.Errorf("a place is not free again: %d", w.Code)
				}
			})
		})
	}
}

func TestBrowsersMayOnlyShowPages(t *testing.T) {
	want := map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "deny",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Content-Security-Policy":      "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
	}
	const profiles = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

	h, _ := handler(t, &fake{}, func(c *Config) { c.Profiles = true })
	for _, path := range []string{"/", "/-/status.css", "/metrics", "/-/healthy", "/-/ready", "/nowhere", "/debug/pprof/", "/debug/pprof/cmdline"} {
		t.Run(path, func(t *testing.T) {
			header := get(h, "GET", path).Result().Header
			for name, value := range want {
				if name == "Content-Security-Policy" && strings.HasPrefix(path, "/debug/pprof/") {
					value = profiles
				}
				if got := header.Values(name); len(got) != 1 || got[0] != value {
					t.Errorf("%s: %q, want %q once", name, got, value)
				}
			}
		})
	}
}

// serve runs a server on a connection that the test holds the other end of.
func serve(t *testing.T, s *http.Server) (client net.Conn, stop func()) {
	t.Helper()
	client, server := net.Pipe()
	l := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conn <- server
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l) // ends with Close
	}()
	return client, func() {
		_ = client.Close()
		_ = s.Close()
		<-done
		time.Sleep(time.Minute) // the server lets a connection linger for a moment
	}
}

// oneConn is a listener for one connection.
type oneConn struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error { close(l.closed); return nil }

func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// The server waits for nobody forever, and for every scrape long enough.
func TestSlowPeersAreDisconnected(t *testing.T) {
	scrape := "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: 120\r\n"
	for _, test := range []struct {
		name, send string
		after      time.Duration // when the server has given up
	}{
		{"no request", "", headerWithin},
		{"half a header", "GET /metrics HTTP/1.1\r\nHost: x\r\n", headerWithin},
		{"an answer that nobody reads", scrape + "\r\n", 120*time.Second + writeWithin},
		{"another page that nobody reads", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", writeWithin},
		{"a body that never comes", scrape + "Content-Length: 1000\r\n\r\n", maxTimeout + writeWithin},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &waiting{release: make(chan struct{}), large: 1000}
				h, err := Handler(Config{Collector: c, Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), TelemetryPath: "/metrics"})
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				var closed atomic.Int64
				s := newServer(h, slog.New(slog.DiscardHandler))
				s.ConnState = func(_ net.Conn, state http.ConnState) {
					if state == http.StateClosed {
						closed.Store(int64(time.Since(began)))
					}
				}
				client, stop := serve(t, s)
				defer stop()
				if _, err := io.WriteString(client, test.send); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Minute)
				if got := time.Duration(closed.Load()); got < test.after-time.Second || got > test.after+time.Second {
					t.Errorf("disconnected after %v, want %v", got, test.after)
				}
				if n := c.underWay.Load(); n != 0 {
					t.Errorf("%d scrapes are still under way", n)
				}
			})
		})
	}
}

func TestALongScrapeIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &waiting{release: make(chan struct{})}
		h, err := Handler(Config{Collector: c, Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), TelemetryPath: "/metrics"})
		if err != nil {
			t.Fatal(err)
		}
		client, stop := serve(t, newServer(h, slog.New(slog.DiscardHandler)))
		defer stop()
		// The longest profile that can be requested, twice over one connection.
		for range 2 {
			began := time.Now()
			if _, err := io.WriteString(client, "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: 300\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(client), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || !strings.Contains(string(body), "hoop_up 1") || time.Since(began) != maxTimeout {
				t.Errorf("after %v: %v, %s", time.Since(began), err, body)
			}
		}
	})
}

// Who goes away is not waited for.
func TestAScrapeEndsWithItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &waiting{release: make(chan struct{})}
		h, err := Handler(Config{Collector: c, Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), TelemetryPath: "/metrics", MaxRequests: 1})
		if err != nil {
			t.Fatal(err)
		}
		client, stop := serve(t, newServer(h, slog.New(slog.DiscardHandler)))
		defer stop()
		if _, err := io.WriteString(client, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := c.underWay.Load(); n != 1 {
			t.Fatalf("%d scrapes are under way", n)
		}
		_ = client.Close()
		synctest.Wait()
		if n := c.underWay.Load(); n != 0 {
			t.Error("the scrape goes on")
		}
		close(c.release)
		if w := get(h, "GET", "/metrics"); w.Code != 200 {
			t.Errorf("its place is not free again: %d", w.Code)
		}
	})
}

func TestRequestsAreBounded(t *testing.T) {
	for _, test := range []struct {
		name, send string
		status     int
	}{
		{"a long header", "GET /metrics HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 2*maxHeaderBytes) + "\r\n\r\n", 431},
		{"a large body where one is read", "POST /debug/pprof/symbol HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("0x1+", 50000), 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, _ := handler(t, &fake{}, func(c *Config) { c.Profiles = true })
				client, stop := serve(t, newServer(h, slog.New(slog.DiscardHandler)))
				defer stop()
				go func() { _, _ = io.WriteString(client, test.send) }() // the server may hang up before its end
				resp, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != test.status || !resp.Close {
					t.Errorf("%s, hangs up: %t; want %d, and that it hangs up without reading the rest", resp.Status, resp.Close, test.status)
				}
			})
		})
	}
}

// A TCP probe every few seconds must not fill the log, but a wrong certificate must appear in it.
func TestServerLogsProbesOfATLSPortOnlyAtDebug(t *testing.T) {
	for text, level := range map[string]slog.Level{
		"http: TLS handshake error from 10.0.0.1:40070: EOF":                                                                     slog.LevelDebug,
		"http: TLS handshake error from 10.0.0.1:40070: read tcp 10.0.0.2:10068->10.0.0.1:40070: read: connection reset by peer": slog.LevelDebug,
		"http: TLS handshake error from 10.0.0.1:40070: remote error: tls: bad certificate":                                      slog.LevelWarn,
		"http: Accept error: accept tcp [::]:10068: accept4: too many open files; retrying in 5ms":                               slog.LevelWarn,
	} {
		var out strings.Builder
		logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		newServer(http.NotFoundHandler(), logger).ErrorLog.Println(text)
		if got := out.String(); !strings.Contains(got, "level="+level.String()+" ") || !strings.Contains(got, text) {
			t.Errorf("got %q, want %v", got, level)
		}
	}
}
