package explore

import (
	"slices"
	"strconv"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/scenarios"
)

// Plan says what is done to a scenario to make a world of it.
type Plan struct {
	Families []string // that are on, in the order of scenarios.FaultFamilies
	Faults   []Fault
	Heal     string     // all, core or freeze
	Core     []cells.ID // with core
	Lost     []cells.ID // with core: those outside of it that are cut off for good when the faults end
	Ties     string     // fifo or shuffled
}

// Fault is one fault of a plan.
type Fault struct {
	Family string
	Links  []string       // of a family of links; nil for all there are
	Side   scenarios.Side // of Links
	Cell   cells.ID       // of a family of cells
	Groups [2][]cells.ID  // of a partition
	Value  string         // of a parameter, or how: lost, drain, hold
	At     clock.Time     // of an action
	For    time.Duration  // 0: until all faults end
	Kept   bool           // a restart with the state kept
}

// target is what worlds are drawn for: a scenario, and what of it can be
// harmed.
type target struct {
	sc       *scenarios.Scenario // as written, under some seed
	families []scenarios.FaultFamily
	ranges   map[string]scenarios.FaultRange
	links    []cells.LinkSpec // that can be cut and held
	lossy    []cells.LinkSpec // that can be made bad: those, and those that are replaced
	cells    []cells.ID       // that can be crashed and paused
	all      []cells.ID
	keeps    map[cells.ID]bool
	told     map[cells.ID][]clock.Time // when a cell gets a command
	until    clock.Time                // faults act before
	heal     []string
}

// ends are the cells of a link.
func ends(l *cells.LinkSpec) [2]cells.ID { return [2]cells.ID{l.A.Cell, l.B.Cell} }

// newTarget finds what can be harmed. What the scenario's own timeline crashes,
// commands again and again, adds or removes is left alone: a fault that meets
// another of its kind is a mistake in the scenario, not in the protocol. Links
// that are replaced have their parameters set all the same.
func newTarget(sc *scenarios.Scenario, until clock.Time) *target {
	t := &target{
		sc: sc, ranges: make(map[string]scenarios.FaultRange), told: make(map[cells.ID][]clock.Time),
		keeps: make(map[cells.ID]bool), until: until, heal: []string{"all"},
	}
	taken, gone, again := t.takenCells(), goneLinks(sc), replacedLinks(sc)
	x := sc.Explore
	if x != nil && len(x.Heal) > 0 {
		t.heal = x.Heal
	}
	for i := range sc.Initial {
		c := &sc.Initial[i]
		switch {
		case c.Op == cells.AddCell:
			t.all = append(t.all, c.Cell.ID)
			if !taken[c.Cell.ID] && (x == nil || x.Cells == nil || slices.Contains(x.Cells, c.Cell.ID)) {
				t.cells = append(t.cells, c.Cell.ID)
			}
		case c.Op == cells.AddLink && (x == nil || x.Links == nil || slices.Contains(x.Links, c.Link.Name)):
			_, back := again[c.Link.Name]
			if !gone[c.Link.Name] {
				t.links = append(t.links, c.Link)
			}
			if !gone[c.Link.Name] || back {
				t.lossy = append(t.lossy, c.Link)
			}
		}
	}
	for _, f := range scenarios.FaultFamilies() {
		r, _, on := sc.Range(&f)
		if on && t.has(&f) {
			t.families = append(t.families, f)
			t.ranges[f.Name] = r
		}
	}
	return t
}

// has reports whether there is something that a family can harm.
func (t *target) has(f *scenarios.FaultFamily) bool {
	switch f.Name {
	case "crash", "forget", "pause", "clock":
		return len(t.cells) > 0
	case "partition":
		return len(t.all) > 1 && len(t.links) > 0 && (t.sc.Explore == nil || t.sc.Explore.Links == nil)
	case "one-way":
		return slices.ContainsFunc(t.links, func(l cells.LinkSpec) bool { return !l.Stream })
	}
	list := t.links
	if f.Param != "" {
		list = t.lossy
	}
	return slices.ContainsFunc(list, func(l cells.LinkSpec) bool { return f.Applies(l.Stream) })
}

