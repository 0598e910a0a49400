package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A mutant is one change of the code.
type mutant struct {
	id       int
	path     string // of the file
	line     int
	function string
	source   string // the line's text
	change   string
	verdict  verdict
	by       string // what killed it
}

func (m *mutant) String() string {
	return fmt.Sprintf("%s:%d %s %s", m.path, m.line, m.function, m.change)
}

// key is what equivalent.txt knows a mutant by. A line's number is not a part of it.
func (m *mutant) key() string {
	return strings.Join([]string{m.path, m.function, m.source, m.change}, "\n")
}

// distinguish numbers the changes that are described by the same words.
func (p *pkg) distinguish() {
	times := map[string]int{}
	for _, pt := range p.points {
		for _, m := range pt.mutants {
			key := m.key()
			if times[key]++; times[key] > 1 {
				m.change += fmt.Sprintf(" (%d)", times[key])
			}
		}
	}
}

// A point is a place in the code with one or more mutants, whose numbers follow each other. It is rewritten so that the code does what it
// did unless one of these numbers is selected.
type point struct {
	id      int // that of the first mutant
	file    *file
	mutants []*mutant
	edits   []edit
}

// An edit inserts text, or replaces a token. Edits at the same place nest in the order in which they were made: the first is the outermost.
type edit struct {
	kind     editKind
	from, to int // offsets; equal for an insertion
	text     string
	order    int
	point    *point
}

type editKind int

const (
	closing editKind = iota // an insertion after the code that ends here
	opening                 // an insertion before the code that begins here
	replacing
)

func (pt *point) open(at int, format string, args ...any) {
	pt.edits = append(pt.edits, edit{kind: opening, from: at, to: at, text: fmt.Sprintf(format, args...)})
}

func (pt *point) close(at int, format string, args ...any) {
	pt.edits = append(pt.edits, edit{kind: closing, from: at, to: at, text: fmt.Sprintf(format, args...)})
}

func (pt *point) replace(from, to int, format string, args ...any) {
	pt.edits = append(pt.edits, edit{kind: replacing, from: from, to: to, text: fmt.Sprintf(format, args...)})
}

// region is where the code of a point is in the rewritten file.
type region struct {
	from, to int
	point    *point
}

// rewrite returns the file with all of its points.
func (p *pkg) rewrite(f *file) ([]byte, []region) {
	var edits []edit
	for order, pt := range p.points {
		if pt.file != f {
			continue
		}
		for _, e := range pt.edits {
			e.order, e.point = order, pt
			edits = append(edits, e)
		}
	}
	slices.SortStableFunc(edits, func(a, b edit) int {
		switch {
		case a.from != b.from:
			return a.from - b.from
		case a.kind != b.kind:
			return int(a.kind - b.kind)
		case a.kind == closing:
			return b.order - a.order
		}
		return a.order - b.order
	})
	var out []byte
	at := 0
	regions := map[*point]*region{}
	for _, e := range edits {
		out = append(out, f.source[at:e.from]...)
		r := regions[e.point]
		if r == nil {
			r = &region{from: len(out), point: e.point}
			regions[e.point] = r
		}
		out = append(out, e.text...)
		r.to, at = len(out), e.to
	}
	out = append(out, f.source[at:]...)
	var all []region
	for _, r := range regions {
		all = append(all, *r)
	}
	return out, all
}

//go:embed helpers.txt
var helpers string

// helperFile is the name of the file that is added to the package.
const helperFile = "zz_mutants_generated.go"

// instrument writes the rewritten files and an overlay with them into dir. Points that do not compile are left out; it returns how many
// mutants these had.
func (p *pkg) instrument(dir string) (int, error) {
	left := 0
	for {
		sources := map[string][]byte{helperFile: []byte(fmt.Sprintf(helpers, p.types.Name(), p.ids+1))}
		regions := map[string][]region{}
		for _, f := range p.files {
			sources[f.name] = f.source
			if f.mutated {
				sources[f.name], regions[f.name] = p.rewrite(f)
			}
		}
		found, err := p.check(sources)
		if err != nil {
			return 0, err
		}
		if len(found) == 0 {
			return left, p.writeOverlay(dir, sources)
		}
		bad := map[*point]bool{}
		for _, e := range found {
			if pt := innermost(regions[e.Fset.Position(e.Pos).Filename], e.Fset.Position(e.Pos)); pt != nil {
				bad[pt] = true
			}
		}
		if len(bad) == 0 {
			return 0, fmt.Errorf("the mutants do not compile: %w", found[0])
		}
		p.points = slices.DeleteFunc(p.points, func(pt *point) bool {
			if bad[pt] {
				left += len(pt.mutants)
			}
			return bad[pt]
		})
	}
}

// innermost returns the point whose code has an error; nil where none has.
func innermost(regions []region, at token.Position) *point {
	var best *region
	for i := range regions {
		if r := &regions[i]; r.from <= at.Offset && at.Offset <= r.to && (best == nil || r.to-r.from < best.to-best.from) {
			best = r
		}
	}
	if best == nil {
		return nil
	}
	return best.point
}

func (p *pkg) writeOverlay(dir string, sources map[string][]byte) error {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, source := range sources {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, source, 0o644); err != nil {
			return err
		}
		overlay.Replace[filepath.Join(p.dir, name)] = path
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o644)
}
