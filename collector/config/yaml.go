package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// maxDepth bounds how deep values may lie in each other.
	maxDepth = 50
	// maxUnfolded bounds how many values aliases may unfold to, beside one for each byte of the file.
	maxUnfolded = 1 << 18
)

// unfold reads the YAML of a file. It returns its values without aliases and merge keys, and with no key twice; nil where there are none.
func (m *mistakes) unfold(content []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		m.add(0, "", "is empty: it needs gateways")
		return nil
	case err != nil:
		m.syntax(content, err)
		return nil
	}
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		m.syntax(content, err)
		return nil
	default:
		m.add(second.Line, "", "another document begins here: write all gateways into one")
		return nil
	}
	u := &unfolder{mistakes: m, left: maxUnfolded + len(content), open: map[*yaml.Node]bool{}}
	root := u.value(document.Content[0], "", 0)
	if u.left <= 0 {
		return nil // what is there is not whole
	}
	return root
}

// syntax tells of an error of the YAML library. What stands in quotes there can be a part of a secret.
func (m *mistakes) syntax(content []byte, err error) {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 1 // the library does not name the first line
	if found := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); found != nil {
		text = text[len(found[0]):]
		line, _ = strconv.Atoi(found[1])
	}
	// Nor does it name that of an alias.
	if found := regexp.MustCompile(`^unknown anchor '(.*)' referenced`).FindStringSubmatch(text); found != nil {
		before, _, _ := bytes.Cut(content, []byte("*"+found[1]))
		line = 1 + bytes.Count(before, []byte("\n"))
	}
	m.add(line, "", "is no YAML: %s", withoutValues(text))
}

// withoutValues is what a library says, in one line and without what it quotes.
func withoutValues(text string) string {
	text = regexp.MustCompile("(?s)`[^`]*`|'[^']*'").ReplaceAllString(text, "<value>")
	return strings.Join(strings.Fields(text), " ")
}

// unfolder copies values, and what aliases stand for.
type unfolder struct {
	*mistakes
	left int                 // how many more
	open map[*yaml.Node]bool // what has an anchor, and is being copied
}

func (u *unfolder) value(n *yaml.Node, key string, depth int) *yaml.Node {
	if u.left--; u.left == 0 {
		u.add(n.Line, key, "aliases unfold to too much: write less of them")
	}
	switch {
	case u.left <= 0:
		return nil
	case depth > maxDepth:
		u.add(n.Line, key, "lies too deep")
		u.left = 0
		return nil
	case n.Kind == yaml.AliasNode && u.open[n.Alias]:
		u.add(n.Line, key, "is an alias within what it stands for")
		u.left = 0
		return nil
	case n.Kind == yaml.AliasNode:
		return u.value(n.Alias, key, depth+1)
	case n.Anchor != "":
		u.open[n] = true
		defer delete(u.open, n)
	}
	own := &yaml.Node{Kind: n.Kind, Tag: n.ShortTag(), Value: n.Value, Line: n.Line}
	switch n.Kind {
	case yaml.MappingNode:
		u.fields(own, n, key, depth)
	case yaml.SequenceNode:
		for i, item := range n.Content {
			if v := u.value(item, key+"["+strconv.Itoa(i)+"]", depth+1); v != nil {
				own.Content = append(own.Content, v)
			}
		}
	}
	return own
}

// fields copies the fields of a mapping, and then those of the mappings that it merges, which do not win over what is there.
func (u *unfolder) fields(to, from *yaml.Node, key string, depth int) {
	lines := map[string]int{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(from.Content); i += 2 {
		name, value := from.Content[i], from.Content[i+1]
		if name.Kind == yaml.AliasNode {
			name = name.Alias
		}
		switch {
		case name.ShortTag() == "!!merge":
			merged = append(merged, value)
			continue
		case name.Kind != yaml.ScalarNode || name.ShortTag() == "!!null":
			u.add(from.Content[i].Line, key, "has a key that is no text")
			continue
		case lines[name.Value] > 0:
			u.add(from.Content[i].Line, join(key, name.Value), "is there twice, first in line %d", lines[name.Value])
			continue
		}
		lines[name.Value] = from.Content[i].Line
		if v := u.value(value, join(key, name.Value), depth+1); v != nil {
			to.Content = append(to.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name.Value, Line: from.Content[i].Line}, v)
		}
	}
	for _, n := range merged {
		u.merge(to, n, key, depth+1)
	}
}

func (u *unfolder) merge(to, from *yaml.Node, key string, depth int) {
	m := u.value(from, key, depth)
	switch {
	case m == nil:
	case m.Kind == yaml.SequenceNode && from.Kind == yaml.SequenceNode:
		for _, item := range m.Content {
			u.take(to, item, key)
		}
	default:
		u.take(to, m, key)
	}
}

// take adds the fields of a mapping that are not there.
func (u *unfolder) take(to, from *yaml.Node, key string) {
	if from.Kind != yaml.MappingNode {
		u.add(from.Line, key, "can merge only mappings")
		return
	}
	for name, value := range pairs(from) {
		if field(to, name.Value) == nil {
			to.Content = append(to.Content, name, value)
		}
	}
}

// pairs are the fields of a mapping.
func pairs(n *yaml.Node) func(func(name, value *yaml.Node) bool) {
	return func(yield func(name, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// field is the value of a field of a mapping; nil where it has none.
func field(n *yaml.Node, name string) *yaml.Node {
	for k, v := range pairs(n) {
		if k.Value == name {
			return v
		}
	}
	return nil
}

// overlay is a mapping with the fields of both: mappings are merged, and of anything else the upper one wins.
func overlay(lower, upper *yaml.Node) *yaml.Node {
	if lower == nil || upper == nil || lower.Kind != yaml.MappingNode || upper.Kind != yaml.MappingNode {
		if upper == nil {
			return lower
		}
		return upper
	}
	both := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: upper.Line}
	for name, value := range pairs(lower) {
		both.Content = append(both.Content, name, overlay(value, field(upper, name.Value)))
	}
	for name, value := range pairs(upper) {
		if field(lower, name.Value) == nil {
			both.Content = append(both.Content, name, value)
		}
	}
	return both
}
