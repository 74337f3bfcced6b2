package simrapid

import (
	"fmt"
	"time"

	"example.com/dsim/des"
	"example.com/dsim/scenarios"
	"pgregory.net/rapid"
)

// Plan says what kinds of worlds are drawn.
type Plan struct {
	Name  string
	Cells [2]int // how many, least and most; at least 1
	// Shape says which cells are joined; nil draws a tree. Smaller worlds have
	// the same shape.
	Shape Shape
	// Extra is how many links at most are added to those of the shape.
	Extra int
	// Cell gives the protocol of the i-th cell, named c0, c1, …, and its
	// parameters.
	Cell func(rt *rapid.T, i int) (protocol string, params []string)
	// Link gives the parameters of a link; nil for none.
	Link func(rt *rapid.T) []string
	// Faults are the families to draw from; none are injected without.
	Faults []Fault
	// Times is how many faults there are at most; default 6.
	Times int
	// Commands gives what may be told to a cell; nil for nothing.
	Commands func(rt *rapid.T, cell string) string
	// Stop is when faults and commands end at the latest, Until the run.
	Stop, Until time.Duration
	Expect      []string
	Ties        string // fifo or shuffled; empty draws it
}

// Fault is one family of faults.
type Fault struct {
	Name string
	Draw func(rt *rapid.T, w *World, at time.Duration)
}

// World is a drawn world: what it is made of, and the scenario it makes.
type World struct {
	*scenarios.Builder
	Seed    des.Seed
	Cells   []string
	Links   []Link
	stop    time.Duration
	ports   []int
	crashed map[string]bool
}

// Link is a link of a drawn world, by the numbers of its cells.
type Link struct {
	Name string
	A, B int
}

// Draw draws a world.
func Draw(rt *rapid.T, p Plan) *World {
	name := p.Name
	if name == "" {
		name = "drawn"
	}
	w := &World{Builder: scenarios.New(name), Seed: Seed(rt), stop: p.Stop}
	n := rapid.IntRange(max(p.Cells[0], 1), max(p.Cells[1], p.Cells[0], 1)).Draw(rt, "cells")
	w.ports = make([]int, n)
	for i := range n {
		id := fmt.Sprintf("c%d", i)
		protocol, params := p.Cell(rt, i)
		w.Cells = append(w.Cells, id)
		w.Cell(id, protocol, params...)
	}
	w.join(rt, &p)
	w.disturb(rt, &p)
	for _, e := range p.Expect {
		w.Expect(e)
	}
	w.Until(p.Until)
	ties := p.Ties
	if ties == "" {
		ties = rapid.SampledFrom([]string{"fifo", "shuffled"}).Draw(rt, "ties")
	}
	w.Run("ties: " + ties)
	return w
}

// Seed draws a seed.
func Seed(rt *rapid.T) des.Seed {
	return des.SeedOf(rapid.Uint64().Draw(rt, "seed"))
}

// join draws the links: those of the shape, then some more.
func (w *World) join(rt *rapid.T, p *Plan) {
	shape := p.Shape
	if shape == nil {
		shape = Tree
	}
	for _, pair := range shape(rt, len(w.Cells)) {
		w.link(rt, p, pair[0], pair[1])
	}
	if len(w.Cells) < 2 || p.Extra == 0 {
		return
	}
	for range rapid.IntRange(0, p.Extra).Draw(rt, "extra links") {
		a := rapid.IntRange(0, len(w.Cells)-2).Draw(rt, "a")
		b := rapid.IntRange(a+1, len(w.Cells)-1).Draw(rt, "b")
		w.link(rt, p, a, b)
	}
}

func (w *World) link(rt *rapid.T, p *Plan, a, b int) {
	var params []string
	if p.Link != nil {
		params = p.Link(rt)
	}
	l := Link{fmt.Sprintf("l%d", len(w.Links)), a, b}
	w.Links = append(w.Links, l)
	w.Builder.Link(l.Name, w.port(a), w.port(b), params...)
}

// port takes the next port of a cell.
func (w *World) port(i int) string {
	w.ports[i]++
	return fmt.Sprintf("%s:p%d", w.Cells[i], w.ports[i]-1)
}

// disturb draws faults and commands and their times.
func (w *World) disturb(rt *rapid.T, p *Plan) {
	times := p.Times
	if times == 0 {
		times = 6
	}
	if len(p.Faults) > 0 {
		for range rapid.IntRange(0, times).Draw(rt, "faults") {
			f := rapid.SampledFrom(p.Faults).Draw(rt, "fault")
			f.Draw(rt, w, w.At(rt))
		}
	}
	if p.Commands == nil {
		return
	}
	for range rapid.IntRange(0, times).Draw(rt, "commands") {
		cell := rapid.SampledFrom(w.Cells).Draw(rt, "cell")
		if words := p.Commands(rt, cell); words != "" {
			w.Do(w.At(rt), fmt.Sprintf("cell: %s, command: %q", cell, words))
		}
	}
}

// At draws a time before the faults end, in steps of a millisecond.
func (w *World) At(rt *rapid.T) time.Duration {
	return time.Duration(rapid.Int64Range(0, w.stop.Milliseconds()).Draw(rt, "at")) * time.Millisecond
}

// For draws how long a fault lasts, so that it ends by the time faults end.
func (w *World) For(rt *rapid.T, at time.Duration) time.Duration {
	left := max((w.stop - at).Milliseconds(), 1)
	return time.Duration(rapid.Int64Range(1, left).Draw(rt, "for")) * time.Millisecond
}