func (t *target) takenCells() map[cells.ID]bool {
	taken := make(map[cells.ID]bool)
	for i := range t.sc.Timeline {
		a := &t.sc.Timeline[i]
		for j := range a.Steps {
			s := &a.Steps[j]
			if s.Command != nil {
				if a.Trigger.Kind == scenarios.At {
					t.told[s.Command.Cell] = append(t.told[s.Command.Cell], a.Trigger.From.Add(s.After))
				} else {
					taken[s.Command.Cell] = true
				}
			}
			for _, c := range s.Changes {
				if c.Op == cells.SetCell || c.Op == cells.RemoveCell || c.Op == cells.AddCell {
					taken[c.Cell.ID] = true
				}
			}
		}
	}
	return taken
}

// goneLinks are the links that the timeline removes, with those of cells that
// it removes.
func goneLinks(sc *scenarios.Scenario) map[string]bool {
	gone, cellsGone := make(map[string]bool), make(map[cells.ID]bool)
	for i := range sc.Timeline {
		for j := range sc.Timeline[i].Steps {
			for _, c := range sc.Timeline[i].Steps[j].Changes {
				switch c.Op {
				case cells.RemoveLink, cells.AddLink:
					gone[c.Link.Name] = true
				case cells.RemoveCell:
					cellsGone[c.Cell.ID] = true
				}
			}
		}
	}
	for i := range sc.Initial {
		c := &sc.Initial[i]
		if e := ends(&c.Link); c.Op == cells.AddLink && (cellsGone[e[0]] || cellsGone[e[1]]) {
			gone[c.Link.Name] = true
		}
	}
	return gone
}

// drawer draws one plan.
type drawer struct {
	t    *target
	r    Chance
	busy map[cells.ID][][2]clock.Time // when a cell is down
	left bool                         // some of what ends faults is left out
}

func (t *target) drawer(seed des.Seed, purpose string) *drawer {
	r := seed.Rand("explore", 0, purpose)
	d := &drawer{t: t, r: &r, busy: make(map[cells.ID][][2]clock.Time)}
	d.left = d.one(4)
	return d
}

// one is true once in n.
func (d *drawer) one(n uint64) bool { return d.r.N(n) == 0 }

// fresh draws a plan from nothing.
func (d *drawer) fresh() *Plan {
	p := &Plan{}
	families := d.t.families
	switch k := d.r.N(100); {
	case k < 12 || len(families) == 0: // all off
	case k < 45: // one alone
		f := families[d.r.N(uint64(len(families)))]
		p.Families = []string{f.Name}
	default:
		for i := range families {
			if d.one(2) {
				p.Families = append(p.Families, families[i].Name)
			}
		}
	}
	for i := range families {
		if slices.Contains(p.Families, families[i].Name) {
			p.Faults = append(p.Faults, d.family(&families[i])...)
		}
	}
	d.end(p)
	return p
}

// end draws how the faults end, and ties.
func (d *drawer) end(p *Plan) {
	p.Heal = d.t.heal[d.r.N(uint64(len(d.t.heal)))]
	p.Core, p.Lost = nil, nil
	if p.Heal == "core" {
		p.Core = d.core()
		p.Lost = d.lose(p.Core)
	}
	p.Ties = "shuffled"
	if d.one(5) {
		p.Ties = "fifo"
	}
	p.Families = nil
	for i := range d.t.families {
		name := d.t.families[i].Name
		if slices.ContainsFunc(p.Faults, func(f Fault) bool { return f.Family == name }) {
			p.Families = append(p.Families, name)
		}
	}
}

// core draws a half of the cells that hang together, or takes what is declared.
func (d *drawer) core() []cells.ID {
	if x := d.t.sc.Explore; x != nil && len(x.Core) > 0 {
		return x.Core
	}
	core := []cells.ID{d.t.all[d.r.N(uint64(len(d.t.all)))]}
	for len(core) < (len(d.t.all)+1)/2 {
		var near []cells.ID
		for i := range d.t.links {
			e := ends(&d.t.links[i])
			for side := range e {
				if slices.Contains(core, e[side]) && !slices.Contains(core, e[1-side]) && !slices.Contains(near, e[1-side]) {
					near = append(near, e[1-side])
				}
			}
		}
		if len(near) == 0 {
			break
		}
		core = append(core, near[d.r.N(uint64(len(near)))])
	}
	slices.Sort(core)
	return core
}

