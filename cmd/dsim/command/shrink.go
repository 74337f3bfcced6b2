package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/fuzz/shrink"
	"example.com/dsim/replay"
	"github.com/spf13/cobra"
)

// shrinkFlags are the flags of dsim shrink.
type shrinkFlags struct {
	out, span, pkg string
	budget         int
	json           bool
}

func (a *app) shrinkCommand() *cobra.Command {
	o := &shrinkFlags{}
	c := &cobra.Command{
		Use:   "shrink REPRO|TRACE",
		Short: "Make a world that fails small, and write it as a scenario, a repro and a Go test",
		Long: `Look for the smallest world that fails in the same way as that of a repro, or of
the trace of a run that failed: fewer faults, cells, links, entries, parameters
and choices, less time, plain numbers. A trace that fails in several ways is
shrunk once for each.

Four things come of it: a scenario file, a repro file, a Go test that fails as
long as the failure is there, and the nearest neighbours that pass. The smallest
world is run twice more before it is written. The same input gives the same
files, unless --for ends the search.

Exit codes:
  0    the smallest world was written, or the smallest until the budget ended
  2    usage, or a file that is neither a repro nor a trace
  3    the world does not fail so any more: there is nothing to shrink
  4    two runs were not the same
  5    environment: a file cannot be read or written
  125  the file does not apply to this build
  130  interrupted; the smallest until then was written`,
		Example: `  dsim shrink scenarios/canaries/testdata/abp-ignore-bit-abp-exactly-once-in-order-bca0.repro -o small
  dsim run scenarios/canaries/abp-give-up.yaml --seed 7 --trace up.trace; dsim shrink up.trace`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want one repro, or the trace of a run that failed, not %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"repro", "trace"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(c *cobra.Command, args []string) error { return a.shrink(c.Context(), o, args[0]) },
	}
	f := c.Flags()
	f.StringVarP(&o.out, "out", "o", "", "the folder to write to; default: that of the file")
	f.IntVar(&o.budget, "budget", 4000, "run so many worlds at most")
	f.StringVar(&o.span, "for", "", "search for so long at most, such as 30s")
	f.StringVar(&o.pkg, "package", "repro_test", "the package of the Go test")
	f.BoolVar(&o.json, "json", false, "print one JSON object for each failure on standard output")
	completeFolders(c, "out")
	return c
}

var packageRule = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (o *shrinkFlags) options() (shrink.Options, error) {
	opt := shrink.Options{Runs: o.budget}
	if o.budget < 1 {
		return opt, fmt.Errorf("--budget %d: must be at least 1", o.budget)
	}
	if !packageRule.MatchString(o.pkg) {
		return opt, fmt.Errorf("--package %q: want the name of a Go package", o.pkg)
	}
	if o.span != "" {
		d, err := time.ParseDuration(o.span)
		if err != nil || d <= 0 {
			return opt, fmt.Errorf("--for %q: want a time such as 30s", o.span)
		}
		end := clock.Wall().Add(d)
		opt.Over = func() bool { return clock.Wall().After(end) }
	}
	return opt, nil
}

// shrunk is a result, and where it was written.
type shrunk struct {
	*shrink.Result
	scenario, repro, test string
}

func (a *app) shrink(ctx context.Context, o *shrinkFlags, path string) error {
	opt, err := o.options()
	if err != nil {
		return err
	}
	tasks, err := a.toShrink(ctx, path)
	if err != nil {
		return err
	}
	var last *shrunk
	for i := range tasks {
		bar := newProgress(a.err, int64(o.budget), "shrink "+path)
		opt.Progress = func(runs int, best shrink.Size) { bar.set(int64(min(runs, o.budget-1))) }
		r, err := shrink.Run(ctx, tasks[i].World, tasks[i].Signature, opt)
		bar.done()
		if r == nil || err != nil && ctx.Err() == nil {
			return a.unshrunk(ctx, err)
		}
		last = &shrunk{Result: r}
		if err := o.write(path, last, len(tasks) > 1); err != nil {
			return err
		}
		if o.json {
			err = a.shrunkJSON(last)
		} else {
			a.shrunk(path, last)
		}
		if ctx.Err() != nil {
			return exit(exitInterrupted, errors.New("interrupted; the smallest until then is written"))
		}
		if err != nil {
			return err
		}
	}
	if !o.json {
		a.out.printf("to repeat it:\n%s repro %s\n", self(), quote(last.repro))
	}
	return nil
}

// unshrunk says why nothing came of it.
func (a *app) unshrunk(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return exit(exitInterrupted, errors.New("interrupted before the first world was run"))
	case errors.Is(err, shrink.ErrPasses):
		return exit(exitInconclusive, err)
	case errors.Is(err, shrink.ErrFlaky):
		return exit(exitNondeterminism, err)
	}
	return exit(exitNoRepro, err)
}

