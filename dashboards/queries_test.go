package dashboards

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

// query is one that Grafana makes, ready to be sent to Prometheus.
type query struct {
	// Dashboard is the uid, Panel the id: 0 for annotations and variables. Name is the panel's title, or what the query is of.
	Dashboard string `json:"dashboard"`
	Panel     int    `json:"panel"`
	Name      string `json:"name"`
	Ref       string `json:"ref"`
	Expr      string `json:"expr"`
	// Exemplars says that exemplars are queried, too.
	Exemplars bool `json:"exemplars"`
	// NeedsRules says that the query returns something only if the recording rules are loaded.
	NeedsRules bool `json:"needsRules"`
	// MayBeEmpty says that the query returns nothing if all is well.
	MayBeEmpty bool `json:"mayBeEmpty"`
}

// chosen is what stands in for Grafana's variables: everything chosen, a scrape interval of 15 s, and 5 minutes to show.
var chosen = map[string]string{
	"$__rate_interval": "1m", "$__range": "5m", "$__range_s": "300",
	"$cluster": ".*", "$namespace": ".*", "$job": ".*", "$instance": ".*", "$connection": "(.+|none)", "$type": ".*", "$tag": "tag_team", "$tag_value": ".*", "$long": "24h", "$late": "20m", "$abandoned": "24h",
}

// substitute puts that in. What is not known stays.
func substitute(text string) string {
	return grafana.ReplaceAllStringFunc(text, func(name string) string {
		if value, ok := chosen[name]; ok {
			return value
		}
		return name
	})
}

var (
	grafana     = regexp.MustCompile(`\$\w+`)
	labelValues = regexp.MustCompile(`^label_values\((.+), (\w+|\$tag)\)$`)
	labelNames  = regexp.MustCompile(`^label_names\((.+)\)$`)
)

// optional are the metrics that not every exporter has.
func optional() []string {
	return []string{"hoop_agent_up", "hoop_exporter_credential_expiry_timestamp_seconds", "hoop_exporter_refresh_error"}
}

// queries are all that the dashboard makes.
func (d *dashboard) queries(t *testing.T) []query {
	t.Helper()
	var out []query
	add := func(q query) {
		q.Dashboard = d.UID
		q.Expr = substitute(q.Expr)
		q.NeedsRules = strings.Contains(q.Expr, "hoop:") || strings.Contains(q.Expr, "ALERTS{")
		q.MayBeEmpty = q.MayBeEmpty || strings.Contains(q.Expr, "ALERTS{") || slices.ContainsFunc(optional(), func(name string) bool {
			return strings.Contains(q.Expr, name)
		})
		out = append(out, q)
	}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			if q.Expr != "" {
				add(query{Panel: p.ID, Name: p.Title, Ref: q.RefID, Expr: q.Expr, Exemplars: q.Exemplar})
			}
		}
	}
	for _, a := range d.Annotations.List {
		if a.Target != nil {
			add(query{Name: "annotation " + a.Name, Ref: a.Target.RefID, Expr: a.Target.Expr, MayBeEmpty: a.Name == "Gauges withheld"})
		}
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		q := query{Name: "variable " + v.Name, Ref: "variable"}
		if m := labelValues.FindStringSubmatch(v.text()); m != nil {
			q.Expr = "count by (" + m[2] + ") (" + m[1] + ")"
		} else if m := labelNames.FindStringSubmatch(v.text()); m != nil {
			q.Expr = m[1]
		} else {
			t.Errorf("variable %s queries %q, which this test does not understand", v.Name, v.text())
		}
		add(q)
	}
	return out
}

// All queries have nothing left in them that only Grafana understands. Where HOOP_DASHBOARD_QUERIES names a file, it is written there, a
// line of JSON each, so that other tests can query a Prometheus.
func TestQueriesKeepNothingThatOnlyGrafanaUnderstands(t *testing.T) {
	var lines strings.Builder
	e := json.NewEncoder(&lines)
	e.SetEscapeHTML(false)
	n := 0
	each(t, func(t *testing.T, d *dashboard) {
		for _, q := range d.queries(t) {
			// What label_replace calls $1 is no variable.
			if left := strings.ReplaceAll(q.Expr, `"$1"`, ""); strings.Contains(left, "$") {
				t.Errorf("%s: %q has a variable that is not known", q.Name, q.Expr)
			}
			if err := e.Encode(q); err != nil {
				t.Fatal(err)
			}
			n++
		}
	})
	if n < 100 {
		t.Errorf("there are only %d queries", n)
	}
	if path := os.Getenv("HOOP_DASHBOARD_QUERIES"); path != "" {
		if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A dashboard that queries a metric that no longer exists shows nothing, and nobody notices. Labels are looked at in the module check.
func TestEveryQueriedMetricExists(t *testing.T) {
	there := described(t)
	each(t, func(t *testing.T, d *dashboard) {
		for _, q := range d.queries(t) {
			used := metric.FindAllString(quoted.ReplaceAllString(q.Expr, `""`), -1)
			if len(used) == 0 && !q.NeedsRules {
				t.Errorf("%s queries no metric: %q", q.Name, q.Expr)
			}
			for _, name := range used {
				if !slices.Contains(there, name) && !slices.Contains(there, classic.ReplaceAllString(name, "")) {
					t.Errorf("%s queries %s, which is not described", q.Name, name)
				}
			}
		}
	})
}

var (
	quoted  = regexp.MustCompile(`"[^"]*"`)
	metric  = regexp.MustCompile(`\b(hoop|process|go|promhttp)_\w+`)
	classic = regexp.MustCompile(`_(bucket|sum|count)$`)
	fqName  = regexp.MustCompile(`^Desc\{fqName: "(\w+)"`)
)

// described are the names of the metrics that the program shows.
func described(t *testing.T) []string {
	t.Helper()
	gateway, err := client.New("http://gateway.invalid", nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Defaults()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Client = gateway
	c, err := collector.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	many := fleet.New(fleet.Options{Cluster: &fleet.Cluster{}})
	for _, from := range []prometheus.Collector{
		c, many.Health(), many.ClusterHealth(), fleet.NewReloader(many, ""), version.NewCollector("hoop_exporter"), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		descs := make(chan *prometheus.Desc)
		go func() {
			defer close(descs)
			from.Describe(descs)
		}()
		for desc := range descs {
			m := fqName.FindStringSubmatch(desc.String())
			if m == nil {
				t.Errorf("a descriptor of another form: %s", desc)
				continue
			}
			names = append(names, m[1])
		}
	}
	return names
}
