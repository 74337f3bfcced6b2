package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"

	"example.com/dsim/fuzz/explain"
	"example.com/dsim/fuzz/repro"
	"github.com/spf13/cobra"
)

// explainFlags are the flags of dsim explain.
type explainFlags struct {
	json, keepFaults   bool
	svg                string
	jobs, points, runs int
}

func (a *app) explainCommand() *cobra.Command {
	o := &explainFlags{}
	c := &cobra.Command{
		Use:   "explain REPRO",
		Short: "Say why a kept failure fails: what led to it, which faults mattered, when it was decided",
		Long: `Run the world of a repro file again in many forms, and say why it fails.

What mattered: each fault is left out in a run of its own: entries of the
timeline with what ends them, verdicts of links, parameters that could not be
told apart by verdicts. If nothing fails without it, it was decisive; if the same
fails, harmless. Where none is decisive, pairs are left out.

What led to it: the chain of causes from its roots to the failure, with the
frames that never arrived where something waited for them.

How likely it was: from points along the run chance is drawn anew, --runs times
each, and it is counted how often the same fails. Chance is what links do to
frames, and when faults of the timeline come that have not begun. At the steepest
rise, the cliff, points are set closer, and what happened there is named.

The output follows from the file; --jobs does not change it.

Exit codes:
  0    explained
  1    the world does not fail so any more
  2    usage, or a file that is no repro
  5    environment: a file cannot be written
  125  the file does not apply to this build
  130  interrupted`,
		Example: `  dsim explain scenarios/canaries/testdata/abp-ignore-bit-abp-exactly-once-in-order-bca0.repro
  dsim explain found.repro --svg curve.svg --jobs 2
  dsim explain found.repro --json --points 0`,
		Args: oneRepro,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"repro"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(c *cobra.Command, args []string) error { return a.explain(c.Context(), o, args[0]) },
	}
	f := c.Flags()
	f.BoolVar(&o.json, "json", false, "print all of it as one JSON object")
	f.StringVar(&o.svg, "svg", "", "draw the curve to this file")
	f.IntVar(&o.jobs, "jobs", 1, "how many worlds run side by side")
	f.IntVar(&o.points, "points", explain.PointsDefault, "from how many points chance is drawn anew, before the cliff is looked at closer; 0 for no curve")
	f.IntVar(&o.runs, "runs", explain.RunsDefault, "how often from each point")
	f.BoolVar(&o.keepFaults, "keep-faults", false, "leave faults of the timeline at their times, instead of drawing those anew that have not begun")
	return c
}

// nearCliff is about how many points the cliff takes besides, for the bar.
const nearCliff = 8

func (a *app) explain(ctx context.Context, o *explainFlags, path string) error {
	switch {
	case o.jobs < 1 || o.jobs > 1024:
		return fmt.Errorf("--jobs %d: must lie between 1 and 1024", o.jobs)
	case o.points < 0 || o.points == 1 || o.points > 10_000:
		return fmt.Errorf("--points %d: must be 0, or lie between 2 and 10000", o.points)
	case o.runs < 1 || o.runs > 1_000_000:
		return fmt.Errorf("--runs %d: must lie between 1 and 1000000", o.runs)
	case o.points == 0 && o.svg != "":
		return errors.New("--svg and --points 0: without points there is no curve to draw")
	}
	f, err := repro.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such file%s", path, nearRepro(path))
	}
	if err != nil {
		return err
	}
	opt := explain.Options{Jobs: o.jobs, Points: o.points, Runs: o.runs, KeepFaults: o.keepFaults}
	if o.points == 0 {
		opt.Points = -1
	}
	bar := newProgress(a.err, int64(o.runs)*int64(o.points+nearCliff)+1, path)
	opt.Progress = func(runs uint64) { bar.set(int64(min(runs, math.MaxInt64))) }
	x, err := explain.Explain(ctx, f, opt)
	bar.done()
	switch {
	case ctx.Err() != nil:
		return exit(exitInterrupted, errors.New("interrupted"))
	case errors.Is(err, explain.ErrFixed):
		return exit(exitFailed, fmt.Errorf("%s: %w", path, err))
	case err != nil:
		return exit(exitNoRepro, fmt.Errorf("%s: %w", path, err))
	}
	if o.svg != "" {
		var picture strings.Builder
		if err := x.SVG(&picture); err != nil {
			return exit(exitEnvironment, err)
		}
		if err := repro.WriteFile(o.svg, []byte(picture.String())); err != nil {
			return exit(exitEnvironment, err)
		}
	}
	if o.json {
		err = json.NewEncoder(a.out).Encode(x)
	} else {
		err = x.Text(a.out)
	}
	if err != nil {
		return exit(exitEnvironment, err)
	}
	return nil
}
