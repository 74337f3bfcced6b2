package datacenter

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/realnet/socket"
)

// Topology is what there is, as it could be declared again.
func (c *Controller) Topology() Topology {
	c.mu.Lock()
	defer c.mu.Unlock()
	snap := c.model.snapshot()
	t := Topology{Cells: make(map[string]CellBody, len(snap.Cells)), Links: make(map[string]LinkBody, len(snap.Links))}
	for id, s := range c.sites {
		t.Cells[string(id)] = bodyOf(s.spec, s.place)
	}
	for _, l := range snap.Links {
		kept := c.lines[l.Name]
		b := LinkBody{Ends: l.Ends[:], Stream: l.Stream, AB: paramMap(l.AB), BA: paramMap(l.BA)}
		if maps.Equal(b.AB, b.BA) {
			b.Both, b.AB, b.BA = b.AB, nil, nil
		}
		if kept != nil && kept.named {
			b.Wires = kept.wires[:]
		}
		t.Links[l.Name] = b
	}
	return t
}

func bodyOf(s cells.CellSpec, p Place) CellBody {
	b := CellBody{
		Protocol: s.Protocol, Params: paramMap(s.Params), Ports: s.Ports, URL: p.URL, Elsewhere: p.Elsewhere,
	}
	if s.Clock.Drift != 0 {
		b.Drift = des.FormatDrift(s.Clock.Drift)
	}
	if s.Clock.Offset != 0 {
		b.Offset = s.Clock.Offset.String()
	}
	return b
}

// Declare makes the topology what is declared, by one batch of what differs: a
// cell that is to be another is removed and added, since what it is made of is
// fixed for its life; a link that is to do something else is set. Version 0
// stands for the one after the last. It gives the version that holds then, which
// is the one before if nothing differed.
func (c *Controller) Declare(ctx context.Context, version uint64, t Topology) (uint64, error) {
	c.applying.Lock()
	defer c.applying.Unlock()
	b, err := c.difference(t)
	now := c.Version()
	if b.Version = version; version == 0 {
		b.Version = now + 1
	}
	switch {
	case err != nil:
		return now, fmt.Errorf("batch %d: %w", b.Version, err)
	case len(b.Changes) == 0 && (version == 0 || version == now):
		return now, nil
	}
	if err := c.apply(ctx, &b); err != nil {
		return now, err
	}
	return b.Version, nil
}

// difference is the batch that leads from what there is to what is declared.
func (c *Controller) difference(t Topology) (b Batch, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	another := make(map[cells.ID]bool) // cells that go, or are to be others
	for _, name := range slices.Sorted(maps.Keys(t.Cells)) {
		want := t.Cells[name]
		have, there := c.sites[cells.ID(name)]
		if there && sameCell(bodyOf(have.spec, have.place), want) {
			continue
		}
		if there {
			another[have.id] = true
			b.Changes = append(b.Changes, cells.Change{Op: cells.RemoveCell, Cell: cells.CellSpec{ID: have.id}})
		}
		if err := b.add(&ChangeBody{Op: "add-cell", Name: name, Cell: &want}); err != nil {
			return b, err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.sites)) {
		if _, wanted := t.Cells[string(id)]; !wanted {
			another[id] = true
			b.Changes = append(b.Changes, cells.Change{Op: cells.RemoveCell, Cell: cells.CellSpec{ID: id}})
		}
	}
	return b, c.differentLinks(t, another, &b)
}

func (c *Controller) differentLinks(t Topology, another map[cells.ID]bool, b *Batch) error {
	now := make(map[string]cells.LinkStatus)
	for _, l := range c.model.snapshot().Links {
		now[l.Name] = l
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		ends := c.lines[name].ends()
		if _, wanted := t.Links[name]; !wanted && !another[ends[0]] && !another[ends[1]] {
			b.Changes = append(b.Changes, cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: name}})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Links)) {
		want := t.Links[name]
		spec, err := want.spec(name, true)
		if err != nil {
			return err
		}
		ab, ba, err := effective(spec)
		if err != nil {
			return err
		}
		have, there := c.lines[name]
		if there {
			ends := have.ends()
			gone := another[ends[0]] || another[ends[1]]
			switch same := !gone && have.same(spec, want.Wires); {
			case same && slices.Equal(now[name].AB, ab) && slices.Equal(now[name].BA, ba):
				continue
			case same:
				b.Changes = append(b.Changes, cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{
					Name: name, AB: turn(now[name].AB, ab), BA: turn(now[name].BA, ba),
				}})
				continue
			case !gone:
				b.Changes = append(b.Changes, cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: name}})
			}
		}
		if err := b.add(&ChangeBody{Op: "add-link", Name: name, Link: &want}); err != nil {
			return err
		}
	}
	return nil
}

func sameCell(have, want CellBody) bool {
	// Drifts and offsets may be written in many ways: what they mean counts.
	a, errA := have.spec("")
	b, errB := want.spec("")
	for _, s := range []*cells.CellSpec{&a, &b} {
		if len(s.Ports) == 0 {
			s.Ports = nil
		}
	}
	return errA == nil && errB == nil && have.URL == want.URL && have.Elsewhere == want.Elsewhere && reflect.DeepEqual(a, b)
}

// same reports whether a link that is to be is this one, but for what it does.
func (l *line) same(want cells.LinkSpec, wires []socket.Config) bool {
	if l.spec.A != want.A || l.spec.B != want.B || l.spec.Stream != want.Stream {
		return false
	}
	if len(wires) == 0 {
		return !l.named
	}
	return l.named && slices.Equal(l.wires[:], wires)
}
