package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

// organization serves a gateway of its own organization, which accepts only that organization's credential.
func organization(t *testing.T, name string) string {
	t.Helper()
	g := gatewaytest.New(gatewaytest.Config{
		Dialect: gatewaytest.New2026, OrgID: name, APIKeys: map[string]gatewaytest.Credential{name + "|" + secret: {Role: gatewaytest.RoleAdmin}},
	})
	g.Add(gatewaytest.Row{Connection: "pg-" + name, Type: "database"})
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	return s.URL
}

// file is a configuration file, with a key file beside it for each organization.
type file struct {
	*testing.T
	path string
}

func newFile(t *testing.T, organizations ...string) file {
	t.Helper()
	dir := t.TempDir()
	for _, o := range organizations {
		if err := os.WriteFile(filepath.Join(dir, o+".key"), []byte(o+"|"+secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file{t, filepath.Join(dir, "hoop.yml")}
}

func (f file) write(lines ...string) {
	f.Helper()
	text := "defaults: {cache: {ttl: 100ms}, metrics: {first_value_hold: 500ms}}\ngateways:\n"
	for _, l := range lines {
		text += "  " + l + "\n"
	}
	// As a whole, or a look in between would find half of it.
	if err := os.WriteFile(f.path+".new", []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		f.Fatal(err)
	}
}

// discovered are the gateways that service discovery lists.
func discovered(t *testing.T, exporter string) string {
	t.Helper()
	body, err := fetch(t.Context(), http.MethodGet, exporter+"/sd", "application/json")
	if err != nil {
		return err.Error()
	}
	var targets []fleet.Target
	if err := json.Unmarshal(body, &targets); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, target := range targets {
		list = append(list, target.Labels["instance"])
		if at := "http://" + target.Targets[0]; at != exporter {
			t.Errorf("%s is said to be at %s, and is at %s", target.Labels["instance"], at, exporter)
		}
	}
	return strings.Join(list, " ")
}

// A change of the file is taken over by itself, by a signal and by a request, a mistake is not, and what a gateway has counted stays.
func TestAChangedFileIsTakenOverHoweverItIsReloaded(t *testing.T) {
	p := built(t)
	one, two := organization(t, "one"), organization(t, "two")
	f := newFile(t, "one", "two")
	first := fmt.Sprintf("one: {url: %q, api_key_file: one.key}", one)
	f.write(first)
	exporter, url := serveWith(t, nil, p.Exporter, "--config.file="+f.path, "--state.dir="+filepath.Join(t.TempDir(), "state"),
		"--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle", "--config.auto-reload-interval=50ms")

	shows := func(gateway, series string) {
		t.Helper()
		collectortest.Eventually(t, 30*time.Second, 50*time.Millisecond, func() string {
			body, err := fetch(t.Context(), http.MethodGet, url+"/probe?gateway="+gateway, plainText)
			if err != nil || !strings.Contains(string(body), series) {
				return fmt.Sprintf("no %s of %s: %v in %s", series, gateway, err, body)
			}
			return ""
		})
	}
	reloaded := func(how string, want string) {
		t.Helper()
		collectortest.Eventually(t, 30*time.Second, 50*time.Millisecond, func() string {
			if got := discovered(t, url); got != want {
				return fmt.Sprintf("after %s there are %q, want %q", how, got, want)
			}
			return ""
		})
	}
	shows("one", `hoop_open_sessions{connection="pg-one",state="running",type="database"} 1`)
	f.write(first, fmt.Sprintf("two: {url: %q, api_key_file: two.key, target_labels: {team: dba}}", two))
	reloaded("a change of the file", "one two")
	shows("two", `hoop_open_sessions{connection="pg-two",state="running",type="database"} 1`)

	f.write(fmt.Sprintf("two: {url: %q, api_key_file: two.key}", two))
	if err := exporter.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	reloaded("SIGHUP", "two")
	if _, err := fetch(t.Context(), http.MethodGet, url+"/probe?gateway=one", plainText); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("one is gone: %v", err)
	}

	f.write(first)
	if body, err := fetch(t.Context(), http.MethodPost, url+"/-/reload", plainText); err != nil {
		t.Errorf("%v: %s", err, body)
	}
	reloaded("a POST", "one")
	shows("one", `hoop_open_sessions{connection="pg-one",state="running",type="database"} 1`)

	f.write(first, "two: {url: http://127.0.0.1:1, api_key_file: two.key, dutty: 0.5}")
	_, err := fetch(t.Context(), http.MethodPost, url+"/-/reload", plainText)
	if err == nil || !strings.Contains(err.Error(), "hoop.yml:4: gateways.two.dutty") {
		t.Errorf("%v does not say where the mistake is", err)
	}
	reloaded("a mistake", "one")
	health, err := fetch(t.Context(), http.MethodGet, url+"/metrics", plainText)
	for _, want := range []string{`hoop_exporter_gateway_up{gateway="one"} 1`, "hoop_exporter_config_last_reload_successful 0", "hoop_exporter_gateways 1"} {
		if err != nil || !strings.Contains(string(health), want+"\n") {
			t.Errorf("no %s in %s", want, health)
		}
	}
	exporter.stop(t)
	if out := exporter.out.String(); strings.Contains(out, secret) {
		t.Errorf("the secret is in the log: %s", out)
	}
}

// A credential that the gateway no longer accepts is exchanged in its file, and nothing else has to be done: what was counted stays.
func TestACredentialExchangedInItsFileIsUsedAtOnce(t *testing.T) {
	t.Parallel()
	p := built(t)
	var taken atomic.Pointer[string] // the key that the gateway takes
	g := gatewaytest.New(gatewaytest.Config{Dialect: gatewaytest.New2026, OrgID: "one", Fault: func(r *http.Request) http.Handler {
		if r.Header.Get("Api-Key") != *taken.Load() {
			return gatewaytest.Fail(http.StatusUnauthorized, "unauthorized")
		}
		return nil
	}})
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	first, second := "one|"+secret, "one|"+secret+"-2"
	taken.Store(&first)
	f := newFile(t, "one")
	f.write(fmt.Sprintf("one: {url: %q, api_key_file: one.key}", s.URL))
	_, url := serveWith(t, nil, p.Exporter, "--config.file="+f.path, "--web.listen-address=127.0.0.1:0")
	shows := func(when string, want ...string) {
		t.Helper()
		collectortest.Eventually(t, time.Minute, 50*time.Millisecond, func() string {
			body, err := fetch(t.Context(), http.MethodGet, url+"/probe?gateway=one", plainText)
			for _, w := range want {
				if err != nil || !strings.Contains(string(body), "\n"+w+"\n") {
					return fmt.Sprintf("%s: no %s: %v in %s", when, w, err, body)
				}
			}
			return ""
		})
	}
	counted := func(n int) string {
		return fmt.Sprintf(`hoop_sessions_started_total{connection="pg",identity="user",type="database",verb="exec"} %d`, n)
	}
	shows("at the start", "hoop_up 1")
	g.Add(gatewaytest.Row{Connection: "pg", Type: "database", StartDate: time.Now().Add(time.Second)})
	shows("after a session", "hoop_up 1", counted(1))
	taken.Store(&second)
	shows("without access", "hoop_up 0", counted(1))
	if err := os.WriteFile(filepath.Join(filepath.Dir(f.path), "one.key"), []byte(second), 0o600); err != nil {
		t.Fatal(err)
	}
	g.Add(gatewaytest.Row{Connection: "pg", Type: "database"})
	shows("with the new one", "hoop_up 1", counted(2))
}

// ended runs the exporter to its end.
func ended(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	run := launch(t, nil, built(t).Exporter, args...)
	select {
	case <-run.ended:
	case <-time.After(30 * time.Second):
		t.Fatalf("it does not end: %s", &run.out)
	}
	return run.cmd.ProcessState.ExitCode(), run.out.String()
}

func TestMistakesAboutTheFileAreOneClearSentence(t *testing.T) {
	f := newFile(t, "one")
	f.write("one: {url: http://127.0.0.1:1, api_key_file: one.key}")
	file := "--config.file=" + f.path
	for _, test := range []struct{ name, args, says string }{
		{"a file that is not there", "--config.file=nowhere.yml", "nowhere.yml"},
		{"flags of a gateway beside it", file + " --hoop.url=http://x", "leave --hoop.url out"},
		{"one look at many", file + " --once", "--once reads one gateway"},
		{"a demo of it", file + " --demo", "leave --config.file out"},
		{"reloading nothing", "--demo --web.enable-lifecycle", "--web.enable-lifecycle reloads a file"},
		{"looking at nothing", "--demo --config.auto-reload-interval=1m", "--config.auto-reload-interval reloads a file"},
		{"print and check", file + " --config.print --config.check", "leave --once and --config.check out"},
		{"no concurrency", file + " --refresh.concurrency=-1", "--refresh.concurrency: must not be negative"},
		{"a path that is taken", file + " --web.telemetry-path=/probe", "is the path of another page"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out := ended(t, strings.Fields(test.args)...)
			last := out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]
			if code != 1 || !strings.HasPrefix(last, "hoop_exporter: error: ") || !strings.Contains(last, test.says) {
				t.Errorf("exit code %d, says %s; want %q", code, out, test.says)
			}
		})
	}
}

