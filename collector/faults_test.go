package collector

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// way is a transport that can fail before it reaches the gateway.
type way struct {
	http.RoundTripper
	fail atomic.Pointer[func() error]
}

func (w *way) RoundTrip(r *http.Request) (*http.Response, error) {
	if f := w.fail.Load(); f != nil {
		return nil, (*f)()
	}
	return w.RoundTripper.RoundTrip(r)
}

// Each thing that can go wrong, for twenty minutes: no wrong count, reported once and not at every scrape, seen in the metrics, and over by
// itself.
func TestFaultsAreReportedOnceAndPass(t *testing.T) {
	t.Parallel()
	var port atomic.Int32 // another one for each connection
	broken := []struct {
		name string
		fail func() error
	}{
		{"DNS", func() error {
			return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "i/o problem", Name: "hoop.example", Server: fmt.Sprint("127.0.0.53:", port.Add(1))}}
		}},
		{"TLS", func() error { return x509.UnknownAuthorityError{} }},
		{"connection reset", func() error {
			return &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{Port: int(port.Add(1))}, Addr: &net.TCPAddr{Port: 443}, Err: syscall.ECONNRESET}
		}},
	}
	for _, b := range broken {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				faulty(t, true, false, nil, func(w *way, on bool) {
					if w.fail.Store(nil); on {
						w.fail.Store(&b.fail)
					}
				})
			})
		})
	}
	// Those under which the newest page and the pending reviews can still be read, if not at once.
	survived := map[string]bool{
		"hangs": true, "one in three fails": true, "slow": true, noDate: true, "replicas whose clocks disagree": true, "the next page is denied": true, "the total is off": true,
		"half a page, and more to come": true, "fields in another form": true, "ids in either case": true, "reviews have other ids": true, "sessions in another order": true,
	}
	for _, f := range append(faults(), rows()...) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				weather := newWeather(1)
				weather.clear()
				odd := strings.HasPrefix(f.name, "rows")
				faulty(t, !odd && !survived[f.name], odd, weather, func(_ *way, on bool) {
					weather.mu.Lock()
					defer weather.mu.Unlock()
					weather.calm, weather.now, weather.until = !on, f, time.Now().Add(1000*time.Hour)
				})
			})
		})
	}
}

// rows are odd in themselves: each adds some to what the gateway answers, which are no sessions and must not be counted.
func rows() []fault {
	with := func(rows string) func(*weather, http.ResponseWriter, *http.Request) {
		return func(w *weather, rw http.ResponseWriter, r *http.Request) {
			body, h := w.normal(r)
			h(rw)
			_, _ = rw.Write(bytes.Replace(body, []byte(`"data":[{`), []byte(`"data":[`+rows+`,{`), 1))
		}
	}
	return []fault{
		{"rows of other types", with(`{"id":7,"start_date":true},[],null,"x",{"id":"a","start_date":{}},{}`)},
		{"rows with absurd dates", with(`{"id":"b","start_date":"9999999-01-01T00:00:00Z"},{"id":"c","start_date":"2000-13-45T99:99:99Z"}`)},
		{"rows with megabytes of text", with(`{"id":"` + strings.Repeat("d", collectortest.Pick(1, 10)<<20) + `"}`)},
		{"rows that are too long", with(`{"id":"too long","script":"` + strings.Repeat("d", collectortest.Pick(17, 40)<<20) + `"}`)},
		{"rows that are no UTF-8", with("{\"id\":\"e\xff\xfe\",\"start_date\":\"\xff\"}")},
	}
}

