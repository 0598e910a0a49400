// Package promql reports whether a query can return anything: whether it parses, and uses only metrics, labels and label values that there
// are. Tests of rules and dashboards use it.
package promql

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/exposition"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

// Metric is what a query may use of a metric.
type Metric struct {
	// Labels are those that its series have, without those of the target.
	Labels []string
	// Help is the collector's; empty for what it does not describe.
	Help string
	// Counts says that rate and increase can be taken of it.
	Counts bool
}

// Vocabulary is the metrics that there are, by name.
type Vocabulary map[string]Metric

// targetLabels are those that Prometheus gives to what it scrapes, and that rules and dashboards may rely on. Only gateways of a
// configuration file have gateway.
func targetLabels() []string {
	return []string{"cluster", "namespace", "job", "instance", "gateway"}
}

// histograms are the families that also have series named _bucket, _sum and _count where classic histograms are scraped.
func histograms() []string {
	return []string{
		"hoop_session_event_size_bytes", "hoop_session_duration_seconds", "hoop_review_wait_seconds",
		"hoop_session_input_size_bytes", "hoop_review_group_wait_seconds", "hoop_review_access_duration_seconds",
		"hoop_exporter_gateway_request_duration_seconds",
	}
}

// description is how client_golang writes a descriptor.
var description = regexp.MustCompile(`(?s)^Desc\{fqName: "(\w+)", help: (".*"), constLabels: \{(.*)\}, variableLabels: \{([\w,]*)\}\}$`)

// constLabel is a label in it that always has the same value.
var constLabel = regexp.MustCompile(`(\w+)="(?:[^"\\]|\\.)*"`)

// New returns what the collector describes, what the program shows beside it, and what Prometheus itself adds. tags are the keys of
// connection tags that are shown.
func New(tags ...string) (Vocabulary, error) {
	v := Vocabulary{
		"up":                      {},
		"scrape_duration_seconds": {},
		"scrape_samples_scraped":  {},
		"ALERTS":                  {Labels: []string{"alertname", "alertstate", "severity", "connection", "type", "group", "exit_code", "threshold", "team", "environment", "agent"}},
	}
	gateway, err := client.New("http://gateway.invalid", http.DefaultClient)
	if err != nil {
		return nil, fmt.Errorf("making a client that is never used: %w", err)
	}
	cfg, err := config.Defaults()
	if err != nil {
		return nil, fmt.Errorf("reading the defaults: %w", err)
	}
	cfg.Client, cfg.ConnectionTags = gateway, tags
	c, err := collector.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("making the collector: %w", err)
	}
	many := fleet.New(fleet.Options{Cluster: &fleet.Cluster{}})
	own := []prometheus.Collector{c, many.Health(), many.ClusterHealth(), fleet.NewReloader(many, ""), version.NewCollector("hoop_exporter")}
	for _, from := range append(own, exposition.Runtime()...) {
		if err := v.describe(from); err != nil {
			return nil, err
		}
	}
	return v, v.addClassic()
}

// describe adds what a collector describes.
func (v Vocabulary) describe(from prometheus.Collector) (err error) {
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		from.Describe(descs)
	}()
	for d := range descs { // all of them, or the goroutine would never end
		m := description.FindStringSubmatch(d.String())
		if m == nil {
			err = fmt.Errorf("a descriptor of another form: %s", d)
			continue
		}
		has := strings.FieldsFunc(m[4], func(r rune) bool { return r == ',' })
		for _, l := range constLabel.FindAllStringSubmatch(m[3], -1) {
			has = append(has, l[1])
		}
		v[m[1]] = Metric{Labels: has, Help: m[2], Counts: strings.HasSuffix(m[1], "_total")}
	}
	return err
}

// addClassic adds the series of classic histograms.
func (v Vocabulary) addClassic() error {
	for _, name := range histograms() {
		h, ok := v[name]
		if !ok {
			return fmt.Errorf("%s is not described", name)
		}
		h.Counts = true
		v[name], v[name+"_sum"], v[name+"_count"] = h, h, h
		h.Labels = append(slices.Clone(h.Labels), "le")
		v[name+"_bucket"] = h
	}
	return nil
}

// levels are the labels that a recorded series has, by the first part of its name.
func levels() map[string][]string {
	return map[string][]string{
		"hoop":       {},
		"gateway":    {},
		"connection": {"connection", "type", "threshold"},
		"group":      {"group"},
		"approval":   {"connection", "type", "group"},
		"exit_code":  {"connection", "type", "exit_code"},
		"owner":      {"connection", "team", "environment", "hoop_url"},
	}
}

