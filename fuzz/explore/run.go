package explore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

// Options say what is explored.
type Options struct {
	Source *scenarios.Source
	Set    []string // overrides of the scenario
	// First and Last are the worlds: world n is drawn under seed n.
	First, Last uint64
	Jobs        int // worlds that run side by side; default 1
	// StopAfter ends the search once so many distinct failures are found; 0
	// for never.
	StopAfter int
	// Over is asked before each batch, and ends the search if it says true;
	// nil for never.
	Over func() bool
	// OneFailure ends a run at its first failure; without it the run goes on,
	// to find a second one.
	OneFailure bool
	// Liveness says how the faults of all worlds end; empty for as the scenario
	// says.
	Liveness Liveness
	// Blind draws every world anew, whatever has been seen: to compare with.
	Blind    bool
	Registry *scenarios.Registry
	Build    string // noted in the files of what is found
	// Progress is called after each batch, Found for each new failure.
	Progress func(*Report)
	Found    func(*Found)
}

// batch is how many worlds are drawn from one state of the guidance.
const batch = 64

// recheck: one world in so many is run a second time, as are those that fail.
const recheck = 20

// Found is one way in which the scenario fails.
type Found struct {
	Signature repro.Signature
	File      *repro.File // of the first world that failed so
	World     uint64      // its number
	Plan      *Plan
	Failure   *scenarios.Failure
	Count     uint64 // of worlds
}

// Broken is a world whose two runs were not the same.
type Broken struct {
	World      uint64
	Repro      repro.World
	Difference *replay.Difference // nil if further runs did not differ
}

// Reached is something that is to happen sometimes, and in how many worlds it
// did.
type Reached struct {
	Text   string
	Worlds uint64
}

// Bite is a family of faults, in how many worlds it was on, and in how many of
// these it did anything.
type Bite struct {
	Family  string
	On, Bit uint64
	Times   uint64 // over all worlds
}

// Report is what was found.
type Report struct {
	Name                         string
	Worlds, Total                uint64 // run, and asked for
	Passed, Failed, Inconclusive uint64
	// Unfit are worlds in which the scenario's own timeline could not be carried
	// out, as when it restarts a cell that it has not come to crash yet: they
	// show nothing. Why says what could not, in the first of them.
	Unfit     uint64
	Why       string
	Progress  Progress
	Events    uint64
	Rechecked uint64
	Found     []*Found // the first found first
	Sometimes []Reached
	Bites     []Bite
	Table     *Table
	Broken    *Broken
	Until     clock.Time // when drawn faults end
}

// Explorer explores one scenario.
type Explorer struct {
	opt    Options
	target *target
	states []string
	strict bool // the timeline fails as it is written: that is a failure
	report *Report
	corpus []entry
}

// entry is a plan that came to places nobody had been to.
type entry struct {
	plan   *Plan
	fresh  []Place // these places
	weight uint64  // how likely it is taken up again
}

// corpusMax bounds the plans that others are made of.
const corpusMax = 256

// New looks at a scenario: whether it can be run, for how long it is busy, and
// what can be harmed.
func New(ctx context.Context, opt Options) (*Explorer, error) {
	opt.Jobs = max(opt.Jobs, 1)
	if opt.Last < opt.First || opt.Last-opt.First >= 1<<40 {
		return nil, fmt.Errorf("worlds %d-%d: want a range such as 1-1000", opt.First, opt.Last)
	}
	sc, err := opt.Source.Build(scenarios.BuildOptions{Seed: des.SeedOf(opt.First), Set: opt.Set, Registry: opt.Registry})
	if err != nil {
		return nil, err
	}
	p, err := pilot(ctx, sc, opt.Registry)
	if err != nil {
		return nil, err
	}
	x := &Explorer{opt: opt, target: newTarget(sc, faultsUntil(sc, p.busy)), strict: p.unfit}
	x.target.keeps = p.keeps
	if err := x.target.live(opt.Liveness); err != nil {
		return nil, err
	}
	if sc.Explore != nil {
		x.states = sc.Explore.States
	}
	x.report = &Report{Name: sc.Name, Total: opt.Last - opt.First + 1, Until: x.target.until, Table: newTable()}
	for i := range sc.Expect {
		if e := &sc.Expect[i]; e.Mode == scenarios.Sometimes {
			x.report.Sometimes = append(x.report.Sometimes, Reached{Text: e.String()})
		}
	}
	for i := range x.target.families {
		x.report.Bites = append(x.report.Bites, Bite{Family: x.target.families[i].Name})
	}
	return x, nil
}

