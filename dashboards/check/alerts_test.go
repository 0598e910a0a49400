package check

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"go.yaml.in/yaml/v3"
)

// rule is a rule of Prometheus as far as dashboards have to do with it.
type rule struct {
	Record, Alert string
	Annotations   map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	content, err := os.ReadFile("../../deploy/prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// place is a panel.
type place struct {
	dashboard string
	panel     int
}

// explained are the panels that link to a runbook, by its URL.
func explained(t *testing.T) map[string][]place {
	t.Helper()
	out := map[string][]place{}
	for _, path := range files(t) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			UID    string
			Panels []struct {
				ID    int
				Links []struct{ Title, URL string }
			}
		}
		if err := json.Unmarshal(content, &d); err != nil {
			t.Fatal(err)
		}
		for _, p := range d.Panels {
			for _, l := range p.Links {
				out[l.URL] = append(out[l.URL], place{d.UID, p.ID})
			}
		}
	}
	return out
}

// files are the dashboards.
func files(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../*.json")
	if err != nil || len(all) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	return all
}

var (
	row       = regexp.MustCompile("(?m)^\\| `(Hoop\\w+)` \\| `(hoop-\\w+)` \\| (\\d+) ")
	annotated = regexp.MustCompile(`^/d/(hoop-\w+)\?viewPanel=(\d+)(?:&var-connection=\{\{ urlquery \$labels\.connection \}\})?$`)
)

// From an alert one gets to the panel that shows what it is about, and from there to the runbook. The README says which panel it is.
func TestEveryAlertLinksItsPanelAndRunbook(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]place{}
	for _, m := range row.FindAllStringSubmatch(string(readme), -1) {
		n, _ := strconv.Atoi(m[3])
		listed[m[1]] = place{m[2], n}
	}
	links := explained(t)
	alerts, runbooks := map[string]bool{}, map[string]bool{}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		runbooks[r.Annotations["runbook_url"]] = true
		alerts[r.Alert] = true
		want, ok := listed[r.Alert]
		if !ok {
			t.Errorf("the README says no panel for %s", r.Alert)
			continue
		}
		there := false
		for _, p := range links[r.Annotations["runbook_url"]] {
			there = there || p == want
		}
		if !there {
			t.Errorf("%s: %s, panel %d, has no link to %s", r.Alert, want.dashboard, want.panel, r.Annotations["runbook_url"])
		}
		m := annotated.FindStringSubmatch(r.Annotations["dashboard"])
		if m == nil || m[1] != want.dashboard || m[2] != strconv.Itoa(want.panel) {
			t.Errorf("%s leads to %q, not to %s, panel %d", r.Alert, r.Annotations["dashboard"], want.dashboard, want.panel)
		}
	}
	for alert := range listed {
		if !alerts[alert] {
			t.Errorf("the README lists %s, which is not an alert that leads to a panel", alert)
		}
	}
	for url, places := range links {
		if !runbooks[url] {
			t.Errorf("%v link to %s, which is no alert's", places, url)
		}
	}
}
