package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"
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

// get sends a request to the program's server.
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

// visible are the flags that --help shows and that do more than to print something about the program.
func visible(t *testing.T) (list []*kingpin.FlagModel) {
	t.Helper()
	for _, f := range (&options{}).flags().Model().Flags {
		if !f.Hidden && f.Name != "help" && f.Name != "version" {
			list = append(list, f)
		}
	}
	return list
}

// Whatever is wrong with a flag's value is wrong with that of its variable, which the error names.
func TestAVariableIsCheckedAsItsFlagIs(t *testing.T) {
	withoutEnvironment(t)
	t.Setenv("HOOP_TOKEN", "t")
	t.Setenv("HOOP_URL", "http://127.0.0.1:1")
	for _, f := range visible(t) {
		was := os.Getenv(f.Envar)
		for _, text := range []string{"x", "-1", "/does/not/exist", ":99999"} {
			args := []string{"--config.check"}
			if f.Name == "config.check" {
				args = nil
			}
			name := "--" + f.Name
			t.Setenv(f.Envar, was)
			_, _, want := runOnce(t, append(args, name+"="+text)...)
			if f.IsBoolFlag() { // whose flag has no value
				want = `hoop_exporter: error: ` + name + `: "` + text + `" is not true or false` + "\n"
			}
			t.Setenv(f.Envar, text)
			_, _, got := runOnce(t, args...)
			exactly := regexp.MustCompile(regexp.QuoteMeta(name) + `([^-.\w]|$)`)
			if want = exactly.ReplaceAllString(want, f.Envar+"$1"); got != want {
				t.Errorf("%s=%s: %q, want %q", f.Envar, text, got, want)
			}
		}
		t.Setenv(f.Envar, was)
	}
}

func TestTheHelpIsInGroups(t *testing.T) {
	all := (&options{}).flags().Model().Flags
	seen := map[string]string{}
	for _, g := range flags.Groups(all) {
		for _, f := range g.Flags {
			if seen[f.Name] != "" || strings.Contains(f.Name, ".") == (g.Title == "Other") {
				t.Errorf("--%s is among %q and %q", f.Name, seen[f.Name], g.Title)
			}
			seen[f.Name] = g.Title
		}
	}
	_, help, _ := runOnce(t, "--help")
	for _, f := range all {
		if !f.Hidden && (seen[f.Name] == "" || !strings.Contains(help, "\n"+seen[f.Name]+":\n") || !strings.Contains(help, f.Name)) {
			t.Errorf("--%s is in no group of the help", f.Name)
		}
	}
}

var update = flag.Bool("update", false, "write the man page and the completions to deploy/package")

// Packages bring a man page and completions that are made from the flags.
func TestPagesAreThoseOfTheFlags(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("--web.systemd-socket is a flag on Linux only")
	}
	pages, err := flags.Pages((&options{}).flags())
	if err != nil || len(pages) != 4 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for name, want := range pages {
		path := filepath.Join("deploy", "package", name)
		if *update {
			err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(want), 0o600))
			if err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is not that of the flags (%v): go test . -run Pages -update", path, err)
		}
	}
}

// Any command line is either refused in one line, or what it wants can be begun. (What begins with @ would be read from a file.)
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