// family draws the faults of one family.
func (d *drawer) family(f *scenarios.FaultFamily) []Fault {
	r := d.t.ranges[f.Name]
	if f.Param != "" {
		value, err := f.Value(r.Least, r.Most, uint16(d.r.N(1<<16)))
		if err != nil {
			panic("explore: " + f.Name + ": " + err.Error()) // the loader has checked it
		}
		if f.Param == "jitter" {
			value = "uniform(0s, " + value + ")"
		}
		x := Fault{Family: f.Name, Value: value}
		if !d.one(2) {
			x.Links, x.Side = d.somewhere(f)
		} else if e := d.t.sc.Explore; e != nil && e.Links != nil {
			x.Links = d.where(f) // all that may be harmed, which is not all there are
		}
		return []Fault{x}
	}
	text, err := f.Value(r.Least, r.Most, uint16(d.r.N(1<<16)))
	times, err2 := strconv.Atoi(text)
	if err != nil || err2 != nil {
		panic("explore: " + f.Name + ": " + text)
	}
	var out []Fault
	for range times {
		if x, ok := d.action(f.Name); ok {
			out = append(out, x)
		}
	}
	return out
}

// where lists the links that a family applies to.
func (d *drawer) where(f *scenarios.FaultFamily) (names []string) {
	for i := range d.t.lossy {
		if f.Applies(d.t.lossy[i].Stream) {
			names = append(names, d.t.lossy[i].Name)
		}
	}
	return names
}

// somewhere draws some links that a family applies to, or one direction.
func (d *drawer) somewhere(f *scenarios.FaultFamily) ([]string, scenarios.Side) {
	names := d.where(f)
	side := scenarios.Side(d.r.N(3))
	if d.one(2) {
		return []string{names[d.r.N(uint64(len(names)))]}, side
	}
	some := slices.DeleteFunc(slices.Clone(names), func(string) bool { return d.one(2) })
	if len(some) == 0 {
		some = names[:1]
	}
	return some, side
}

// when draws a time before the faults end, and how long a fault lasts: all
// orders of magnitude from a millisecond on are as likely.
func (d *drawer) when() (clock.Time, time.Duration) {
	end := max(int64(d.t.until), 2)
	at := d.r.Int64(0, end-1)
	if at > 1_000_000 {
		at -= at % 100_000
	}
	left := end - at - 1
	least := min(int64(time.Millisecond), max(left, 1))
	span := least
	for span < left/2 && !d.one(4) {
		span *= 2
	}
	if span > 1_000_000 {
		span -= span % 100_000
	}
	span = max(min(span, left), 1)
	if d.left && d.one(2) {
		span = 0
	}
	return clock.Time(at), time.Duration(span)
}

// action draws one act of a family; false if there is nobody it could meet.
func (d *drawer) action(family string) (Fault, bool) {
	x := Fault{Family: family}
	x.At, x.For = d.when()
	switch family {
	case "cut":
		x.Links, x.Value = d.link(false), []string{"lost", "lost", "drain"}[d.r.N(3)]
	case "one-way":
		x.Links, x.Value, x.Side = d.link(true), "lost", scenarios.Side(1+d.r.N(2))
	case "hold":
		x.Links, x.Value = d.link(false), "hold"
	case "partition":
		x.Value = "lost"
		for i, id := range d.t.all {
			g := int(d.r.N(2))
			if i == len(d.t.all)-1 && len(x.Groups[1-g]) == 0 {
				g = 1 - g
			}
			x.Groups[g] = append(x.Groups[g], id)
		}
		if x.For == 0 {
			x.For = max(time.Duration(d.t.until-x.At)-1, 1) // links that were cut are healed by name; a partition by its end
		}
		return x, len(x.Groups[0]) > 0 && len(x.Groups[1]) > 0
	default:
		return d.cellAction(x)
	}
	return x, len(x.Links) > 0
}

