package laws

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// decidingRooms are the rooms whose code decides events: what happens in a run
// must follow from build, scenario and seed alone, on every machine.
const decidingRooms = "clock des cells links protocols"

// manyThreads is the one package below them that may start goroutines.
const manyThreads = "des/parallel"

// wallFile is the one file that reads the machine's clock, and wallReaders are
// the rooms that may ask it to.
const (
	wallFile    = "clock/wall.go"
	wallReaders = "clock realnet cmd/dsim"
)

// bannedImports are packages whose every use brings the outside in. A prefix
// stands for the packages below it too.
var bannedImports = []struct{ path, why string }{
	{"math/rand", "chance is addressed by name: des.Rand"},
	{"crypto/rand", "chance is addressed by name: des.Rand"},
	{"hash/maphash", "its seed differs between processes"},
	{"os", "a run must not depend on its machine"},
	{"net", "protocols and links touch no socket"},
	{"syscall", "a run must not depend on its machine"},
	{"unsafe", "addresses differ between runs"},
	{"runtime", "a run must not depend on its machine"},
	{"log", "its lines carry the wall's time"},
	{"plugin", "a run follows from its build"},
}

// allowedImports are packages below banned ones that are plain values, and
// debug.Stack, with which cells writes down where a handler panicked.
const allowedImports = "net/netip"

// allowedIn are single imports with a reason of their own.
var allowedIn = []struct{ room, path, why string }{
	{"cells", "runtime/debug", "the stack of a handler that panicked, for people; it is in no digest"},
}

// bannedUses are functions, methods and types, by package and name.
var bannedUses = map[string]string{
	"time.Now": wallWhy, "time.Since": wallWhy, "time.Until": wallWhy,
	"time.After": sleepWhy, "time.Sleep": sleepWhy, "time.NewTimer": sleepWhy, "time.NewTicker": sleepWhy,
	"time.Tick": sleepWhy, "time.AfterFunc": sleepWhy,
	"time.Local": zoneWhy, "time.LoadLocation": zoneWhy, "time.Time.Local": zoneWhy,
	"context.WithTimeout": sleepWhy, "context.WithTimeoutCause": sleepWhy, "context.WithDeadline": sleepWhy,
	"context.WithDeadlineCause": sleepWhy, "context.AfterFunc": threadWhy,
	"sync.Pool": "what it holds depends on the collector", "sync.Map.Range": mapWhy,
	"sync.WaitGroup": threadWhy, "sync.Cond": threadWhy, "sync.WaitGroup.Go": threadWhy,
	"reflect.Value.Pointer": pointerWhy, "reflect.Value.UnsafePointer": pointerWhy, "reflect.Value.UnsafeAddr": pointerWhy,
	"reflect.Value.MapKeys": mapWhy, "reflect.Value.MapRange": mapWhy, "reflect.Value.Seq": mapWhy, "reflect.Value.Seq2": mapWhy,
	"maps.DeleteFunc": mapWhy,
}

const (
	wallWhy    = "reads the wall's clock; time is what Now says"
	sleepWhy   = "waits for the wall's clock; arm a timer"
	zoneWhy    = "depends on the machine's time zone"
	threadWhy  = "only " + manyThreads + " runs more than one goroutine"
	mapWhy     = "shows the order of a map"
	pointerWhy = "addresses differ between runs"
)

// exactMath are the functions of package math that every machine computes
// alike. The others may differ in the last bit, and stay out of reports too.
const exactMath = " Abs Ceil Copysign Float32bits Float32frombits Float64bits Float64frombits Floor Inf IsInf IsNaN Max Min Mod NaN Round RoundToEven Signbit Sqrt Trunc "

// checkBans gives what in c breaks the ban on the outside world.
func checkBans(c *checked) []violation {
	b := &bans{checked: c, threads: within(c.room, manyThreads)}
	for _, f := range c.files {
		b.file(f)
	}
	return b.found
}

type bans struct {
	*checked
	threads bool // goroutines are this package's business
	found   []violation

	notes  *notes
	parent map[ast.Node]ast.Node // of this file
	floats map[int]bool          // lines already reported
}

func (b *bans) add(p token.Pos, format string, args ...any) {
	b.found = append(b.found, violation{b.name(p), b.fset.Position(p).Line, fmt.Sprintf(format, args...)})
}

