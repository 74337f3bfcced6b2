package repro

import (
	"context"
	"fmt"
	"slices"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

// World is a world to run: everything that decides how it goes. Worlds are
// values; whoever changes one clones it first.
type World struct {
	Name string   // what errors call the scenario: "lossy.yaml"
	Text []byte   // the scenario, whole
	Set  []string // overrides, "links.ab.loss=5%"
	Seed des.Seed
	// Choices are what is not drawn: values of drawn options, and, with Served,
	// the verdicts of links.
	Choices []Choice
	// Served says that the choices hold all verdicts: each frame they do not
	// name is delivered plainly. Without it, verdicts are drawn by the seed.
	Served bool
	// Ties is fifo or shuffled; empty for what the scenario says.
	Ties string
	// Beyond lets the run go on past its first failure, to find a second one.
	Beyond bool
}

// Choice is a decision of chance, addressed by name and occurrence.
type Choice struct {
	What   string // Verdict or Option
	Where  string // the link direction or the option: "ab>", "links.ab.loss"
	N      uint64 // the frame's number; 0 of an option
	Value  string // "drop:loss", "flip:3,77 dup:1", "3.2%"
	Anchor Anchor // what helps to find a verdict's frame again
}

// What a choice is about.
const (
	Verdict = "verdict"
	Option  = "option"
)

// Anchor is what a frame was like when a verdict fell on it. The zero Anchor
// says nothing.
type Anchor struct {
	At   clock.Time // when it was sent
	Size int        // its bytes
	Hash uint64     // of its bytes
}

// String is the choice in words: "verdict ab> #17: drop:loss".
func (c Choice) String() string {
	d := c.des()
	return replay.ChoiceText(&d)
}

func (c Choice) des() des.Choice {
	return des.Choice{What: c.What, Where: c.Where, N: c.N, Value: c.Value}
}

// Clone is a copy that shares nothing with w, the text aside, which nobody
// changes in place.
func (w World) Clone() World {
	w.Set = slices.Clone(w.Set)
	w.Choices = slices.Clone(w.Choices)
	return w
}

// Verdicts are the choices that are verdicts, in their order.
func (w World) Verdicts() []Choice { return only(w.Choices, Verdict) }

func only(list []Choice, what string) (out []Choice) {
	for _, c := range list {
		if c.What == what {
			out = append(out, c)
		}
	}
	return out
}

// Options say how a world is run and watched.
type Options struct {
	// Registry knows the protocols and properties; nil for the default.
	Registry *scenarios.Registry
	// Records takes every record; nil for none.
	Records des.Sink
	// Choices collects what was chosen, with anchors, in Outcome.Choices.
	Choices bool
	// Serve gives verdicts in place of the world's own choices; nil for those.
	Serve scenarios.Served
	// Full folds whole payloads into the digest.
	Full bool
	// Watch is called with the world before its first event; nil for nothing.
	Watch func(*scenarios.World)
}

// Outcome is how a world came out.
type Outcome struct {
	World    World
	Result   *scenarios.Result
	Failures []Failed // each in another way, in the order of time
	Digest   des.Digest
	// Choices are the choices made, if they were asked for: options, then
	// verdicts that are not plain delivery, in the order they fell.
	Choices []Choice
	// Unused are the served verdicts nobody asked for: their direction has not
	// sent that many frames, or there is none of that name.
	Unused []Choice
	sent   map[string]uint64 // frames by direction; with Choices
}

// Failed is one way in which a world failed.
type Failed struct {
	Signature Signature
	Mode      string // of the expectation: always, never, …; empty for what every run is judged by
	Failure   *scenarios.Failure
}

// Find gives the failure with a signature, nil if there is none.
func (o *Outcome) Find(s Signature) *Failed {
	for i := range o.Failures {
		if o.Failures[i].Signature == s {
			return &o.Failures[i]
		}
	}
	return nil
}

// Scenario builds the world's scenario. An error wraps scenarios.ErrServed if
// it is an option that does not apply.
func (w World) Scenario(reg *scenarios.Registry) (*scenarios.Scenario, error) {
	src, err := scenarios.Parse(w.Name, w.Text)
	if err != nil {
		return nil, err
	}
	set := slices.Clone(w.Set)
	if w.Ties != "" {
		set = append(set, "run.ties="+w.Ties)
	}
	if w.Beyond {
		set = append(set, "run.stop=never")
	}
	opt := scenarios.BuildOptions{Seed: w.Seed, Set: set, Registry: reg}
	for _, c := range w.Choices {
		if c.What == Option {
			if opt.Served == nil {
				opt.Served = make(map[string]string)
			}
			opt.Served[c.Where] = c.Value
		}
	}
	return src.Build(opt)
}

// With is the world of an edited scenario, one that Scenario gave: its text is
// written anew, with overrides, ties and the values of options in it. What is
// served of links stays, though a choice may name what is there no more.
func (w World) With(sc *scenarios.Scenario) (World, error) {
	edited := *sc
	if w.Beyond {
		edited.Run.NoStop = false // that is said by the world
	}
	text, err := scenarios.Encode(&edited)
	if err != nil {
		return w, err
	}
	w.Text, w.Set, w.Ties, w.Choices = text, nil, "", w.Verdicts()
	return w, nil
}

// slice is how many events are run between two looks at the context.
const slice = 1 << 14

// Run runs the world to its end. An error says that it could not be run, or
// that ctx ended first; how it went is in the Outcome.
func (w World) Run(ctx context.Context, opt Options) (*Outcome, error) {
	sc, err := w.Scenario(opt.Registry)
	if err != nil {
		return nil, err
	}
	return w.run(ctx, sc, opt)
}

func (w World) run(ctx context.Context, sc *scenarios.Scenario, opt Options) (*Outcome, error) {
	wo := scenarios.WorldOptions{Registry: opt.Registry, Records: opt.Records, Full: opt.Full}
	out := &Outcome{World: w}
	var served *replay.Served
	switch {
	case opt.Serve != nil:
		wo.Serve = opt.Serve
	case w.Served:
		list := make([]des.Choice, 0, len(w.Choices))
		for _, c := range w.Choices {
			if c.What == Verdict {
				list = append(list, c.des())
			}
		}
		served = replay.Serve(list)
		wo.Serve = served
	}
	var g *gatherer
	if opt.Choices {
		g = &gatherer{next: opt.Records, last: make(map[string]sent), sent: make(map[string]uint64)}
		wo.Records, wo.Choices = g, g
	}
	world, err := scenarios.NewWorld(sc, wo)
	if err != nil {
		return nil, err
	}
	if opt.Watch != nil {
		opt.Watch(world)
	}
	for !world.Done() && ctx.Err() == nil {
		world.Advance(sc.Run.Until, slice)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: stopped at %s: %w", w.Name, world.Now(), err)
	}
	out.Result = world.Result()
	out.Digest = out.Result.Digest
	out.Failures = failuresOf(out.Result)
	if g != nil {
		out.Choices, out.sent = g.choices, g.sent
	}
	if served != nil {
		for _, u := range served.Unused() {
			i := slices.IndexFunc(w.Choices, func(c Choice) bool { return c.des() == u })
			out.Unused = append(out.Unused, w.Choices[i])
		}
	}
	return out, nil
}

// failuresOf are the failures of a run, each signature once, the first in time
// first. What ended the run stands before what only had not happened by then.
func failuresOf(r *scenarios.Result) (list []Failed) {
	add := func(mode string, f *scenarios.Failure) {
		s := SignatureOf(r.Scenario, f)
		if !slices.ContainsFunc(list, func(x Failed) bool { return x.Signature == s }) {
			list = append(list, Failed{s, mode, f})
		}
	}
	for _, x := range r.Expect {
		if x.Failure != nil {
			add(x.Mode, x.Failure)
		}
	}
	if f := r.Failure; f != nil && !slices.ContainsFunc(list, func(x Failed) bool { return x.Failure == f }) {
		add("", f)
	}
	slices.SortStableFunc(list, func(a, b Failed) int {
		if c := a.Failure.Time - b.Failure.Time; c != 0 {
			return sign(c)
		}
		return a.Failure.Key.Compare(b.Failure.Key)
	})
	return list
}

func sign(t clock.Time) int {
	if t < 0 {
		return -1
	}
	return 1
}
