package explain

import (
	"fmt"
	"io"
	"strings"

	"example.com/dsim/scenarios"
)

// Text writes the explanation for people.
func (e *Explanation) Text(w io.Writer) error {
	t := &text{to: w}
	t.line("%s", e.Name)
	t.line("  %s", e.Signature)
	t.line("  %s", e.Failure)
	t.faults(e)
	t.chain(e)
	t.removed(e)
	t.curve(e)
	t.line("%d worlds were run", e.Runs)
	return t.err
}

// text writes lines until one cannot be written.
type text struct {
	to  io.Writer
	err error
}

func (t *text) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = io.WriteString(t.to, strings.TrimRight(fmt.Sprintf(format, args...), " ")+"\n")
	}
}

// faultsShown is how many harmless faults are listed.
const faultsShown = 40

func (t *text) faults(e *Explanation) {
	t.line("")
	switch {
	case len(e.Faults) == 0:
		t.line("faults: none; it fails without")
		return
	case e.Bare.Same:
		t.line("faults: it fails without any of them")
	case e.Culprit() != nil:
		t.line("faults: it comes of %s alone", e.Culprit().name())
	default:
		t.line("faults, what mattered most first")
	}
	for i := range e.Faults {
		if i >= faultsShown {
			t.line("  … and %d more", len(e.Faults)-i)
			break
		}
		f := &e.Faults[i]
		note := f.note()
		if matters(f) {
			t.line("  %-9s %s", f.Effect, f.name())
			t.line("            %s", note)
			continue
		}
		if note != "" {
			note = " (without it, " + note + ")"
		}
		t.line("  %-9s %s%s", f.Effect, f.name(), note)
	}
	for _, p := range e.Pairs {
		t.line("  without both %s and %s, %s", e.Faults[p.A].name(), e.Faults[p.B].name(), p.Without)
	}
	if s := e.Sealed; s != nil && s.Left > 0 {
		t.line("  sealed at %s by %s: what goes wrong later is not needed", s.At, strings.Join(s.What, ", "))
	}
	if e.Untried > 0 {
		t.line("  %d single verdicts were not tried", e.Untried)
	}
	if !e.Served {
		t.line("  chance is drawn by the seed: there were too many verdicts to leave them out one by one")
	}
}

// name is a fault with its time.
func (f *Fault) name() string {
	s := f.What
	if f.Kind == Parameter {
		return s
	}
	s += fmt.Sprintf(" at %s", f.At)
	if f.Until > 0 {
		s += fmt.Sprintf(", until %s", f.Until)
	}
	if f.Kind == Verdicts {
		s = fmt.Sprintf("%s, %d frames, from %s on", f.What, f.Frames, f.At)
	}
	return s
}

// note says what came of leaving a fault out.
func (f *Fault) note() string {
	switch {
	case f.Without == nil || f.Effect == Harmless && f.Without.Equal:
		return ""
	case f.Effect == Harmless || f.Effect == Together:
		return f.Without.String()
	}
	s := "without it, " + f.Without.String()
	if f.Alone != nil {
		if f.Alone.Same {
			s += "; alone it is enough"
		} else {
			s += "; alone it is not enough: " + f.Alone.String()
		}
	}
	return s
}

// String is how a twin came out.
func (t *Twin) String() string {
	switch {
	case t.Same:
		return fmt.Sprintf("the same fails at %s", t.At)
	case t.Signature != "":
		return fmt.Sprintf("it fails otherwise at %s: %s", t.At, t.Signature)
	case t.Verdict == scenarios.Inconclusive:
		return "a budget runs out first"
	}
	return "nothing fails"
}

func (t *text) chain(e *Explanation) {
	t.line("")
	if e.Missing {
		t.line("what came last, before nothing more came")
	} else {
		t.line("what led to it")
	}
	for i := range e.Chain {
		s := &e.Chain[i]
		if s.After > 0 {
			t.line("%14s  … %d events", "", s.After)
		}
		for _, l := range s.Lost {
			t.line("%14s  ! %s", "", l)
		}
		t.line("%14s  %-12s %s", s.At, s.Who, s.What)
		for _, n := range s.Notes {
			t.line("%14s  %-12s   %s", "", "", n)
		}
	}
}

func (t *text) removed(e *Explanation) {
	if len(e.Removed) == 0 {
		return
	}
	t.line("")
	t.line("frames that never arrived")
	for _, r := range e.Removed {
		what := fmt.Sprintf("%s#%d at %s", r.Link, r.First, r.FirstAt)
		if r.Frames > 1 {
			what = fmt.Sprintf("%d of %s, #%d at %s to #%d at %s", r.Frames, r.Link, r.First, r.FirstAt, r.Last, r.LastAt)
		}
		by := ""
		if r.By != "" {
			by = ", by " + r.By
		}
		t.line("  %s, %s to %s: %s%s", what, r.From, r.To, r.Verdict, by)
	}
}

// barMax is how long a bar of the curve is.
const barMax = 40

func (t *text) curve(e *Explanation) {
	c := e.Curve
	t.line("")
	if c == nil || len(c.Points) == 0 {
		t.line("no curve")
		t.line("")
		return
	}
	t.line("how likely it was, with chance drawn anew from there, %d runs each", c.Runs)
	for i := range c.Points {
		p := &c.Points[i]
		if c.Cliff == nil && i > 0 && i < len(c.Points)-1 {
			continue // they are all alike, or nearly
		}
		mark := ""
		if c.Cliff != nil && p.order == c.Cliff.To.order {
			mark = "  < cliff"
		}
		if p.Other > 0 {
			mark = fmt.Sprintf("  %d otherwise", p.Other) + mark
		}
		t.line("%14s  %-*s %3d%%%s", p.At, barMax, strings.Repeat("#", p.Same*barMax/c.Runs), p.Same*100/c.Runs, mark)
	}
	t.cliff(c)
	t.line("")
}

func (t *text) cliff(c *Curve) {
	if c.Cliff == nil {
		switch {
		case !c.Draws && !c.Moves:
			t.line("  there is no chance in this world: it was certain from the start")
		case c.Points[0].Same == c.Runs:
			t.line("  it was certain from the start, whatever chance does")
		default:
			t.line("  there is no rise in it")
		}
		return
	}
	k := c.Cliff
	t.line("  cliff: from %d%% to %d%% by", k.From.Same*100/c.Runs, k.To.Same*100/c.Runs)
	for _, l := range k.Lines {
		t.line("  %s", l)
	}
	if k.More > 0 {
		t.line("%14s  … and %d more", "", k.More)
	}
}
