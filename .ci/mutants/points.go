package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// finder walks through a file and makes points. A node's point is made before those of the nodes inside it, so that edits nest.
type finder struct {
	*pkg
	file     *file
	swap     map[string]string
	imports  map[string]string            // path to the name that the file uses
	literals map[types.Object]bool        // constants that are written as a number, not counted by iota
	function string                       // that encloses the node
	final    map[ast.Stmt]bool            // statements that a function cannot end without
	decides  map[ast.Expr]bool            // conditions that are forced true and false: to negate them as well shows nothing more
	parent   map[ast.Node]ast.Node        // of every node that was entered
	kept     map[ast.Stmt]bool            // statements whose deletion is the same mutant as another one
	never    map[ast.Expr]*ast.CaseClause // expressions of a case, where the switch has a tag
}

// findPoints makes the points of all files that are mutated.
func (p *pkg) findPoints(swap map[string]string) {
	p.ids = 1
	literals := p.literals()
	for _, f := range p.files {
		if !f.mutated {
			continue
		}
		v := &finder{
			pkg: p, file: f, swap: swap, imports: p.importNames(f), literals: literals,
			final: map[ast.Stmt]bool{}, decides: map[ast.Expr]bool{}, parent: map[ast.Node]ast.Node{}, kept: map[ast.Stmt]bool{},
			never: map[ast.Expr]*ast.CaseClause{},
		}
		var stack []ast.Node
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if n == nil {
				stack = stack[:len(stack)-1]
				return true
			}
			if len(stack) > 0 {
				v.parent[n] = stack[len(stack)-1]
			}
			if !v.enter(n) {
				return false
			}
			stack = append(stack, n)
			return true
		})
	}
}

// enter makes the points of a node, and says whether to go on inside it.
func (v *finder) enter(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok == token.VAR
	case *ast.FuncDecl:
		v.function = functionName(n)
		v.mustEnd(n.Type, n.Body)
	case *ast.FuncLit:
		v.mustEnd(n.Type, n.Body)
	case *ast.ArrayType, *ast.MapType, *ast.StructType, *ast.FuncType, *ast.InterfaceType, *ast.ChanType, *ast.FieldList:
		return false
	case *ast.BlockStmt:
		v.statements(n.List)
	case *ast.CommClause:
		v.statements(n.Body)
	case *ast.IfStmt:
		v.ifStatement(n)
	case *ast.SwitchStmt:
		v.switchStatement(n)
	case *ast.TypeSwitchStmt:
		for _, clause := range n.Body.List {
			v.skipBody(n, clause.(*ast.CaseClause))
		}
	case *ast.CaseClause:
		v.statements(n.Body)
	case *ast.AssignStmt:
		v.assignment(n)
	case *ast.IncDecStmt:
		v.increment(n)
	case ast.Expr:
		return v.expression(n)
	}
	return true
}

// statements makes the points that delete a statement of a list.
func (v *finder) statements(list []ast.Stmt) {
	for _, s := range list {
		if v.kept[s] || v.final[s] || !deletable(s) {
			continue
		}
		pt := v.point()
		pt.open(v.at(s.Pos()), "if !mutantOn(%d) { ", pt.id)
		pt.close(v.at(s.End()), " }")
		v.add(pt, s, fmt.Sprintf("delete `%s`", v.text(s)))
	}
}

// deletable reports whether code compiles without a statement, whatever is around it.
func deletable(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.AssignStmt:
		blank := func(e ast.Expr) bool { id, ok := e.(*ast.Ident); return ok && id.Name == "_" }
		return s.Tok != token.DEFINE && slices.ContainsFunc(s.Lhs, func(e ast.Expr) bool { return !blank(e) })
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		id, ok := call.Fun.(*ast.Ident)
		return !ok || id.Name != "panic"
	case *ast.BranchStmt:
		return s.Tok == token.BREAK || s.Tok == token.CONTINUE
	case *ast.IncDecStmt, *ast.SendStmt, *ast.ReturnStmt:
		return true
	}
	return false
}

// mustEnd marks the statements that make the end of a function with results unreachable.
func (v *finder) mustEnd(t *ast.FuncType, body *ast.BlockStmt) {
	if body != nil && t.Results != nil {
		v.markFinal(body)
	}
}

func (v *finder) markFinal(s ast.Stmt) {
	last := func(list []ast.Stmt) {
		if len(list) > 0 {
			v.markFinal(list[len(list)-1])
		}
	}
	clauses := func(body *ast.BlockStmt) {
		for _, clause := range body.List {
			switch clause := clause.(type) {
			case *ast.CaseClause:
				last(clause.Body)
			case *ast.CommClause:
				last(clause.Body)
			}
		}
	}
	v.final[s] = true
	switch s := s.(type) {
	case *ast.BlockStmt:
		last(s.List)
	case *ast.LabeledStmt:
		v.markFinal(s.Stmt)
	case *ast.IfStmt:
		v.markFinal(s.Body)
		if s.Else != nil {
			v.markFinal(s.Else)
		}
	case *ast.SwitchStmt:
		clauses(s.Body)
	case *ast.TypeSwitchStmt:
		clauses(s.Body)
	case *ast.SelectStmt:
		clauses(s.Body)
	}
}

