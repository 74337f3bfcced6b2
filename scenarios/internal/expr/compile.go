package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"example.com/dsim/des/suggest"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// The bounds of an expression.
const (
	SizeMax  = 4096    // characters
	NodesMax = 1000    // parts, as written
	StepsMax = 1 << 18 // parts, loops over cells unrolled
)

// Program is a compiled condition. It does not change and may be shared.
type Program struct {
	Source string
	Refs   []Ref // what it reads, each once, in the order of first use
	root   node
}

// Eval says whether the condition holds for the values of Refs. A value of
// type None stands for one that is not there. It fails if a number leaves the
// range of 64 bits, on division by zero, and if a value whose type was not
// known turns out to be of one that does not fit.
func (p *Program) Eval(values []Value) (bool, error) {
	if len(values) != len(p.Refs) {
		panic("expr: Eval wants a value for each of Refs")
	}
	m := machine{values: values}
	v := m.as(p.root.eval(&m), Bool, "the condition")
	if m.err != nil {
		return false, fmt.Errorf("condition %s: %w", p.Source, m.err)
	}
	return v.Int != 0, nil
}

// node is a compiled part: its type as far as it is known, and its value.
type node struct {
	typ  Type
	eval func(*machine) Value
}

// Compile reads a condition. A failure is an *[Error].
func Compile(source string, scope *Scope) (*Program, error) {
	return compile(source, scope, "a condition", Bool)
}

// compile reads an expression whose value is of one of some types.
func compile(source string, scope *Scope, what string, types ...Type) (*Program, error) {
	if n := utf8.RuneCountInString(source); n > SizeMax {
		return nil, &Error{0, fmt.Sprintf("condition of %d characters: at most %d", n, SizeMax)}
	}
	if strings.TrimSpace(source) == "" {
		return nil, &Error{0, "condition is empty"}
	}
	tree, err := parser.ParseWithConfig(source, parserConfig())
	if err != nil {
		var fe *file.Error
		if errors.As(err, &fe) {
			return nil, &Error{fe.From, "condition: " + strings.TrimPrefix(fe.Message, "compilation failed: ")}
		}
		return nil, &Error{0, "condition: " + err.Error()}
	}
	c := compiler{scope: scope, prog: &Program{Source: source}, index: make(map[Ref]int)}
	root := c.node(tree.Node)
	if !slices.Contains(types, root.typ) {
		c.want(tree.Node, root, types[0], what)
	}
	if c.err != nil {
		return nil, c.err
	}
	c.prog.root = root
	return c.prog, nil
}

// parserConfig leaves the parser only the functions we know, so that every
// other name is looked up by us and answered with what is allowed. The parser
// only reads it, so all share one.
var parserConfig = sync.OnceValue(func() *conf.Config {
	cfg := conf.CreateNew()
	cfg.MaxNodes = NodesMax
	for name := range cfg.Builtins {
		if !slices.Contains(functions, name) {
			cfg.Disabled[name] = true
			delete(cfg.Builtins, name)
		}
	}
	return cfg
})

var (
	loops     = []string{"all", "any", "count", "none", "one", "sum"}
	functions = append([]string{"abs", "len", "max", "min", "protocol"}, loops...)
)

// compiler turns a tree into closures. After the first error it goes on with
// nodes that do nothing.
type compiler struct {
	scope *Scope
	prog  *Program
	index map[Ref]int
	loop  []*Cell // the cells that # stands for, innermost last
	steps int
	err   *Error
}

func (c *compiler) fail(at ast.Node, format string, args ...any) node {
	if c.err == nil {
		c.err = &Error{at.Location().From, fmt.Sprintf(format, args...)}
	}
	return node{Any, func(*machine) Value { return Value{} }}
}

// want says so if n cannot be of type t.
func (c *compiler) want(at ast.Node, n node, t Type, what string) {
	if n.typ != t && n.typ != Any {
		c.fail(start(at), "%s wants %s, this is %s", what, t, n.typ)
	}
}

