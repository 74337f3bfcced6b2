package swarm

import (
	"context"
	"math"
	"math/bits"
	"strings"

	"example.com/dsim/des"
	"example.com/dsim/fuzz/explore"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
	"pgregory.net/rapid"
)

// Options change what is drawn, and where failures are kept.
type Options struct {
	Set      []string            // overrides of the scenario, "links.ab.loss=5%"
	Registry *scenarios.Registry // of protocols; nil for the default
	Liveness explore.Liveness    // how the faults of all worlds end; empty for as the scenario says
	// Folder is where Check keeps a failure; empty for testdata.
	Folder string
}

// Swarm is what worlds of one scenario are drawn from.
type Swarm struct {
	opt      Options
	x        *explore.Explorer
	families []explore.Family
}

// Load looks at a scenario file: whether it can be run, for how long it is busy,
// and what can be harmed.
func Load(path string, opt Options) (*Swarm, error) {
	src, err := scenarios.Load(path)
	if err != nil {
		return nil, err
	}
	return New(src, opt)
}

// New is Load of a scenario that is at hand.
func New(src *scenarios.Source, opt Options) (*Swarm, error) {
	x, err := explore.New(context.Background(), explore.Options{
		Source: src, Set: opt.Set, First: 1, Last: 1, Liveness: opt.Liveness, Registry: opt.Registry,
	})
	if err != nil {
		return nil, err
	}
	return &Swarm{opt: opt, x: x, families: x.Families()}, nil
}

// World is a drawn world, and what was done to the scenario to make it.
type World struct {
	repro.World
	Plan *explore.Plan
}

// Draw draws a world. The least draws are the scenario as it is written.
func (s *Swarm) Draw(rt *rapid.T) *World {
	seed := des.SeedOf(rapid.Uint64().Draw(rt, "seed"))
	c := &chance{rt: rt}
	d := s.x.Drawing(c, rapid.IntRange(0, 3).Draw(rt, "left open") == 3)
	if len(s.families) > 0 {
		rapid.SliceOfN(s.family(c, d), 0, len(s.families)).Draw(rt, "faults")
	}
	w := &World{}
	rapid.Custom(func(rt *rapid.T) string {
		c.rt = rt
		w.Plan = d.Plan()
		all := strings.Split(w.Plan.String(), "\n")
		return all[len(all)-1]
	}).Draw(rt, "end")
	made, err := s.x.Make(seed, w.Plan)
	if err != nil {
		rt.Fatalf("%v\n%s", err, w.Plan)
	}
	w.World = made
	return w
}

// family draws the faults of one family, one of those that are on. What it gives
// is for people: the faults are part of the drawing.
func (s *Swarm) family(c *chance, d *explore.Drawing) *rapid.Generator[[]string] {
	return rapid.Custom(func(rt *rapid.T) []string {
		c.rt = rt
		f := s.families[c.N(uint64(len(s.families)))]
		one := rapid.Custom(func(rt *rapid.T) string {
			c.rt = rt
			x, ok := d.Fault(f.Name)
			if !ok {
				rapid.Bool().Draw(rt, "nowhere") // rapid wants a draw of everything it may take away
				return f.Name + ", nowhere"
			}
			return x.String()
		})
		return rapid.SliceOfN(one, f.Least, f.Most).Draw(rt, f.Name)
	})
}

// chance makes draws of rapid's of what a plan is drawn from.
type chance struct{ rt *rapid.T }

// fewMax is below how many choices rapid may favour the first.
const fewMax = 4

// N draws one of 0 … n-1.
func (c *chance) N(n uint64) uint64 {
	switch {
	case n == 2:
		if rapid.Bool().Draw(c.rt, "one of 2") {
			return 1
		}
		return 0
	case n <= fewMax:
		return rapid.Uint64Range(0, n-1).Draw(c.rt, "one of few")
	}
	return c.even(n)
}

// Int64 draws one of least … most; those nearest to 0 are the simplest.
func (c *chance) Int64(least, most int64) int64 {
	if least < 0 {
		return rapid.Int64Range(least, most).Draw(c.rt, "number")
	}
	return least + int64(c.even(uint64(most-least)+1))
}

// even draws one of 0 … n-1, each as likely as any other. Whole numbers of
// rapid's are mostly small: most levels would be the mildest, and most faults in
// the first moment. Its fractions are even, and those with few digits simple.
func (c *chance) even(n uint64) uint64 {
	const digits = 52 // of a float64 from 1 to 2, behind the point
	f := rapid.Float64Range(1, math.Nextafter(2, 1)).Draw(c.rt, "part")
	part, _ := bits.Mul64(math.Float64bits(f)<<(64-digits), n)
	return part
}