func (v *finder) ifStatement(s *ast.IfStmt) {
	if v.force(s, s.Cond, "if") && s.Else == nil && len(s.Body.List) == 1 {
		v.kept[s.Body.List[0]] = true
	}
}

// force makes a point that makes a condition true or false.
func (v *finder) force(n ast.Node, cond ast.Expr, keyword string) bool {
	if v.info.Types[cond].Value != nil {
		return false
	}
	v.decides[ast.Unparen(cond)] = true
	pt := v.point()
	pt.open(v.at(cond.Pos()), "mutantCond(%d, ", pt.id)
	pt.close(v.at(cond.End()), ")")
	old := fmt.Sprintf("`%s %s`", keyword, v.text(cond))
	v.add(pt, cond, fmt.Sprintf("%s → `%s true`", old, keyword), fmt.Sprintf("%s → `%s false`", old, keyword))
	return true
}

func (v *finder) switchStatement(s *ast.SwitchStmt) {
	for _, clause := range s.Body.List {
		clause := clause.(*ast.CaseClause)
		if clause.List == nil {
			v.skipBody(s, clause)
		}
		for _, e := range clause.List {
			if s.Tag == nil {
				v.force(s, e, "case")
				continue
			}
			v.neverMatches(e)
			v.never[e] = clause
		}
	}
}

// neverMatches makes a point in which a case of a switch with a tag is another value.
func (v *finder) neverMatches(e ast.Expr) {
	tv := v.info.Types[e]
	basic, ok := tv.Type.Underlying().(*types.Basic)
	name, known := v.typeName(tv.Type)
	if !ok || !known || tv.Value == nil {
		return
	}
	pt := v.point()
	switch {
	case basic.Info()&types.IsString != 0:
		pt.close(v.at(e.End()), ", %s+\" no more\")", v.text(e))
	case basic.Info()&types.IsInteger != 0:
		pt.close(v.at(e.End()), ", %s-1000)", v.text(e))
	default:
		return
	}
	pt.open(v.at(e.Pos()), "mutantOf[%s](%d, ", name, pt.id)
	v.add(pt, e, fmt.Sprintf("`case %s` never matches", v.text(e)))
}

// skipBody makes a point that leaves a switch where the body of a case begins.
func (v *finder) skipBody(s ast.Stmt, clause *ast.CaseClause) {
	if len(clause.Body) == 0 || v.final[s] || len(clause.Body) == 1 && deletable(clause.Body[0]) {
		return
	}
	pt := v.point()
	pt.open(v.at(clause.Colon)+1, " if mutantOn(%d) { break }; ", pt.id)
	from, to := v.at(clause.Pos()), v.at(clause.Colon)
	v.add(pt, clause, fmt.Sprintf("skip the body of `%s`", v.file.source[from:to]))
}

func (v *finder) assignment(s *ast.AssignStmt) {
	opposite := map[token.Token]string{token.ADD_ASSIGN: "-=", token.SUB_ASSIGN: "+="}[s.Tok]
	if opposite == "" || !v.is(s.Lhs[0], types.IsNumeric) {
		return
	}
	v.negate(s.Rhs[0], s, fmt.Sprintf("`%s` → `%s %s %s`", v.text(s), v.text(s.Lhs[0]), opposite, v.text(s.Rhs[0])))
}

func (v *finder) increment(s *ast.IncDecStmt) {
	if loop, ok := v.parent[s].(*ast.ForStmt); ok && loop.Post == s {
		return // it would not end
	}
	name, ok := v.typeName(v.info.Types[s.X].Type)
	if !ok {
		return
	}
	opposite, sign := "--", "+="
	if s.Tok == token.DEC {
		opposite, sign = "++", "-="
	}
	pt := v.point()
	pt.replace(v.at(s.TokPos), v.at(s.TokPos)+2, " %s mutantNeg[%s](%d, 1)", sign, name, pt.id)
	v.add(pt, s, fmt.Sprintf("`%s` → `%s%s`", v.text(s), v.text(s.X), opposite))
}

func functionName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	for {
		switch u := t.(type) {
		case *ast.StarExpr:
			t = u.X
		case *ast.IndexExpr:
			t = u.X
		case *ast.IndexListExpr:
			t = u.X
		case *ast.Ident:
			return u.Name + "." + d.Name.Name
		default:
			return d.Name.Name
		}
	}
}

// point begins a point.
func (v *finder) point() *point { return &point{id: v.ids, file: v.file} }

// reserved is how many numbers every point has, so that a helper need not know how many of them are used.
const reserved = 2

// add keeps a point. Each change is a mutant of it.
func (v *finder) add(pt *point, n ast.Node, changes ...string) {
	line := v.fset.Position(n.Pos()).Line
	source := strings.TrimSpace(strings.Split(string(v.file.source), "\n")[line-1])
	for i, change := range changes {
		pt.mutants = append(pt.mutants, &mutant{
			id: pt.id + i, path: v.file.path, line: line, function: v.function, source: source, change: change,
		})
	}
	v.ids += max(len(changes), reserved)
	v.points = append(v.points, pt)
}

func (v *finder) at(pos token.Pos) int { return v.fset.Position(pos).Offset }

// text is the source of a node, on one line.
func (v *finder) text(n ast.Node) string {
	return strings.Join(strings.Fields(string(v.file.source[v.at(n.Pos()):v.at(n.End())])), " ")
}
