package scenarios

import (
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
	"example.com/dsim/scenarios/internal/yamlx"
	"example.com/dsim/scenarios/topology"
)

// Place is where a picture has a cell that a topology made.
type Place struct {
	Cell cells.ID
	Kind string // what it is in the topology: "edge", "leaf", …
	X, Y int64  // to the right, downward; neighbours of regular graphs are topology.Step apart
}

// generated is a graph of the file, with what its cells and links take from it.
type generated struct {
	at    *yamlx.Node // the topology
	what  string
	graph *topology.Graph
	cells kindLayers
	links kindLayers
}

// kindLayers are the layers that a topology has for its cells, or its links:
// for all, and for those of a kind.
type kindLayers struct {
	all    []layer
	byKind map[string][]layer
}

func (k kindLayers) of(kind string) []layer {
	return slices.Concat(k.all, k.byKind[kind])
}

// made is a node or a link of a topology.
type made struct {
	in *generated
	i  int
}

// topologies makes the graphs of the file, before any cell is decoded.
func (d *decoder) topologies(n *yamlx.Node) {
	if n == nil {
		return
	}
	for i, item := range one(n) {
		path := "topology"
		if n.Kind == yamlx.List {
			path = entryPath("topology", i, item)
		}
		if !d.object(item, path, topologyFields) {
			continue
		}
		if g := d.graph(item, path); g != nil {
			d.takeIn(&generated{at: item, what: path, graph: g, cells: d.topologyCells(item, path, g), links: d.topologyLinks(item, path, g)})
		}
	}
}

// graph makes the one graph that a topology asks for; nil if it cannot be made.
func (d *decoder) graph(n *yamlx.Node, path string) *topology.Graph {
	var given []yamlx.Pair
	for _, p := range n.Pairs {
		if p.Key.Text == "edges" || generator(p.Key.Text) != nil {
			given = append(given, p)
		}
	}
	if len(given) != 1 {
		if len(given) == 0 {
			d.errorf(n, "%s: which? one of %s is missing", path, strings.Join(shapeWords(), ", "))
		} else {
			d.errorf(given[1].Key, "%s: %s and %s: one of them", path, given[0].Key.Text, given[1].Key.Text)
		}
		return nil
	}
	var g *topology.Graph
	key, value := given[0].Key, given[0].Value
	if value.IsNull() {
		return nil // complained about where its key was checked
	}
	if key.Text == "edges" {
		g = d.edges(value)
	} else {
		g = d.generate(generator(key.Text), value, path)
	}
	prefix := n.Get("prefix")
	if g == nil || prefix == nil {
		return g
	}
	text, ok := d.plain(prefix, "prefix")
	if !ok {
		return nil
	}
	g, err := g.Prefixed(text)
	if err != nil {
		d.errorf(prefix, "prefix %s: %v", suggest.Quoted(text), err)
		return nil
	}
	return g
}

func generator(name string) *topology.Generator {
	list := topology.Generators()
	i := slices.IndexFunc(list, func(g topology.Generator) bool { return g.Name == name })
	if i < 0 {
		return nil
	}
	return &list[i]
}

func shapeWords() (words []string) {
	for _, g := range topology.Generators() {
		words = append(words, g.Name)
	}
	return append(words, "edges")
}

// generate reads the numbers of a generator, {rows: 3, cols: 4}, or the number
// of one that has no more, and makes its graph.
func (d *decoder) generate(gen *topology.Generator, n *yamlx.Node, path string) *topology.Graph {
	before := d.errs.told
	where := path + "." + gen.Name
	values := make([]int64, len(gen.Params))
	if n.Kind != yamlx.Map || distributionOf(n) != nil {
		p := gen.Params[0]
		if len(gen.Params) > 1 {
			d.errorf(n, "%s: want a map with %s", gen.Name, strings.Join(keysOfFields(generatorFields(gen)), ", "))
			return nil
		}
		values[0], _ = d.count(n, where, p.Min, p.Max)
	} else if d.object(n, gen.Name, generatorFields(gen)) {
		for i, p := range gen.Params {
			v, or := n.Get(p.Name), n.Get(p.Or)
			switch {
			case p.Or != "" && v != nil && or != nil && p.Name < p.Or: // once for the two
				d.errorf(n.Key(p.Name), "%s: %s and %s: one of them", gen.Name, p.Name, p.Or)
			case p.Or != "" && v == nil && or == nil:
				d.errorf(n, "%s: one of %s, %s is missing", gen.Name, p.Name, p.Or)
				return nil
			case v == nil:
				values[i] = -1
			default:
				values[i], _ = d.count(v, where+"."+p.Name, p.Min, p.Max)
			}
		}
	}
	if d.errs.told > before {
		return nil
	}
	g, err := gen.Make(values, d.seed, path)
	if err != nil {
		d.errorf(n, "%v", err)
		return nil
	}
	return g
}

