package shrink

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/links"
	"example.com/dsim/scenarios"
)

const reactionDefault = time.Millisecond

// knob is one number or word of a scenario that can be turned. Knobs are told by
// where they stand, so that one of a scenario fits all of the same shape.
type knob struct {
	name  string // "links.ab.loss", "the heal of timeline[2]"
	param string // "loss"; "at", "for", "every" of an entry
	of    target
	// protocol is that of a cell.
	protocol string
	entry    int // of the timeline
	get      func(sc *scenarios.Scenario) string
	set      func(sc *scenarios.Scenario, text string)
	drop     func(sc *scenarios.Scenario) // nil where it cannot go
}

// target is what a knob belongs to.
type target int

const (
	ofCell target = iota
	ofLink
	ofEntry
)

// knobsOf lists the knobs of a scenario: of cells, links and the timeline.
func knobsOf(sc *scenarios.Scenario) (list []knob) {
	for i := range sc.Initial {
		c := &sc.Initial[i]
		if c.Op == cells.AddCell {
			own := paramKnobs(ofCell, fmt.Sprintf("cells.%s.", c.Cell.ID), c.Cell.Params, func(sc *scenarios.Scenario) *[]cells.Param {
				return &sc.Initial[i].Cell.Params
			})
			for j := range own {
				own[j].protocol = c.Cell.Protocol
			}
			list = append(list, own...)
			continue
		}
		list = append(list, linkKnobs(fmt.Sprintf("links.%s.", c.Link.Name), &c.Link, func(sc *scenarios.Scenario) *cells.LinkSpec {
			return &sc.Initial[i].Link
		})...)
	}
	for i := range sc.Timeline {
		own := entryKnobs(sc, i)
		for j := range own {
			own[j].entry = i
			own[j].of = ofEntry
		}
		list = append(list, own...)
	}
	return list
}

func linkKnobs(name string, l *cells.LinkSpec, at func(*scenarios.Scenario) *cells.LinkSpec) (list []knob) {
	sides := []string{"", fmt.Sprintf("%s->%s.", l.A.Cell, l.B.Cell), fmt.Sprintf("%s->%s.", l.B.Cell, l.A.Cell)}
	for k, params := range [][]cells.Param{l.Both, l.AB, l.BA} {
		list = append(list, paramKnobs(ofLink, name+sides[k], params, func(sc *scenarios.Scenario) *[]cells.Param {
			spec := at(sc)
			return []*[]cells.Param{&spec.Both, &spec.AB, &spec.BA}[k]
		})...)
	}
	return list
}

func paramKnobs(of target, name string, params []cells.Param, at func(*scenarios.Scenario) *[]cells.Param) (list []knob) {
	for j, p := range params {
		list = append(list, knob{
			name: name + p.Name, param: p.Name, of: of,
			get: func(sc *scenarios.Scenario) string { return (*at(sc))[j].Value },
			set: func(sc *scenarios.Scenario, text string) {
				own := at(sc)
				*own = slices.Clone(*own)
				(*own)[j].Value = text
			},
			drop: func(sc *scenarios.Scenario) {
				own := at(sc)
				*own = slices.Delete(slices.Clone(*own), j, j+1)
			},
		})
	}
	return list
}

// entryKnobs are the times of an entry, and the parameters that it sets.
func entryKnobs(sc *scenarios.Scenario, i int) (list []knob) {
	a := &sc.Timeline[i]
	span := func(param string, at func(*scenarios.Action) *int64) {
		list = append(list, knob{
			name: entryText(a) + ", " + param, param: param, of: ofEntry,
			get: func(sc *scenarios.Scenario) string { return des.FormatDuration(*at(&sc.Timeline[i])) },
			set: func(sc *scenarios.Scenario, text string) {
				ns, err := des.ParseDuration(text)
				if err != nil || ns < 0 {
					return // no time
				}
				t := &sc.Timeline[i]
				t.Steps = slices.Clone(t.Steps)
				*at(t) = ns
			},
		})
	}
	if a.Trigger.Kind == scenarios.Every {
		span("every", func(a *scenarios.Action) *int64 { return (*int64)(&a.Trigger.Every) })
	}
	if a.Trigger.From > 0 {
		span("at", func(a *scenarios.Action) *int64 { return (*int64)(&a.Trigger.From) })
	}
	for j := 1; j < len(a.Steps); j++ {
		if a.Steps[j].After > 0 {
			span("for", func(a *scenarios.Action) *int64 { return (*int64)(&a.Steps[j].After) })
		}
	}
	for j := range a.Steps {
		for k := range a.Steps[j].Changes {
			if c := &a.Steps[j].Changes[k]; c.Op == cells.SetLink && !cutsOnly(&c.Link) {
				list = append(list, linkKnobs(entryText(a)+": ", &c.Link, func(sc *scenarios.Scenario) *cells.LinkSpec {
					s := &sc.Timeline[i].Steps[j]
					s.Changes = slices.Clone(s.Changes)
					return &s.Changes[k].Link
				})...)
			}
		}
	}
	return list
}

func cutsOnly(l *cells.LinkSpec) bool {
	for _, p := range slices.Concat(l.Both, l.AB, l.BA) {
		if p.Name != "cut" && p != links.Break {
			return false
		}
	}
	return true
}

// entryText names an entry: by its name, else by what it does first.
func entryText(a *scenarios.Action) string {
	switch {
	case a.Name != "":
		return a.Name
	case a.Stop || len(a.Steps) == 0:
		return "stop faults"
	}
	x := &a.Steps[0]
	text := x.String()
	if len(x.Changes) > 0 && len(x.Changes[0].Cell.Params)+len(x.Changes[0].Link.Both)+len(x.Changes[0].Link.AB)+len(x.Changes[0].Link.BA) == 1 {
		text = doneText(&x.Changes[0], text)
	} else if x.Select != nil {
		text = "heal all"
		if x.Select.Groups != nil {
			text = fmt.Sprintf("partition %v", x.Select.Groups)
		}
	}
	switch a.Trigger.Kind {
	case scenarios.Every:
		text += " every " + des.FormatDuration(int64(a.Trigger.Every))
	case scenarios.When:
		text += " when " + a.Trigger.Cond.Text
	}
	return text
}

// doneText is a change as the timeline's words have it.
func doneText(c *cells.Change, or string) string {
	l := &c.Link
	for i, p := range slices.Concat(c.Cell.Params, l.Both, l.AB, l.BA) {
		switch {
		case i > 0:
		case p.Name == cells.SetRun:
			word, _, _ := strings.Cut(p.Value, "-")
			return word + " " + string(c.Cell.ID)
		case p.Name == "cut":
			word, ok := map[string]string{"no": "heal ", "hold": "hold "}[p.Value]
			if !ok {
				word = "cut "
			}
			return word + l.Name + map[bool]string{true: ">"}[len(l.AB) > 0] + map[bool]string{true: "<"}[len(l.BA) > 0]
		}
	}
	return or
}
