package rules

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/hoop-exporter/hoop_exporter/deploy/prometheus/promql"
)

const root = "../.."

// rule is a rule as far as it is checked here; promtool checks all of it.
type rule struct {
	Record, Alert, Expr string
	For                 model.Duration
	KeepFiringFor       model.Duration `yaml:"keep_firing_for"`
	Labels, Annotations map[string]string

	group string
}

// file is a file of rules.
type file struct {
	Groups []struct {
		Name     string
		Interval model.Duration
		Rules    []rule
	}
}

// all are the rules, in their order.
func all(t *testing.T) []rule {
	t.Helper()
	var out []rule
	for _, g := range load(t).Groups {
		for _, r := range g.Rules {
			r.group = g.Name
			out = append(out, r)
		}
	}
	return out
}

func load(t *testing.T) file {
	t.Helper()
	var f file
	decode(t, "rules.yml", &f)
	return f
}

// alerts are the alerting ones among the rules.
func alerts(t *testing.T) []rule {
	t.Helper()
	return slices.DeleteFunc(all(t), func(r rule) bool { return r.Alert == "" })
}

// decode reads a YAML file; fields that into does not have are an error.
func decode(t *testing.T, path string, into any) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(read(t, path)))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func parse(t *testing.T, query string) parser.Expr {
	t.Helper()
	expr, err := promql.NewParser().ParseExpr(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return expr
}

// vocabulary is what rules and runbooks may query.
func vocabulary(t *testing.T) promql.Vocabulary {
	t.Helper()
	v, err := promql.New("team")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all(t) {
		if r.Record == "" {
			continue
		}
		if err := v.Record(r.Record); err != nil {
			t.Error(err)
		}
	}
	return v
}

func TestRulesUseOnlyWhatThereIs(t *testing.T) {
	v := vocabulary(t)
	for _, r := range all(t) {
		if err := v.Check(r.Expr); err != nil {
			t.Errorf("%s%s: %v", r.Record, r.Alert, err)
		}
	}
}

// What is recorded is used by an alert or named in the head of the file, for dashboards. All else would be work for nothing.
func TestWhatIsRecordedIsUsed(t *testing.T) {
	head, _, _ := strings.Cut(string(read(t, "rules.yml")), "\ngroups:")
	var used strings.Builder
	used.WriteString(head)
	for _, r := range all(t) {
		used.WriteString(r.Expr)
	}
	for _, r := range all(t) {
		if r.Record != "" && !strings.Contains(used.String(), r.Record) {
			t.Errorf("%s is used by nothing", r.Record)
		}
	}
	for _, name := range regexp.MustCompile(`(?m)^#   (\w+:\w+:\w+) `).FindAllStringSubmatch(head, -1) {
		if !slices.ContainsFunc(all(t), func(r rule) bool { return r.Record == name[1] }) {
			t.Errorf("the head names %s, which is not recorded", name[1])
		}
	}
}

// An exporter that lost its gateway's labels would be mixed up with another, and one that kept its pod's would be a new one after a
// restart. A fleet's alerts are about all exporters of a job, or about a gateway whichever of them has it.
func TestEveryGatewayIsToldByTheSameLabels(t *testing.T) {
	gateway := []string{"cluster", "namespace", "job", "instance"}
	fleet := [][]string{{"cluster", "namespace", "job"}, {"cluster", "namespace", "job", "gateway"}, {"cluster", "gateway"}}
	for _, r := range all(t) {
		told := func(by []string) bool {
			if (r.group == "hoop-fleet" || r.Alert == "HoopExporterAbsent") && slices.ContainsFunc(fleet, func(f []string) bool { return slices.Equal(by, f) }) {
				return true
			}
			return slices.Equal(by[:min(len(by), len(gateway))], gateway)
		}
		parser.Inspect(parse(t, r.Expr), func(n parser.Node, _ []parser.Node) error {
			switch n := n.(type) {
			case *parser.AggregateExpr:
				if n.Without || !told(n.Grouping) {
					t.Errorf("%s%s: %s is not by %v and then what else", r.Record, r.Alert, n, gateway)
				}
			case *parser.BinaryExpr:
				m := n.VectorMatching
				if m == nil || len(m.MatchingLabels) == 0 {
					break // on () is nothing at all; without on it is all labels
				}
				if on := m.MatchingLabels; m.On && !told(on) {
					t.Errorf("%s%s: matches on %v", r.Record, r.Alert, on)
				}
				if !m.On && !slices.Equal(m.MatchingLabels, []string{"threshold"}) {
					t.Errorf("%s%s: matches ignoring %v", r.Record, r.Alert, m.MatchingLabels)
				}
			}
			return nil
		})
	}
}

// Thresholds are in one place: an alert has no number but 0 and 1, and picks no threshold by its label.
func TestThresholdsAreInOnePlace(t *testing.T) {
	for _, r := range alerts(t) {
		parser.Inspect(parse(t, r.Expr), func(n parser.Node, _ []parser.Node) error {
			switch n := n.(type) {
			case *parser.NumberLiteral:
				if n.Val != 0 && n.Val != 1 {
					t.Errorf("%s: has the number %v", r.Alert, n.Val)
				}
			case *parser.VectorSelector:
				for _, m := range n.LabelMatchers {
					if m.Name == "threshold" {
						t.Errorf("%s: has the threshold %s", r.Alert, m.Value)
					}
				}
			}
			return nil
		})
		for name, text := range r.Annotations {
			if name != "runbook_url" && regexp.MustCompile(`\b\d+(m|h| minutes)\b`).MatchString(text) {
				t.Errorf("%s: %s has a threshold written out: %s", r.Alert, name, text)
			}
		}
	}
}

// A threshold that is a label of a metric has to be one that the exporter has by default, and where it is also said in seconds, the same.
func TestThresholdsAreTheExportersOwn(t *testing.T) {
	page := string(read(t, root+"/docs/flags.md"))
	seconds := map[string]string{}
	for _, r := range all(t) {
		if strings.HasSuffix(r.Record, "_seconds:threshold") {
			seconds[r.Record] = r.Expr
		}
	}
	picked := 0
	for _, r := range all(t) {
		m := regexp.MustCompile(`(\w+)\{threshold="(\w+)"\}`).FindStringSubmatch(r.Expr)
		if m == nil {
			continue
		}
		picked++
		flag := map[string]string{"hoop_overdue_reviews": "--reviews.overdue", "hoop_long_running_sessions": "--sessions.long-running"}[m[1]]
		row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(flag) + "` \\| `([^`]*)` ").FindStringSubmatch(page)
		if flag == "" || row == nil || !slices.Contains(strings.Split(row[1], ","), m[2]) {
			t.Errorf("%s: %s is no default of %q (%v)", r.Record, m[2], flag, row)
		}
		same, ok := map[string]string{
			"connection:hoop_overdue_reviews:late":      "hoop:review_late_seconds:threshold",
			"connection:hoop_overdue_reviews:abandoned": "hoop:review_abandoned_seconds:threshold",
		}[r.Record]
		if !ok {
			continue
		}
		d, err := model.ParseDuration(m[2])
		if err != nil {
			t.Fatal(err)
		}
		if got := product(t, seconds[same]); got != float64(d)/1e9 {
			t.Errorf("%s is %v seconds, but %s is %s", same, got, r.Record, m[2])
		}
	}
	if picked != 4 {
		t.Errorf("%d thresholds are picked by label, not 4", picked)
	}
}

