package explore

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// Place is a place of the table: a cell of a role was in a state when an event
// reached it that a fault had touched.
type Place struct {
	Role  string // "abp receiver"
	State string // "expected_bit=1 done=false"
	Event string // "recv", "timer 1", "send", "crash"
	Fault string // "" or what had touched it: dup, ber, loss, cut, …
}

// Compare orders places as the table shows them.
func (p Place) Compare(o Place) int {
	return cmp.Or(strings.Compare(p.Role, o.Role), strings.Compare(p.State, o.State),
		strings.Compare(p.Event, o.Event), strings.Compare(p.Fault, o.Fault))
}

// statesMax bounds the states of a role that are told apart in one world.
const statesMax = 64

// manyStates stands for the states beyond them.
const manyStates = "…"

// coverage collects the places that one world comes to. It is the world's sink.
type coverage struct {
	world  *scenarios.World
	plan   *Plan
	roles  map[cells.ID]string
	attrs  []string // declared; nil for those that look like states
	last   map[string]string
	states map[string]map[string]bool // by role
	seen   map[Place]uint64
	bites  map[string]uint64 // by family, how often a fault bit
	faults map[frameID]string
	now    des.Key
	dirty  string // the cell whose state may have changed since
	buf    []cells.Attr
}

type frameID struct {
	link string
	n    int64
}

// framesMax bounds the frames on their way whose verdict is remembered.
const framesMax = 1 << 16

func newCoverage(sc *scenarios.Scenario, p *Plan, attrs []string) *coverage {
	return &coverage{
		plan: p, roles: repro.Roles(sc), attrs: attrs, last: make(map[string]string), states: make(map[string]map[string]bool),
		seen: make(map[Place]uint64), bites: make(map[string]uint64), faults: make(map[frameID]string),
	}
}

// watch is called with the world before its first event.
func (c *coverage) watch(w *scenarios.World) { c.world = w }

// Record takes one record of the world.
func (c *coverage) Record(r *des.Record) {
	if r.Key != c.now {
		c.settle()
		c.now = r.Key
	}
	switch r.Op {
	case des.OpVerdict:
		c.verdict(r)
		return
	case des.OpState:
		c.stateSet(r)
		return
	case des.OpSend:
		c.sent(r)
		return
	case des.OpPark:
		c.visit(r.Cell, des.Op(r.A).String(), "pause")
	case des.OpTimer:
		c.visit(r.Cell, "timer "+strconv.FormatInt(r.A, 10), "")
	case des.OpRecv:
		c.visit(r.Cell, "recv", c.touched(r))
	case des.OpStart:
		fault := ""
		if r.A > 0 {
			fault = "crash"
		}
		c.visit(r.Cell, "start", fault)
	case des.OpUp, des.OpDown, des.OpDrained, des.OpCommand, des.OpMiss:
		c.visit(r.Cell, r.Op.String(), "")
	default:
		return
	}
	c.dirty = r.Cell
}

func (c *coverage) bite(family string) {
	if family != "" {
		c.bites[family]++
	}
}

// stateSet notes what was done to a cell from outside.
func (c *coverage) stateSet(r *des.Record) {
	what, _, _ := strings.Cut(r.Text, " ")
	switch what {
	case "crash", "pause":
		c.bite(what)
	case "drift", "step", "offset":
		c.bite("clock")
		what = "clock " + what
	}
	c.visit(r.Cell, what, "")
}

// sent notes a frame on a link that holds frames back, or varies their delay.
func (c *coverage) sent(r *des.Record) {
	link := strings.TrimRight(r.Link, "<>")
	for i := range c.plan.Faults {
		f := &c.plan.Faults[i]
		if f.Links != nil && !slices.Contains(f.Links, link) {
			continue
		}
		switch {
		case f.Family == "jitter":
		case f.Family == "hold" && r.Key.Time >= f.At && (f.For == 0 || r.Key.Time < f.At.Add(f.For)):
		default:
			continue
		}
		c.bite(f.Family)
	}
}

