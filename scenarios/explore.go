package scenarios

import (
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
	"example.com/dsim/links"
	"example.com/dsim/scenarios/internal/expr"
	"example.com/dsim/scenarios/internal/yamlx"
)

// Explore says what worlds may be drawn from a scenario; package fuzz/explore
// draws them. The run itself takes no notice of it.
type Explore struct {
	Faults []FaultRange  // declared families, in the order of FaultFamilies
	Links  []string      // the links that may be harmed; nil for all
	Cells  []cells.ID    // the cells that may be harmed; nil for all
	Until  time.Duration // drawn faults act before it: the budget of safety; 0: chosen
	Within time.Duration // how long what must come may take after that: the budget of progress; 0: as expectations say
	Heal   []string      // what is done when the faults end: all, core, freeze; nil for all
	Core   []cells.ID    // with core: the cells that are healed; nil for a drawn half
	States []string      // the attributes that make up a protocol's state in the table of what was reached
}

// FaultRange is how hard a family of faults may be.
type FaultRange struct {
	Family      string
	Off         bool   // never
	Least, Most string // the family's own where nothing is said
}

// FaultFamily is a kind of fault that worlds are drawn with.
type FaultFamily struct {
	Name, Doc   string
	Param       string // the parameter of links it sets; empty if it is an action
	With        []cells.Param
	Least, Most string // how hard where nothing is declared: values of Param, or how many times
	Asked       bool   // only where it is declared, or a link has it anyway
	quantity    quantity
}

// heals are the ways in which faults end.
var heals = []string{"all", "core", "freeze"}

// faultFamilies are all families. The ranges are what most protocols that are
// made for bad links bear for a while.
var faultFamilies = []FaultFamily{
	{Name: "loss", Doc: "frames are lost, independently", Param: "loss", Least: "1%", Most: "40%", quantity: ratio},
	{
		Name: "burst", Doc: "frames are lost in bursts: how likely one begins", Param: "burst.enter",
		With: []cells.Param{{Name: "burst.leave", Value: "20%"}}, Least: "0.5%", Most: "10%", quantity: ratio,
	},
	{Name: "dup", Doc: "frames arrive twice", Param: "dup", Least: "1%", Most: "40%", quantity: ratio},
	{
		Name: "reorder", Doc: "frames are late and may be overtaken", Param: "reorder",
		With: []cells.Param{{Name: "reorder.delay", Value: "uniform(0ms, 20ms)"}}, Least: "1%", Most: "30%", quantity: ratio, Asked: true,
	},
	{Name: "ber", Doc: "bits are flipped", Param: "ber", Least: "1e-5", Most: "1e-3", quantity: ratio, Asked: true},
	{Name: "jitter", Doc: "how much the delay varies", Param: "jitter", Least: "1ms", Most: "20ms", quantity: span},
	{Name: "refuse", Doc: "connects are refused", Param: "refuse", Least: "1%", Most: "50%", quantity: ratio},
	{Name: "break", Doc: "segments break their connections", Param: "reset", Least: "0.1%", Most: "5%", quantity: ratio, Asked: true},
	{Name: "cut", Doc: "links are cut and healed, so many times", Least: "1", Most: "4"},
	{Name: "one-way", Doc: "one direction of links is cut and healed", Least: "1", Most: "4"},
	{Name: "hold", Doc: "links hold frames back and release them", Least: "1", Most: "3"},
	{Name: "partition", Doc: "the cells are parted in two groups, and joined", Least: "1", Most: "2"},
	{Name: "crash", Doc: "cells crash and restart, with their state where they can keep it", Least: "1", Most: "3"},
	{Name: "forget", Doc: "cells crash and restart without their state", Least: "1", Most: "3", Asked: true},
	{Name: "pause", Doc: "cells pause and go on", Least: "1", Most: "3"},
	{Name: "clock", Doc: "clocks of cells drift and step", Least: "1", Most: "3"},
}

// FaultFamilies lists the families of faults, links' parameters first.
func FaultFamilies() []FaultFamily { return slices.Clone(faultFamilies) }

// Applies reports whether the family sets something that a link has.
func (f *FaultFamily) Applies(stream bool) bool {
	if f.Param == "" {
		return true
	}
	i := slices.IndexFunc(linkInfos, func(x links.ParamInfo) bool { return x.Name == f.Param })
	return stream && linkInfos[i].Stream || !stream && linkInfos[i].Frame
}

// Value is a value of the family between least and most, which are texts of
// its range: part of 1<<16 of the way.
func (f *FaultFamily) Value(least, most string, part uint16) (string, error) {
	lo, err := f.quantityOf().parse(least)
	if err != nil {
		return "", err
	}
	hi, err := f.quantityOf().parse(most)
	if err != nil {
		return "", err
	}
	return f.quantityOf().format(between(lo, hi, part)), nil
}

