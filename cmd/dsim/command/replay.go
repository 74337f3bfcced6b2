package command

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
	"github.com/spf13/cobra"
)

func (a *app) replayCommand() *cobra.Command {
	var until string
	var asJSON bool
	c := &cobra.Command{
		Use:   "replay TRACE|JOURNAL|DIR",
		Short: "Run again what a trace or a live recording holds, and compare",
		Long: `Run again what a trace holds, serving the choices it holds instead of drawing
them, and compare: fold by fold, and record by record where it has them. A run
that was interrupted, or whose process died, is compared as far as its trace
goes. Exit code 4 says that the run went another way than the trace.

A trace that another build has made is replayed all the same: the build is
named, for it may be why the two part.

A journal (NAME.LIFE.journal) is what a live site was recorded in, and a
directory holds those of a whole live run: each site is given its inputs again,
and must come to the state it had live at every mark. Nothing else is needed
but the build: the scenario, other sites and sockets take no part.

With --until, for traces only, stop there and show every cell's state and the
chain of causes that led to the last event.

` + exitCodes,
		Example: "  dsim replay lossy.trace\n  dsim replay lossy.trace --until 1.5s\n  dsim replay rec/\n  dsim replay rec/alice.0.journal --json",
		Args:    oneTrace,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"trace", "part", "journal"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(c *cobra.Command, args []string) error {
			if isJournals(args[0]) {
				if until != "" {
					return fmt.Errorf("--until is for traces: %s holds what reached live sites", args[0])
				}
				return a.replayJournals(args[0], asJSON)
			}
			return a.replay(c.Context(), args[0], until, asJSON)
		},
	}
	c.Flags().StringVar(&until, "until", "", "stop at this virtual time, or before the event after this one: 1.5s, or an event as it is printed")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on standard output; one a journal")
	return c
}

func oneTrace(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one trace file, not %d arguments", len(args))
	}
	return nil
}

// openTrace opens a trace; damage is a warning, for what is whole can be used.
func (a *app) openTrace(path string) (*replay.Trace, error) {
	t, err := replay.Open(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
			return nil, exit(exitEnvironment, err)
		}
		return nil, err
	}
	if d := t.Damage(); d != nil {
		a.err.printf("dsim: %s %s\n", a.err.warn("warning:"), d)
	}
	return t, nil
}

// worldOf builds the world a trace was made of, with its choices served.
func worldOf(t *replay.Trace, opt scenarios.WorldOptions) (*scenarios.World, *replay.Served, error) {
	h := t.Header()
	served, err := t.Serve()
	if err != nil {
		return nil, nil, err
	}
	sc, err := scenarioOf(t, served)
	if err != nil {
		return nil, nil, err
	}
	opt.Full = h.Info["digest"] == "full"
	opt.Serve = served
	w, err := scenarios.NewWorld(sc, opt)
	return w, served, err
}

func scenarioOf(t *replay.Trace, served *replay.Served) (*scenarios.Scenario, error) {
	h := t.Header()
	src, err := scenarios.Parse(filepath.Base(h.Info["file"]), []byte(h.Text))
	if err != nil {
		return nil, err
	}
	seed, err := des.ParseSeed(h.Seed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name(), err)
	}
	options := make(map[string]string)
	if served != nil {
		for c, err := range t.Choices() {
			if err != nil {
				return nil, err
			}
			if c.What == "option" {
				options[c.Where], _ = served.Lookup(c.What, c.Where, c.N)
			}
		}
	}
	sc, err := src.Build(scenarios.BuildOptions{Seed: seed, Set: h.Set, Served: options})
	if errors.Is(err, scenarios.ErrServed) {
		return nil, exit(exitNoRepro, err)
	}
	return sc, err
}

func (a *app) replay(ctx context.Context, path, until string, asJSON bool) error {
	t, err := a.openTrace(path)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := wholeRun(t); err != nil {
		return err
	}
	if until != "" {
		return a.replayUntil(ctx, t, until, asJSON)
	}
	cmp := replay.NewComparer(t)
	cmp.Against(a.asThisBuild(t))
	opt := scenarios.WorldOptions{Choices: cmp, Marks: cmp}
	if t.Header().Level == replay.Events {
		opt.Records = cmp
	}
	w, served, err := worldOf(t, opt)
	if err != nil {
		return err
	}
	bar := newProgress(a.err, int64(w.Scenario.Run.Until), "replay "+path)
	defer bar.done()
	again(ctx, w, t, cmp, bar)
	bar.done()
	if ctx.Err() != nil {
		return exit(exitInterrupted, fmt.Errorf("interrupted at %s", w.Now()))
	}
	r := w.Result()
	if err := cmp.Finish(); err != nil && !errors.Is(err, replay.ErrDiverged) {
		return err
	}
	return a.replayed(t, r, cmp, served, asJSON)
}

