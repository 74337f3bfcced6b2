package explore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Table is what worlds have come to: for each role, in which states which
// events reached its cells, and what had touched them.
type Table struct {
	seen   map[Place]uint64
	worlds map[Place]uint64
}

func newTable() *Table {
	return &Table{seen: make(map[Place]uint64), worlds: make(map[Place]uint64)}
}

// add notes a place that a world came to, and reports whether it is new.
func (t *Table) add(p Place, times uint64) bool {
	had := t.seen[p]
	t.seen[p] = had + times
	t.worlds[p]++
	return had == 0
}

// Len is the number of places.
func (t *Table) Len() int { return len(t.seen) }

// Count is how often worlds have come to a place.
func (t *Table) Count(p Place) uint64 { return t.seen[p] }

// Worlds is how many worlds have come to a place.
func (t *Table) Worlds(p Place) uint64 { return t.worlds[p] }

// Places lists the places in order.
func (t *Table) Places() []Place {
	list := make([]Place, 0, len(t.seen))
	for p := range t.seen {
		list = append(list, p)
	}
	slices.SortFunc(list, Place.Compare)
	return list
}

// Grid is the table of one role: a row a state, a column an event and what had
// touched it. A 0 is a place nobody has come to.
type Grid struct {
	Role    string
	States  []string
	Columns []string
	Counts  [][]uint64 // by state, then column
}

// Grids are the tables of all roles, in the order of roles.
func (t *Table) Grids() (out []Grid) {
	places := t.Places()
	for len(places) > 0 {
		n := 1
		for n < len(places) && places[n].Role == places[0].Role {
			n++
		}
		out = append(out, t.grid(places[:n]))
		places = places[n:]
	}
	return out
}

func (t *Table) grid(places []Place) Grid {
	g := Grid{Role: places[0].Role}
	for _, p := range places {
		if !slices.Contains(g.States, p.State) {
			g.States = append(g.States, p.State)
		}
		if c := p.column(); !slices.Contains(g.Columns, c) {
			g.Columns = append(g.Columns, c)
		}
	}
	slices.Sort(g.Columns)
	g.Counts = make([][]uint64, len(g.States))
	for i := range g.Counts {
		g.Counts[i] = make([]uint64, len(g.Columns))
	}
	for _, p := range places {
		g.Counts[slices.Index(g.States, p.State)][slices.Index(g.Columns, p.column())] = t.seen[p]
	}
	return g
}

// column is an event and what had touched it: "recv, dup".
func (p Place) column() string {
	if p.Fault == "" {
		return p.Event
	}
	return p.Event + ", " + p.Fault
}

// String is the whole table as text, with a line a place.
func (t *Table) String() string {
	var b strings.Builder
	for _, p := range t.Places() {
		fmt.Fprintf(&b, "%s | %s | %s | %d\n", p.Role, p.State, p.column(), t.seen[p])
	}
	return b.String()
}

func joined(words []string) string { return strings.Join(words, ", ") }

// String is the plan in words, a fault a line.
func (p *Plan) String() string {
	var b strings.Builder
	for i := range p.Faults {
		fmt.Fprintln(&b, p.Faults[i].String())
	}
	fmt.Fprintf(&b, "ties %s, heal %s", p.Ties, p.Heal)
	if len(p.Core) > 0 {
		fmt.Fprintf(&b, " %v", p.Core)
	}
	if len(p.Lost) > 0 {
		fmt.Fprintf(&b, ", lost %v", p.Lost)
	}
	return b.String()
}

// String is the fault in words: "cut ab (lost) at 3ms for 20ms".
func (f *Fault) String() string {
	words := []string{f.Family}
	switch {
	case f.Cell != "":
		words = append(words, string(f.Cell))
	case len(f.Groups[0]) > 0:
		words = append(words, fmt.Sprint(f.Groups[0]), fmt.Sprint(f.Groups[1]))
	case f.Links == nil:
		words = append(words, "all links")
	case len(f.Links) > 4:
		words = append(words, strconv.Itoa(len(f.Links))+" links")
	default:
		words = append(words, strings.Join(f.Links, " "))
	}
	if f.Side != 0 {
		words = append(words, []string{"", "a->b", "b->a"}[f.Side])
	}
	if f.Value != "" {
		words = append(words, f.Value)
	}
	if f.At != 0 || f.For != 0 {
		words = append(words, "at "+f.At.String())
	}
	if f.For != 0 {
		words = append(words, "for "+f.For.String())
	}
	return strings.Join(words, " ")
}
