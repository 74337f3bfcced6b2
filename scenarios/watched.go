package scenarios

import (
	"fmt"
	"slices"

	"example.com/dsim/links"
)

// watched is a condition with the values it last saw.
type watched struct {
	scene Scene
	cond  *Condition
	last  []Value
	known bool
	truth bool
	err   error
}

// holds evaluates a condition if a value it reads has changed.
func (x *watched) holds() (bool, error) {
	changed := !x.known
	for i := range x.cond.Watch {
		if now := x.scene.Read(&x.cond.Watch[i], x.last[i]); now != x.last[i] {
			x.last[i] = now
			changed = true
		}
	}
	if changed {
		x.truth, x.err = x.cond.Eval(x.last)
		x.known = true
	}
	return x.truth, x.err
}

// shown are the values a condition saw, for people: "bob.delivered = 3".
func (x *watched) shown() []string {
	var out []string
	for i, q := range x.cond.Watch {
		out = append(out, fmt.Sprintf("%s = %s", q, x.last[i]))
	}
	return slices.Compact(out)
}

// Of is the counter that a watch is on, of a link that has counted so much in
// its two directions.
func (w *Watch) Of(counts [2]links.Counts) Value {
	c := counts[0]
	switch w.Side {
	case BothSides:
		c = counts[0].Add(counts[1])
	case SideBA:
		c = counts[1]
	}
	n, _ := c.Get(w.Counter)
	return CountOf(n)
}