// recorded is the form of a recording rule's name.
var recorded = regexp.MustCompile(`^(\w+):\w+:\w+$`)

// Record adds a metric that a rule records.
func (v Vocabulary) Record(name string) error {
	m := recorded.FindStringSubmatch(name)
	if m == nil {
		return fmt.Errorf("%s: not level:metric:operation", name)
	}
	labels, ok := levels()[m[1]]
	if !ok {
		return fmt.Errorf("%s: there is no level %s", name, m[1])
	}
	if v.known(name) {
		return fmt.Errorf("%s: recorded twice", name)
	}
	v[name] = Metric{Labels: labels}
	return nil
}

// NewParser returns Prometheus' parser without anything experimental, as a Prometheus without feature flags has it.
func NewParser() parser.Parser { return parser.NewParser(parser.Options{}) }

// Check returns an error that says what in the query cannot be.
func (v Vocabulary) Check(query string) error {
	expr, err := NewParser().ParseExpr(query)
	if err != nil {
		return fmt.Errorf("parsing %q: %w", query, err)
	}
	there := map[string]bool{}
	for _, l := range targetLabels() {
		there[l] = true
	}
	var wrong []string
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			for _, l := range v[s.Name].Labels {
				there[l] = true
			}
			v.checkSelector(s, complain)
		}
		return nil
	})
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			if of := counting(path); of != "" && v.known(n.Name) && !v[n.Name].Counts {
				complain("%s of %s, which is no counter", of, n.Name)
			}
		case *parser.AggregateExpr:
			checkLabels(n.Grouping, there, complain)
		case *parser.BinaryExpr:
			if m := n.VectorMatching; m != nil {
				checkLabels(slices.Concat(m.MatchingLabels, m.Include), there, complain)
			}
		}
		return nil
	})
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return fmt.Errorf("in %q: %s", query, strings.Join(slices.Compact(wrong), "; "))
	}
	return nil
}

func (v Vocabulary) known(name string) bool {
	_, ok := v[name]
	return ok
}

func (v Vocabulary) checkSelector(s *parser.VectorSelector, complain func(string, ...any)) {
	if !v.known(s.Name) {
		complain("there is no metric %q", s.Name)
		return
	}
	has := slices.Concat(targetLabels(), v[s.Name].Labels)
	for _, m := range s.LabelMatchers {
		switch {
		case m.Name == model.MetricNameLabel:
		case !slices.Contains(has, m.Name):
			complain("%s has no label %s", s.Name, m.Name)
		default:
			v.checkValues(s.Name, m, complain)
		}
	}
}

// checkValues looks up the values of labels that have few: they come from the metric's help, or from the API.
func (v Vocabulary) checkValues(metric string, m *labels.Matcher, complain func(string, ...any)) {
	values := []string{m.Value}
	if m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp {
		values = strings.Split(m.Value, "|")
	}
	statuses := []string{
		client.ReviewPending, client.ReviewApproved, client.ReviewRejected, client.ReviewRevoked, client.ReviewProcessing,
		client.ReviewExecuted, client.ReviewExpired, client.ReviewUnknown,
	}
	for _, value := range values {
		if !plain.MatchString(value) {
			continue // a variable of a dashboard, or a pattern
		}
		known := true
		switch m.Name {
		case "status":
			known = slices.Contains(statuses, value)
		case "state", "outcome":
			known = slices.Contains(word.FindAllString(v[metric].Help, -1), value)
		}
		if !known {
			complain("%s has no %s %q", metric, m.Name, value)
		}
	}
}

var (
	plain = regexp.MustCompile(`^\w+$`)
	word  = regexp.MustCompile(`\w+`)
)

// counting returns the function over counters that a selector is given to; "" for none.
func counting(path []parser.Node) string {
	for _, n := range slices.Backward(path) {
		switch n := n.(type) {
		case *parser.MatrixSelector:
		case *parser.Call:
			if slices.Contains([]string{"rate", "irate", "increase", "resets"}, n.Func.Name) {
				return n.Func.Name
			}
			return ""
		default:
			return ""
		}
	}
	return ""
}

func checkLabels(used []string, there map[string]bool, complain func(string, ...any)) {
	for _, l := range used {
		if !there[l] {
			complain("nothing in it has a label %s", l)
		}
	}
}