func faulty(t *testing.T, down, malformed bool, weather *weather, set func(w *way, on bool)) {
	life := gatewaytest.DefaultLife()
	life.Connections = gatewaytest.Connections(3)
	life.Rate, life.Rewritten, life.Overturned, life.VeryLate, life.LateMax = 0.01, 0, 0, 0, time.Minute
	cfg := gatewaytest.Config{Dialect: gatewaytest.New2026, Seed: 1, Life: life}
	if weather != nil {
		cfg.Fault = weather.handler
	}
	g := gatewaytest.New(cfg)
	if weather != nil {
		weather.gateway = g
	}
	var said logs
	collector := truthConfig()
	collector.Logger = log.NewLogfmtLogger(&said)
	to := &way{RoundTripper: g.Transport()}
	w := newWorldBehind(t, g, to, collector)
	defer w.stop()
	w.scrapeFor(collectortest.Pick(4*time.Minute, 10*time.Minute), refreshEvery)
	if said := said.String(); strings.Contains(said, "level=warn") {
		t.Fatalf("warned before: %s", said)
	}
	set(to, true)
	if down {
		w.scrapeFor(20*time.Minute, refreshEvery)
	} else {
		w.scrapeFor(5*time.Minute, refreshEvery) // nothing has to become old
	}
	got := w.scrape()
	if down && (got["hoop_up"] != 0 || got["hoop_exporter_gauges_withheld"] != 1 || got["hoop_exporter_refresh_failures_total"] == 0) {
		t.Errorf("up %v, withheld %v, %v failures", got["hoop_up"], got["hoop_exporter_gauges_withheld"], got["hoop_exporter_refresh_failures_total"])
	}
	warned := strings.Count(said.String(), "level=warn")
	if down && (warned == 0 || warned > 6) { // one for each kind of request, at most
		t.Errorf("warned %d times in 40 refreshes:\n%s", warned, said.String())
	}
	if odd := got["hoop_exporter_malformed_sessions_total"]; (odd > 0) != malformed || malformed && (warned == 0 || float64(warned) > odd) {
		t.Errorf("%v malformed, warned %d times:\n%s", odd, warned, said.String())
	}
	set(to, false)
	w.scrapeFor(40*time.Minute, refreshEvery) // a gateway whose request timed out is left alone for as much as 16 minutes
	if got := w.scrape(); got["hoop_up"] != 1 || down && !strings.Contains(said.String(), "recovered") {
		t.Errorf("up %v forty minutes later:\n%s", got["hoop_up"], said.String())
	}
	g.Calm()
	w.scrapeFor(36*time.Hour, collectortest.Pick(time.Hour, 20*time.Minute))
	w.equalsTruth()
}

// A second with more sessions than the gateway lets one reach is reported, once; all others are counted exactly.
func TestASecondThatCannotBeReadIsReportedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var said logs
		g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026})
		cfg := truthConfig()
		cfg.Logger, cfg.AllowedLateness = log.NewLogfmtLogger(&said), collectortest.Pick(4*time.Minute, cfg.AllowedLateness)
		w := newWorld(t, g, cfg)
		defer w.stop()
		w.scrapeFor(5*time.Minute, refreshEvery)
		dense := time.Now().Truncate(time.Second).Add(-time.Minute)
		const most = 10_100
		for i := range most + 200 {
			g.Add(gatewaytest.Row{Connection: "pg", Type: "database", Status: "done", StartDate: dense.Add(time.Duration(i+1) * time.Microsecond)})
		}
		for range 5 {
			g.Add(gatewaytest.Row{Connection: "pg", Type: "database", Status: "done", StartDate: dense.Add(-time.Minute)})
		}
		w.scrapeFor(collectortest.Pick(5*time.Minute, time.Hour), refreshEvery)
		got := w.scrape()[`hoop_sessions_started_total{connection="pg",identity="user",type="database",verb="exec"}`]
		if got != most+5 {
			t.Errorf("%v counted, want %d", got, most+5)
		}
		if n := strings.Count(said.String(), `level=warn msg="some sessions are not counted"`); n != 1 || strings.Count(said.String(), "level=warn") != 1 {
			t.Errorf("reported %d times:\n%s", n, said.String())
		}
	})
}
