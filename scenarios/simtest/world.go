package simtest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/links"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

// World is a world under test: what fails, fails the test.
type World struct {
	*scenarios.World
	testing.TB

	path   string
	done   bool
	writer *replay.Writer
	memory bytes.Buffer
}

// For runs the world for a span.
func (w *World) For(d time.Duration) {
	w.Helper()
	w.Advance(w.Now().Add(d), 0)
	w.sound()
}

// Events runs the world for a number of events.
func (w *World) Events(n uint64) {
	w.Helper()
	w.AdvanceEvents(n)
	w.sound()
}

// Until runs the world until a condition holds; the test fails if it does not
// within a span.
func (w *World) Until(condition string, within time.Duration) {
	w.Helper()
	c := w.compile(condition)
	from := w.Now()
	ok, err := w.AdvanceUntil(c, within)
	if err != nil {
		w.Fatal(err)
	}
	w.sound()
	if !ok {
		w.Fatalf("%s: not within %s after %s", condition, within, from)
	}
}

// Want fails the test unless a condition holds now.
func (w *World) Want(condition string) {
	w.Helper()
	ok, err := w.Holds(w.compile(condition))
	if err != nil {
		w.Fatal(err)
	}
	if !ok {
		w.Errorf("at %s: want %s", w.Now(), condition)
	}
}

func (w *World) compile(condition string) *scenarios.Condition {
	w.Helper()
	c, err := w.Scenario.Compile(condition)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// sound fails the test if something has gone wrong that no run survives, or if
// an expectation has failed.
func (w *World) sound() {
	w.Helper()
	if err := w.Scheduler().Err(); err != nil {
		w.Fatal(err)
	}
	if f := w.World.Failure(); f != nil && f.Property != w.Scenario.Fails {
		w.Fatal(f)
	}
}

// Command gives a cell a command and returns its answer.
func (w *World) Command(cell, words string) string {
	w.Helper()
	answer, err := w.World.Command(cells.ID(cell), strings.Fields(words)...)
	if err != nil {
		w.Fatal(err)
	}
	return answer
}

// Apply carries out changes as one batch.
func (w *World) Apply(changes ...cells.Change) {
	w.Helper()
	if err := w.World.Apply(changes...); err != nil {
		w.Fatal(err)
	}
}

// SetLink sets parameters of both directions of a link: "cut=lost", "loss=50%".
func (w *World) SetLink(name string, params ...string) {
	w.Helper()
	w.Apply(cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: name, Both: scenarios.ParseParams(params...)}})
}

// AddCell adds a cell with parameters as "role=sender".
func (w *World) AddCell(name, protocol string, params ...string) {
	w.Helper()
	w.Apply(cells.Change{Op: cells.AddCell, Cell: cells.CellSpec{
		ID: cells.ID(name), Protocol: protocol, Params: scenarios.ParseParams(params...),
	}})
}

// RemoveCell removes a cell and its links.
func (w *World) RemoveCell(name string) {
	w.Helper()
	w.Apply(cells.Change{Op: cells.RemoveCell, Cell: cells.CellSpec{ID: cells.ID(name)}})
}

// AddLink adds a link between two ports, as "cell:port".
func (w *World) AddLink(name, one, two string, params ...string) {
	w.Helper()
	w.Apply(cells.Change{Op: cells.AddLink, Link: cells.LinkSpec{
		Name: name, A: scenarios.ParseEnd(one), B: scenarios.ParseEnd(two), Both: scenarios.ParseParams(params...),
	}})
}

// RemoveLink removes a link.
func (w *World) RemoveLink(name string) {
	w.Helper()
	w.Apply(cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: name}})
}

// Crash and Restart end a cell's life and begin another.
func (w *World) Crash(cell string) { w.Helper(); w.setRun(cell, "crash") }

// Restart begins a new life of a crashed cell, without its state.
func (w *World) Restart(cell string) { w.Helper(); w.setRun(cell, "restart") }

func (w *World) setRun(cell, what string) {
	w.Helper()
	w.Apply(cells.Change{Op: cells.SetCell, Cell: cells.CellSpec{
		ID: cells.ID(cell), Params: []cells.Param{{Name: cells.SetRun, Value: what}},
	}})
}

// Int is a number that a cell shows, as "cell.attribute".
func (w *World) Int(name string) int64 {
	w.Helper()
	return w.attr(name).Int
}

// Text is text that a cell shows, as "cell.attribute".
func (w *World) Text(name string) string {
	w.Helper()
	return w.attr(name).Text
}

func (w *World) attr(name string) cells.Attr {
	w.Helper()
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		w.Fatalf("attribute %q: want cell.attribute", name)
	}
	a, ok := w.World.Attr(cells.ID(name[:i]), name[i+1:])
	if !ok {
		w.Fatalf("no attribute %s", name)
	}
	return a
}

// Counts are what both directions of a link have counted.
func (w *World) Counts(link string) links.Counts {
	w.Helper()
	c, ok := w.Network().Link(link)
	if !ok {
		w.Fatalf("no link %s", link)
	}
	return c[0].Add(c[1])
}

// Done ends the test's run here: the rest of the scenario does not happen, and
// its expectations are not judged.
func (w *World) Done() { w.done = true }
