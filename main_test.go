package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/goleak"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/config/flags"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// await returns what the expression's group matches in a log once it does.
func await(t *testing.T, log *collectortest.Log, expression string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	match, err := log.Await(ctx, regexp.MustCompile(expression))
	if err != nil {
		t.Fatalf("no %q in %s", expression, log)
	}
	return match[1]
}

// process is the program, run within the test.
type process struct {
	stdout, stderr *collectortest.Log
	url            string // of its server
	stop           context.CancelFunc
	exit           chan int
}

// start runs the program and waits until it listens.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &process{stdout: &collectortest.Log{}, stderr: &collectortest.Log{}, stop: cancel, exit: make(chan int, 1)}
	go func() { p.exit <- run(ctx, append(args, "--web.listen-address=127.0.0.1:0"), p.stdout, p.stderr) }()
	t.Cleanup(func() {
		cancel()
		if p.exit != nil {
			<-p.exit
		}
	})
	p.url = "http://" + await(t, p.stderr, `msg="listening on" address=(\S+)`)
	return p
}

// ended stops the program and returns its exit code.
func (p *process) ended() int {
	p.stop()
	code := <-p.exit
	p.exit = nil
	return code
}

// get asks the program's server.
func (p *process) get(t *testing.T, path, accept string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// once runs the program to its end.
func runOnce(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

// withoutEnvironment takes away what a developer's shell may have set.
func withoutEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HOOP_TOKEN", "HOOP_API_KEY", fleet.DatabaseVariable} {
		t.Setenv(name, "")
	}
	for _, f := range (&options{}).flags().Model().Flags {
		if f.Envar != "" {
			t.Setenv(f.Envar, "")
		}
	}
}

