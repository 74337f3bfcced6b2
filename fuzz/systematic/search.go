package systematic

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// Options say what is gone through.
type Options struct {
	Source *scenarios.Source
	Set    []string // overrides of values of the scenario
	Seed   des.Seed // of drawn options, and of chance within protocols
	Faults int      // how many faults there may be in a run
	Depth  int      // how many steps of a run are chosen
	Acts   []string // which faults: of FaultKinds; nil for all
	Bits   []uint32 // which bits may be flipped, counted from the first; nil for the first
	FIFO   bool     // frames of one direction keep their order
	Brute  bool     // go through all orders, also those that lead to the same run
	Most   uint64   // executions; 0 is without limit
	// Over is asked between runs whether to stop; nil for never.
	Over func() bool
	// Progress is called now and then; nil for nothing.
	Progress func(*Certificate)
	Registry *scenarios.Registry
}

// Bounds of Options.
const (
	FaultsMax = 8
	DepthMax  = 64
)

// FaultKinds are the faults that can be placed.
var FaultKinds = []string{actNames[drop], actNames[dup], actNames[flip]}

type search struct {
	opt   Options
	world *small
	base  repro.World
	cert  *Certificate
	acts  [flip + 1]bool

	classes    map[des.Digest]struct{}
	placements map[string]struct{}
	verdicts   map[string]*Verdict
}

// errOver ends a search whose budget is used up.
var errOver = errors.New("over")

// Search goes through the runs of a world. An error says that the scenario
// cannot be gone through; a search that was ended early, also by ctx, gives the
// certificate of what it did.
func Search(ctx context.Context, opt Options) (*Certificate, error) {
	if opt.Faults < 0 || opt.Faults > FaultsMax {
		return nil, fmt.Errorf("faults %d: from 0 to %d are possible", opt.Faults, FaultsMax)
	}
	if opt.Depth < 1 || opt.Depth > DepthMax {
		return nil, fmt.Errorf("depth %d: from 1 to %d are possible", opt.Depth, DepthMax)
	}
	if opt.Bits == nil {
		opt.Bits = []uint32{0}
	}
	if opt.Acts == nil {
		opt.Acts = FaultKinds
	}
	s := &search{
		opt: opt, classes: map[des.Digest]struct{}{}, placements: map[string]struct{}{}, verdicts: map[string]*Verdict{},
		base: repro.World{Name: opt.Source.File, Text: opt.Source.Text, Set: opt.Set, Seed: opt.Seed, Served: true, Beyond: true},
	}
	for _, name := range opt.Acts {
		i := slices.Index(actNames[:], name)
		if i < int(drop) {
			return nil, fmt.Errorf("fault %q: want one of %s", name, strings.Join(FaultKinds, ", "))
		}
		s.acts[i] = true
	}
	sc, err := opt.Source.Build(scenarios.BuildOptions{Seed: opt.Seed, Set: opt.Set, Registry: opt.Registry})
	if err != nil {
		return nil, err
	}
	if s.world, err = newSmall(sc, opt.Registry); err != nil {
		return nil, err
	}
	s.begin(sc)
	err = s.descend(ctx, nil, nil, 0)
	switch {
	case errors.Is(err, errOver):
	case err != nil && ctx.Err() != nil:
		s.cert.Why = "interrupted"
	case err != nil:
		return nil, err
	default:
		s.cert.Exhausted = true
	}
	s.count()
	return s.cert, s.check(ctx)
}

// begin starts the certificate.
func (s *search) begin(sc *scenarios.Scenario) {
	method := "sleep sets"
	if s.opt.Brute {
		method = "brute force"
	}
	s.cert = &Certificate{
		Version: 1, Scenario: sc.Name, File: sc.File, SHA256: hex.EncodeToString(s.opt.Source.Hash[:]), Set: s.opt.Set, Seed: s.opt.Seed.String(),
		Method: method, FIFO: s.opt.FIFO, Depth: s.opt.Depth, Faults: s.opt.Faults, Acts: s.opt.Acts, Bits: s.opt.Bits, Most: s.opt.Most,
	}
	for _, id := range s.world.names {
		s.cert.Cells = append(s.cert.Cells, string(id))
	}
}

