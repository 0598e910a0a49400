package credential

import (
	"errors"
	"regexp"
	"strings"
)

// yamlWords are what YAML and Go call a kind of value, and what it is called in an error.
var yamlWords = map[string]string{
	"!!map": "a mapping", "!!seq": "a list", "!!str": "text", "!!int": "a number", "!!float": "a number", "!!bool": "true or false",
	"!!null": "nothing", "!!timestamp": "a date", "!!binary": "binary text", "bool": "true or false", "string": "text",
}

var (
	yamlQuoted  = regexp.MustCompile("(?s) ?`[^`]*`")
	yamlUnknown = regexp.MustCompile(`field (.*?) not found in type \S+`)
	yamlTwice   = regexp.MustCompile(`(field|key) (.*?) already set in (map|type \S+)`)
	yamlForm    = regexp.MustCompile(`cannot unmarshal (\S+) into (\S+)`)
)

// YAMLError returns the error of a YAML decoder in one line, in words of YAML: without the names of Go types, and without the values that the decoder
// quotes, one of which may be a secret.
func YAMLError(err error) error {
	text := strings.TrimPrefix(yamlQuoted.ReplaceAllString(err.Error(), ""), "yaml: unmarshal errors:")
	text = yamlUnknown.ReplaceAllString(text, "the key $1 is unknown")
	text = yamlTwice.ReplaceAllString(text, "the key $2 appears twice")
	text = yamlForm.ReplaceAllStringFunc(text, func(s string) string {
		m := yamlForm.FindStringSubmatch(s)
		found, known := yamlWords[m[1]]
		if !known {
			found = "this"
		}
		switch wanted := yamlWords[m[2]]; {
		case wanted != "":
			return found + " is not allowed here: must be " + wanted
		case strings.HasPrefix(m[2], "[]"):
			return found + " is not allowed here: must be a list"
		case strings.HasPrefix(m[2], "map["):
			return found + " is not allowed here: must be a mapping"
		}
		return found + " is not allowed here"
	})
	return errors.New(strings.Join(strings.Fields(text), " "))
}
