package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/realnet/datacenter"
	"example.com/dsim/replay/journal"
	"example.com/dsim/scenarios"
	"example.com/dsim/scenarios/live"
	"github.com/spf13/cobra"
)

// liveFlags are the flags of dsim live.
type liveFlags struct {
	seed   string
	until  string
	set    []string
	record string
	kill   bool
	bound  time.Duration
	json   bool
}

func (a *app) liveCommand() *cobra.Command {
	o := &liveFlags{}
	c := &cobra.Command{
		Use:   "live FILE",
		Short: "Run a scenario on processes and real sockets, and judge it as run does",
		Long: `Run a scenario by the wall clock: each cell a process of its own, each link a
socket with all that the link does to frames in front of it, the timeline done
through the datacenter's controller. What is expected is judged by the code that
judges a virtual run, on what the processes have written down.

A run that fails and was later than --bound is inconclusive: a machine that is
too slow proves nothing. What a process wrote down is run again on the way; if
it does not come to the state that the process had, that is non-determinism.

With --kill, a crash is the end of a process by kill -9, and a restart is another
process. The recording of a run that fails is kept; on failure the last line is
the one command that replays it.

` + exitCodes,
		Example: `  dsim live scenarios/live/abp.yaml
  dsim live scenarios/live/abp.yaml --seed 42 --set links.ab.loss=30%
  dsim live scenarios/live/abp.yaml --record rec && dsim replay rec`,
		Args:              oneScenario,
		ValidArgsFunction: completeScenario,
		RunE:              func(c *cobra.Command, args []string) error { return a.live(c.Context(), o, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.seed, "seed", "", "the seed: decimal, 0x hex, or 40 hex digits (a commit); default: $DSIM_SEED, the file's, or 1")
	f.StringVar(&o.until, "until", "", "end the run at this time instead of the scenario's")
	f.StringArrayVar(&o.set, "set", nil, "override a value of the scenario: path=value; may be repeated")
	f.StringVar(&o.record, "record", "", "write down in this directory what reached each process; it must hold no other recording")
	f.BoolVar(&o.kill, "kill", false, "a crash ends the cell's process, a restart begins another")
	f.DurationVar(&o.bound, "bound", live.BoundDefault, "how late a timer, a frame or an entry of the timeline may be in a run that fails")
	f.BoolVar(&o.json, "json", false, "print one JSON object on standard output")
	return c
}

// liveRun is a live run with what is needed to print it and to run it again.
type liveRun struct {
	*live.Result
	file   string
	record string // where the recording is; empty if it was not kept
	wall   time.Duration
	repeat string
}

func (a *app) live(ctx context.Context, o *liveFlags, file string) error {
	if o.bound <= 0 {
		return fmt.Errorf("--bound %s: must be more than 0", o.bound)
	}
	sc, err := o.scenario(file)
	if err != nil {
		return err
	}
	if n := cellCount(sc); n > processesMost {
		return fmt.Errorf("%s: %d cells: a live run has at most %d processes; dsim run has no such bound", file, n, processesMost)
	}
	if o.kill {
		if err := live.Killable(sc); err != nil {
			return fmt.Errorf("--kill: %w", err)
		}
	}
	// What cannot be run in virtual time cannot be run at all, and is told in the
	// same words before any process is started.
	if _, err := scenarios.NewWorld(sc, scenarios.WorldOptions{}); err != nil {
		return err
	}
	rec, err := openRecording(o.record, sc)
	if err != nil {
		return err
	}
	defer rec.drop()
	if !o.json {
		a.heading(sc)
	}
	began := clock.Wall()
	lead := leadFor(sc)
	r, err := a.liveOn(ctx, o, sc, rec.dir, lead, true)
	for try := 1; errors.Is(err, live.ErrLate) && ctx.Err() == nil; try++ {
		lead *= 3
		rec.clear()
		r, err = a.liveOn(ctx, o, sc, rec.dir, lead, try < leadTries)
	}
	switch {
	case errors.Is(err, live.ErrInterrupted):
		return exit(exitInterrupted, err)
	case err != nil:
		return exit(exitEnvironment, err)
	}
	x := &liveRun{Result: r, file: file, wall: clock.Wall().Sub(began), repeat: o.repeat(file, sc.Seed.String())}
	if x.exit() != nil {
		rec.kept = true
	}
	if rec.kept {
		x.record = rec.dir
	}
	if o.json {
		if err := a.printLive(x); err != nil {
			return err
		}
	} else {
		a.reportLive(x)
	}
	return x.exit()
}

// exit is the error that ends the command with the run's code.
func (x *liveRun) exit() error {
	switch {
	case len(x.Broken) > 0:
		return exit(exitNondeterminism, nil)
	case x.Verdict == scenarios.Fail:
		return exit(exitFailed, nil)
	case x.Verdict == scenarios.Inconclusive:
		return exit(exitInconclusive, nil)
	}
	return nil
}

// scenario reads the file for the seed that is asked for.
func (o *liveFlags) scenario(file string) (*scenarios.Scenario, error) {
	set := o.set
	if o.until != "" {
		if d, err := des.ParseDuration(o.until); err != nil {
			return nil, fmt.Errorf("--until %w", err)
		} else if d <= 0 {
			return nil, fmt.Errorf("--until %q: must be more than 0", o.until)
		}
		set = append(set[:len(set):len(set)], "run.until="+o.until)
	}
	src, err := load(file)
	if err != nil {
		return nil, err
	}
	if o.seed == "" {
		o.seed = os.Getenv("DSIM_SEED")
	}
	seed, ok := src.Seed()
	if o.seed != "" {
		if seed, err = des.ParseSeed(o.seed); err != nil {
			return nil, err
		}
	} else if !ok {
		seed = des.SeedOf(1)
	}
	return src.Build(scenarios.BuildOptions{Seed: seed, Set: set})
}

// repeat is the command that runs the scenario live again. It may come out
// otherwise: a replay does not.
func (o *liveFlags) repeat(file, seed string) string {
	words := []string{self(), "live", quote(file), "--seed", seed}
	for _, s := range o.set {
		words = append(words, "--set", quote(s))
	}
	if o.until != "" {
		words = append(words, "--until", o.until)
	}
	if o.kill {
		words = append(words, "--kill")
	}
	return strings.Join(words, " ")
}

// liveOn runs the scenario on processes of its own.
func (a *app) liveOn(ctx context.Context, o *liveFlags, sc *scenarios.Scenario, record string, lead time.Duration, punctual bool) (*live.Result, error) {
	run, err := openLiveRun()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, errors.Join(err, run.Close())
	}
	start := clock.Wall().Add(lead)
	c, err := datacenter.New(datacenter.Options{
		Run: run, Program: []string{self, "cell", "--late", o.bound.String(), "--events=-1"}, Make: scenarios.MakeProtocol, Seed: sc.Seed, Start: start, Record: record, Lease: liveLease,
	})
	if err != nil {
		return nil, errors.Join(err, run.Close())
	}
	bar := newProgress(a.err, int64(sc.Run.Until), sc.Name)
	defer func() {
		bar.done()
		_ = os.Remove(filepath.Dir(run.Dir())) // not if others run
	}()
	return live.Run(ctx, sc, &processes{Controller: c, killed: make(map[cells.ID]int)}, live.Options{
		Journals: record, Clock: wallClock{start}, Bound: o.bound, Kill: o.kill, Punctual: punctual,
		Progress: func(now clock.Time) { bar.set(min(int64(now), int64(sc.Run.Until))) },
	})
}

// How long before instant 0 the processes are started, so that all are there by
// then; how often it is tried again, and earlier, where they are not; and how
// long they run on when this one is gone.
const (
	leadLeast = 150 * time.Millisecond
	leadEach  = 40 * time.Millisecond
	leadMost  = 60 * time.Second
	leadTries = 3
	liveLease = 5 * time.Second
)

func leadFor(sc *scenarios.Scenario) time.Duration {
	return min(leadLeast+time.Duration(cellCount(sc))*leadEach, leadMost)
}

// processesMost bounds the cells that a run begins with.
const processesMost = 2000

func cellCount(sc *scenarios.Scenario) (n int) {
	for _, c := range sc.Initial {
		if c.Op == cells.AddCell {
			n++
		}
	}
	return n
}

// openLiveRun makes a run directory for this process, beside those of other live
// runs. What dead ones have left is taken away.
func openLiveRun() (*datacenter.Run, error) {
	parent := datacenter.DefaultDir() + "-live"
	if list, err := os.ReadDir(parent); err == nil {
		for _, e := range list {
			_, _ = datacenter.Reap(filepath.Join(parent, e.Name())) // those that live are left alone
		}
	}
	return datacenter.OpenRun(filepath.Join(parent, fmt.Sprint(os.Getpid())))
}

// processes is a controller as live runs want it.
type processes struct {
	*datacenter.Controller
	seen   uint64           // events
	killed map[cells.ID]int // ends that were asked for, and not yet seen
}

// Kill ends a cell's process.
func (p *processes) Kill(id cells.ID) error {
	err := p.Controller.Kill(id)
	if err == nil {
		p.killed[id]++
	}
	return err
}

// Died looks for the next process that has ended unasked.
func (p *processes) Died() (cells.ID, string, bool) {
	for {
		list, _, _ := p.Events(p.seen, 64)
		if len(list) == 0 {
			return "", "", false
		}
		for _, e := range list {
			p.seen = e.N
			switch {
			case e.Kind != "cell-died":
			case p.killed[e.Cell] > 0:
				p.killed[e.Cell]--
			default:
				return e.Cell, e.Text, true
			}
		}
	}
}

// wallClock is the wall from an instant on.
type wallClock struct{ start time.Time }

// Now is how much time has gone by since then.
func (w wallClock) Now() clock.Time { return clock.Time(clock.Wall().Sub(w.start)) }

// Sleep waits.
func (w wallClock) Sleep(ctx context.Context, until clock.Time) {
	t := time.NewTimer(until.Sub(w.Now()))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// recording is the directory that a run is written down in.
type recording struct {
	dir  string
	kept bool
}

// openRecording makes the directory, or one that is dropped if nobody asked for
// it and the run passes. The scenario lies beside the journals.
func openRecording(dir string, sc *scenarios.Scenario) (*recording, error) {
	rec := &recording{dir: dir, kept: dir != ""}
	if dir == "" {
		var err error
		if rec.dir, err = os.MkdirTemp("", "dsim-live-"); err != nil {
			return nil, exit(exitEnvironment, err)
		}
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, exit(exitEnvironment, fmt.Errorf("--record: %w", err))
	}
	list, err := journal.List(rec.dir)
	if err == nil && len(list) > 0 {
		return nil, fmt.Errorf("--record %s: there is a recording already, %s and maybe more: want an empty directory", dir, filepath.Base(list[0].Path))
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(rec.dir, recordedScenario), sc.Text, 0o644)
	}
	if err == nil {
		rec.dir, err = filepath.Abs(rec.dir)
	}
	if err != nil {
		rec.drop()
		return nil, exit(exitEnvironment, fmt.Errorf("--record: %w", err))
	}
	return rec, nil
}

// recordedScenario is the name of the scenario file beside the journals.
const recordedScenario = "scenario.yaml"

// clear takes away what a run has written down that has not begun.
func (r *recording) clear() {
	list, _ := journal.List(r.dir)
	for _, p := range list {
		_ = os.Remove(p.Path)
	}
}

func (r *recording) drop() {
	if !r.kept {
		_ = os.RemoveAll(r.dir)
	}
}
