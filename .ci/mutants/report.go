package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// report is the result.
type report struct {
	mutants []*mutant
	stale   []string
	took    time.Duration
}

func (r *report) count(v verdict) int {
	n := 0
	for _, m := range r.mutants {
		if m.verdict == v {
			n++
		}
	}
	return n
}

// percent is how many of the mutants that are not equivalent were killed.
func (r *report) percent() float64 {
	all := len(r.mutants) - r.count(equivalent)
	if all == 0 {
		return 100
	}
	return 100 * float64(r.count(killed)+r.count(timeout)) / float64(all)
}

// markdown is the table of all mutants, or of those that were not killed, and the summary.
func (r *report) markdown(all bool) string {
	var b strings.Builder
	title := "Mutants that no test notices"
	if all {
		title = "Mutants"
	}
	fmt.Fprintf(&b, "# %s\n\n| Where | Function | Mutation | Verdict | Killed by |\n|---|---|---|---|---|\n", title)
	for _, m := range r.mutants {
		if all || m.verdict == survived || m.verdict == notCovered {
			change := strings.ReplaceAll(m.change, "|", "\\|")
			fmt.Fprintf(&b, "| %s:%d | %s | %s | %s | %s |\n", m.path, m.line, m.function, change, m.verdict, strings.ReplaceAll(m.by, "|", "\\|"))
		}
	}
	files := map[string]*report{}
	for _, m := range r.mutants {
		if files[m.path] == nil {
			files[m.path] = &report{}
		}
		files[m.path].mutants = append(files[m.path].mutants, m)
	}
	b.WriteString("\n| File | Mutants | Killed | Timeout | Survived | Not covered | Equivalent | Killed, % |\n|---|---|---|---|---|---|---|---|\n")
	for _, path := range sortedKeys(files) {
		b.WriteString(files[path].row(path))
	}
	b.WriteString(r.row("all"))
	fmt.Fprintf(&b, "\nA timeout counts as killed; equivalent mutants do not count. Time: %s.\n", r.took.Round(time.Second))
	for _, s := range r.stale {
		fmt.Fprintf(&b, "\nequivalent.txt: %s\n", s)
	}
	return b.String()
}

func (r *report) row(name string) string {
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %.1f |\n", name, len(r.mutants),
		r.count(killed), r.count(timeout), r.count(survived), r.count(notCovered), r.count(equivalent), r.percent())
}

// equivalents are the known equivalent mutants: file, function, text of the line and change, each once.
type equivalents struct {
	known map[string]bool
	used  map[string]bool
}

func (e *equivalents) has(m *mutant) bool {
	e.used[m.key()] = true
	return e.known[m.key()]
}

// unused describes entries that no mutant of the tested files has, and mutants that are said to be equivalent and were killed.
func (e *equivalents) unused(mutants []*mutant) []string {
	tested := map[string]bool{}
	var all []string
	for _, m := range mutants {
		tested[m.path] = true
		if (m.verdict == killed || m.verdict == timeout) && e.known[m.key()] {
			all = append(all, fmt.Sprintf("%s is not equivalent: %s notices", m, m.by))
		}
	}
	for _, key := range sortedKeys(e.known) {
		if path, _, _ := strings.Cut(key, "\n"); tested[path] && !e.used[key] {
			all = append(all, "there is no such mutant any more: "+strings.ReplaceAll(key, "\n", " | "))
		}
	}
	return all
}

// readEquivalents reads a file of blocks:
//
//	file function
//	  the text of the line
//	- mutation
//	- another mutation of the same line
//	the reason, in one or more lines
func readEquivalents(name string) (*equivalents, error) {
	e := &equivalents{known: map[string]bool{}, used: map[string]bool{}}
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var path, function, source string
	number, changes, reasoned := 0, 0, true
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		number++
		change, isChange := strings.CutPrefix(line, "- ")
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			if changes > 0 && !reasoned {
				return nil, fmt.Errorf("%s:%d: a reason is missing", name, number)
			}
			path, function, source, changes = "", "", "", 0
		case path == "":
			var ok bool
			if path, function, ok = strings.Cut(line, " "); !ok {
				return nil, fmt.Errorf("%s:%d: want a file and a function", name, number)
			}
			reasoned = false
		case strings.HasPrefix(line, "  ") && changes == 0:
			source = strings.TrimSpace(line)
		case isChange && source != "":
			m := mutant{path: path, function: function, source: source, change: change}
			e.known[m.key()] = true
			changes++
		case changes > 0:
			reasoned = true
		default:
			return nil, fmt.Errorf("%s:%d: want the text of a line, then mutations, then a reason", name, number)
		}
	}
	return e, nil
}
