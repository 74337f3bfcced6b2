package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
	"example.com/dsim/links"
	"example.com/dsim/scenarios/internal/yamlx"
)

// linkKeys are the keys of a link, a kind of links or an action on a link that
// are not parameters.
var (
	initialLinkKeys = []string{"between", "stream", "kind"}
	addLinkKeys     = []string{"name", "between", "stream", "kind"}
	kindLinkKeys    = []string{"extends", "stream"}
	setLinkKeys     = []string{"link"}
)

// linkDecl is a link as declared, at the start or by add-link.
type linkDecl struct {
	node    *yamlx.Node
	spec    cells.LinkSpec
	sound   bool // both ends are known
	initial bool
}

// side is the direction with a name: "alice->bob" by the cells at the ends,
// "alice:p0->bob:p1", or "a->b" and "b->a" by the order of the ends.
func (l *linkDecl) side(text string) (Side, error) {
	a, b := l.spec.A, l.spec.B
	forward, back := fmt.Sprintf("%s->%s", a.Cell, b.Cell), fmt.Sprintf("%s->%s", b.Cell, a.Cell)
	text = strings.ReplaceAll(text, " ", "")
	switch {
	case text == forward && a.Cell == b.Cell:
		return 0, fmt.Errorf("direction %s: both ends are on one cell; write a->b or b->a", suggest.Quoted(text))
	case text == forward || text == a.String()+"->"+b.String():
		return SideAB, nil
	case text == back || text == b.String()+"->"+a.String():
		return SideBA, nil
	case text == "a->b":
		return SideAB, nil
	case text == "b->a":
		return SideBA, nil
	}
	return 0, fmt.Errorf("link %s has no direction %s; one of %s, %s, a->b, b->a", l.spec.Name, suggest.Quoted(text), forward, back)
}

func (d *decoder) decodeLinks(n *yamlx.Node) {
	used := make(map[cells.Endpoint]string)
	d.generatedLinks(n, used)
	if n == nil {
		return
	}
	if n.Kind != yamlx.Map {
		d.errorf(n, "links: want a map, this is %s", n.Kind)
		return
	}
	for _, p := range n.Pairs {
		name, ok := d.name(p.Key, "link")
		if !ok {
			continue
		}
		if name == "all" {
			d.errorf(p.Key, `link "all": the name is taken: it means all links`)
		}
		var from *made
		if m, ok := d.edgesOf[name]; ok {
			from = &m
		}
		decl := d.link(p.Key, p.Value, name, "links."+name, initialLinkKeys, from)
		decl.initial = true
		d.links[name] = decl
		ends := p.Value.Get("between")
		if !decl.sound || decl.spec.Stream {
			continue
		}
		for i, e := range []cells.Endpoint{decl.spec.A, decl.spec.B} {
			if other, taken := used[e]; taken {
				at := p.Key
				if ends != nil {
					at = ends.Items[i]
				}
				d.errorf(at, "port %s: link %s uses it already", e, other)
			}
			used[e] = name
		}
	}
}

// link decodes a link, from a topology if that has made it. What comes back has
// a name at least.
func (d *decoder) link(key, n *yamlx.Node, name, path string, fixed []string, from *made) *linkDecl {
	decl := &linkDecl{node: key, spec: cells.LinkSpec{Name: name}}
	what := "link " + name
	if n.Kind != yamlx.Map {
		d.errorf(n, "%s: want a map such as {between: [alice:p0, bob:p0]}, this is %s", what, n.Kind)
		return decl
	}
	var layers []layer
	if def := d.kinds["links"].defaults; def != nil {
		layers = append(layers, layer{node: def, what: "defaults.links", excuse: true})
	}
	if from != nil {
		layers = append(layers, from.in.links.of(from.in.graph.Links[from.i].Kind)...)
		if len(n.Pairs) == 0 {
			what = from.in.what // not a link's own name: what is wrong is wrong with all
		}
	}
	if k := n.Get("kind"); k != nil {
		layers = append(layers, d.chain("links", k)...)
	}
	layers = append(layers, layer{node: n, what: what})
	if v := topmost(layers, "stream"); v != nil {
		decl.spec.Stream, _ = d.bool(v, path+".stream")
	}
	if from != nil && n.Get("between") == nil {
		d.ends(decl, from)
	} else {
		d.between(decl, n, what)
	}
	before := d.errs.told
	d.linkParams(decl, layers, path, fixed)
	if d.errs.told > before {
		return decl
	}
	for _, side := range [][]cells.Param{decl.spec.AB, decl.spec.BA} {
		if err := links.CheckParams(decl.spec.Stream, slices.Concat(decl.spec.Both, side)); err != nil {
			d.errorf(n, "%s: %v", what, err)
			break
		}
	}
	return decl
}

