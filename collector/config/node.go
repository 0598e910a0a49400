package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	maxDepth    = 50      // how deep values can be nested
	maxExpanded = 1 << 18 // how many values aliases can expand to, in addition to one for each byte of the file
)

// mapTag, listTag and nullTag are YAML types.
const mapTag, listTag, nullTag = "!!map", "!!seq", "!!null"

// node is a value of a file. It has no aliases and no merge keys, no key is in it twice, and it knows its place in the file.
type node struct {
	path     string // the keys that lead to it, such as gateways.a.duty; an item of a list has the path of the list
	line     int
	name     string // its key in the mapping that it is part of
	nameLine int
	tag      string  // its YAML type: mapTag and listTag for all mappings and lists
	text     string  // of a scalar
	children []*node // of a mapping or list
	invalid  bool    // a problem with it was added
}

// field returns the value of a key; nil if there is none.
func (n *node) field(name string) *node {
	if n != nil {
		for _, c := range n.children {
			if c.name == name {
				return c
			}
		}
	}
	return nil
}

// at returns the value at a path of keys such as sessions.lookback, or nil.
func (n *node) at(path string) *node {
	for name := range strings.SplitSeq(path, ".") {
		n = n.field(name)
	}
	return n
}

// contains reports whether a node, or one inside it, matches.
func (n *node) contains(match func(*node) bool) bool {
	return match(n) || slices.ContainsFunc(n.children, func(c *node) bool { return c.contains(match) })
}

// valid reports whether there is no problem with a value or inside it. No value is valid too.
func (n *node) valid() bool { return n == nil || !n.contains(func(n *node) bool { return n.invalid }) }

// overlay returns a mapping with the fields of both, except for those of the lower one that drop selects: mappings are merged; of other
// values the upper one wins. Both can be nil.
func overlay(lower, upper *node, drop func(*node) bool) *node {
	if lower == nil || upper != nil && (lower.tag != mapTag || upper.tag != mapTag) {
		return upper
	}
	both := *cmp.Or(upper, lower)
	both.children = nil
	for _, c := range lower.children {
		if !drop(c) {
			both.children = append(both.children, overlay(c, upper.field(c.name), drop))
		}
	}
	if upper != nil {
		both.addMissing(upper)
	}
	return &both
}

// addMissing adds the fields of another mapping whose keys are not there.
func (n *node) addMissing(from *node) {
	for _, c := range from.children {
		if n.field(c.name) == nil {
			n.children = append(n.children, c)
		}
	}
}

// yaml returns the value as the YAML library has it.
func (n *node) yaml() *yaml.Node {
	kinds := map[string]yaml.Kind{mapTag: yaml.MappingNode, listTag: yaml.SequenceNode}
	y := &yaml.Node{Kind: cmp.Or(kinds[n.tag], yaml.ScalarNode), Tag: n.tag, Value: n.text, Line: n.line}
	for _, c := range n.children {
		if n.tag == mapTag {
			y.Content = append(y.Content, textNode(c.name))
		}
		y.Content = append(y.Content, c.yaml())
	}
	return y
}

// read reads YAML. It returns nil, and adds problems, if there is no complete document.
func (p *problems) read(content []byte) *node {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if err == nil {
		err = decoder.Decode(&second)
	}
	switch {
	case err == nil:
		p.add(second.Line, "", "a second YAML document starts here: write all gateways in one")
	case !errors.Is(err, io.EOF):
		p.syntaxError(content, err)
	case first.IsZero():
		p.add(0, "", "is empty: add gateways")
	default:
		e := &expander{problems: p, left: maxExpanded + len(content), open: map[*yaml.Node]bool{}}
		if root := e.value(first.Content[0], "", 0); !e.stopped {
			return root
		}
	}
	return nil
}

