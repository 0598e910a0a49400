package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Packages of the npm registry, at the versions that are used. Only the first is Grafana's.
const (
	grafana    = "@grafana/schema@13.2.3"
	typescript = "typescript@7.0.2"
)

// install returns a folder in which the packages are, and skips the test where that cannot be; in CI it has to.
func install(t *testing.T) string {
	t.Helper()
	skip := t.Skipf
	if os.Getenv("CI") == "true" {
		skip = t.Fatalf
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			skip("Grafana's types cannot be used: %s is missing", program)
		}
	}
	dir, err := filepath.Abs(filepath.Join("../../.cache/npm", strings.NewReplacer("/", "-", "@", "-").Replace(grafana+"-"+typescript)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(compiler(dir)); err == nil {
		return dir
	}
	// Made under another name, so that what was interrupted is not taken for what is complete.
	unfinished := dir + ".unfinished"
	if err := errors.Join(os.RemoveAll(unfinished), os.RemoveAll(dir), os.MkdirAll(unfinished, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", unfinished, grafana, typescript)
	if out, err := cmd.CombinedOutput(); err != nil {
		skip("Grafana's types cannot be installed: %v\n%s", err, out)
	}
	if err := os.Rename(unfinished, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func compiler(dir string) string {
	return filepath.Join(dir, "node_modules", "typescript", "bin", "tsc")
}

// typeCheck says what is wrong with dashboards, by Grafana's types; "" if nothing is.
func typeCheck(t *testing.T, installed string, dashboards map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	types, err := os.ReadFile("schema.ts")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("schema.ts", types)
	args := []string{
		compiler(installed), "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022",
		"--module", "esnext", "--moduleResolution", "bundler", "--types", "", "schema.ts",
	}
	for name, content := range dashboards {
		// A literal, for whose fields tsc is stricter than for what is imported from a file.
		write(name+".ts", fmt.Appendf(nil, "import type { OurDashboard } from './schema';\nexport const dashboard: OurDashboard = %s;\n", content))
		args = append(args, name+".ts")
	}
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err != nil && len(out) == 0 {
		t.Fatalf("tsc says nothing, and fails: %v", err)
	}
	return string(out)
}

func TestDashboardsFitGrafanasTypes(t *testing.T) {
	dir := install(t)
	dashboards := map[string][]byte{}
	for _, path := range files(t) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		dashboards[strings.TrimSuffix(filepath.Base(path), ".json")] = content
	}
	if wrong := typeCheck(t, dir, dashboards); wrong != "" {
		t.Errorf("not what Grafana understands:\n%s", wrong)
	}
}

// Grafana's types would find the mistakes that people make.
func TestGrafanasTypesFindMistakes(t *testing.T) {
	dir := install(t)
	content, err := os.ReadFile("../access.json")
	if err != nil {
		t.Fatal(err)
	}
	mistakes := map[string][2]string{
		"panelType":        {`"type": "timeseries"`, `"type": "graph"`},
		"panelOption":      {`"showHeader": true`, `"showHeaders": true`},
		"enum":             {`"colorMode": "value"`, `"colorMode": "valeu"`},
		"fieldOption":      {`"drawStyle": "line"`, `"drawStyles": "line"`},
		"customProperty":   {`"id": "custom.width"`, `"id": "custom.widht"`},
		"dashboardField":   {`"graphTooltip": 1`, `"graphTooltips": 1`},
		"variableType":     {`"type": "textbox"`, `"type": "text"`},
		"queryFormat":      {`"format": "table"`, `"format": "tabel"`},
		"missingThreshold": {`"mode": "absolute"`, `"modes": "absolute"`},
	}
	dashboards := map[string][]byte{}
	for name, m := range mistakes {
		wrong := bytes.Replace(content, []byte(m[0]), []byte(m[1]), 1)
		if bytes.Equal(wrong, content) {
			t.Fatalf("%s: there is no %s", name, m[0])
		}
		if !json.Valid(wrong) {
			t.Fatalf("%s: not JSON any more", name)
		}
		dashboards[name] = wrong
	}
	found := typeCheck(t, dir, dashboards)
	for name := range mistakes {
		if !strings.Contains(found, name+".ts(") {
			t.Errorf("%s was not found", name)
		}
	}
}
