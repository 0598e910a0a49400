package rules

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// promtools are those of the newest and of the oldest Prometheus that people may have.
func promtools() []string { return []string{"promtool", "promtool-oldest"} }

// promtool returns the path of one of them. It is installed by ../check; without that, a test skips, but not under CI=true.
func promtool(t *testing.T, name string) string {
	t.Helper()
	there, err := filepath.Glob(root + "/.cache/tools/" + name + "@*/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if len(there) == 0 && os.Getenv("CI") != "true" {
		t.Skipf("%s is not installed: .ci/tool %s --path does that", name, name)
	}
	out, err := exec.CommandContext(t.Context(), root+"/.ci/tool", name, "--path").Output()
	if err != nil {
		t.Fatalf("installing %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// snippet is what a document shows for Prometheus.
type snippet struct{ where, text string }

// snippets are the configurations, and the queries, that documents show. A configuration can be a part of a file: what other parts need is
// not checked.
func snippets(t *testing.T) (configurations, queries []snippet) {
	t.Helper()
	fence := regexp.MustCompile("(?ms)^( *)```(yaml|promql)[^\n]*\n(.*?)^ *```")
	for _, pattern := range []string{"/README.md", "/dashboards/README.md", "/docs/*.md", "/docs/*/*.md"} {
		paths, err := filepath.Glob(root + pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: nothing found (%v)", pattern, err)
		}
		for _, path := range paths {
			for i, m := range fence.FindAllStringSubmatch(string(read(t, path)), -1) {
				where := fmt.Sprintf("%s, block %d", strings.TrimPrefix(filepath.ToSlash(path), root+"/"), i+1)
				text := strings.ReplaceAll("\n"+m[3], "\n"+m[1], "\n")
				switch {
				case m[2] == "promql":
					for query := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
						queries = append(queries, snippet{where, query})
					}
				case regexp.MustCompile(`(?m)^(scrape_configs|rule_files|global|alerting|remote_write):`).MatchString(text):
					configurations = append(configurations, snippet{where, text})
				}
			}
		}
	}
	return configurations, queries
}

// Everybody's Prometheus loads what a document shows: the oldest one refuses a whole file for one setting that it does not know.
func TestSnippetsLoadWithOldestAndNewestPrometheus(t *testing.T) {
	configurations, queries := snippets(t)
	if len(configurations) < 6 || len(queries) < 30 {
		t.Fatalf("only %d configurations and %d queries were found", len(configurations), len(queries))
	}
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: snippets\n    rules:\n")
	for i, q := range queries {
		expr, err := yaml.Marshal(q.text)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&rules, "      - record: snippet:%d:query\n        labels: {at: %q}\n        expr: %s\n", i, q.where, indent(string(expr)))
	}
	for _, name := range promtools() {
		t.Run(name, func(t *testing.T) {
			tool := promtool(t, name)
			for _, c := range configurations {
				run(t, tool, c.where, "config", "prometheus.yml", c.text)
			}
			run(t, tool, "the documents' queries", "rules", "queries.yml", rules.String())
			run(t, tool, "the rules", "rules", "rules.yml", string(read(t, "rules.yml")))
		})
	}
}

// A check that takes everything would show nothing.
func TestOldestPrometheusRefusesWhatItDoesNotKnow(t *testing.T) {
	tool := promtool(t, "promtool-oldest")
	text := "scrape_configs:\n  - job_name: hoop\n    scrape_native_histograms: true\n"
	if out, err := check(t, tool, "config", "prometheus.yml", text); err == nil {
		t.Errorf("it takes a setting of a later one: %s", out)
	}
}

func indent(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n          ")
}

func run(t *testing.T, tool, where, kind, name, text string) {
	t.Helper()
	if out, err := check(t, tool, kind, name, text); err != nil {
		t.Errorf("%s: %v\n%s", where, err, out)
	}
}

// check gives a file to promtool, beside the rules.
func check(t *testing.T, tool, kind, name, text string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	for n, content := range map[string][]byte{"rules.yml": read(t, "rules.yml"), name: []byte(text)} {
		if err := os.WriteFile(filepath.Join(dir, n), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), tool, "check", kind, name) //nolint:gosec // the tools are this project's own
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	err := cmd.Run()
	return out.String(), err
}
