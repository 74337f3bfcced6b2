package command

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/dsim/des"
	"example.com/dsim/scenarios"
	"example.com/dsim/scenarios/study"
	"github.com/spf13/cobra"
)

// studyFlags are the flags of dsim study.
type studyFlags struct {
	matrix, measure, set []string
	repeat, jobs         int
	first                uint64
	until, state         string
	out, format          string
}

func (a *app) studyCommand() *cobra.Command {
	o := &studyFlags{}
	c := &cobra.Command{
		Use:   "study FILE",
		Short: "Run a scenario with many values, and tabulate what is measured",
		Long: `Run a scenario with every combination of some values, each under the same seeds,
and print one table: for each combination and measure the number of runs, mean,
95 % confidence, standard deviation, least and most.

What is studied stands in the file under study:, or in the flags, which take its
place. Measures are numbers as conditions have them, such as bob.delivered or
links.ab.lost * 1000 / links.ab.sent, or one of end (seconds), events, pass (1
or 0) and met:EXPECTATION (seconds).

The table does not depend on --jobs. With --state what is finished is kept, and
the same command goes on where it was interrupted.

` + exitCodes,
		Example: `  dsim study scenarios/studies/abp-rto.yaml
  dsim study scenarios/abp/lossy.yaml --matrix links.ab.loss=0%,5%,10% \
    --matrix cells.alice.rto=20ms..100ms/20ms --repeat 20 \
    --measure bob.delivered,alice.retransmitted --out table.csv --state lossy.state`,
		Args:              oneScenario,
		ValidArgsFunction: completeScenario,
		RunE:              func(c *cobra.Command, args []string) error { return a.study(c.Context(), o, args[0]) },
	}
	f := c.Flags()
	f.StringArrayVar(&o.matrix, "matrix", nil, "a path and its values: path=value,value,… or path=from..to/step; may be repeated")
	f.IntVar(&o.repeat, "repeat", 0, "how many seeds for each combination; default: the file's, or 1")
	f.StringArrayVar(&o.measure, "measure", nil, "what is measured, separated by commas; may be repeated")
	f.StringArrayVar(&o.set, "set", nil, "override a value of the scenario: path=value; may be repeated")
	f.StringVar(&o.until, "until", "", "end the runs at this virtual time instead of the scenario's")
	f.Uint64Var(&o.first, "seed", 1, "the first seed; the others follow it")
	f.IntVar(&o.jobs, "jobs", 1, "how many runs go side by side")
	f.StringVar(&o.state, "state", "", "keep what is finished in this folder, and go on from there")
	f.StringVarP(&o.out, "out", "o", "", "write the table to this file: .csv, .json, or text")
	f.StringVar(&o.format, "format", "", "text, csv or json; default: by the name of --out, or text")
	complete(c, "format", "text", "csv", "json")
	completeFolders(c, "state")
	return c
}

func (a *app) study(ctx context.Context, o *studyFlags, file string) error {
	write, err := o.writer()
	if err != nil {
		return err
	}
	opt := study.Options{Set: o.set, Repeat: o.repeat, First: o.first, Jobs: o.jobs, State: o.state}
	if err := o.options(&opt); err != nil {
		return err
	}
	if opt.Source, err = load(file); err != nil {
		return err
	}
	bar := (*progress)(nil)
	opt.Progress = func(done, total int) {
		if bar == nil {
			bar = newProgress(a.err, int64(total), file)
		}
		bar.set(int64(done))
	}
	s, err := study.New(opt)
	if err != nil {
		return err
	}
	table, err := s.Run(ctx)
	if bar != nil {
		bar.done()
	}
	switch {
	case errors.Is(err, study.ErrState):
		return err
	case err != nil && ctx.Err() == nil:
		return exit(exitEnvironment, err)
	}
	return a.studied(o, table, write, ctx.Err() != nil)
}

