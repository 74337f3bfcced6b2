package simrapid

import (
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/scenarios"
	"pgregory.net/rapid"
)

// Machine is a running world whose topology a state-machine test changes, in
// versioned batches and with frames in flight. Its Actions go to rapid's
// Repeat:
//
//	m := simrapid.NewMachine(rt, w, world, protocol)
//	rt.Repeat(m.Actions())
type Machine struct {
	World *scenarios.World

	make  func(rt *rapid.T, i int) (protocol string, params []string)
	link  func(rt *rapid.T) []string
	cells []string
	links []string
	next  int
}

// NewMachine drives a drawn world; cells that are added are made by the plan
// the world was drawn from.
func NewMachine(rt *rapid.T, w *World, p Plan, opt scenarios.WorldOptions) *Machine {
	m := &Machine{World: w.Build(rt, opt), make: p.Cell, link: p.Link, cells: append([]string(nil), w.Cells...), next: len(w.Cells)}
	for _, l := range w.Links {
		m.links = append(m.links, l.Name)
	}
	return m
}

// Actions are what may happen, and what must hold after each: nothing that the
// world expects has failed, and nothing in it has broken.
func (m *Machine) Actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"add-cell":    m.addCell,
		"remove-cell": m.removeCell,
		"add-link":    m.addLink,
		"remove-link": m.removeLink,
		"batch":       m.batch,
		"run":         m.run,
		"":            m.check,
	}
}

func (m *Machine) check(rt *rapid.T) {
	if err := m.World.Scheduler().Err(); err != nil {
		rt.Fatal(err)
	}
	if f := m.World.Failure(); f != nil {
		rt.Fatal(f)
	}
}

func (m *Machine) apply(rt *rapid.T, changes ...cells.Change) {
	if err := m.World.Apply(changes...); err != nil {
		rt.Fatal(err)
	}
}

func (m *Machine) addCell(rt *rapid.T) { m.apply(rt, m.newCell(rt)) }

func (m *Machine) newCell(rt *rapid.T) cells.Change {
	protocol, params := m.make(rt, m.next)
	id := fmt.Sprintf("c%d", m.next)
	m.next++
	m.cells = append(m.cells, id)
	return cells.Change{Op: cells.AddCell, Cell: cells.CellSpec{
		ID: cells.ID(id), Protocol: protocol, Params: scenarios.ParseParams(params...),
	}}
}

func (m *Machine) removeCell(rt *rapid.T) {
	if len(m.cells) < 2 {
		rt.Skip("the last cell stays")
	}
	i := rapid.IntRange(0, len(m.cells)-1).Draw(rt, "cell")
	id := m.cells[i]
	m.cells = append(m.cells[:i:i], m.cells[i+1:]...)
	m.apply(rt, cells.Change{Op: cells.RemoveCell, Cell: cells.CellSpec{ID: cells.ID(id)}})
	m.refresh()
}

// refresh forgets links that went with their cell.
func (m *Machine) refresh() {
	m.links = m.links[:0]
	for _, l := range m.World.Network().Snapshot().Links {
		m.links = append(m.links, l.Name)
	}
}

func (m *Machine) addLink(rt *rapid.T) {
	if len(m.cells) < 2 {
		rt.Skip("a link joins two cells")
	}
	m.apply(rt, m.newLink(rt))
}

func (m *Machine) newLink(rt *rapid.T) cells.Change {
	a := rapid.IntRange(0, len(m.cells)-2).Draw(rt, "a")
	b := rapid.IntRange(a+1, len(m.cells)-1).Draw(rt, "b")
	name := fmt.Sprintf("x%d", m.next)
	m.next++
	m.links = append(m.links, name)
	var params []string
	if m.link != nil {
		params = m.link(rt)
	}
	end := func(i int) cells.Endpoint { return cells.Endpoint{Cell: cells.ID(m.cells[i]), Port: name} }
	return cells.Change{Op: cells.AddLink, Link: cells.LinkSpec{Name: name, A: end(a), B: end(b), Both: scenarios.ParseParams(params...)}}
}

func (m *Machine) removeLink(rt *rapid.T) {
	if len(m.links) == 0 {
		rt.Skip("no link")
	}
	i := rapid.IntRange(0, len(m.links)-1).Draw(rt, "link")
	name := m.links[i]
	m.links = append(m.links[:i:i], m.links[i+1:]...)
	drain := rapid.Bool().Draw(rt, "drain")
	m.apply(rt, cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: name, Drain: drain}})
}

// batch removes a link and adds a cell with a link to it, all at one instant.
func (m *Machine) batch(rt *rapid.T) {
	var changes []cells.Change
	if len(m.links) > 0 {
		name := m.links[len(m.links)-1]
		m.links = m.links[:len(m.links)-1]
		changes = append(changes, cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: name}})
	}
	changes = append(changes, m.newCell(rt), m.newLink(rt))
	m.apply(rt, changes...)
}

// run lets time pass: events, so that the next act falls between two of one
// instant, or a span.
func (m *Machine) run(rt *rapid.T) {
	if rapid.Bool().Draw(rt, "events") {
		m.World.AdvanceEvents(uint64(rapid.IntRange(1, 200).Draw(rt, "how many")))
		return
	}
	d := time.Duration(rapid.IntRange(1, 2000).Draw(rt, "ms")) * time.Millisecond
	m.World.Advance(m.World.Now().Add(d), 0)
}