// piloted is what a run of the scenario as it is written shows.
type piloted struct {
	busy  clock.Time        // by when nearly all has happened
	keeps map[cells.ID]bool // the cells that keep their state over a restart
	unfit bool              // its timeline cannot be carried out
}

// pilot runs the scenario as it is written.
func pilot(ctx context.Context, sc *scenarios.Scenario, reg *scenarios.Registry) (p piloted, err error) {
	opt := scenarios.WorldOptions{Registry: reg}
	w, err := scenarios.NewWorld(sc, opt)
	if err != nil {
		return p, err
	}
	p.keeps = make(map[cells.ID]bool)
	for i := range w.Host().Len() {
		if ref := cells.CellRef(i); w.Host().CanKeep(ref) {
			p.keeps[w.Host().Name(ref)] = true
		}
	}
	const eventsMost = 2_000_000
	for !w.Done() && ctx.Err() == nil && w.Scheduler().Executed() < eventsMost {
		w.Advance(sc.Run.Until, 1<<14)
	}
	if err := ctx.Err(); err != nil {
		return p, err
	}
	n := w.Scheduler().Executed()
	f := w.Failure()
	p.unfit = f != nil && f.Property == scenarios.PropertyTimeline
	again, err := scenarios.NewWorld(sc, opt)
	if err != nil {
		return p, err
	}
	again.AdvanceEvents(n - n/20)
	p.busy = again.Now()
	return p, nil
}

// faultsUntil is when drawn faults end: when the scenario says so, else when it
// is no longer busy, but not before its own faults are over.
func faultsUntil(sc *scenarios.Scenario, busy clock.Time) clock.Time {
	switch {
	case sc.Explore != nil && sc.Explore.Until > 0:
		return clock.Time(sc.Explore.Until)
	case sc.StopFault != clock.Never:
		return sc.StopFault
	}
	t := max(busy, clock.Time(time.Millisecond), sc.Run.Until/100)
	for i := range sc.Timeline {
		a := &sc.Timeline[i]
		for _, s := range a.Steps {
			if a.Fault && a.Trigger.Kind == scenarios.At {
				t = max(t, a.Trigger.From.Add(s.After+time.Millisecond))
			}
		}
	}
	return min(t, sc.Run.Until)
}

// ran is one world that was run.
type ran struct {
	number  uint64
	plan    *Plan
	world   repro.World
	outcome *repro.Outcome // as it went until its first failure
	beyond  *repro.Outcome // and beyond; nil if it did not fail, or was not asked
	places  []Place
	seen    map[Place]uint64
	bites   map[string]uint64
	broken  *Broken
	again   bool
	err     error
}

// Run runs the worlds. When ctx ends it gives what was found until then, and
// ctx's error.
func (x *Explorer) Run(ctx context.Context) (*Report, error) {
	opt := &x.opt
	for first := opt.First; first <= opt.Last && ctx.Err() == nil; first += batch {
		if opt.Over != nil && opt.Over() {
			break
		}
		n := int(min(opt.Last-first, batch-1)) + 1
		results := x.runBatch(ctx, first, n)
		for _, r := range results {
			if r == nil || r.err != nil && ctx.Err() != nil {
				continue // it was not run to its end
			}
			if r.err != nil {
				return x.report, fmt.Errorf("world %d: %w", r.number, r.err)
			}
			if err := x.take(ctx, r); err != nil && ctx.Err() == nil {
				return x.report, err
			}
			if opt.StopAfter > 0 && len(x.report.Found) >= opt.StopAfter {
				x.progress()
				return x.report, nil
			}
		}
		x.weigh()
		x.trim()
		x.progress()
		if first > opt.Last-min(opt.Last, batch) { // the next would be past the last
			break
		}
	}
	return x.report, ctx.Err()
}