// between is evenly spread over the orders of magnitude: half of what is drawn
// of 1..100 lies below 10, as mild faults find what hard ones hide.
func between(lo, hi int64, part uint16) int64 {
	if hi <= lo {
		return lo
	}
	if lo <= 0 || hi/lo < 8 {
		return lo + int64(uint64(hi-lo)>>16)*int64(part) + int64(uint64(hi-lo)&0xffff*uint64(part)>>16)
	}
	steps := uint64(0) // doublings from lo to hi
	for v := lo; v < hi && v < 1<<61; v *= 2 {
		steps++
	}
	at := steps * uint64(part) // 1<<16 a doubling
	v := lo << (at >> 16)
	v += v >> 16 * int64(at&0xffff)
	return roundTo(min(v, hi))
}

// roundTo keeps two digits: values are read by people.
func roundTo(v int64) int64 {
	unit := int64(1)
	for v/unit >= 100 {
		unit *= 10
	}
	return v / unit * unit
}

func (f *FaultFamily) quantityOf() quantity {
	if f.Param == "" {
		return count
	}
	return f.quantity
}

var exploreFields = []field{
	{"faults", "the families of faults, and how hard: off, the most, or [least, most]", false, object("explore-faults", exploreFaultFields())},
	{"links", "the links that may be harmed; all without it", false, oneOrMore(nameShape)},
	{"cells", "the cells that may be harmed; all without it", false, oneOrMore(nameShape)},
	{"until", "drawn faults act before this time; without it, while the scenario is busy", false, plainSpan},
	{"within", "how long what must come may take after that; without it, as the expectations say", false, plainSpan},
	{"heal", "what is done when the faults end: all is healed, or a core, or nothing (freeze); all without it", false, oneOrMore(plainWord(heals...))},
	{"core", "heal: core: the cells that are healed; a drawn half without it", false, oneOrMore(nameShape)},
	{"states", "the attributes that make up a protocol's state in the table of what was reached", false, oneOrMore(textShape)},
}

func exploreFaultFields() (fields []field) {
	for i := range faultFamilies {
		f := &faultFamilies[i]
		doc := f.Doc + "; " + f.Least + " to " + f.Most + " without it"
		if f.Asked {
			doc = f.Doc + "; without it, only where a link has it anyway"
			if f.Param == "" {
				doc = f.Doc + "; off without it"
			}
		}
		fields = append(fields, field{f.Name, doc, false, rangeShape(f.quantityOf())})
	}
	return fields
}

// plainSpan and plainWord are values that cannot be drawn.
var plainSpan shape = func(*schemaBuilder) *schema { return plain(span) }

func plainWord(words ...string) shape {
	return func(*schemaBuilder) *schema {
		s := &schema{Type: "string"}
		for _, w := range words {
			s.Enum = append(s.Enum, w)
		}
		return s
	}
}

// rangeShape is off, the most, or [least, most].
func rangeShape(q quantity) shape {
	return func(*schemaBuilder) *schema {
		off := &schema{Type: "string", Enum: []any{"off"}}
		return anyOf(plain(q), off, pair(plain(q)))
	}
}

// explore decodes what worlds may be drawn.
func (d *decoder) explore(n *yamlx.Node) *Explore {
	if n == nil || !d.object(n, "explore", exploreFields) {
		return nil
	}
	x := &Explore{}
	if v := n.Get("faults"); v != nil {
		x.Faults = d.faultRanges(v)
	}
	for _, item := range someOf(n.Get("links")) {
		if l, ok := d.linkRef(item, "links"); ok {
			x.Links = append(x.Links, l.spec.Name)
		}
	}
	x.Cells, x.Core = d.cellList(n.Get("cells"), "cells"), d.cellList(n.Get("core"), "core")
	for _, s := range []struct {
		key string
		to  *time.Duration
	}{{"until", &x.Until}, {"within", &x.Within}} {
		v := n.Get(s.key)
		if v == nil {
			continue
		}
		if _, ok := d.plain(v, s.key); ok {
			*s.to, _ = d.span(v, "explore."+s.key, 1)
		}
	}
	for _, item := range someOf(n.Get("heal")) {
		if text, ok := d.plain(item, "heal"); ok {
			if !slices.Contains(heals, text) {
				d.errorf(item, "heal %s: not allowed%s", suggest.Quoted(text), suggest.Hint(text, heals))
			}
			x.Heal = append(x.Heal, text)
		}
	}
	for _, item := range someOf(n.Get("states")) {
		if text, ok := d.plain(item, "states"); ok {
			if !d.shown(text) {
				d.errorf(item, "states: no cell shows %s", suggest.Quoted(text))
			}
			x.States = append(x.States, text)
		}
	}
	return x
}

// someOf are the values of a key that takes one or a list; none if it is not
// there.
func someOf(n *yamlx.Node) []*yamlx.Node {
	if n == nil {
		return nil
	}
	return one(n)
}

