package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/links"
	"example.com/dsim/scenarios"
)

// heading says what is about to run, and what was drawn for this seed.
func (a *app) heading(sc *scenarios.Scenario) {
	a.out.printf("%s  seed %s\n", a.out.bold(sc.Name), sc.Seed)
	a.options(sc.Options)
}

func (a *app) options(list []scenarios.Option) {
	if len(list) == 0 {
		return
	}
	rows := [][]string{{"drawn", "value", "from"}}
	for _, o := range list {
		rows = append(rows, []string{o.Path, o.Value, o.From})
	}
	a.out.table("  ", rows)
}

// report prints how a run came out; on failure, last, how to repeat it.
func (a *app) report(x *outcome) {
	a.expectations(x.Expect)
	a.cells(x.Cells)
	a.totals(x.Totals)
	if x.Err != nil {
		a.out.printf("  %s %s\n", a.out.bad("error"), x.Err)
	}
	a.out.printf("\n%s  digest %016x  %s events in %s  %s\n", a.verdict(x.Verdict), uint64(x.Digest),
		group(x.Events), x.End, a.out.faint(speed(x)))
	switch {
	case x.Lanes > 1 && x.Alone == "":
		a.out.printf("%d partitions\n", x.Lanes)
	case x.Lanes > 1:
		a.out.printf("%d partitions: %s\n", x.Lanes, x.Alone)
	case x.Lanes == 1:
		a.out.printf("1 partition: %s\n", x.Alone)
	}
	if x.Trace != "" {
		a.out.printf("trace %s\n", x.Trace)
	}
	if x.Twice && x.Broken == nil {
		a.out.printf("%s\n", sameTwice)
	}
	if x.Broken != nil {
		a.out.printf("%s the same run went otherwise the second time:\n%s\n", a.out.bad("non-determinism"), indent(x.Broken.String()))
	}
	if x.Verdict != scenarios.Pass {
		a.why(x.Result)
		a.out.printf("to repeat it:\n")
		a.out.printf("%s\n", x.Repeat)
	}
}

// sameTwice is said where --check-determinism has found nothing.
const sameTwice = "run twice: the same digest, and as many events"

// why names the failure, and whether it is the one that is meant.
func (a *app) why(x *scenarios.Result) {
	if f := x.Failure; f != nil {
		where := ""
		if f.File != "" {
			where = fmt.Sprintf("  (%s:%d)", f.File, f.Line)
		}
		a.out.printf("%s%s\n", f, a.out.faint(where))
	}
	if x.Scenario.Fails != "" && x.AsMeant() {
		a.out.printf("%s\n", a.out.faint("this scenario is meant to fail: "+x.Scenario.Fails))
	}
}

func speed(x *outcome) string {
	s := fmt.Sprintf("(%s", x.Wall.Round(time.Millisecond))
	if x.Wall > 10*time.Millisecond {
		s += fmt.Sprintf(", %.1f M events/s", float64(x.Events)/x.Wall.Seconds()/1e6)
	}
	return s + ")"
}

func (a *app) verdict(v scenarios.Verdict) string {
	switch v {
	case scenarios.Pass:
		return a.out.good("PASS")
	case scenarios.Fail:
		return a.out.bad("FAIL")
	}
	return a.out.warn("INCONCLUSIVE")
}

func (a *app) expectations(list []scenarios.ExpectResult) {
	for _, e := range list {
		mark, note := a.out.good("ok  "), ""
		switch {
		case e.Verdict == scenarios.Fail:
			mark = a.out.bad("FAIL")
			note = e.Failure.Place() + ": " + e.Failure.Text
		case e.Verdict == scenarios.Inconclusive:
			mark, note = a.out.warn("??  "), e.Why
		case e.Met != nil:
			note = "at " + e.Met.String()
		}
		a.out.printf("%s\n", strings.TrimRight(fmt.Sprintf("  %s %s  %s", mark, e.Text, a.out.faint(note)), " "))
	}
}

// cells prints what the cells show, an attribute a row.
func (a *app) cells(list []scenarios.CellState) {
	if len(list) == 0 {
		return
	}
	if len(list) > 8 {
		a.out.printf("  %s\n", a.out.faint(fmt.Sprintf("%d cells", len(list))))
		return
	}
	var names []string
	head := []string{"state"}
	for _, c := range list {
		head = append(head, string(c.ID))
		for _, at := range c.Attrs {
			names = appendNew(names, shownName(at.Name))
		}
	}
	rows := [][]string{head}
	var long [][]string // values that would make the table too wide
	for _, n := range names {
		row := []string{n}
		wide := false
		for _, c := range list {
			text := attrText(c.Attrs, n)
			wide = wide || len(text) > columnMax
			row = append(row, text)
		}
		if wide {
			long = append(long, row)
		} else {
			rows = append(rows, row)
		}
	}
	rows = append(rows, runRow(list))
	a.out.table("  ", rows)
	for _, row := range long {
		for i, text := range row[1:] {
			if text != "" {
				a.out.printf("  %s %s\n", a.out.faint(string(list[i].ID)+"."+row[0]), text)
			}
		}
	}
}

// columnMax is how wide a value may be to stand in the table of states.
const columnMax = 24

func runRow(list []scenarios.CellState) []string {
	row := []string{"run"}
	for _, c := range list {
		row = append(row, c.Run.String())
	}
	return row
}

func attrText(attrs []cells.Attr, name string) string {
	for _, x := range attrs {
		if shownName(x.Name) != name {
			continue
		}
		switch x.Is {
		case cells.IsText:
			return x.Text
		case cells.IsBool:
			return strconv.FormatBool(x.Int != 0)
		}
		return numberText(x.Name, x.Int)
	}
	return ""
}

func appendNew(list []string, s string) []string {
	for _, x := range list {
		if x == s {
			return list
		}
	}
	return append(list, s)
}

// totals prints what the links counted, what is zero left out.
func (a *app) totals(c links.Counts) {
	var parts []string
	for _, n := range links.CountNames {
		if v, _ := c.Get(n); v > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", strings.ReplaceAll(n, "_", " "), group(v)))
		}
	}
	if len(parts) > 0 {
		a.out.printf("  %s %s\n", a.out.faint("links"), strings.Join(parts, ", "))
	}
}

// spanSuffix marks attributes that are spans of time in nanoseconds. People are
// shown the name without it, and the span with its unit.
const spanSuffix = "_ns"

func shownName(name string) string { return strings.TrimSuffix(name, spanSuffix) }

func numberText(name string, v int64) string {
	if strings.HasSuffix(name, spanSuffix) {
		return des.FormatDuration(v)
	}
	return strconv.FormatInt(v, 10)
}

// group writes a number with its thousands apart.
func group(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ")
}
