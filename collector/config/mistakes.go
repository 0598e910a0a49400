package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// mistake is something wrong in a file.
type mistake struct {
	path string
	line int
	key  string // "" for the whole file
	text string
}

// Error says file, line and key.
func (m mistake) Error() string {
	where := m.path
	if m.line > 0 {
		where += ":" + strconv.Itoa(m.line)
	}
	if m.key != "" {
		where += ": " + m.key
	}
	return where + ": " + m.text
}

// mistakes collects what is wrong with one file.
type mistakes struct {
	path string
	list []mistake
}

func (m *mistakes) add(line int, key, format string, args ...any) {
	m.list = append(m.list, mistake{m.path, line, key, fmt.Sprintf(format, args...)})
}

// err joins the mistakes in the order of the file, each once: what is wrong in the defaults is wrong for each gateway.
func (m *mistakes) err() error {
	slices.SortStableFunc(m.list, func(a, b mistake) int { return cmp.Compare(a.line, b.line) })
	var all []error
	seen := map[mistake]bool{}
	for _, one := range m.list {
		if !seen[one] {
			seen[one] = true
			all = append(all, one)
		}
	}
	return errors.Join(all...)
}

// join is the path of a key within another.
func join(parent, key string) string {
	if parent == "" {
		return readable(key)
	}
	return parent + "." + readable(key)
}

// readable is a key as it may stand in a line.
func readable(key string) string {
	plain := func(r rune) bool { return r > ' ' && r < 0x7f && r != '"' }
	if key != "" && len(key) <= 64 && strings.IndexFunc(key, func(r rune) bool { return !plain(r) }) < 0 {
		return key
	}
	if r := []rune(key); len(r) > 64 {
		key = string(r[:64]) + "..."
	}
	return strconv.Quote(key)
}
