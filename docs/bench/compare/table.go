package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

var heads = []string{"what, and beside what", "ours", "peer", "median", "best", "range", "goal", "met"}

// cells are a row's columns, as all tables print them.
func (r *row) cells() []string {
	goal := "-"
	if !r.goal.told {
		goal = "at least " + r.figure(r.goal.limit)
		if r.goal.most {
			goal = "at most " + r.figure(r.goal.limit)
		}
	}
	ours, peer := "", ""
	if len(r.ours) > 0 {
		ours = r.value(median(r.ours))
	}
	if len(r.peer) > 0 {
		peer = r.value(median(r.peer))
	}
	if r.state() == "not measured" {
		return []string{r.what, ours, peer, "", "", "", goal, "not measured"}
	}
	rs := r.ratios()
	return []string{
		r.what, ours, peer, r.figure(r.median()), r.figure(r.best()),
		r.figure(slices.Min(rs)) + " to " + r.figure(slices.Max(rs)), goal, r.state(),
	}
}

// remark is what has to be said of a row beside its figures.
func (rep *report) remark(r *row) string {
	said := joinNotes(r.note, r.missing)
	if r.goal.peer.sched == best && r.against != "" && len(rep.schedulers) > 1 {
		said = joinNotes(said, "ns-3's fastest scheduler was "+r.against)
	}
	return said
}

// figure writes a ratio, or the figure of a row without a peer.
func (r *row) figure(v float64) string {
	if r.goal.peer == (source{}) {
		return r.value(v)
	}
	return short(v) + "x"
}

func (r *row) value(v float64) string {
	if r.goal.unit == "" {
		return short(v) + " ns"
	}
	return short(v)
}

// short gives three digits that count, and no exponent.
func short(v float64) string {
	switch {
	case math.IsNaN(v):
		return "?"
	case v >= 100 || v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func joinNotes(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func worstOf(which string, count, lost int) string {
	s := fmt.Sprintf("the worst of %d: %s", count, which)
	if lost > 0 {
		s += fmt.Sprintf(" (%d not measured)", lost)
	}
	return s
}

// steady says how much the calibration loop moved.
func (rep *report) steady() string {
	if len(rep.calibration) == 0 {
		return "the calibration loop did not run"
	}
	least, most := slices.Min(rep.calibration), slices.Max(rep.calibration)
	s := fmt.Sprintf("calibration loop %s ns, %s to %s", short(median(rep.calibration)), short(least), short(most))
	if most > 1.15*least {
		s += ": the machine's speed moved, so trust ratios and not times"
	}
	return s
}

// preface is what a reader of the figures has to know of the run.
func (rep *report) preface() []string {
	where := "not pinned"
	if rep.pinned {
		where = "pinned to one processor"
	}
	said := []string{fmt.Sprintf("%s; %d rounds, %s; %s.", rep.machine, rep.rounds, where, rep.steady())}
	if len(rep.schedulers) > 0 {
		said = append(said, "ns-3's best scheduler is the fastest of: "+strings.Join(rep.schedulers, ", ")+".")
	}
	if rep.leftOut != "" {
		said = append(said, "ns-3 is left out: "+rep.leftOut+".")
	}
	if len(rep.busy) == 0 {
		return append(said, "The machine was idle but for this.")
	}
	return append(said, "The machine was NOT idle: "+strings.Join(rep.busy, "; ")+".")
}

func writeText(w io.Writer, rep *report) error {
	for _, l := range rep.preface() {
		fmt.Fprintln(w, l)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(heads, "\t"))
	for _, r := range rep.rows {
		fmt.Fprintln(t, strings.Join(r.cells(), "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, r := range rep.rows {
		if s := rep.remark(r); s != "" {
			fmt.Fprintf(w, "%s: %s\n", r.what, s)
		}
	}
	_, err := fmt.Fprintln(w, rep.tally())
	return err
}

// tally counts the goals.
func (rep *report) tally() string {
	n := map[string]int{}
	for _, r := range rep.rows {
		if !r.goal.told {
			n[r.state()]++
		}
	}
	return fmt.Sprintf("goals: %d met, %d not met, %d measured in part, %d not measured", n["yes"], n["no"], n["in part"], n["not measured"])
}

func writeMarkdown(w io.Writer, rep *report) error {
	for _, l := range rep.preface() {
		fmt.Fprintln(w, l)
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "| "+strings.Join(heads, " | ")+" |")
	fmt.Fprintln(w, strings.Repeat("|---", len(heads))+"|")
	for _, r := range rep.rows {
		if len(r.ours)+len(r.peer) > 0 {
			fmt.Fprintln(w, "| "+strings.Join(r.cells(), " | ")+" |")
		}
	}
	fmt.Fprintln(w)
	for _, r := range rep.rows {
		if s := rep.remark(r); s != "" {
			fmt.Fprintf(w, "- %s: %s\n", r.what, s)
		}
	}
	_, err := fmt.Fprintln(w, "\n"+rep.tally()+".")
	return err
}

func writeJSON(w io.Writer, rep *report) error {
	type line struct {
		What, Goal, Met, Remark string
		Ours, Peer              []float64 // of each round
		Median, Best            *float64  `json:",omitempty"`
	}
	doc := struct {
		Machine     string
		Rounds      int
		Pinned      bool
		Calibration []float64
		Busy        []string
		Rows        []line
	}{Machine: rep.machine, Rounds: rep.rounds, Pinned: rep.pinned, Calibration: rep.calibration, Busy: rep.busy}
	finite := func(v float64) *float64 { // JSON has no other numbers
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return &v
	}
	for _, r := range rep.rows {
		doc.Rows = append(doc.Rows, line{r.what, r.cells()[6], r.state(), rep.remark(r), r.ours, r.peer, finite(r.median()), finite(r.best())})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}

// machine says what the figures were measured on, as far as it can be known.
func machine() string {
	model := runtime.GOOS + "/" + runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				model += ", " + strings.TrimSpace(strings.TrimLeft(name, "\t :"))
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d processors, %s", model, runtime.NumCPU(), runtime.Version())
}
