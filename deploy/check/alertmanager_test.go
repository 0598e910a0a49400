package check

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/common/model"
)

// alertmanagers are the configurations of Alertmanager that people start from, by where they are.
func alertmanagers(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile(root + "/docs/runbooks/README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```yaml file=alertmanager.yml\n(.*?)```").FindSubmatch(page)
	if m == nil {
		t.Fatal("the runbooks show no configuration")
	}
	shown := filepath.Join(t.TempDir(), "alertmanager.yml")
	if err := os.WriteFile(shown, m[1], 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"runbooks": shown, "compose": abs(t, "deploy/compose/alertmanager.yml")}
}

// notifications are how many a receiver gets for alerts that fire at once.
func notifications(t *testing.T, path string, alerts []model.LabelSet) map[string]int {
	t.Helper()
	c, err := config.LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	groups := map[string]map[string]bool{}
	for _, a := range alerts {
		for _, r := range dispatch.NewRoute(c.Route, nil).Match(a) {
			key := model.LabelSet{"route": model.LabelValue(r.Key())}
			for name := range r.RouteOpts.GroupBy {
				key[name] = a[name]
			}
			if groups[r.RouteOpts.Receiver] == nil {
				groups[r.RouteOpts.Receiver] = map[string]bool{}
			}
			groups[r.RouteOpts.Receiver][key.String()] = true
		}
	}
	out := map[string]int{}
	for receiver, keys := range groups {
		out[receiver] = len(keys)
	}
	return out
}

// Somebody is woken up once for a cause, however many connections, groups and gateways it touches.
func TestOneCausePagesOnce(t *testing.T) {
	alert := func(name, severity string, more ...model.LabelSet) model.LabelSet {
		a := model.LabelSet{"alertname": model.LabelValue(name), "severity": model.LabelValue(severity), "job": "hoop", "instance": "production"}
		for _, m := range more {
			maps.Copy(a, m)
		}
		return a
	}
	var absent, away, two []model.LabelSet
	for _, group := range []model.LabelValue{"dba", "sre", "security"} {
		absent = append(absent, alert("HoopReviewWaitingForGroup", "warning", model.LabelSet{"group": group}))
	}
	for _, connection := range []model.LabelValue{"orders", "payments", "users", "stock"} {
		late := alert("HoopReviewWaitingTooLong", "critical", model.LabelSet{"connection": connection, "threshold": "20m"})
		absent = append(absent, late)
		two = append(two, late, alert("HoopReviewWaitingTooLong", "critical", model.LabelSet{"connection": connection, "instance": "staging"}))
	}
	for _, gateway := range []model.LabelValue{"a", "b", "c"} {
		away = append(away, alert("HoopExporterAbsent", "critical", model.LabelSet{"instance": gateway}))
		away = append(away, alert("HoopRefreshStale", "critical", model.LabelSet{"instance": gateway}))
	}
	for where, path := range alertmanagers(t) {
		for name, c := range map[string]struct {
			alerts []model.LabelSet
			want   map[string]int
		}{
			"three groups are absent":            {absent, map[string]int{"page": 1, "tickets": 3}},
			"an exporter of three gateways away": {away, map[string]int{"page": 1}},
			"two gateways":                       {two, map[string]int{"page": 2}},
		} {
			t.Run(where+"/"+name, func(t *testing.T) {
				if got := notifications(t, path, c.alerts); !maps.Equal(got, c.want) {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		}
	}
}

// A page is for alerts that there are: each name in a configuration is that of a rule.
func TestAlertmanagerNamesAlertsThatThereAre(t *testing.T) {
	var known []string
	for _, g := range source(t).Groups {
		for _, r := range g.Rules {
			known = append(known, r.Alert)
		}
	}
	for where, path := range alertmanagers(t) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`\bHoop[A-Z]\w+`).FindAllString(string(content), -1)
		if len(names) == 0 {
			t.Errorf("%s names none", where)
		}
		for _, n := range names {
			if !slices.Contains(known, n) {
				t.Errorf("%s names %s, which is not an alert", where, n)
			}
		}
	}
}
