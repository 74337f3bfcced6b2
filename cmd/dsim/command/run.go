package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
	"github.com/spf13/cobra"
)

// runFlags are the flags of dsim run.
type runFlags struct {
	seed, seeds string
	jobs        int
	parallel    int
	until       string
	set         []string
	trace       string
	level       string
	pcap        string
	digest      string
	json        bool
	speed       string
	determinism bool
	verbose     int
}

func (a *app) runCommand() *cobra.Command {
	o := &runFlags{}
	c := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a scenario under a seed, or under many",
		Long: `Run a scenario in virtual time and say whether what it expects has held.

The same file, seed and build give the same digest, always. On failure the last
line is the one command that repeats the run.

` + exitCodes,
		Example: `  dsim run scenarios/abp/lossy.yaml --seed 42
  dsim run scenarios/abp/lossy.yaml --seeds 1-1000 --jobs 2
  dsim run scenarios/abp/lossy.yaml --set links.ab.loss=30% --pcap lossy.pcapng
  dsim run scenarios/abp/lossy.yaml --trace lossy.trace --level events`,
		Args:              oneScenario,
		ValidArgsFunction: completeScenario,
		RunE:              func(c *cobra.Command, args []string) error { return a.run(c.Context(), o, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.seed, "seed", "", "the seed: decimal, 0x hex, or 40 hex digits (a commit); default: $DSIM_SEED, the file's, or 1")
	f.StringVar(&o.seeds, "seeds", "", "run every seed of a range, such as 1-1000")
	f.IntVar(&o.jobs, "jobs", 1, "how many runs of --seeds go side by side")
	f.IntVar(&o.parallel, "parallel", 1, "how many partitions of one run go side by side; nothing but the time it takes depends on it")
	f.StringVar(&o.until, "until", "", "end the run at this virtual time instead of the scenario's")
	f.StringArrayVar(&o.set, "set", nil, "override a value of the scenario: path=value; may be repeated")
	f.StringVar(&o.trace, "trace", "", "write what happened to this file")
	f.StringVar(&o.level, "level", "choices", "how much a trace holds: choices, or events")
	f.StringVar(&o.pcap, "pcap", "", "write all frames to this pcapng file")
	f.StringVar(&o.digest, "digest", "edges", "what the digest covers of payloads: edges, or full")
	f.BoolVar(&o.json, "json", false, "print one JSON object a run on standard output")
	f.StringVar(&o.speed, "speed", "max", "virtual against wall time: max, or a factor such as 1x or 10x")
	f.BoolVar(&o.determinism, "check-determinism", false, "run everything twice and compare; where the two part, say at which record")
	f.CountVarP(&o.verbose, "verbose", "v", "print what happens as it happens; -vv prints every record")
	complete(c, "level", "choices", "events")
	complete(c, "digest", "edges", "full")
	complete(c, "speed", "max", "1x", "10x")
	return c
}

func (a *app) run(ctx context.Context, o *runFlags, file string) error {
	if err := o.check(); err != nil {
		return err
	}
	src, err := load(file)
	if err != nil {
		return err
	}
	if o.seeds != "" {
		return a.runMany(ctx, o, file, src)
	}
	if o.seed == "" {
		o.seed = os.Getenv("DSIM_SEED")
	}
	seed, ok := src.Seed()
	if o.seed != "" {
		if seed, err = des.ParseSeed(o.seed); err != nil {
			return err
		}
	} else if !ok {
		seed = des.SeedOf(1)
	}
	sc, err := src.Build(scenarios.BuildOptions{Seed: seed, Set: o.overrides()})
	if err != nil {
		return err
	}
	if !o.json {
		a.heading(sc)
	}
	out, err := a.runOne(ctx, o, file, sc)
	if err != nil {
		return err
	}
	if o.json {
		if err := a.printJSON(out); err != nil {
			return err
		}
	} else {
		a.report(out)
	}
	return out.exit()
}

// check says what is wrong with the flags, before anything runs.
func (o *runFlags) check() error {
	switch {
	case o.level != "choices" && o.level != "events":
		return fmt.Errorf("--level %q: must be choices or events", o.level)
	case o.digest != "edges" && o.digest != "full":
		return fmt.Errorf("--digest %q: must be edges or full", o.digest)
	case o.jobs < 1 || o.jobs > 1024:
		return fmt.Errorf("--jobs %d: must lie between 1 and 1024", o.jobs)
	case o.parallel < 1 || o.parallel > scenarios.ParallelMax:
		return fmt.Errorf("--parallel %d: must lie between 1 and %d", o.parallel, scenarios.ParallelMax)
	case o.parallel > 1 && o.seeds != "":
		return errors.New("--parallel is for one run: give --jobs with --seeds")
	case o.parallel > 1 && o.speed != "max":
		return errors.New("--parallel is for runs as fast as they go: leave --speed out")
	case o.seeds != "" && o.seed != "":
		return errors.New("--seed and --seeds: give one of them")
	case o.level == "events" && o.trace == "":
		return errors.New("--level events: there is no trace to hold them; give --trace FILE too")
	case o.seeds != "" && (o.trace != "" || o.pcap != ""):
		return errors.New("--trace and --pcap are for one run: give --seed instead of --seeds")
	}
	if _, err := o.pace(); err != nil {
		return err
	}
	if o.until != "" {
		if d, err := des.ParseDuration(o.until); err != nil {
			return fmt.Errorf("--until %w", err)
		} else if d < 0 {
			return fmt.Errorf("--until %q: must not be negative", o.until)
		}
	}
	return nil
}

// pace is how many nanoseconds of virtual time one of wall time is, 0 for as
// fast as it goes.
func (o *runFlags) pace() (float64, error) {
	if o.speed == "max" {
		return 0, nil
	}
	f, err := strconv.ParseFloat(strings.TrimSuffix(o.speed, "x"), 64)
	if err != nil || f < 1e-6 || f > 1e6 || !strings.HasSuffix(o.speed, "x") {
		return 0, fmt.Errorf("--speed %q: must be max, or a factor such as 1x or 0.5x", o.speed)
	}
	return f, nil
}

func (o *runFlags) overrides() []string {
	if o.until == "" {
		return o.set
	}
	return append(slices.Clone(o.set), "run.until="+o.until)
}

// outcome is a run with what is needed to print and repeat it.
type outcome struct {
	*scenarios.Result
	File   string
	Repeat string
	Trace  string // the file, if one was written
	Wall   time.Duration
	Twice  bool               // whether it was run a second time
	Broken *replay.Difference // what was otherwise then
	Lanes  int                // partitions that ran side by side
	Alone  string             // why there were no more
}

// exit is the error that ends the command with the run's code.
func (x *outcome) exit() error {
	switch {
	case x.Broken != nil:
		return exit(exitNondeterminism, nil)
	case x.Verdict == scenarios.Fail:
		return exit(exitFailed, nil)
	case x.Verdict == scenarios.Inconclusive:
		return exit(exitInconclusive, nil)
	}
	return nil
}

// runOne runs one world, with the files and the screen the flags ask for.
func (a *app) runOne(ctx context.Context, o *runFlags, file string, sc *scenarios.Scenario) (*outcome, error) {
	w := &watcher{app: a, flags: o, scenario: sc, file: file}
	if err := w.open(); err != nil {
		return nil, exit(exitEnvironment, err)
	}
	defer w.abort()
	began := clock.Wall()
	world, err := scenarios.NewWorld(sc, w.options())
	if err != nil {
		return nil, err
	}
	if err := w.drive(ctx, world); err != nil {
		return nil, err
	}
	x := &outcome{Result: world.Result(), File: file, Repeat: o.repeat(file, sc.Seed.String()), Wall: clock.Wall().Sub(began)}
	if o.parallel > 1 {
		x.Lanes, x.Alone = world.Parallel()
	}
	if x.Trace, err = w.close(x.Result); err != nil {
		return nil, exit(exitEnvironment, err)
	}
	if x.Twice = o.determinism; x.Twice {
		if x.Broken, err = secondRun(ctx, o, file, sc, x.Result); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// load reads a scenario file. Errors in it speak of the path as it was given.
func load(file string) (*scenarios.Source, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: no such file%s", file, nearFile(file))
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("%s: is a directory, want a scenario file%s", file, nearFile(filepath.Join(file, "-")))
	}
	text, err := readScenario(file)
	if err != nil {
		if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, exit(exitEnvironment, fmt.Errorf("%s: %w", file, err))
	}
	return scenarios.Parse(filepath.ToSlash(file), text)
}

// sizeMost is more than a scenario may have; Parse says so.
const sizeMost = 2 << 20

func readScenario(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	return io.ReadAll(io.LimitReader(f, sizeMost))
}

func oneScenario(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one scenario file, such as scenarios/abp/lossy.yaml, not %d arguments", len(args))
	}
	return nil
}