// between decodes the ends of a link.
func (d *decoder) between(decl *linkDecl, n *yamlx.Node, what string) {
	ends := n.Get("between")
	want := "[alice:p0, bob:p0]"
	if decl.spec.Stream {
		want = "[alice, bob]"
	}
	if ends == nil {
		d.errorf(n, "%s: between is missing: want %s", what, want)
		return
	}
	if ends.Kind != yamlx.List || len(ends.Items) != 2 {
		d.errorf(ends, "%s: between wants two ends, such as %s", what, want)
		return
	}
	sound := true
	for i, item := range ends.Items {
		e, ok := d.endpoint(item, decl.spec.Stream, what)
		sound = sound && ok
		if i == 0 {
			decl.spec.A = e
		} else {
			decl.spec.B = e
		}
	}
	if sound && decl.spec.A == decl.spec.B {
		d.errorf(ends.Items[1], "%s: joins %s with itself", what, strings.TrimSuffix(decl.spec.A.String(), ":"))
		sound = false
	}
	decl.sound = sound
}

func (d *decoder) endpoint(n *yamlx.Node, stream bool, what string) (e cells.Endpoint, ok bool) {
	text, ok := d.plain(n, "between")
	if !ok {
		return e, false
	}
	cell, port, hasPort := strings.Cut(text, ":")
	if d.cells[cells.ID(cell)] == nil {
		d.errorf(n, "%s: no cell %s%s", what, suggest.Quoted(cell), suggest.Hint(cell, d.cellNames()))
		return e, false
	}
	switch {
	case stream && hasPort:
		d.errorf(n, "%s: end %s: a stream link joins cells, not ports; write %s", what, suggest.Quoted(text), cell)
		return e, false
	case !stream && !hasPort:
		d.errorf(n, "%s: end %s: want a port of the cell, such as %s:p0", what, suggest.Quoted(text), cell)
		return e, false
	case !stream && !nameRule.MatchString(port):
		d.errorf(n, "%s: port %s: %s", what, suggest.Quoted(port), nameAllowed)
		return e, false
	}
	if c := d.cells[cells.ID(cell)]; !stream && c.fixed && !slices.Contains(c.spec.Ports, port) {
		d.errorf(n, "%s: cell %s has no port %s%s", what, cell, suggest.Quoted(port), suggest.Hint(port, c.spec.Ports))
		return e, false
	}
	return cells.Endpoint{Cell: cells.ID(cell), Port: port}, true
}

// linkParams decodes parameters from layers, later ones being stronger: what a
// layer says for both directions replaces what an earlier one said for one.
// Without decl, keys and values are checked and nothing is drawn. fixed are
// the keys of the last layer that are not parameters.
func (d *decoder) linkParams(decl *linkDecl, layers []layer, path string, fixed []string) {
	p := paramReader{d: d, decl: decl, path: path}
	for i, l := range layers {
		keys := l.fixed
		if l.excuse {
			keys = []string{"stream"}
		} else if i == len(layers)-1 && fixed != nil {
			keys = fixed
		}
		p.layer = l
		for _, e := range l.node.Pairs {
			switch {
			case e.Value.IsNull():
				d.errorf(e.Key, "%s: %s has no value", l.what, e.Key.Text)
			case slices.Contains(keys, e.Key.Text):
			case strings.Contains(e.Key.Text, "->"):
				p.direction(e.Key, e.Value)
			default:
				p.flatten(BothSides, e.Key, e.Key.Text, e.Value, keys)
			}
		}
	}
	if decl != nil {
		decl.spec.Both, decl.spec.AB, decl.spec.BA = p.take()
	}
}

// paramReader collects the parameters of one link.
type paramReader struct {
	d     *decoder
	decl  *linkDecl
	path  string
	layer layer
	found [3][]paramAt // by Side
}

type paramAt struct {
	name string
	node *yamlx.Node
}

// direction reads the map of one direction.
func (p *paramReader) direction(key, n *yamlx.Node) {
	var side Side
	var err error
	switch text := strings.ReplaceAll(key.Text, " ", ""); {
	case p.layer.excuse || p.layer.general:
		if side = SideAB; text == "b->a" {
			side = SideBA
		} else if text != "a->b" {
			p.d.errorf(key, "%s: direction %s: no cells are known here, write a->b or b->a", p.layer.what, suggest.Quoted(key.Text))
			return
		}
	case p.decl == nil || !p.decl.sound:
		return // its ends are wrong, which was said
	default:
		if side, err = p.decl.side(key.Text); err != nil {
			p.d.errorf(key, "%v", err)
			return
		}
	}
	if n.Kind != yamlx.Map {
		p.d.errorf(n, "%s: want a map of parameters, this is %s", key.Text, n.Kind)
		return
	}
	for _, e := range n.Pairs {
		p.flatten(side, e.Key, e.Key.Text, e.Value, nil)
	}
}