// again runs a world to where its trace ends: to the end of the run, or where
// it was cut short.
func again(ctx context.Context, w *scenarios.World, t *replay.Trace, cmp *replay.Comparer, bar *progress) {
	to, events := w.Scenario.Run.Until, uint64(math.MaxUint64)
	s, whole := t.Summary()
	switch {
	case !whole:
		to = lastTime(t)
	case s.Verdict == replay.Interrupted:
		events = s.Events
	}
	for !w.Done() && ctx.Err() == nil && !cmp.Full() {
		left := events - w.Scheduler().Executed()
		if left == 0 {
			if w.Now() < s.End {
				w.Advance(s.End, 0) // time went on after the last event
			}
			return
		}
		if w.Advance(to, min(slice, left)) {
			return
		}
		bar.set(int64(w.Now()))
	}
}

// lastTime is the time of the last whole block's last entry.
func lastTime(t *replay.Trace) (last clock.Time) {
	for _, b := range t.Blocks() {
		last = max(last, b.To)
	}
	return last
}

// asThisBuild is the header that this build would write, and tells of another
// build.
func (a *app) asThisBuild(t *replay.Trace) replay.Header {
	h := t.Header()
	if mine := buildInfo().String(); mine != h.Build {
		a.err.printf("dsim: %s the trace was made by another build: %s; this is %s\n", a.err.faint("note:"), h.Build, mine)
		h.Build = mine
	}
	return h
}

// wholeRun refuses a trace that was cut out of another: it lacks choices.
func wholeRun(t *replay.Trace) error {
	h := t.Header()
	if h.Info[infoLive] != "" {
		return fmt.Errorf("%s: holds a live run, put together: its sites are replayed by their journals, and it is judged by dsim conform", t.Name())
	}
	if what, ok := h.Part(); ok {
		return fmt.Errorf("%s: is a part of a trace, %s: replay needs the trace it was cut out of", t.Name(), what)
	}
	return nil
}

// replayed says whether the run went as the trace has it.
func (a *app) replayed(t *replay.Trace, r *scenarios.Result, cmp *replay.Comparer, served *replay.Served, asJSON bool) error {
	s, whole := t.Summary()
	d := cmp.Divergence()
	unused := served.Unused()
	unused = slices.DeleteFunc(unused, func(c des.Choice) bool { return c.What != "verdict" })
	same := d == nil && len(unused) == 0 && (!whole || s.Digest == r.Digest)
	if asJSON {
		return a.replayedJSON(t, r, d, unused, same)
	}
	a.out.printf("%s  seed %s\n", a.out.bold(r.Scenario.Name), r.Scenario.Seed)
	switch {
	case d != nil:
		a.out.printf("%s\n%s\n", a.out.bad("the run parts from its trace"), indent(d.String()))
	case len(unused) > 0:
		a.out.printf("%s\n", a.out.bad("choices of the trace that the run never came to"))
	case !same:
		a.out.printf("%s: digest %016x, the trace has %016x\n", a.out.bad("the run parts from its trace"), uint64(r.Digest), uint64(s.Digest))
	case !whole:
		a.out.printf("%s as far as the trace goes, to %s; it has no end: the process died, or the file was cut\n",
			a.out.good("AGREES"), cmp.Reached())
	case s.Verdict == replay.Interrupted:
		a.out.printf("%s  digest %016x  %s events to %s, where the run was interrupted\n", a.out.good("AGREES"), uint64(r.Digest), group(r.Events), r.End)
	default:
		a.out.printf("%s  digest %016x  %s events in %s  verdict %s\n", a.out.good("AGREES"), uint64(r.Digest), group(r.Events), r.End, s.Verdict)
	}
	for i, c := range unused {
		if i == 10 {
			a.out.printf("  and %d more\n", len(unused)-i)
			break
		}
		a.out.printf("  %s %s #%d: %s\n", c.What, c.Where, c.N, c.Value)
	}
	if !same {
		return exit(exitNondeterminism, nil)
	}
	return nil
}

