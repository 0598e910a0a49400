package check

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/hoop-exporter/hoop_exporter/deploy/prometheus/promql"
)

// query is a query as the tests of the dashboards list it.
type query struct {
	Dashboard, Name, Ref, Expr string
	Panel                      int
}

// queries are all queries of all dashboards, with values in the place of Grafana's variables.
func queries(t *testing.T) []query {
	t.Helper()
	list := filepath.Join(t.TempDir(), "queries")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run", "^TestQueriesKeepNothingThatOnlyGrafanaUnderstands$", "./dashboards")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "HOOP_DASHBOARD_QUERIES="+list)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("listing the queries: %v\n%s", err, out)
	}
	content, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	var all []query
	for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
		var q query
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			t.Fatal(err)
		}
		all = append(all, q)
	}
	return all
}

// vocabulary is what dashboards can query: what is described, what rules record, and the labels that label_replace makes in them.
func vocabulary(t *testing.T) promql.Vocabulary {
	t.Helper()
	v, err := promql.New("team")
	if err != nil {
		t.Fatal(err)
	}
	for metric, label := range map[string]string{"hoop_connection_info": "tag", "hoop_gateway_info": "gateway"} {
		m := v[metric]
		m.Labels = append(m.Labels, label)
		v[metric] = m
	}
	for _, r := range rules(t) {
		if r.Record != "" {
			if err := v.Record(r.Record); err != nil {
				t.Fatal(err)
			}
		}
	}
	return v
}

// Every query parses, and uses only metrics, labels and label values that there are.
func TestQueriesAreValid(t *testing.T) {
	v := vocabulary(t)
	for _, q := range queries(t) {
		if err := v.Check(q.Expr); err != nil {
			t.Errorf("%s, panel %d, %s %s: %v", q.Dashboard, q.Panel, q.Name, q.Ref, err)
		}
	}
}

var ofFleets = regexp.MustCompile(`^hoop_exporter_(gateways$|config_|members$|database_up$|unheld_gateways$)`)

// What is chosen above a dashboard holds for all of it: nothing of another gateway or connection gets into a sum.
func TestQueriesFollowVariables(t *testing.T) {
	v := vocabulary(t)
	for _, q := range queries(t) {
		if strings.HasPrefix(q.Name, "variable ") {
			continue
		}
		expr, err := promql.NewParser().ParseExpr(q.Expr)
		if err != nil {
			t.Fatal(err)
		}
		parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
			s, ok := n.(*parser.VectorSelector)
			if !ok || strings.Contains(s.Name, ":") {
				return nil
			}
			matched := map[string]bool{}
			for _, m := range s.LabelMatchers {
				matched[m.Name] = true
			}
			switch {
			case strings.HasPrefix(s.Name, "process_") && strings.Contains(q.Expr, "hoop_exporter_gateways{"):
				matched["instance"], matched["job"] = true, true // the process of an exporter with many gateways is none that can be chosen
			case ofFleets.MatchString(s.Name): // of exporters that have many gateways, and are none of those that can be chosen
				matched["instance"], matched["job"] = true, true
			// The instance is that of an exporter with many gateways, and the variable selects one of the gateways.
			case slices.Contains(v[s.Name].Labels, "gateway") && strings.HasPrefix(s.Name, "hoop_exporter_"):
				matched["instance"], matched["job"] = matched["gateway"], true
			}
			targets := []string{"cluster", "namespace", "job", "instance"}
			for _, label := range slices.Concat(targets, v[s.Name].Labels) {
				choice := slices.Contains(targets, label) || q.Dashboard != "hoop-exporter" && (label == "connection" || label == "type")
				if choice && !matched[label] {
					t.Errorf("%s, panel %d, %s %s: %s is of every %s", q.Dashboard, q.Panel, q.Name, q.Ref, s.Name, label)
				}
			}
			return nil
		})
	}
}

// Prometheus may have scraped native histograms, classic ones, or sometimes these and sometimes those: each is queried, and native ones
// first.
func TestHistogramsAreQueriedInBothKinds(t *testing.T) {
	for _, q := range queries(t) {
		native, classic, found := strings.Cut(q.Expr, "\n  or\n")
		asksClassic := func(expr string) bool {
			return strings.Contains(expr, "_bucket{") || strings.Contains(expr, "_bytes_sum{")
		}
		if !asksClassic(q.Expr) && !strings.Contains(q.Expr, "histogram_") {
			continue
		}
		if strings.HasPrefix(q.Expr, "topk") { // the same inside of it
			native, classic, found = strings.Cut(q.Expr, "\n    or\n")
		}
		if !found || asksClassic(native) || !strings.Contains(native, "histogram_") || !asksClassic(classic) {
			t.Errorf("%s, panel %d, %s: not of native histograms, or else of classic ones: %q", q.Dashboard, q.Panel, q.Name, q.Expr)
		}
	}
}
