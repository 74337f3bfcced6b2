package shrink

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// Options say how much is tried.
type Options struct {
	// Registry knows the protocols and properties; nil for the default.
	Registry *scenarios.Registry
	// Runs bounds how many worlds are run; 0 is 4,000.
	Runs int
	// Over is asked before each run, and ends the search if it says true; nil
	// for never.
	Over func() bool
	// Progress is called now and then with how many worlds were run, and how
	// large the best is.
	Progress func(runs int, best Size)
}

const runsDefault = 4000

// roundsMax bounds how often all passes are gone through.
const roundsMax = 12

// Errors of Run that are about the world.
var (
	ErrPasses = errors.New("the world does not fail so")
	ErrFlaky  = errors.New("two runs of the world were not the same")
)

// Result is the smallest world that was found.
type Result struct {
	World      repro.World
	Signature  repro.Signature
	Failed     repro.Failed
	Digest     des.Digest
	Before     Size
	After      Size
	Runs       int  // worlds that were run
	Whole      bool // nothing more could go; else the budget ended, or ctx
	Neighbours []Neighbour
	// Others are the ways in which the first world fails besides.
	Others []repro.Failed
	reg    *scenarios.Registry
}

// shrinker holds the best world so far.
type shrinker struct {
	ctx     context.Context
	opt     Options
	want    repro.Signature
	best    repro.World
	out     *repro.Outcome
	failed  *repro.Failed
	long    clock.Time // the end of the world as it was given
	events  uint64     // of that world
	runs    int
	tried   map[[sha256.Size]byte]bool // that did not do, or were the best before
	patient *patience                  // nil for a failure of safety
	neutral bool                       // the next world must go exactly as the best does
}

// Run makes a world small that has a failure with a signature. When ctx ends it
// gives the best until then, with ctx's error.
func Run(ctx context.Context, w repro.World, want repro.Signature, opt Options) (*Result, error) {
	if opt.Runs <= 0 {
		opt.Runs = runsDefault
	}
	s := &shrinker{ctx: ctx, opt: opt, want: want, tried: make(map[[sha256.Size]byte]bool)}
	r := &Result{Signature: want, reg: opt.Registry}
	if err := s.begin(w, r); err != nil {
		return nil, err
	}
	r.Whole = s.reduce()
	if !s.over() {
		s.chance()
		r.Whole = s.reduce() && r.Whole
	}
	return r, s.finish(r)
}

// begin runs the world as it is, and takes of chance what mattered.
func (s *shrinker) begin(w repro.World, r *Result) error {
	opt := repro.Options{Registry: s.opt.Registry, Choices: true}
	o, err := w.Run(s.ctx, opt)
	if err != nil {
		return err
	}
	s.runs++
	f := o.Find(s.want)
	if f == nil {
		return fmt.Errorf("%s: %w: %s", w.Name, ErrPasses, s.want)
	}
	for _, x := range o.Failures {
		if x.Signature != s.want {
			r.Others = append(r.Others, x)
		}
	}
	served, so, err := repro.Serve(s.ctx, o, *f, repro.Options{Registry: s.opt.Registry})
	if err != nil {
		return err
	}
	s.runs++
	s.best, s.out, s.failed = served, so, so.Find(s.want)
	// Written anew, everything that makes it fail stands in the text, and what
	// only searches and tables need is left out.
	sc, err := served.Scenario(s.opt.Registry)
	if err != nil {
		return err
	}
	sc.Explore, sc.Study = nil, nil
	sc.Run.NoStop = sc.Run.NoStop || served.Beyond
	plain := served.Clone()
	plain.Beyond = false
	if plain, err = plain.With(sc); err != nil {
		return err
	}
	if o, err = plain.Run(s.ctx, repro.Options{Registry: s.opt.Registry}); err != nil {
		return err
	}
	s.runs++
	if f = o.Find(s.want); f == nil {
		return fmt.Errorf("%s: %w once it is written anew: %s", w.Name, ErrPasses, s.want)
	}
	s.best, s.out, s.failed = plain, o, f
	s.long, s.events = sc.Run.Until, o.Result.Events
	if r.Before, err = s.size(plain, o, f); err != nil {
		return err
	}
	s.patient, err = s.patienceFor(sc)
	return err
}

// finish runs the best twice more, and says what it is.
func (s *shrinker) finish(r *Result) error {
	ended := s.ctx.Err()
	ctx := context.WithoutCancel(s.ctx) // small worlds, whose end is worth waiting for
	s.ctx = ctx
	opt := repro.Options{Registry: s.opt.Registry, Choices: true}
	o, err := s.best.Run(ctx, opt)
	if err != nil {
		return err
	}
	f := o.Find(s.want)
	if f != nil && s.best.Served {
		s.best.Choices = anchoredAnew(s.best.Choices, o.Choices)
	}
	again, err := s.best.Run(ctx, opt)
	if err != nil {
		return err
	}
	s.runs += 2
	if f == nil || again.Find(s.want) == nil || again.Digest != o.Digest {
		return fmt.Errorf("%s: %w", s.best.Name, ErrFlaky)
	}
	r.World, r.Failed, r.Digest = s.best, *f, o.Digest
	if r.After, err = s.size(s.best, o, f); err != nil {
		return err
	}
	if ended == nil {
		r.Neighbours = s.neighbours()
	}
	r.Runs = s.runs
	return ended
}