func constant(v Value) node { return node{v.Type, func(*machine) Value { return v }} }

func (c *compiler) node(n ast.Node) node {
	if c.steps++; c.steps > StepsMax {
		return c.fail(n, "condition is too large: over these cells it comes to more than %d parts", StepsMax)
	}
	if c.err != nil {
		return node{typ: Any}
	}
	switch n := n.(type) {
	case *ast.IntegerNode:
		return constant(IntValue(int64(n.Value)))
	case *ast.BoolNode:
		return constant(BoolValue(n.Value))
	case *ast.StringNode:
		return constant(TextValue(n.Value))
	case *ast.FloatNode:
		return c.fail(n, "number %v: conditions count in whole numbers", n.Value)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.MemberNode, *ast.IdentifierNode, *ast.PointerNode:
		return c.read(n)
	case *ast.BuiltinNode:
		return c.builtin(n, n.Name, n.Arguments)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok {
			return c.builtin(n, id.Value, n.Arguments)
		}
		return c.fail(n, "only functions can be called%s", suggest.Hint("", functions))
	}
	return c.fail(n, "%s: not part of conditions", strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", n), "*ast."), "Node"))
}

// name is one part of a path, with the node it was written as.
type name struct {
	text string
	at   ast.Node
}

// path takes a.b["c"] apart: the root, and the names below it.
func path(n ast.Node) (root ast.Node, names []name, ok bool) {
	for {
		m, is := n.(*ast.MemberNode)
		if !is {
			slices.Reverse(names)
			return n, names, true
		}
		s, is := m.Property.(*ast.StringNode)
		if !is || m.Optional {
			return m, nil, false
		}
		names = append(names, name{s.Value, s})
		n = m.Node
	}
}

// start is the leftmost part of a path, and any other node itself.
func start(n ast.Node) ast.Node {
	root, _, _ := path(n)
	return root
}

// read compiles what is read from the world: CELL.ATTR, cells["CELL"].ATTR,
// links.LINK.COUNTER, links.LINK["a->b"].COUNTER, and .ATTR within a loop.
func (c *compiler) read(n ast.Node) node {
	root, names, ok := path(n)
	if !ok {
		return c.fail(n, `a value is read as cell.attribute, cells["cell"].attribute or links.link.counter`)
	}
	if id, is := root.(*ast.IdentifierNode); is && id.Value == "links" {
		return c.link(n, names)
	}
	cell, names := c.cell(root, names)
	switch {
	case cell == nil:
		return node{typ: Any}
	case len(names) == 0:
		return c.fail(root, "cell %s: what of it?%s", cell.Name, suggest.Hint("", attrNames(cell)))
	case len(names) > 1:
		return c.fail(names[1].at, "%s.%s: it has no parts", cell.Name, names[0].text)
	}
	for _, a := range cell.Attrs {
		if a.Name == names[0].text {
			return c.ref(Ref{Cell: cell.Name, Attr: a.Name}, a.Type)
		}
	}
	if cell.Open {
		return c.ref(Ref{Cell: cell.Name, Attr: names[0].text}, Any)
	}
	if len(cell.Attrs) == 0 {
		return c.fail(names[0].at, "cell %s: a cell of protocol %s shows nothing", cell.Name, cell.Protocol)
	}
	attr := names[0].text
	return c.fail(names[0].at, "cell %s does not show %s%s", cell.Name, suggest.Quoted(attr), suggest.Hint(attr, attrNames(cell)))
}

func attrNames(cell *Cell) (names []string) {
	for _, a := range cell.Attrs {
		names = append(names, a.Name)
	}
	return names
}

// cell finds the cell that a path begins with, and what is left of the path.
func (c *compiler) cell(root ast.Node, names []name) (*Cell, []name) {
	switch r := root.(type) {
	case *ast.PointerNode:
		if r.Name != "" || len(c.loop) == 0 {
			c.fail(root, "#%s: not part of conditions", r.Name)
			return nil, nil
		}
		return c.loop[len(c.loop)-1], names
	case *ast.IdentifierNode:
		if r.Value != "cells" {
			return c.cellNamed(root, r.Value), names
		}
		if len(names) == 0 {
			c.fail(root, `cells: which? write cells["name"].attribute, or all(cells, .attribute > 0)`)
			return nil, nil
		}
		return c.cellNamed(names[0].at, names[0].text), names[1:]
	}
	c.fail(root, `a value is read as cell.attribute, cells["cell"].attribute or links.link.counter`)
	return nil, nil
}

func (c *compiler) cellNamed(at ast.Node, name string) *Cell {
	i, ok := slices.BinarySearchFunc(c.scope.Cells, name, func(cell Cell, name string) int { return strings.Compare(cell.Name, name) })
	if ok {
		return &c.scope.Cells[i]
	}
	if name == "now" || name == "time" {
		c.fail(at, "%s: conditions read values of cells and links, not the time; see within, from and until", name)
		return nil
	}
	var choices []string
	for _, cell := range c.scope.Cells {
		choices = append(choices, cell.Name)
	}
	hint := suggest.Hint(name, choices)
	for _, other := range choices {
		if strings.HasPrefix(other, name+"-") && strings.Contains(c.prog.Source, other) {
			hint = fmt.Sprintf("; write cells[%q]", other)
			break
		}
	}
	c.fail(at, "no cell %s%s", suggest.Quoted(name), hint)
	return nil
}

func (c *compiler) link(n ast.Node, names []name) node {
	if len(names) < 2 || len(names) > 3 {
		return c.fail(start(n), `a link is read as links.link.counter or links.link["a->b"].counter`)
	}
	i := slices.IndexFunc(c.scope.Links, func(l Link) bool { return l.Name == names[0].text })
	if i < 0 {
		var choices []string
		for _, l := range c.scope.Links {
			choices = append(choices, l.Name)
		}
		return c.fail(names[0].at, "no link %s%s", suggest.Quoted(names[0].text), suggest.Hint(names[0].text, choices))
	}
	link, counter := c.scope.Links[i], names[len(names)-1]
	ref := Ref{Link: link.Name, Counter: counter.text}
	if len(names) == 3 {
		side, msg := link.side(names[1].text)
		if msg != "" {
			return c.fail(names[1].at, "%s", msg)
		}
		ref.Side = side
	}
	if !slices.Contains(c.scope.Counters, ref.Counter) {
		return c.fail(counter.at, "links do not count %s%s", suggest.Quoted(ref.Counter), suggest.Hint(ref.Counter, c.scope.Counters))
	}
	return c.ref(ref, Int)
}

// side is the direction with a name, or what is wrong with the name.
func (l Link) side(name string) (Side, string) {
	forward, back := l.A+"->"+l.B, l.B+"->"+l.A
	switch {
	case name == forward && l.A == l.B:
		return Both, fmt.Sprintf(`link %s joins two ports of one cell: its directions are "a->b" and "b->a"`, l.Name)
	case name == forward:
		return AB, ""
	case name == back:
		return BA, ""
	case name == "a->b":
		return AB, ""
	case name == "b->a":
		return BA, ""
	}
	return Both, fmt.Sprintf("link %s has no direction %s%s", l.Name, suggest.Quoted(name),
		suggest.Hint(name, []string{"a->b", "b->a", forward, back}))
}

// ref compiles the reading of a value of the world.
func (c *compiler) ref(r Ref, t Type) node {
	i, ok := c.index[r]
	if !ok {
		i = len(c.prog.Refs)
		c.index[r] = i
		c.prog.Refs = append(c.prog.Refs, r)
	}
	if t == Any {
		return node{Any, func(m *machine) Value { return m.values[i] }}
	}
	what := r.String()
	return node{t, func(m *machine) Value { return m.as(m.values[i], t, what) }}
}
