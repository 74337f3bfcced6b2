// Package study tries a scenario with many values, and says what that does to
// what is measured.
//
// A study is a matrix of values, whose combinations are its points, a number of
// seeds for each point, and measures: numbers that are read off each run when
// it is over. What comes out is one [Table], with a row for each point and
// measure: how many runs, mean, standard deviation, least, most, and the half
// width of the interval that holds the true mean with 95 % confidence.
//
//	src, err := scenarios.Load("abp-rto.yaml")
//	s, err := study.New(study.Options{Source: src, Jobs: 2})
//	table, err := s.Run(ctx)
//	err = table.WriteText(os.Stdout)
//
// What is studied stands in the scenario under study, or in [Options], which
// takes precedence:
//
//	study:
//	  matrix: {links.ab.loss: [0%, 5%, 10%], cells.alice.rto: 20ms..100ms/20ms}
//	  repeat: 20
//	  measure: [bob.delivered, alice.retransmitted, 'links.ab.lost * 1000 / links.ab.sent', end]
//
// All points have the same seeds, so that points differ by their values and not
// by their luck. The table does not depend on how many runs go side by side,
// nor on how often a study was interrupted: with a folder for its state, what
// is finished is kept, run by run, and not run again.
//
// # Leaves to others
//
// What a path and a measure mean is left to package scenarios, charts to who
// reads tables.
package study

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/dsim/des"
	"example.com/dsim/scenarios"
)

// The bounds of a study.
const (
	PointsMax = 100_000
	RunsMax   = 10_000_000
)

// Options say what is studied, and how.
type Options struct {
	Source   *scenarios.Source
	Registry *scenarios.Registry // nil for the Default
	Set      []string            // overrides of all points

	// Matrix, Repeat and Measure take the place of what the scenario says, where
	// they are not empty. An axis whose path the scenario has too takes its
	// place, any other comes after those of the scenario.
	Matrix  []scenarios.Axis
	Repeat  int
	Measure []string

	First uint64 // the first seed; the others follow it. 0 stands for 1
	Jobs  int    // how many runs go side by side; 0 stands for 1

	// State is a folder that keeps what is finished; empty for none. Build says
	// what program this is: results of another one are refused.
	State, Build string

	// Progress is told how many runs are done, of how many, not more than one
	// call at a time. It may be nil.
	Progress func(done, total int)
}

// Study is a study that is ready to run.
type Study struct {
	opt     Options
	axes    []scenarios.Axis
	repeat  int
	measure []string
	points  int
}

// New checks a study: all of its points can be built, for the first seed.
func New(opt Options) (*Study, error) {
	if opt.First == 0 {
		opt.First = 1
	}
	opt.Jobs = max(opt.Jobs, 1)
	s := &Study{opt: opt}
	sc, err := s.build(opt.Set, opt.First)
	if err != nil {
		return nil, err
	}
	if sc.Study == nil {
		sc.Study = &scenarios.Study{Repeat: 1}
	}
	s.axes = slices.Clone(sc.Study.Matrix)
	for _, a := range opt.Matrix {
		if i := slices.IndexFunc(s.axes, func(x scenarios.Axis) bool { return x.Path == a.Path }); i >= 0 {
			s.axes[i] = a
			continue
		}
		s.axes = append(s.axes, a)
	}
	s.repeat = sc.Study.Repeat
	if opt.Repeat != 0 {
		s.repeat = opt.Repeat
	}
	for _, m := range sc.Study.Measure {
		s.measure = append(s.measure, m.Text)
	}
	if err := s.bounded(); err != nil {
		return nil, err
	}
	for p := range s.points {
		if _, err := s.build(s.set(p), opt.First); err != nil {
			return nil, fmt.Errorf("point %s: %w", s.name(p), err)
		}
	}
	return s, nil
}

func (s *Study) bounded() error {
	switch {
	case len(s.measure) == 0:
		return errors.New("study: nothing is measured: name cell.attribute, links.link.counter, end, events, pass or met:EXPECTATION")
	case len(s.axes) > scenarios.AxesMax:
		return fmt.Errorf("study: %d axes, at most %d", len(s.axes), scenarios.AxesMax)
	case s.repeat < 1 || s.repeat > scenarios.RepeatMax:
		return fmt.Errorf("study: repeat %d: must lie between 1 and %d", s.repeat, scenarios.RepeatMax)
	}
	s.points = 1
	for _, a := range s.axes {
		if s.points *= len(a.Values); s.points > PointsMax {
			return fmt.Errorf("study: more than %d points", PointsMax)
		}
	}
	if int64(s.points)*int64(s.repeat) > RunsMax {
		return fmt.Errorf("study: %d points with %d seeds each: at most %d runs", s.points, s.repeat, RunsMax)
	}
	return nil
}

// Runs is how many runs the study is made of.
func (s *Study) Runs() int { return s.points * s.repeat }

// values are the values of a point: the last axis turns fastest.
func (s *Study) values(point int) []string {
	out := make([]string, len(s.axes))
	for i := len(s.axes) - 1; i >= 0; i-- {
		n := len(s.axes[i].Values)
		out[i] = s.axes[i].Values[point%n]
		point /= n
	}
	return out
}

// set are the overrides of a point.
func (s *Study) set(point int) []string {
	list := slices.Clone(s.opt.Set)
	for i, v := range s.values(point) {
		list = append(list, s.axes[i].Path+"="+v)
	}
	return list
}

// name is a point for people and for the state: its values with their paths.
func (s *Study) name(point int) string {
	return strings.Join(s.set(point)[len(s.opt.Set):], " ")
}

// build makes the scenario of a point for a seed, with what is measured.
func (s *Study) build(set []string, seed uint64) (*scenarios.Scenario, error) {
	if len(s.opt.Measure) > 0 {
		var quoted []string
		for _, m := range s.opt.Measure {
			quoted = append(quoted, strconv.Quote(m))
		}
		set = append(slices.Clone(set), "study.measure=["+strings.Join(quoted, ", ")+"]")
	}
	return s.opt.Source.Build(scenarios.BuildOptions{Seed: des.SeedOf(seed), Set: set, Registry: s.opt.Registry})
}

// slice is how many events a run executes before it looks whether it shall end.
const slice = 50_000

// run makes one run; nil if ctx ended first.
func (s *Study) run(ctx context.Context, point int, seed uint64) (*result, error) {
	sc, err := s.build(s.set(point), seed)
	if err != nil {
		return nil, fmt.Errorf("point %s, seed %d: %w", s.name(point), seed, err)
	}
	w, err := scenarios.NewWorld(sc, scenarios.WorldOptions{Registry: s.opt.Registry})
	if err != nil {
		return nil, fmt.Errorf("point %s, seed %d: %w", s.name(point), seed, err)
	}
	for !w.Done() {
		if ctx.Err() != nil {
			return nil, nil //nolint:nilerr // interrupted: the run is left out, and made when the study goes on
		}
		w.Advance(sc.Run.Until, slice)
	}
	r := w.Result()
	out := &result{Point: s.name(point), Seed: seed, Verdict: r.Verdict}
	for i := range sc.Study.Measure {
		var value *float64
		if v, ok := w.Measure(&sc.Study.Measure[i], r); ok {
			value = &v
		}
		out.Values = append(out.Values, value)
	}
	return out, nil
}

// result is what is kept of a run.
type result struct {
	Point   string            `json:"point"`
	Seed    uint64            `json:"seed"`
	Verdict scenarios.Verdict `json:"verdict"`
	Values  []*float64        `json:"values"` // of the measures; null where there is none
}
