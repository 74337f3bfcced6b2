package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/des/suggest"
	"example.com/dsim/fuzz/explore"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
	"github.com/spf13/cobra"
)

// exploreFlags are the flags of dsim explore.
type exploreFlags struct {
	seeds, span, out, table string
	liveness                string
	set                     []string
	jobs, stopAfter         int
	first, json             bool
	deadline                time.Time // of --for
}

func (a *app) exploreCommand() *cobra.Command {
	o := &exploreFlags{}
	c := &cobra.Command{
		Use:   "explore FILE|DIR",
		Short: "Draw worlds from a scenario, to find one in which something fails",
		Long: `Draw worlds from a scenario and run them. In each, some families of faults are on
and others off, and how hard they are is drawn from what the scenario declares
under explore, or from the families' own ranges. Worlds that reach what no world
before has reached are varied further.

Failures are told apart by what failed and in which role, not by seed or number.
The first world of each kind is kept in a file, which dsim repro runs again. What
is found under --seeds does not depend on --jobs; an interrupt keeps what was
found until then. One world in 20, and each that fails, is run a second time.

` + exitCodes,
		Example: `  dsim explore scenarios/abp/two-cells.yaml
  dsim explore scenarios/abp/lossy.yaml --seeds 1-100000 --jobs 2 --stop-after 3
  dsim explore scenarios/switchyard/carried.yaml --for 10m --jobs 2 --out found`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want one scenario file or a folder of them, such as scenarios/abp/two-cells.yaml, not %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: completeScenario,
		RunE:              func(c *cobra.Command, args []string) error { return a.explore(c.Context(), o, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.seeds, "seeds", "", "the worlds to draw, such as 1-100000; default 1-1000")
	f.StringVar(&o.span, "for", "", "draw worlds for so long instead, such as 10m")
	f.IntVar(&o.jobs, "jobs", 1, "how many worlds run side by side")
	f.IntVar(&o.stopAfter, "stop-after", 0, "stop after so many distinct failures; 0 is never")
	f.BoolVar(&o.first, "first-failure", false, "end a world at its first failure, and do not look for a second one in it")
	f.StringVar(&o.liveness, "liveness", "", "how the faults of all worlds end: heal-all, heal-core, freeze, or drawn for one of these; as the scenario says without it")
	f.StringArrayVar(&o.set, "set", nil, "override a value of the scenario: path=value; may be repeated")
	f.StringVarP(&o.out, "out", "o", "", "keep failures in this folder; default: testdata beside the scenario")
	f.StringVar(&o.table, "table", "", "write all that was reached to this file, a line a place")
	f.BoolVar(&o.json, "json", false, "print one JSON object for each scenario, on one line")
	complete(c, "liveness", explore.LivenessModes()...)
	completeFolders(c, "out")
	return c
}

// sought is what was found in one file.
type sought struct {
	file   string
	report *explore.Report
	kept   []string // files, by found
	unsaid bool     // whether the scenario says nothing of which faults it bears
}

func (a *app) explore(ctx context.Context, o *exploreFlags, path string) error {
	files, err := scenariosIn(path)
	if err != nil {
		return err
	}
	opt, err := o.options()
	if err != nil {
		return err
	}
	var table strings.Builder
	var worst error
	last := ""
	for i, file := range files {
		s, err := a.exploreFile(ctx, o, opt, file, len(files)-i)
		if s != nil && s.report != nil {
			if err := a.showSought(o, s); err != nil {
				return err
			}
			fmt.Fprintf(&table, "# %s\n%s", file, s.report.Table)
			if len(s.kept) > 0 {
				last = self() + " repro " + quote(s.kept[0])
			}
			worst = worse(worst, s.exit())
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		if ctx.Err() != nil {
			worst = exit(exitInterrupted, errors.New("interrupted; what was found until then is kept"))
			break
		}
	}
	if o.table != "" {
		if err := repro.WriteFile(o.table, []byte(table.String())); err != nil {
			return exit(exitEnvironment, err)
		}
	}
	if last != "" && !o.json {
		a.out.printf("to repeat it:\n%s\n", last)
	}
	return worst
}

// worse is the error that weighs more: non-determinism, a failure, and what is
// not conclusive.
func worse(a, b error) error {
	weight := func(err error) int {
		e := (*exitError)(nil)
		if !errors.As(err, &e) {
			return -1
		}
		return slices.Index([]int{exitInconclusive, exitFailed, exitNondeterminism}, e.code)
	}
	if weight(b) > weight(a) {
		return b
	}
	return a
}

// scenariosIn is a file, or those of a folder.
func scenariosIn(path string) ([]string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such file%s", path, nearFile(path))
	}
	if err != nil {
		return nil, exit(exitEnvironment, err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	list, err := filepath.Glob(filepath.Join(path, "*.y*ml"))
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s: no scenario in it; dsim list scenarios shows some", path)
	}
	slices.Sort(list)
	return list, err
}

// options reads the flags.
func (o *exploreFlags) options() (explore.Options, error) {
	opt := explore.Options{First: 1, Last: 1000, Jobs: o.jobs, StopAfter: o.stopAfter, OneFailure: o.first, Set: o.set, Build: buildInfo().String()}
	opt.Liveness = explore.Liveness(o.liveness)
	switch {
	case o.liveness != "" && !slices.Contains(explore.LivenessModes(), o.liveness):
		return opt, fmt.Errorf("--liveness %s: must be %s", suggest.Quoted(o.liveness), strings.Join(explore.LivenessModes(), ", "))
	case o.jobs < 1 || o.jobs > 1024:
		return opt, fmt.Errorf("--jobs %d: must lie between 1 and 1024", o.jobs)
	case o.stopAfter < 0:
		return opt, fmt.Errorf("--stop-after %d: must not be negative", o.stopAfter)
	case o.seeds != "" && o.span != "":
		return opt, errors.New("--seeds and --for: give one of them")
	}
	if o.seeds != "" {
		var err error
		if opt.First, opt.Last, err = seedRange(o.seeds); err != nil {
			return opt, err
		}
	}
	if o.span != "" {
		if d, err := time.ParseDuration(o.span); err != nil || d <= 0 {
			return opt, fmt.Errorf("--for %q: want a time such as 10m", o.span)
		}
		opt.Last = 1 << 39
	}
	return opt, nil
}

// exploreFile explores one scenario; of what is left of the time of --for it
// takes its part.
func (a *app) exploreFile(ctx context.Context, o *exploreFlags, opt explore.Options, file string, left int) (*sought, error) {
	src, err := load(file)
	if err != nil {
		return nil, err
	}
	opt.Source = src
	s := &sought{file: file}
	total, began := int64(min(opt.Last-opt.First+1, math.MaxInt64)), clock.Wall()
	if o.span != "" {
		span, err := o.share(began, left)
		if err != nil {
			return nil, err
		}
		total = max(span.Milliseconds(), 1)
		opt.Over = func() bool { return clock.Wall().Sub(began) >= span }
	}
	bar := newProgress(a.err, total, file)
	defer bar.done()
	opt.Progress = func(r *explore.Report) {
		if o.span != "" {
			bar.set(min(clock.Wall().Sub(began).Milliseconds(), total))
		} else {
			bar.set(int64(r.Worlds))
		}
	}
	var unkept error
	opt.Found = func(f *explore.Found) {
		path := o.path(file, f)
		if err := f.File.Save(path); err != nil && unkept == nil {
			unkept = exit(exitEnvironment, err)
		}
		s.kept = append(s.kept, path)
	}
	x, err := explore.New(ctx, opt)
	if err != nil {
		return nil, err
	}
	if sc, err := src.Build(scenarios.BuildOptions{Seed: des.SeedOf(opt.First), Set: opt.Set}); err == nil {
		s.unsaid = sc.Explore == nil && sc.Fails == ""
	}
	s.report, err = x.Run(ctx)
	if err == nil {
		err = unkept
	}
	return s, err
}

// share is an equal part of the time of --for.
func (o *exploreFlags) share(now time.Time, left int) (time.Duration, error) {
	d, err := time.ParseDuration(o.span)
	if err != nil {
		return 0, err
	}
	if o.deadline.IsZero() {
		o.deadline = now.Add(d)
	}
	return max(o.deadline.Sub(now)/time.Duration(left), 0), nil
}

// path is the file that a failure is kept in.
func (o *exploreFlags) path(file string, f *explore.Found) string {
	dir := o.out
	if dir == "" {
		dir = filepath.Join(filepath.Dir(file), "testdata")
	}
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	return filepath.Join(dir, name+"-"+f.Signature.Slug()+repro.Ext)
}

// exit is the error that ends the command with the search's code.
func (s *sought) exit() error {
	r := s.report
	switch {
	case r.Broken != nil:
		return exit(exitNondeterminism, nil)
	case r.Failed > 0 || len(r.Found) > 0:
		return exit(exitFailed, nil)
	case r.Inconclusive > 0 || r.Worlds > 0 && r.Unfit == r.Worlds:
		return exit(exitInconclusive, nil)
	}
	return nil
}

// sought prints what was found in a file.
func (a *app) sought(s *sought) {
	r := s.report
	a.out.printf("%s  %s\n", a.out.bold(s.file), r.Name)
	a.out.printf("  %s worlds: %s passed, %s failed, %s inconclusive; %s events, %s run twice; drawn faults end at %s\n",
		group(r.Worlds), group(r.Passed), group(r.Failed), group(r.Inconclusive), group(r.Events), group(r.Rechecked), r.Until)
	if r.Unfit > 0 {
		a.out.printf("  %s in %s worlds the scenario's own timeline did not fit: %s\n", a.out.warn("note"), group(r.Unfit), r.Why)
	}
	a.progressOf(r)
	a.bites(r)
	a.reached(r)
	for _, e := range r.Sometimes {
		if e.Worlds == 0 {
			a.out.printf("  %s %s\n", a.out.warn("never happened"), e.Text)
		}
	}
	for i, f := range r.Found {
		a.out.printf("%s in %s of %s worlds, first in world %d: %s\n", a.out.bad("FAIL"), group(f.Count), group(r.Worlds), f.World, f.Signature)
		a.out.printf("  %s\n", f.Failure)
		a.out.printf("  %s\n", a.out.faint("kept in "+s.kept[i]))
	}
	if s.unsaid && len(r.Found) > 0 {
		a.out.printf("  %s the scenario does not say under explore which faults it is meant to bear: it may not be meant for these\n", a.out.warn("note"))
	}
	if b := r.Broken; b != nil {
		a.out.printf("%s world %d went otherwise the second time\n", a.out.bad("non-determinism"), b.World)
		if b.Difference != nil {
			a.out.printf("%s\n", indent(b.Difference.String()))
		}
	}
}

// progressOf says how much was asked for after the faults.
func (a *app) progressOf(r *explore.Report) {
	p := r.Progress
	if p.Asked > 0 {
		a.out.printf("  progress was asked for in %s worlds; in %s of them it had been made before the faults ended\n", group(p.Asked), group(p.Idle))
	}
	if p.Early > 0 {
		a.out.printf("  %s in %s worlds the budget of events ran out before the faults ended\n", a.out.warn("note"), group(p.Early))
	}
}

// bites prints which families of faults were on, and which never did anything.
func (a *app) bites(r *explore.Report) {
	if len(r.Bites) == 0 {
		return
	}
	rows := [][]string{{"faults", "on in worlds", "bit in", "times"}}
	var never []string
	for _, b := range r.Bites {
		rows = append(rows, []string{b.Family, group(b.On), group(b.Bit), group(b.Times)})
		if b.On > 0 && b.Bit == 0 {
			never = append(never, b.Family)
		}
	}
	a.out.table("  ", rows)
	if len(never) > 0 {
		a.out.printf("  %s %s\n", a.out.warn("never bit"), strings.Join(never, ", "))
	}
}

// statesShown is how many states of a role the table on the screen has.
const statesShown = 8

// reached prints, for each role, which events reached it in which states.
func (a *app) reached(r *explore.Report) {
	for _, g := range r.Table.Grids() {
		n := min(len(g.States), statesShown)
		a.out.printf("  %s, and what reached it in which state\n", a.out.bold(g.Role))
		head := []string{"event, fault"}
		for i := range n {
			name := g.States[i]
			if name == "" {
				name = "any"
			}
			a.out.printf("    %s\n", a.out.faint(fmt.Sprintf("%c: %s", 'A'+i, name)))
			head = append(head, string(rune('A'+i)))
		}
		if more := len(g.States) - n; more > 0 {
			a.out.printf("    %s\n", a.out.faint(fmt.Sprintf("%d states more: --table FILE has them", more)))
		}
		rows := [][]string{head}
		for j, column := range g.Columns {
			row := []string{column}
			for i := range n {
				text := "·"
				if k := g.Counts[i][j]; k > 0 {
					text = strconv.FormatUint(k, 10)
				}
				row = append(row, text)
			}
			rows = append(rows, row)
		}
		a.out.table("    ", rows)
	}
}