// edges reads a list of edges: of its lines, or a text of them.
func (d *decoder) edges(n *yamlx.Node) *topology.Graph {
	var lines []string
	for _, item := range one(n) {
		text, ok := d.plain(item, "edges")
		if !ok {
			return nil
		}
		lines = append(lines, text)
	}
	g, err := topology.Read("edges", strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		d.errorf(n, "%v", err)
		return nil
	}
	return g
}

// takeIn notes what a graph is made of, under its names.
func (d *decoder) takeIn(t *generated) {
	for i := range t.graph.Nodes {
		id := cells.ID(t.graph.Nodes[i].Name)
		if other, taken := d.nodes[id]; taken {
			d.errorf(t.at, "%s: cell %s: %s has one of the name; give one of them a prefix", t.what, id, other.in.what)
			return
		}
		d.nodes[id] = made{t, i}
	}
	for i := range t.graph.Links {
		name := t.graph.Links[i].Name
		if other, taken := d.edgesOf[name]; taken {
			d.errorf(t.at, "%s: link %s: %s has one of the name; give one of them a prefix", t.what, name, other.in.what)
			return
		}
		d.edgesOf[name] = made{t, i}
	}
	d.generated = append(d.generated, t)
	d.layout(t)
}

// layout places the cells of a graph to the right of those before.
func (d *decoder) layout(t *generated) {
	shift, left := int64(0), int64(0)
	for _, p := range d.places {
		shift = max(shift, p.X+2*topology.Step)
	}
	for _, n := range t.graph.Nodes {
		left = min(left, n.X)
	}
	if len(d.places) > 0 {
		shift -= left
	}
	for _, n := range t.graph.Nodes {
		d.places = append(d.places, Place{cells.ID(n.Name), n.Kind, n.X + shift, n.Y})
	}
}

var (
	topologyCellKeys = []string{"protocol", "kind", "clock"}
	topologyLinkKeys = []string{"stream", "kind"}
)

// topologyCells gives the layers for the cells of a topology.
func (d *decoder) topologyCells(n *yamlx.Node, path string, g *topology.Graph) kindLayers {
	var kinds []string
	for i := range g.Nodes {
		kinds = appendKind(kinds, g.Nodes[i].Kind)
	}
	k := d.kindLayers(n, path, "cells", "kinds", topologyCellKeys, kinds)
	for _, layers := range k.byKind {
		if topmost(layers, "protocol") != nil {
			for i := range k.all {
				k.all[i].loose = true // some of it may be for cells of the other protocol
			}
		}
	}
	return k
}

// topologyLinks gives the layers for the links of a topology.
func (d *decoder) topologyLinks(n *yamlx.Node, path string, g *topology.Graph) kindLayers {
	var kinds []string
	for i := range g.Links {
		kinds = appendKind(kinds, g.Links[i].Kind)
	}
	return d.kindLayers(n, path, "links", "link-kinds", topologyLinkKeys, kinds)
}

func appendKind(list []string, kind string) []string {
	if slices.Contains(list, kind) {
		return list
	}
	return append(list, kind)
}

// kindLayers reads the map for all cells, or links, of a topology, and those
// for their kinds.
func (d *decoder) kindLayers(n *yamlx.Node, path, section, perKind string, fixed, kinds []string) kindLayers {
	k := kindLayers{byKind: make(map[string][]layer)}
	k.all = d.topologyLayer(n.Get(section), path+"."+section, section, fixed)
	by := n.Get(perKind)
	if by == nil || by.IsNull() {
		return k
	}
	if by.Kind != yamlx.Map {
		d.errorf(by, "%s.%s: want a map, this is %s", path, perKind, by.Kind)
		return k
	}
	for _, p := range by.Pairs {
		if !slices.Contains(kinds, p.Key.Text) && !d.sometimes(n, perKind, p.Key.Text) {
			d.errorf(p.Key, "%s.%s: the topology has no %s%s", path, perKind, suggest.Quoted(p.Key.Text), suggest.Hint(p.Key.Text, kinds))
			continue
		}
		k.byKind[p.Key.Text] = d.topologyLayer(p.Value, path+"."+perKind+"."+p.Key.Text, section, fixed)
	}
	return k
}

