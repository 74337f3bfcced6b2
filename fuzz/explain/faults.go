package explain

import (
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// Kind says what a fault is in its world.
type Kind string

// The kinds of faults.
const (
	Timeline  Kind = "timeline"  // an entry of the timeline, with what ends it
	Parameter Kind = "parameter" // of a link, from the beginning
	Verdicts  Kind = "verdicts"  // all of a kind on one direction
	Verdict   Kind = "verdict"   // one, on one frame
)

// Fault is something in a world that went wrong for its protocols.
type Fault struct {
	Kind Kind       `json:"kind"`
	What string     `json:"what"`  // "cut ab", "ab.loss", "ab> drop:loss"
	At   clock.Time `json:"at_ns"` // when it began; of verdicts, of the first
	// Until is when it ended: 0 if nothing ended it, or it was over at once.
	Until  clock.Time `json:"until_ns,omitempty"`
	Frames int        `json:"frames,omitempty"` // of verdicts: how many there are
	Effect Effect     `json:"effect"`
	// Without is how the world comes out without the fault; Alone how it does
	// with no other, which is asked of faults that matter.
	Without *Twin `json:"without,omitempty"`
	Alone   *Twin `json:"alone,omitempty"`

	action  int             // Timeline: its entry
	links   map[string]bool // links and directions that it cuts; nil for any
	cuts    bool
	params  []paramAt      // Parameter
	choices []repro.Choice // Verdicts, Verdict
	part    int            // Verdict: the Verdicts it is one of, plus 1
}

// paramAt is a family of parameters of a link.
type paramAt struct{ link, family string }

// chancy are the families of parameters that are faults: what a link does to
// frames by chance. The rest is what the link is.
var chancy = []string{"loss", "burst", "dup", "reorder", "ber", "corrupt", "jitter", "refuse", "reset"}

func familyOf(param string) string {
	family, _, _ := strings.Cut(param, ".")
	return family
}

// isEnd reports whether a parameter's value ends a fault.
func isEnd(p cells.Param) bool {
	switch p.Name {
	case "cut":
		return p.Value == "no"
	case cells.SetRun:
		return p.Value == "restart" || p.Value == "restart-kept" || p.Value == "resume"
	}
	return false
}

// targets are what a step begins or ends faults of: "link ab", "cell bob", or
// "parted" for links that are chosen when it is due.
type targets struct{ begins, ends []string }

func targetsOf(s *scenarios.Step) (t targets) {
	add := func(name string, list []cells.Param) {
		for _, p := range list {
			switch {
			case isEnd(p):
				t.ends = append(t.ends, name)
			default:
				t.begins = append(t.begins, name)
			}
		}
	}
	for _, c := range s.Changes {
		switch c.Op {
		case cells.SetCell:
			add("cell "+string(c.Cell.ID), c.Cell.Params)
		case cells.SetLink:
			add("link "+c.Link.Name, slices.Concat(c.Link.Both, c.Link.AB, c.Link.BA))
		default:
			t.begins = append(t.begins, "topology")
		}
	}
	if s.Select != nil {
		if add("parted", s.Select.Set); s.Select.Groups == nil && len(t.ends) > 0 {
			t.ends = append(t.ends, "links")
		}
	}
	return t
}

// cutBy are the links, or directions, that a step cuts.
func cutBy(s *scenarios.Step) (names []string) {
	for _, c := range s.Changes {
		if c.Op != cells.SetLink {
			continue
		}
		for _, part := range []struct {
			name string
			list []cells.Param
		}{{c.Link.Name, c.Link.Both}, {c.Link.Name + ">", c.Link.AB}, {c.Link.Name + "<", c.Link.BA}} {
			if slices.ContainsFunc(part.list, func(p cells.Param) bool { return p.Name == "cut" && !isEnd(p) }) {
				names = append(names, part.name)
			}
		}
	}
	return names
}

// place is one step of the timeline.
type place struct{ action, step int }

// timelineFaults are the entries that begin a fault, and, for each step that
// only ends faults, which of these it ends.
func timelineFaults(sc *scenarios.Scenario) (faults []Fault, owners map[place][]int) {
	type due struct {
		place
		at clock.Time
	}
	var order []due
	of := make(map[int]int) // fault by action
	for i := range sc.Timeline {
		a := &sc.Timeline[i]
		if !a.Fault || a.Stop {
			continue
		}
		var what []string
		links, cuts := make(map[string]bool), false
		for j := range a.Steps {
			s := &a.Steps[j]
			order = append(order, due{place{i, j}, a.Trigger.From.Add(s.After)})
			t := targetsOf(s)
			if len(t.begins) == 0 && (len(t.ends) > 0 || s.Command == nil) {
				continue
			}
			if text := s.String(); !slices.Contains(what, text) {
				what = append(what, text)
			}
			for _, name := range cutBy(s) {
				links[name], cuts = true, true
			}
			if s.Select != nil {
				links, cuts = nil, true
			}
		}
		if len(what) == 0 {
			continue
		}
		of[i] = len(faults)
		faults = append(faults, Fault{
			Kind: Timeline, What: shortened(faultText(what)), At: a.Trigger.From.Add(a.Steps[0].After), action: i, links: links, cuts: cuts,
		})
	}
	slices.SortStableFunc(order, func(a, b due) int { return int(min(max(a.at-b.at, -1), 1)) })
	owners = make(map[place][]int)
	open := make(map[string][]int)
	for _, d := range order {
		s := &sc.Timeline[d.action].Steps[d.step]
		t := targetsOf(s)
		for _, name := range t.ends {
			if name == "links" {
				for _, c := range sc.Initial {
					if c.Op == cells.AddLink {
						t.ends = append(t.ends, "link "+c.Link.Name)
					}
				}
			}
		}
		f, own := of[d.action]
		for _, name := range t.ends {
			for _, k := range open[name] {
				faults[k].Until = d.at
				if (!own || k != f) && len(t.begins) == 0 && !slices.Contains(owners[d.place], k) {
					owners[d.place] = append(owners[d.place], k)
				}
			}
			delete(open, name)
		}
		if own {
			for _, name := range t.begins {
				open[name] = append(open[name], f)
			}
		}
	}
	return faults, owners
}

// faultText is what an entry does, in the words of the timeline where there are
// some: "cut ab b->a", "crash bob".
func faultText(what []string) string {
	if len(what) != 1 || strings.Contains(what[0], ";") {
		return strings.Join(what, "; ")
	}
	text := what[0]
	if cell, ok := strings.CutPrefix(text, "set-cell "); ok {
		if name, how, ok := strings.Cut(cell, " "+cells.SetRun+"="); ok && !strings.Contains(how, " ") {
			return how + " " + name
		}
		if name, set, ok := strings.Cut(cell, " "); ok && !strings.Contains(set, " ") {
			return set + " of " + name
		}
	}
	link, ok := strings.CutPrefix(text, "set-link ")
	if groups, parted := strings.CutPrefix(text, "set links between "); parted && !ok {
		link, ok = groups, true
	}
	name, param, cut := cutLast(link)
	side, param, sided := strings.Cut(param, ".")
	if !sided {
		side, param = "", side
	} else {
		side = " " + side
	}
	if !ok || !cut || strings.Contains(name, "=") {
		return text
	}
	switch param {
	case "cut=lost":
		return "cut " + name + side
	case "cut=drain":
		return "cut " + name + side + ", in flight arrives"
	case "cut=hold":
		return "hold " + name + side
	}
	return text
}

// cutLast cuts a text at its last blank.
func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// shortened keeps a text on a line.
func shortened(s string) string {
	const most = 90
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// parameterFaults are the parameters of links that are faults. Where verdicts
// are served, only jitter still draws.
func parameterFaults(sc *scenarios.Scenario, served bool) (faults []Fault) {
	const linksMax = 16 // so many are told apart
	each := 0
	for _, c := range sc.Initial {
		if c.Op == cells.AddLink {
			each++
		}
	}
	for _, family := range chancy {
		if served && family != "jitter" {
			continue
		}
		all := Fault{Kind: Parameter}
		for _, c := range sc.Initial {
			if c.Op != cells.AddLink {
				continue
			}
			if !slices.ContainsFunc(slices.Concat(c.Link.Both, c.Link.AB, c.Link.BA), func(p cells.Param) bool { return familyOf(p.Name) == family }) {
				continue
			}
			p := paramAt{c.Link.Name, family}
			if each <= linksMax {
				faults = append(faults, Fault{Kind: Parameter, What: family + " of " + c.Link.Name, params: []paramAt{p}})
			}
			all.params = append(all.params, p)
		}
		if each > linksMax && len(all.params) > 0 {
			all.What = fmt.Sprintf("%s of %d links", family, len(all.params))
			faults = append(faults, all)
		}
	}
	return faults
}

// verdictKind is a verdict without its numbers: "drop:loss", "flip dup".
func verdictKind(value string) string {
	var words []string
	for w := range strings.FieldsSeq(value) {
		if name, _, ok := strings.Cut(w, ":"); ok && name != "drop" {
			w = name
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// verdictFaults are the verdicts that are served, of each kind and direction,
// and one by one. One that is alone of its kind is told once.
func verdictFaults(w repro.World) (groups, singles []Fault) {
	index := make(map[[2]string]int)
	for _, c := range w.Verdicts() {
		key := [2]string{c.Where, verdictKind(c.Value)}
		i, ok := index[key]
		if !ok {
			i = len(groups)
			index[key] = i
			groups = append(groups, Fault{Kind: Verdicts, What: key[0] + " " + key[1], At: c.Anchor.At})
		}
		groups[i].Frames++
		groups[i].choices = append(groups[i].choices, c)
	}
	for i := range groups {
		g := &groups[i]
		if g.Frames == 1 {
			g.Kind, g.What = Verdict, verdictText(g.choices[0])
			continue
		}
		for _, c := range g.choices {
			singles = append(singles, Fault{Kind: Verdict, What: verdictText(c), At: c.Anchor.At, Frames: 1, choices: []repro.Choice{c}, part: i + 1})
		}
	}
	return groups, singles
}

func verdictText(c repro.Choice) string {
	return shortened(fmt.Sprintf("%s#%d %s", c.Where, c.N, c.Value))
}

// without is a world without some faults.
func (x *explainer) without(out ...int) (repro.World, error) {
	gone := make(map[int]bool, len(out))
	for _, i := range out {
		gone[i] = true
	}
	w := x.world.Clone()
	sc := *x.sc
	edited := false
	w.Choices = slices.DeleteFunc(w.Choices, func(c repro.Choice) bool {
		return slices.ContainsFunc(out, func(i int) bool { return slices.Contains(x.faults[i].choices, c) })
	})
	actions := make(map[int]bool)
	for _, i := range out {
		switch f := &x.faults[i]; f.Kind {
		case Timeline:
			actions[f.action], edited = true, true
		case Parameter:
			sc.Initial, edited = withoutParams(sc.Initial, f.params), true
		}
	}
	if !edited {
		return w, nil
	}
	sc.Timeline = nil
	for i, a := range x.sc.Timeline {
		if actions[i] {
			continue
		}
		steps := len(a.Steps)
		a.Steps = nil
		for j := range steps {
			own := x.owners[place{i, j}]
			if len(own) > 0 && !slices.ContainsFunc(own, func(k int) bool { return !gone[k] }) {
				continue
			}
			a.Steps = append(a.Steps, x.sc.Timeline[i].Steps[j])
		}
		if len(a.Steps) > 0 {
			sc.Timeline = append(sc.Timeline, a)
		}
	}
	return w.With(&sc)
}

// withoutParams takes families of parameters from links.
func withoutParams(list []cells.Change, out []paramAt) []cells.Change {
	list = slices.Clone(list)
	for i := range list {
		l := &list[i].Link
		drop := func(params []cells.Param) []cells.Param {
			return slices.DeleteFunc(slices.Clone(params), func(p cells.Param) bool {
				return slices.Contains(out, paramAt{l.Name, familyOf(p.Name)})
			})
		}
		if list[i].Op == cells.AddLink {
			l.Both, l.AB, l.BA = drop(l.Both), drop(l.AB), drop(l.BA)
		}
	}
	return list
}
