package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Goals that the summary is measured with.
const (
	goalFound  = 95 // percent
	goalCells  = 3
	goalLinks  = 2
	goalFaults = 3
	goalCauses = 15
)

// line is a row in a few words.
func (r *row) line() string {
	words := []string{r.Bug + ": " + r.foundText()}
	if r.Shrink != nil {
		z := r.Shrink.After
		words = append(words, fmt.Sprintf("shrunk to %d cells, %d links, %d faults, %d events (%.1f s)", z.Cells, z.Links, z.Faults, z.Causes, r.Shrink.Seconds))
	}
	if r.Test != nil {
		words = append(words, "test "+r.testText())
	}
	if r.Plain != nil {
		words = append(words, "plain "+r.plainText())
	}
	if r.Error != "" {
		words = append(words, "ERROR "+r.Error)
	}
	return strings.Join(words, "; ")
}

func (r *row) foundText() string {
	switch {
	case r.Search == nil:
		return "not measured"
	case !r.Search.Found:
		return fmt.Sprintf("not in %d worlds", r.Search.Worlds)
	case r.Healthy == "":
		return fmt.Sprintf("in %d worlds, not checked without the bug", r.Search.Worlds)
	case !r.found():
		return "another failure: " + r.Healthy
	}
	return fmt.Sprintf("in %d", r.Search.Worlds)
}

func (r *row) plainText() string {
	switch {
	case r.Plain == nil:
		return "-"
	case r.Plain.Found:
		return fmt.Sprintf("in %d", r.Plain.Worlds)
	}
	return fmt.Sprintf("not in %d", r.Plain.Worlds)
}

func (r *row) testText() string {
	if r.Test == nil {
		return "-"
	}
	return fmt.Sprintf("%d+%d/%d", r.Test.Failed, r.Test.Passed, r.Test.Times)
}

// cellsOf are the columns of a row.
func (r *row) cellsOf() []string {
	out := []string{r.foundText(), "-", "-", "-", "-", "-", r.testText(), r.plainText(), "-"}
	if r.Search != nil {
		out[1] = fmt.Sprintf("%.1f", r.Search.Seconds)
	}
	if s := r.Shrink; s != nil {
		out[2], out[3] = fmt.Sprint(s.After.Cells), fmt.Sprint(s.After.Links)
		out[4], out[5] = fmt.Sprint(s.After.Faults), fmt.Sprint(s.After.Causes)
		if len(s.Neighbours) > 0 {
			out[8] = s.Neighbours[0]
		}
	}
	if r.Error != "" {
		out[8] = "ERROR " + r.Error
	}
	return out
}

var columns = []string{"found", "CPU s", "cells", "links", "faults", "events", "test", "plain", "nearest that passes"}

// writeTable prints rows for people.
func writeTable(out io.Writer, b *bench, rows []*row) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "bug\t%s\n", strings.Join(columns, "\t"))
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\n", r.Bug, strings.Join(r.cellsOf(), "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s", summary(b, rows))
	return err
}

// summary says in sentences what came of all, and which goals are met.
func summary(b *bench, rows []*row) string {
	var s strings.Builder
	var worlds, seconds, cells, links, faults, causes []float64
	tested, sound, plainFound, plainRun := 0, 0, 0, 0
	for _, r := range rows {
		if r.found() {
			worlds, seconds = append(worlds, float64(r.Search.Worlds)), append(seconds, r.Search.Seconds)
		}
		if z := r.Shrink; z != nil && r.found() {
			cells, links = append(cells, float64(z.After.Cells)), append(links, float64(z.After.Links))
			faults, causes = append(faults, float64(z.After.Faults)), append(causes, float64(z.After.Causes))
		}
		if r.Test != nil {
			tested++
			if r.Test.Failed == b.times && r.Test.Passed == b.times {
				sound++
			}
		}
		if r.Plain != nil {
			plainRun++
			if r.Plain.Found {
				plainFound++
			}
		}
	}
	n := len(worlds)
	fmt.Fprintf(&s, "Found: %d of %d, each within %s of processor time (goal: %d %%, %s); in the median %g worlds, %.1f s.\n",
		n, len(rows), b.search, goalFound, met(100*n >= goalFound*len(rows)), median(worlds), median(seconds))
	if len(cells) > 0 {
		c, l, f, e := median(cells), median(links), median(faults), median(causes)
		fmt.Fprintf(&s, "Shrunk: %d; medians %g cells, %g links, %g faults, %g causal events (goal: %d, %d, %d, %d, %s).\n",
			len(cells), c, l, f, e, goalCells, goalLinks, goalFaults, goalCauses,
			met(c <= goalCells && l <= goalLinks && f <= goalFaults && e <= goalCauses))
	}
	if tested > 0 {
		fmt.Fprintf(&s, "Go tests: %d of %d failed with the bug and passed without, %d times of %d (goal: all, %s).\n",
			sound, tested, b.times, b.times, met(sound == tested))
	}
	if plainRun > 0 {
		fmt.Fprintf(&s, "Baseline: %d of %d found among plain worlds within %s of processor time.\n", plainFound, plainRun, b.plain)
	}
	return s.String()
}

func met(ok bool) string {
	if ok {
		return "met"
	}
	return "not met"
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.SortFunc(list, func(x, y float64) int { return cmp.Compare(x, y) })
	mid := len(list) / 2
	if len(list)%2 == 0 {
		return (list[mid-1] + list[mid]) / 2
	}
	return list[mid]
}

// results is the text of RESULTS.md.
func results(b *bench, rows []*row) string {
	var s strings.Builder
	long := ""
	if b.times == 100 {
		long = " --long"
	}
	fmt.Fprintf(&s, `# What is found

What becomes of the planted bugs in [corpus](corpus/TABLE.md). Written by

    go run ./fuzz/power --budget %s --shrink %s --plain %s%s --update

Worlds, sizes and neighbours are the same on every machine, as far as the budgets
were not used up. **CPU s**, the processor time until the bug was found, is a
figure of the machine it was made on, and so is in how many plain worlds a bug
was *not* found. The other columns are explained in [the handbook](../../docs/handbook/power.md).

`, b.search, b.shrink, b.plain, long)
	for l := range strings.Lines(summary(b, rows)) {
		s.WriteString("- " + l)
	}
	fmt.Fprintf(&s, "\n| bug | %s |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n", strings.Join(columns, " | "))
	for _, r := range rows {
		fields := r.cellsOf()
		for i := range fields {
			fields[i] = strings.ReplaceAll(fields[i], "|", `\|`)
		}
		fmt.Fprintf(&s, "| `%s` | %s |\n", r.Bug, strings.Join(fields, " | "))
	}
	return s.String()
}
