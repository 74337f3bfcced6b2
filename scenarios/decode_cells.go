package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/des/suggest"
	"example.com/dsim/scenarios/internal/expr"
	"example.com/dsim/scenarios/internal/yamlx"
)

// kindSet are the kinds of cells, or of links.
type kindSet struct {
	defaults *yamlx.Node // what holds for all
	nodes    *yamlx.Node // the kinds by name
	byProto  *yamlx.Node // cells: what holds for all of a protocol
}

// decodeKinds takes in defaults and kinds, and checks what can be checked of
// those that nobody uses.
func (d *decoder) decodeKinds(root *yamlx.Node) {
	for _, section := range []struct {
		key    string
		fields []field
	}{{"defaults", defaultsFields}, {"kinds", kindsFields}} {
		n := root.Get(section.key)
		if n == nil || !d.object(n, section.key, section.fields) {
			continue
		}
		for _, p := range n.Pairs {
			if p.Value.Kind != yamlx.Map && !p.Value.IsNull() {
				d.errorf(p.Value, "%s.%s: want a map, this is %s", section.key, p.Key.Text, p.Value.Kind)
			}
		}
	}
	defaults, kinds := root.Get("defaults"), root.Get("kinds")
	*d.kinds["cells"] = kindSet{asMap(defaults.Get("cells")), asMap(kinds.Get("cells")), asMap(defaults.Get("protocols"))}
	*d.kinds["links"] = kindSet{asMap(defaults.Get("links")), asMap(kinds.Get("links")), nil}
	if n := d.kinds["cells"].defaults; n != nil {
		d.object(n, "defaults.cells", defaultCellFields)
	}
	if n := d.kinds["links"].defaults; n != nil {
		d.linkParams(nil, []layer{{node: n, what: "defaults.links", excuse: true}}, "defaults.links", nil)
	}
	if n := d.kinds["cells"].byProto; n != nil {
		for _, p := range n.Pairs {
			if proto := d.protocol(p.Key, p.Key.Text); proto != nil {
				d.cellKeys(p.Value, "defaults.protocols."+p.Key.Text, proto, nil)
			}
		}
	}
	for _, which := range []string{"cells", "links"} {
		set := d.kinds[which]
		if set.nodes == nil {
			continue
		}
		for _, p := range set.nodes.Pairs {
			d.name(p.Key, "kind")
			what := "kinds." + which + "." + p.Key.Text
			if p.Value.Kind != yamlx.Map {
				d.errorf(p.Value, "%s: want a map, this is %s", what, p.Value.Kind)
				continue
			}
			layers := d.chain(which, p.Key)
			if which == "links" {
				d.linkParams(nil, layers, what, nil)
				continue
			}
			var proto *protocol
			if n := topmost(layers, "protocol"); n != nil {
				if text, ok := d.plain(n, "protocol"); ok {
					proto = d.protocol(n, text)
				}
				if proto == nil {
					continue
				}
			}
			d.cellKeys(p.Value, what, proto, kindCellKeys)
			d.clock(layers, what)
		}
	}
}

func asMap(n *yamlx.Node) *yamlx.Node {
	if n == nil || n.Kind != yamlx.Map {
		return nil
	}
	return n
}

// layer is one of the maps that a cell or link is made of: later ones are
// stronger.
type layer struct {
	node    *yamlx.Node
	what    string
	excuse  bool     // defaults: what does not apply is passed over
	general bool     // it knows no cells by name: kinds, topologies
	loose   bool     // parameters of any protocol may stand there
	fixed   []string // the keys that are no parameters
}

// chain gives the layers of a kind, its ancestors first. A chain that is not
// sound is cut where it is not.
func (d *decoder) chain(which string, name *yamlx.Node) []layer {
	set := d.kinds[which]
	var layers []layer
	var names []string
	for at := name; ; {
		text, ok := d.plain(at, "kind")
		if !ok {
			break
		}
		if i := slices.Index(names, text); i >= 0 {
			// The cycle is told once, where its first name in the order of the
			// alphabet extends.
			cycle := append(slices.Clone(names[i:]), text)
			if text == slices.Min(names[i:]) {
				d.errorf(at, "kind %s: extends itself: %s", text, strings.Join(cycle, " -> "))
			}
			break
		}
		if names = append(names, text); len(names) > kindsMax {
			d.errorf(at, "kind %s: more than %d kinds extend each other", text, kindsMax)
			break
		}
		node := set.nodes.Get(text)
		if node == nil {
			var choices []string
			if set.nodes != nil {
				choices = keysOf(set.nodes)
			}
			d.errorf(at, "no kind of %s %s%s", which, suggest.Quoted(text), suggest.Hint(text, choices))
			break
		}
		if node.Kind != yamlx.Map {
			break
		}
		layers = append(layers, layer{node: node, what: "kinds." + which + "." + text, general: true, fixed: kindKeys[which]})
		if at = node.Get("extends"); at == nil {
			break
		}
	}
	slices.Reverse(layers)
	return layers
}

