package deploy_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"

	"github.com/hoop-exporter/hoop_exporter/client"
	"github.com/hoop-exporter/hoop_exporter/collector"
	"github.com/hoop-exporter/hoop_exporter/collector/config"
	"github.com/hoop-exporter/hoop_exporter/collector/config/flags"
	"github.com/hoop-exporter/hoop_exporter/collector/fleet"
)

// The pages that list every flag and every metric.
const (
	flagsPage   = "../docs/flags.md"
	metricsPage = "../docs/metrics.md"
)

// rows returns the rows of a page's tables whose first cell begins so, each cell without quotes and spaces.
func rows(t *testing.T, page, begin string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for line := range strings.Lines(string(read(t, page))) {
		if !strings.HasPrefix(line, "| `"+begin) {
			continue
		}
		cells := strings.Split(strings.NewReplacer("`", "", " ", "", "tag_<key>", "tag_key").Replace(line), "|")[1:]
		if _, twice := found[cells[0]]; twice {
			t.Errorf("%s is listed twice", cells[0])
		}
		found[cells[0]] = cells[1:]
	}
	return found
}

// option is a flag as the man page of the packages lists it. A test at the top compares that page with the flags.
type option struct{ name, value, variable string }

// options lists the flags of the man page.
func options(t *testing.T) (list []option) {
	t.Helper()
	text := strings.ReplaceAll(string(read(t, "package/man/hoop_exporter.1")), `\-`, "-")
	form := regexp.MustCompile(`(?m)^(?:\\fB-h\\fR, )?\\fB--(\[no-\])?([a-z.-]+)\\fR(?:=\\fI(.*)\\fR)?\n.*\n(?:Environment:\n\.BR (\w+) \.\n)?`)
	for _, m := range form.FindAllStringSubmatch(text, -1) {
		o := option{m[2], m[3], m[4]}
		switch {
		case m[1] != "":
			o.value = "true"
		case m[3] == "":
			o.value = "false"
		case regexp.MustCompile(`^[A-Z-]+$`).MatchString(m[3]): // says what it is, for there is no default
			o.value = ""
		}
		list = append(list, o)
	}
	return list
}

func TestDocumentationListsEveryFlag(t *testing.T) {
	want := map[string]string{}
	for _, o := range options(t) {
		if o.variable == flags.Variable(o.name) { // the page says how that follows from the name
			o.variable = ""
		}
		want["--"+o.name] = o.value + " " + o.variable
	}
	got := map[string]string{}
	for name, cells := range rows(t, flagsPage, "--") {
		got[name] = cells[0] + " " + cells[1]
	}
	compare(t, got, want)
}

// The page of the flags says how a variable's name follows from the flag's.
func TestEveryFlagHasAVariableOfItsName(t *testing.T) {
	older := map[string]string{
		"hoop.url": "HOOP_URL", "hoop.token-file": "HOOP_TOKEN_FILE", "hoop.api-key-file": "HOOP_API_KEY_FILE",
		"hoop.cli-config": "HOOP_CLI_CONFIG", "hoop.http-config-file": "HOOP_HTTP_CONFIG_FILE",
	}
	// Kubernetes gives pods such variables about each Service, which can have the exporter's name.
	ofServices := regexp.MustCompile(`_SERVICE_(HOST|PORT)|_PORT(_\d+_|$)`)
	seen := map[string]bool{"HOOP_EXPORTER_FLAGS": true} // of the systemd unit
	for _, o := range options(t) {
		if o.name == "help" || o.name == "version" { // these only print something about the program
			continue
		}
		want := "HOOP_EXPORTER_" + regexp.MustCompile(`[.-]`).ReplaceAllString(strings.ToUpper(o.name), "_")
		if name, ok := older[o.name]; ok {
			want = name
		}
		if o.variable != want || seen[want] || ofServices.MatchString(want) {
			t.Errorf("--%s has the variable %q, want %q for it alone", o.name, o.variable, want)
		}
		seen[want] = true
	}
	if !strings.Contains(string(read(t, flagsPage)), "that of `--cache.ttl` is `"+flags.Variable("cache.ttl")+"`") {
		t.Errorf("%s does not say how a variable is named", flagsPage)
	}
}

func TestDocumentationListsEveryMetric(t *testing.T) {
	c, err := client.New("http://hoop.invalid", nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Defaults()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Client, cfg.ConnectionTags = c, []string{"key"}
	col, err := collector.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	described := make(chan *prometheus.Desc, 200)
	col.Describe(described)
	versioncollector.NewCollector("hoop_exporter").Describe(described)
	many := fleet.New(fleet.Options{Cluster: &fleet.Cluster{}})
	many.Health().Describe(described)
	many.ClusterHealth().Describe(described)
	fleet.NewReloader(many, "").Describe(described)
	close(described)
	want := map[string]string{}
	for d := range described {
		m := regexp.MustCompile(`fqName: "([^"]+)".* constLabels: \{(.*)\}, variableLabels: \{(.*?)\}`).FindStringSubmatch(d.String())
		labels := m[3]
		if name := m[1]; name == "hoop_exporter_build_info" {
			labels = "version,revision,branch,goversion,goos,goarch,tags"
			if n := strings.Count(m[2], "="); n != 7 {
				t.Errorf("%s has %d labels", name, n)
			}
		}
		want[m[1]] = labels
	}
	got := map[string]string{}
	for name, cells := range rows(t, metricsPage, "hoop_") {
		got[name] = cells[1]
	}
	compare(t, got, want)
}

func compare(t *testing.T, page, code map[string]string) {
	t.Helper()
	for name, is := range code {
		if says, ok := page[name]; !ok || says != is {
			t.Errorf("%s: the documentation says %q, the code %q", name, says, is)
		}
	}
	for name := range page {
		if _, ok := code[name]; !ok {
			t.Errorf("the documentation lists %s, which does not exist", name)
		}
	}
	if len(code) < 20 {
		t.Error(fmt.Sprint("only ", len(code), " names were compared"))
	}
}
