package shrink

import (
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/links"
	"example.com/dsim/scenarios"
)

// patience is what must be kept where the failure is that something has not
// come to hold: such a failure could be had for nothing.
type patience struct {
	open    map[string]bool // what faults have left open, as they ended
	quiet   time.Duration   // between the last fault and the end
	late    time.Duration   // by how much what was lost by name came after faults had ended
	within  bool            // the expectation itself says how long it takes
	control bool            // without faults the world does not fail so
	strict  bool            // a condition says what is missing, by names and numbers
}

// patienceFor looks at the world as it is first; nil for a failure of safety.
func (s *shrinker) patienceFor(sc *scenarios.Scenario) (*patience, error) {
	mode := s.failed.Mode
	late := mode == "eventually" || mode == "sometimes" || mode == "settled"
	if !late && (mode == "" || s.failed.Failure.Time < sc.Run.Until) {
		return nil, nil
	}
	p := &patience{open: leftOpen(sc), quiet: max(quietOf(sc, &s.best), time.Duration(sc.Run.Until)/2), late: lateOf(sc, &s.best)}
	for i := range sc.Expect {
		e := &sc.Expect[i]
		if e.Path == s.failed.Failure.Path {
			p.within = e.Within > 0
			p.strict = e.Cond != nil
		}
	}
	w, err := faultless(s.best, s.opt.Registry)
	if err != nil {
		return nil, err
	}
	if o := s.bounded(w); o != nil && len(o.Failures) == 0 && o.Result.Verdict == scenarios.Pass {
		p.control = true
	}
	return p, s.ctx.Err()
}

// strict reports whether nothing may change that the failure is about.
func (s *shrinker) strict() bool { return s.patient != nil && s.patient.strict }

// fair reports whether a world asks for no more than the first did.
func (p *patience) fair(sc *scenarios.Scenario, w *repro.World) bool {
	for what := range leftOpen(sc) {
		if !p.open[what] {
			return false
		}
	}
	if p.within {
		return lateOf(sc, w) <= p.late
	}
	return quietOf(sc, w) >= p.quiet
}

// controlled reports whether a world comes out well without its faults, where
// the first one did.
func (s *shrinker) controlled(w repro.World) bool {
	if !s.patient.control {
		return true
	}
	calm, err := faultless(w, s.opt.Registry)
	if err != nil {
		return false
	}
	o := s.bounded(calm)
	return o != nil && len(o.Failures) == 0 && o.Result.Verdict == scenarios.Pass
}

// impairing are the parameters of links that do harm by chance; each with what
// stands under it.
var impairing = []string{"loss", "burst", "dup", "reorder", "ber", "corrupt", "refuse", "reset"}

// impairs reports whether a parameter of a link does harm.
func impairs(p cells.Param) bool {
	return slices.ContainsFunc(impairing, func(name string) bool {
		return p.Name == name || strings.HasPrefix(p.Name, name+".")
	})
}

// faultless is a world without what harms it.
func faultless(w repro.World, reg *scenarios.Registry) (repro.World, error) {
	sc, err := w.Scenario(reg)
	if err != nil {
		return w, err
	}
	w = w.Clone()
	w.Choices = slices.DeleteFunc(w.Choices, func(c repro.Choice) bool { return c.What == repro.Verdict })
	for i := range sc.Initial {
		l := &sc.Initial[i].Link
		for _, list := range []*[]cells.Param{&l.Both, &l.AB, &l.BA} {
			*list = slices.DeleteFunc(slices.Clone(*list), impairs)
		}
	}
	sc.Timeline = slices.DeleteFunc(sc.Timeline, func(a scenarios.Action) bool { return a.Fault || a.Stop })
	return w.With(sc)
}

// timed is a step and when it is carried out first.
type timed struct {
	at   clock.Time
	step *scenarios.Step
}

