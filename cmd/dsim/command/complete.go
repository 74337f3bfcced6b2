package command

import (
	"fmt"

	"github.com/spf13/cobra"
)

// What shells complete: files by what a subcommand reads, and the words of flags
// that take one of a few.

func completeScenario(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeTopology is for what takes a scenario, or the same as JSON.
func completeTopology(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeTraces is for as many traces; what comes behind them is a file to be
// written, or the name of a frame.
func completeTraces(most int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return []string{"trace", "part"}, cobra.ShellCompDirectiveFilterFileExt
	}
}

func completeFolder(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func complete(c *cobra.Command, flag string, words ...string) {
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// completeFolders says which flags take a folder.
func completeFolders(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		_ = c.RegisterFlagCompletionFunc(name, completeFolder)
	}
}

// refuseShells makes the command that cobra adds refuse a shell that it does not
// know: its help would else be taken for a script.
func refuseShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	c, _, err := root.Find([]string{"completion"})
	if err != nil || c == root {
		return
	}
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return fmt.Errorf("completion %s: must be one of bash, fish, powershell, zsh", args[0])
	}
}