// wordFamily is the family of faults behind a word of a verdict.
var wordFamily = map[string]string{
	"drop:loss": "loss", "drop:burst": "burst", "flip": "ber", "dup": "dup", "late": "reorder",
	"refuse": "refuse", "reset": "break", "drop:cut": "cut", "drop:down": "crash",
}

// verdict notes what a link did to a frame: to what is lost at once, to what
// arrives with the frame.
func (c *coverage) verdict(r *des.Record) {
	var met []string
	for word := range strings.FieldsSeq(r.Text) {
		name, _, _ := strings.Cut(word, ":")
		if name == "drop" {
			name = word
		}
		family, ok := wordFamily[name]
		if !ok {
			continue
		}
		c.bite(family)
		if strings.HasPrefix(word, "drop:") {
			c.visit(r.Cell, "send", family)
			return
		}
		if !slices.Contains(met, family) {
			met = append(met, family)
		}
	}
	if len(met) > 0 && len(c.faults) < framesMax {
		c.faults[frameID{r.Link, r.A}] = strings.Join(met, "+")
	}
}

// touched is what a link did to a frame that arrives.
func (c *coverage) touched(r *des.Record) string {
	fault := c.faults[frameID{r.Link, r.A}]
	if r.B == 0 {
		if fault == "dup" {
			return "" // the first of them is as any other
		}
		return fault
	}
	return fault
}

// visit notes a place.
func (c *coverage) visit(cell, event, fault string) {
	role, ok := c.roles[cells.ID(cell)]
	if !ok {
		return
	}
	state, known := c.last[cell]
	if !known {
		state = c.read(cell)
		c.last[cell] = state
	}
	if known := c.states[role]; !known[state] {
		if known == nil {
			known = make(map[string]bool)
			c.states[role] = known
		}
		if len(known) >= statesMax {
			state = manyStates
		} else {
			known[state] = true
		}
	}
	c.seen[Place{role, state, event, fault}]++
}

// settle reads the state of the cell whose event is over.
func (c *coverage) settle() {
	if c.dirty != "" {
		c.last[c.dirty] = c.read(c.dirty)
		c.dirty = ""
	}
}

// read is a cell's state, as far as it is declared.
func (c *coverage) read(cell string) string {
	ref, ok := c.world.Host().Find(cells.ID(cell))
	if !ok {
		return ""
	}
	if c.world.Host().Run(ref) != cells.Running {
		return c.world.Host().Run(ref).String()
	}
	c.buf = c.world.Host().AppendState(ref, c.buf[:0])
	var b strings.Builder
	for i := range c.buf {
		a := &c.buf[i]
		if !c.counts(a) {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		switch {
		case a.Is == cells.IsBool && a.Int != 0:
			b.WriteString(a.Name)
		case a.Is == cells.IsBool:
			b.WriteString("not-" + a.Name)
		case a.Is == cells.IsText:
			b.WriteString(a.Name + "=" + a.Text)
		default:
			b.WriteString(a.Name + "=" + strconv.FormatInt(a.Int, 10))
		}
	}
	return b.String()
}

// counts reports whether an attribute is part of a cell's state. Where nothing
// is declared, these are its bits, and what is called a state.
func (c *coverage) counts(a *cells.Attr) bool {
	if c.attrs != nil {
		return slices.Contains(c.attrs, a.Name)
	}
	switch a.Is {
	case cells.IsBool:
		return a.Name != "root"
	case cells.IsInt:
		return a.Name == "bit" || strings.HasSuffix(a.Name, "_bit")
	}
	return a.Name == "state" || strings.HasPrefix(a.Name, "state.") || strings.HasSuffix(a.Name, ".state")
}

// places are what the world came to, in their order.
func (c *coverage) places() []Place {
	list := make([]Place, 0, len(c.seen))
	for p := range c.seen {
		list = append(list, p)
	}
	slices.SortFunc(list, Place.Compare)
	return list
}
