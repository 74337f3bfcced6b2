package laws

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
	"sync"
	"testing"
)

// module is the module's path; what follows it names a package by its room.
const module = "example.com/dsim"

// A violation is one line of the sources that breaks a law.
type violation struct {
	file string // relative to the root of the sources
	line int    // 0: the file or package as a whole
	text string
}

func (v violation) String() string {
	if v.line == 0 {
		return v.file + ": " + v.text
	}
	return fmt.Sprintf("%s:%d: %s", v.file, v.line, v.text)
}

// report fails the test with the violations in order, one a line.
func report(t *testing.T, vs []violation) {
	t.Helper()
	slices.SortFunc(vs, func(a, b violation) int {
		if c := strings.Compare(a.file, b.file); c != 0 {
			return c
		}
		if a.line != b.line {
			return a.line - b.line
		}
		return strings.Compare(a.text, b.text)
	})
	for _, v := range slices.Compact(vs) {
		t.Errorf("%s", v)
	}
}

// listed is what the go command says of a package.
type listed struct {
	Dir, ImportPath, Export   string
	Standard                  bool
	GoFiles, IgnoredGoFiles   []string
	CgoFiles, Imports         []string
	TestImports, XTestImports []string
	Error                     *struct{ Err string }
	Module                    *struct{ Path string }
}

// room is the package's path below the module: "des", "links/internal/x".
func (p *listed) room() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func (p *listed) ours() bool { return p.Module != nil && p.Module.Path == module }

// planted lists what the planted files import beyond what the project uses.
var planted = []string{
	"context", "crypto/rand", "fmt", "hash/maphash", "log", "maps", "math", "math/rand", "math/rand/v2", "net", "net/netip",
	"os", "reflect", "runtime", "runtime/debug", "slices", "sync", "time",
}

// tree is the module as the go command and the compiler see it.
type tree struct {
	root     string
	packages map[string]*listed // by import path, dependencies too
	ours     []*listed          // the module's own, by import path
	broken   error              // the first package that does not compile
}

var loadTree = sync.OnceValues(func() (*tree, error) {
	gomod, err := goCommand("", "env", "GOMOD")
	if err != nil {
		return nil, err
	}
	t := &tree{root: filepath.Dir(strings.TrimSpace(string(gomod))), packages: map[string]*listed{}}
	args := append([]string{"list", "-e", "-export", "-deps", "-json=Dir,ImportPath,Export,Standard,GoFiles,IgnoredGoFiles,CgoFiles,Imports,TestImports,XTestImports,Error,Module", "./..."}, planted...)
	out, err := goCommand(t.root, args...)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		p := new(listed)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if p.Error != nil && t.broken == nil {
			t.broken = fmt.Errorf("%s: %s", p.ImportPath, p.Error.Err)
		}
		t.packages[p.ImportPath] = p
		if p.ours() {
			t.ours = append(t.ours, p)
		}
	}
	slices.SortFunc(t.ours, func(a, b *listed) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	return t, nil
})

func goCommand(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, stderr.String())
	}
	return out, nil
}

// sources gives the module's tree, or ends the test: sources that do not
// compile cannot be judged.
func sources(t *testing.T) *tree {
	t.Helper()
	tr, err := loadTree()
	if err == nil {
		err = tr.broken
	}
	if err != nil {
		t.Fatalf("laws: the sources do not load: %v", err)
	}
	return tr
}

// checked is a package with its syntax and types.
type checked struct {
	room  string
	fset  *token.FileSet
	files []*ast.File
	info  *types.Info
	name  func(token.Pos) string // a file's name relative to the root
}

// check parses and types the named files as one package.
func (tr *tree) check(importPath string, paths []string) (*checked, error) {
	c := &checked{
		room: strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/"),
		fset: token.NewFileSet(),
		info: &types.Info{
			Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{},
			Defs: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
		},
	}
	c.name = func(p token.Pos) string { return tr.relative(c.fset.Position(p).Filename) }
	for _, path := range paths {
		f, err := parser.ParseFile(c.fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		c.files = append(c.files, f)
	}
	conf := types.Config{Importer: importer.ForCompiler(c.fset, "gc", tr.export)}
	if _, err := conf.Check(importPath, c.fset, c.files, c.info); err != nil {
		return nil, err
	}
	return c, nil
}

// export opens the compiler's summary of a package.
func (tr *tree) export(path string) (io.ReadCloser, error) {
	p := tr.packages[path]
	if p == nil {
		p = tr.packages["vendor/"+path]
	}
	if p == nil || p.Export == "" {
		return nil, fmt.Errorf("no export data for %s", path)
	}
	return os.Open(p.Export)
}

func (tr *tree) relative(path string) string {
	if r, err := filepath.Rel(tr.root, path); err == nil {
		return filepath.ToSlash(r)
	}
	return path
}

// goFiles gives the full paths of a package's files that are no tests.
func (p *listed) goFiles() []string {
	var paths []string
	for _, f := range p.GoFiles {
		paths = append(paths, filepath.Join(p.Dir, f))
	}
	return paths
}

// within reports whether a package lies in a room: is it or lies below it.
func within(pkg, room string) bool { return pkg == room || strings.HasPrefix(pkg, room+"/") }