// product is the value of an expression such as vector(20 * 60).
func product(t *testing.T, expr string) float64 {
	t.Helper()
	value := 1.0
	parser.Inspect(parse(t, expr), func(n parser.Node, _ []parser.Node) error {
		if n, ok := n.(*parser.NumberLiteral); ok {
			value *= n.Val
		}
		return nil
	})
	return value
}

// What is not known is not 0: alerts about what waits or is open look at the last that was known, all of them for the same time, which is
// the time that their text promises.
func TestWithheldGaugesEndNoAlert(t *testing.T) {
	const hold = "6h"
	held := 0
	for _, r := range alerts(t) {
		gauges := r.group == "hoop-reviews" || r.Alert == "HoopSessionOpenTooLong" || r.Alert == "HoopSessionStuck"
		if !gauges {
			continue
		}
		held++
		parser.Inspect(parse(t, r.Expr), func(n parser.Node, path []parser.Node) error {
			s, ok := n.(*parser.VectorSelector)
			if !ok || strings.HasPrefix(s.Name, "hoop:") || strings.HasPrefix(s.Name, "owner:") {
				return nil // thresholds, and what looks back by itself
			}
			m, ok := path[len(path)-1].(*parser.MatrixSelector)
			if !ok || model.Duration(m.Range).String() != hold {
				t.Errorf("%s: %s is not looked at for %s", r.Alert, s.Name, hold)
			}
			return nil
		})
	}
	if held < 7 {
		t.Errorf("only %d alerts look at gauges", held)
	}
	for _, r := range all(t) {
		if strings.HasPrefix(r.Record, "owner:") && !strings.Contains(r.Expr, "last_over_time("+r.Record+"["+hold+"])") {
			t.Errorf("%s does not last for %s", r.Record, hold)
		}
	}
	for _, r := range alerts(t) {
		for _, m := range regexp.MustCompile(`for (\d+) hours`).FindAllStringSubmatch(r.Annotations["description"], -1) {
			if m[1]+"h" != hold {
				t.Errorf("%s promises %s hours", r.Alert, m[1])
			}
		}
	}
}

// Where only native histograms are scraped, there are no series of classic ones: each use of these has its other beside it.
func TestClassicHistogramsAreNotReliedOn(t *testing.T) {
	suffix := regexp.MustCompile(`^(hoop_\w+(?:_bytes|_seconds))_(sum|count|bucket)$`)
	for _, r := range all(t) {
		names := map[string]bool{}
		parser.Inspect(parse(t, r.Expr), func(n parser.Node, _ []parser.Node) error {
			if s, ok := n.(*parser.VectorSelector); ok {
				names[s.Name] = true
			}
			return nil
		})
		for name := range names {
			if m := suffix.FindStringSubmatch(name); m != nil && !names[m[1]] {
				t.Errorf("%s%s: uses %s, but not the native %s", r.Record, r.Alert, name, m[1])
			}
		}
	}
}