// flatten reads a parameter, or a group of them: {burst: {enter: 1%}} is
// burst.enter.
func (p *paramReader) flatten(side Side, key *yamlx.Node, name string, n *yamlx.Node, also []string) {
	if n.IsNull() {
		p.d.errorf(key, "%s: %s has no value", p.layer.what, name)
		return
	}
	if n.Kind == yamlx.Map && distributionOf(n) == nil && isGroup(name) {
		for _, e := range n.Pairs {
			p.flatten(side, e.Key, name+"."+e.Key.Text, e.Value, nil)
		}
		return
	}
	info, known := paramInfo(name)
	if !known {
		var choices []string
		for _, i := range linkInfos {
			if p.decl == nil || p.carries(i) {
				choices = append(choices, i.Name)
			}
		}
		p.d.errorf(key, "%s: unknown key %s%s", p.layer.what, suggest.Quoted(name), suggest.Hint(name, append(choices, also...)))
		return
	}
	if p.decl != nil && !p.carries(info) {
		if p.layer.excuse {
			return
		}
		kind := "frame"
		if p.decl.spec.Stream {
			kind = "stream"
		}
		p.d.errorf(key, "%s: %s: not a parameter of %s links", p.layer.what, name, kind)
		return
	}
	if p.decl == nil {
		if n.Kind == yamlx.Scalar {
			p.check(paramAt{name, n}, n.Text)
		} else if distributionOf(n) == nil {
			p.d.plain(n, name)
		}
		return
	}
	if side == BothSides {
		drop := func(x paramAt) bool { return x.name == name }
		p.found[SideAB] = slices.DeleteFunc(p.found[SideAB], drop)
		p.found[SideBA] = slices.DeleteFunc(p.found[SideBA], drop)
	}
	if i := slices.IndexFunc(p.found[side], func(x paramAt) bool { return x.name == name }); i >= 0 {
		if old := p.found[side][i].node; slices.ContainsFunc(p.layer.node.Pairs, func(e yamlx.Pair) bool { return contains(e.Value, old) }) {
			p.d.errorf(key, "%s: %s is given twice", p.layer.what, name)
		}
		p.found[side][i].node = n
		return
	}
	p.found[side] = append(p.found[side], paramAt{name, n})
}

// contains reports whether old is n or below it.
func contains(n, old *yamlx.Node) bool {
	return n == old || slices.ContainsFunc(n.Pairs, func(e yamlx.Pair) bool { return contains(e.Value, old) })
}

func (p *paramReader) carries(i links.ParamInfo) bool {
	if p.decl.spec.Stream {
		return i.Stream
	}
	return i.Frame
}

// take draws and checks what was found, in the order of names.
func (p *paramReader) take() (both, ab, ba []cells.Param) {
	var out [3][]cells.Param
	for side, list := range p.found {
		path := p.path + []string{".", ".a->b.", ".b->a."}[side]
		slices.SortFunc(list, func(a, b paramAt) int { return cmp.Compare(a.name, b.name) })
		for _, x := range list {
			info, _ := paramInfo(x.name)
			text, ok := p.d.text(x.node, path+x.name, quantityOf(info.Type))
			if ok && p.check(x, text) {
				out[side] = append(out[side], cells.Param{Name: x.name, Value: text})
			}
		}
	}
	return out[BothSides], out[SideAB], out[SideBA]
}

func (p *paramReader) check(x paramAt, text string) bool {
	if err := links.CheckParam(x.name, text); err != nil {
		p.d.errorf(x.node, "%v", err)
		return false
	}
	return true
}

// linkInfos are the parameters of links.
var linkInfos = links.ParamInfos()

func paramInfo(name string) (links.ParamInfo, bool) {
	i := slices.IndexFunc(linkInfos, func(x links.ParamInfo) bool { return x.Name == name })
	if i < 0 {
		return links.ParamInfo{}, false
	}
	return linkInfos[i], true
}

// isGroup reports whether there are parameters below the name.
func isGroup(name string) bool {
	return slices.ContainsFunc(linkInfos, func(x links.ParamInfo) bool { return strings.HasPrefix(x.Name, name+".") })
}

// quantityOf is what values of a type are drawn in.
func quantityOf(t links.Type) quantity {
	switch t {
	case links.TypeDuration:
		return span
	case links.TypeSampler:
		return spread
	case links.TypeRate:
		return rate
	case links.TypeSize:
		return size
	case links.TypeCount:
		return count
	case links.TypeRatio:
		return ratio
	case links.TypeBool:
		return truth
	}
	return anyText
}

// allLinks are the links declared at the start in the order of names, then
// those of the timeline in the order of the file.
func (d *decoder) allLinks() []*linkDecl {
	var list []*linkDecl
	for _, l := range d.links {
		if l.initial {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b *linkDecl) int { return cmp.Compare(a.spec.Name, b.spec.Name) })
	return append(list, d.lateLinks...)
}

func (d *decoder) linkNames() (names []string) {
	for name := range d.links {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// linkRef is a link there is, at some time.
func (d *decoder) linkRef(n *yamlx.Node, what string) (*linkDecl, bool) {
	name, ok := d.plain(n, what)
	if !ok {
		return nil, false
	}
	if d.links[name] == nil {
		d.errorf(n, "no link %s%s", suggest.Quoted(name), suggest.Hint(name, d.linkNames()))
		return nil, false
	}
	return d.links[name], true
}
