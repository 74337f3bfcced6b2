package command

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/fuzz/systematic"
	"github.com/spf13/cobra"
)

// systematicFlags are the flags of dsim systematic.
type systematicFlags struct {
	opt                    systematic.Options
	seed, span, out, write string
	bits                   []uint
}

func (a *app) systematicCommand() *cobra.Command {
	o := &systematicFlags{}
	c := &cobra.Command{
		Use:   "systematic FILE",
		Short: "Go through all runs of a small world, within bounds",
		Long: `Go through the runs of a world of up to 3 cells: all orders in which frames arrive
and cells' own events come, to a depth of so many steps, with up to so many
faults placed on any of the frames. Orders that lead to the same run are left
out, but with --brute.

What was covered is written down in a certificate: bounds, executions, different
runs, placements of faults, each verdict that can be reached with the choices
that lead there, and whether that is all. Failures are kept in files, which
dsim repro runs again. A search that a budget ended is inconclusive.

` + exitCodes,
		Example: `  dsim systematic scenarios/abp/small.yaml --depth 7 --faults 1 --fifo
  dsim systematic scenarios/abp/small.yaml --depth 5 --brute
  dsim systematic scenarios/abp/small.yaml --depth 12 --for 1m --certificate small.json`,
		Args:              oneScenario,
		ValidArgsFunction: completeScenario,
		RunE:              func(c *cobra.Command, args []string) error { return a.systematic(c.Context(), o, args[0]) },
	}
	f := c.Flags()
	f.IntVar(&o.opt.Depth, "depth", 6, "how many steps of each run are chosen")
	f.IntVar(&o.opt.Faults, "faults", 1, "how many faults there may be in a run")
	f.StringSliceVar(&o.opt.Acts, "kinds", systematic.FaultKinds, "which faults")
	f.UintSliceVar(&o.bits, "bits", []uint{0}, "which bits of a frame may be flipped, counted from its first")
	f.BoolVar(&o.opt.FIFO, "fifo", false, "frames of one direction keep their order")
	f.BoolVar(&o.opt.Brute, "brute", false, "go through all orders, also those that lead to the same run")
	f.Uint64Var(&o.opt.Most, "executions", 0, "stop after so many executions; 0 is never")
	f.StringVar(&o.span, "for", "", "stop after so long, such as 10m")
	f.StringVar(&o.seed, "seed", "", "the seed of drawn values and of the protocols' own chance; default: the scenario's, else 1")
	f.StringArrayVar(&o.opt.Set, "set", nil, "override a value of the scenario: path=value; may be repeated")
	f.StringVar(&o.write, "certificate", "", "write the certificate to this file, as JSON")
	f.StringVarP(&o.out, "out", "o", "", "keep failures in this folder; default: testdata beside the scenario")
	complete(c, "kinds", systematic.FaultKinds...)
	completeFolders(c, "out")
	return c
}

func (a *app) systematic(ctx context.Context, o *systematicFlags, file string) error {
	src, err := load(file)
	if err != nil {
		return err
	}
	o.opt.Source = src
	seed, ok := src.Seed()
	if !ok {
		seed = des.SeedOf(1)
	}
	if o.seed != "" {
		if seed, err = des.ParseSeed(o.seed); err != nil {
			return fmt.Errorf("--seed: %w", err)
		}
	}
	o.opt.Seed = seed
	for _, bit := range o.bits {
		if uint64(bit) >= 1<<32 {
			return fmt.Errorf("--bits %d: must be below 2^32", uint64(bit))
		}
		o.opt.Bits = append(o.opt.Bits, uint32(bit))
	}
	if o.span != "" {
		span, err := time.ParseDuration(o.span)
		if err != nil || span <= 0 {
			return fmt.Errorf("--for %q: want a time such as 10m", o.span)
		}
		began := clock.Wall()
		o.opt.Over = func() bool { return clock.Wall().Sub(began) >= span }
	}
	cert, err := systematic.Search(ctx, o.opt)
	if err != nil {
		return err
	}
	a.out.printf("%s", cert)
	if o.write != "" {
		if err := repro.WriteFile(o.write, cert.JSON()); err != nil {
			return exit(exitEnvironment, err)
		}
	}
	failed, err := a.keepVerdicts(o, file, cert)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return exit(exitInterrupted, errors.New("interrupted; what was covered until then is told"))
	case failed:
		return exit(exitFailed, nil)
	case !cert.Exhausted || len(cert.Verdicts) != 1 || cert.Verdicts[0].Verdict != "pass":
		return exit(exitInconclusive, nil)
	}
	return nil
}

// keepVerdicts keeps the failures of a certificate in files.
func (a *app) keepVerdicts(o *systematicFlags, file string, cert *systematic.Certificate) (failed bool, err error) {
	dir := o.out
	if dir == "" {
		dir = filepath.Join(filepath.Dir(file), "testdata")
	}
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	last := ""
	for _, v := range cert.Verdicts {
		f := v.Keep(buildInfo().String())
		if f == nil {
			continue
		}
		path := filepath.Join(dir, name+"-"+f.Signature.Slug()+repro.Ext)
		if err := f.Save(path); err != nil {
			return true, exit(exitEnvironment, err)
		}
		a.out.printf("%s %s\n  %s\n", a.out.bad("FAIL"), v.Verdict, a.out.faint("kept in "+path))
		last = self() + " repro " + quote(path)
	}
	if last != "" {
		a.out.printf("to repeat it:\n%s\n", last)
	}
	return last != "", nil
}