func (d *decoder) cellList(n *yamlx.Node, what string) (ids []cells.ID) {
	for _, item := range someOf(n) {
		if id, ok := d.cellRef(item, what); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// shown reports whether any cell shows an attribute.
func (d *decoder) shown(name string) bool {
	for i := range d.scope.Cells {
		if c := &d.scope.Cells[i]; c.Open || slices.ContainsFunc(c.Attrs, func(a expr.Attr) bool { return a.Name == name }) {
			return true
		}
	}
	return false
}

func (d *decoder) faultRanges(n *yamlx.Node) (out []FaultRange) {
	if !d.object(n, "faults", exploreFaultFields()) {
		return nil
	}
	for i := range faultFamilies {
		f := &faultFamilies[i]
		v := n.Get(f.Name)
		if v == nil || v.IsNull() {
			continue
		}
		r := FaultRange{Family: f.Name, Least: f.Least, Most: f.Most}
		ok := true
		switch {
		case v.Kind == yamlx.Scalar && v.Text == "off":
			r.Off = true
		case v.Kind == yamlx.List && len(v.Items) == 2:
			r.Least, ok = d.plain(v.Items[0], f.Name)
			if ok {
				r.Most, ok = d.plain(v.Items[1], f.Name)
			}
		case v.Kind == yamlx.Scalar:
			r.Most, ok = v.Text, true
			r.Least = smaller(f, r.Least, r.Most)
		default:
			d.errorf(v, "%s: want off, the most, or [least, most]", f.Name)
			continue
		}
		if ok && d.soundRange(v, f, &r) {
			out = append(out, r)
		}
	}
	return out
}

// smaller is least, or most if that is less.
func smaller(f *FaultFamily, least, most string) string {
	lo, e1 := f.quantityOf().parse(least)
	hi, e2 := f.quantityOf().parse(most)
	if e1 == nil && e2 == nil && hi < lo {
		return most
	}
	return least
}

// timesMax bounds how often an action may come in one world.
const timesMax = 100

func (d *decoder) soundRange(n *yamlx.Node, f *FaultFamily, r *FaultRange) bool {
	if r.Off {
		return true
	}
	lo, err := f.quantityOf().parse(r.Least)
	hi := lo
	if err == nil {
		hi, err = f.quantityOf().parse(r.Most)
	}
	if err == nil && f.Param != "" {
		if err = links.CheckParam(f.Param, r.Least); err == nil {
			err = links.CheckParam(f.Param, r.Most)
		}
	}
	switch {
	case err != nil:
		d.errorf(n, "%s %v", f.Name, err)
	case lo < 0 || hi < lo:
		d.errorf(n, "%s: the second value is less than the first: wants [least, most]", f.Name)
	case f.Param == "" && hi > timesMax:
		d.errorf(n, "%s %s: at most %d times", f.Name, suggest.Quoted(r.Most), timesMax)
	default:
		return true
	}
	return false
}

// leaf is the section as Encode writes it.
func (x *Explore) leaf() leaf {
	m := mapLeaf()
	faults := mapLeaf()
	for _, r := range x.Faults {
		if r.Off {
			faults.putText(r.Family, "off")
			continue
		}
		faults.put(r.Family, listLeaf(textLeaf(r.Least), textLeaf(r.Most)))
	}
	if len(faults.pairs) > 0 {
		m.put("faults", faults)
	}
	put := func(key string, words []string) {
		if len(words) > 0 {
			m.put(key, wordsLeaf(words))
		}
	}
	put("links", x.Links)
	put("cells", idTexts(x.Cells))
	if x.Until > 0 {
		m.putText("until", spanText(x.Until))
	}
	if x.Within > 0 {
		m.putText("within", spanText(x.Within))
	}
	put("heal", x.Heal)
	put("core", idTexts(x.Core))
	put("states", x.States)
	return m
}

func idTexts(ids []cells.ID) (out []string) {
	for _, id := range ids {
		out = append(out, string(id))
	}
	return out
}

// Range is how hard a family may be in the worlds of a scenario; false if it is
// not to be drawn. Declared says that the scenario says so.
func (s *Scenario) Range(f *FaultFamily) (r FaultRange, declared, on bool) {
	if s.Explore != nil {
		i := slices.IndexFunc(s.Explore.Faults, func(r FaultRange) bool { return r.Family == f.Name })
		if i >= 0 {
			r = s.Explore.Faults[i]
			return r, true, !r.Off
		}
	}
	return FaultRange{Family: f.Name, Least: f.Least, Most: f.Most}, false, !f.Asked || s.sets(f.Param)
}

// sets reports whether a link of the scenario has a parameter set.
func (s *Scenario) sets(name string) bool {
	return name != "" && slices.ContainsFunc(s.Initial, func(c cells.Change) bool {
		return slices.ContainsFunc(slices.Concat(c.Link.Both, c.Link.AB, c.Link.BA), func(p cells.Param) bool { return p.Name == name })
	})
}

// LinksRead reports whether a condition reads what links count.
func (c *Condition) LinksRead() bool {
	return slices.ContainsFunc(c.Watch, func(w Watch) bool { return w.Link != "" })
}
