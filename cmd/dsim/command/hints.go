package command

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"example.com/dsim/des/suggest"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError adds to an unknown flag the one that was probably meant.
func flagError(c *cobra.Command, err error) error {
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if near, ok := suggest.Nearest(name, names); unknown && ok {
		return fmt.Errorf("%w; did you mean --%s?", err, near)
	}
	return fmt.Errorf("%w; see %s --help", err, c.CommandPath())
}

// nearFile is a hint at the scenario that may have been meant.
func nearFile(file string) string {
	list, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*.y*ml"))
	if len(list) == 0 {
		return "; dsim list scenarios shows some"
	}
	slices.Sort(list)
	var names []string
	for _, f := range list {
		names = append(names, filepath.Base(f))
	}
	if near, ok := suggest.Nearest(filepath.Base(file), names); ok {
		return fmt.Sprintf("; did you mean %s?", filepath.Join(filepath.Dir(file), near))
	}
	more := ""
	if len(list) > 8 {
		more = fmt.Sprintf(" and %d more", len(list)-8)
	}
	return "; there are " + strings.Join(list[:min(len(list), 8)], ", ") + more
}

// oneLine puts cobra's list of commands that may have been meant behind the
// error it belongs to.
func oneLine(text string) string {
	what, meant, ok := strings.Cut(text, "\n\nDid you mean this?\n")
	if !ok {
		return text
	}
	return what + "; did you mean " + strings.Join(strings.Fields(meant), " or ") + "?"
}
