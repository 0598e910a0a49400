package dashboards

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the dashboards in the form that is required of them")

// What Grafana exports is brought into one form, so that a change shows as what it is.
func TestDashboardsAreInOneForm(t *testing.T) {
	files, err := filepath.Glob("*.json")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob("*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	// What npm needs for the preview is not mounted anywhere: README.md names the files to give to Grafana.
	deeper = slices.DeleteFunc(deeper, func(name string) bool {
		return slices.Contains([]string{"preview/package.json", "preview/package-lock.json"}, filepath.ToSlash(name))
	})
	if len(files) != len(uids) || len(deeper) > 0 {
		t.Errorf("there are %v %v: Grafana takes every JSON file here for a dashboard; each belongs into the list of uids", files, deeper)
	}
	each(t, func(t *testing.T, d *dashboard) {
		var content any
		if err := json.Unmarshal(d.text, &content); err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(content); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(d.UID, "hoop-") + ".json"
		switch {
		case bytes.Equal(d.text, want.Bytes()):
		case *update:
			if err := os.WriteFile(name, want.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s is not in the form that json.Encoder gives it: run go test ./dashboards -update", name)
		}
	})
}

func TestDashboardsKeepTheirIdentity(t *testing.T) {
	for name, uid := range uids {
		d := load(t, name)
		if d.UID != uid {
			t.Errorf("%s has the uid %q: alerts and bookmarks look for %q", name, d.UID, uid)
		}
		if !strings.HasPrefix(d.Title, "hoop / ") || d.Description == "" || !slices.Contains(d.Tags, "hoop") {
			t.Errorf("%s: title %q, description %q, tags %v: the tag hoop is how dashboards find each other", name, d.Title, d.Description, d.Tags)
		}
		if d.SchemaVersion < 42 {
			t.Errorf("%s is in the old form %d, which Grafana would have to migrate", name, d.SchemaVersion)
		}
		if strings.Contains(string(d.text), `"__inputs"`) {
			t.Errorf("%s was exported for sharing: it wants a data source when it is provisioned", name)
		}
	}
}

// Nobody has to guess what a panel shows, and ids stay: alerts link to them.
func TestEveryPanelSaysWhatItShows(t *testing.T) {
	current := []string{"stat", "state-timeline", "table", "timeseries"}
	each(t, func(t *testing.T, d *dashboard) {
		ids := map[int]string{}
		for _, p := range d.Panels {
			if other, twice := ids[p.ID]; twice || p.ID <= 0 {
				t.Errorf("%q has the id %d, like %q", p.Title, p.ID, other)
			}
			ids[p.ID] = p.Title
			if !slices.Contains(current, p.Type) {
				t.Errorf("%q is a %q: use one of %v", p.Title, p.Type, current)
			}
			if p.Title == "" || len(p.Description) < 20 || !strings.HasSuffix(p.Description, ".") {
				t.Errorf("panel %d %q is described as %q", p.ID, p.Title, p.Description)
			}
			if len(p.Targets) == 0 {
				t.Errorf("%q queries nothing", p.Title)
			}
			p.testUnit(t)
		}
	})
}

func (p *panel) testUnit(t *testing.T) {
	t.Helper()
	known := []string{"short", "percentunit", "bytes", "s", "suffix:/h", "suffix:min", "suffix:h", "dateTimeFromNow"}
	switch unit := p.FieldConfig.Defaults.Unit; {
	case slices.Contains(known, unit):
	case unit == "none" && (len(p.FieldConfig.Defaults.Mappings) > 0 || p.Type == "table"): // words
	default:
		t.Errorf("%q has the unit %q", p.Title, unit)
	}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if property.ID == "unit" && !slices.Contains(known, strings.Trim(string(property.Value), `"`)) {
				t.Errorf("%q has the unit %s for %s", p.Title, property.Value, o.Matcher.Options)
			}
		}
	}
}

// A dashboard is 24 columns wide. 30 rows are about a full-screen window on a large screen: what is below them is detail.
func TestPanelsFillTheirDashboard(t *testing.T) {
	const columns, rows = 24, 40
	each(t, func(t *testing.T, d *dashboard) {
		taken := map[[2]int]int{}
		for _, p := range d.Panels {
			r := p.GridPos
			if r.W <= 0 || r.H <= 0 || r.X < 0 || r.Y < 0 || r.X+r.W > columns || r.Y+r.H > rows {
				t.Errorf("%q at %+v is not on the dashboard", p.Title, r)
				continue
			}
			for x := r.X; x < r.X+r.W; x++ {
				for y := r.Y; y < r.Y+r.H; y++ {
					if other, there := taken[[2]int{x, y}]; there {
						t.Fatalf("panels %d and %d overlap", other, p.ID)
					}
					taken[[2]int{x, y}] = p.ID
				}
			}
		}
		for x := range columns {
			for y := 1; y < rows; y++ {
				if taken[[2]int{x, y}] > 0 && taken[[2]int{x, y - 1}] == 0 {
					t.Fatalf("there is a hole above panel %d: Grafana would move it up", taken[[2]int{x, y}])
				}
			}
		}
	})
}

