package laws

import (
	"go/ast"
	"go/token"
	"strings"
)

// A note is an exception written in the sources: //dsim:KIND REASON.
type note struct {
	kind, reason string
	pos          token.Pos
	first, last  int // lines it allows
	used         bool
}

// notes are the exceptions of one file.
type notes struct {
	fset *token.FileSet
	all  []*note
}

// readNotes finds the notes of f. One in the comment of a declaration, a field
// or a value allows all its lines; any other allows its own line and the next.
func readNotes(fset *token.FileSet, f *ast.File) *notes {
	ns := &notes{fset: fset}
	line := func(p token.Pos) int { return fset.Position(p).Line }
	byGroup := map[*ast.CommentGroup]ast.Node{}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			byGroup[n.Doc] = n
		case *ast.GenDecl:
			byGroup[n.Doc] = n
		case *ast.TypeSpec:
			byGroup[n.Doc] = n
		case *ast.ValueSpec:
			byGroup[n.Doc] = n
		case *ast.Field:
			byGroup[n.Doc] = n
		}
		return true
	})
	for _, g := range f.Comments {
		for _, c := range g.List {
			body, ok := strings.CutPrefix(c.Text, "//dsim:")
			if !ok {
				continue
			}
			body, _, _ = strings.Cut(body, "//")
			kind, reason, _ := strings.Cut(body, " ")
			n := &note{kind: strings.TrimSpace(kind), reason: strings.TrimSpace(reason), pos: c.Pos(), first: line(c.Pos()), last: line(c.Pos()) + 1}
			if d := byGroup[g]; d != nil {
				n.last = line(d.End())
			} else if fset.Position(c.Pos()).Column > 1 && trailing(fset, f, c) {
				n.last = n.first
			}
			ns.all = append(ns.all, n)
		}
	}
	return ns
}

// trailing reports whether code stands before the comment on its line.
func trailing(fset *token.FileSet, f *ast.File, c *ast.Comment) bool {
	at, found := fset.Position(c.Pos()).Line, false
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil || found {
			return false
		}
		switch n.(type) {
		case *ast.Comment, *ast.CommentGroup:
			return false
		}
		if n.Pos() < c.Pos() && fset.Position(n.Pos()).Line == at || n.End() <= c.Pos() && fset.Position(n.End()).Line == at {
			found = true
		}
		return true
	})
	return found
}

// allows reports whether a note with a reason covers p, and marks it as used.
func (ns *notes) allows(kind string, p token.Pos) bool {
	line := ns.fset.Position(p).Line
	ok := false
	for _, n := range ns.all {
		if n.kind == kind && n.first <= line && line <= n.last {
			n.used = true
			ok = ok || n.reason != ""
		}
	}
	return ok
}