// topmost is the value of a key in the strongest layer that has it.
func topmost(layers []layer, key string) *yamlx.Node {
	for i := len(layers) - 1; i >= 0; i-- {
		if n := layers[i].node.Get(key); n != nil {
			return n
		}
	}
	return nil
}

// protocol finds a protocol, or says that there is none.
func (d *decoder) protocol(at *yamlx.Node, name string) *protocol {
	p := d.reg.protocol(name)
	if p == nil {
		d.errorf(at, "no protocol %s%s", suggest.Quoted(name), suggest.Hint(name, d.reg.protocolNames()))
	}
	return p
}

// cellKeys checks the keys of a map of a cell; without a protocol any
// protocol's parameters are allowed.
func (d *decoder) cellKeys(n *yamlx.Node, what string, proto *protocol, fixed []string) {
	if n.Kind != yamlx.Map {
		d.errorf(n, "%s: want a map, this is %s", what, n.Kind)
		return
	}
	allowed := slices.Clone(fixed)
	if proto != nil {
		allowed = append(allowed, proto.names...)
	} else {
		for _, name := range d.reg.protocolNames() {
			allowed = append(allowed, d.reg.protocol(name).names...)
		}
	}
	for _, p := range n.Pairs {
		switch {
		case p.Key.Text == "count" && slices.Contains(fixed, "protocol"):
			d.errorf(p.Key, "%s: count: cells are written one by one in version 1", what)
		case !slices.Contains(allowed, p.Key.Text):
			of := ""
			if proto != nil {
				of = " of protocol " + proto.Name
			}
			d.errorf(p.Key, "%s: unknown key %s%s%s", what, suggest.Quoted(p.Key.Text), of, suggest.Hint(p.Key.Text, allowed))
		case p.Value.IsNull():
			d.errorf(p.Key, "%s: %s has no value", what, p.Key.Text)
		}
	}
}

// cellDecl is a cell as declared, at the start or by add-cell.
type cellDecl struct {
	node    *yamlx.Node
	spec    cells.CellSpec
	proto   *protocol
	made    cells.Protocol // nil if the declaration has errors
	fixed   bool           // the ports are declared
	initial bool
}

func (d *decoder) decodeCells(n *yamlx.Node) {
	defer d.generatedCells()
	if n == nil {
		return
	}
	if n.Kind != yamlx.Map || len(n.Pairs) == 0 {
		d.errorf(n, "cells: want a map with at least one cell")
		return
	}
	for _, p := range n.Pairs {
		name, ok := d.name(p.Key, "cell")
		if !ok {
			continue
		}
		if name == "all" {
			d.errorf(p.Key, `cell "all": the name is taken: it means all cells`)
		}
		var from *made
		if m, ok := d.nodes[cells.ID(name)]; ok {
			from = &m
		}
		decl := d.cell(p.Key, p.Value, cells.ID(name), "cells."+name, initialCellKeys, from)
		decl.initial = true
		d.cells[decl.spec.ID] = decl
	}
}

var (
	kindCellKeys    = []string{"extends", "protocol", "ports", "clock"}
	kindKeys        = map[string][]string{"cells": kindCellKeys, "links": kindLinkKeys}
	initialCellKeys = []string{"protocol", "kind", "ports", "clock"}
	addCellKeys     = []string{"name", "protocol", "kind", "ports", "clock"}
)

