//go:build unix

package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The scripts of packages call systemd as fits: deb and rpm call the same scripts with words of their own.
func TestPackageScriptsCallSystemdAsFits(t *testing.T) {
	need(t, "sh")
	const (
		reload  = "daemon-reload\n"
		restart = "try-restart hoop_exporter.service\n"
		disable = "disable hoop_exporter.socket hoop_exporter.service\n"
		stop    = "disable --now hoop_exporter.socket hoop_exporter.service\n"
	)
	for name, c := range map[string]struct {
		script, argument string
		running, calls   string // what is called if systemd runs, and if it does not
	}{
		"deb, installed or upgraded": {"postinstall.sh", "configure", reload + restart, ""},
		"rpm, installed":             {"postinstall.sh", "1", reload + restart, ""},
		"rpm, upgraded":              {"postinstall.sh", "2", reload + restart, ""},
		"deb, before an upgrade":     {"preremove.sh", "upgrade", "", ""},
		"rpm, before an upgrade":     {"preremove.sh", "1", "", ""},
		"deb, before a removal":      {"preremove.sh", "remove", stop, disable},
		"rpm, before a removal":      {"preremove.sh", "0", stop, disable},
		"deb, removed":               {"postremove.sh", "remove", reload, ""},
		"deb, purged":                {"postremove.sh", "purge", reload, ""},
		"rpm, removed":               {"postremove.sh", "0", reload, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := packageScript(t, c.script, c.argument, true); got != c.running {
				t.Errorf("with systemd running, it calls %q, want %q", got, c.running)
			}
			if got := packageScript(t, c.script, c.argument, false); got != c.calls {
				t.Errorf("without systemd running, it calls %q, want %q", got, c.calls)
			}
		})
	}
}

// packageScript runs a script with a systemctl that fails at everything but reloading, as one does for units that are not there, and
// returns what is called.
func packageScript(t *testing.T, name, argument string, running bool) string {
	t.Helper()
	dir := t.TempDir()
	calls, systemd := filepath.Join(dir, "calls"), filepath.Join(dir, "systemd")
	write(t, calls, nil)
	if running {
		if err := os.Mkdir(systemd, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	systemctl := "#!/bin/sh\necho \"$@\" >>" + calls + "\n[ \"$1\" = daemon-reload ]\n"
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(systemctl), 0o700); err != nil {
		t.Fatal(err)
	}
	text := string(read(t, "package/"+name))
	if !strings.HasPrefix(text, "#!/bin/sh\n") || !strings.Contains(text, "/run/systemd/system") {
		t.Fatalf("%s does not check whether systemd runs", name)
	}
	script := filepath.Join(dir, name)
	write(t, script, []byte(strings.ReplaceAll(text, "/run/systemd/system", systemd)))
	cmd := exec.CommandContext(t.Context(), "sh", script, argument)
	cmd.Env = []string{"PATH=" + dir + string(filepath.ListSeparator) + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s %s: %v %s", name, argument, err, out)
	}
	return string(read(t, calls))
}
