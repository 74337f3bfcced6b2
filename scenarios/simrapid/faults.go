package simrapid

import (
	"fmt"
	"time"

	"pgregory.net/rapid"
)

// The families of faults. Each ends what it began before Plan.Stop.
var (
	// Cut cuts a link, in one of the ways there are, and heals it.
	Cut = Fault{"cut", func(rt *rapid.T, w *World, at time.Duration) {
		if len(w.Links) == 0 {
			return
		}
		l := rapid.SampledFrom(w.Links).Draw(rt, "link")
		flight := rapid.SampledFrom([]string{"lost", "drain", "hold"}).Draw(rt, "in flight")
		w.Do(at, fmt.Sprintf("cut: {link: %s, in-flight: %s}, for: %s", l.Name, flight, w.For(rt, at)))
	}}
	// OneWay cuts one direction of a link, and heals it.
	OneWay = Fault{"one-way", func(rt *rapid.T, w *World, at time.Duration) {
		if len(w.Links) == 0 {
			return
		}
		l := rapid.SampledFrom(w.Links).Draw(rt, "link")
		way := rapid.SampledFrom([]string{"a->b", "b->a"}).Draw(rt, "direction")
		w.Do(at, fmt.Sprintf("cut: {link: %s, direction: %s}, for: %s", l.Name, way, w.For(rt, at)))
	}}
	// Crash crashes a cell and restarts it without its state.
	Crash = Fault{"crash", func(rt *rapid.T, w *World, at time.Duration) {
		if c := w.victim(rt); c != "" {
			w.Do(at, fmt.Sprintf("crash: %s, for: %s", c, w.For(rt, at)))
		}
	}}
	// Kept crashes a cell and restarts it with the state that it keeps.
	Kept = Fault{"kept", func(rt *rapid.T, w *World, at time.Duration) {
		if c := w.victim(rt); c != "" {
			w.Do(at, "crash: "+c)
			w.Do(at+w.For(rt, at), fmt.Sprintf("restart: {cell: %s, state: kept}", c))
		}
	}}
	// Pause pauses a cell, and lets it go on.
	Pause = Fault{"pause", func(rt *rapid.T, w *World, at time.Duration) {
		if c := w.victim(rt); c != "" {
			w.Do(at, fmt.Sprintf("pause: %s, for: %s", c, w.For(rt, at)))
		}
	}}
	// Noise makes a link worse for a while.
	Noise = Fault{"noise", func(rt *rapid.T, w *World, at time.Duration) {
		if len(w.Links) == 0 {
			return
		}
		l := rapid.SampledFrom(w.Links).Draw(rt, "link")
		loss := rapid.IntRange(1, 60).Draw(rt, "loss")
		w.Do(at, fmt.Sprintf("set: {link: %s, loss: %d%%}", l.Name, loss))
		w.Do(at+w.For(rt, at), fmt.Sprintf("set: {link: %s, loss: 0%%}", l.Name))
	}}
	// AnyFaults are the families that any protocol can meet: not those for
	// which it must keep its state, or bear to be paused.
	AnyFaults = []Fault{Cut, OneWay, Crash, Noise}
)

// victim draws a cell that has not been one before, "" if it has: a cell has at
// most one life after the first, and its faults do not overlap.
func (w *World) victim(rt *rapid.T) string {
	c := rapid.SampledFrom(w.Cells).Draw(rt, "cell")
	if w.crashed[c] {
		return ""
	}
	if w.crashed == nil {
		w.crashed = make(map[string]bool)
	}
	w.crashed[c] = true
	return c
}

// Loss draws links with a delay of 1 to 20 ms, and loss in percent.
func Loss(least, most int) func(*rapid.T) []string {
	return func(rt *rapid.T) []string {
		return []string{
			fmt.Sprintf("delay=%dms", rapid.IntRange(1, 20).Draw(rt, "delay ms")),
			fmt.Sprintf("loss=%d%%", rapid.IntRange(least, most).Draw(rt, "loss %")),
		}
	}
}