func TestVariablesAreTheSameEverywhere(t *testing.T) {
	targets := []string{"datasource", "cluster", "namespace", "job", "instance"}
	all := slices.Concat(targets, []string{"tag", "tag_value", "connection", "type"})
	want := map[string][]string{
		"hoop-access":     append(slices.Clone(all), "long", "hoop_url"),
		"hoop-reviews":    append(slices.Clone(all), "late", "abandoned", "hoop_url"),
		"hoop-protection": append(slices.Clone(all), "hoop_url"),
		"hoop-exporter":   targets,
	}
	each(t, func(t *testing.T, d *dashboard) {
		var got []string
		for _, v := range d.Templating.List {
			got = append(got, v.Name)
			if v.Label == "" || v.Description == "" {
				t.Errorf("variable %s says nothing about itself", v.Name)
			}
			if used := strings.Count(string(d.text), "$"+v.Name) + strings.Count(string(d.text), "${"+v.Name); used == 0 {
				t.Errorf("variable %s is not used", v.Name)
			}
			// All connections are those with the chosen tag, and no others.
			if v.Name == "connection" && v.AllValue != "" {
				t.Errorf("all connections are %q: the chosen tag is without effect", v.AllValue)
			}
			// A matcher of .* also fits where a label is missing. A list of values, which may be empty, does not.
			if v.Type == "query" && slices.Contains(targets, v.Name) && (!v.IncludeAll || v.AllValue != ".*") {
				t.Errorf("all of %s are %q: nothing is shown where there is no such label", v.Name, v.AllValue)
			}
		}
		if !slices.Equal(got, want[d.UID]) {
			t.Errorf("there are the variables %v, want %v", got, want[d.UID])
		}
	})
}

// Where a session is known, hoop is a click away.
func TestLinksLeadToTheSession(t *testing.T) {
	each(t, func(t *testing.T, d *dashboard) {
		if d.UID == "hoop-exporter" {
			return
		}
		links := []string{"${hoop_url}/sessions?connection=${__value.raw}", "${hoop_url}/sessions/${__value.raw}"}
		if d.UID == "hoop-protection" {
			links = links[:1] // its counters have no exemplars
		}
		for _, want := range links {
			if !strings.Contains(string(d.text), want) {
				t.Errorf("nothing links to %s", want)
			}
		}
		exemplars := map[int]bool{}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				exemplars[p.ID] = exemplars[p.ID] || q.Exemplar && q.Range
			}
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				if q.PanelID > 0 && !exemplars[q.PanelID] {
					t.Errorf("%q shows the exemplars of panel %d, which queries none", p.Title, q.PanelID)
				}
			}
		}
	})
}

// A number that stands for now is queried for now: the last one of the chosen time may be old news.
func TestNumbersOfNowAreQueriedForNow(t *testing.T) {
	each(t, func(t *testing.T, d *dashboard) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				now := p.Type == "stat" || p.Type == "table"
				if q.Expr != "" && (q.Instant != now || q.Range == now) {
					t.Errorf("%q queries instant %v, range %v", p.Title, q.Instant, q.Range)
				}
			}
		}
	})
}

// Restarts, and times at which gauges are withheld, are seen in every chart.
func TestEveryChartShowsRestartsAndWithheldGauges(t *testing.T) {
	each(t, func(t *testing.T, d *dashboard) {
		var got []string
		for _, a := range d.Annotations.List {
			got = append(got, a.Name)
		}
		if want := []string{"Annotations & Alerts", "Exporter restarts", "Gauges withheld"}; !slices.Equal(got, want) {
			t.Errorf("there are the annotations %q, want %q", got, want)
		}
	})
}

// The first row answers whether anything is wrong now.
func TestFirstRowSaysWhetherAnythingIsWrong(t *testing.T) {
	each(t, func(t *testing.T, d *dashboard) {
		first := map[string]bool{}
		for _, p := range d.Panels {
			if p.GridPos.Y == 0 {
				first[p.Title] = true
				if p.Type != "stat" {
					t.Errorf("%q in the first row is a %s", p.Title, p.Type)
				}
			}
		}
		if !first["Data"] || !first["Alerts"] {
			t.Errorf("the first row has %v: Data and Alerts are missing", first)
		}
	})
}

// Where Prometheus keeps no exemplars, a panel of exemplars is empty: it says so, and is at the end.
func TestPanelsOfExemplarsAreLast(t *testing.T) {
	each(t, func(t *testing.T, d *dashboard) {
		end := 0
		for _, p := range d.Panels {
			end = max(end, p.GridPos.Y+p.GridPos.H)
		}
		for _, p := range d.Panels {
			if p.Targets[0].PanelID == 0 {
				continue
			}
			if !strings.HasSuffix(p.Title, "(exemplars)") || !strings.HasPrefix(p.Description, "Needs exemplars") || p.GridPos.Y+p.GridPos.H != end {
				t.Errorf("%q at %+v shows exemplars", p.Title, p.GridPos)
			}
		}
	})
}
