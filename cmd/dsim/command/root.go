package command

import (
	"io"

	"github.com/spf13/cobra"
)

// app is what all subcommands share.
type app struct {
	out *screen // results
	err *screen // progress, warnings
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	a := &app{out: newScreen(stdout), err: newScreen(stderr)}
	root := &cobra.Command{
		Use:           "dsim",
		Short:         "Deterministic simulation of network protocols, with exact replay",
		Long:          "dsim runs protocols in virtual time over a network that loses, delays, damages and\nreorders, says whether they did what was expected, and repeats any run exactly.\n\n" + exitCodes,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       buildInfo().String(),
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetVersionTemplate("dsim {{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SuggestionsMinimumDistance = 2
	var plain bool
	root.PersistentFlags().BoolVar(&plain, "no-color", false, "plain output, as with NO_COLOR or without a terminal")
	root.PersistentPreRun = func(*cobra.Command, []string) {
		a.out.plain, a.err.plain = a.out.plain || plain, a.err.plain || plain
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		a.runCommand(), a.studyCommand(), a.exploreCommand(), a.systematicCommand(), a.reproCommand(), a.shrinkCommand(), a.explainCommand(), a.replayCommand(), a.importCommand(), a.conformCommand(), a.diffCommand(), a.traceCommand(),
		a.switchyardCommand(), a.dcCommand(), a.liveCommand(),
		a.cellCommand(), a.doctorCommand(), a.checkCommand(), a.listCommand(), a.schemaCommand(), a.versionCommand(), a.manCommand(root),
	)
	refuseShells(root)
	for _, c := range root.Commands() {
		c.DisableAutoGenTag = true
	}
	root.DisableAutoGenTag = true
	return root
}
