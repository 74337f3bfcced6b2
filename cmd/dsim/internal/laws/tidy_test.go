package laws

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Bounds of the house's style. A function fits a screen, a file has one concern.
const (
	fileLinesMax     = 700
	funcLinesMax     = 70
	testFuncLinesMax = 110
	fileBytesMax     = 512 << 10
)

// longer are functions that may pass the bound: what reads worse in pieces.
// The lines of composite literals, which are tables, are not counted.
var longer = []struct {
	file, function string
	lines          int
	why            string
}{}

// namesNothing are file and folder names that do not say what is inside.
var namesNothing = regexp.MustCompile(`^(utils?|common|helpers?|misc|shared|base|stuff)(_test)?(\.go)?$`)

// unfinished and ofOneMachine are spelled so that this file does not hold what
// they find.
var (
	unfinished   = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b|not ` + `implemented|un` + `implemented`)
	ofOneMachine = regexp.MustCompile("(^|[\\s\"'`(=:])/(ho" + `me|ro` + `ot|wo` + `rk|Us` + `ers)/|\.\./sha` + `red\b`)
)

// textFiles are the endings of files that people write.
var textFiles = " .go .md .yaml .yml .txt .txtar .sh .mod .json .html .js .css .py .service .toml "

// leftOut are folders that no commit holds.
var leftOut = " .git out .cache node_modules "

// TestHouseIsTidy holds every file to the house's style.
func TestHouseIsTidy(t *testing.T) {
	tr, err := loadTree()
	if err != nil {
		t.Fatal(err)
	}
	var vs []violation
	code := map[string][]byte{}
	asked := map[string]bool{}      // names of methods of the module's interfaces
	documented := map[string]bool{} // folders with Go files
	err = filepath.WalkDir(tr.root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := tr.relative(p)
		if d.IsDir() {
			if strings.Contains(leftOut, " "+d.Name()+" ") {
				return filepath.SkipDir
			}
			if namesNothing.MatchString(d.Name()) && p != tr.root {
				vs = append(vs, violation{file: rel, text: "a folder's name says what it holds"})
			}
			return nil
		}
		ext := path.Ext(rel)
		if ext == "" && path.Dir(rel) != ".ci" || ext != "" && !strings.Contains(textFiles, " "+ext+" ") {
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		vs = append(vs, tidyText(rel, src)...)
		if ext != ".go" || strings.Contains(rel, "testdata/") {
			return nil
		}
		code[rel] = src
		interfaceMethods(src, asked)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for rel, src := range code {
		found, doc := tidyGo(rel, src, asked)
		vs = append(vs, found...)
		if !strings.HasSuffix(rel, "_test.go") {
			documented[path.Dir(rel)] = documented[path.Dir(rel)] || doc
		}
	}
	for dir, doc := range documented {
		if !doc {
			vs = append(vs, violation{file: dir, text: "has no package comment"})
		}
	}
	report(t, vs)
}

// tidyText judges what any text file may hold.
func tidyText(file string, src []byte) []violation {
	var vs []violation
	if len(src) > fileBytesMax {
		vs = append(vs, violation{file: file, text: fmt.Sprintf("has %d bytes: at most %d", len(src), fileBytesMax)})
	}
	for i, l := range bytes.Split(src, []byte("\n")) {
		if m := unfinished.Find(l); m != nil {
			vs = append(vs, violation{file, i + 1, fmt.Sprintf("says %q: finish it, or write an issue", m)})
		}
		if m := ofOneMachine.Find(l); m != nil {
			vs = append(vs, violation{file, i + 1, fmt.Sprintf("says %q: a path of one machine", bytes.TrimSpace(m))})
		}
	}
	return vs
}

// tidyGo judges a Go file, and reports whether it has the package's comment.
func tidyGo(file string, src []byte, asked map[string]bool) (vs []violation, doc bool) {
	test := strings.HasSuffix(file, "_test.go")
	if namesNothing.MatchString(path.Base(file)) {
		vs = append(vs, violation{file: file, text: "a file's name is the noun it holds"})
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return append(vs, violation{file: file, text: err.Error()}), false
	}
	generated := ast.IsGenerated(f)
	if n := bytes.Count(src, []byte("\n")); n > fileLinesMax && !generated {
		vs = append(vs, violation{file: file, text: fmt.Sprintf("has %d lines: at most %d, one concern a file", n, fileLinesMax)})
	}
	bound := funcLinesMax
	if test {
		bound = testFuncLinesMax
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil || generated {
			continue
		}
		limit := bound
		for _, l := range longer {
			if l.file == file && l.function == fn.Name.Name {
				limit = l.lines
			}
		}
		if n := codeLines(fset, fn.Body); n > limit {
			vs = append(vs, violation{file, fset.Position(fn.Pos()).Line, fmt.Sprintf("%s has %d lines besides its tables: at most %d, a screen", fn.Name.Name, n, limit)})
		}
	}
	if !test && !generated && f.Name.Name != "main" {
		vs = append(vs, undocumented(fset, file, f, asked)...)
	}
	return vs, f.Doc != nil && !generated
}

// answers are methods that interfaces of the standard library and of our
// dependencies ask for; their comments stand there.
const answers = " String Error Unwrap Is As Len Less Swap Read Write Close ReadByte WriteByte Seek MarshalText UnmarshalText MarshalJSON UnmarshalJSON MarshalYAML UnmarshalYAML "

// interfaceMethods adds the methods of the interfaces of a file to asked: the
// comment of a method that answers one of them stands at the interface.
func interfaceMethods(src []byte, asked map[string]bool) {
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	if err != nil {
		return // tidyGo tells
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if it, ok := n.(*ast.InterfaceType); ok {
			for _, m := range it.Methods.List {
				for _, id := range m.Names {
					asked[id.Name] = true
				}
			}
		}
		return true
	})
}

// undocumented gives the exported names of f without a comment. Constants of
// one block are documented by their type or by what stands beside them.
func undocumented(fset *token.FileSet, file string, f *ast.File, asked map[string]bool) (vs []violation) {
	add := func(id *ast.Ident, doc ...*ast.CommentGroup) {
		if id.IsExported() && !slices.ContainsFunc(doc, func(g *ast.CommentGroup) bool { return g != nil }) {
			vs = append(vs, violation{file, fset.Position(id.Pos()).Line, id.Name + " is exported and has no comment"})
		}
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || receiverExported(d.Recv) && !asked[d.Name.Name] && !strings.Contains(answers, " "+d.Name.Name+" ") {
				add(d.Name, d.Doc)
			}
		case *ast.GenDecl:
			if d.Tok == token.CONST && d.Lparen.IsValid() {
				continue
			}
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					add(s.Name, d.Doc, s.Doc, s.Comment)
				case *ast.ValueSpec:
					for _, id := range s.Names {
						add(id, d.Doc, s.Doc, s.Comment)
					}
				}
			}
		}
	}
	return vs
}