// descend goes through what may follow after some steps, but for what is
// asleep: it was gone through before, in another order.
func (s *search) descend(ctx context.Context, steps, asleep []step, faults int) error {
	if s.opt.Over != nil && s.opt.Over() {
		s.cert.Why = "its time was over"
		return errOver
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(steps) >= s.opt.Depth {
		return s.leaf(ctx, steps)
	}
	enabled, err := s.enabled(ctx, steps, faults)
	if err != nil {
		return err
	}
	if len(enabled) == 0 {
		s.cert.Ended++
		return s.leaf(ctx, steps)
	}
	asleep = slices.Clone(asleep)
	for _, st := range enabled {
		if slices.ContainsFunc(asleep, st.same) {
			s.cert.Asleep++
			continue
		}
		var still []step
		for _, other := range asleep {
			if st.commutes(other) {
				still = append(still, other)
			}
		}
		n := faults
		if st.fault() {
			n++
		}
		if err := s.descend(ctx, append(slices.Clip(steps), st), still, n); err != nil {
			return err
		}
		if !s.opt.Brute {
			asleep = append(asleep, st)
		}
	}
	return nil
}

// enabled are the steps that can come next, in the order of cells and frames.
func (s *search) enabled(ctx context.Context, steps []step, faults int) (list []step, err error) {
	r, err := s.world.start(steps, true)
	if err != nil {
		return nil, err
	}
	if err := r.finish(ctx); err != nil {
		return nil, err
	}
	s.cert.Probes++
	until := s.world.sc.Run.Until
	for cell := range s.world.names {
		next := r.seen.next[cell]
		for _, f := range r.seen.sent {
			at := max(f.earliest, r.last[cell]+1)
			if f.cell != cell || f.earliest > until {
				continue
			}
			arrives := at < next && at <= until && !(s.opt.FIFO && r.behind(f))
			if arrives {
				list = append(list, step{act: deliver, cell: cell, frame: f.frame, at: at})
			}
			if faults < s.opt.Faults {
				list = s.addFaults(list, f, at, arrives)
			}
		}
		if next <= until {
			list = append(list, step{act: own, cell: cell, at: next})
		}
	}
	return list, nil
}

// addFaults adds what may go wrong with a frame: a loss at any time, the others
// when it may arrive.
func (s *search) addFaults(list []step, f flying, at clock.Time, arrives bool) []step {
	st := step{cell: f.cell, frame: f.frame, at: at}
	if s.acts[drop] {
		st.act = drop
		list = append(list, st)
	}
	if !arrives {
		return list
	}
	if s.acts[dup] {
		st.act = dup
		list = append(list, st)
	}
	for _, bit := range s.opt.Bits {
		if s.acts[flip] && bit < f.bits {
			st.act, st.bit = flip, bit
			list = append(list, st)
		}
	}
	return list
}

// leaf runs a world to its end, and judges it.
func (s *search) leaf(ctx context.Context, steps []step) error {
	if s.opt.Most > 0 && s.cert.Executions >= s.opt.Most {
		s.cert.Why = fmt.Sprintf("%d executions were all it was allowed", s.opt.Most)
		return errOver
	}
	r, err := s.world.start(steps, false)
	if err != nil {
		return err
	}
	if err := r.finish(ctx); err != nil {
		return err
	}
	s.cert.Executions++
	result := r.world.Result()
	s.classes[result.Digest] = struct{}{}
	s.placements[placement(steps)] = struct{}{}
	for _, label := range labels(result) {
		v := s.verdicts[label]
		if v == nil {
			v = &Verdict{Verdict: label, Digest: digestText(result.Digest)}
			for _, c := range r.given {
				v.Choices = append(v.Choices, Choice{c.Where, c.N, c.Value})
			}
			v.world = s.base.Clone()
			v.world.Choices = r.given
			s.verdicts[label] = v
		}
		v.Executions++
	}
	if s.opt.Progress != nil && s.cert.Executions%64 == 0 {
		s.count()
		s.opt.Progress(s.cert)
	}
	return nil
}

// placement names the faults of a run, whatever their order.
func placement(steps []step) string {
	var list []string
	for _, st := range steps {
		if st.fault() {
			list = append(list, fmt.Sprintf("%s %d %s %d", st.frame.link, st.frame.n, actNames[st.act], st.bit))
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// labels are the verdicts of a run: the signatures of its failures, or that it
// passed, or was inconclusive.
func labels(r *scenarios.Result) (list []string) {
	add := func(f *scenarios.Failure) {
		if f == nil {
			return
		}
		if label := repro.SignatureOf(r.Scenario, f).String(); !slices.Contains(list, label) {
			list = append(list, label)
		}
	}
	for _, e := range r.Expect {
		add(e.Failure)
	}
	add(r.Failure)
	if len(list) == 0 {
		list = []string{string(r.Verdict)}
	}
	slices.Sort(list)
	return list
}

// count brings the certificate's figures up to date.
func (s *search) count() {
	c := s.cert
	c.Classes, c.Placements = uint64(len(s.classes)), uint64(len(s.placements))
	c.Verdicts = nil
	for _, v := range s.verdicts {
		c.Verdicts = append(c.Verdicts, v)
	}
	slices.SortFunc(c.Verdicts, func(a, b *Verdict) int { return strings.Compare(a.Verdict, b.Verdict) })
}

// check runs the repro of each verdict: what the certificate says must be so
// for everybody who runs it.
func (s *search) check(ctx context.Context) error {
	for _, v := range s.cert.Verdicts {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // what was found until an interrupt is given
		}
		o, err := v.world.Run(ctx, repro.Options{Registry: s.opt.Registry})
		if err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // likewise
			}
			return err
		}
		if got := digestText(o.Digest); got != v.Digest {
			return fmt.Errorf("%s: the repro of verdict %q has digest %s, the search had %s", s.cert.File, v.Verdict, got, v.Digest)
		}
		v.outcome = o
	}
	return nil
}

func digestText(d des.Digest) string { return fmt.Sprintf("%016x", uint64(d)) }