// cell decodes a cell, from a topology if that has made it. What comes back has
// a name at least.
func (d *decoder) cell(key, n *yamlx.Node, id cells.ID, path string, fixed []string, from *made) *cellDecl {
	decl := &cellDecl{node: key, spec: cells.CellSpec{ID: id}}
	what := fmt.Sprintf("cell %s", id)
	if n.Kind != yamlx.Map {
		d.errorf(n, "%s: want a map such as {protocol: %s}, this is %s", what, cmp.Or(firstOf(d.reg.protocolNames()), "NAME"), n.Kind)
		return decl
	}
	before := d.errs.told
	set := d.kinds["cells"]
	var layers []layer
	if set.defaults != nil {
		layers = append(layers, layer{node: set.defaults, what: "defaults.cells", excuse: true})
	}
	var kinds []layer
	if from != nil {
		kinds = from.in.cells.of(from.in.graph.Nodes[from.i].Kind)
		if len(n.Pairs) == 0 {
			what = from.in.what // not a cell's own name: what is wrong is wrong with all
		}
	}
	if k := n.Get("kind"); k != nil {
		kinds = append(kinds, d.chain("cells", k)...)
	}
	own := append(slices.Clone(kinds), layer{node: n, what: what})
	protoAt := topmost(append(slices.Clone(layers), own...), "protocol")
	if protoAt == nil {
		if d.cellKeys(n, what, nil, fixed); d.errs.told == before {
			d.errorf(n, "%s: protocol is missing%s", what, suggest.Hint("", d.reg.protocolNames()))
		}
		return decl
	}
	name, ok := d.plain(protoAt, "protocol")
	if !ok {
		return decl
	}
	if decl.proto = d.protocol(protoAt, name); decl.proto == nil {
		return decl
	}
	decl.spec.Protocol = name
	if by := asMap(set.byProto.Get(name)); by != nil {
		layers = append(layers, layer{node: by, what: "defaults.protocols." + name, excuse: true})
	}
	layers = append(layers, own...)
	for _, l := range kinds {
		proto := decl.proto
		if l.loose {
			proto = nil
		}
		d.cellKeys(l.node, l.what, proto, l.fixed)
	}
	d.cellKeys(n, what, decl.proto, fixed)
	decl.spec.Params = d.cellParams(decl.proto, layers, path)
	decl.spec.Clock = d.clock(layers, path)
	if ports := topmost(layers, "ports"); ports != nil {
		decl.fixed = true
		decl.spec.Ports = d.ports(ports, path+".ports")
	}
	if d.errs.told > before {
		return decl
	}
	made, err := decl.proto.make(decl.spec.Params)
	if err != nil {
		d.errorf(n, "%s: %v", what, err)
		return decl
	}
	decl.made = made
	return decl
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// cellParams gives the parameters that are set, in the order of the
// protocol's Config.
func (d *decoder) cellParams(proto *protocol, layers []layer, path string) (out []cells.Param) {
	cfg := proto.config()
	for i := range proto.params {
		x := &proto.params[i]
		n := topmost(layers, x.name)
		if n == nil || n.IsNull() {
			continue
		}
		text, ok := d.listText(n, path+"."+x.name, x)
		if !ok {
			continue
		}
		if err := x.check(cfg, text); err != nil {
			d.errorf(n, "%v", err)
			continue
		}
		out = append(out, cells.Param{Name: x.name, Value: text})
	}
	return out
}

func (p *protocol) config() any {
	if p.Config == nil {
		return nil
	}
	return p.Config()
}

// listText is the text of a parameter: of a list, its words with commas.
func (d *decoder) listText(n *yamlx.Node, path string, x *param) (string, bool) {
	if !x.list || n.Kind != yamlx.List {
		return d.text(n, path, x.kind)
	}
	var words []string
	for i, item := range n.Items {
		w, ok := d.text(item, fmt.Sprintf("%s[%d]", path, i), x.kind)
		if ok && strings.Contains(w, ",") {
			d.errorf(item, "%s %s: a word of a list has no comma", x.name, suggest.Quoted(w))
			ok = false
		}
		if !ok {
			return "", false
		}
		words = append(words, w)
	}
	return strings.Join(words, ","), true
}

// clock decodes a cell's own clock: each key from the strongest layer that
// has it.
func (d *decoder) clock(layers []layer, path string) (c cells.ClockSpec) {
	for _, l := range layers {
		n := l.node.Get("clock")
		if n == nil || n.IsNull() || !d.object(n, "clock", clockFields) {
			continue
		}
		if v := n.Get("drift"); v != nil {
			c.Drift, _ = d.drift(v, path+".clock.drift")
		}
		if v := n.Get("offset"); v != nil {
			t, _ := d.span(v, path+".clock.offset", -spanMax)
			c.Offset = clock.Time(t)
		}
	}
	return c
}

const spanMax = 100 * 365 * 24 * 3600 * 1_000_000_000

func (d *decoder) drift(n *yamlx.Node, path string) (clock.Drift, bool) {
	return parsed(d, n, path, drift, func(s string) (clock.Drift, error) {
		v, err := des.ParseDrift(s)
		if err == nil && (v > clock.DriftMax || v < -clock.DriftMax) {
			err = fmt.Errorf("%s: must lie between %s and %s", suggest.Quoted(s), des.FormatDrift(-clock.DriftMax), des.FormatDrift(clock.DriftMax))
		}
		return v, err
	})
}

// portsMax bounds the static ports of a cell, portsTotal those of all that
// only give their number, kindsMax how many kinds extend each other.
const (
	portsMax   = 4096
	portsTotal = 1 << 20
	kindsMax   = 32
)

// ports decodes a list of names, or a number of ports p0, p1, …
func (d *decoder) ports(n *yamlx.Node, path string) (names []string) {
	if n.Kind != yamlx.List {
		k, _ := d.count(n, path, 0, portsMax)
		if d.numbered += k; d.numbered > portsTotal {
			d.errorf(n, "ports: more than %d in all cells", portsTotal)
			return nil
		}
		for i := range k {
			names = append(names, fmt.Sprintf("p%d", i))
		}
		return names
	}
	if len(n.Items) > portsMax {
		d.errorf(n, "ports: %d of them, at most %d", len(n.Items), portsMax)
		return nil
	}
	seen := make(map[string]bool)
	for _, item := range n.Items {
		name, ok := d.name(item, "port")
		if ok && seen[name] {
			d.errorf(item, "port %s: is in the list twice", name)
		}
		seen[name] = true
		names = append(names, name)
	}
	return names
}

// assignPorts gives cells that declare no ports those that links use, in the
// order of names with numbers in them read as numbers: so a new link does not
// renumber the ports of others, as long as its ports come after theirs.
func (d *decoder) assignPorts() {
	used, seen := make(map[cells.ID][]string), make(map[cells.Endpoint]bool)
	for _, l := range d.allLinks() {
		for _, e := range []cells.Endpoint{l.spec.A, l.spec.B} {
			if e.Port != "" && !seen[e] {
				seen[e] = true
				used[e.Cell] = append(used[e.Cell], e.Port)
			}
		}
	}
	for _, c := range d.allCells() {
		if !c.fixed {
			c.spec.Ports = used[c.spec.ID]
			slices.SortFunc(c.spec.Ports, naturally)
		}
	}
}

// naturally orders names so that p2 is before p10.
func naturally(a, b string) int {
	digits := func(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }
	for x, y := a, b; x != "" && y != ""; {
		if i, j := digits(x), digits(y); i > 0 && j > 0 {
			m, n := strings.TrimLeft(x[:i], "0"), strings.TrimLeft(y[:j], "0")
			if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
				return c
			}
			x, y = x[i:], y[j:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// allCells are the cells declared at the start in the order of names, then
// those of the timeline in the order of the file.
func (d *decoder) allCells() []*cellDecl {
	var list []*cellDecl
	for _, c := range d.cells {
		if c.initial {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *cellDecl) int { return cmp.Compare(a.spec.ID, b.spec.ID) })
	return append(list, d.lateCells...)
}

// cellNames are the names that anything in the file gives to cells.
func (d *decoder) cellNames() (names []string) {
	for id := range d.cells {
		names = append(names, string(id))
	}
	slices.Sort(names)
	return names
}

// cellRef is the name of a cell there is, at some time.
func (d *decoder) cellRef(n *yamlx.Node, what string) (cells.ID, bool) {
	name, ok := d.plain(n, what)
	if !ok {
		return "", false
	}
	if d.cells[cells.ID(name)] == nil {
		d.errorf(n, "no cell %s%s", suggest.Quoted(name), suggest.Hint(name, d.cellNames()))
		return "", false
	}
	return cells.ID(name), true
}

// makeScope says what conditions can speak of.
func (d *decoder) makeScope() {
	d.scope = &expr.Scope{Counters: counterNames()}
	seen := make(map[string]bool)
	for _, c := range d.allCells() {
		name := string(c.spec.ID)
		if seen[name] {
			continue
		}
		seen[name] = true
		if c.made == nil {
			d.scope.Cells = append(d.scope.Cells, expr.Cell{Name: name, Open: true})
			continue
		}
		d.scope.Cells = append(d.scope.Cells, c.proto.scope(name, c.made))
	}
	slices.SortFunc(d.scope.Cells, func(a, b expr.Cell) int { return strings.Compare(a.Name, b.Name) })
	clear(seen)
	for _, l := range d.allLinks() {
		if !seen[l.spec.Name] {
			seen[l.spec.Name] = true
			d.scope.Links = append(d.scope.Links, expr.Link{Name: l.spec.Name, A: string(l.spec.A.Cell), B: string(l.spec.B.Cell)})
		}
	}
	slices.SortFunc(d.scope.Links, func(a, b expr.Link) int { return strings.Compare(a.Name, b.Name) })
}

// initial is the first batch.
func (d *decoder) initial() []cells.Change {
	var batch []cells.Change
	for _, c := range d.allCells() {
		if c.initial {
			batch = append(batch, cells.Change{Op: cells.AddCell, Cell: c.spec})
		}
	}
	for _, l := range d.allLinks() {
		if l.initial {
			batch = append(batch, cells.Change{Op: cells.AddLink, Link: l.spec})
		}
	}
	return batch
}
