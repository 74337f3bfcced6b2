package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"example.com/dsim/des"
	"example.com/dsim/des/suggest"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
	"github.com/spf13/cobra"
)

// reproFlags are the flags of dsim repro.
type reproFlags struct {
	update  bool
	verbose bool
}

func (a *app) reproCommand() *cobra.Command {
	o := &reproFlags{}
	c := &cobra.Command{
		Use:   "repro FILE",
		Short: "Run a failure that was kept, and say whether it still fails",
		Long: `Run the world of a repro file twice and say what became of its failure. It is
judged by what failed and in which role: another digest is only noted.

A choice of the file that meets no frame any more is named, and put where the
same bytes are sent now; --update writes such a file anew.

Fit for git bisect run: a commit is bad if the failure is reproduced, good if it
is fixed, and skipped if the file does not apply to it.

Exit codes:
  0    fixed: the world runs, and does not fail so
  1    reproduced
  2    usage, or a file that is no repro
  4    flaky: two runs were not the same
  125  the file does not apply to this build
  130  interrupted`,
		Example: `  dsim repro scenarios/canaries/testdata/always-at-most-ten-2589.repro
  git bisect run sh -c 'go build -o /tmp/dsim ./cmd/dsim || exit 125; /tmp/dsim repro /tmp/found.repro'`,
		Args: oneRepro,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"repro"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(c *cobra.Command, args []string) error { return a.repro(c.Context(), o, args[0]) },
	}
	f := c.Flags()
	f.BoolVar(&o.update, "update", false, "write the file anew if the failure is reproduced: where its choices are now, digest, build")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print what happens as it happens")
	return c
}

func (a *app) repro(ctx context.Context, o *reproFlags, path string) error {
	f, err := repro.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such file%s", path, nearRepro(path))
	}
	if err != nil {
		return err
	}
	opt := repro.Options{}
	if o.verbose {
		opt.Records = scenarios.Transcript(a.out)
	}
	r, err := f.Check(ctx, opt)
	if ctx.Err() != nil {
		return exit(exitInterrupted, errors.New("interrupted"))
	}
	if err != nil {
		return exit(exitEnvironment, err)
	}
	a.judged(path, f, r)
	if o.update && r.Status == repro.Reproduced {
		f.World, f.Digest, f.Build = r.Outcome.World, r.Outcome.Digest, buildInfo().String()
		if err := f.Save(path); err != nil {
			return exit(exitEnvironment, err)
		}
	}
	switch r.Status {
	case repro.Reproduced:
		return exit(exitFailed, nil)
	case repro.Flaky:
		return exit(exitNondeterminism, nil)
	case repro.DoesNotApply:
		return exit(exitNoRepro, nil)
	}
	return nil
}

// judged prints what became of a failure.
func (a *app) judged(path string, f *repro.File, r *repro.Report) {
	status := string(r.Status)
	switch r.Status {
	case repro.Reproduced, repro.Flaky:
		status = a.out.bad(status)
	case repro.Fixed:
		status = a.out.good(status)
	default:
		status = a.out.warn(status)
	}
	a.out.printf("%s  %s\n  %s\n", a.out.bold(path), status, f.Signature)
	if r.Why != "" {
		a.out.printf("  %s\n", r.Why)
	}
	if r.Failed != nil {
		a.out.printf("  %s\n", r.Failed.Failure)
	}
	for _, m := range r.Moved {
		a.out.printf("  %s %s\n", a.out.warn("moved"), m)
	}
	for _, c := range r.Unused {
		a.out.printf("  %s %s\n", a.out.warn("meets no frame"), c)
	}
	for _, x := range r.Others {
		a.out.printf("  %s %s\n", a.out.warn("another failure"), x.Signature)
	}
	if r.Divergence != nil {
		a.out.printf("%s\n", indent(r.Divergence.String()))
	} else if r.Status == repro.Flaky {
		a.out.printf("  the first two runs differ; further ones do not\n")
	}
	if now := buildInfo().String(); f.Build != "" && f.Build != now {
		a.out.printf("  %s\n", a.out.faint(fmt.Sprintf("kept with %s, this is %s", f.Build, now)))
	}
	for _, n := range r.Notes {
		a.out.printf("  %s\n", a.out.faint(n))
	}
	if r.Outcome != nil {
		a.out.printf("  %s\n", a.out.faint(fmt.Sprintf("digest %016x, %s events in %s", uint64(r.Outcome.Digest), group(r.Outcome.Result.Events), des.FormatDuration(int64(r.Outcome.Result.End)))))
	}
}

// nearRepro is a hint at the file that may have been meant.
func nearRepro(path string) string {
	list, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*"+repro.Ext))
	var names []string
	for _, f := range list {
		names = append(names, filepath.Base(f))
	}
	slices.Sort(names)
	if near, ok := suggest.Nearest(filepath.Base(path), names); ok {
		return fmt.Sprintf("; did you mean %s?", filepath.Join(filepath.Dir(path), near))
	}
	return ""
}

func oneRepro(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one repro file, as explore, systematic and shrink write them, not %d arguments", len(args))
	}
	return nil
}
