package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError adds to an unknown flag the one that was probably meant.
func flagError(c *cobra.Command, err error) error {
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if near := nearest(name, names); unknown && near != "" {
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
	if near := nearest(filepath.Clean(file), list); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	more := ""
	if len(list) > 8 {
		more = fmt.Sprintf(" and %d more", len(list)-8)
	}
	return "; there are " + strings.Join(list[:min(len(list), 8)], ", ") + more
}

// nearest is the word that is at most two letters away, or a quarter of a long
// one; "" if there is none.
func nearest(word string, words []string) string {
	best, near := max(2, len(filepath.Base(word))/4)+1, ""
	for _, w := range words {
		if d := distance(word, w); d < best {
			best, near = d, w
		}
	}
	return near
}

// distance is the number of letters to change, add or drop to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := last
			if a[i] != b[j] {
				d++
			}
			last = row[j+1]
			row[j+1] = min(d, row[j]+1, last+1)
		}
	}
	return row[len(b)]
}