// sometimes reports whether a graph as a topology asks for may have a kind,
// even if this one has not: a random graph need not have a bridge, and a small
// grid has no cell inside.
func (d *decoder) sometimes(n *yamlx.Node, perKind, kind string) bool {
	for _, p := range n.Pairs {
		if g := generator(p.Key.Text); g != nil {
			return perKind == "kinds" && slices.Contains(g.NodeKinds, kind) || perKind == "link-kinds" && slices.Contains(g.LinkKinds, kind)
		}
	}
	return false
}

// topologyLayer is a map of a topology, after the kind it takes from.
func (d *decoder) topologyLayer(n *yamlx.Node, what, section string, fixed []string) []layer {
	switch {
	case n == nil || n.IsNull():
		return nil
	case n.Kind != yamlx.Map:
		d.errorf(n, "%s: want a map, this is %s", what, n.Kind)
		return nil
	}
	var layers []layer
	if k := n.Get("kind"); k != nil {
		layers = d.chain(section, k)
	}
	return append(layers, layer{node: n, what: what, general: true, fixed: fixed})
}

// generatedCells decodes the cells of topologies that the file does not name.
// Those of a kind are alike but for their names, unless something is drawn.
func (d *decoder) generatedCells() {
	for _, t := range d.generated {
		alike := make(map[string]*cellDecl)
		for i := range t.graph.Nodes {
			node := &t.graph.Nodes[i]
			id := cells.ID(node.Name)
			if d.cells[id] != nil {
				continue
			}
			decl := alike[node.Kind]
			if decl == nil {
				nothing := &yamlx.Node{Pos: t.at.Pos, Kind: yamlx.Map}
				layers := t.cells.of(node.Kind)
				decl = d.cell(t.at, nothing, id, "cells."+node.Name, initialCellKeys, &made{t, i})
				decl.initial = true
				set := d.kinds["cells"]
				if !anyDrawn(layers) && !hasDraw(set.defaults) && !hasDraw(set.byProto.Get(decl.spec.Protocol)) {
					alike[node.Kind] = decl
				}
			} else {
				copied := *decl
				copied.spec.ID = id
				decl = &copied
			}
			d.cells[id] = decl
		}
	}
}

// generatedLinks decodes the links of topologies that the file does not name.
func (d *decoder) generatedLinks(named *yamlx.Node, used map[cells.Endpoint]string) {
	for _, t := range d.generated {
		alike := make(map[string]*linkDecl)
		for i := range t.graph.Links {
			link := &t.graph.Links[i]
			if named.Get(link.Name) != nil {
				continue
			}
			decl := alike[link.Kind]
			if decl == nil {
				nothing := &yamlx.Node{Pos: t.at.Pos, Kind: yamlx.Map}
				decl = d.link(t.at, nothing, link.Name, "links."+link.Name, initialLinkKeys, &made{t, i})
				decl.initial = true
				if !anyDrawn(t.links.of(link.Kind)) && !hasDraw(d.kinds["links"].defaults) {
					alike[link.Kind] = decl
				}
			} else {
				copied := *decl
				copied.spec.Name = link.Name
				d.ends(&copied, &made{t, i})
				decl = &copied
			}
			d.links[link.Name] = decl
			if decl.sound && !decl.spec.Stream {
				used[decl.spec.A], used[decl.spec.B] = link.Name, link.Name
			}
		}
	}
}

// ends gives a link of a topology its ends.
func (d *decoder) ends(decl *linkDecl, m *made) {
	decl.sound = true
	for side, end := range m.in.graph.Links[m.i].Ends {
		e := cells.Endpoint{Cell: cells.ID(m.in.graph.Nodes[end.Node].Name)}
		if !decl.spec.Stream {
			e.Port = end.PortName()
			if c := d.cells[e.Cell]; c != nil && c.fixed && !slices.Contains(c.spec.Ports, e.Port) {
				d.errorf(decl.node, "%s: link %s: cell %s has no port %s%s", m.in.what, decl.spec.Name, e.Cell, e.Port, suggest.Hint(e.Port, c.spec.Ports))
				decl.sound = false
			}
		}
		if side == 0 {
			decl.spec.A = e
		} else {
			decl.spec.B = e
		}
	}
}

func anyDrawn(layers []layer) bool {
	return slices.ContainsFunc(layers, func(l layer) bool { return hasDraw(l.node) })
}

// hasDraw reports whether a value is drawn, here or below.
func hasDraw(n *yamlx.Node) bool {
	if n == nil {
		return false
	}
	return distributionOf(n) != nil || slices.ContainsFunc(n.Pairs, func(p yamlx.Pair) bool { return hasDraw(p.Value) }) ||
		slices.ContainsFunc(n.Items, hasDraw)
}
