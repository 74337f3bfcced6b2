package expr

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"

	"example.com/dsim/des/suggest"
	"github.com/expr-lang/expr/ast"
)

// machine is one evaluation. The first error stays.
type machine struct {
	values []Value
	err    error
}

var (
	errOverflow = errors.New("a number does not fit into 64 bits")
	errZero     = errors.New("division by zero")
)

func (m *machine) fail(err error) Value {
	if m.err == nil {
		m.err = err
	}
	return Value{}
}

// as gives v as a value of type t: what is not there is the zero of t.
func (m *machine) as(v Value, t Type, what string) Value {
	if v.Type == None {
		return Value{Type: t}
	}
	if v.Type != t {
		m.fail(fmt.Errorf("%s is %s, not %s", what, v.Type, t))
		return Value{Type: t}
	}
	return v
}

func (c *compiler) unary(n *ast.UnaryNode) node {
	x := c.node(n.Node)
	switch n.Operator {
	case "!", "not":
		c.want(n.Node, x, Bool, n.Operator)
		return node{Bool, func(m *machine) Value { return BoolValue(m.as(x.eval(m), Bool, "operand of not").Int == 0) }}
	case "-":
		c.want(n.Node, x, Int, n.Operator)
		return node{Int, func(m *machine) Value { return m.arith("-", 0, m.as(x.eval(m), Int, "operand of -").Int) }}
	case "+":
		c.want(n.Node, x, Int, n.Operator)
		return x
	}
	return c.fail(n, "operator %s: not part of conditions", n.Operator)
}

func (c *compiler) binary(n *ast.BinaryNode) node {
	op := n.Operator
	if op == "in" {
		return c.in(n)
	}
	x, y := c.node(n.Left), c.node(n.Right)
	what := "operand of " + op
	switch op {
	case "and", "&&", "or", "||":
		c.want(n.Left, x, Bool, op)
		c.want(n.Right, y, Bool, op)
		stop := int64(0)
		if op == "or" || op == "||" {
			stop = 1
		}
		return node{Bool, func(m *machine) Value {
			if v := m.as(x.eval(m), Bool, what); v.Int == stop || m.err != nil {
				return v
			}
			return m.as(y.eval(m), Bool, what)
		}}
	case "==", "!=":
		return c.equal(n, x, y)
	case "<", "<=", ">", ">=":
		c.want(n.Left, x, Int, op)
		c.want(n.Right, y, Int, op)
		return node{Bool, func(m *machine) Value {
			a, b := m.as(x.eval(m), Int, what).Int, m.as(y.eval(m), Int, what).Int
			return BoolValue(a < b && op[0] == '<' || a > b && op[0] == '>' || a == b && len(op) == 2)
		}}
	case "+", "-", "*", "/", "%":
		c.want(n.Left, x, Int, op)
		c.want(n.Right, y, Int, op)
		return node{Int, func(m *machine) Value {
			return m.arith(op, m.as(x.eval(m), Int, what).Int, m.as(y.eval(m), Int, what).Int)
		}}
	case "contains", "startsWith", "endsWith":
		c.want(n.Left, x, Text, op)
		c.want(n.Right, y, Text, op)
		test := map[string]func(string, string) bool{
			"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix,
		}[op]
		return node{Bool, func(m *machine) Value {
			return BoolValue(test(m.as(x.eval(m), Text, what).Text, m.as(y.eval(m), Text, what).Text))
		}}
	}
	return c.fail(n, "operator %s: not part of conditions", op)
}

func (c *compiler) equal(n *ast.BinaryNode, x, y node) node {
	if x.typ != Any && y.typ != Any && x.typ != y.typ {
		return c.fail(n, "%s compares %s with %s", n.Operator, x.typ, y.typ)
	}
	want := n.Operator == "=="
	return node{Bool, func(m *machine) Value { return BoolValue(m.same(x.eval(m), y.eval(m)) == want) }}
}

// same compares two values; one that is not there is the zero of the other's
// type.
func (m *machine) same(a, b Value) bool {
	switch {
	case a.Type == None:
		a.Type = b.Type
	case b.Type == None:
		b.Type = a.Type
	}
	if a.Type != b.Type {
		m.fail(fmt.Errorf("%s is %s and %s is %s: they cannot be compared", a, a.Type, b, b.Type))
	}
	return a == b
}

func (c *compiler) in(n *ast.BinaryNode) node {
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		return c.fail(n.Right, `in wants a list: x in [1, 2, 3]`)
	}
	x := c.node(n.Left)
	var items []node
	for _, item := range list.Nodes {
		y := c.node(item)
		if x.typ != Any && y.typ != Any && x.typ != y.typ {
			return c.fail(item, "in compares %s with %s", x.typ, y.typ)
		}
		items = append(items, y)
	}
	return node{Bool, func(m *machine) Value {
		v := x.eval(m)
		for _, y := range items {
			if m.same(v, y.eval(m)) {
				return BoolValue(true)
			}
		}
		return BoolValue(false)
	}}
}

func (c *compiler) conditional(n *ast.ConditionalNode) node {
	cond, x, y := c.node(n.Cond), c.node(n.Exp1), c.node(n.Exp2)
	c.want(n.Cond, cond, Bool, "the condition of ?")
	typ := x.typ
	switch {
	case x.typ == Any:
		typ = y.typ
	case y.typ != Any && x.typ != y.typ:
		return c.fail(n.Exp2, "both sides of : must be of one type, these are %s and %s", x.typ, y.typ)
	}
	return node{typ, func(m *machine) Value {
		if m.as(cond.eval(m), Bool, "the condition of ?").Int != 0 {
			return x.eval(m)
		}
		return y.eval(m)
	}}
}