func TestACheckNamesTheGatewaysThatCannotBeUsed(t *testing.T) {
	one := organization(t, "one")
	f := newFile(t, "one")
	good := fmt.Sprintf("one: {url: %q, api_key_file: one.key}", one)
	f.write(good)
	if code, out := ended(t, "--config.file="+f.path, "--config.check"); code != 0 || !strings.Contains(out, "configuration: valid") || !strings.HasPrefix(out, "one:\ngateway: ") {
		t.Errorf("exit code %d: %s", code, out)
	}
	f.write(good, "two: {url: http://127.0.0.1:1, api_key_file: two.key}")
	code, out := ended(t, "--config.file="+f.path, "--config.check")
	if code != 1 || !strings.Contains(out, "two:\nfailed: ") || !strings.Contains(out, "1 of 2 gateways cannot be used") || !strings.Contains(out, "one:\ngateway: ") || strings.Contains(out, secret) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// `systemctl reload` sends SIGHUP even if there is no file to read again.
func TestSignalToReloadWithoutAFileChangesNothing(t *testing.T) {
	exporter, url := serveWith(t, nil, built(t).Exporter, "--demo", "--web.listen-address=127.0.0.1:0")
	if err := exporter.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(t.Context(), http.MethodGet, url+"/metrics", plainText); err != nil {
		t.Errorf("after SIGHUP: %v", err)
	}
	exporter.stop(t)
}
