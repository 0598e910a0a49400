package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strconv"
	"strings"
)

// expression makes the points of an expression, and says whether to go on inside it.
func (v *finder) expression(e ast.Expr) bool {
	tv, ok := v.info.Types[e]
	if ok && tv.IsType() {
		return false
	}
	if ok && tv.Value != nil {
		v.constant(e, tv)
		return false
	}
	switch e := e.(type) {
	case *ast.BinaryExpr:
		v.binary(e)
	case *ast.UnaryExpr:
		switch {
		case e.Op == token.NOT && !v.decides[e]:
			v.flip(e, fmt.Sprintf("`%s` → `%s`", v.text(e), v.text(e.X)))
		case e.Op == token.SUB && v.is(e, types.IsNumeric):
			v.negate(e, e, fmt.Sprintf("`%s` → `%s`", v.text(e), v.text(e.X)))
		}
	case *ast.CallExpr:
		v.call(e)
	}
	return true
}

// flip makes a point that turns a bool around.
func (v *finder) flip(e ast.Expr, change string) {
	pt := v.point()
	pt.open(v.at(e.Pos()), "((")
	pt.close(v.at(e.End()), ") != mutantOn(%d))", pt.id)
	v.add(pt, e, change)
}

// negate makes a point that changes the sign of a number.
func (v *finder) negate(e ast.Expr, at ast.Node, change string) {
	name, ok := v.typeName(v.info.Types[e].Type)
	if !ok {
		return
	}
	pt := v.point()
	pt.open(v.at(e.Pos()), "mutantNeg[%s](%d, ", name, pt.id)
	pt.close(v.at(e.End()), ")")
	v.add(pt, at, change)
}

// binaryHelpers are the operators that a helper with two arguments replaces, and what they are mutated to.
var binaryHelpers = map[token.Token]struct {
	helper  string
	changes []string // the last one of two is the negation
	on      types.BasicInfo
}{
	token.LSS: {"mutantLess", []string{"<=", ">="}, types.IsOrdered},
	token.LEQ: {"mutantLessEqual", []string{"<", ">"}, types.IsOrdered},
	token.GTR: {"mutantGreater", []string{">=", "<="}, types.IsOrdered},
	token.GEQ: {"mutantGreaterEqual", []string{">", "<"}, types.IsOrdered},
	token.ADD: {"mutantAdd", []string{"-"}, types.IsNumeric},
	token.SUB: {"mutantSub", []string{"+"}, types.IsNumeric},
	token.MUL: {"mutantMul", []string{"/"}, types.IsNumeric},
	token.QUO: {"mutantDiv", []string{"*"}, types.IsNumeric},
}

func (v *finder) binary(e *ast.BinaryExpr) {
	change := func(operator string) string {
		return fmt.Sprintf("`%s` → `%s %s %s`", v.text(e), v.text(e.X), operator, v.text(e.Y))
	}
	switch e.Op {
	case token.LAND, token.LOR:
		// By De Morgan: with m, "a != m && b != m" is "not a and not b", and its negation is "a or b".
		pt := v.point()
		pt.open(v.at(e.X.Pos()), "(((")
		pt.close(v.at(e.X.End()), ") != mutantOn(%d)", pt.id)
		pt.open(v.at(e.Y.Pos()), "((")
		pt.close(v.at(e.Y.End()), ") != mutantOn(%d))) != mutantOn(%d))", pt.id, pt.id)
		v.add(pt, e, change(map[token.Token]string{token.LAND: "||", token.LOR: "&&"}[e.Op]))
	case token.EQL:
		if !v.decides[e] {
			v.flip(e, change("!="))
		}
	case token.NEQ:
		if !v.decides[e] {
			v.flip(e, change("=="))
		}
	default:
		h, ok := binaryHelpers[e.Op]
		if !ok || !v.is(e.X, h.on) || !v.is(e.Y, h.on) {
			return
		}
		var changes []string
		for i, operator := range h.changes {
			if i == 0 || !v.decides[e] {
				changes = append(changes, change(operator))
			}
		}
		pt := v.point()
		pt.open(v.at(e.Pos()), "%s(%d, ", h.helper, pt.id)
		pt.replace(v.at(e.OpPos), v.at(e.OpPos)+len(e.Op.String()), ",")
		pt.close(v.at(e.End()), ")")
		v.add(pt, e, changes...)
	}
}

