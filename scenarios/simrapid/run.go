package simrapid

import (
	"fmt"

	"example.com/dsim/scenarios"
	"pgregory.net/rapid"
)

// Build makes the world that was drawn, at time 0.
func (w *World) Build(rt *rapid.T, opt scenarios.WorldOptions) *scenarios.World {
	src, err := w.Source()
	if err != nil {
		rt.Fatalf("%v\n%s", err, w.Text())
	}
	sc, err := src.Build(scenarios.BuildOptions{Seed: w.Seed, Registry: opt.Registry})
	if err != nil {
		rt.Fatalf("%v\n%s", err, w.Text())
	}
	world, err := scenarios.NewWorld(sc, opt)
	if err != nil {
		rt.Fatalf("%v\n%s", err, w.Text())
	}
	return world
}

// Run runs the world to its end and fails the property unless every
// expectation has held. What fails is logged as a scenario that can be saved
// and run by the command.
func Run(rt *rapid.T, w *World) *scenarios.Result {
	return RunWith(rt, w, scenarios.WorldOptions{})
}

// RunWith is Run with a registry or observers of its own.
func RunWith(rt *rapid.T, w *World, opt scenarios.WorldOptions) *scenarios.Result {
	r := w.Build(rt, opt).Run()
	Judge(rt, w, r)
	return r
}

// Judge fails the property unless every expectation has held.
func Judge(rt *rapid.T, w *World, r *scenarios.Result) {
	if r.Verdict == scenarios.Pass {
		return
	}
	text := string(r.Verdict)
	if r.Failure != nil {
		text = r.Failure.String()
	}
	for _, x := range r.Expect {
		if x.Verdict == scenarios.Inconclusive {
			text += fmt.Sprintf("\n%s: %s", x.Text, x.Why)
		}
	}
	rt.Fatalf("%s\nto repeat it, save this scenario and run it: dsim run FILE --seed %s\n%s", text, w.Seed, w.Text())
}
