package explore

import (
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/links"
	"example.com/dsim/scenarios"
)

// Fold writes a plan into a scenario: what is drawn becomes parameters of links
// and entries of the timeline, and what is expected becomes what such a world
// can be held to. The result needs no plan to run.
func Fold(sc *scenarios.Scenario, p *Plan, until clock.Time) ([]byte, error) {
	out, err := fold(sc, p, until)
	if err != nil {
		return nil, err
	}
	return scenarios.Encode(out)
}

// fold is Fold, before it is written.
func fold(sc *scenarios.Scenario, p *Plan, until clock.Time) (*scenarios.Scenario, error) {
	out := *sc
	out.Fails, out.Explore, out.Study, out.Set = "", nil, nil, nil
	out.Initial = slices.Clone(sc.Initial)
	out.Run.Shuffled = sc.Run.Shuffled || p.Ties == "shuffled"
	out.Timeline = timelineOf(sc)
	f := folder{out: &out, until: until, plan: p, core: make(map[cells.ID]bool), gone: goneLinks(sc), replaced: replacedLinks(sc)}
	for _, id := range p.Core {
		f.core[id] = true
	}
	for i := range p.Faults {
		f.fault(&p.Faults[i])
	}
	f.end()
	f.expect(sc)
	return &out, nil
}

// versionGap keeps the versions that a timeline gives away from those that
// faults take.
const versionGap = 1 << 20

// timelineOf is a scenario's own timeline, without its stop of faults: the
// world has one of its own.
func timelineOf(sc *scenarios.Scenario) (list []scenarios.Action) {
	for _, a := range sc.Timeline {
		if a.Stop {
			continue
		}
		a.Steps = slices.Clone(a.Steps)
		for i := range a.Steps {
			if v := a.Steps[i].Version; v < versionGap {
				a.Steps[i].Version = v * versionGap
			}
		}
		list = append(list, a)
	}
	return list
}

type folder struct {
	out   *scenarios.Scenario
	plan  *Plan
	until clock.Time
	core  map[cells.ID]bool
	gone  map[string]bool // links that the scenario's own timeline removes

	replaced map[string]replaced // those of them that it adds again

	heal     []string   // links that are cut when the faults end
	restart  []cells.ID // cells that are down then
	kept     []cells.ID // likewise, and have kept their state
	resume   []cells.ID
	restored []cells.Change // parameters of links, as they were
}

// healed reports whether what was done to cells is undone when the faults end.
func (f *folder) healed(ids ...cells.ID) bool {
	switch f.plan.Heal {
	case "freeze":
		return false
	case "core":
		for _, id := range ids {
			if !f.core[id] {
				return false
			}
		}
	}
	return true
}

func (f *folder) fault(x *Fault) {
	family := familyOf(x.Family)
	if family.Param != "" {
		f.param(x, family)
		return
	}
	switch x.Family {
	case "cut", "one-way", "hold":
		f.cut(x)
	case "partition":
		sel := &scenarios.Select{Groups: [][]cells.ID{x.Groups[0], x.Groups[1]}, Set: cutParams(x.Value)}
		end := &scenarios.Select{Groups: sel.Groups, Set: cutParams("no")}
		f.act(x, scenarios.Step{Select: sel}, scenarios.Step{Select: end})
	case "crash", "forget":
		end := "restart"
		if x.Kept {
			end = "restart-kept"
		}
		f.act(x, runStep(x.Cell, "crash"), runStep(x.Cell, end))
		switch {
		case x.For != 0:
		case x.Kept:
			f.kept = append(f.kept, x.Cell)
		default:
			f.restart = append(f.restart, x.Cell)
		}
	case "pause":
		f.act(x, runStep(x.Cell, "pause"), runStep(x.Cell, "resume"))
		if x.For == 0 {
			f.resume = append(f.resume, x.Cell)
		}
	case "clock":
		name, value, _ := strings.Cut(x.Value, "=")
		f.act(x, setCell(x.Cell, cells.Param{Name: name, Value: value}), scenarios.Step{})
	}
}

func familyOf(name string) *scenarios.FaultFamily {
	list := scenarios.FaultFamilies()
	return &list[slices.IndexFunc(list, func(f scenarios.FaultFamily) bool { return f.Name == name })]
}

func cutParams(how string) []cells.Param { return []cells.Param{{Name: "cut", Value: how}} }

