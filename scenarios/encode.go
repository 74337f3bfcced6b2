package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Encode writes a scenario as a file, the way a person would: what was drawn is
// a value, what a topology made are cells and links, what all cells or links
// share stands once under defaults. Reading it gives a scenario that goes the
// same way, event by event; studies and places on a picture are left out.
//
// A scenario may be edited before, as long as it still says something that a
// file can say: cells and links come or go in Initial, entries, steps and
// expectations in Timeline and Expect. Set and Options are not looked at.
func Encode(sc *Scenario) ([]byte, error) {
	e := &encoder{sc: sc, ports: inferredPorts(sc)}
	e.share()
	root := mapLeaf()
	root.putText("version", "1")
	root.putText("name", sc.Name)
	if sc.Seed != (des.Seed{}) {
		root.putText("seed", sc.Seed.String())
	}
	if d := e.defaults(); len(d.pairs) > 0 {
		root.put("defaults", d)
	}
	cellMap, linkMap := mapLeaf(), mapLeaf()
	for i := range sc.Initial {
		switch c := &sc.Initial[i]; c.Op {
		case cells.AddCell:
			cellMap.put(string(c.Cell.ID), e.cell(&c.Cell, nil))
		case cells.AddLink:
			linkMap.put(c.Link.Name, e.link(&c.Link, nil))
		default:
			return nil, fmt.Errorf("encode: the first batch: %s: only cells and links are added there", c.Op)
		}
	}
	root.put("cells", cellMap)
	if len(linkMap.pairs) > 0 {
		root.put("links", linkMap)
	}
	line := leaf{kind: 'l'}
	for i := range sc.Timeline {
		list, err := e.action(&sc.Timeline[i])
		if err != nil {
			return nil, fmt.Errorf("encode: %s: %w", sc.Timeline[i].Path, err)
		}
		line.items = append(line.items, list...)
	}
	if len(line.items) > 0 {
		root.put("timeline", line)
	}
	expect := leaf{kind: 'l'}
	for i := range sc.Expect {
		expect.items = append(expect.items, expectLeaf(&sc.Expect[i]))
	}
	if len(expect.items) > 0 {
		root.put("expect", expect)
	}
	if sc.Fails != "" {
		root.putText("fails", sc.Fails)
	}
	if sc.Explore != nil {
		root.put("explore", sc.Explore.leaf())
	}
	root.put("run", runLeaf(&sc.Run))
	return root.document(), nil
}

// document is the whole file: sections over lines, small ones on one.
func (l *leaf) document() []byte {
	var b strings.Builder
	for i := range l.pairs {
		p := &l.pairs[i]
		if p.value.kind == 0 || p.key == "run" || len(p.value.pairs)+len(p.value.items) == 0 {
			p.value.behind(&b, "", quoted(p.key)+":")
			continue
		}
		b.WriteString(p.key + ":\n")
		p.value.lines(&b, "  ")
	}
	return []byte(b.String())
}

type encoder struct {
	sc       *Scenario
	ports    map[cells.ID][]string
	protocol string                   // that of all cells, if it is shared
	shared   map[string][]cells.Param // of all cells of a protocol
	links    []cells.Param            // of all links
}

// shareMin is how many must have the same before it is written once for all.
const shareMin = 4

// share finds what all cells of a protocol, and all links, have in common.
func (e *encoder) share() {
	var all []*cells.CellSpec
	var lines []*cells.LinkSpec
	e.each(func(c *cells.Change) {
		switch c.Op {
		case cells.AddCell:
			all = append(all, &c.Cell)
		case cells.AddLink:
			lines = append(lines, &c.Link)
		}
	})
	e.shared = make(map[string][]cells.Param)
	count := make(map[string]int)
	for _, c := range all {
		if count[c.Protocol]++; count[c.Protocol] == 1 {
			e.shared[c.Protocol] = c.Params
			continue
		}
		e.shared[c.Protocol] = common(e.shared[c.Protocol], c.Params)
	}
	for name, n := range count {
		if n < shareMin {
			delete(e.shared, name)
		} else if n == len(all) {
			e.protocol = name
		}
	}
	if len(lines) < shareMin || slices.ContainsFunc(lines, func(l *cells.LinkSpec) bool { return l.Stream != lines[0].Stream }) {
		return
	}
	e.links = lines[0].Both
	for _, l := range lines[1:] {
		e.links = common(e.links, l.Both)
	}
}

// common are the parameters that both lists have.
func common(a, b []cells.Param) (out []cells.Param) {
	for _, p := range a {
		if slices.Contains(b, p) {
			out = append(out, p)
		}
	}
	return out
}

// each gives every change of the scenario, first batch and timeline.
func (e *encoder) each(f func(*cells.Change)) {
	for i := range e.sc.Initial {
		f(&e.sc.Initial[i])
	}
	for i := range e.sc.Timeline {
		for j := range e.sc.Timeline[i].Steps {
			for k := range e.sc.Timeline[i].Steps[j].Changes {
				f(&e.sc.Timeline[i].Steps[j].Changes[k])
			}
		}
	}
}

// inferredPorts are those that cells have if they declare none.
func inferredPorts(sc *Scenario) map[cells.ID][]string {
	used, seen := make(map[cells.ID][]string), make(map[cells.Endpoint]bool)
	e := encoder{sc: sc}
	e.each(func(c *cells.Change) {
		if c.Op != cells.AddLink {
			return
		}
		for _, end := range []cells.Endpoint{c.Link.A, c.Link.B} {
			if end.Port != "" && !seen[end] {
				seen[end] = true
				used[end.Cell] = append(used[end.Cell], end.Port)
			}
		}
	})
	for _, list := range used {
		slices.SortFunc(list, naturally)
	}
	return used
}