func (v *finder) call(e *ast.CallExpr) {
	switch fun := e.Fun.(type) {
	case *ast.Ident:
		if _, builtin := v.info.Uses[fun].(*types.Builtin); builtin {
			v.builtin(e, fun)
			return
		}
		v.swapCall(e, fun.Name, "")
	case *ast.SelectorExpr:
		s := v.info.Selections[fun]
		switch {
		case s == nil: // a function of another package
			v.swapCall(e, fun.Sel.Name, v.text(fun.X)+".")
		case s.Obj().Pkg() != nil && s.Obj().Pkg().Path() == "time":
			v.timeMethod(e, fun)
		}
	}
}

// swapCall makes a point that calls another function with the same arguments.
func (v *finder) swapCall(e *ast.CallExpr, name, qualifier string) {
	other := v.swap[name]
	if other == "" {
		return
	}
	pt := v.point()
	pt.replace(v.at(e.Fun.Pos()), v.at(e.Fun.End()), "mutantOf(%d, %s, %s)", pt.id, qualifier+name, qualifier+other)
	v.add(pt, e, fmt.Sprintf("`%s` → `%s`", v.text(e), strings.Replace(v.text(e), qualifier+name, qualifier+other, 1)))
}

func (v *finder) builtin(e *ast.CallExpr, fun *ast.Ident) {
	opposite := map[string]string{"min": "max", "max": "min"}[fun.Name]
	if opposite == "" {
		return
	}
	pt := v.point()
	pt.replace(v.at(fun.Pos()), v.at(fun.End()), "mutant%s", strings.ToUpper(fun.Name[:1])+fun.Name[1:])
	pt.open(v.at(e.Args[0].Pos()), "%d, ", pt.id)
	v.add(pt, e, fmt.Sprintf("`%s` → `%s`", v.text(e), strings.Replace(v.text(e), fun.Name, opposite, 1)))
}

// timeMethod makes the points of a method of time.Time.
func (v *finder) timeMethod(e *ast.CallExpr, fun *ast.SelectorExpr) {
	receiver, name := v.text(fun.X), fun.Sel.Name
	if len(e.Args) != 1 {
		return
	}
	argument := v.text(e.Args[0])
	switch name {
	case "Before", "After":
		opposite := map[string]string{"Before": "After", "After": "Before"}[name]
		pt := v.point()
		pt.open(v.at(e.Pos()), "mutant%s(%d, ", name, pt.id)
		pt.replace(v.at(fun.Sel.Pos()), v.at(fun.Sel.End()), "Compare")
		pt.close(v.at(e.End()), ")")
		v.add(pt, e,
			fmt.Sprintf("`%s` → `%s.%s(%s)`", v.text(e), receiver, opposite, argument),
			fmt.Sprintf("`%s` → `!%s.%s(%s)`", v.text(e), receiver, opposite, argument))
	case "Equal":
		if !v.decides[e] {
			v.flip(e, fmt.Sprintf("`%s` → `!%s`", v.text(e), v.text(e)))
		}
	case "Add":
		if minus, ok := e.Args[0].(*ast.UnaryExpr); !ok || minus.Op != token.SUB {
			v.negate(e.Args[0], e, fmt.Sprintf("`%s` → `%s.Add(-(%s))`", v.text(e), receiver, argument))
		}
	}
}

