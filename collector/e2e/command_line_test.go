package e2e

import (
	"bytes"
	"context"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

// command runs the program to its end, in the folder of its source, with this environment and nothing else of the test's own.
func command(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a program that serves would go on forever
	defer cancel()
	cmd := exec.CommandContext(ctx, built(t).Exporter, args...)
	var out, errors bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "../..", append([]string{}, env...), &out, &errors
	_ = cmd.Run() // the exit code says whether it failed; it is -1 if it did not end by itself
	return cmd.ProcessState.ExitCode(), out.String(), errors.String()
}

// variables is an environment of one variable, or of none for "".
func variables(one string) []string {
	return slices.DeleteFunc([]string{one}, func(v string) bool { return v == "" })
}

func TestMistakesAreOneClearSentence(t *testing.T) {
	t.Parallel()
	const good, database = "--hoop.url=https://hoop.example.com", fleet.DatabaseVariable + "=postgres://db/x"
	const file = "--config.file=docs/config.example.yml"
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
		{"demo with a state", "--demo --state.dir=x", "--demo starts a new gateway each time, so there is no state to keep: remove --state.dir", nil},
		{"a state in nowhere", good + " --state.dir=/does/not/exist", "--state.dir: creating the directory for the state: mkdir /does/not/exist", []string{"HOOP_TOKEN=t"}},
		{"a state in a file", good + " --state.dir=main_test.go", "--state.dir: main_test.go is not a directory", []string{"HOOP_TOKEN=t"}},
		{"a state that is only checked", good + " --config.check --state.dir=main_test.go", "--state.dir: main_test.go is not a directory", []string{"HOOP_TOKEN=t"}},
		{"two states", good + " --state.dir=x --state.postgres-url-file=y", "--state.postgres-url-file and --state.dir: choose one", []string{"HOOP_TOKEN=t"}},
		{"two states, one by environment", good + " --state.dir=x", "HOOP_STATE_POSTGRES_URL and --state.dir: choose one", []string{"HOOP_TOKEN=t", database}},
		{"two databases", good + " --state.postgres-url-file=y", "--state.postgres-url-file and HOOP_STATE_POSTGRES_URL: choose one", []string{"HOOP_TOKEN=t", database}},
		{"demo with a database", "--demo", "--demo starts a new gateway each time, so there is no state to keep: remove HOOP_STATE_POSTGRES_URL", []string{database}},
		{"one look with a database", good + " --once", "--once keeps no state: remove HOOP_STATE_POSTGRES_URL", []string{"HOOP_TOKEN=t", database}},
		{"one gateway by flags with a database", good, "--config.file is missing: processes that share a database (HOOP_STATE_POSTGRES_URL) need one, also for a single gateway", []string{"HOOP_TOKEN=t", database}},
		{"a schema of nothing", good + " --state.postgres-schema=x", "--state.postgres-schema needs a database: name one with", []string{"HOOP_TOKEN=t"}},
		{"a schema without a name", file + " --state.postgres-schema=", "--state.postgres-schema: must not be empty", []string{database}},
		{"an external URL for nothing", good + " --web.external-url=http://a:1", "--web.external-url is for processes that share a database", []string{"HOOP_TOKEN=t"}},
		{"an external URL with a path", file + " --web.external-url=http://a:1/b", "--web.external-url: \"http://a:1/b\" is not a URL of a host and a port", []string{database}},
		{"an external URL without a scheme", file + " --web.external-url=a:1", "is not a URL of a host and a port", []string{database}},
		{"http or https", file + " --web.config.file=x", "--web.config.file can change the scheme of this process's URL: also set --web.external-url", []string{database}},
		{"no such file of a database", file + " --state.postgres-url-file=/does/not/exist", "--state.postgres-url-file: open /does/not/exist", nil},
		{"an empty file of a database", file + " --config.check --state.postgres-url-file=/dev/null", "--state.postgres-url-file: /dev/null is empty", nil},
		{"a database that does not answer", file + " --config.check", "the database for the state: ", []string{fleet.DatabaseVariable + "=postgres://127.0.0.1:1/x"}},
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
			code, stdout, stderr := command(t, test.env, strings.Fields(test.args)...)
			lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(stderr), "\n"), func(l string) bool { return strings.HasPrefix(l, "level=") })
			if code != 1 || stdout != "" || len(lines) != 1 || !strings.HasPrefix(lines[0], "hoop_exporter: error: ") || !strings.Contains(lines[0], test.says) {
				t.Errorf("exit code %d, says %q and %q; want 1 and one line with %q", code, stderr, stdout, test.says)
			}
		})
	}
}

