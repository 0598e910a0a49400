package check

import (
	"os"
	"reflect"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

// source reads deploy/prometheus/rules.yml by the operator's types, which have the same fields as Prometheus' own file.
func source(t *testing.T) monitoringv1.PrometheusRuleSpec {
	t.Helper()
	content, err := os.ReadFile(root + "/deploy/prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var spec monitoringv1.PrometheusRuleSpec
	if err := strict(content, &spec); err != nil {
		t.Fatal(err)
	}
	if len(spec.Groups) == 0 {
		t.Fatal("no groups")
	}
	return spec
}

// What Kubernetes runs is what Prometheus is tested with.
func TestRulesAreTheSameEverywhere(t *testing.T) {
	want := source(t)
	if got := kustomize(t, "gateway").rules[0].Spec; !reflect.DeepEqual(got, want) {
		t.Error("deploy/kubernetes has other rules than deploy/prometheus")
	}
	v := values(t, "gateway")
	v["prometheusRule"] = map[string]any{"enabled": true}
	if got := render(t, v).rules[0].Spec; !reflect.DeepEqual(got, want) {
		t.Error("the chart renders other rules than deploy/prometheus has")
	}
}

// The chart's values about rules change what they say they change, and nothing else.
func TestHelmRuleValuesChangeOnlyWhatTheySay(t *testing.T) {
	all, got := map[string]monitoringv1.Rule{}, map[string]monitoringv1.Rule{}
	for _, g := range source(t).Groups {
		for _, r := range g.Rules {
			all[r.Record+r.Alert] = r
		}
	}
	for _, g := range render(t, values(t, "operator")).rules[0].Spec.Groups {
		for _, r := range g.Rules {
			got[r.Record+r.Alert] = r
		}
	}
	for name, r := range all {
		g, ok := got[name]
		switch {
		case name == "HoopVisibilityLimited":
			if ok {
				t.Errorf("%s is disabled, and there", name)
			}
		case name == "hoop:pending_reviews:threshold":
			if g.Expr.String() != "vector(50)" {
				t.Errorf("%s is %s", name, g.Expr.String())
			}
		case r.Alert != "":
			if g.Labels["team"] != "platform" || g.Labels["severity"] != r.Labels["severity"] {
				t.Errorf("%s has labels %v", name, g.Labels)
			}
			g.Labels = r.Labels
			if !reflect.DeepEqual(g, r) {
				t.Errorf("%s became %v", name, g)
			}
		case !reflect.DeepEqual(g, r):
			t.Errorf("%s became %v", name, g)
		}
	}
	if _, ok := got["HoopNobodyWorks"]; !ok || len(got) != len(all) {
		t.Errorf("got %d rules of %d, with the extra one: %v", len(got), len(all), ok)
	}
}
