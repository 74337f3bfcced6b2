package scenarios

import (
	"errors"
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// What a test asks of a world between events. None of it is part of the
// scenario: a run that was acted on from here is repeated by its test, not by
// its file.

// Compile makes a condition over the scenario's cells and links, to be asked
// with [World.Holds].
func (s *Scenario) Compile(text string) (*Condition, error) {
	if s.scope == nil {
		return nil, fmt.Errorf("condition %q: the scenario was not built from a source", text)
	}
	return compile(text, s.scope)
}

// Holds says whether a condition holds now.
func (w *World) Holds(c *Condition) (bool, error) {
	x := &watched{scene: stage{w}, cond: c, last: make([]Value, len(c.Watch))}
	for i := range c.Watch {
		q := &c.Watch[i]
		if ref, ok := w.host.Find(q.Cell); q.Cell != "" && ok {
			w.host.Watch(ref, q.Attr)
		}
		if w.side != nil {
			w.side.watch(q)
		}
	}
	return x.holds()
}

// ErrParallel says that a world whose partitions run side by side cannot be
// driven from event to event, or acted on between two.
var ErrParallel = errors.New("the world runs in parallel: it takes no acts from outside, and is run by Advance alone")

// AdvanceUntil runs the world until a condition holds at the end of an instant,
// at most for a span. It reports whether it came to hold.
func (w *World) AdvanceUntil(c *Condition, within time.Duration) (bool, error) {
	if w.side != nil {
		return false, ErrParallel
	}
	to := min(w.Now().Add(within), w.Scenario.Run.Until)
	for {
		if ok, err := w.Holds(c); ok || err != nil {
			return ok, err
		}
		next := w.sched.Next()
		if next > to || w.Done() {
			w.Advance(to, 0)
			return w.Holds(c)
		}
		w.Advance(next, 0)
	}
}

// AdvanceEvents runs the world for a number of events and reports how many
// there were; where partitions run side by side, to the end of a window at
// least.
func (w *World) AdvanceEvents(n uint64) uint64 {
	before := w.sched.Executed()
	if w.side != nil {
		if n > 0 {
			w.Advance(w.Scenario.Run.Until, n)
		}
		return w.sched.Executed() - before
	}
	for range n {
		if w.Done() || !w.sched.Step(w.Scenario.Run.Until) {
			break
		}
	}
	return w.sched.Executed() - before
}

// Apply carries out changes now, as the next batch.
func (w *World) Apply(changes ...cells.Change) error {
	if w.side != nil {
		return ErrParallel
	}
	err := w.net.Apply(w.net.Version()+1, changes)
	w.acted(err == nil)
	return err
}

// Command gives a cell a command now.
func (w *World) Command(cell cells.ID, args ...string) (string, error) {
	if w.side != nil {
		return "", ErrParallel
	}
	answer, err := w.net.Command(cell, args)
	w.acted(false)
	return answer, err
}

// acted makes the world look at what an act from outside has changed.
func (w *World) acted(fault bool) {
	if fault {
		w.court.Faulted(w.sched.Now())
	}
	w.court.Watch()
	w.sched.Touch()
}

// Attr is an attribute that a cell shows.
func (w *World) Attr(cell cells.ID, name string) (cells.Attr, bool) {
	ref, ok := w.host.Find(cell)
	if !ok {
		return cells.Attr{}, false
	}
	for _, a := range w.host.AppendState(ref, nil) {
		if a.Name == name {
			return a, true
		}
	}
	return cells.Attr{}, false
}

// Failure is the first failure so far; nil while all is well.
func (w *World) Failure() *Failure { return w.court.Failure() }

// SetUntil moves the end of the run, for worlds that a test drives by itself.
func (w *World) SetUntil(t clock.Time) {
	sc := *w.Scenario
	sc.Run.Until = min(t, des.TimeMax)
	w.Scenario = &sc
}