func receiverExported(recv *ast.FieldList) bool {
	t := recv.List[0].Type
	for {
		switch u := t.(type) {
		case *ast.StarExpr:
			t = u.X
		case *ast.IndexExpr:
			t = u.X
		case *ast.IndexListExpr:
			t = u.X
		case *ast.Ident:
			return u.IsExported()
		default:
			return false
		}
	}
}

// codeLines counts the lines of a body that are not inside a composite literal.
func codeLines(fset *token.FileSet, body *ast.BlockStmt) int {
	line := func(p token.Pos) int { return fset.Position(p).Line }
	n := line(body.Rbrace) - line(body.Lbrace) - 1
	ast.Inspect(body, func(e ast.Node) bool {
		lit, ok := e.(*ast.CompositeLit)
		if !ok {
			return true
		}
		n -= max(0, line(lit.Rbrace)-line(lit.Lbrace)-1)
		return false
	})
	return n
}

func TestTidyCatchesPlanted(t *testing.T) {
	long := func(lines int, body string) string {
		return "package p\n\nfunc long() {\n" + strings.Repeat(body+"\n", lines) + "}\n"
	}
	table := "package p\n\nvar _ = func() []int {\n\treturn []int{\n" + strings.Repeat("\t\t1,\n", 100) + "\t}\n}\n\nfunc table() []int {\n\treturn []int{\n" + strings.Repeat("\t\t1,\n", 100) + "\t}\n}\n"
	for _, c := range []struct {
		name, file, src, want string
	}{
		{"plain", "links/queue.go", "// Package links is.\npackage links\n", ""},
		{"name", "links/utils.go", "package links\n", "the noun it holds"},
		{"test name", "links/helpers_test.go", "package links\n", "the noun it holds"},
		{"good name", "links/utility_room.go", "package links\n", ""},
		{"long file", "links/a.go", "package links\n" + strings.Repeat("\n", fileLinesMax), "one concern"},
		{"long function", "links/a.go", long(funcLinesMax+1, "\tprintln()"), "a screen"},
		{"function", "links/a.go", long(funcLinesMax, "\tprintln()"), ""},
		{"test function", "links/a_test.go", long(funcLinesMax+1, "\tprintln()"), ""},
		{"table", "links/a.go", table, ""},
		{"unfinished", "links/a.go", "package links\n\n// TO" + "DO: the rest\n", "finish it"},
		{"unfinished yaml", "scenarios/abp/a.yaml", "name: x # FIX" + "ME\n", "finish it"},
		{"finished", "links/a.go", "package links\n\n// METHOD and XXXL are words\n", ""},
		{"machine", "docs/a.md", "see /ho" + "me/ann/dsim\n", "one machine"},
		{"relative", "docs/a.md", "see ../sha" + "red/notes.md\n", "one machine"},
		{"url", "docs/a.md", "see https://a.example/ho" + "me/x and ./wo" + "rk/\n", ""},
		{"undocumented", "links/a.go", "package links\n\ntype Queue int\n", "Queue is exported"},
		{"undocumented method", "links/a.go", "package links\n\nfunc (q *queue) Pop() {}\nfunc (q *Queue[T]) Push() {}\n", "Push is exported"},
		{"unseen method", "links/a.go", "package links\n\nfunc (q *queue) Pop() {}\nfunc (q *Queue) Asked() {}\nfunc (q Queue) String() string { return \"\" }\n", ""},
		{"enum", "links/a.go", "package links\n\nconst (\n\tFirst = iota\n\tLast\n)\n", ""},
		{"lone constant", "links/a.go", "package links\n\nconst Last = 1\n", "Last is exported"},
		{"heavy", "replay/testdata/a.json", strings.Repeat("1,\n", fileBytesMax/3+1), "bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			vs := tidyText(c.file, []byte(c.src))
			if strings.HasSuffix(c.file, ".go") {
				found, _ := tidyGo(c.file, []byte(c.src), map[string]bool{"Asked": true})
				vs = append(vs, found...)
			}
			switch {
			case c.want == "" && len(vs) > 0:
				t.Errorf("caught, but it breaks nothing: %v", vs)
			case c.want != "" && !slices.ContainsFunc(vs, func(v violation) bool { return strings.Contains(v.text, c.want) }):
				t.Errorf("not caught: %s in %v", c.want, vs)
			}
		})
	}
}