func setCell(id cells.ID, p cells.Param) scenarios.Step {
	return scenarios.Step{Changes: []cells.Change{{Op: cells.SetCell, Cell: cells.CellSpec{ID: id, Params: []cells.Param{p}}}}}
}

func runStep(id cells.ID, value string) scenarios.Step {
	return setCell(id, cells.Param{Name: cells.SetRun, Value: value})
}

// act adds an entry: what is done, and, unless that is left out, what ends it.
func (f *folder) act(x *Fault, begin, end scenarios.Step) {
	a := scenarios.Action{
		Path: "drawn " + x.Family, Fault: true, Steps: []scenarios.Step{begin},
		Trigger: scenarios.Trigger{Kind: scenarios.At, From: x.At, Until: clock.Never},
	}
	if x.For > 0 {
		end.After, end.Ends = x.For, true
		a.Steps = append(a.Steps, end)
	}
	f.out.Timeline = append(f.out.Timeline, a)
}

func linkChange(name string, side scenarios.Side, set []cells.Param) cells.Change {
	c := cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: name}}
	switch side {
	case scenarios.SideAB:
		c.Link.AB = set
	case scenarios.SideBA:
		c.Link.BA = set
	default:
		c.Link.Both = set
	}
	return c
}

func (f *folder) cut(x *Fault) {
	name := x.Links[0]
	begin := scenarios.Step{Changes: []cells.Change{linkChange(name, x.Side, cutParams(x.Value))}}
	end := scenarios.Step{Changes: []cells.Change{linkChange(name, x.Side, cutParams("no"))}}
	f.act(x, begin, end)
	if x.For == 0 && !slices.Contains(f.heal, name) {
		f.heal = append(f.heal, name)
	}
}

// param sets a parameter of links from the beginning, and notes how it was.
func (f *folder) param(x *Fault, family *scenarios.FaultFamily) {
	set := append([]cells.Param{{Name: family.Param, Value: x.Value}}, family.With...)
	for i := range f.out.Initial {
		c := &f.out.Initial[i]
		if c.Op != cells.AddLink || !family.Applies(c.Link.Stream) || x.Links != nil && !slices.Contains(x.Links, c.Link.Name) {
			continue
		}
		was := c.Link
		if _, again := f.replaced[was.Name]; f.gone[was.Name] && !again {
			continue
		}
		x.harm(&c.Link, set)
		last := f.harmAgain(x, &was, set)
		if e := ends(&was); last != nil && f.healed(e[0], e[1]) {
			f.restore(last, set)
		}
	}
}

func with(list []cells.Param, p cells.Param) []cells.Param {
	list = append(without(list, p.Name), p)
	slices.SortFunc(list, func(a, b cells.Param) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func without(list []cells.Param, name string) []cells.Param {
	return slices.DeleteFunc(slices.Clone(list), func(p cells.Param) bool { return p.Name == name })
}

// restore gives a link back parameters as they were. What another fault of the
// family has met before is back already.
func (f *folder) restore(was *cells.LinkSpec, set []cells.Param) {
	if slices.ContainsFunc(f.restored, func(c cells.Change) bool {
		return c.Link.Name == was.Name && find(slices.Concat(c.Link.Both, c.Link.AB), set[0].Name) >= 0
	}) {
		return
	}
	c := cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: was.Name}}
	for _, p := range set {
		both := valueOf(was.Both, p.Name, defaultOf(p.Name))
		ab, ba := valueOf(was.AB, p.Name, both), valueOf(was.BA, p.Name, both)
		if ab == ba {
			c.Link.Both = append(c.Link.Both, cells.Param{Name: p.Name, Value: ab})
			continue
		}
		c.Link.AB = append(c.Link.AB, cells.Param{Name: p.Name, Value: ab})
		c.Link.BA = append(c.Link.BA, cells.Param{Name: p.Name, Value: ba})
	}
	f.restored = append(f.restored, c)
}

func find(list []cells.Param, name string) int {
	return slices.IndexFunc(list, func(p cells.Param) bool { return p.Name == name })
}

func valueOf(list []cells.Param, name, or string) string {
	if i := find(list, name); i >= 0 {
		return list[i].Value
	}
	return or
}

// defaultOf is what a parameter of links is where nobody says it.
func defaultOf(name string) string {
	list := links.ParamInfos()
	return list[slices.IndexFunc(list, func(x links.ParamInfo) bool { return x.Name == name })].Default
}

