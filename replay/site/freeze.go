package site

import (
	"encoding/json"
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
)

// frozen is a site at rest, written down.
type frozen struct {
	At     clock.Time
	Inputs uint64
	Events uint64
	Cells  []cells.FrozenCell
	Net    links.Frozen
}

// Freeze gives the complete state of the site, from which [Thaw] makes another
// that goes the same way under the same inputs. It can be had of a site whose
// cells are all Durable and have opened no streams, whenever nothing but timers
// is to come: an error that wraps [cells.ErrNotAtRest] says that it is not so
// now, any other that it never will be.
func (s *Site) Freeze() ([]byte, error) {
	f := frozen{At: s.Now(), Inputs: s.inputs, Events: s.events()}
	armed := 0
	for i := range s.host.Len() {
		ref := cells.CellRef(i)
		if s.host.IsFar(ref) || s.host.Run(ref) == cells.Removed {
			continue
		}
		c, err := s.host.Freeze(ref)
		if err != nil {
			return nil, err
		}
		armed += s.host.Armed(ref)
		f.Cells = append(f.Cells, c)
	}
	var err error
	if f.Net, err = s.net.Freeze(); err != nil {
		return nil, err
	}
	if s.sched.Pending() != armed {
		return nil, fmt.Errorf("site %s: %w: more than timers is to come", s.name, cells.ErrNotAtRest)
	}
	return json.Marshal(f)
}

// Thaw makes the site that was frozen; c is its specification.
func Thaw(c Config, b []byte) (*Site, error) {
	var f frozen
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("site %s: a state that cannot be read: %w", c.Name, err)
	}
	if f.At < 0 || f.At > des.TimeMax {
		return nil, fmt.Errorf("site %s: a state of %s", c.Name, f.At)
	}
	s, err := New(c)
	if err != nil {
		return nil, err
	}
	if err := s.sched.RunUntil(f.At); err != nil {
		return nil, err
	}
	refs := make([]cells.CellRef, len(f.Cells))
	s.sched.Act(des.MakeEntity(des.Timeline, 0), 0, func() { err = s.lay(&f, c, refs) })
	if err == nil {
		err = s.sched.RunUntil(f.At) // what that has scheduled reaches nobody
	}
	if err != nil {
		return nil, fmt.Errorf("site %s: a state that does not fit: %w", c.Name, err)
	}
	for i := range f.Cells {
		if err := s.host.Thaw(refs[i], &f.Cells[i]); err != nil {
			return nil, fmt.Errorf("site %s: %w", c.Name, err)
		}
	}
	s.net.Thaw(&f.Net)
	s.inputs, s.eventsBefore = f.Inputs, f.Events-s.sched.Executed()
	return s, nil
}

// lay adds the cells and links of a frozen site, which hear of nothing yet.
func (s *Site) lay(f *frozen, c Config, refs []cells.CellRef) error {
	for i := range f.Cells {
		spec := f.Cells[i].Spec
		ref, err := s.host.Add(spec, func() (cells.Protocol, error) { return c.Make(spec) })
		if err != nil {
			return err
		}
		for _, p := range f.Cells[i].Ports[min(len(spec.Ports), len(f.Cells[i].Ports)):] {
			s.host.AddStaticPort(ref, p.Name) // that came with links, in their order
		}
		refs[i] = ref
	}
	if err := s.net.Lay(&f.Net); err != nil {
		return err
	}
	for _, ref := range refs {
		s.host.Silence(ref)
	}
	return nil
}
