package dashboards

import (
	"encoding/json"
	"os"
	"testing"
)

// dashboard is what is checked here; Grafana's types check all of it.
type dashboard struct {
	UID, Title, Description string
	Tags                    []string
	SchemaVersion           int
	Panels                  []panel
	Templating              struct{ List []variable }
	Annotations             struct{ List []annotation }

	text []byte
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  rectangle
	Targets                  []target
	Links                    []link
	FieldConfig              struct {
		Defaults  fieldConfig
		Overrides []struct {
			Matcher    struct{ ID, Options string }
			Properties []struct {
				ID    string
				Value json.RawMessage
			}
		}
	}
}

type fieldConfig struct {
	Unit     string
	Mappings []json.RawMessage
	Links    []link
}

type rectangle struct{ X, Y, W, H int }

type target struct {
	RefID, Expr, LegendFormat string
	Instant, Range, Exemplar  bool
	Datasource                struct{ Type, UID string }
	PanelID                   int
}

type link struct{ Title, URL string }

type variable struct {
	Name, Label, Description, Type, AllValue string
	IncludeAll                               bool
	Query                                    json.RawMessage
}

type annotation struct {
	Name   string
	Target *target
}

// uids are the dashboards by the name of their file. They are in alerts, in links and in people's bookmarks.
var uids = map[string]string{"access": "hoop-access", "reviews": "hoop-reviews", "protection": "hoop-protection", "exporter": "hoop-exporter"}

// each runs a test for each dashboard.
func each(t *testing.T, test func(*testing.T, *dashboard)) {
	t.Helper()
	for name := range uids {
		t.Run(name, func(t *testing.T) { test(t, load(t, name)) })
	}
}

func load(t *testing.T, name string) *dashboard {
	t.Helper()
	text, err := os.ReadFile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	d := &dashboard{text: text}
	if err := json.Unmarshal(text, d); err != nil {
		t.Fatalf("%s.json: %v", name, err)
	}
	return d
}

// text is a query of a variable: a string, or an object that has one.
func (v variable) text() string {
	var s string
	if json.Unmarshal(v.Query, &s) == nil {
		return s
	}
	var o struct{ Query string }
	_ = json.Unmarshal(v.Query, &o) // Grafana's types say what it can be
	return o.Query
}
