package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// requires skips a test where what reads a page is missing, but fails where everything is to be checked.
func requires(t *testing.T, name string) {
	t.Helper()
	if os.Getenv("CI") != "true" || runtime.GOOS != "linux" {
		need(t, name)
	}
}

// Each script completes the name of a flag and one of a few values, in the shell that it is for.
func TestShellsCompleteFlags(t *testing.T) {
	dir, err := filepath.Abs("package/completions")
	if err != nil {
		t.Fatal(err)
	}
	const bash = `. "$1/hoop_exporter.bash"; shift; COMP_WORDS=(hoop_exporter "$@"); COMP_CWORD=$#; _hoop_exporter_bash_autocomplete; printf '%s\n' "${COMPREPLY[@]}"`
	// Completions of zsh need a terminal; this sees what the script gives to the function that makes them.
	const zsh = `_arguments() { print -rl -- "$@" }; . "$1/_hoop_exporter"`
	const fish = `source "$argv[1]/hoop_exporter.fish"; complete -C "hoop_exporter $argv[2..]" | string replace -r "\t.*" ""`
	for _, test := range []struct {
		name  string
		shell []string
		words []string
		want  []string
	}{
		{"bash, a name", []string{"bash", "-c", bash, "bash"}, []string{"--log.l"}, []string{"--log.level"}},
		{"bash, a value", []string{"bash", "-c", bash, "bash"}, []string{"--log.format", ""}, []string{"logfmt", "json"}},
		{"zsh, a value", []string{"zsh", "-f", "-c", zsh, "zsh"}, nil, []string{`--log.format=[Format of the log\: logfmt or json]:value:(logfmt json)`}},
		{"fish, a name", []string{"fish", "--no-config", "-c", fish}, []string{"--log.l"}, []string{"--log.level"}},
		{"fish, a value", []string{"fish", "--no-config", "-c", fish}, []string{"--log.format", ""}, []string{"logfmt", "json"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			requires(t, test.shell[0])
			cmd := exec.CommandContext(t.Context(), test.shell[0], append(append(test.shell[1:], dir), test.words...)...)
			cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program(t))+string(filepath.ListSeparator)+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			got := strings.Split(strings.TrimSpace(string(out)), "\n")
			for _, want := range test.want {
				if !slices.Contains(got, want) {
					t.Errorf("%q is not among %q", want, got)
				}
			}
		})
	}
}

func TestTheManPageIsRight(t *testing.T) {
	requires(t, "groff")
	cmd := exec.CommandContext(t.Context(), "groff", "-man", "-ww", "-z", "package/man/hoop_exporter.1")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("groff: %v: %s", err, out)
	}
}