// recordRun runs a scenario with everything recorded in memory.
func recordRun(ctx context.Context, o *runFlags, file string, sc *scenarios.Scenario) (*replay.Trace, error) {
	var m memory
	w, err := replay.NewWriter(&m, header(sc, o, file, true))
	if err != nil {
		return nil, err
	}
	world, err := scenarios.NewWorld(sc, scenarios.WorldOptions{Full: o.digest == "full", Records: w, Choices: w, Marks: w})
	if err != nil {
		return nil, err
	}
	for !world.Done() && ctx.Err() == nil {
		world.Advance(sc.Run.Until, slice)
	}
	r := world.Result()
	if err := w.Close(replay.Summary{Verdict: verdictText(r), Digest: r.Digest, End: r.End, Events: r.Events}); err != nil {
		return nil, err
	}
	return replay.OpenBytes(m)
}

// memory is a file in memory.
type memory []byte

// Write appends.
func (m *memory) Write(p []byte) (int, error) {
	*m = append(*m, p...)
	return len(p), nil
}

// replayUntil runs up to a place and shows how things stand there.
func (a *app) replayUntil(ctx context.Context, t *replay.Trace, until string, asJSON bool) error {
	to, key, err := parsePlace(until)
	if err != nil {
		return err
	}
	var m memory
	tw, err := replay.NewWriter(&m, replay.Header{Level: replay.Events, Scenario: t.Header().Scenario})
	if err != nil {
		return err
	}
	w, _, err := worldOf(t, scenarios.WorldOptions{Records: tw, Choices: tw})
	if err != nil {
		return err
	}
	for !w.Done() && ctx.Err() == nil && w.Now() <= to {
		if key.IsZero() {
			if w.Advance(to, slice) {
				break
			}
			continue
		}
		if w.Advance(to, 1) || w.Scheduler().Current().Compare(key) >= 0 {
			break
		}
	}
	last := w.Scheduler().Current()
	a.beyond(w, until, to, key)
	if err := tw.Close(replay.Summary{End: w.Now()}); err != nil {
		return err
	}
	record, err := replay.OpenBytes(m)
	if err != nil {
		return err
	}
	defer record.Close()
	chain, err := replay.Causes(record, last, 20)
	if err != nil {
		return err
	}
	snap := w.Network().Snapshot()
	if asJSON {
		return a.placeJSON(snap, chain)
	}
	a.place(w, snap, chain)
	return nil
}

// beyond says where the run stands, if that is not where it was sent to.
func (a *app) beyond(w *scenarios.World, until string, to clock.Time, key des.Key) {
	warning := a.err.warn("warning:")
	last := w.Scheduler().Current()
	switch {
	case w.Now() < to && w.Done():
		a.err.printf("dsim: %s --until %s is beyond the end: the run ends at %s\n", warning, until, w.Now())
	case !key.IsZero() && last != key:
		a.err.printf("dsim: %s the run has no event %s: it stands at %s\n", warning, until, replay.FormatKey(last))
	}
}

// parsePlace reads a time or an event.
func parsePlace(s string) (clock.Time, des.Key, error) {
	if k, err := replay.ParseKey(s); err == nil {
		return k.Time, k, nil
	}
	d, err := des.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, des.Key{}, fmt.Errorf("--until %q: must be a time such as 1.5s, or an event as it is printed", s)
	}
	return clock.Time(d), des.Key{}, nil
}

// place shows every cell and link, and the causes of the last event.
func (a *app) place(w *scenarios.World, s cells.Snapshot, chain []des.Record) {
	a.out.printf("%s  at %s, after %s events\n", a.out.bold(w.Scenario.Name), s.Time, group(w.Scheduler().Executed()))
	var list []scenarios.CellState
	for _, c := range s.Cells {
		list = append(list, scenarios.CellState{ID: c.ID, Run: c.Run, Attrs: c.State})
	}
	a.cells(list)
	rows := [][]string{{"link", "ends", "changed"}}
	for _, l := range s.Links {
		rows = append(rows, []string{l.Name, l.Ends[0] + " - " + l.Ends[1], paramsText(l)})
	}
	a.out.table("  ", rows)
	a.out.printf("\nlast event, and what led to it:\n")
	for _, r := range chain {
		a.out.printf("  %s  %s\n", recordLine(&r), a.out.faint(replay.FormatKey(r.Key)))
	}
}

func paramsText(l cells.LinkStatus) string {
	var parts []string
	for _, p := range l.AB {
		if slices.Contains(l.BA, p) {
			parts = append(parts, p.String())
		} else {
			parts = append(parts, ">"+p.String())
		}
	}
	for _, p := range l.BA {
		if !slices.Contains(l.AB, p) {
			parts = append(parts, "<"+p.String())
		}
	}
	return strings.Join(parts, " ")
}