func (d *drawer) link(framed bool) []string {
	var names []string
	for i := range d.t.links {
		if !framed || !d.t.links[i].Stream {
			names = append(names, d.t.links[i].Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{names[d.r.N(uint64(len(names)))]}
}

// cellAction draws a fault of a cell that is not down then.
func (d *drawer) cellAction(x Fault) (Fault, bool) {
	x.Cell = d.t.cells[d.r.N(uint64(len(d.t.cells)))]
	if x.Family == "clock" {
		x.For = 0
		step := d.r.Int64(-5_000, 5_000)
		drift := d.r.Int64(-2_000, 2_000)
		x.Value = scenarioClock(d.one(2), step, drift)
		return x, true
	}
	end := x.At.Add(x.For)
	if x.For == 0 {
		end = d.t.until
	}
	if !d.t.free(d.busy[x.Cell], x.Cell, x.At, end) {
		return x, false
	}
	d.busy[x.Cell] = append(d.busy[x.Cell], [2]clock.Time{x.At, end})
	x.Kept = x.Family == "crash" && d.t.keeps[x.Cell]
	return x, true
}

// free reports whether nothing else concerns a cell from one time to another.
func (t *target) free(busy [][2]clock.Time, id cells.ID, from, to clock.Time) bool {
	for _, b := range busy {
		if from <= b[1] && b[0] <= to {
			return false
		}
	}
	return !slices.ContainsFunc(t.told[id], func(at clock.Time) bool { return from <= at && at <= to })
}

// scenarioClock is what is set of a clock: a step of its wall time, or how fast
// it runs.
func scenarioClock(step bool, ms, ppm int64) string {
	if step {
		return "step=" + des.FormatDuration(ms*int64(time.Millisecond))
	}
	return "drift=" + strconv.FormatInt(ppm, 10) + "ppm"
}

// change makes another plan of one that led somewhere new: some faults more,
// one drawn again, one less, those of another such plan besides, or nothing but
// another seed.
func (d *drawer) change(from, other *Plan) *Plan {
	p := &Plan{}
	for _, f := range from.Faults {
		d.add(p, f)
	}
	n := uint64(len(p.Faults))
	switch k := d.r.N(8); {
	case k == 0 && n > 1: // one fault less
		i := d.r.N(n)
		p.Faults = slices.Delete(p.Faults, int(i), int(i)+1)
	case k == 1 && n > 0: // one fault drawn again
		i := int(d.r.N(n))
		p.Faults = append(p.Faults[:i:i], append(d.again(p.Faults[i].Family), p.Faults[i+1:]...)...)
	case k <= 3: // those of two plans
		for _, f := range other.Faults {
			d.add(p, f)
		}
	case k <= 6 || n == 0: // some faults more
		for range 1 + d.r.N(3) {
			if m := uint64(len(d.t.families)); m > 0 {
				p.Faults = append(p.Faults, d.again(d.t.families[d.r.N(m)].Name)...)
			}
		}
	} // else another seed, and nothing else
	d.end(p)
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return d.t.rank(a.Family) - d.t.rank(b.Family) })
	return p
}

// faultsMax bounds the faults of a plan that is made of others.
const faultsMax = 64

// add adds a fault of another plan, unless its cell is down then.
func (d *drawer) add(p *Plan, f Fault) {
	if len(p.Faults) >= faultsMax {
		return
	}
	if f.Cell != "" && f.Family != "clock" {
		end := f.At.Add(f.For)
		if f.For == 0 {
			end = d.t.until
		}
		if !d.t.free(d.busy[f.Cell], f.Cell, f.At, end) {
			return
		}
		d.busy[f.Cell] = append(d.busy[f.Cell], [2]clock.Time{f.At, end})
	}
	p.Faults = append(p.Faults, f)
}

// again draws a fault of a family, at most one.
func (d *drawer) again(name string) []Fault {
	i := d.t.rank(name)
	if d.t.families[i].Param != "" {
		return d.family(&d.t.families[i])
	}
	if x, ok := d.action(name); ok {
		return []Fault{x}
	}
	return nil
}

func (t *target) rank(name string) int {
	return slices.IndexFunc(t.families, func(f scenarios.FaultFamily) bool { return f.Name == name })
}
