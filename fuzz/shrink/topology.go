package shrink

import (
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// named are the cells and the links that are there at first, in order.
func named(sc *scenarios.Scenario) (ids []cells.ID, links []string) {
	for i := range sc.Initial {
		switch c := &sc.Initial[i]; c.Op {
		case cells.AddCell:
			ids = append(ids, c.Cell.ID)
		case cells.AddLink:
			links = append(links, c.Link.Name)
		}
	}
	return ids, links
}

// cells takes cells away, with their links and with what speaks of either.
func (s *shrinker) cells() {
	if s.strict() {
		return
	}
	list := func() []cells.ID { ids, _ := named(s.out.Result.Scenario); return ids }
	s.chunks(func() int { return len(list()) }, func(i, j int) bool {
		gone := list()[i:j]
		return s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
			ids, _ := named(sc)
			return len(gone) < len(ids) && without(sc, gone, nil)
		})
	})
}

// links takes links away.
func (s *shrinker) links() {
	if s.strict() {
		return
	}
	list := func() []string { _, names := named(s.out.Result.Scenario); return names }
	s.chunks(func() int { return len(list()) }, func(i, j int) bool {
		gone := list()[i:j]
		return s.try(func(sc *scenarios.Scenario, _ *repro.World) bool { return without(sc, nil, gone) })
	})
}

// joins takes a cell out of the middle of a path, and joins its neighbours.
func (s *shrinker) joins() {
	ids, _ := named(s.out.Result.Scenario)
	for _, id := range ids {
		if s.strict() {
			return
		}
		s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
			var at []*cells.LinkSpec
			for i := range sc.Initial {
				if l := &sc.Initial[i].Link; sc.Initial[i].Op == cells.AddLink && (l.A.Cell == id || l.B.Cell == id) {
					at = append(at, l)
				}
			}
			if len(at) != 2 || at[0].Stream != at[1].Stream || at[0].A.Cell == at[0].B.Cell {
				return false
			}
			far := at[1].A
			if far.Cell == id {
				far = at[1].B
			}
			if at[0].A.Cell == id {
				at[0].A = far
			} else {
				at[0].B = far
			}
			return at[0].A.Cell != at[0].B.Cell && without(sc, []cells.ID{id}, []string{at[1].Name})
		})
	}
}

// remover takes cells and links out of a scenario.
type remover struct {
	cells map[cells.ID]bool
	links map[string]bool
}

// without takes cells and links out of a scenario, the links of the cells, and
// all that speaks of any of these. It is false if nothing is left.
func without(sc *scenarios.Scenario, ids []cells.ID, names []string) bool {
	r := &remover{make(map[cells.ID]bool), make(map[string]bool)}
	for _, id := range ids {
		r.cells[id] = true
	}
	for _, name := range names {
		r.links[name] = true
	}
	sc.Initial = slices.DeleteFunc(slices.Clone(sc.Initial), r.change)
	for i := range sc.Timeline {
		a := &sc.Timeline[i]
		a.Steps = slices.DeleteFunc(slices.Clone(a.Steps), func(x scenarios.Step) bool { return r.stepEmpty(&x) })
		for j := range a.Steps {
			r.step(&a.Steps[j])
		}
	}
	sc.Timeline = slices.DeleteFunc(slices.Clone(sc.Timeline), func(a scenarios.Action) bool {
		return len(a.Steps) == 0 && !a.Stop || r.speaks(a.Trigger.Cond)
	})
	sc.Expect = slices.DeleteFunc(slices.Clone(sc.Expect), func(e scenarios.Expectation) bool { return r.speaks(e.Cond) })
	return len(sc.Initial) > 0
}

// change reports whether a change is of something that goes.
func (r *remover) change(c cells.Change) bool {
	switch c.Op {
	case cells.AddCell, cells.RemoveCell, cells.SetCell:
		return r.cells[c.Cell.ID]
	case cells.AddLink:
		if r.cells[c.Link.A.Cell] || r.cells[c.Link.B.Cell] {
			r.links[c.Link.Name] = true
		}
	}
	return r.links[c.Link.Name]
}

func (r *remover) speaks(c *scenarios.Condition) bool {
	return c != nil && slices.ContainsFunc(c.Watch, func(w scenarios.Watch) bool { return r.cells[w.Cell] || r.links[w.Link] })
}

// step takes out of a step what goes.
func (r *remover) step(x *scenarios.Step) {
	x.Changes = slices.DeleteFunc(slices.Clone(x.Changes), r.change)
	if x.Select != nil {
		sel := *x.Select
		sel.Groups = r.groups(sel.Groups)
		x.Select = &sel
	}
}

func (r *remover) groups(list [][]cells.ID) (out [][]cells.ID) {
	for _, g := range list {
		g = slices.DeleteFunc(slices.Clone(g), func(id cells.ID) bool { return r.cells[id] })
		if len(g) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// stepEmpty reports whether nothing is left of a step.
func (r *remover) stepEmpty(x *scenarios.Step) bool {
	switch {
	case x.Command != nil:
		return r.cells[x.Command.Cell]
	case x.Select != nil && x.Select.Groups != nil:
		return len(r.groups(x.Select.Groups)) < 2
	case x.Select != nil || len(x.Changes) == 0:
		return false
	}
	return !slices.ContainsFunc(x.Changes, func(c cells.Change) bool { return !r.change(c) })
}

// ports takes away ports that no link is at.
func (s *shrinker) ports() {
	ids, _ := named(s.out.Result.Scenario)
	for i := range ids {
		s.try(func(sc *scenarios.Scenario, _ *repro.World) bool {
			used := make(map[cells.Endpoint]bool)
			take := func(list []cells.Change) {
				for j := range list {
					used[list[j].Link.A], used[list[j].Link.B] = true, true
				}
			}
			take(sc.Initial)
			for j := range sc.Timeline {
				for k := range sc.Timeline[j].Steps {
					take(sc.Timeline[j].Steps[k].Changes)
				}
			}
			c := &sc.Initial[i].Cell
			n := len(c.Ports)
			c.Ports = slices.DeleteFunc(slices.Clone(c.Ports), func(p string) bool { return !used[cells.Endpoint{Cell: c.ID, Port: p}] })
			return len(c.Ports) < n
		})
	}
}