// defaults is what is shared.
func (e *encoder) defaults() leaf {
	d := mapLeaf()
	if e.protocol != "" {
		d.put("cells", mapLeaf(leafPair{"protocol", textLeaf(e.protocol)}))
	}
	by := mapLeaf()
	names := make([]string, 0, len(e.shared))
	for name, list := range e.shared {
		if len(list) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		by.put(name, paramsLeaf(mapLeaf(), e.shared[name], nil))
	}
	if len(by.pairs) > 0 {
		d.put("protocols", by)
	}
	if len(e.links) > 0 {
		d.put("links", linkParamsLeaf(mapLeaf(), e.links, nil))
	}
	return d
}

// paramsLeaf adds parameters to a map, but for those that are shared.
func paramsLeaf(m leaf, list, shared []cells.Param) leaf {
	for _, p := range list {
		if !slices.Contains(shared, p) {
			m.putText(p.Name, p.Value)
		}
	}
	return m
}

// linkParamsLeaf is paramsLeaf with groups: burst: {enter: 1%}.
func linkParamsLeaf(m leaf, list, shared []cells.Param) leaf {
	for _, p := range list {
		if slices.Contains(shared, p) {
			continue
		}
		group, rest, dotted := strings.Cut(p.Name, ".")
		if !dotted || slices.ContainsFunc(list, func(o cells.Param) bool { return o.Name == group }) {
			m.putText(p.Name, p.Value)
			continue
		}
		i := slices.IndexFunc(m.pairs, func(x leafPair) bool { return x.key == group })
		if i < 0 {
			m.put(group, mapLeaf())
			i = len(m.pairs) - 1
		}
		m.pairs[i].value.putText(rest, p.Value)
	}
	return m
}

// cell is a cell as it stands under its name, or behind what is in to.
func (e *encoder) cell(c *cells.CellSpec, to []leafPair) leaf {
	m := mapLeaf(to...)
	if c.Protocol != e.protocol {
		m.putText("protocol", c.Protocol)
	}
	m = paramsLeaf(m, c.Params, e.shared[c.Protocol])
	if !slices.Equal(c.Ports, e.ports[c.ID]) {
		m.put("ports", portsLeaf(c.Ports))
	}
	if c.Clock != (cells.ClockSpec{}) {
		k := mapLeaf()
		if c.Clock.Drift != 0 {
			k.putText("drift", des.FormatDrift(c.Clock.Drift))
		}
		if c.Clock.Offset != 0 {
			k.putText("offset", spanText(c.Clock.Offset.Sub(0)))
		}
		m.put("clock", k)
	}
	return m
}

// portsLeaf is a number where the names are p0, p1, …
func portsLeaf(names []string) leaf {
	l := leaf{kind: 'l'}
	plain := true
	for i, n := range names {
		plain = plain && n == "p"+strconv.Itoa(i)
		l.items = append(l.items, textLeaf(n))
	}
	if plain {
		return textLeaf(strconv.Itoa(len(names)))
	}
	return l
}

// link is a link as it stands under its name, or behind what is in to.
func (e *encoder) link(l *cells.LinkSpec, to []leafPair) leaf {
	m := mapLeaf(to...)
	m.put("between", listLeaf(textLeaf(endText(l.A)), textLeaf(endText(l.B))))
	if l.Stream {
		m.putText("stream", "true")
	}
	return sidesLeaf(m, l, e.links)
}

// sidesLeaf adds what a link has in both directions and in each.
func sidesLeaf(m leaf, l *cells.LinkSpec, shared []cells.Param) leaf {
	m = linkParamsLeaf(m, l.Both, shared)
	for _, side := range []struct {
		name string
		list []cells.Param
	}{{sideName(l, SideAB), l.AB}, {sideName(l, SideBA), l.BA}} {
		if len(side.list) > 0 {
			m.put(side.name, linkParamsLeaf(mapLeaf(), side.list, nil))
		}
	}
	return m
}

// sideName is a direction by its cells, where these are known and two.
func sideName(l *cells.LinkSpec, side Side) string {
	a, b := l.A.Cell, l.B.Cell
	switch {
	case a == "" || a == b:
		return map[Side]string{SideAB: "a->b", SideBA: "b->a"}[side]
	case side == SideBA:
		a, b = b, a
	}
	return fmt.Sprintf("%s->%s", a, b)
}

func endText(e cells.Endpoint) string {
	if e.Port == "" {
		return string(e.Cell)
	}
	return string(e.Cell) + ":" + e.Port
}

func spanText(d time.Duration) string { return des.FormatDuration(int64(d)) }

func timeText(t clock.Time) string { return des.FormatDuration(int64(t)) }

func expectLeaf(x *Expectation) leaf {
	what := x.Property
	if x.Cond != nil {
		what = x.Cond.Text
	}
	m := mapLeaf(leafPair{x.Mode.String(), textLeaf(what)})
	if x.Within > 0 {
		m.putText("within", spanText(x.Within))
	}
	if x.AfterFaults {
		m.putText("after", "faults")
	}
	if x.Name != what {
		m.putText("name", x.Name)
	}
	return m
}

func runLeaf(r *RunSpec) leaf {
	m := mapLeaf(leafPair{"until", textLeaf(timeText(r.Until))})
	if r.Reaction != time.Millisecond {
		m.putText("reaction", spanText(r.Reaction))
	}
	if r.Shuffled {
		m.putText("ties", "shuffled")
	}
	if r.Events != 0 {
		m.putText("events", strconv.FormatUint(r.Events, 10))
	}
	if r.Delta != 0 {
		m.putText("delta", strconv.FormatUint(uint64(r.Delta), 10))
	}
	if r.NoStop {
		m.putText("stop", "never")
	}
	return m
}
