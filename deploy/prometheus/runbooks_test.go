package rules

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	runbooks    = root + "/docs/runbooks"
	runbookBase = "https://github.com/hoop-exporter/hoop_exporter/blob/main/docs/runbooks/"
)

// Somebody who is woken up has to see what it is, how bad it is, and where to read on.
func TestEveryAlertSaysWhatItIs(t *testing.T) {
	names := map[string]bool{}
	for _, r := range alerts(t) {
		if names[r.Alert] {
			t.Errorf("%s is there twice", r.Alert)
		}
		names[r.Alert] = true
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) || len(r.Labels) != 1 {
			t.Errorf("%s: labels are %v", r.Alert, r.Labels)
		}
		if r.For == 0 {
			t.Errorf("%s: fires at once", r.Alert)
		}
		want := []string{"summary", "description", "runbook_url", "dashboard"}
		for _, name := range want {
			if r.Annotations[name] == "" {
				t.Errorf("%s: no %s", r.Alert, name)
			}
		}
		if len(r.Annotations) != len(want) {
			t.Errorf("%s: annotations are %v", r.Alert, r.Annotations)
		}
		if !regexp.MustCompile(`^/d/hoop-(access|reviews|protection|exporter)(\?|$)`).MatchString(r.Annotations["dashboard"]) {
			t.Errorf("%s: dashboard is %s", r.Alert, r.Annotations["dashboard"])
		}
	}
}

// Each alert has a section where its runbook_url says, and each section is about an alert.
func TestEveryAlertHasARunbook(t *testing.T) {
	sections := map[string]bool{} // by file and heading
	paths, err := filepath.Glob(runbooks + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		for _, m := range regexp.MustCompile(`(?m)^## (Hoop.*)$`).FindAllStringSubmatch(string(read(t, path)), -1) {
			at := filepath.Base(path) + "#" + strings.ToLower(m[1])
			if sections[at] {
				t.Errorf("%s is there twice: the second has another anchor", at)
			}
			sections[at] = true
		}
	}
	for _, r := range alerts(t) {
		at, ok := strings.CutPrefix(r.Annotations["runbook_url"], runbookBase)
		if !ok || !sections[at] || !strings.HasSuffix(at, "#"+strings.ToLower(r.Alert)) {
			t.Errorf("%s: there is no section at %s", r.Alert, r.Annotations["runbook_url"])
		}
		delete(sections, at)
	}
	for at := range sections {
		t.Errorf("%s is about no alert", at)
	}
}

// The list of alerts in the runbooks' first page is the rules'.
func TestRunbooksListTheAlerts(t *testing.T) {
	var want []string
	for _, r := range alerts(t) {
		link := strings.TrimPrefix(r.Annotations["runbook_url"], runbookBase)
		want = append(want, fmt.Sprintf("| [%s](%s) | %s | %s |", r.Alert, link, r.Labels["severity"], r.For))
	}
	got := regexp.MustCompile(`(?m)^\| \[Hoop\w+\]\(\S+\) \| \w+ \| \w+ \|`).FindAllString(string(read(t, runbooks+"/README.md")), -1)
	if !slices.Equal(got, want) {
		t.Errorf("the list is\n%s\nand should begin with\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The same for the thresholds: name and value.
func TestRunbooksListTheThresholds(t *testing.T) {
	var want []string
	for _, r := range all(t) {
		if strings.HasSuffix(r.Record, ":threshold") {
			want = append(want, fmt.Sprintf("| `%s` | `%s` |", r.Record, strings.TrimSuffix(strings.TrimPrefix(r.Expr, "vector("), ")")))
		} else if m := regexp.MustCompile(`\{(threshold="\w+")\}`).FindStringSubmatch(r.Expr); m != nil {
			want = append(want, fmt.Sprintf("| `%s` | `%s` |", r.Record, m[1]))
		}
	}
	got := regexp.MustCompile("(?m)^\\| `\\w+:\\w+:\\w+` \\| `[^`]*` \\|").FindAllString(string(read(t, runbooks+"/README.md")), -1)
	if !slices.Equal(got, want) {
		t.Errorf("the list is\n%s\nand should begin with\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A query in a runbook is typed at night, and one in the README before anything else.
func TestQueriesInDocuments(t *testing.T) {
	v := vocabulary(t)
	paths := []string{root + "/README.md"}
	for _, pattern := range []string{root + "/docs/*.md", runbooks + "/*.md"} {
		more, err := filepath.Glob(pattern)
		if err != nil || len(more) == 0 {
			t.Fatalf("%s: nothing found (%v)", pattern, err)
		}
		paths = append(paths, more...)
	}
	queries := map[string]int{}
	for _, path := range paths {
		for _, m := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(string(read(t, path)), -1) {
			for query := range strings.SplitSeq(m[1], "\n\n") {
				queries[filepath.Base(path)]++
				if err := v.Check(query); err != nil {
					t.Errorf("%s: %v", filepath.Base(path), err)
				}
			}
		}
	}
	for _, name := range []string{"README.md", "metrics.md", "pictures.md", "reviews.md", "sessions.md", "exporter.md"} {
		if queries[name] == 0 {
			t.Errorf("%s has none", name)
		}
	}
}
