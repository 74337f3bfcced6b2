package command

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/links"
	"example.com/dsim/scenarios"
)

func attrValue(a cells.Attr) any {
	switch a.Is {
	case cells.IsText:
		return a.Text
	case cells.IsBool:
		return a.Int != 0
	}
	return a.Int
}

// seedRange reads "1-1000".
func seedRange(s string) (from, to uint64, err error) {
	a, b, ok := strings.Cut(s, "-")
	from, e1 := strconv.ParseUint(a, 0, 64)
	to, e2 := strconv.ParseUint(b, 0, 64)
	if !ok || e1 != nil || e2 != nil || from > to || to-from >= 1<<40 {
		return 0, 0, fmt.Errorf("--seeds %q: must be a range such as 1-1000", s)
	}
	return from, to, nil
}

// runMany runs a scenario under every seed of a range, jobs worlds at a time.
// What it prints is in the order of seeds and does not depend on jobs.
func (a *app) runMany(ctx context.Context, o *runFlags, file string, src *scenarios.Source) error {
	from, to, err := seedRange(o.seeds)
	if err != nil {
		return err
	}
	n := to - from + 1
	if !o.json {
		a.out.printf("%s  seeds %d-%d, %d at a time\n", a.out.bold(file), from, to, o.jobs)
	}
	began := clock.Wall()
	bar := newProgress(a.err, int64(min(n, math.MaxInt64)), file)
	defer bar.done()
	sum := newSummary()
	var failed error
	scenarios.Many(ctx, o.jobs, n, func(i uint64) *ran {
		return a.runSeed(ctx, o, file, src, des.SeedOf(from+i))
	}, func(i uint64, r *ran) bool {
		if r.err != nil && ctx.Err() != nil {
			return false // broken off, which is no failure
		}
		bar.set(int64(i + 1))
		if r.err != nil {
			failed = fmt.Errorf("seed %d: %w", from+i, r.err)
			return false
		}
		sum.add(r.outcome)
		if o.json {
			failed = a.printJSON(r.outcome)
		}
		return failed == nil
	})
	bar.done()
	if failed != nil {
		return failed
	}
	if !o.json {
		a.reportMany(sum, clock.Wall().Sub(began))
	}
	if ctx.Err() != nil {
		return exit(exitInterrupted, fmt.Errorf("interrupted after %s of %s seeds", group(sum.runs), group(n)))
	}
	return sum.exit()
}

// ran is one run of many.
type ran struct {
	outcome *outcome
	err     error
}

func (a *app) runSeed(ctx context.Context, o *runFlags, file string, src *scenarios.Source, seed des.Seed) *ran {
	sc, err := src.Build(scenarios.BuildOptions{Seed: seed, Set: o.overrides()})
	if err != nil {
		return &ran{err: err}
	}
	began := clock.Wall()
	w, err := scenarios.NewWorld(sc, scenarios.WorldOptions{Full: o.digest == "full"})
	if err != nil {
		return &ran{err: err}
	}
	for !w.Done() && ctx.Err() == nil {
		w.Advance(sc.Run.Until, slice)
	}
	if ctx.Err() != nil {
		return &ran{err: ctx.Err()}
	}
	x := &outcome{Result: w.Result(), File: file, Repeat: o.repeat(file, seed.String()), Wall: clock.Wall().Sub(began)}
	if x.Twice = o.determinism; x.Twice {
		x.Broken, err = secondRun(ctx, o, file, sc, x.Result)
	}
	return &ran{x, err}
}

// summary adds up runs.
type summary struct {
	runs     uint64
	verdicts map[scenarios.Verdict]uint64
	asMeant  uint64
	failures []*outcome // the first of each kind
	counts   map[string]uint64
	twice    bool // whether each was run a second time
	broken   *outcome
	events   uint64
	virtual  time.Duration
	totals   links.Counts
	attrs    map[string]*spread
	names    []string
}

// spread is how a number varied over runs.
type spread struct {
	n, sum   int64
	min, max int64
}

func newSummary() *summary {
	return &summary{verdicts: make(map[scenarios.Verdict]uint64), counts: make(map[string]uint64), attrs: make(map[string]*spread)}
}

