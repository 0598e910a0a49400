package rules

import (
	"path/filepath"
	"slices"
	"testing"
)

// unitTests is a file of promtool's, as far as it is checked here.
type unitTests struct {
	RuleFiles          []string `yaml:"rule_files"`
	EvaluationInterval string   `yaml:"evaluation_interval"`
	GroupEvalOrder     []string `yaml:"group_eval_order"`
	Tests              []struct {
		Name           string
		Interval       string
		ExternalLabels map[string]string   `yaml:"external_labels"`
		InputSeries    []map[string]string `yaml:"input_series"`
		AlertRuleTests []struct {
			EvalTime  string           `yaml:"eval_time"`
			Alertname string           `yaml:"alertname"`
			ExpAlerts []map[string]any `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
		PromqlExprTests []any `yaml:"promql_expr_test"`
	}
}

// Each alert is seen to fire, with its whole text, and to stay quiet.
func TestEveryAlertIsTested(t *testing.T) {
	fires, quiet := map[string]bool{}, map[string]bool{}
	names := map[string]bool{}
	paths, err := filepath.Glob("tests/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if filepath.Ext(path) != ".yml" {
			t.Errorf("%s is not run", path)
		}
		var f unitTests
		decode(t, path, &f)
		if !slices.Equal(f.RuleFiles, []string{"../rules.yml"}) {
			t.Errorf("%s tests %v", path, f.RuleFiles)
		}
		// Otherwise alerts may be evaluated before what they look at, and a test passes or fails by chance.
		if order := groups(t); !slices.Equal(f.GroupEvalOrder, order) {
			t.Errorf("%s evaluates %v, not %v", path, f.GroupEvalOrder, order)
		}
		for _, test := range f.Tests {
			if test.Name == "" || names[test.Name] {
				t.Errorf("%s: no name, or the same twice: %q", path, test.Name)
			}
			names[test.Name] = true
			for _, a := range test.AlertRuleTests {
				if len(a.ExpAlerts) > 0 {
					fires[a.Alertname] = true
				} else {
					quiet[a.Alertname] = true
				}
			}
		}
	}
	for _, r := range alerts(t) {
		if !fires[r.Alert] {
			t.Errorf("no test sees %s fire", r.Alert)
		}
		if !quiet[r.Alert] {
			t.Errorf("no test sees %s stay quiet", r.Alert)
		}
		delete(fires, r.Alert)
		delete(quiet, r.Alert)
	}
	for name := range fires {
		t.Errorf("%s is tested, and is no alert", name)
	}
	for name := range quiet {
		t.Errorf("%s is tested to stay quiet, and is no alert", name)
	}
}

func groups(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, g := range load(t).Groups {
		names = append(names, g.Name)
	}
	return names
}
