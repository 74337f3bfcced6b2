package command

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/replay/conform"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/playback"
	"example.com/dsim/scenarios"
	"github.com/spf13/cobra"
)

func (a *app) conformCommand() *cobra.Command {
	var asJSON, wireLoss bool
	c := &cobra.Command{
		Use:   "conform TRACE|DIR",
		Short: "Say whether a trace is one that the simulator could have produced",
		Long: `Say whether what happened in a live run could have happened in the simulator,
and if not, which event is the first that could not.

Every cell is run again from what reached it and must have done what the trace
says; every frame that arrives must have been sent, with the same bytes, no
sooner and no more often than its link allows, in order where it keeps order;
every timer must have fired when it was due.

DIR holds the journals of a live run, TRACE is what dsim import --trace made of
them, or the trace of a run in virtual time, of level events.

Exit code 1 says that there is an event that cannot be.

` + exitCodes,
		Example: "  dsim conform rec/\n  dsim conform field.trace --json",
		Args:    oneTrace,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"trace"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.conform(args[0], wireLoss, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on standard output")
	c.Flags().BoolVar(&wireLoss, "wire-loss", false, "allow real wires to lose frames without a word, as UDP between machines does")
	return c
}

func (a *app) conform(path string, wireLoss, asJSON bool) error {
	judge := a.conformTrace
	if st, err := os.Stat(path); err != nil {
		return exit(exitEnvironment, err)
	} else if st.IsDir() {
		judge = a.conformDir
	} else if _, is := journal.ParsePath(path); is {
		return fmt.Errorf("%s: is the journal of one site: conform judges all of a run, give its directory", path)
	}
	res, err := judge(path, wireLoss)
	if err != nil {
		return err
	}
	if asJSON {
		out := struct {
			Trace    string `json:"trace"`
			Conforms bool   `json:"conforms"`
			conform.Result
		}{path, res.Violation == nil, res}
		if err := json.NewEncoder(a.out).Encode(out); err != nil {
			return err
		}
	} else {
		a.conforms(path, &res)
	}
	if res.Violation != nil {
		return exit(exitFailed, nil)
	}
	return nil
}

func (a *app) conforms(path string, res *conform.Result) {
	if v := res.Violation; v != nil {
		a.out.printf("%s  %s\n  %s\n  record %d of the trace\n", a.out.bad("CANNOT BE"), path, v, v.Record)
		return
	}
	a.out.printf("%s  %s  %s events of %d cells to %s: %s effects, %s frames, %s timers\n", a.out.good("CONFORMS"), path,
		group(res.Events), res.Cells, res.End, group(res.Effects), group(res.Frames), group(res.Timers))
}

// conformDir judges the journals of a live run, put together.
func (a *app) conformDir(dir string, wireLoss bool) (conform.Result, error) {
	m, err := playback.Gather(dir, playOptions())
	if err != nil {
		return conform.Result{}, err
	}
	tmp, err := os.MkdirTemp("", "dsim-conform-")
	if err != nil {
		return conform.Result{}, exit(exitEnvironment, err)
	}
	defer os.RemoveAll(tmp) // nothing in it is kept
	path := filepath.Join(tmp, "all.trace")
	if err := writeMerged(m, path, dir, dir, nil); err != nil {
		return conform.Result{}, err
	}
	return a.conformTrace(path, wireLoss)
}

func (a *app) conformTrace(path string, wireLoss bool) (conform.Result, error) {
	t, err := a.openTrace(path)
	if err != nil {
		return conform.Result{}, err
	}
	defer t.Close()
	h := t.Header()
	if what, ok := h.Part(); ok {
		return conform.Result{}, fmt.Errorf("%s: is a part of a trace, %s: conform needs the trace it was cut out of", t.Name(), what)
	}
	rec, live, err := liveOf(&h)
	if err != nil {
		return conform.Result{}, err
	}
	opt := conform.Options{Make: scenarios.MakeProtocol, Live: live, WireLoss: wireLoss}
	if opt.Seed, err = des.ParseSeed(h.Seed); err != nil {
		return conform.Result{}, fmt.Errorf("%s: %w", t.Name(), err)
	}
	if live {
		opt.Changes = liveChanges(&rec)
	} else if err := ofScenario(t, &opt); err != nil {
		return conform.Result{}, err
	}
	return conform.Check(t, opt)
}

// liveChanges is what the sites of a live run were told.
func liveChanges(rec *recorded) (list []conform.Change) {
	homes := map[string]map[cells.ID]bool{}
	for i := range rec.Acts {
		x := &rec.Acts[i]
		home := homes[x.Site]
		if home == nil {
			home = map[cells.ID]bool{}
			homes[x.Site] = home
		}
		for k := range x.Batch {
			if c := &x.Batch[k]; c.Op == cells.AddCell {
				home[c.Cell.ID] = true
			}
		}
		ends := x.Kind == playback.Ended || x.Kind == playback.Killed
		if ends || len(x.Batch) > 0 {
			list = append(list, conform.Change{At: x.At, Cells: home, Batch: x.Batch, Ends: ends, Offset: rec.Offsets[journal.FileName(x.Site, x.Life)]})
		}
	}
	return list
}

// ofScenario is what a virtual run was told: the first batch, and what its
// timeline does when a record says so.
func ofScenario(t *replay.Trace, opt *conform.Options) error {
	served, err := t.Serve()
	if err != nil {
		return err
	}
	if h := t.Header(); h.Text == "" {
		return fmt.Errorf("%s: does not tell the scenario it is of", t.Name())
	}
	sc, err := scenarioOf(t, served)
	if err != nil {
		return err
	}
	opt.Changes = []conform.Change{{Batch: sc.Initial}}
	steps := map[string]*scenarios.Step{}
	for i := range sc.Timeline {
		x := &sc.Timeline[i]
		for j := range x.Steps {
			steps[x.Path+": "+x.Steps[j].String()] = &x.Steps[j]
		}
	}
	opt.Resolve = func(text string, now cells.Snapshot) ([]cells.Change, bool) {
		s := steps[text]
		if s == nil {
			return nil, false
		}
		return s.Resolve(now), true
	}
	return nil
}