// leftOpen is what faults of the timeline have not ended by its end, read in the
// order of time: links that are cut or have a parameter set, cells that are
// down.
func leftOpen(sc *scenarios.Scenario) map[string]bool {
	var list []timed
	for i := range sc.Timeline {
		a := &sc.Timeline[i]
		for j := range a.Steps {
			list = append(list, timed{a.Trigger.From.Add(a.Steps[j].After), &a.Steps[j]})
		}
	}
	slices.SortStableFunc(list, func(a, b timed) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	open := make(map[string]bool)
	set := func(what string, on bool) {
		if on {
			open[what] = true
		} else {
			delete(open, what)
		}
	}
	for _, x := range list {
		if s := x.step.Select; s != nil {
			for _, p := range s.Set {
				if p.Value != "no" {
					set("links "+p.Name, true)
				} else if s.Groups == nil {
					endAll(open, " "+p.Name)
				} else {
					set("links "+p.Name, false)
				}
			}
		}
		for _, c := range x.step.Changes {
			openedBy(&c, set)
		}
	}
	return open
}

// endAll ends what is open of a kind on any link.
func endAll(open map[string]bool, kind string) {
	for what := range open {
		if strings.HasSuffix(what, kind) {
			delete(open, what)
		}
	}
}

// openedBy says what a change opens and ends.
func openedBy(c *cells.Change, set func(string, bool)) {
	switch c.Op {
	case cells.SetCell:
		for _, p := range c.Cell.Params {
			if p.Name == cells.SetRun {
				set(string(c.Cell.ID)+" down", p.Value == "crash" || p.Value == "pause")
			}
		}
	case cells.RemoveCell:
		set(string(c.Cell.ID)+" gone", true)
	case cells.AddCell:
		set(string(c.Cell.ID)+" gone", false)
	case cells.RemoveLink:
		set(c.Link.Name+" gone", true)
	case cells.AddLink:
		set(c.Link.Name+" gone", false)
	case cells.SetLink:
		for i, side := range [][]cells.Param{c.Link.Both, c.Link.AB, c.Link.BA} {
			for _, p := range side {
				on := impairs(p) && !isZero(p.Value) || p.Name == "cut" && p.Value != "no"
				switch {
				case p == links.Break:
				case i == 0:
					set(c.Link.Name+"> "+p.Name, on)
					set(c.Link.Name+"< "+p.Name, on)
				default:
					set(c.Link.Name+"><"[i-1:i]+" "+p.Name, on)
				}
			}
		}
	}
}

// isZero reports whether a text says nothing of something.
func isZero(text string) bool {
	n, ok := parseNumber(text)
	return ok && n.v == 0
}

// lateOf is how long after the last fault of the timeline, from which time for
// progress is counted, a frame still fares badly by name.
func lateOf(sc *scenarios.Scenario, w *repro.World) (late time.Duration) {
	if !w.Served {
		return 0
	}
	from := clock.Time(0)
	for i := range sc.Timeline {
		a := &sc.Timeline[i]
		for j := range a.Steps {
			if at := a.Trigger.From.Add(a.Steps[j].After); (a.Fault || a.Stop) && at <= sc.Run.Until {
				from = max(from, at)
			}
		}
	}
	for _, c := range w.Choices {
		if c.What == repro.Verdict {
			late = max(late, c.Anchor.At.Sub(from))
		}
	}
	return late
}

// quietOf is how long a run goes on after its last fault that has a time.
func quietOf(sc *scenarios.Scenario, w *repro.World) time.Duration {
	last := clock.Time(0)
	for i := range sc.Timeline {
		a := &sc.Timeline[i]
		if !a.Fault {
			continue
		}
		if a.Trigger.Kind != scenarios.At {
			return 0
		}
		for j := range a.Steps {
			if at := a.Trigger.From.Add(a.Steps[j].After); at <= sc.Run.Until {
				last = max(last, at)
			}
		}
	}
	if w.Served {
		for _, c := range w.Choices {
			if c.What == repro.Verdict {
				last = max(last, c.Anchor.At)
			}
		}
	}
	return sc.Run.Until.Sub(last)
}