func TestMistakesAreOneClearSentence(t *testing.T) {
	const good, database = "--hoop.url=https://hoop.example.com", fleet.DatabaseVariable + "=postgres://db/x"
	for _, test := range []struct {
		name, args, says string
		env              []string
	}{
		{"nothing", "", "no gateway and no credential: give the URL with --hoop.url or HOOP_URL", nil},
		{"nothing but what is shown", "--cache.ttl=30s", "--demo shows a simulated gateway without both, and --help all flags", nil},
		{"nothing to check", "--config.check", "HOOP_TOKEN, HOOP_API_KEY, --hoop.token-file or --hoop.api-key-file", nil},
		{"no URL", "", "no gateway: give its URL with --hoop.url or HOOP_URL", []string{"HOOP_TOKEN=t"}},
		{"no credential", good, "no credential: set HOOP_TOKEN", nil},
		{"two credentials", good + " --hoop.token-file=x", "more than one credential (HOOP_TOKEN, --hoop.token-file)", []string{"HOOP_TOKEN=t"}},
		{"a URL that is none", "--hoop.url=hoop.example.com", "the scheme must be http or https", []string{"HOOP_TOKEN=t"}},
		{"no such token file", good + " --hoop.token-file=/does/not/exist", "--hoop.token-file: open /does/not/exist", nil},
		{"the token as a flag", good + " --hoop.token=t", "unknown long flag '--hoop.token'", nil},
		{"an argument", "metrics", "unexpected metrics", nil},
		{"no duration", "--cache.ttl=ten", `--cache.ttl: "ten" is not a duration, such as`, nil},
		{"a negative duration", "--stale.after=-5m", `--stale.after: "-5m" is not a duration`, nil},
		{"no number", "--hoop.duty=half", `--hoop.duty: "half" is not a number`, nil},
		{"no whole number", "--metrics.max-connections=1.5", `--metrics.max-connections: "1.5" is not a whole number`, nil},
		{"a negative number", "--metrics.max-connections=-1", "--metrics.max-connections: must not be negative", nil},
		{"a negative number of scrapes", "--web.max-requests=-1", "--web.max-requests: must not be negative", nil},
		{"no duty", "--hoop.duty=0", "--hoop.duty: must be above 0 and at most 1", nil},
		{"more than all of the time", "--hoop.duty=1.1", "--hoop.duty: must be above 0 and at most 1", nil},
		{"a duty that is no number", "--hoop.duty=NaN", "--hoop.duty: must be above 0 and at most 1", nil},
		{"no time", "--hoop.timeout=0s", "--hoop.timeout: must be above 0", nil},
		{"no answer fits", "--hoop.max-response-bytes=0", "--hoop.max-response-bytes: must be above 0", nil},
		{"no lookback", "--sessions.lookback=0", "--sessions.lookback: must be above 0", nil},
		{"no overlap", "--sessions.overlap=0", "--sessions.overlap: must be above 0", nil},
		{"overlap beyond lookback", "--sessions.overlap=2h --sessions.lookback=1h", "--sessions.overlap: must not be longer than --sessions.lookback", nil},
		{"forgotten within the overlap", "--sessions.forget-after=1m", "--sessions.forget-after: must be longer than --sessions.overlap", nil},
		{"no cache", "--cache.ttl=0", "--cache.ttl: must be above 0", nil},
		{"stale before it is refreshed", "--stale.after=5s", "--stale.after: must be longer than --cache.ttl", nil},
		{"a threshold that is none", "--reviews.overdue=5m,soon", `--reviews.overdue: "soon" is not a threshold`, nil},
		{"a threshold twice", "--sessions.long-running=60m,1h", `--sessions.long-running: "60m" and "1h" are the same threshold`, nil},
		{"tags with a hole", "--labels.connection-tags=team,,env", `--labels.connection-tags: "team,,env" has an empty entry`, nil},
		{"tags that collide", good + " --labels.connection-tags=a.b,a-b", "both become the label tag_a_b", []string{"HOOP_TOKEN=t"}},
		{"no buckets", "--no-metrics.native-histograms --no-metrics.classic-histograms", "switch one of them on", nil},
		{"an unknown level", "--log.level=trace", `--log.level: "trace" is unknown: write one of debug, info, warn, error`, nil},
		{"an unknown format", "--log.format=xml", `--log.format: "xml" is unknown`, nil},
		{"two things at once", "--once --config.check", "--once and --config.check: choose one", nil},
		{"demo with a state", "--demo --state.dir=x", "--demo brings a new gateway each time: leave --state.dir out", nil},
		{"a state in nowhere", good + " --state.dir=/does/not/exist", "--state.dir: creating the directory for the state: mkdir /does/not/exist", []string{"HOOP_TOKEN=t"}},
		{"a state in a file", good + " --state.dir=main_test.go", "--state.dir: main_test.go is not a directory", []string{"HOOP_TOKEN=t"}},
		{"a state that is only checked", good + " --config.check --state.dir=main_test.go", "--state.dir: main_test.go is not a directory", []string{"HOOP_TOKEN=t"}},
		{"two states", good + " --state.dir=x --state.postgres-url-file=y", "--state.postgres-url-file and --state.dir: choose one", []string{"HOOP_TOKEN=t"}},
		{"two states, one by environment", good + " --state.dir=x", "HOOP_STATE_POSTGRES_URL and --state.dir: choose one", []string{"HOOP_TOKEN=t", database}},
		{"two databases", good + " --state.postgres-url-file=y", "--state.postgres-url-file and HOOP_STATE_POSTGRES_URL: choose one", []string{"HOOP_TOKEN=t", database}},
		{"demo with a database", "--demo", "--demo brings a new gateway each time: leave HOOP_STATE_POSTGRES_URL out", []string{database}},
		{"one look with a database", good + " --once", "--once has no state: leave HOOP_STATE_POSTGRES_URL out", []string{"HOOP_TOKEN=t", database}},
		{"a schema of nothing", good + " --state.postgres-schema=x", "--state.postgres-schema needs a database: name one with", []string{"HOOP_TOKEN=t"}},
		{"a schema without a name", good + " --state.postgres-schema=", "--state.postgres-schema: must not be empty", []string{"HOOP_TOKEN=t", database}},
		{"an external URL for nothing", good + " --web.external-url=http://a:1", "--web.external-url is for processes that share a database", []string{"HOOP_TOKEN=t"}},
		{"an external URL with a path", good + " --web.external-url=http://a:1/b", "--web.external-url: \"http://a:1/b\" is not a URL of a host and a port", []string{"HOOP_TOKEN=t", database}},
		{"an external URL without a scheme", good + " --web.external-url=a:1", "is not a URL of a host and a port", []string{"HOOP_TOKEN=t", database}},
		{"http or https", good + " --web.config.file=x", "--web.config.file: also set --web.external-url", []string{"HOOP_TOKEN=t", database}},
		{"no such file of a database", good + " --state.postgres-url-file=/does/not/exist", "--state.postgres-url-file: open /does/not/exist", []string{"HOOP_TOKEN=t"}},
		{"an empty file of a database", good + " --config.check --state.postgres-url-file=/dev/null", "--state.postgres-url-file: /dev/null is empty", []string{"HOOP_TOKEN=t"}},
		{"a database that does not answer", good + " --config.check", "the database for the state: ", []string{"HOOP_TOKEN=t", fleet.DatabaseVariable + "=postgres://127.0.0.1:1/x"}},
		{"the URL as a flag", good + " --state.postgres-url=x", "unknown long flag '--state.postgres-url'", nil},
		{"demo of a real gateway", "--demo " + good, "--demo brings its own gateway: leave --hoop.url out", nil},
		{"a path that is none", "--demo --web.telemetry-path=metrics", `--web.telemetry-path: "metrics" is not a path`, nil},
		{"a path that is taken", "--demo --web.telemetry-path=/-/ready", "is the path of another page", nil},
		{"no such web configuration", "--demo --web.config.file=/does/not/exist", "--web.config.file: open /does/not/exist", nil},
		{"a web configuration of another form", "--demo --web.config.file=.golangci.yml", "--web.config.file: line 2: the key version is unknown", nil},
		{"an address that cannot be", "--demo --web.listen-address=127.0.0.1:99999", "--web.listen-address: \"127.0.0.1:99999\" has an invalid port", nil},
		{"a checked port that cannot be", "--demo --config.check --web.listen-address=:99999", "--web.listen-address: \":99999\" has an invalid port", nil},
		{"a checked port without a number", "--demo --config.check --web.listen-address=:nowhere", "has an invalid port", nil},
		{"a checked address without a port", "--demo --config.check --web.listen-address=127.0.0.1", "is not an address with a port", nil},
		{"a checked address twice", "--demo --config.check --web.listen-address=:1 --web.listen-address=:1", "--web.listen-address: :1 appears twice", nil},
		{"a checked virtual socket", "--demo --config.check --web.listen-address=vsock://:x", "has an invalid port", nil},
		{"a checked host that is none", "--demo --config.check --web.listen-address=no..host:1", "has a host that cannot be resolved", nil},
		{"a checked path that is taken", "--demo --config.check --web.telemetry-path=/", "is the path of another page", nil},
		{"a checked path that is none", "--demo --config.check --web.telemetry-path=metrics", "is not a path", nil},
		{"a checked web configuration", "--demo --config.check --web.config.file=/does/not/exist", "--web.config.file: open /does/not/exist", nil},
		{"repeated", good + " " + good, "flag 'hoop.url' cannot be repeated", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			withoutEnvironment(t)
			for _, e := range test.env {
				name, value, _ := strings.Cut(e, "=")
				t.Setenv(name, value)
			}
			code, stdout, stderr := runOnce(t, strings.Fields(test.args)...)
			lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(stderr), "\n"), func(l string) bool { return strings.HasPrefix(l, "level=") })
			if code != 1 || stdout != "" || len(lines) != 1 || !strings.HasPrefix(lines[0], "hoop_exporter: error: ") || !strings.Contains(lines[0], test.says) {
				t.Errorf("exit code %d, says %q and %q; want 1 and one line with %q", code, stderr, stdout, test.says)
			}
		})
	}
}

