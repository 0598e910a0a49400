package credential

import (
	"cmp"
	"errors"
	"regexp"
	"strings"
)

var (
	yamlQuoted  = regexp.MustCompile("(?s) ?`[^`]*`")
	yamlUnknown = regexp.MustCompile(`field (.*?) not found in type \S+`)
	yamlTwice   = regexp.MustCompile(`(field|key) (.*?) already set in (map|type \S+)`)
	yamlForm    = regexp.MustCompile(`cannot unmarshal (\S+) into (\S+)`)
)

// YAMLError returns the error of a YAML decoder in one line, in YAML's own terms: without the names of Go types, and without the values
// that the decoder quotes, one of which may be a secret.
func YAMLError(err error) error {
	text := strings.TrimPrefix(yamlQuoted.ReplaceAllString(err.Error(), ""), "yaml: unmarshal errors:")
	text = yamlUnknown.ReplaceAllString(text, "the key $1 is unknown")
	text = yamlTwice.ReplaceAllString(text, "the key $2 appears twice")
	text = yamlForm.ReplaceAllStringFunc(text, func(s string) string {
		m := yamlForm.FindStringSubmatch(s)
		text := cmp.Or(yamlForms(m[1]), "this") + " is not allowed here"
		if wanted := yamlForms(m[2]); wanted != "" {
			text += ": must be " + wanted
		}
		return text
	})
	return errors.New(strings.Join(strings.Fields(text), " "))
}

// yamlForms says in words which form a YAML tag or a Go type has; "" for a type that has a name.
func yamlForms(of string) string {
	switch {
	case of == "!!map", strings.HasPrefix(of, "map["):
		return "a mapping"
	case of == "!!seq", strings.HasPrefix(of, "[]"):
		return "a list"
	case of == "!!str", of == "string":
		return "text"
	case of == "!!int", of == "!!float":
		return "a number"
	case of == "!!bool", of == "bool":
		return "true or false"
	case of == "!!null":
		return "nothing"
	}
	return ""
}
