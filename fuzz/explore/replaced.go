package explore

import (
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/scenarios"
)

// replaced is a link that the timeline removes once, and adds again once, both
// at fixed times. It cannot be cut or held, which it would have to be there for;
// but it can be a bad link, before and after.
type replaced struct {
	removed, added clock.Time
	again          cells.LinkSpec // as it is added
}

// replacedLinks are these links, by name.
func replacedLinks(sc *scenarios.Scenario) map[string]replaced {
	type times struct{ removes, adds int }
	all, count := make(map[string]replaced), make(map[string]times)
	cellsGone, loose := make(map[cells.ID]bool), make(map[string]bool)
	for i := range sc.Timeline {
		a := &sc.Timeline[i]
		for j := range a.Steps {
			at := a.Trigger.From.Add(a.Steps[j].After)
			for _, c := range a.Steps[j].Changes {
				name := c.Link.Name
				n, r := count[name], all[name]
				switch c.Op {
				case cells.RemoveCell:
					cellsGone[c.Cell.ID] = true
					continue
				case cells.RemoveLink:
					n.removes++
					r.removed = at
				case cells.AddLink:
					n.adds++
					r.added, r.again = at, c.Link
				default:
					continue
				}
				count[name], all[name] = n, r
				loose[name] = loose[name] || a.Trigger.Kind != scenarios.At
			}
		}
	}
	first := make(map[string]bool)
	for i := range sc.Initial {
		c := &sc.Initial[i]
		e := ends(&c.Link)
		first[c.Link.Name] = first[c.Link.Name] || c.Op == cells.AddLink && !cellsGone[e[0]] && !cellsGone[e[1]]
	}
	for name, n := range count { // each by itself, in any order
		if r := all[name]; !first[name] || loose[name] || n != (times{1, 1}) || r.added <= r.removed {
			delete(all, name)
		}
	}
	return all
}

// harm sets a parameter of a link that is added.
func (f *Fault) harm(l *cells.LinkSpec, set []cells.Param) {
	l.Both, l.AB, l.BA = slices.Clone(l.Both), slices.Clone(l.AB), slices.Clone(l.BA)
	for _, p := range set {
		switch f.Side {
		case scenarios.SideAB:
			l.AB = with(l.AB, p)
		case scenarios.SideBA:
			l.BA = with(l.BA, p)
		default:
			l.Both = with(l.Both, p)
			l.AB, l.BA = without(l.AB, p.Name), without(l.BA, p.Name)
		}
	}
}

// harmAgain sets a parameter of a link that is added again before the faults
// end, and gives what of it is to be restored then; nil if it is not there.
func (f *folder) harmAgain(x *Fault, was *cells.LinkSpec, set []cells.Param) *cells.LinkSpec {
	r, ok := f.replaced[was.Name]
	switch {
	case !ok || f.until < r.removed:
		return was
	case f.until < r.added:
		return nil
	}
	for i := range f.out.Timeline {
		for j := range f.out.Timeline[i].Steps {
			s := &f.out.Timeline[i].Steps[j]
			k := slices.IndexFunc(s.Changes, func(c cells.Change) bool { return c.Op == cells.AddLink && c.Link.Name == was.Name })
			if k >= 0 {
				s.Changes = slices.Clone(s.Changes)
				x.harm(&s.Changes[k].Link, set)
			}
		}
	}
	return &r.again
}
