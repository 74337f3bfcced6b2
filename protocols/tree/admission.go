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
// gathered into one for a while; the answer to it is the answer to all.

// admission is where a cell, and those that asked by it, are.
type admission struct {
	admitted bool
	floor    uint64 // if admitted: only transactions with greater numbers are executed

	want  gathering  // the next question
	by    cells.Port // where those on their way were sent
	asked []question // on their way
}

// gathering is who wants to know.
type gathering struct {
	self   bool
	askers []asker
}

// asker is a neighbour below, and the number of its question.
type asker struct {
	port     cells.Port
	question uint64
}

// question is one that is on its way.
type question struct {
	number uint64
	gathering
}

func (g *gathering) add(h gathering) {
	g.self = g.self || h.self
	g.askers = append(g.askers, h.askers...)
}

func (g *gathering) drop(n cells.Port) {
	g.askers = slices.DeleteFunc(g.askers, func(a asker) bool { return a.port == n })
}

func (g *gathering) some() bool { return g.self || len(g.askers) > 0 }

// maybeAdmit sees to it that a question is sent, if there is any.
func (c *cell) maybeAdmit(e cells.Env, t *tree) {
	if !t.valid {
		return
	}
	if len(t.asked) > 0 && t.by != t.rootward {
		t.again()
	}
	if !t.admitted && !slices.ContainsFunc(t.asked, func(q question) bool { return q.self }) {
		t.want.self = true
	}
	if t.want.some() {
		c.gather(e)
	}
}

// askOn sends the next question, if somebody wants to know.
func (c *cell) askOn(e cells.Env, t *tree) {
	if !t.want.some() {
		return
	}
	c.questions++
	t.by = t.rootward
	t.asked = append(t.asked, question{c.questions, t.want})
	t.want = gathering{}
	e.Send(t.rootward, begin(e.Buf(), wordAdmit).name(t.root).instance(t.instance).number(c.questions))
}

// again puts the questions whose answers will not come to the next.
func (a *admission) again() {
	for _, q := range a.asked {
		a.want.add(q.gathering)
	}
	a.asked = nil
}

// departed forgets a neighbour: what it asked, and what was asked by it.
func (a *admission) departed(n cells.Port) {
	if a.by == n {
		a.again()
	}
	a.want.drop(n)
	for i := range a.asked {
		a.asked[i].drop(n)
	}
}

// handleAdmit takes a question from below.
func (c *cell) handleAdmit(e cells.Env, n cells.Port, r *reader) bool {
	root, in, number := r.name(), r.instance(), r.number()
	if !r.all() {
		return false
	}
	t := c.byRoot[string(root)]
	switch {
	case t == nil || t.instance != in: // who asked will hear of another instance
	case t == c.own:
		c.admit(e, t, asker{n, number}, t.last)
	case len(t.want.askers) < pendingMax:
		t.want.askers = append(t.want.askers, asker{n, number})
		c.maybeAdmit(e, t)
	}
	return true
}

func (c *cell) admit(e cells.Env, t *tree, a asker, floor uint64) {
	e.Send(a.port, begin(e.Buf(), wordAdmitted).name(t.root).instance(t.instance).number(a.question).number(floor))
}

// handleAdmitted takes the answer to a question that is on its way.
func (c *cell) handleAdmitted(e cells.Env, n cells.Port, r *reader) bool {
	root, in, number, floor := r.name(), r.instance(), r.number(), r.number()
	if !r.all() {
		return false
	}
	t := c.byRoot[string(root)]
	if t == nil || t.instance != in {
		return true
	}
	i := slices.IndexFunc(t.asked, func(q question) bool { return q.number == number })
	if i < 0 || t.by != n {
		return true
	}
	q := t.asked[i]
	t.asked = slices.Delete(t.asked, i, i+1)
	if q.self {
		t.admitted, t.floor = true, floor
	}
	for _, a := range q.askers {
		c.admit(e, t, a, floor)
	}
	return true
}