// arith is exact: what does not fit fails.
func (m *machine) arith(op string, a, b int64) Value {
	switch op {
	case "+":
		if s := a + b; (s > a) == (b > 0) {
			return IntValue(s)
		}
	case "-":
		if d := a - b; (d < a) == (b > 0) {
			return IntValue(d)
		}
	case "*":
		hi, lo := bits.Mul64(magnitude(a), magnitude(b))
		negative := (a < 0) != (b < 0)
		switch {
		case hi == 0 && lo <= math.MaxInt64 && !negative:
			return IntValue(int64(lo))
		case hi == 0 && lo <= 1<<63 && negative:
			return IntValue(-int64(lo))
		}
	case "/", "%":
		if b == 0 {
			return m.fail(errZero)
		}
		if a == math.MinInt64 && b == -1 {
			break
		}
		if op == "/" {
			return IntValue(a / b)
		}
		return IntValue(a % b)
	}
	return m.fail(errOverflow)
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

// builtin compiles a call of a function.
func (c *compiler) builtin(n ast.Node, name string, args []ast.Node) node {
	switch name {
	case "all", "any", "none", "one", "count", "sum":
		return c.unroll(n, name, args)
	case "len":
		if len(args) != 1 {
			return c.fail(n, "len wants one text")
		}
		x := c.node(args[0])
		c.want(args[0], x, Text, "len")
		return node{Int, func(m *machine) Value { return IntValue(int64(len(m.as(x.eval(m), Text, "argument of len").Text))) }}
	case "abs", "min", "max":
		if len(args) == 0 || name == "abs" && len(args) > 1 {
			return c.fail(n, "%s: wrong number of arguments", name)
		}
		var xs []node
		for _, a := range args {
			x := c.node(a)
			c.want(a, x, Int, name)
			xs = append(xs, x)
		}
		return node{Int, func(m *machine) Value { return m.fold(name, xs) }}
	}
	return c.fail(n, "no function %s%s", suggest.Quoted(name), suggest.Hint(name, functions))
}

func (m *machine) fold(name string, xs []node) Value {
	acc := m.as(xs[0].eval(m), Int, "argument of "+name)
	if name == "abs" && acc.Int < 0 {
		return m.arith("-", 0, acc.Int)
	}
	for _, x := range xs[1:] {
		v := m.as(x.eval(m), Int, "argument of "+name)
		if (v.Int < acc.Int) == (name == "min") {
			acc = v
		}
	}
	return acc
}

// unroll compiles a loop over cells: one copy of its body a cell.
func (c *compiler) unroll(n ast.Node, name string, args []ast.Node) node {
	if len(args) != 2 {
		return c.fail(n, "%s wants cells and what to ask of each: %s(cells, .attribute > 0)", name, name)
	}
	pred, ok := args[1].(*ast.PredicateNode)
	if !ok {
		return c.fail(args[1], "%s wants a question such as .attribute > 0", name)
	}
	typ := Bool
	if name == "sum" {
		typ = Int
	}
	var bodies []node
	for _, cell := range c.over(args[0]) {
		c.loop = append(c.loop, cell)
		body := c.node(pred.Node)
		c.loop = c.loop[:len(c.loop)-1]
		c.want(pred.Node, body, typ, name)
		bodies = append(bodies, body)
		if c.err != nil {
			break
		}
	}
	what := "the body of " + name
	if name == "sum" {
		return node{Int, func(m *machine) Value {
			acc := IntValue(0)
			for _, b := range bodies {
				acc = m.arith("+", acc.Int, m.as(b.eval(m), Int, what).Int)
			}
			return acc
		}}
	}
	count := func(m *machine) (k int64) {
		for _, b := range bodies {
			k += m.as(b.eval(m), Bool, what).Int
		}
		return k
	}
	if name == "count" {
		return node{Int, func(m *machine) Value { return IntValue(count(m)) }}
	}
	total := int64(len(bodies))
	return node{Bool, func(m *machine) Value {
		k := count(m)
		return BoolValue(name == "all" && k == total || name == "any" && k > 0 || name == "none" && k == 0 || name == "one" && k == 1)
	}}
}

// over gives the cells a loop goes over: cells, protocol("name"), or a list.
func (c *compiler) over(n ast.Node) (out []*Cell) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if n.Value == "cells" {
			for i := range c.scope.Cells {
				out = append(out, &c.scope.Cells[i])
			}
			return out
		}
	case *ast.ArrayNode:
		for _, item := range n.Nodes {
			root, names, ok := path(item)
			if !ok {
				c.fail(item, "the list must name cells")
				return nil
			}
			cell, rest := c.cell(root, names)
			if cell != nil && len(rest) > 0 {
				c.fail(item, "the list must name cells")
			}
			if c.err != nil {
				return nil
			}
			out = append(out, cell)
		}
		return out
	case *ast.CallNode:
		id, ok := n.Callee.(*ast.IdentifierNode)
		if !ok || id.Value != "protocol" || len(n.Arguments) != 1 {
			break
		}
		name, ok := n.Arguments[0].(*ast.StringNode)
		if !ok {
			break
		}
		for i := range c.scope.Cells {
			if c.scope.Cells[i].Protocol == name.Value {
				out = append(out, &c.scope.Cells[i])
			}
		}
		if len(out) == 0 {
			c.fail(name, "no cell of protocol %s", suggest.Quoted(name.Value))
		}
		return out
	}
	c.fail(n, `a loop goes over cells, protocol("name"), or a list of cells`)
	return nil
}
