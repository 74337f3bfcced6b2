package tree

import (
	"slices"

	"example.com/dsim/cells"
)

// A cell that has lost its state does not know which transactions it has
// executed, and a request may still be on its way over a slower path. So a
// cell executes nothing of an instance of a root until it has asked that root
// how many transactions there are, and then only later ones: what it executed
// in an earlier life was begun before it asked. Questions from below are
// gathered: while one is on its way, others wait for the next.

// admission is where a cell, and those that asked by it, are.
type admission struct {
	admitted bool
	floor    uint64 // if admitted: only transactions with greater numbers are executed

	asking          bool // a question is on its way
	by              cells.Port
	asked, want     []cells.Port // that get the answer to it; that wait for the next
	selfAsked, self bool
}

// maybeAdmit asks, if there is anything to ask, and nothing on its way.
func (c *cell) maybeAdmit(e cells.Env, t *tree) {
	a := &t.admission
	if a.asking && (!t.valid || a.by != t.rootward) {
		a.again()
	}
	if !t.valid || a.asking {
		return
	}
	a.self = !a.admitted
	if !a.self && len(a.want) == 0 {
		return
	}
	a.asking, a.by = true, t.rootward
	a.asked, a.want = a.want, a.asked[:0]
	a.selfAsked, a.self = a.self, false
	e.Send(t.rootward, begin(e.Buf(), wordAdmit).name(t.root).instance(t.instance))
}

// again puts a question whose answer will not come to those that wait.
func (a *admission) again() {
	a.asking = false
	a.want = append(a.want, a.asked...)
	a.asked = a.asked[:0]
}

// departed forgets a neighbour: what it asked, and what was asked by it.
func (a *admission) departed(n cells.Port) {
	if a.asking && a.by == n {
		a.again()
	}
	is := func(p cells.Port) bool { return p == n }
	a.want = slices.DeleteFunc(a.want, is)
	a.asked = slices.DeleteFunc(a.asked, is)
}

// handleAdmit takes a question from below.
func (c *cell) handleAdmit(e cells.Env, n cells.Port, r *reader) bool {
	root, in := r.name(), r.instance()
	if !r.all() {
		return false
	}
	t := c.byRoot[string(root)]
	switch {
	case t == nil || t.instance != in: // who asked will hear of another instance
	case t == c.own:
		c.admit(e, t, n, t.last)
	case !slices.Contains(t.want, n):
		t.want = append(t.want, n)
		c.maybeAdmit(e, t)
	}
	return true
}

func (c *cell) admit(e cells.Env, t *tree, n cells.Port, number uint64) {
	e.Send(n, begin(e.Buf(), wordAdmitted).name(t.root).instance(t.instance).number(number))
}

// handleAdmitted takes the answer to the question that is on its way.
func (c *cell) handleAdmitted(e cells.Env, n cells.Port, r *reader) bool {
	root, in, number := r.name(), r.instance(), r.number()
	if !r.all() {
		return false
	}
	t := c.byRoot[string(root)]
	if t == nil || t.instance != in || !t.asking || t.by != n {
		return true
	}
	t.asking = false
	if t.selfAsked {
		t.admitted, t.floor = true, number
		t.changed()
	}
	for _, p := range t.asked {
		c.admit(e, t, p, number)
	}
	t.asked = t.asked[:0]
	c.maybeAdmit(e, t)
	return true
}
