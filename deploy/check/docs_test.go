package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Commands of documents that need a cluster or an engine, and are marked sh render, are run with stand-ins that make what the real programs
// would send, and decode it. They are run in order, in one folder, with the files that the document shows.
func TestCommandsThatRenderRender(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed here")
	}
	documents, err := filepath.Glob(root + "/docs/*.md")
	if err != nil || len(documents) == 0 {
		t.Fatalf("there are no documents (%v)", err)
	}
	documents = append(documents, filepath.Join(chartDir, "README.md"))
	fence := regexp.MustCompile("(?s)```(\\w+) ([^\\n]+)\\n(.*?)```")
	ran := 0
	for _, path := range documents {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		dir := place(t)
		for _, m := range fence.FindAllStringSubmatch(string(content), -1) {
			mark, text := m[2], m[3]
			if name, ok := strings.CutPrefix(mark, "file="); ok {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if mark != "render" {
				continue
			}
			ran++
			here, err := filepath.Abs(".")
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", text)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+dir+"/bin"+string(filepath.ListSeparator)+os.Getenv("PATH"), "CHECK_FOLDER="+here)
			out, err := cmd.CombinedOutput()
			t.Logf("%s:\n%s%s", filepath.Base(path), text, out)
			if err != nil {
				t.Errorf("%s: %v\n%s\n%s", path, err, text, out)
			}
		}
	}
	if ran < 7 {
		t.Errorf("only %d commands were found", ran)
	}
}

// place is a folder like a clone, with the stand-ins in bin.
func place(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	links := map[string]string{"deploy": abs(t, "deploy"), "dashboards": abs(t, "dashboards"), "bin/helm": self, "bin/kubectl": self, "bin/docker": self}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A stand-in that accepts anything would show nothing.
func TestStandInsRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		run  func([]string) (string, error)
		args string
	}{
		"a chart that is none":      {helm, "upgrade --install x deploy/helm/hoop --namespace y"},
		"a flag that is none":       {helm, "upgrade --install x deploy/helm/hoop-exporter --name-space y"},
		"values that are not there": {helm, "upgrade --install x deploy/helm/hoop-exporter --values nowhere.yaml"},
		"a folder that is none":     {kubectl, "apply -k deploy/kubernetes/nowhere"},
		"a wrong key":               {kubectl, "create secret generic hoop-exporter --from-file=key=token"},
		"a file that is not there":  {docker, "compose -f nowhere.yaml up"},
		"another command":           {docker, "compose -f deploy/compose/compose.yaml start"},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := c.run(strings.Fields(c.args)); err == nil {
				t.Errorf("it answers %q", out)
			}
		})
	}
}
