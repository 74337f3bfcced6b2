package command

import (
	"encoding/json"
	"fmt"

	"example.com/dsim/replay"
	"github.com/spf13/cobra"
)

func (a *app) diffCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "diff TRACE TRACE",
		Short: "Say where two runs part, and what may be the cause",
		Long: `Compare two traces: the first cell that differs, the first record, what was
before it on each side, what led to it, and a first guess at the cause.

What the traces' headers differ in, such as seed, overrides, scenario or build,
is the cause if anything is; only where they are the same is there a guess. A
trace that was cut short is compared as far as it goes.

Exit codes: 0 the same, 1 different, 2 usage or not a trace, 5 a file cannot be
read. That two runs differ is the answer here and no failure of determinism; for
that, replay and run --check-determinism exit with 4.`,
		Example: "  dsim diff before.trace after.trace",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("want two trace files, not %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: completeTraces(2),
		RunE:              func(_ *cobra.Command, args []string) error { return a.diff(args[0], args[1], asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on standard output")
	return c
}

func (a *app) diff(one, two string, asJSON bool) error {
	t, err := a.openTrace(one)
	if err != nil {
		return err
	}
	defer t.Close()
	u, err := a.openTrace(two)
	if err != nil {
		return err
	}
	defer u.Close()
	d, err := replay.Diff(t, u, replay.DiffOptions{})
	if err != nil {
		return err
	}
	switch {
	case asJSON:
		out := struct {
			Same       bool               `json:"same"`
			Difference *replay.Difference `json:"difference,omitempty"`
		}{d == nil, d}
		if err := json.NewEncoder(a.out).Encode(out); err != nil {
			return err
		}
	case d == nil:
		a.out.printf("%s\n", a.out.good("the same"))
	default:
		a.out.printf("%s\n", d)
	}
	if d != nil {
		return exit(exitFailed, nil)
	}
	return nil
}
