// Package deploy_test compares what people deploy, and the documents that say how, with the program and with each other.
package deploy_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the copies of rules and dashboards that Kubernetes and Helm need, instead of comparing them")

// ruleHead turns a rules file into a PrometheusRule: the groups follow, two columns further in.
const ruleHead = `# Made from deploy/prometheus/rules.yml by "go test ./deploy -update". Do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: hoop-exporter
  labels:
    app.kubernetes.io/name: hoop-exporter
spec:
`

// The rules and the dashboards have one source each. Charts and kustomizations can read only their own folders, so these hold copies.
func TestCopiesAreWhatTheirSourcesSay(t *testing.T) {
	rules := read(t, "prometheus/rules.yml")
	want := map[string][]byte{
		"kubernetes/prometheus-operator/prometheusrule.yaml": []byte(ruleHead + indent(string(rules[bytes.Index(rules, []byte("\ngroups:"))+1:]))),
		"helm/hoop-exporter/files/rules.yml":                 rules,
	}
	dashboards, err := filepath.Glob("../dashboards/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(dashboards) == 0 {
		t.Error("there are no dashboards")
	}
	for _, d := range dashboards {
		want[filepath.Join("helm/hoop-exporter/files/dashboards", filepath.Base(d))] = read(t, d)
	}
	there, err := filepath.Glob("helm/hoop-exporter/files/dashboards/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if want[path] == nil {
			t.Errorf("%s is a copy of nothing", path)
		}
	}
	for path, content := range want {
		if *update {
			write(t, path, content)
			continue
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s is not what its source says (%v): run go test ./deploy -update", path, err)
		}
	}
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			line = "  " + line
		}
		b.WriteString(line)
	}
	return b.String()
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