// anchoredAnew gives choices what their frames are like in the world as it is
// now.
func anchoredAnew(list, made []repro.Choice) []repro.Choice {
	list = slices.Clone(list)
	for i := range list {
		for _, m := range made {
			if m.What == list[i].What && m.Where == list[i].Where && m.N == list[i].N {
				list[i].Anchor = m.Anchor
			}
		}
	}
	return list
}

// over reports whether the search is to end.
func (s *shrinker) over() bool {
	return s.ctx.Err() != nil || s.runs >= s.opt.Runs || s.opt.Over != nil && s.opt.Over()
}

// edit changes a scenario and its world in place. It reports whether there is
// anything to try.
type edit func(sc *scenarios.Scenario, w *repro.World) bool

// try makes another world of the best, and keeps it if it fails as it should.
func (s *shrinker) try(e edit) bool {
	if s.over() {
		return false
	}
	sc := s.model()
	w := s.best.Clone()
	if !e(sc, &w) || s.patient != nil && !s.patient.fair(sc, &w) {
		return false
	}
	next, err := w.With(sc)
	if err != nil {
		return false // no file can say it
	}
	return s.accept(next)
}

// tryNeutral is try for what must make no difference to any event.
func (s *shrinker) tryNeutral(e edit) bool {
	s.neutral = true
	defer func() { s.neutral = false }()
	return s.try(e)
}

// model is the scenario of the best, to be edited.
func (s *shrinker) model() *scenarios.Scenario {
	sc, err := s.best.Scenario(s.opt.Registry)
	if err != nil {
		panic(fmt.Sprintf("shrink: a world that was run cannot be built: %v", err))
	}
	return sc
}

// accept runs a world, and makes it the best if it fails as it should.
func (s *shrinker) accept(next repro.World) bool {
	key := keyOf(&next, s.neutral)
	if s.tried[key] || next.Served == s.best.Served && keyOf(&s.best, s.neutral) == key {
		return false
	}
	o := s.bounded(next)
	f := (*repro.Failed)(nil)
	if o != nil {
		f = o.Find(s.want)
	}
	if f == nil || s.neutral && o.Digest != s.out.Digest || s.patient != nil && !s.controlled(next) {
		if s.ctx.Err() == nil {
			s.tried[key] = true
		}
		return false
	}
	if len(o.Unused) > 0 {
		next = next.Clone()
		next.Choices = slices.DeleteFunc(next.Choices, func(c repro.Choice) bool { return slices.Contains(o.Unused, c) })
	}
	o.World = next
	// What has been the best once does not become it again: passes that undo each
	// other come to an end.
	s.tried[keyOf(&next, false)], s.tried[keyOf(&next, true)] = true, true
	s.best, s.out, s.failed = next, o, f
	if s.opt.Progress != nil {
		if size, err := s.measure(next, o, f); err == nil {
			s.opt.Progress(s.runs, size)
		}
	}
	return true
}

// keyOf tells worlds apart.
func keyOf(w *repro.World, neutral bool) (key [sha256.Size]byte) {
	h := sha256.New()
	fmt.Fprintf(h, "%t %t %s %s\n", neutral, w.Served, w.Seed, w.Set)
	for _, c := range w.Choices {
		fmt.Fprintf(h, "%s %s %d %s\n", c.What, c.Where, c.N, c.Value)
	}
	h.Write(w.Text)
	h.Sum(key[:0])
	return key
}

// bounded runs a world for about as long as the best took; nil if it is not over
// by then, or cannot be run.
func (s *shrinker) bounded(w repro.World) *repro.Outcome {
	return s.within(w, s.out.Result.Events*eventsTimes+eventsMore)
}

// A world that is to fail no later than the best needs not many more events
// than it.
const (
	eventsTimes = 4
	eventsMore  = 20_000
)

// within runs a world for about so many events.
func (s *shrinker) within(w repro.World, events uint64) *repro.Outcome {
	s.runs++
	ctx := &looks{Context: s.ctx, left: int64(events/lookEvery) + 2}
	o, err := w.Run(ctx, repro.Options{Registry: s.opt.Registry})
	if err != nil {
		return nil
	}
	return o
}

// lookEvery is about how many events package repro runs between two looks at
// its context.
const lookEvery = 1 << 14

// looks is a context that ends when it has been looked at so many times: a bound
// on events that holds even where time stands still, and is the same each time.
type looks struct {
	context.Context
	left int64
}

// Err counts, besides what the context in it says.
func (l *looks) Err() error {
	if err := l.Context.Err(); err != nil {
		return err
	}
	if l.left--; l.left < 0 {
		return errLong
	}
	return nil
}

var errLong = errors.New("more events than the best has")
