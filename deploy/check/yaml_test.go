package check

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"sigs.k8s.io/yaml"
)

// readStrict reads a YAML file of the project: unknown fields fail, and so does another case.
func readStrict(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(abs(t, path))
	if err != nil {
		t.Fatal(err)
	}
	if err := strict(content, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// readLoose does the same for types without a tag on every field: the case is not looked at.
func readLoose(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(abs(t, path))
	if err != nil {
		t.Fatal(err)
	}
	content, err = yaml.YAMLToJSONStrict(content)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