// effective is the configuration that the program prints.
func effective(t *testing.T, env []string, args ...string) string {
	t.Helper()
	code, stdout, stderr := command(t, append(env, "HOOP_TOKEN=t"), append(args, "--hoop.url=https://hoop.example.com", "--config.print")...)
	if code != 0 {
		t.Fatal(stderr)
	}
	return stdout
}

func TestAFlagOverridesItsVariable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, variable, arg, want string }{
		{"neither", "", "", "ttl: 10s"},
		{"the variable", "HOOP_EXPORTER_CACHE_TTL=20s", "", "ttl: 20s"},
		{"an empty variable", "HOOP_EXPORTER_CACHE_TTL=", "", "ttl: 10s"},
		{"both", "HOOP_EXPORTER_CACHE_TTL=20s", "--cache.ttl=30s", "ttl: 30s"},
		{"what is on, off by its variable", "HOOP_EXPORTER_METRICS_EXEMPLARS=false", "", "exemplars: false"},
		{"what is on, off by its variable and on by its flag", "HOOP_EXPORTER_METRICS_EXEMPLARS=false", "--metrics.exemplars", "exemplars: true"},
		{"a list", "HOOP_EXPORTER_LABELS_CONNECTION_TAGS=a,b", "", "connection_tags: [a, b]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := effective(t, variables(test.variable), strings.Fields(test.arg)...); !strings.Contains(got, test.want) {
				t.Errorf("%q is not in\n%s", test.want, got)
			}
		})
	}
}

func TestErrorsNameTheVariablesThatCausedThem(t *testing.T) {
	t.Parallel()
	const good = "--hoop.url=https://hoop.example.com"
	for _, test := range []struct{ name, env, args, says string }{
		{"two settings", "HOOP_EXPORTER_SESSIONS_OVERLAP=2h", "--sessions.lookback=1h " + good, "HOOP_EXPORTER_SESSIONS_OVERLAP: must not be longer than --sessions.lookback"},
		{"a file of a credential", "HOOP_TOKEN_FILE=/does/not/exist", good, "HOOP_TOKEN_FILE: open /does/not/exist"},
		{"a setting of one gateway beside a file", "HOOP_EXPORTER_CACHE_TTL=20s", "--config.file=x", "leave HOOP_EXPORTER_CACHE_TTL out"},
		{"a file beside a flag of one gateway", "HOOP_EXPORTER_CONFIG_FILE=x", good, "HOOP_EXPORTER_CONFIG_FILE has all gateways and their settings: leave --hoop.url out"},
		{"a schema without a database", "HOOP_EXPORTER_STATE_POSTGRES_SCHEMA=x", good, "HOOP_EXPORTER_STATE_POSTGRES_SCHEMA needs a database"},
		{"a flag that overrides the variable", "HOOP_EXPORTER_CACHE_TTL=20s", "--cache.ttl=0 " + good, "--cache.ttl: must be above 0"},
		{"a flag without its value beside the variable", "HOOP_EXPORTER_CACHE_TTL=20s", "--cache.ttl", "expected argument for flag '--cache.ttl'"},
		{"an address", "HOOP_EXPORTER_WEB_LISTEN_ADDRESS=:99999", "--demo --config.check", `HOOP_EXPORTER_WEB_LISTEN_ADDRESS: ":99999" has an invalid port`},
		{"the second of two addresses", "HOOP_EXPORTER_WEB_LISTEN_ADDRESS=:1\n:99999", "--demo --config.check", `HOOP_EXPORTER_WEB_LISTEN_ADDRESS: ":99999" has an invalid port`},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := command(t, variables(test.env), strings.Fields(test.args)...)
			if code != 1 || stdout != "" || !strings.Contains(stderr, test.says) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, says %q and %q; want 1 and one line with %q", code, stderr, stdout, test.says)
			}
		})
	}
}

func TestHelpAndVersionGoToStandardOutput(t *testing.T) {
	for flag, want := range map[string]string{"--help": "--hoop.duty=0.1", "--version": "hoop_exporter, version"} {
		code, stdout, stderr := command(t, nil, flag)
		if code != 0 || !strings.Contains(stdout, want) || stderr != "" {
			t.Errorf("%s: exit code %d, %q, %q", flag, code, stdout, stderr)
		}
	}
}

// The help has the names of variables, never what they hold; and no variable that is made from a flag's name holds a secret.
func TestTheHelpShowsNoVariableThatIsSet(t *testing.T) {
	_, help, _ := command(t, nil, "--help")
	env := []string{"HOOP_TOKEN=held-by-a-variable", "HOOP_API_KEY=held-by-a-variable", fleet.DatabaseVariable + "=held-by-a-variable"}
	named := regexp.MustCompile(`\(\$(\w+)\)`).FindAllStringSubmatch(help, -1)
	if len(named) < 40 {
		t.Errorf("the help names only %d variables", len(named))
	}
	for _, m := range named {
		env = append(env, m[1]+"=held-by-a-variable")
		if regexp.MustCompile(`(TOKEN|KEY|PASSWORD|SECRET|POSTGRES_URL)$`).MatchString(m[1]) {
			t.Errorf("%s would hold a secret", m[1])
		}
	}
	for _, arg := range []string{"--help", "--version"} {
		if code, stdout, stderr := command(t, env, arg); code != 0 || strings.Contains(stdout+stderr, "held-by-a-variable") {
			t.Errorf("%s: exit code %d, %s %s", arg, code, stdout, stderr)
		}
	}
}