// toShrink are the failures of a file: the one of a repro, all of a trace.
func (a *app) toShrink(ctx context.Context, path string) ([]*repro.File, error) {
	if filepath.Ext(path) != ".trace" {
		f, err := repro.Load(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%s: no such file%s", path, nearRepro(path))
		case err != nil:
			return nil, err
		}
		return []*repro.File{f}, nil
	}
	t, err := a.openTrace(path)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	if err := wholeRun(t); err != nil {
		return nil, err
	}
	w, err := tracedWorld(t)
	if err != nil {
		return nil, err
	}
	first, err := w.Run(ctx, repro.Options{})
	if err != nil {
		return nil, a.unshrunk(ctx, err)
	}
	// Past its first failure, where the trace has no choices any more, the run
	// may fail in a second way, under its seed.
	beyond := w.Clone()
	beyond.Beyond, beyond.Served, beyond.Choices = true, false, nil
	o, err := beyond.Run(ctx, repro.Options{})
	if err != nil {
		return nil, a.unshrunk(ctx, err)
	}
	if len(first.Failures) > 0 && o.Find(first.Failures[0].Signature) == nil {
		o = first // it was no run of its seed
	}
	var list []*repro.File
	for _, f := range first.Failures {
		list = append(list, &repro.File{World: w, Signature: f.Signature})
	}
	for _, f := range o.Failures {
		if first.Find(f.Signature) == nil {
			list = append(list, &repro.File{World: beyond, Signature: f.Signature})
		}
	}
	if len(list) == 0 {
		return nil, exit(exitInconclusive, fmt.Errorf("%s: %w", path, shrink.ErrPasses))
	}
	return list, nil
}

// tracedWorld is the world that a trace was made of, with its choices served.
func tracedWorld(t *replay.Trace) (w repro.World, err error) {
	h := t.Header()
	w = repro.World{Name: filepath.Base(h.Info["file"]), Text: []byte(h.Text), Set: h.Set}
	if w.Name == "." {
		w.Name = "scenario.yaml"
	}
	if w.Seed, err = des.ParseSeed(h.Seed); err != nil {
		return w, fmt.Errorf("%s: %w", t.Name(), err)
	}
	n := 0
	for c, err := range t.Choices() {
		if err != nil {
			return w, err
		}
		x := repro.Choice{What: c.What, Where: c.Where, N: c.N, Value: c.Value, Anchor: repro.Anchor{At: c.At.Time}}
		switch c.What {
		case repro.Verdict:
			if n++; n > repro.ServedMax {
				continue
			}
		case repro.Option:
			x.Anchor = repro.Anchor{}
		default:
			continue
		}
		w.Choices = append(w.Choices, x)
	}
	if w.Served = n <= repro.ServedMax; !w.Served {
		w.Choices = nil // the seed draws them all again
	}
	return w, nil
}

// write writes the three files. Their names are the input's with -small, and
// with the failure if there are several.
func (o *shrinkFlags) write(path string, s *shrunk, several bool) error {
	dir := o.out
	if dir == "" {
		dir = filepath.Dir(path)
	}
	base := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	if several {
		base += "-" + s.Signature.Slug()
	}
	s.scenario = filepath.Join(dir, base+"-small.yaml")
	s.repro = filepath.Join(dir, base+"-small"+repro.Ext)
	s.test = filepath.Join(dir, strings.ReplaceAll(base, "-", "_")+"_small_test.go")
	test, err := s.Test(o.pkg, filepath.Base(s.repro))
	if err != nil {
		return err
	}
	err = repro.WriteFile(s.scenario, s.Scenario())
	if err == nil {
		err = s.File(buildInfo().String()).Save(s.repro)
	}
	if err == nil {
		err = repro.WriteFile(s.test, test)
	}
	if err != nil {
		return exit(exitEnvironment, err)
	}
	return nil
}

// shrunk prints what came of it.
func (a *app) shrunk(path string, s *shrunk) {
	a.out.printf("%s  %s\n  %s\n", a.out.bold(path), a.out.bad(s.Signature.Property), s.Signature)
	a.out.printf("  %s\n", s.Failed.Failure)
	a.out.printf("  from %s\n    to %s; %s worlds run\n", s.Before, s.After, group(uint64(s.Runs)))
	if !s.Whole {
		a.out.printf("  %s the search was ended before nothing more could go\n", a.out.warn("note"))
	}
	for _, x := range s.Others {
		a.out.printf("  %s it fails in another way besides, which is left alone: %s\n", a.out.warn("note"), x.Signature)
	}
	for _, c := range s.World.Verdicts() {
		a.out.printf("  chance: %s\n", c)
	}
	for _, n := range s.Neighbours {
		a.out.printf("  %s %s\n", a.out.good("passes beside it:"), n)
	}
	a.out.printf("%s", indent(strings.TrimRight(string(s.World.Text), "\n"))+"\n")
	for _, f := range []string{s.scenario, s.repro, s.test} {
		a.out.printf("  %s\n", a.out.faint("written: "+f))
	}
}

// shrunkLine is a result as JSON. Fields are only added.
type shrunkLine struct {
	Signature  string             `json:"signature"`
	Failure    *failureLine       `json:"failure"`
	Digest     string             `json:"digest"`
	Runs       int                `json:"runs"`
	Whole      bool               `json:"whole"`
	Before     shrink.Size        `json:"before"`
	After      shrink.Size        `json:"after"`
	Neighbours []shrink.Neighbour `json:"neighbours"`
	Others     []string           `json:"others"`
	Choices    []string           `json:"choices"`
	Scenario   string             `json:"scenario"`
	Files      []string           `json:"files"`
}

func (a *app) shrunkJSON(s *shrunk) error {
	l := shrunkLine{
		Signature: s.Signature.String(), Failure: lineOf(s.Failed.Failure), Digest: digestText(s.Digest), Runs: s.Runs, Whole: s.Whole,
		Before: s.Before, After: s.After, Neighbours: append([]shrink.Neighbour{}, s.Neighbours...), Others: []string{}, Choices: []string{},
		Scenario: string(s.World.Text), Files: []string{s.scenario, s.repro, s.test},
	}
	for _, x := range s.Others {
		l.Others = append(l.Others, x.Signature.String())
	}
	for _, c := range s.World.Verdicts() {
		l.Choices = append(l.Choices, c.String())
	}
	return json.NewEncoder(a.out).Encode(l)
}
