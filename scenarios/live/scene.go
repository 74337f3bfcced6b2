package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
	"example.com/dsim/scenarios"
)

// scene is what the court sees of a live run: the mirrors, as one site.
type scene struct {
	r    *run
	subs []subscription
	by   *mirror // at which something watched has changed last
	deaf bool    // the run is over: nobody is told of emissions
}

type subscription struct {
	kinds []cells.Kind
	f     func(des.Key, cells.Emission)
}

// Subscribe is told of the emissions of all mirrors.
func (s *scene) Subscribe(kinds []cells.Kind, f func(des.Key, cells.Emission)) {
	s.subs = append(s.subs, subscription{kinds, func(k des.Key, e cells.Emission) {
		if !s.deaf {
			f(k, e)
		}
	}})
}

// follow makes a new mirror tell.
func (s *scene) follow(m *mirror) {
	for _, x := range s.subs {
		m.site.Host().Subscribe(x.kinds, x.f)
	}
}

// Watch makes the mirror of a cell, or those of a link, announce changes.
func (s *scene) Watch(q *scenarios.Watch) {
	if q.Cell == "" {
		for _, m := range s.r.merge.links[q.Link] {
			m.site.Network().Watch(q.Link)
		}
		return
	}
	if m := s.r.merge.cells[q.Cell]; m != nil {
		if ref, ok := m.site.Host().Find(q.Cell); ok {
			m.site.Host().Watch(ref, q.Attr)
		}
	}
}

// Read is an attribute of a cell, or what both halves of a link have counted in
// all lives of their processes.
func (s *scene) Read(q *scenarios.Watch, last scenarios.Value) scenarios.Value {
	if q.Cell != "" {
		if m := s.r.merge.cells[q.Cell]; m != nil {
			if ref, ok := m.site.Host().Find(q.Cell); ok {
				if a, ok := m.site.Host().Value(ref, q.Attr); ok {
					return scenarios.AttrOf(a)
				}
			}
		}
		return last
	}
	var sum [2]links.Counts
	known := false
	for _, m := range s.r.merge.links[q.Link] {
		if counts, ok := halves(m.site, q.Link); ok {
			known = true
			for k := range sum {
				sum[k] = sum[k].Add(counts[k])
			}
		}
	}
	if !known {
		return last
	}
	return q.Of(sum)
}

// Snapshot is the mirrors' snapshots as one: each cell as its own site shows it,
// each direction of a link as the site does that sends on it.
func (s *scene) Snapshot() cells.Snapshot {
	g := s.r.merge
	out := cells.Snapshot{Time: g.now}
	seen := make(map[string]int)
	for _, m := range g.all {
		if g.removed[m] {
			continue
		}
		snap := m.site.Network().Snapshot()
		out.Version = max(out.Version, snap.Version)
		for _, c := range snap.Cells {
			if g.cells[c.ID] != m {
				continue // of an earlier life
			}
			if g.crashed[c.ID] {
				c.Run = cells.Crashed
			}
			out.Cells = append(out.Cells, c)
		}
		for _, l := range snap.Links {
			if !s.stands(&l, m) {
				continue
			}
			i, twice := seen[l.Name]
			if !twice {
				seen[l.Name] = len(out.Links)
				out.Links = append(out.Links, l)
				continue
			}
			if g.cells[cellOf(l.Ends[0])] == m {
				out.Links[i].AB = l.AB
			} else {
				out.Links[i].BA = l.BA
			}
		}
	}
	slices.SortFunc(out.Cells, func(a, b cells.CellStatus) int { return strings.Compare(string(a.ID), string(b.ID)) })
	slices.SortFunc(out.Links, func(a, b cells.LinkStatus) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// stands reports whether a link is there, as one of its ends' sites says.
func (s *scene) stands(l *cells.LinkStatus, m *mirror) bool {
	g := s.r.merge
	a, b := g.cells[cellOf(l.Ends[0])], g.cells[cellOf(l.Ends[1])]
	return a != nil && b != nil && (a == m || b == m)
}

// Current is the event of the mirror that was played last, or at which something
// watched has changed last.
func (s *scene) Current() des.Key {
	if s.by == nil {
		return des.Key{}
	}
	return s.by.by()
}

// Who names the owner of an event of the mirror that is played.
func (s *scene) Who(k des.Key) string {
	m := s.r.merge.current
	if k.IsZero() || m == nil {
		return ""
	}
	name := m.site.Network().EntityName(k.Entity)
	switch k.Entity.Class() {
	case des.Cell:
		return strings.TrimPrefix(name, "cell ")
	case des.Direction:
		return fmt.Sprintf("%s#%d at %s", strings.TrimPrefix(name, "link "), links.FrameNumber(k), m)
	}
	return fmt.Sprintf("input %d of %s", k.Seq, m)
}

// Fire puts an action on the agenda. What a condition sets off was due before it
// was seen, by about the hold-back: it is due now, and its later steps are due
// after that.
func (s *scene) Fire(action int, k uint64, at clock.Time) {
	s.r.agenda.fire(action, k, max(at, s.r.clock.Now()))
}

// Survey asks for a look at a structural property.
func (s *scene) Survey(expectation int, at clock.Time) { s.r.merge.look(expectation, at) }

// Failed ends the run a reaction later, unless it is to go on.
func (s *scene) Failed(f *scenarios.Failure) {
	g := s.r.merge
	if s.r.sc.Run.NoStop {
		return
	}
	g.stopAt = min(g.stopAt, max(f.Time.Add(s.r.sc.Run.Reaction), g.now))
}

// states are what all cells show at the end, in the order of names.
func (s *scene) states() []scenarios.CellState {
	var out []scenarios.CellState
	for id, m := range s.r.merge.cells {
		h := m.site.Host()
		ref, ok := h.Find(id)
		if !ok {
			continue
		}
		c := scenarios.CellState{ID: id, Run: h.Run(ref), Fold: h.Fold(ref), Attrs: h.AppendState(ref, nil)}
		if s.r.merge.crashed[id] {
			c.Run = cells.Crashed
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b scenarios.CellState) int { return cmp.Compare(a.ID, b.ID) })
	return out
}