// end ends the faults: what is to be healed is, and no fault follows.
func (f *folder) end() {
	at := func(fault bool, steps ...scenarios.Step) {
		f.out.Timeline = append(f.out.Timeline, scenarios.Action{
			Path: "drawn end", Fault: fault, Steps: steps,
			Trigger: scenarios.Trigger{Kind: scenarios.At, From: f.until, Until: clock.Never},
		})
	}
	var steps []scenarios.Step
	if list := f.healedLinks(); len(list) > 0 {
		s := scenarios.Step{Ends: true}
		for _, name := range list {
			s.Changes = append(s.Changes, linkChange(name, scenarios.BothSides, cutParams("no")))
		}
		steps = append(steps, s)
	}
	for _, w := range []struct {
		ids   []cells.ID
		value string
	}{{f.restart, "restart"}, {f.kept, "restart-kept"}, {f.resume, "resume"}} {
		s := scenarios.Step{Ends: true}
		for _, id := range w.ids {
			if f.healed(id) {
				s.Changes = append(s.Changes, runStep(id, w.value).Changes...)
			}
		}
		if len(s.Changes) > 0 {
			steps = append(steps, s)
		}
	}
	if len(steps) > 0 {
		at(true, steps...)
	}
	for len(f.restored) > 0 { // links with the same values in one entry
		first := f.restored[0].Link
		same := func(c cells.Change) bool {
			return slices.Equal(c.Link.Both, first.Both) && slices.Equal(c.Link.AB, first.AB) && slices.Equal(c.Link.BA, first.BA)
		}
		s := scenarios.Step{}
		rest := f.restored[:0:0]
		for _, c := range f.restored {
			if same(c) {
				s.Changes = append(s.Changes, c)
			} else {
				rest = append(rest, c)
			}
		}
		f.restored = rest
		at(false, s)
	}
	f.forsake()
	f.out.Timeline = append(f.out.Timeline, scenarios.Action{
		Path: "drawn stop", Stop: true, Steps: []scenarios.Step{{}},
		Trigger: scenarios.Trigger{Kind: scenarios.At, From: f.until, Until: clock.Never},
	})
	f.out.StopFault = f.until
}

// healedLinks are the links that are cut when the faults end, and healed then.
func (f *folder) healedLinks() (out []string) {
	for i := range f.out.Initial {
		l := &f.out.Initial[i].Link
		if e := ends(l); f.out.Initial[i].Op == cells.AddLink && slices.Contains(f.heal, l.Name) && f.healed(e[0], e[1]) {
			out = append(out, l.Name)
		}
	}
	return out
}

// expect makes of what the scenario expects what the world can be held to: what
// must come has its time after the faults, and what links count speaks of links
// that nobody has harmed.
func (f *folder) expect(sc *scenarios.Scenario) {
	harmed := len(f.plan.Faults) > 0
	longest := time.Duration(0)
	f.out.Expect = nil
	for _, e := range sc.Expect {
		if e.Cond != nil && e.Mode != scenarios.Sometimes && harmed && e.Cond.LinksRead() {
			continue
		}
		if e.Mode == scenarios.Eventually || e.Mode == scenarios.Settled {
			if f.plan.Heal == "core" && (e.Cond != nil && !f.inCore(e.Cond) || e.Cond == nil && !f.coreAlone()) {
				continue
			}
			e.AfterFaults = true
			if sc.Explore != nil && sc.Explore.Within > 0 {
				e.Within = sc.Explore.Within
			}
			if e.Within == 0 {
				e.Within = sc.Run.Until.Sub(0)
			}
			longest = max(longest, e.Within)
		}
		f.out.Expect = append(f.out.Expect, e)
	}
	if end := f.until.Add(longest); longest > 0 && end > f.out.Run.Until {
		f.out.Run.Until = end
	}
	f.out.Run.Until = max(f.out.Run.Until, f.until+1)
}

// inCore reports whether all cells that a condition reads are in the core.
func (f *folder) inCore(c *scenarios.Condition) bool {
	for _, w := range c.Watch {
		if w.Cell != "" && !f.core[w.Cell] {
			return false
		}
	}
	return true
}

// coreAlone reports whether nothing works but the core when the faults have
// ended. A structural property speaks of all that works: what is broken by half
// need not settle.
func (f *folder) coreAlone() bool {
	for i := range f.out.Initial {
		c := &f.out.Initial[i]
		if c.Op == cells.AddCell && !f.core[c.Cell.ID] && !slices.Contains(f.plan.Lost, c.Cell.ID) {
			return false
		}
	}
	return true
}
