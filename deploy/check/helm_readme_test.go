package check

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

var update = flag.Bool("update", false, "write the table of values in the chart's README, instead of comparing it")

// The README's table says what values.yaml and its schema say, and has a row for each value.
func TestHelmReadmeFollowsFromTheValues(t *testing.T) {
	path := filepath.Join(chartDir, "README.md")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const start, end = "<!-- values: made by \"go test -run Readme -update\" in deploy/check -->\n", "<!-- end of values -->\n"
	before, rest, found := strings.Cut(string(content), start)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", path)
	}
	table, err := valuesTable()
	if err != nil {
		t.Fatal(err)
	}
	want := before + start + table + end + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(content) {
		t.Errorf("%s does not say what values.yaml says: run go test -run Readme -update", path)
	}
}

// valuesTable makes the table from values.yaml, its comments and its schema.
func valuesTable() (string, error) {
	c, err := loader.Load(chartDir)
	if err != nil {
		return "", err
	}
	content, err := os.ReadFile(filepath.Join(chartDir, "values.yaml"))
	if err != nil {
		return "", err
	}
	node, err := yaml.Parse(string(content))
	if err != nil {
		return "", err
	}
	var s schema
	if err := json.Unmarshal(c.Schema, &s); err != nil {
		return "", err
	}
	rows, err := valueRows("", node.YNode(), s)
	return "| value | type | default | meaning |\n|---|---|---|---|\n" + strings.Join(rows, ""), err
}

// schema is what the table needs to know of a JSON schema.
type schema struct {
	Type       kinds
	Enum       []string
	Properties map[string]schema
	Items      *schema
	AnyOf      []schema
}

// kinds are the types that a schema allows: it names one, or lists several.
type kinds []string

func (k *kinds) UnmarshalJSON(content []byte) error {
	if content[0] == '[' {
		return json.Unmarshal(content, (*[]string)(k))
	}
	*k = make(kinds, 1)
	return json.Unmarshal(content, &(*k)[0])
}

// kind says in a few words which values a schema allows.
func (s schema) kind() string {
	for _, one := range s.AnyOf {
		s.Type = append(s.Type, one.Type...)
	}
	kind := strings.Join(s.Type, " or ")
	switch {
	case len(s.Enum) > 0:
		return "string"
	case kind == "array":
		return "list of " + strings.ReplaceAll(s.Items.kind(), " or ", "s or ") + "s"
	}
	return kind
}

// valueRows are the rows of a map of values, in the order of the file. A value without a meaning is an error.
func valueRows(prefix string, node *yaml.Node, s schema) (rows []string, err error) {
	var errs []error
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name, of := prefix+key.Value, s.Properties[key.Value]
		meaning := meaning(key.HeadComment)
		if meaning == "" {
			errs = append(errs, fmt.Errorf("values.yaml:%d: what does %s mean? Say so in a comment", key.Line, name))
		}
		initial := ""
		if len(of.Properties) == 0 {
			var v any
			if err := value.Decode(&v); err != nil {
				return nil, err
			}
			text, err := json.Marshal(v)
			if err != nil {
				return nil, err
			}
			initial = "`" + string(text) + "`"
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, of.kind(), initial, meaning))
		if len(of.Properties) > 0 {
			more, err := valueRows(name+".", value, of)
			rows, errs = append(rows, more...), append(errs, err)
		}
	}
	return rows, errors.Join(errs...)
}

// meaning is a comment as a cell of a table.
func meaning(comment string) string {
	var words []string
	for line := range strings.Lines(comment) {
		words = append(words, strings.Fields(strings.TrimLeft(line, "# "))...)
	}
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(strings.Join(words, " "))
}

// A value without a comment is no row with an empty cell.
func TestHelmEveryValueNeedsAMeaning(t *testing.T) {
	s := schema{Properties: map[string]schema{"a": {Type: kinds{"string"}}, "b": {Properties: map[string]schema{"c": {Type: kinds{"integer"}}}}}}
	for name, c := range map[string]struct{ values, rows, err string }{
		"all of them":       {"# One | two\n# three.\na: x\n# Group.\nb:\n  # Four.\n  c: 4\n", "| `a` | string | `\"x\"` | One \\| two three. |\n| `b` |  |  | Group. |\n| `b.c` | integer | `4` | Four. |\n", ""},
		"none at the top":   {"a: x\n", "", "values.yaml:1: what does a mean"},
		"none further down": {"# Group.\nb:\n  c: 4\n", "", "values.yaml:3: what does b.c mean"},
	} {
		t.Run(name, func(t *testing.T) {
			node, err := yaml.Parse(c.values)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := valueRows("", node.YNode(), s)
			if got := strings.Join(rows, ""); c.err == "" && (err != nil || got != c.rows) {
				t.Errorf("got %v and\n%s, want\n%s", err, got, c.rows)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got error %v, want %q", err, c.err)
			}
		})
	}
}

// The chart's icon is a picture of this project, at the address that the chart names.
func TestHelmIconIsThere(t *testing.T) {
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	const raw = "https://raw.githubusercontent.com/hoop-exporter/hoop_exporter/main/"
	path, found := strings.CutPrefix(c.Metadata.Icon, raw)
	if !found {
		t.Fatalf("the icon is at %q", c.Metadata.Icon)
	}
	var elements []string
	for d := xml.NewDecoder(strings.NewReader(file(t, path))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			elements = append(elements, e.Name.Local)
		}
	}
	if len(elements) < 2 || elements[0] != "svg" || slices.Contains(elements, "script") {
		t.Errorf("the icon is made of %q", elements)
	}
}