// options reads the flags that are not plain.
func (o *studyFlags) options(opt *study.Options) error {
	switch {
	case o.jobs < 1 || o.jobs > 1024:
		return fmt.Errorf("--jobs %d: must lie between 1 and 1024", o.jobs)
	case o.repeat < 0 || o.repeat > scenarios.RepeatMax:
		return fmt.Errorf("--repeat %d: must lie between 1 and %d", o.repeat, scenarios.RepeatMax)
	case o.first == 0 || o.first > math.MaxUint64-scenarios.RepeatMax:
		return fmt.Errorf("--seed %d: must lie between 1 and %d", o.first, uint64(math.MaxUint64-scenarios.RepeatMax))
	}
	if o.until != "" {
		if d, err := des.ParseDuration(o.until); err != nil || d < 0 {
			return fmt.Errorf("--until %q: want a time such as 10s", o.until)
		}
		opt.Set = append(slices.Clone(o.set), "run.until="+o.until)
	}
	for _, text := range o.matrix {
		axis, err := scenarios.ParseAxis(text)
		if err != nil {
			return fmt.Errorf("--matrix %w", err)
		}
		opt.Matrix = append(opt.Matrix, axis)
	}
	for _, text := range o.measure {
		opt.Measure = append(opt.Measure, scenarios.SplitList(text)...)
	}
	if o.state != "" {
		var err error
		if opt.Build, err = program(); err != nil {
			return exit(exitEnvironment, err)
		}
	}
	return nil
}

// program is what results are kept of: the build, and the bytes of this very
// program, since a build from changed sources need not have another name.
func program() (string, error) {
	name, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("state: which program is this? %w", err)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("state: %w", err)
	}
	defer f.Close() // it was only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("state: %w", err)
	}
	return buildInfo().String() + " " + hex.EncodeToString(h.Sum(nil))[:16], nil
}

// writer is how the table is written.
func (o *studyFlags) writer() (func(*study.Table, io.Writer) error, error) {
	format := o.format
	if format == "" {
		switch filepath.Ext(o.out) {
		case ".csv":
			format = "csv"
		case ".json":
			format = "json"
		default:
			format = "text"
		}
	}
	switch format {
	case "text":
		return (*study.Table).WriteText, nil
	case "csv":
		return (*study.Table).WriteCSV, nil
	case "json":
		return (*study.Table).WriteJSON, nil
	}
	return nil, fmt.Errorf("--format %q: must be text, csv or json", o.format)
}

// studied writes the table, and says how the runs came out. A table that is
// not whole goes to the screen only.
func (a *app) studied(o *studyFlags, t *study.Table, write func(*study.Table, io.Writer) error, interrupted bool) error {
	if o.out == "" || interrupted {
		if err := write(t, a.out); err != nil {
			return exit(exitEnvironment, err)
		}
	} else {
		var text bytes.Buffer
		if err := write(t, &text); err != nil {
			return err
		}
		if err := study.WriteFile(o.out, text.Bytes()); err != nil {
			return exit(exitEnvironment, err)
		}
		a.out.printf("%s: %s rows of %s runs\n", o.out, group(uint64(len(t.Rows))), group(uint64(t.Runs)))
	}
	var notes []string
	for _, n := range []struct {
		count int
		what  string
	}{{t.Failed, "failed"}, {t.Inconclusive, "inconclusive"}} {
		if n.count > 0 {
			notes = append(notes, fmt.Sprintf("%s of %s runs %s", group(uint64(n.count)), group(uint64(t.Done)), n.what))
		}
	}
	said := error(nil)
	if len(notes) > 0 {
		said = errors.New(strings.Join(notes, ", "))
	}
	switch {
	case interrupted && o.state != "":
		return exit(exitInterrupted, fmt.Errorf("interrupted after %s of %s runs; the same command goes on from there", group(uint64(t.Done)), group(uint64(t.Runs))))
	case interrupted:
		return exit(exitInterrupted, fmt.Errorf("interrupted after %s of %s runs; --state keeps what is done", group(uint64(t.Done)), group(uint64(t.Runs))))
	case t.Failed > 0:
		return exit(exitFailed, said)
	case t.Inconclusive > 0:
		return exit(exitInconclusive, said)
	}
	return nil
}