func (x *Explorer) progress() {
	if x.opt.Progress != nil {
		x.opt.Progress(x.report)
	}
}

// runBatch runs worlds, some side by side, all drawn from what is known now.
func (x *Explorer) runBatch(ctx context.Context, first uint64, n int) []*ran {
	results := make([]*ran, n)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(x.opt.Jobs, n) {
		workers.Go(func() {
			for i := range next {
				results[i] = x.world(ctx, first+uint64(i))
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	return results
}

// plan draws the plan of a world: anew, or from one that led somewhere.
func (x *Explorer) plan(seed des.Seed) *Plan {
	d := x.target.drawer(seed, "plan")
	if guided := d.one(2); guided && len(x.corpus) > 0 && !x.opt.Blind {
		return d.change(x.pick(d), x.pick(d))
	}
	return d.fresh()
}

// pick draws one of the plans that led somewhere, the likelier the more places
// it came to that few worlds have come to since.
func (x *Explorer) pick(d *drawer) *Plan {
	sum := uint64(0)
	for i := range x.corpus {
		sum += x.corpus[i].weight
	}
	at := d.r.N(sum)
	for i := range x.corpus {
		if at < x.corpus[i].weight {
			return x.corpus[i].plan
		}
		at -= x.corpus[i].weight
	}
	panic("explore: weights do not add up")
}

// weigh weighs the plans anew, between batches.
func (x *Explorer) weigh() {
	for i := range x.corpus {
		e := &x.corpus[i]
		e.weight = 1
		for _, p := range e.fresh {
			if n := x.report.Table.Worlds(p); n <= rare {
				e.weight += 8 / n
			}
		}
	}
}

// rare is a place that at most so many worlds have come to.
const rare = 3

// Draw gives world n as it is drawn while nothing has been seen yet, and the
// plan of it.
func (x *Explorer) Draw(n uint64) (repro.World, *Plan, error) {
	p := x.plan(des.SeedOf(n))
	w, err := x.fold(n, p)
	return w, p, err
}

// fold makes the world of a plan.
func (x *Explorer) fold(n uint64, p *Plan) (repro.World, error) {
	return x.Make(des.SeedOf(n), p)
}

// Make makes the world of a plan, whoever has drawn it, under a seed.
func (x *Explorer) Make(seed des.Seed, p *Plan) (repro.World, error) {
	sc, err := x.opt.Source.Build(scenarios.BuildOptions{Seed: seed, Set: x.opt.Set, Registry: x.opt.Registry})
	if err != nil {
		return repro.World{}, err
	}
	text, err := Fold(sc, p, x.target.until)
	if err != nil {
		return repro.World{}, err
	}
	return repro.World{Name: filepath.Base(x.opt.Source.File), Text: text, Seed: seed}, nil
}

// world draws and runs one world.
func (x *Explorer) world(ctx context.Context, n uint64) *ran {
	r := &ran{number: n, plan: x.plan(des.SeedOf(n))}
	if r.world, r.err = x.fold(n, r.plan); r.err != nil {
		return r
	}
	opt := repro.Options{Registry: x.opt.Registry}
	sc, err := r.world.Scenario(opt.Registry)
	if err != nil {
		r.err = err
		return r
	}
	c := newCoverage(sc, r.plan, x.states)
	watched := opt
	watched.Records, watched.Watch = c, c.watch
	if r.outcome, r.err = r.world.Run(ctx, watched); r.err != nil {
		return r
	}
	r.places, r.seen, r.bites = c.places(), c.seen, c.bites
	failed := len(failures(r.outcome)) > 0
	if failed || n%recheck == 0 {
		r.again = true
		again, err := r.world.Run(ctx, opt)
		if err != nil {
			r.err = err
			return r
		}
		if again.Digest != r.outcome.Digest || again.Result.Events != r.outcome.Result.Events {
			d, err := r.world.Diverge(ctx, opt)
			r.broken, r.err = &Broken{n, r.world, d}, err
			return r
		}
	}
	if failed && !x.opt.OneFailure {
		beyond := r.world.Clone()
		beyond.Beyond = true
		// A protocol that has failed may go on for ever; that it fails again does
		// not take that long.
		beyond.Set = append(beyond.Set, fmt.Sprintf("run.events=%d", 2*r.outcome.Result.Events+10_000))
		r.beyond, r.err = beyond.Run(ctx, opt)
	}
	return r
}

// failures are those of an outcome that fail a world by itself: that something
// did not happen sometimes does not.
func failures(o *repro.Outcome) []repro.Failed {
	return slices.DeleteFunc(slices.Clone(o.Failures), func(f repro.Failed) bool { return f.Mode == scenarios.Sometimes.String() })
}

// take takes in what a world came to. Worlds are taken in their order.
func (x *Explorer) take(ctx context.Context, r *ran) error {
	rep := x.report
	rep.Worlds++
	rep.Events += r.outcome.Result.Events
	if r.again {
		rep.Rechecked++
	}
	if r.broken != nil && rep.Broken == nil {
		rep.Broken = r.broken
	}
	var fresh []Place
	for _, p := range r.places {
		if rep.Table.add(p, r.seen[p]) {
			fresh = append(fresh, p)
		}
	}
	if len(fresh) > 0 {
		x.corpus = append(x.corpus, entry{r.plan, fresh, 1})
	}
	x.tally(r)
	rep.Progress.note(r.outcome, rep.Until)
	list := failures(r.outcome)
	if i := slices.IndexFunc(list, x.unfit); i >= 0 {
		if rep.Unfit++; rep.Unfit == 1 {
			rep.Why = list[i].Failure.Text
		}
		list, r.beyond = list[:i], nil
		if i == 0 {
			return nil
		}
	}
	switch {
	case len(list) > 0:
		rep.Failed++
	case inconclusive(r.outcome):
		rep.Inconclusive++
	default:
		rep.Passed++
	}
	for _, f := range list {
		if err := x.found(ctx, r, r.outcome, f); err != nil {
			return err
		}
	}
	if r.beyond != nil {
		for _, f := range failures(r.beyond) {
			if x.unfit(f) {
				break // what follows does not count
			}
			if r.outcome.Find(f.Signature) == nil {
				if err := x.found(ctx, r, r.beyond, f); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// unfit reports whether a failure is one of the scenario's own timeline, which
// was made for other faults than those of the world.
func (x *Explorer) unfit(f repro.Failed) bool {
	return f.Failure.Property == scenarios.PropertyTimeline && !x.strict
}

// inconclusive reports whether a world has not shown what it should have.
func inconclusive(o *repro.Outcome) bool {
	if errors.Is(o.Result.Err, des.ErrEvents) {
		return true
	}
	return slices.ContainsFunc(o.Result.Expect, func(e scenarios.ExpectResult) bool {
		return e.Verdict == scenarios.Inconclusive && e.Mode != scenarios.Sometimes.String()
	})
}

// trim leaves the plans that weigh most, if there are too many.
func (x *Explorer) trim() {
	if len(x.corpus) <= corpusMax {
		return
	}
	slices.SortStableFunc(x.corpus, func(a, b entry) int { return cmp.Compare(b.weight, a.weight) })
	x.corpus = x.corpus[:corpusMax]
}

// tally counts what happened sometimes, and which faults bit.
func (x *Explorer) tally(r *ran) {
	for i := range x.report.Sometimes {
		s := &x.report.Sometimes[i]
		for _, e := range r.outcome.Result.Expect {
			if e.Met != nil && e.Mode == scenarios.Sometimes.String() && e.Text == s.Text {
				s.Worlds++
				break
			}
		}
	}
	for i := range x.report.Bites {
		b := &x.report.Bites[i]
		if !slices.Contains(r.plan.Families, b.Family) {
			continue
		}
		b.On++
		if n := r.bites[bittenBy(b.Family)]; n > 0 {
			b.Bit++
			b.Times += n
		}
	}
}

// bittenBy is the family under which the bites of another are seen: a cell that
// forgets has crashed.
func bittenBy(family string) string {
	switch family {
	case "forget":
		return "crash"
	case "one-way", "partition":
		return "cut"
	}
	return family
}

// found takes in a failure. The first of its kind is kept.
func (x *Explorer) found(ctx context.Context, r *ran, o *repro.Outcome, f repro.Failed) error {
	i := slices.IndexFunc(x.report.Found, func(g *Found) bool { return g.Signature == f.Signature })
	if i >= 0 {
		x.report.Found[i].Count++
		return nil
	}
	file, err := x.file(ctx, r, o, f)
	if err != nil {
		return err
	}
	g := &Found{Signature: f.Signature, File: file, World: r.number, Plan: r.plan, Failure: f.Failure, Count: 1}
	x.report.Found = append(x.report.Found, g)
	if x.opt.Found != nil {
		x.opt.Found(g)
	}
	return nil
}

// file keeps a failure, with what is known of its world.
func (x *Explorer) file(ctx context.Context, r *ran, o *repro.Outcome, f repro.Failed) (*repro.File, error) {
	file, err := x.Keep(ctx, o, f)
	if err != nil {
		return nil, err
	}
	file.Remarks = []string{fmt.Sprintf("world %d of %s", r.number, x.report.Name)}
	if len(r.plan.Families) > 0 {
		file.Remarks = append(file.Remarks, fmt.Sprintf("faults: %s", joined(r.plan.Families)))
	}
	return file, nil
}

// Keep makes the file of a failure of a world that Make has made: chance by
// name, if the world fails likewise then.
func (x *Explorer) Keep(ctx context.Context, o *repro.Outcome, f repro.Failed) (*repro.File, error) {
	opt := repro.Options{Registry: x.opt.Registry, Choices: true}
	w, err := x.single(o.World, f)
	if err != nil {
		return nil, err
	}
	again, err := w.Run(ctx, opt)
	if err != nil {
		return nil, err
	}
	if g := again.Find(f.Signature); g != nil {
		_, again, err = repro.Serve(ctx, again, *g, repro.Options{Registry: x.opt.Registry})
		if err != nil {
			return nil, err
		}
	} else {
		again = o // it does not fail so when it is repeated: kept as it was
	}
	return repro.Keep(again, f, x.opt.Build), nil
}

// single is a world for one failure: without what all worlds together are asked
// for, and meant to fail so, if the scenario is.
func (x *Explorer) single(w repro.World, f repro.Failed) (repro.World, error) {
	plain := w
	plain.Beyond, plain.Set = false, nil
	sc, err := plain.Scenario(x.opt.Registry)
	if err != nil {
		return w, err
	}
	edited := *sc
	edited.Expect = slices.DeleteFunc(slices.Clone(sc.Expect), func(e scenarios.Expectation) bool { return e.Mode == scenarios.Sometimes })
	if x.target.sc.Fails == f.Signature.Property {
		edited.Fails = f.Signature.Property
	}
	plain.Text, err = scenarios.Encode(&edited)
	plain.Beyond, plain.Set = w.Beyond, w.Set
	return plain, err
}
