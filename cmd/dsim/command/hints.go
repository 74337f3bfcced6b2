package command

import (
	"fmt"
	"path/filepath"
	"regexp"
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
	list = slices.DeleteFunc(list, func(f string) bool { return strings.HasPrefix(filepath.Base(f), ".") })
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

// argumentsWrong is how cobra says that there are too few arguments, or too many.
var argumentsWrong = regexp.MustCompile(`^(accepts|requires) .*arg\(s\),.* received (\d+)$`)

// oneLine puts what cobra says on one line: which arguments a command wants, and
// commands that may have been meant behind the error they belong to.
func oneLine(c *cobra.Command, text string) string {
	if m := argumentsWrong.FindStringSubmatch(text); m != nil {
		_, want, _ := strings.Cut(c.Use, " ")
		return fmt.Sprintf("want %s, not %s arguments; see %s --help", want, m[2], c.CommandPath())
	}
	what, meant, ok := strings.Cut(text, "\n\nDid you mean this?\n")
	if !ok {
		return text
	}
	return what + "; did you mean " + strings.Join(strings.Fields(meant), " or ") + "?"
}