// constant makes the point of the largest expression that is constant.
func (v *finder) constant(e ast.Expr, tv types.TypeAndValue) {
	switch parent := v.parent[e].(type) {
	case *ast.KeyValueExpr:
		if parent.Key == e {
			return
		}
	case *ast.CallExpr:
		if fun, ok := parent.Fun.(*ast.Ident); ok && fun.Name == "make" {
			if _, slice := v.info.Types[parent].Type.Underlying().(*types.Slice); !slice || len(parent.Args) > 2 && parent.Args[2] == e {
				return // a capacity
			}
		}
	}
	if v.never[e] != nil {
		return
	}
	if tv.Value.Kind() == constant.Bool {
		v.flip(e, fmt.Sprintf("`%s` → `%v`%s", v.text(e), !constant.BoolVal(tv.Value), v.within(e)))
		return
	}
	basic, ok := tv.Type.Underlying().(*types.Basic)
	name, known := v.typeName(tv.Type)
	if !ok || !known || basic.Info()&types.IsNumeric == 0 {
		return
	}
	others := v.others(e, tv)
	if len(others) == 0 {
		return
	}
	if constant.Sign(tv.Value) != 0 {
		others = append(others, "0")
	}
	pt := v.point()
	pt.open(v.at(e.Pos()), "mutantOf[%s](%d, ", name, pt.id)
	pt.close(v.at(e.End()), ", %s)", strings.Join(others, ", "))
	var changes []string
	for _, other := range others {
		changes = append(changes, fmt.Sprintf("`%s` → `%s`%s", v.text(e), other, v.within(e)))
	}
	v.add(pt, e, changes...)
}

// within describes where a constant is.
func (v *finder) within(e ast.Expr) string {
	if text := v.text(v.parent[e]); len(text) < 80 {
		return fmt.Sprintf(" in `%s`", text)
	}
	return ""
}

// others are what a constant number is changed to, but for 0. What is not written as a number (an enumeration, somebody else's constant) is
// not changed.
func (v *finder) others(e ast.Expr, tv types.TypeAndValue) []string {
	var others []string
	ours := types.TypeString(tv.Type, nil) == "time.Duration"
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			value, err := strconv.ParseInt(n.Value, 0, 64)
			if n.Kind == token.INT && err == nil {
				from, to := v.at(n.Pos())-v.at(e.Pos()), v.at(n.End())-v.at(e.Pos())
				source := string(v.file.source[v.at(e.Pos()):v.at(e.End())])
				others = append(others, strings.Join(strings.Fields(fmt.Sprint(source[:from], value+1, source[to:])), " "))
			}
		case *ast.Ident:
			if v.literals[v.info.Uses[n]] {
				ours = true
			}
		}
		return true
	})
	switch {
	case len(others) > 0 || !ours:
		return others
	case types.TypeString(tv.Type, nil) == "time.Duration":
		return []string{"2 * " + v.text(e)}
	}
	return []string{v.text(e) + " + 1"}
}

// literals are the constants of the package that are not counted by iota.
func (p *pkg) literals() map[types.Object]bool {
	all := map[types.Object]bool{}
	for _, f := range p.files {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) == 0 {
				return true
			}
			counted := false
			for _, value := range spec.Values {
				ast.Inspect(value, func(n ast.Node) bool {
					id, ok := n.(*ast.Ident)
					counted = counted || ok && id.Name == "iota"
					return true
				})
			}
			for _, name := range spec.Names {
				if object, ok := p.info.Defs[name].(*types.Const); ok && !counted {
					all[object] = true
				}
			}
			return true
		})
	}
	return all
}

// is reports whether an expression is of a basic kind.
func (v *finder) is(e ast.Expr, kind types.BasicInfo) bool {
	basic, ok := v.info.Types[e].Type.Underlying().(*types.Basic)
	return ok && basic.Info()&kind != 0
}

// typeName is a type as the file can write it, if it can.
func (v *finder) typeName(t types.Type) (string, bool) {
	known := true
	if basic, ok := t.(*types.Basic); ok && basic.Info()&types.IsUntyped != 0 {
		return "", false
	}
	name := types.TypeString(t, func(other *types.Package) string {
		if other == v.types {
			return ""
		}
		name := v.imports[other.Path()]
		known = known && name != ""
		return name
	})
	return name, known
}

// importNames are the names that a file has for the packages that it imports.
func (p *pkg) importNames(f *file) map[string]string {
	names := map[string]string{}
	for _, imported := range p.types.Imports() {
		names[imported.Path()] = imported.Name()
	}
	all := map[string]string{}
	for _, spec := range f.syntax.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		all[path] = names[path]
		if spec.Name != nil {
			all[path] = spec.Name.Name
		}
	}
	return all
}