func (s *summary) add(x *outcome) {
	s.runs++
	s.verdicts[x.Verdict]++
	if x.AsMeant() {
		s.asMeant++
	}
	s.events += x.Events
	s.virtual += x.End.Sub(0)
	s.totals = s.totals.Add(x.Totals)
	s.twice = x.Twice
	if x.Broken != nil && s.broken == nil {
		s.broken = x
	}
	if x.Verdict != scenarios.Pass {
		what := string(x.Verdict)
		if x.Failure != nil {
			what = x.Failure.Property
		}
		if s.counts[what]++; s.counts[what] == 1 {
			s.failures = append(s.failures, x)
		}
	}
	if len(x.Cells) > 8 {
		return
	}
	for _, c := range x.Cells {
		for _, a := range c.Attrs {
			if a.Is == cells.IsInt {
				s.number(string(c.ID)+"."+a.Name, a.Int)
			}
		}
	}
}

func (s *summary) number(name string, v int64) {
	p := s.attrs[name]
	if p == nil {
		p = &spread{min: v, max: v}
		s.attrs[name] = p
		s.names = append(s.names, name)
	}
	p.n++
	p.sum += v
	p.min, p.max = min(p.min, v), max(p.max, v)
}

func (s *summary) exit() error {
	switch {
	case s.broken != nil:
		return exit(exitNondeterminism, nil)
	case s.verdicts[scenarios.Fail] > 0:
		return exit(exitFailed, nil)
	case s.verdicts[scenarios.Inconclusive] > 0:
		return exit(exitInconclusive, nil)
	}
	return nil
}

// addsUp reports whether a sum over runs of an attribute means something, as
// that of a count does. By its name, it is a span, a bound or a bit otherwise:
// these have a mean, and no total.
func addsUp(name string) bool {
	_, name, _ = strings.Cut(name, ".") // behind the cell's
	for _, s := range []string{spanSuffix, "_min", "_max", "_bit"} {
		if strings.HasSuffix(name, s) {
			return false
		}
	}
	return name != "bit"
}

func (a *app) reportMany(s *summary, wall time.Duration) {
	rows := [][]string{{"over all runs", "total", "mean", "least", "most"}}
	slices.Sort(s.names)
	for _, n := range s.names {
		p := s.attrs[n]
		if p.min == 0 && p.max == 0 {
			continue // it counted nothing
		}
		total, mean := strconv.FormatInt(p.sum, 10), fmt.Sprintf("%.1f", float64(p.sum)/float64(p.n))
		if !addsUp(n) {
			total = ""
		}
		if strings.HasSuffix(n, spanSuffix) {
			mean = des.FormatDuration(p.sum / p.n)
		}
		rows = append(rows, []string{shownName(n), total, mean, numberText(n, p.min), numberText(n, p.max)})
	}
	for _, n := range links.CountNames {
		if v, _ := s.totals.Get(n); v > 0 {
			rows = append(rows, []string{"links " + n, strconv.FormatUint(v, 10), fmt.Sprintf("%.1f", float64(v)/float64(s.runs)), "", ""})
		}
	}
	a.out.table("  ", rows)
	verdict := scenarios.Pass
	if s.verdicts[scenarios.Fail] > 0 {
		verdict = scenarios.Fail
	} else if s.verdicts[scenarios.Inconclusive] > 0 {
		verdict = scenarios.Inconclusive
	}
	a.out.printf("\n%s  %s runs: %s passed, %s failed, %s inconclusive; %s events, %s of virtual time  %s\n",
		a.verdict(verdict), group(s.runs), group(s.verdicts[scenarios.Pass]), group(s.verdicts[scenarios.Fail]),
		group(s.verdicts[scenarios.Inconclusive]), group(s.events), s.virtual,
		a.out.faint(fmt.Sprintf("(%s, %.1f M events/s)", wall.Round(time.Millisecond), float64(s.events)/wall.Seconds()/1e6)))
	if s.twice && s.broken == nil {
		a.out.printf("each %s\n", sameTwice)
	}
	if s.broken != nil {
		a.out.printf("%s seed %s went otherwise the second time:\n%s\n%s --check-determinism\n", a.out.bad("non-determinism"),
			s.broken.Scenario.Seed, indent(s.broken.Broken.String()), s.broken.Repeat)
	}
	if len(s.failures) == 0 {
		return
	}
	for _, x := range s.failures {
		what := string(x.Verdict)
		if x.Failure != nil {
			what = x.Failure.Property
		}
		a.out.printf("%s in %s of %s runs, first with seed %s\n", a.out.bad(what), group(s.counts[what]), group(s.runs), x.Scenario.Seed)
	}
	last := s.failures[len(s.failures)-1]
	a.why(last.Result)
	a.out.printf("to repeat it:\n")
	a.out.printf("%s\n", last.Repeat)
}