// syntaxError adds an error of the YAML library. It leaves out what the error quotes, which can be part of a secret.
func (p *problems) syntaxError(content []byte, err error) {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 1 // the library does not name the first line
	if n, _ := fmt.Sscanf(text, "line %d: ", &line); n == 1 {
		_, text, _ = strings.Cut(text, ": ")
	}
	// It does not name the line of an alias either.
	if found := regexp.MustCompile(`^unknown anchor '(.*)' referenced`).FindStringSubmatch(text); found != nil {
		before, _, _ := bytes.Cut(content, []byte("*"+found[1]))
		line = 1 + bytes.Count(before, []byte("\n"))
	}
	p.add(line, "", "is not valid YAML: %s", withoutValues(text))
}

// withoutValues returns an error of a library in one line and without what it quotes, but for the single characters of YAML that it
// expected.
func withoutValues(text string) string {
	syntax := regexp.MustCompile(`^'[][{}:,-]'$`)
	text = regexp.MustCompile("(?s)`[^`]*`|'[^']*'").ReplaceAllStringFunc(text, func(quoted string) string {
		if syntax.MatchString(quoted) {
			return quoted
		}
		return "<value>"
	})
	return strings.Join(strings.Fields(text), " ")
}

// expander copies values, with the values that aliases stand for. After a stop, what it returns is not whole.
type expander struct {
	*problems
	left    int                 // how many more values it copies
	open    map[*yaml.Node]bool // the values with an anchor that are being copied
	stopped bool
}

func (e *expander) value(n *yaml.Node, path string, depth int) *node {
	e.left--
	problem := ""
	switch {
	case e.left <= 0:
		problem = "aliases expand to too many values: use fewer of them"
	case depth > maxDepth:
		problem = "is nested too deeply"
	case n.Kind == yaml.AliasNode && e.open[n.Alias]:
		problem = "is an alias inside the value that it stands for"
	}
	switch {
	case e.stopped:
		return &node{}
	case problem != "":
		e.stopped = true
		e.add(n.Line, path, "%s", problem)
		return &node{}
	case n.Kind == yaml.AliasNode:
		return e.value(n.Alias, path, depth+1)
	case n.Anchor != "":
		e.open[n] = true
		defer delete(e.open, n)
	}
	own := &node{path: path, line: n.Line, tag: n.ShortTag(), text: n.Value}
	switch n.Kind {
	case yaml.MappingNode:
		own.tag = mapTag
		e.fields(own, n, depth+1)
	case yaml.SequenceNode:
		own.tag = listTag
		for i, item := range n.Content {
			v := e.value(item, path+"["+strconv.Itoa(i)+"]", depth+1)
			v.path = path
			own.children = append(own.children, v)
		}
	}
	return own
}

// fields copies the fields of a mapping, and then those of the mappings that it merges and that are not there.
func (e *expander) fields(to *node, from *yaml.Node, depth int) {
	lines := map[string]int{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(from.Content); i += 2 {
		name, value, line := from.Content[i], from.Content[i+1], from.Content[i].Line
		if name.Kind == yaml.AliasNode {
			name = name.Alias
		}
		path := join(to.path, name.Value)
		switch {
		case name.ShortTag() == "!!merge" && value.Kind == yaml.SequenceNode:
			merged = append(merged, value.Content...)
		case name.ShortTag() == "!!merge":
			merged = append(merged, value)
		case name.Kind != yaml.ScalarNode || name.ShortTag() == nullTag:
			e.add(line, to.path, "has a key that is not text")
		case lines[name.Value] > 0:
			e.add(line, path, "appears twice, first in line %d", lines[name.Value])
		default:
			lines[name.Value] = line
			v := e.value(value, path, depth)
			v.name, v.nameLine = name.Value, line
			to.children = append(to.children, v)
		}
	}
	for _, n := range merged {
		v := e.value(n, to.path, depth)
		if e.stopped {
			return
		}
		if v.tag == mapTag {
			to.addMissing(v)
		} else {
			e.add(v.line, to.path, "can merge only mappings")
		}
	}
}