// Whatever a flag is given, the answer is in the words of the documentation, not in those of Go.
func TestNoMistakeShowsAGoType(t *testing.T) {
	withoutEnvironment(t)
	odd := filepath.Join(t.TempDir(), "odd.yml")
	if err := os.WriteFile(odd, []byte("gateways: [1]\nodd: {a: b}\nbasic_auth: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	goWords := regexp.MustCompile(`\b[a-z]+\.[A-Z]\w+:|\b(config|web|flags|fleet|yaml|json|strconv|time|url)\.[A-Za-z]\w*|\[\][a-z]|map\[|\*[a-z]+\.|!!|Go value|panic`)
	for _, f := range (&options{}).flags().Model().Flags {
		if f.Hidden { // it prints a script for a shell
			continue
		}
		for _, text := range []string{"", "x", "-1", "1e999", "99999999999999999999", "%", "[", "a,,b", "9999999h", "::", odd, t.TempDir()} {
			args := []string{"--config.check", "--" + f.Name + "=" + text}
			if f.Name != "hoop.url" && f.Name != "config.file" {
				args = append(args, "--hoop.url=http://127.0.0.1:1")
			}
			if !strings.HasPrefix(f.Name, "hoop.") && f.Name != "config.file" {
				t.Setenv("HOOP_TOKEN", "t")
			} else {
				t.Setenv("HOOP_TOKEN", "")
			}
			_, _, stderr := runOnce(t, args...)
			said := strings.NewReplacer("--"+f.Name, "", odd, "").Replace(stderr)
			for _, name := range regexp.MustCompile(`--[a-z.-]+`).FindAllString(said, -1) {
				said = strings.ReplaceAll(said, name, "") // flags have dots, too
			}
			if word := goWords.FindString(said); word != "" {
				t.Errorf("--%s=%q: %q in %s", f.Name, text, word, stderr)
			}
		}
	}
}

func TestHelpAndVersionGoToStandardOutput(t *testing.T) {
	for flag, want := range map[string]string{"--help": "--hoop.duty=0.1", "--version": "hoop_exporter, version"} {
		code, stdout, stderr := runOnce(t, flag)
		if code != 0 || !strings.Contains(stdout, want) || stderr != "" {
			t.Errorf("%s: exit code %d, %q, %q", flag, code, stdout, stderr)
		}
	}
}

// What `go run . --demo` promises, in each format that Prometheus may ask for.
func TestTheDemoServesEveryFormat(t *testing.T) {
	t.Setenv("HOOP_TOKEN", "of-somebody's-shell")
	p := start(t, "--demo", "--cache.ttl=100ms", "--metrics.first-value-hold=0")
	if url := await(t, p.stdout, `Open (\S+)`); url != p.url+"/" {
		t.Errorf("says to open %s, listens on %s", url, p.url)
	}
	families, h := p.observed(t, "hoop_session_duration_seconds")
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
			resp, body := p.get(t, "/metrics", test.accept)
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
	if code := p.ended(); code != 0 {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
}

// No two families can mean the same series to a parser that knows which suffixes each type has.
func TestNoNameMeansTwoFamiliesInOpenMetrics(t *testing.T) {
	p := start(t, "--demo", "--metrics.openmetrics-created", "--metrics.first-value-hold=0")
	_, body := p.get(t, "/metrics", "application/openmetrics-text;version=1.0.0")
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
func (p *process) observed(t *testing.T, name string) (map[string]*dto.MetricFamily, *dto.Histogram) {
	t.Helper()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for range 300 {
		_, body := p.get(t, "/metrics", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
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

func TestASignalStopsEverything(t *testing.T) {
	before := goleak.IgnoreCurrent()
	p := start(t, "--demo")
	p.get(t, "/metrics", "")
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := <-p.exit; code != 0 {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
	p.exit = nil
	goleak.VerifyNone(t, before)
}

// An exporter that goes away with its gateway cannot say that it is away.
func TestAnUnreachableGatewayDoesNotStopTheExporter(t *testing.T) {
	withoutEnvironment(t)
	t.Setenv("HOOP_TOKEN", "secret-of-mine")
	p := start(t, "--hoop.url="+closedServer())
	await(t, p.stderr, `(a request to the gateway failed)`)
	_, body := p.get(t, "/metrics", "")
	if !strings.Contains(string(body), "\nhoop_up 0\n") {
		t.Errorf("no hoop_up 0 in %s", body)
	}
	for _, path := range []string{"/-/ready", "/-/healthy", "/"} {
		if resp, body := p.get(t, path, ""); resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if code := p.ended(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(p.stderr.String(), "secret-of-mine") {
		t.Errorf("the token is in the log: %s", p.stderr)
	}
}

// closedServer is an address at which nothing listens.
func closedServer() string {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	return s.URL
}

// simulated serves a gateway with some history on loopback.
func simulated(t *testing.T) *httptest.Server {
	t.Helper()
	g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.Old, Tokens: map[string]gatewaytest.Credential{
		"admin-token": {Role: gatewaytest.RoleAdmin}, "user-token": {Role: gatewaytest.RoleStandard, UserID: "user-1"},
	}})
	g.AddHistory(250, time.Now().Add(-20*time.Hour), time.Now(), gatewaytest.HistoryOptions{Unfinished: 10, Pending: 3})
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	return s
}

func TestConfigCheckSaysWhatIsWrong(t *testing.T) {
	gateway := simulated(t)
	for _, test := range []struct {
		name, url, token string
		code             int
		stdout, stderr   string
	}{
		{"all is well", gateway.URL, "admin-token", 0,
			`gateway: http://\S+/api answers, version 1.49.10\ncredential: role admin .*\nsessions: the newest page of the last 24 hours has 100, .*\nconfiguration: valid\n$`, `^$`},
		{"a standard user", gateway.URL + "/api/", "user-token", 0, `role standard .*\nwarning: this role sees only part of the sessions`, `^$`},
		{"a wrong token", gateway.URL, "wrong-token", 1, `^$`, `HTTP 401 .*the credential is missing, wrong or expired`},
		{"a wrong base path", gateway.URL + "/hoop", "admin-token", 1, `^$`, `is the base path right\? expected https://host/api`},
		{"unreachable", closedServer(), "admin-token", 1, `^$`, `the connection to the gateway failed: check the URL, the network and that it runs`},
	} {
		t.Run(test.name, func(t *testing.T) {
			withoutEnvironment(t)
			t.Setenv("HOOP_TOKEN", test.token)
			code, stdout, stderr := runOnce(t, "--config.check", "--hoop.url="+test.url)
			if code != test.code || !regexp.MustCompile(test.stdout).MatchString(stdout) || !regexp.MustCompile(test.stderr).MatchString(stderr) {
				t.Errorf("exit code %d, says %q and %q", code, stdout, stderr)
			}
			if strings.Count(stderr, "\n") > 1 || strings.Contains(stdout+stderr, test.token) {
				t.Errorf("more than one line, or the token: %q", stderr)
			}
		})
	}
}

func TestOncePrintsEverythingThatWasRead(t *testing.T) {
	withoutEnvironment(t)
	t.Setenv("HOOP_TOKEN", "admin-token")
	t.Run("everything was read", func(t *testing.T) {
		code, stdout, stderr := runOnce(t, "--once", "--hoop.url="+simulated(t).URL)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		for _, want := range []string{"\nhoop_up 1\n", "\nhoop_exporter_baseline_complete 1\n", "\nhoop_exporter_tracked_sessions 10\n", "\nhoop_exporter_build_info{"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("no %q in %s", want, stdout)
			}
		}
		if strings.Contains(stdout, "\ngo_") || strings.Contains(stdout, "\nprocess_") {
			t.Error("metrics of this short process are there too")
		}
	})
	t.Run("the gateway is away", func(t *testing.T) {
		code, stdout, stderr := runOnce(t, "--once", "--hoop.url="+closedServer())
		if code != 1 || !strings.Contains(stdout, "\nhoop_up 0\n") || !strings.Contains(stderr, "hoop_exporter: error: ") {
			t.Errorf("exit code %d, %s, %s", code, stdout, stderr)
		}
	})
}

// What was counted is there again after a restart, in a file that holds no secret and that no other process can use meanwhile.
func TestStateOutlivesTheProgram(t *testing.T) {
	withoutEnvironment(t)
	t.Setenv("HOOP_TOKEN", "admin-token")
	dir := filepath.Join(t.TempDir(), "state")
	args := []string{"--hoop.url=" + simulated(t).URL, "--state.dir=" + dir}
	first := start(t, args...)
	file := await(t, first.stderr, `msg="counting starts" state=(\S+)`)
	first.get(t, "/metrics", "")
	second := start(t, args...)
	await(t, second.stderr, `(is in use by another process)`)
	if _, body := second.get(t, "/metrics", ""); !strings.Contains(string(body), "\nhoop_up 0\n") {
		t.Errorf("no hoop_up 0 in %s", body)
	}
	second.ended()
	if code := first.ended(); code != 0 {
		t.Errorf("exit code %d: %s", code, first.stderr)
	}
	content, err := os.ReadFile(file)
	if err != nil || bytes.Contains(content, []byte("admin-token")) || regexp.MustCompile(`[a-z]@[a-z]+\.`).Match(content) {
		t.Errorf("%v, or the token or an e-mail is in %q", err, content)
	}
	third := start(t, args...)
	if again := await(t, third.stderr, `msg="counting continues" state=(\S+)`); again != file {
		t.Errorf("it goes on with %s, not %s", again, file)
	}
}

// What holds for a file or for flags is printed as a file, without a secret; what is wrong with a file is reported line by line.
func TestConfigPrintShowsNoSecret(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret-of-mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "hoop.yml")
	const one = "gateways: {one: {url: https://one, token_file: absent, http_client_config: {http_headers: {X: {values: [secret-of-mine]}}}}}"
	for _, test := range []struct {
		name, file     string
		args, env      []string
		code           int
		stdout, stderr string // expressions
	}{
		{"flags", "", []string{"--hoop.url=https://a", "--hoop.token-file=" + token, "--sessions.long-running=2h"}, nil, 0, `(?s)^gateways:\n  gateway:\n    url: https://a\n.*    token_file: ` + token + `\n.*long_running: \[2h\]`, `^$`},
		{"environment", "", nil, []string{"HOOP_URL=https://a", "HOOP_TOKEN=secret-of-mine"}, 0, `# .*HOOP_TOKEN\. .*\n  gateway:\n    url: https://a\n`, `^$`},
		{"a demo", "", []string{"--demo"}, nil, 0, `# The simulated gateway needs no credential.\n(?s).*connection_tags: \[team, environment\]`, `^$`},
		{"flags with a mistake", "", []string{"--hoop.duty=2"}, nil, 1, `^$`, `^hoop_exporter: error: --hoop.duty: must be above 0 and at most 1, such as 0.1\n$`},
		{"a file", one, nil, nil, 0, `(?s)^gateways:\n  one:\n    url: https://one\n.*duty: 0.1\n.*- <secret>\n`, `^$`},
		{"a file with mistakes", "gateways:\n  one:\n    url: one\n    duty: 2\n", nil, nil, 1, `^$`,
			`^hoop_exporter: error: \S+/hoop.yml:2: gateways.one: no credential: .*\n\S+/hoop.yml:3: gateways.one.url: the scheme must be .*\n\S+/hoop.yml:4: gateways.one.duty: must be above 0 .*\n$`},
		{"a file beside a flag", one, []string{"--cache.ttl=5s", "--no-metrics.exemplars"}, []string{"HOOP_TOKEN=secret-of-mine", "HOOP_URL=https://a"}, 1, `^$`,
			`^hoop_exporter: error: --config.file has all gateways and their settings: leave HOOP_TOKEN, HOOP_URL, --cache.ttl, --metrics.exemplars out\n$`},
		{"a file beside a demo", one, []string{"--demo"}, nil, 1, `^$`, `^hoop_exporter: error: --demo brings its own gateway: leave --config.file out\n$`},
	} {
		t.Run(test.name, func(t *testing.T) {
			withoutEnvironment(t)
			for _, e := range test.env {
				name, value, _ := strings.Cut(e, "=")
				t.Setenv(name, value)
			}
			args := append([]string{"--config.print"}, test.args...)
			if test.file != "" {
				if err := os.WriteFile(path, []byte(test.file), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "--config.file="+path)
			}
			code, stdout, stderr := runOnce(t, args...)
			if code != test.code || !regexp.MustCompile(test.stdout).MatchString(stdout) || !regexp.MustCompile(test.stderr).MatchString(stderr) {
				t.Errorf("exit code %d, says %q and %q", code, stdout, stderr)
			}
			if strings.Contains(stdout+stderr, "secret-of-mine") {
				t.Errorf("a secret is in %s%s", stdout, stderr)
			}
		})
	}
}

// The pages that list every flag and every metric.
const (
	flagsPage   = "docs/flags.md"
	metricsPage = "docs/metrics.md"
)

// rows returns the rows of a page's tables whose first cell begins so, each cell without quotes and spaces.
func rows(t *testing.T, page, begin string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| `"+begin) {
			continue
		}
		cells := strings.Split(strings.NewReplacer("`", "", " ", "", "tag_<key>", "tag_key").Replace(line), "|")[1:]
		if _, twice := found[cells[0]]; twice {
			t.Errorf("%s is listed twice", cells[0])
		}
		found[cells[0]] = cells[1:]
	}
	return found
}

func TestDocumentationListsEveryFlag(t *testing.T) {
	var o options
	want := map[string]string{}
	for _, f := range o.flags().Model().Flags {
		if f.Hidden {
			continue
		}
		def := strings.Join(f.Default, ",")
		if def == "" && f.IsBoolFlag() {
			def = "false"
		}
		if f.Envar == flags.Variable(f.Name) { // the README says how that follows from the name
			f.Envar = ""
		}
		want["--"+f.Name] = def + " " + f.Envar
	}
	got := map[string]string{}
	for name, cells := range rows(t, flagsPage, "--") {
		got[name] = cells[0] + " " + cells[1]
	}
	compare(t, got, want)
}

func TestDocumentationListsEveryMetric(t *testing.T) {
	c, err := client.New("http://hoop.invalid", nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Defaults()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Client, cfg.ConnectionTags = c, []string{"key"}
	col, err := collector.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	described := make(chan *prometheus.Desc, 200)
	col.Describe(described)
	versioncollector.NewCollector(program).Describe(described)
	many := fleet.New(fleet.Options{Cluster: &fleet.Cluster{}})
	many.Health().Describe(described)
	many.ClusterHealth().Describe(described)
	fleet.NewReloader(many, "").Describe(described)
	close(described)
	want := map[string]string{}
	for d := range described {
		m := regexp.MustCompile(`fqName: "([^"]+)".* constLabels: \{(.*)\}, variableLabels: \{(.*?)\}`).FindStringSubmatch(d.String())
		labels := m[3]
		if name := m[1]; name == "hoop_exporter_build_info" {
			labels = "version,revision,branch,goversion,goos,goarch,tags"
			if n := strings.Count(m[2], "="); n != 7 {
				t.Errorf("%s has %d labels", name, n)
			}
		}
		want[m[1]] = labels
	}
	got := map[string]string{}
	for name, cells := range rows(t, metricsPage, "hoop_") {
		got[name] = cells[1]
	}
	compare(t, got, want)
}

func compare(t *testing.T, page, code map[string]string) {
	t.Helper()
	for name, is := range code {
		if says, ok := page[name]; !ok || says != is {
			t.Errorf("%s: the documentation says %q, the code %q", name, says, is)
		}
	}
	for name := range page {
		if _, ok := code[name]; !ok {
			t.Errorf("the documentation lists %s, which does not exist", name)
		}
	}
	if len(code) < 20 {
		t.Error(fmt.Sprint("only ", len(code), " names were compared"))
	}
}

// Any command line is either refused in one line, or what it asks for can be begun. (What begins with @ would be read from a file.)
func FuzzFlags(f *testing.F) {
	f.Add("--hoop.duty=0.5\n--cache.ttl=1ms")
	f.Add("--sessions.long-running=1h,2h\n--reviews.overdue=5m\n--labels.connection-tags=team,a.b")
	f.Add("--hoop.timeout=290y\n--sessions.forget-after=290y\n--sessions.lookback=1ms\n--sessions.overlap=1ms")
	f.Add("--no-metrics.exemplars\n--metrics.max-connections=9223372036854775807\n--web.max-requests=0")
	f.Add("--hoop.duty=NaN\n--hoop.duty=1e-320")
	f.Add("--labels.connection-tags=A@\x06\xf8B\xc8\n--log.level=\xdf")
	f.Add("--hoop.timeout=\n--sessions.lookback=\n--sessions.long-running=1y\n--reviews.overdue=")
	f.Add("--log.level=trace\n--\n-h\n--help-man\n--completion-bash\nx")
	f.Fuzz(func(t *testing.T, line string) {
		args := slices.DeleteFunc(strings.Split(line, "\n"), func(arg string) bool { return strings.HasPrefix(arg, "@") })
		o := &options{}
		app := o.flags().UsageWriter(io.Discard).ErrorWriter(io.Discard).Terminate(func(int) {})
		connect := func(opts ...client.Option) (*client.Client, error) {
			key := client.WithAPIKey(func() (string, error) { return "t", nil })
			return client.New("https://hoop.example.com", http.DefaultClient, append(opts, key)...)
		}
		_, err := app.Parse(args)
		if err == nil {
			err = o.validate()
		}
		var cfg *config.Config
		if err == nil {
			cfg, err = config.Simulated(o.gateway.Draft, connect)
		}
		if err != nil {
			if text := err.Error(); text == "" || strings.Contains(text, "\n") {
				t.Errorf("says %q", text)
			}
			return
		}
		c := cfg.Gateways()[0].Collector()
		if c.Client, err = connect(); err != nil {
			t.Fatal(err)
		}
		col, err := collector.New(c)
		if err != nil {
			t.Fatalf("it was taken to be good: %v", err)
		}
		if err := prometheus.NewPedanticRegistry().Register(col); err != nil {
			t.Errorf("cannot be shown: %v", err)
		}
	})
}
