package mutants

import "example.com/dsim/fuzz/overlay"

// mutant is one mistake.
type mutant struct {
	name  string
	file  string // of the sources
	edits []overlay.Edit
}

const (
	cell      = "protocols/tree/cell.go"
	distance  = "protocols/tree/distance.go"
	admission = "protocols/tree/admission.go"
	state     = "protocols/tree/state.go"
	reliable  = "protocols/neighbour/reliable.go"
)

// firstOf tells neighbours apart by their cell, and not by their port.
const firstOf = `
func (c *cell) firstOf(n cells.Port) cells.Port {
	who, _, _ := strings.Cut(c.ports[n].peer, ":")
	for i := range c.ports {
		if other, _, _ := strings.Cut(c.ports[i].peer, ":"); c.ports[i].up && other == who && who != "" {
			return cells.Port(i)
		}
	}
	return n
}
`

// planted are the mistakes: what outlives what it belongs to, what is lost with
// it, and what is taken for something else.
var planted = []mutant{
	{"a tree that was kept is not named", state, []overlay.Edit{
		{Anchor: "k.Admitted, k.Floor\n	t.started()\n", With: "k.Admitted, k.Floor\n"},
	}},
	{"instances of one second are not in the order of time", cell, []overlay.Edit{
		{Anchor: "instance{uint64(max(e.Now(), 0)), e.Rand", With: "instance{uint64(max(e.Now(), 0)) / 1e9, e.Rand"},
	}},
	{"a neighbour that is gone on one link is gone on all", cell, []overlay.Edit{
		{Anchor: "	c.ports[n].up = false\n	for _, t := range c.trees {\n		c.forget(e, t, n)\n", With: `	c.ports[n].up = false
	for _, t := range c.trees {
		c.forget(e, t, n)
		if m := c.firstOf(n); m != n {
			c.forget(e, t, m)
		}
`},
		{Anchor: "func (c *cell) isUp(", With: firstOf + "\nfunc (c *cell) isUp("},
	}},
	{"a neighbour is told over one link only", cell, []overlay.Edit{
		{Anchor: "mtu: info.MTU}\n	for", With: "mtu: info.MTU}\n	if c.firstOf(n) != n {\n		return\n	}\n	for"},
		{Anchor: "func (c *cell) isUp(", With: firstOf + "\nfunc (c *cell) isUp("},
	}},
	{"an offer is of the first link to its neighbour", distance, []overlay.Edit{
		{Anchor: "	if t == c.own {\n		c.hearOwn(e, in)\n	}\n", With: "	if t == c.own {\n		c.hearOwn(e, in)\n	}\n	n = c.firstOf(n)\n"},
		{Anchor: "// hearOwn takes word", With: firstOf + "\n// hearOwn takes word"},
		overlay.Imports(`"strings"`),
	}},
	{"what was told on one link counts as told on all", distance, []overlay.Edit{
		{Anchor: "	if d.told == now {\n", With: "	if d.told == now || t.end(c.firstOf(n)).told == now {\n"},
		{Anchor: "// hearOwn takes word", With: firstOf + "\n// hearOwn takes word"},
		overlay.Imports(`"strings"`),
	}},
	{"who offers on one link has not joined by another", distance, []overlay.Edit{
		{Anchor: "	c.orphan(e, t, d)\n	c.choose(e, t)\n	return true\n", With: "	c.orphan(e, t, t.end(c.firstOf(n)))\n	c.choose(e, t)\n	return true\n"},
		{Anchor: "// hearOwn takes word", With: firstOf + "\n// hearOwn takes word"},
		overlay.Imports(`"strings"`),
	}},
	{"a question is answered on the first link to who asked", admission, []overlay.Edit{
		{Anchor: "	e.Send(a.port, ", With: "	e.Send(c.firstOf(a.port), "},
		{Anchor: "// handleAdmitted takes the answer", With: firstOf + "\n// handleAdmitted takes the answer"},
		{Anchor: "	\"slices\"\n", With: "	\"slices\"\n	\"strings\"\n"},
	}},
	{"what was acknowledged is free again when the session ends", reliable, []overlay.Edit{
		{Anchor: "	l.texts = append(l.texts, c.waiting[c.head:]...)\n", With: "	l.texts = append(l.texts, c.waiting...)\n"},
		{Anchor: "		p.waiting[p.head+i] = nil\n", With: "		// planted\n"},
	}},
	{"questions of admission are lost with their session", admission, []overlay.Edit{
		{Anchor: "	if a.by == n {\n		a.again()\n	}\n", With: "	// planted\n"},
	}},
}
