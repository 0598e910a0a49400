//go:build linux

package deploy_test

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hoop-exporter/hoop_exporter/client/gatewaytest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest"
	"github.com/hoop-exporter/hoop_exporter/collector/collectortest/pgtest"
)

// The service starts the program with flags that it accepts, and with credentials where it looks for them. That holds without drop-ins, and
// with those of docs/install.md in the order in which systemd reads them. The program survives a reload, and ends on the signal that
// systemd sends.
func TestSystemdServiceRuns(t *testing.T) {
	dropIns, flags := systemdDropIns(t)
	for name, c := range map[string]struct {
		environment  string
		many, shared bool
		credentials  []string
	}{
		"one gateway":         {string(read(t, "systemd/hoop_exporter.env")), false, false, []string{"token"}},
		"many gateways":       {flags, true, false, []string{"production", "staging"}},
		"one and a database":  {flags, false, true, []string{"token"}},
		"many and a database": {flags, true, true, []string{"production", "staging"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, c.credentials)
			if c.shared {
				var cluster pgtest.Cluster
				t.Cleanup(func() { _ = cluster.Close() })
				write(t, filepath.Join(m.dir, "etc/hoop_exporter/postgres-url"), []byte(cluster.Database(t)))
			}
			unit := string(read(t, "systemd/hoop_exporter.service"))
			for _, file := range slices.Sorted(maps.Keys(dropIns)) {
				if database := strings.Contains(dropIns[file], "postgres"); database && c.shared || !database && c.many {
					unit += dropIns[file]
				}
			}
			m.run(t, settings(unit), c.environment)
		})
	}
}

// systemdDropIns returns the drop-ins in docs/install.md by name, and the line that it adds to the environment for a configuration file.
func systemdDropIns(t *testing.T) (dropIns map[string]string, environment string) {
	t.Helper()
	document := string(read(t, "../docs/install.md"))
	dropIns = map[string]string{}
	for _, b := range blocks(document) {
		if name, text, ok := strings.Cut(b.text, "\n"); ok && b.language == "ini" {
			dropIns[filepath.Base(name)] = text
		}
	}
	flags := regexp.MustCompile("`(HOOP_EXPORTER_FLAGS=[^`]+)`").FindStringSubmatch(document)
	if len(dropIns) != 2 || flags == nil {
		t.Fatalf("docs/install.md has %d drop-ins, and the flags %q, want 2 and one line", len(dropIns), flags)
	}
	return dropIns, flags[1] + "\n"
}

// settings reads a unit. An empty value removes what a setting has, as in systemd's lists.
func settings(unit string) map[string][]string {
	all := map[string][]string{}
	for line := range strings.Lines(unit) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case !ok || strings.HasPrefix(name, "#"):
		case value == "":
			all[name] = nil
		default:
			all[name] = append(all[name], value)
		}
	}
	return all
}

// machine stands in for a machine with systemd. Its files are in a folder.
type machine struct {
	dir, address string
	count        int // of gateways
	gateways     *strings.Replacer
}

// newMachine creates the files that docs/install.md has people create, for gateways with these credentials.
func newMachine(t *testing.T, credentials []string) *machine {
	t.Helper()
	m := &machine{dir: t.TempDir(), count: len(credentials)}
	var urls []string
	for i, host := range []string{"hoop", "hoop-staging"} {
		accepted := map[string]gatewaytest.Credential{"hpk_example": {Role: gatewaytest.RoleAuditor}}
		g := gatewaytest.New(gatewaytest.Config{
			Dialect: gatewaytest.New2026, OrgID: fmt.Sprintf("%s-%d", gatewaytest.OrgID, i), Tokens: accepted,
		})
		server := httptest.NewServer(g)
		t.Cleanup(server.Close)
		urls = append(urls, "https://"+host+".example.com", server.URL)
	}
	m.gateways = strings.NewReplacer(urls...)
	m.address = collectortest.FreeAddress(t)
	for _, dir := range []string{"etc/hoop_exporter/keys", "run/credentials/hoop_exporter.service", "var/lib/hoop_exporter"} {
		if err := os.MkdirAll(filepath.Join(m.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	file := "gateways:\n"
	for i, name := range credentials {
		host := []string{"hoop", "hoop-staging"}[i]
		file += fmt.Sprintf("  %s: {url: 'https://%s.example.com/api', token_file: /run/credentials/hoop_exporter.service/%s}\n", name, host, name)
		write(t, filepath.Join(m.dir, "etc/hoop_exporter/keys", name), []byte("hpk_example"))
	}
	write(t, filepath.Join(m.dir, "etc/hoop_exporter/token"), []byte("hpk_example"))
	write(t, filepath.Join(m.dir, "etc/hoop_exporter/hoop.yml"), []byte(m.here(file)))
	return m
}

// here replaces the paths and URLs in a text by those of this machine.
func (m *machine) here(text string) string {
	return m.gateways.Replace(strings.NewReplacer("/etc/hoop_exporter", m.dir+"/etc/hoop_exporter", "/run/credentials", m.dir+"/run/credentials").Replace(text))
}

// run starts the program as a unit says, with the content of its EnvironmentFile. It scrapes, reloads and stops the program.
func (m *machine) run(t *testing.T, unit map[string][]string, environment string) {
	t.Helper()
	credentials := filepath.Join(m.dir, "run/credentials/hoop_exporter.service")
	for _, c := range unit["LoadCredential"] {
		name, path, _ := strings.Cut(c, ":")
		write(t, filepath.Join(credentials, name), read(t, m.here(path)))
	}
	env := append(slices.Clone(unit["Environment"]), "STATE_DIRECTORY="+filepath.Join(m.dir, "var/lib/hoop_exporter"), "CREDENTIALS_DIRECTORY="+credentials)
	for line := range strings.Lines(m.here(environment)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			env = append(env, line)
		}
	}
	if len(unit["ExecStart"]) != 1 {
		t.Fatalf("the unit starts %q, want one command", unit["ExecStart"])
	}
	command := unit["ExecStart"][0]
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		command = strings.NewReplacer("${"+name+"}", value, "$"+name, value).Replace(command)
	}
	words := strings.Fields(command)
	if words[0] != "/usr/bin/hoop_exporter" {
		t.Fatalf("the unit starts %s, want /usr/bin/hoop_exporter", words[0])
	}
	cmd := exec.CommandContext(t.Context(), program(t), append(words[1:], "--web.listen-address="+m.address)...)
	var log collectortest.Log
	cmd.Env, cmd.Dir, cmd.Stderr = env, "/", &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	listens := regexp.MustCompile(`msg="listening on"|error: .*`)
	if got, err := log.Await(ctx, listens); err != nil || strings.HasPrefix(got[0], "error") {
		t.Fatalf("%s does not start (%v): %s", command, err, log.String())
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Error(err)
	}
	up := regexp.MustCompile(`(?m)^(hoop_up|hoop_exporter_gateway_up\{.*\}) 1$`)
	collectortest.Eventually(t, time.Minute, 50*time.Millisecond, func() string {
		page := get(t, "http://"+m.address+"/metrics")
		if len(up.FindAllString(page, -1)) < m.count {
			return "not all gateways are up: " + log.String()
		}
		return ""
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("%v: %s", err, log.String())
		}
	case <-ctx.Done():
		t.Errorf("the exporter does not end: %s", log.String())
	}
}