func (b *bans) file(f *ast.File) {
	b.notes = readNotes(b.fset, f)
	b.floats = map[int]bool{}
	b.parent = parents(f)
	for _, imp := range f.Imports {
		b.importSpec(imp)
	}
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if n != nil {
				b.node(n)
			}
			return true
		})
	}
	for _, n := range b.notes.all {
		switch {
		case n.kind != "sorted" && n.kind != "report":
			b.add(n.pos, "//dsim:%s is no exception this house knows: sorted or report", n.kind)
		case n.reason == "":
			b.add(n.pos, "//dsim:%s gives no reason", n.kind)
		case !n.used:
			b.add(n.pos, "//dsim:%s allows nothing here", n.kind)
		}
	}
}

func (b *bans) importSpec(imp *ast.ImportSpec) {
	path := strings.Trim(imp.Path.Value, `"`)
	if anyWithin(path, allowedImports) {
		return
	}
	for _, a := range allowedIn {
		if a.room == b.room && a.path == path {
			return
		}
	}
	for _, ban := range bannedImports {
		if within(path, ban.path) && !(b.threads && ban.path == "runtime") {
			b.add(imp.Pos(), "imports %s: %s", path, ban.why)
			return
		}
	}
}

func (b *bans) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.GoStmt:
		b.thread(n.Pos(), "starts a goroutine")
	case *ast.SelectStmt:
		b.thread(n.Pos(), "selects")
	case *ast.ChanType:
		b.thread(n.Pos(), "has a channel")
	case *ast.RangeStmt:
		if t := b.info.TypeOf(n.X); t != nil && isMap(t) && (named(n.Key) || named(n.Value)) && !b.notes.allows("sorted", n.Pos()) {
			b.add(n.Pos(), "ranges over a map: %s; sort its keys, or say //dsim:sorted and why its order is not seen", mapWhy)
		}
	case *ast.BasicLit:
		if n.Kind == token.STRING && strings.Contains(n.Value, "%p") {
			b.add(n.Pos(), "formats a pointer: %s", pointerWhy)
		}
	case *ast.Ident:
		b.use(n)
	}
	if e, ok := n.(ast.Expr); ok {
		b.float(e)
	}
}

func (b *bans) thread(p token.Pos, what string) {
	if !b.threads {
		b.add(p, "%s: %s", what, threadWhy)
	}
}

// use judges one use of a name.
func (b *bans) use(id *ast.Ident) {
	obj := b.info.Uses[id]
	if obj == nil {
		return
	}
	if obj.Pkg() == nil {
		if obj.Name() == "uintptr" {
			b.add(id.Pos(), "uses uintptr: %s", pointerWhy)
		}
		return
	}
	name := qualified(obj)
	why, banned := bannedUses[name]
	switch {
	case banned && name == "time.Now" && b.name(id.Pos()) == wallFile:
	case banned && why == threadWhy && b.threads:
	case banned:
		b.add(id.Pos(), "uses %s: %s", name, why)
	case obj.Pkg().Path() == "math" && isFunc(obj) && !strings.Contains(exactMath, " "+obj.Name()+" "):
		b.add(id.Pos(), "uses %s: its last bit differs between machines", name)
	case obj.Pkg().Path() == "maps" && (obj.Name() == "Keys" || obj.Name() == "Values" || obj.Name() == "All"):
		if !b.sortedCall(id) && !b.notes.allows("sorted", id.Pos()) {
			b.add(id.Pos(), "uses %s: %s; only slices.Sorted and its kin may take it", name, mapWhy)
		}
	}
}

// sortedCall reports whether id is the function of a call that is an argument
// of slices.Sorted, SortedFunc or SortedStableFunc.
func (b *bans) sortedCall(id *ast.Ident) bool {
	sel, _ := b.parent[id].(*ast.SelectorExpr)
	if sel == nil {
		return false
	}
	call, _ := b.parent[sel].(*ast.CallExpr)
	outer, _ := b.parent[call].(*ast.CallExpr)
	if call == nil || outer == nil {
		return false
	}
	fun, _ := outer.Fun.(*ast.SelectorExpr)
	if fun == nil {
		return false
	}
	switch obj := b.info.Uses[fun.Sel]; {
	case obj == nil || obj.Pkg() == nil || obj.Pkg().Path() != "slices":
		return false
	default:
		return obj.Name() == "Sorted" || obj.Name() == "SortedFunc"
	}
}

// float judges an expression of a floating-point type, or one that names such
// a type; a line is reported once.
func (b *bans) float(e ast.Expr) {
	t := b.info.TypeOf(e)
	if t == nil || !isFloat(t) {
		return
	}
	line := b.fset.Position(e.Pos()).Line
	if b.floats[line] || b.notes.allows("report", e.Pos()) {
		return
	}
	b.floats[line] = true
	b.add(e.Pos(), "has a %s: no float decides an event; where people alone read it say //dsim:report and why", t.Underlying())
}

