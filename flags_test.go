package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/hoop-exporter/hoop_exporter/collector/config/flags"
)

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

// The README says how a variable's name follows from the flag's.
func TestEveryFlagHasAVariableOfItsName(t *testing.T) {
	older := map[string]string{
		"hoop.url": "HOOP_URL", "hoop.token-file": "HOOP_TOKEN_FILE", "hoop.api-key-file": "HOOP_API_KEY_FILE",
		"hoop.cli-config": "HOOP_CLI_CONFIG", "hoop.http-config-file": "HOOP_HTTP_CONFIG_FILE",
	}
	// Kubernetes gives pods such variables about each Service, which can have the exporter's name.
	ofServices := regexp.MustCompile(`_SERVICE_(HOST|PORT)|_PORT(_\d+_|$)`)
	seen := map[string]bool{"HOOP_EXPORTER_FLAGS": true} // of the systemd unit
	for _, f := range visible(t) {
		want := "HOOP_EXPORTER_" + regexp.MustCompile(`[.-]`).ReplaceAllString(strings.ToUpper(f.Name), "_")
		if name, ok := older[f.Name]; ok {
			want = name
		}
		if f.Envar != want || seen[want] || ofServices.MatchString(want) {
			t.Errorf("--%s has the variable %q, want %q for it alone", f.Name, f.Envar, want)
		}
		seen[want] = true
	}
	if readme, err := os.ReadFile("docs/flags.md"); err != nil || !strings.Contains(string(readme), "that of `--cache.ttl` is `"+flags.Variable("cache.ttl")+"`") {
		t.Errorf("the README does not say how a variable is named (%v)", err)
	}
}

// effective is the configuration that the program prints.
func effective(t *testing.T, args ...string) string {
	t.Helper()
	t.Setenv("HOOP_TOKEN", "t")
	code, stdout, stderr := runOnce(t, append(args, "--hoop.url=https://hoop.example.com", "--config.print")...)
	if code != 0 {
		t.Fatal(stderr)
	}
	return stdout
}

func TestAFlagOverridesItsVariable(t *testing.T) {
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
			withoutEnvironment(t)
			name, value, _ := strings.Cut(test.variable, "=")
			if name != "" {
				t.Setenv(name, value)
			}
			if got := effective(t, strings.Fields(test.arg)...); !strings.Contains(got, test.want) {
				t.Errorf("%q is not in\n%s", test.want, got)
			}
		})
	}
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

func TestErrorsNameTheVariablesThatCausedThem(t *testing.T) {
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
			withoutEnvironment(t)
			name, value, _ := strings.Cut(test.env, "=")
			t.Setenv(name, value)
			code, stdout, stderr := runOnce(t, strings.Fields(test.args)...)
			if code != 1 || stdout != "" || !strings.Contains(stderr, test.says) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, says %q and %q; want 1 and one line with %q", code, stderr, stdout, test.says)
			}
		})
	}
}

// The help has the names of variables, never what they hold; and no variable that is made from a flag's name holds a secret.
func TestTheHelpShowsNoVariableThatIsSet(t *testing.T) {
	withoutEnvironment(t)
	for _, name := range []string{"HOOP_TOKEN", "HOOP_API_KEY", "HOOP_STATE_POSTGRES_URL"} {
		t.Setenv(name, "held-by-a-variable")
	}
	for _, f := range visible(t) {
		t.Setenv(f.Envar, "held-by-a-variable")
		if regexp.MustCompile(`(TOKEN|KEY|PASSWORD|SECRET|POSTGRES_URL)$`).MatchString(f.Envar) {
			t.Errorf("%s would hold a secret", f.Envar)
		}
	}
	for _, arg := range []string{"--help", "--version"} {
		if code, stdout, stderr := runOnce(t, arg); code != 0 || strings.Contains(stdout+stderr, "held-by-a-variable") {
			t.Errorf("%s: exit code %d, %s %s", arg, code, stdout, stderr)
		}
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

// A port in use is a mistake that no check of a flag can find.
func TestWhereItCannotListenTheErrorNamesTheFlag(t *testing.T) {
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
			withoutEnvironment(t)
			if name, value, ok := strings.Cut(test.env, "="); ok {
				t.Setenv(name, value)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // it would serve for ever elsewhere
			defer cancel()
			var stdout, stderr bytes.Buffer
			code := run(ctx, append(strings.Fields(test.args), "--demo", "--log.level=error"), &stdout, &stderr)
			if code != 1 || !strings.Contains(stderr.String(), test.says) {
				t.Errorf("exit code %d, says %q and %q; want 1 and %q", code, stderr.String(), stdout.String(), test.says)
			}
		})
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
