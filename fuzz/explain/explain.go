package explain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

// ErrFixed is wrapped by what Explain says of a world that does not fail so any
// more.
var ErrFixed = errors.New("does not fail so any more")

// Options say how much is tried.
type Options struct {
	Registry *scenarios.Registry // nil for the default
	Jobs     int                 // worlds that run side by side; default 1
	Points   int                 // of the curve; default 20, at least 2; negative for no curve
	Runs     int                 // from each point; default 20
	// KeepFaults leaves faults of the timeline where they are; without it, those
	// that have not begun at a point come at times drawn anew.
	KeepFaults bool
	// Verdicts bounds how many single verdicts are left out, one after the
	// other; default 128. The last before the failure are taken.
	Verdicts int
	// Progress is called with how many worlds have run; nil for nothing.
	Progress func(runs uint64)
}

// The defaults of Options.
const (
	PointsDefault   = 20
	RunsDefault     = 20
	VerdictsDefault = 128
	PairsMax        = 300 // pairs of faults that are left out together
)

// Explanation is why a world failed.
type Explanation struct {
	Name      string     `json:"name"` // of the scenario
	Signature string     `json:"signature"`
	Failure   string     `json:"failure"` // where and how, on one line
	At        clock.Time `json:"at_ns"`
	Served    bool       `json:"served"` // verdicts by name; else drawn by the seed
	// Missing says that something did not come: the chain is that of the last
	// event that reached a cell it was asked of.
	Missing bool      `json:"missing"`
	Chain   []Step    `json:"chain"`
	Skipped int       `json:"skipped"` // events of the chain that are not shown
	Removed []Removed `json:"removed,omitempty"`
	// Faults are what went wrong in the world, what mattered most first.
	Faults []Fault `json:"faults"`
	// Bare is the world without any of them.
	Bare  *Twin  `json:"bare,omitempty"`
	Pairs []Pair `json:"pairs,omitempty"` // that are decisive together
	// Sealed is from when on no further fault was needed; nil if none was.
	Sealed *Sealed `json:"sealed,omitempty"`
	// Untried is how many single verdicts were not left out.
	Untried int    `json:"untried,omitempty"`
	Curve   *Curve `json:"curve,omitempty"`
	Runs    uint64 `json:"runs"` // worlds that were run
}

// Culprit is the fault that the failure comes of, nil if it is not one alone:
// decisive, enough by itself, and of these the only one.
func (e *Explanation) Culprit() *Fault {
	var found *Fault
	for i := range e.Faults {
		f := &e.Faults[i]
		if f.Effect != Decisive || f.Alone == nil || !f.Alone.Same {
			continue
		}
		if found != nil && (found.Kind != Verdicts || f.Kind != Verdict) {
			return nil
		}
		found = f
	}
	return found
}

// explainer explains one world.
type explainer struct {
	opt   Options
	sig   repro.Signature
	world repro.World         // every value written out
	sc    *scenarios.Scenario // of world
	out   *repro.Outcome      // of world
	fail  *repro.Failed
	trace *replay.Trace

	faults []Fault
	owners map[place][]int
	moves  []movable
	mu     sync.Mutex
	runs   uint64
}

// Explain says why the world of a repro fails as it does. An error wraps
// ErrFixed if it does not.
func Explain(ctx context.Context, file *repro.File, opt Options) (*Explanation, error) {
	opt.Jobs = max(opt.Jobs, 1)
	if opt.Points == 0 {
		opt.Points = PointsDefault
	}
	if opt.Runs <= 0 {
		opt.Runs = RunsDefault
	}
	if opt.Verdicts <= 0 {
		opt.Verdicts = VerdictsDefault
	}
	x := &explainer{opt: opt, sig: file.Signature}
	if err := x.prepare(ctx, file.World); err != nil {
		return nil, err
	}
	e := &Explanation{
		Name: x.sc.Name, Signature: x.sig.String(), Failure: x.fail.Failure.String(), At: x.fail.Failure.Time, Served: x.world.Served,
		Chain: []Step{}, Faults: []Fault{},
	}
	if err := x.twins(ctx, e); err != nil {
		return nil, err
	}
	if err := x.chain(e); err != nil {
		return nil, err
	}
	if opt.Points > 0 {
		if err := x.curve(ctx, e); err != nil {
			return nil, err
		}
	}
	rank(e)
	e.Runs = x.runs
	return e, nil
}

// prepare writes the world out, gives it its chance by name if that is
// possible, and runs it with everything recorded.
func (x *explainer) prepare(ctx context.Context, w repro.World) error {
	opt := repro.Options{Registry: x.opt.Registry, Choices: true}
	sc, err := w.Scenario(opt.Registry)
	if err != nil {
		return err
	}
	if w, err = w.With(sc); err != nil {
		return err
	}
	out, err := x.run(ctx, w, opt)
	if err != nil {
		return err
	}
	f := out.Find(x.sig)
	if f == nil {
		return x.fixed(out)
	}
	if !w.Served {
		if w, _, err = repro.Serve(ctx, out, *f, opt); err != nil {
			return err
		}
	}
	x.world = w
	if x.sc, err = w.Scenario(opt.Registry); err != nil {
		return err
	}
	var memory bytes.Buffer
	t, err := replay.NewWriter(&memory, replay.Header{
		Level: replay.Events, Scenario: x.sc.Name, Text: string(x.sc.Text), Seed: x.sc.Seed.String(), Set: x.sc.Set, Rng: 1,
	})
	if err != nil {
		return err
	}
	opt.Records = t
	if x.out, err = x.run(ctx, w, opt); err != nil {
		return err
	}
	if err := t.Close(replay.Summary{Verdict: string(x.out.Result.Verdict), Digest: x.out.Digest, End: x.out.Result.End, Events: x.out.Result.Events}); err != nil {
		return err
	}
	if x.fail = x.out.Find(x.sig); x.fail == nil {
		return x.fixed(x.out)
	}
	x.trace, err = replay.OpenBytes(memory.Bytes())
	return err
}

func (x *explainer) fixed(out *repro.Outcome) error {
	how := string(out.Result.Verdict)
	if len(out.Failures) > 0 {
		how = "it fails otherwise: " + out.Failures[0].Signature.String()
	}
	return fmt.Errorf("%s: %w: %s", x.sig, ErrFixed, how)
}

// run runs a world and counts it.
func (x *explainer) run(ctx context.Context, w repro.World, opt repro.Options) (*repro.Outcome, error) {
	out, err := w.Run(ctx, opt)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.runs++
	if x.opt.Progress != nil {
		x.opt.Progress(x.runs)
	}
	return out, err
}

// side runs n jobs, some side by side. What they find they put into places of
// their own, so that their order is of no account.
func (x *explainer) side(ctx context.Context, n int, job func(i int) error) error {
	errs := make([]error, n)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(x.opt.Jobs, n) {
		workers.Go(func() {
			for i := range next {
				errs[i] = job(i)
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
	if err := ctx.Err(); err != nil {
		return err
	}
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}

// freshSeed is the seed of the k-th run from a point: the same for all points,
// so that neighbours differ by what lies between them and not by luck.
func (x *explainer) freshSeed(k int) des.Seed {
	return des.SeedOf(x.world.Seed.Hash("explain", "fresh", fmt.Sprint(k)))
}