// A port in use is a mistake that no check of a flag can find.
func TestWhereItCannotListenTheErrorNamesTheFlag(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	at := taken.Addr().String()
	for _, test := range []struct{ name, env, args, says string }{
		{"by its flag", "", "--web.listen-address=" + at, "error: --web.listen-address: listen tcp " + at},
		{"by its variable", "HOOP_EXPORTER_WEB_LISTEN_ADDRESS=" + at, "", "error: HOOP_EXPORTER_WEB_LISTEN_ADDRESS: listen tcp " + at},
		{"one of two by its variable", "HOOP_EXPORTER_WEB_LISTEN_ADDRESS=127.0.0.1:0\n" + at, "", "error: HOOP_EXPORTER_WEB_LISTEN_ADDRESS: listen tcp " + at},
		{"a socket of systemd", "HOOP_EXPORTER_WEB_SYSTEMD_SOCKET=true", "", "error: HOOP_EXPORTER_WEB_SYSTEMD_SOCKET: no socket activation"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := command(t, variables(test.env), append(strings.Fields(test.args), "--demo", "--log.level=error")...)
			if code != 1 || !strings.Contains(stderr, test.says) {
				t.Errorf("exit code %d, says %q and %q; want 1 and %q", code, stderr, stdout, test.says)
			}
		})
	}
}

// What holds for a file or for flags is printed as a file, without a secret; what is wrong with a file is reported line by line.
func TestConfigPrintShowsNoSecret(t *testing.T) {
	t.Parallel()
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
			args := append([]string{"--config.print"}, test.args...)
			if test.file != "" {
				if err := os.WriteFile(path, []byte(test.file), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "--config.file="+path)
			}
			code, stdout, stderr := command(t, test.env, args...)
			if code != test.code || !regexp.MustCompile(test.stdout).MatchString(stdout) || !regexp.MustCompile(test.stderr).MatchString(stderr) {
				t.Errorf("exit code %d, says %q and %q", code, stdout, stderr)
			}
			if strings.Contains(stdout+stderr, "secret-of-mine") {
				t.Errorf("a secret is in %s%s", stdout, stderr)
			}
		})
	}
}

// What was counted is there again after a restart, in a file that holds no secret and that no other process can use meanwhile.
func TestStateOutlivesTheProgram(t *testing.T) {
	g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.Old, Tokens: map[string]gatewaytest.Credential{"admin-token": {Role: gatewaytest.RoleAdmin}}})
	g.AddHistory(250, time.Now().Add(-20*time.Hour), time.Now(), gatewaytest.HistoryOptions{Unfinished: 10, Pending: 3})
	gateway := httptest.NewServer(g)
	defer gateway.Close()
	dir := filepath.Join(t.TempDir(), "state")
	begin := func() (*process, string) {
		return serveWith(t, []string{"HOOP_TOKEN=admin-token"}, built(t).Exporter, "--hoop.url="+gateway.URL, "--state.dir="+dir, "--web.listen-address=127.0.0.1:0")
	}
	first, url := begin()
	file := said(t, first, `msg="counting starts" state=(\S+)`)
	page(t, url+"/metrics")
	second, url := begin()
	said(t, second, `(is in use by another process)`)
	if body := page(t, url+"/metrics"); !bytes.Contains(body, []byte("\nhoop_up 0\n")) {
		t.Errorf("no hoop_up 0 in %s", body)
	}
	second.stop(t)
	first.stop(t)
	content, err := os.ReadFile(file)
	if err != nil || bytes.Contains(content, []byte("admin-token")) || regexp.MustCompile(`[a-z]@[a-z]+\.`).Match(content) {
		t.Errorf("%v, or the token or an e-mail is in %q", err, content)
	}
	third, _ := begin()
	if again := said(t, third, `msg="counting continues" state=(\S+)`); again != file {
		t.Errorf("it goes on with %s, not %s", again, file)
	}
}

// said waits until the expression matches what a process says, and returns what its group matches.
func said(t *testing.T, p *process, expression string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	match, err := p.out.Await(ctx, regexp.MustCompile(expression))
	if err != nil {
		t.Fatalf("no %q in %s", expression, p.out.Tail(3000))
	}
	return match[1]
}
