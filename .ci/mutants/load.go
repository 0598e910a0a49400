package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// pkg is a package whose code is mutated.
type pkg struct {
	name, path, dir string
	rapid           bool // its tests use rapid, which has flags of its own
	fset            *token.FileSet
	files           []*file
	importer        types.Importer
	types           *types.Package
	info            *types.Info
	points          []*point
	ids             int // the last number that a mutant has
}

// file is a source file. Those that are not mutated are there for the types.
type file struct {
	name, path string // path as it is shown
	source     []byte
	syntax     *ast.File
	mutated    bool
}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

// load reads and type-checks a package. Files is a comma-separated list of the files to mutate, or of those not to.
func load(name, files string) (*pkg, error) {
	own, err := goList(name)
	if err != nil {
		return nil, err
	}
	if len(own) != 1 {
		return nil, fmt.Errorf("%d packages, want one", len(own))
	}
	// The generated file imports more than the package.
	dependencies, err := goList("-export", "-deps", name, "cmp", "os", "strconv", "sync/atomic")
	if err != nil {
		return nil, err
	}
	tests, err := goList("-deps", "-test", name)
	if err != nil {
		return nil, err
	}
	p := &pkg{name: name, path: own[0].ImportPath, dir: own[0].Dir, fset: token.NewFileSet()}
	p.rapid = slices.ContainsFunc(tests, func(l listed) bool { return l.ImportPath == "pgregory.net/rapid" })
	export := map[string]string{}
	for _, l := range dependencies {
		export[l.ImportPath] = l.Export
	}
	p.importer = importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(export[path]) })
	if err := p.parse(own[0].GoFiles, files); err != nil {
		return nil, err
	}
	var syntax []*ast.File
	for _, f := range p.files {
		syntax = append(syntax, f.syntax)
	}
	p.info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	config := types.Config{Importer: p.importer}
	p.types, err = config.Check(p.path, p.fset, syntax, p.info)
	return p, err
}

func (p *pkg) parse(names []string, chosen string) error {
	var with, without []string
	for name := range strings.SplitSeq(chosen, ",") {
		if bare, minus := strings.CutPrefix(name, "-"); minus {
			without = append(without, bare)
		} else if name != "" {
			with = append(with, name)
		}
	}
	for _, name := range slices.Concat(with, without) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("there is no file %s", name)
		}
	}
	working, err := os.Getwd()
	if err != nil {
		return err
	}
	for _, name := range names {
		full := filepath.Join(p.dir, name)
		f := &file{name: name, path: full, mutated: !slices.Contains(without, name) && (len(with) == 0 || slices.Contains(with, name))}
		if f.source, err = os.ReadFile(full); err != nil {
			return err
		}
		if relative, err := filepath.Rel(working, full); err == nil {
			f.path = filepath.ToSlash(relative)
		}
		if f.syntax, err = parser.ParseFile(p.fset, full, f.source, parser.SkipObjectResolution); err != nil {
			return err
		}
		p.files = append(p.files, f)
	}
	return nil
}

// check returns the type errors that the package has with other sources for some of its files, by file name.
func (p *pkg) check(sources map[string][]byte) ([]types.Error, error) {
	fset := token.NewFileSet()
	var syntax []*ast.File
	for _, name := range sortedKeys(sources) {
		f, err := parser.ParseFile(fset, name, sources[name], parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		syntax = append(syntax, f)
	}
	var found []types.Error
	config := types.Config{Importer: p.importer, Error: func(err error) {
		if e, ok := errors.AsType[types.Error](err); ok {
			found = append(found, e)
		}
	}}
	_, _ = config.Check(p.path, fset, syntax, nil) // found has the errors
	return found, nil
}

func goList(args ...string) ([]listed, error) {
	command := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Export,GoFiles"}, args...)...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.Bytes())
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := decoder.Decode(&l); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
}
