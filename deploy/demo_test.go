//go:build unix

package deploy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
)

// demo is the program with --demo, which runs.
type demo struct {
	url            string
	stdout, stderr collectortest.Log
	stop           func() error // as an operator would; returns how it ended
}

// startDemo starts the demo and waits until it says where to look, which is where it listens. It is killed when the test ends, at the
// latest.
func startDemo(t *testing.T, args ...string) *demo {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d := &demo{}
	cmd := exec.CommandContext(t.Context(), program(t), append(args, "--demo", "--metrics.first-value-hold=0", "--web.listen-address=127.0.0.1:0")...)
	cmd.Stdout, cmd.Stderr = &d.stdout, &d.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	d.stop = func() error { return errors.Join(cmd.Process.Signal(syscall.SIGTERM), <-ended) }
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, or the test has failed
	listens, err := d.stderr.Await(ctx, regexp.MustCompile(`msg="listening on" address=(\S+)`))
	if err != nil {
		t.Fatalf("it does not listen: %s", d.stderr.String())
	}
	opens, err := d.stdout.Await(ctx, regexp.MustCompile(`Open (\S+)/\n`))
	if err != nil {
		t.Fatalf("it does not say what to open: %s", d.stdout.String())
	}
	if d.url = "http://" + listens[1]; opens[1] != d.url {
		t.Errorf("says to open %s, listens on %s", opens[1], d.url)
	}
	return d
}

// scrape requests the metrics in a format.
func (d *demo) scrape(t *testing.T, accept string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

// What `go run . --demo` promises, in each format that Prometheus may request.
func TestTheDemoServesEveryFormat(t *testing.T) {
	t.Setenv("HOOP_TOKEN", "of-somebody's-shell")
	d := startDemo(t, "--cache.ttl=100ms")
	families, h := d.observed(t, "hoop_session_duration_seconds")
	if len(h.GetBucket()) == 0 || len(h.GetPositiveSpan()) == 0 || h.GetCreatedTimestamp() == nil {
		t.Errorf("protobuf: a histogram without classic buckets, native ones or a created timestamp: %s", h)
	}
	for name, cells := range rows(t, metricsPage, "hoop_") {
		if f, served := families[name]; served && strings.ToLower(f.GetType().String()) != cells[0] {
			t.Errorf("%s is a %s, the documentation says %s", name, f.GetType(), cells[0])
		}
	}
	for _, test := range []struct{ name, accept, contentType, has, hasNot string }{
		{"text", "", "text/plain; version=0.0.4", "\nhoop_up 1\n", "# {"},
		{"OpenMetrics", "application/openmetrics-text;version=1.0.0", "application/openmetrics-text; version=1.0.0", "# {session_id=", "hoop_sessions_started_created"},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp, body := d.scrape(t, test.accept)
			if ct := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || !strings.HasPrefix(ct, test.contentType) {
				t.Errorf("%d %s", resp.StatusCode, ct)
			}
			if !bytes.Contains(body, []byte(test.has)) || bytes.Contains(body, []byte(test.hasNot)) {
				t.Errorf("want %q and not %q in %s", test.has, test.hasNot, body)
			}
			problems, err := promlint.New(bytes.NewReader(body)).Lint()
			if test.accept == "" && (err != nil || len(problems) > 0) {
				t.Errorf("promlint: %v, %v", problems, err)
			}
		})
	}
	if err := d.stop(); err != nil {
		t.Errorf("SIGTERM: %v: %s", err, d.stderr.String())
	}
}

// No two families can mean the same series to a parser that knows which suffixes each type has.
func TestNoNameMeansTwoFamiliesInOpenMetrics(t *testing.T) {
	d := startDemo(t, "--metrics.openmetrics-created")
	_, body := d.scrape(t, "application/openmetrics-text;version=1.0.0")
	suffixes := map[string][]string{
		"counter": {"_total", "_created"}, "histogram": {"_bucket", "_count", "_sum", "_created"}, "summary": {"_count", "_sum", "_created"}, "info": {"_info"},
	}
	family := map[string]string{} // by name of a series
	types := regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllSubmatch(body, -1)
	for _, m := range types {
		for _, suffix := range append(suffixes[string(m[2])], "") {
			name, own := string(m[1])+suffix, string(m[1])+", a "+string(m[2])
			if other, taken := family[name]; taken {
				t.Errorf("%s is of %s, and of %s", name, own, other)
			}
			family[name] = own
		}
	}
	if _, ok := family["go_memory_classes_heap_objects_bytes"]; !ok || len(types) < 50 {
		t.Errorf("%d families, and no memory of the process in them: %s", len(types), body)
	}
}

// observed scrapes protobuf until the histogram has an observation, for which a session has to end first.
func (d *demo) observed(t *testing.T, name string) (map[string]*dto.MetricFamily, *dto.Histogram) {
	t.Helper()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for range 300 {
		_, body := d.scrape(t, "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
		families := map[string]*dto.MetricFamily{}
		decoder := expfmt.NewDecoder(bytes.NewReader(body), expfmt.NewFormat(expfmt.TypeProtoDelim))
		for {
			f := &dto.MetricFamily{}
			if err := decoder.Decode(f); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			families[f.GetName()] = f
		}
		for _, m := range families[name].GetMetric() {
			if m.GetHistogram().GetSampleCount() > 0 {
				return families, m.GetHistogram()
			}
		}
		<-again.C
	}
	t.Fatalf("no observation in %s after a minute", name)
	return nil, nil
}