// TestDecidingRoomsKeepTheWorldOut holds the rooms that decide events to law 6
// and to the sources' half of law 5.
func TestDecidingRoomsKeepTheWorldOut(t *testing.T) {
	tr := sources(t)
	var vs []violation
	for _, p := range tr.ours {
		if !anyWithin(p.room(), decidingRooms) {
			continue
		}
		for _, f := range append(p.IgnoredGoFiles, p.CgoFiles...) {
			if !strings.HasSuffix(f, "_test.go") && !generator(p, f) {
				vs = append(vs, violation{file: p.room() + "/" + f, text: "is built on some machines only: what decides events is the same on all"})
			}
		}
		c, err := tr.check(p.ImportPath, p.goFiles())
		if err != nil {
			t.Fatalf("laws: %v", err)
		}
		vs = append(vs, checkBans(c)...)
	}
	report(t, vs)
}

// generator reports whether a file that is not built is a program that writes
// others, for go run: it is part of no package.
func generator(p *listed, file string) bool {
	src, err := os.ReadFile(filepath.Join(p.Dir, file))
	return err == nil && bytes.HasPrefix(src, []byte("//go:build ignore\n"))
}

// checkWall gives the calls of clock.Wall in c, which are allowed to few.
func checkWall(c *checked) []violation {
	if anyWithin(c.room, wallReaders) {
		return nil
	}
	var vs []violation
	for id, obj := range c.info.Uses {
		if obj.Pkg() != nil && obj.Pkg().Path() == module+"/clock" && qualified(obj) == "clock.Wall" {
			vs = append(vs, violation{c.name(id.Pos()), c.fset.Position(id.Pos()).Line, "uses clock.Wall, which is left to " + wallReaders})
		}
	}
	return vs
}

// TestOnlyTheLiveSideReadsTheWall holds all rooms to the one reader of the
// machine's clock: others neither call clock.Wall nor read the clock themselves.
func TestOnlyTheLiveSideReadsTheWall(t *testing.T) {
	tr := sources(t)
	var vs []violation
	for _, p := range tr.ours {
		c, err := tr.check(p.ImportPath, p.goFiles())
		if err != nil {
			t.Fatalf("laws: %v", err)
		}
		vs = append(vs, checkWall(c)...)
		for id, obj := range c.info.Uses {
			if name := qualified(obj); bannedUses[name] == wallWhy && c.name(id.Pos()) != wallFile {
				vs = append(vs, violation{c.name(id.Pos()), c.fset.Position(id.Pos()).Line, "uses " + name + ": " + wallFile + " alone reads the machine's clock"})
			}
		}
	}
	report(t, vs)
}

// qualified names an object as its users do: "time.Now", "sync.Map.Range".
func qualified(obj types.Object) string {
	if obj.Pkg() == nil {
		return obj.Name()
	}
	name := obj.Pkg().Name() + "." + obj.Name()
	f, ok := obj.(*types.Func)
	if !ok {
		if v, ok := obj.(*types.Var); ok && v.IsField() {
			return "field " + name
		}
		return name
	}
	recv := f.Signature().Recv()
	if recv == nil {
		return name
	}
	t := recv.Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := t.(*types.Named); ok {
		return obj.Pkg().Name() + "." + n.Obj().Name() + "." + obj.Name()
	}
	return "method " + name
}

// named reports whether a variable of a range statement takes a value.
func named(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return e != nil && (!ok || id.Name != "_")
}

func isFunc(obj types.Object) bool { _, ok := obj.(*types.Func); return ok }

func isFloat(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsUntyped == 0 && b.Info()&(types.IsFloat|types.IsComplex) != 0
}

// isMap reports whether t is a map, or a type parameter that may be one.
func isMap(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Map:
		return true
	case *types.Union:
		for i := range u.Len() {
			if isMap(u.Term(i).Type()) {
				return true
			}
		}
	case *types.Interface:
		if _, ok := t.(*types.TypeParam); !ok && !u.IsImplicit() && u.NumMethods() > 0 {
			return false
		}
		for i := range u.NumEmbeddeds() {
			if isMap(u.EmbeddedType(i)) {
				return true
			}
		}
	}
	return false
}

// parents gives each node's parent.
func parents(f *ast.File) map[ast.Node]ast.Node {
	up := map[ast.Node]ast.Node{}
	var stack []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		if len(stack) > 0 {
			up[n] = stack[len(stack)-1]
		}
		stack = append(stack, n)
		return true
	})
	return up
}
