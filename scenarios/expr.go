package scenarios

import (
	"slices"
	"sync"

	"example.com/dsim/cells"
	"example.com/dsim/scenarios/internal/expr"
)

// Condition is a pure function of watched values.
type Condition struct {
	Text  string
	Watch []Watch // what it reads, each once
	prog  *expr.Program
}

// Watch is a value that a condition reads: an attribute of a cell, or a
// counter of a link.
type Watch struct {
	Cell    cells.ID
	Attr    string
	Link    string
	Counter string // one of LinkCounters
	Side    Side
}

// Side says which directions of a link are meant.
type Side uint8

const (
	BothSides Side = iota // of a counter: the sum
	SideAB                // from the link's first end to its second
	SideBA
)

// String names the value as a condition does.
func (w Watch) String() string {
	return expr.Ref{Cell: string(w.Cell), Attr: w.Attr, Link: w.Link, Counter: w.Counter, Side: expr.Side(w.Side)}.String()
}

// Value is what a watched value was when it was last read. The zero Value
// stands for one that was never there: it counts as 0, false and "".
type Value struct{ v expr.Value }

// CountOf is the value of a counter.
func CountOf(n uint64) Value {
	const most = 1<<63 - 1
	return Value{expr.IntValue(int64(min(n, most)))}
}

// AttrOf is the value of an attribute.
func AttrOf(a cells.Attr) Value {
	switch a.Is {
	case cells.IsText:
		return Value{expr.TextValue(a.Text)}
	case cells.IsBool:
		return Value{expr.BoolValue(a.Int != 0)}
	}
	return Value{expr.IntValue(a.Int)}
}

// String prints the value as a condition would have it.
func (v Value) String() string { return v.v.String() }

// Eval says whether the condition holds for values of Watch. It fails where a
// number leaves 64 bits, on division by zero, and where a value is of a type
// that does not fit; the run then fails with the error.
func (c *Condition) Eval(values []Value) (bool, error) {
	plain := make([]expr.Value, len(values))
	for i, v := range values {
		plain[i] = v.v
	}
	return c.prog.Eval(plain)
}

// LinkCounter is something that links count, for one direction or both.
type LinkCounter struct{ Name, Doc string }

// LinkCounters are the counters that conditions can read. The reasons of
// [cells.Reasons] are counters too, each of the frames dropped for it.
func LinkCounters() []LinkCounter {
	list := []LinkCounter{
		{"sent", "frames sent, dropped ones included"},
		{"delivered", "frames that arrived, copies included"},
		{"dropped", "frames dropped for any reason"},
		{"lost", "frames dropped by loss and by burst"},
		{"queued_dropped", "frames dropped by full queues and buffers"},
		{"flips", "bits flipped"},
		{"corrupted", "frames that were changed"},
		{"duplicated", "copies made"},
		{"reordered", "frames held back by reorder"},
	}
	for _, r := range cells.Reasons() {
		list = append(list, LinkCounter{r, "frames dropped: " + r})
	}
	return list
}

var counterNames = sync.OnceValue(func() (names []string) {
	for _, c := range LinkCounters() {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return slices.Clip(names)
})

// compile makes a condition of an expression.
func compile(text string, scope *expr.Scope) (*Condition, error) {
	prog, err := expr.Compile(text, scope)
	if err != nil {
		return nil, err
	}
	return &Condition{Text: text, prog: prog, Watch: watches(prog)}, nil
}

// watches are what an expression reads.
func watches(prog *expr.Program) (list []Watch) {
	for _, r := range prog.Refs {
		list = append(list, Watch{cells.ID(r.Cell), r.Attr, r.Link, r.Counter, Side(r.Side)})
	}
	return list
}
