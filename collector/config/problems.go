package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// problems collects what is wrong with one file.
type problems struct {
	path string
	list []problem
}

type problem struct {
	line int // 0 for the whole file
	text string
}

// add adds a problem with the value of a key, "" for the whole file. Its text gets file, line and key. A problem in the defaults, which all
// gateways have, is there once.
func (p *problems) add(line int, key, format string, args ...any) {
	where := p.path
	if line > 0 {
		where += ":" + strconv.Itoa(line)
	}
	if key != "" {
		where += ": " + key
	}
	one := problem{line, where + ": " + fmt.Sprintf(format, args...)}
	if !slices.Contains(p.list, one) {
		p.list = append(p.list, one)
	}
}

// invalid adds a problem with a value, and marks the value so that nothing else uses it.
func (p *problems) invalid(n *node, text string) {
	n.invalid = true
	p.add(n.line, n.path, "%s", text)
}

// err joins the problems in the order of the file; nil for none.
func (p *problems) err() error {
	slices.SortStableFunc(p.list, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
	var all []error
	for _, one := range p.list {
		all = append(all, errors.New(one.text))
	}
	return errors.Join(all...)
}

// join returns the path of a key in the mapping at another path.
func join(parent, key string) string {
	return strings.TrimPrefix(parent+"."+printable(key), ".")
}

// printable returns a key as it can be part of a line: where it is long or has odd characters, quoted and shortened.
func printable(key string) string {
	odd := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' }
	if key == "" || len(key) > 64 || strings.ContainsFunc(key, odd) {
		return fmt.Sprintf("%.64q", key)
	}
	return key
}
