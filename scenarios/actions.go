package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
	"example.com/dsim/links"
	"example.com/dsim/scenarios/internal/yamlx"
)

// actions is what the timeline can do.
var actions []action

func init() { // not where it is declared: readers refer to it
	actions = []action{
		{field{"cut", "cuts links: a name, a list, or {link, direction, in-flight}", false, linkAction(true)}, true, true, (*entryReader).cut},
		{field{"heal", "ends a cut: links, {link, direction}, or all", false, linkAction(false)}, true, true, (*entryReader).heal},
		{field{"hold", "holds frames back until release", false, linkAction(false)}, true, true, (*entryReader).hold},
		{field{"release", "ends a hold", false, linkAction(false)}, true, true, (*entryReader).heal},
		{field{"set", "sets parameters of a link: {link, delay: 20ms, …}", false, linkShape(setLinkFields)}, true, true, (*entryReader).set},
		{field{"reset", "breaks the connections of a stream link", false, oneOrMore(nameShape)}, true, true, (*entryReader).reset},
		{field{"partition", "cuts all links between groups of cells: [[alice], [bob, carol]]", false, partitionShape}, true, false, (*entryReader).partition},
		{field{"flap", "cuts and heals: {link, down, up, times}", false, object("flap", flapFields)}, true, false, (*entryReader).flap},
		{field{"crash", "crashes cells", false, oneOrMore(nameShape)}, true, true, (*entryReader).crash},
		{field{"restart", "restarts crashed cells: a name, a list, or {cell, state: kept}", false, restartShape}, true, true, (*entryReader).restart},
		{field{"pause", "pauses cells", false, oneOrMore(nameShape)}, true, true, (*entryReader).pause},
		{field{"resume", "ends a pause", false, oneOrMore(nameShape)}, true, true, (*entryReader).resume},
		{field{"clock", "sets a cell's clock: {cell, step, offset, drift}", false, object("clock-action", clockActionFields)}, true, true, (*entryReader).clock},
		{field{"command", "gives a cell a command: {cell: alice, command: send m0}", false, commandShape}, false, false, nil},
		{field{"add-cell", "adds a cell: {name, protocol, …}", false, cellShape("added-cell", addCellFields)}, false, true, (*entryReader).addCell},
		{field{"remove-cell", "removes a cell and its links", false, oneOrMore(nameShape)}, false, true, (*entryReader).removeCell},
		{field{"add-link", "adds a link: {name, between, …}", false, linkShape(addLinkFields)}, false, true, (*entryReader).addLink},
		{field{"remove-link", "removes a link: a name, or {link, drain: true}", false, removeLinkShape}, false, true, (*entryReader).removeLink},
		{field{"apply", "applies changes at once: {version, changes: [...]}", false, object("apply", applyFields)}, false, false, (*entryReader).apply},
		{field{"stop", "stop: faults says that no fault follows", false, enum("faults")}, false, false, (*entryReader).stopFaults},
	}
}

func actionWords() (words []string) {
	for _, a := range actions {
		words = append(words, a.key)
	}
	return words
}

func isAction(key string) bool {
	return slices.ContainsFunc(actions, func(a action) bool { return a.is(key) })
}

func isField(fields []field, key string) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return f.key == key })
}

// cutWords are the ways to cut, as the links have them.
var cutWords = []string{"lost", "drain", "hold"}

func (e *entryReader) cut(n *yamlx.Node, path string) {
	how := "lost"
	if n.Kind == yamlx.Map {
		if v := n.Get("in-flight"); v != nil {
			if i, ok := e.d.oneOf(v, path+".in-flight", cutWords); ok {
				how = cutWords[i]
			}
		}
	}
	e.setCut(n, "cut", how, linkActionFields)
}

func (e *entryReader) hold(n *yamlx.Node, _ string) {
	e.setCut(n, "hold", "hold", linkActionFields[:2])
}

func (e *entryReader) heal(n *yamlx.Node, _ string) {
	if n.Kind == yamlx.Scalar && n.Text == "all" {
		e.steps = append(e.steps, Step{Select: &Select{Set: []cells.Param{{Name: "cut", Value: "no"}}}})
		return
	}
	e.setCut(n, "heal", "no", linkActionFields[:2])
}

// setCut sets the cut of links: of one, of several, of one direction of one.
func (e *entryReader) setCut(n *yamlx.Node, what, how string, fields []field) {
	d, set := e.d, []cells.Param{{Name: "cut", Value: how}}
	if n.Kind == yamlx.Map {
		if !d.object(n, what, fields) || n.Get("link") == nil {
			return
		}
		l, ok := d.linkRef(n.Get("link"), "link")
		if !ok {
			return
		}
		c := cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: l.spec.Name, Both: set}}
		if v := n.Get("direction"); v != nil {
			if c, ok = e.oneSide(l, v, set); !ok {
				return
			}
		}
		e.change(c)
		return
	}
	var batch []cells.Change
	for _, item := range one(n) {
		if item.Kind == yamlx.Scalar && strings.Contains(item.Text, "->") {
			if l := e.between(item); l != nil {
				if c, ok := e.oneSide(l, item, set); ok {
					batch = append(batch, c)
				}
			}
			continue
		}
		if l, ok := d.linkRef(item, what); ok {
			batch = append(batch, cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: l.spec.Name, Both: set}})
		}
	}
	e.change(batch...)
}

func (e *entryReader) oneSide(l *linkDecl, n *yamlx.Node, set []cells.Param) (cells.Change, bool) {
	c := cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: l.spec.Name}}
	text, ok := e.d.plain(n, "direction")
	if !ok || !l.sound {
		return c, false
	}
	side, err := l.side(text)
	if err != nil {
		e.d.errorf(n, "%v", err)
		return c, false
	}
	if side == SideAB {
		c.Link.AB = set
	} else {
		c.Link.BA = set
	}
	return c, true
}

// between finds the one link that "alice->bob" can mean.
func (e *entryReader) between(n *yamlx.Node) *linkDecl {
	var fit []*linkDecl
	for _, name := range e.d.linkNames() {
		l := e.d.links[name]
		text := strings.ReplaceAll(n.Text, " ", "")
		if _, err := l.side(text); err == nil && text != "a->b" && text != "b->a" && l.sound {
			fit = append(fit, l)
		}
	}
	switch len(fit) {
	case 0:
		e.d.errorf(n, "no link goes %s; want the name of a link, or the cells of one", suggest.Quoted(n.Text))
		return nil
	case 1:
		return fit[0]
	}
	e.d.errorf(n, "%d links go %s; write {link: %s, direction: %s}", len(fit), suggest.Quoted(n.Text), fit[0].spec.Name, n.Text)
	return nil
}

func (e *entryReader) set(n *yamlx.Node, path string) {
	if n.Kind != yamlx.Map {
		e.d.errorf(n, "set: want a map such as {link: ab, delay: 20ms}, this is %s", n.Kind)
		return
	}
	at := n.Get("link")
	if at == nil {
		e.d.errorf(n, "set: link is missing")
		return
	}
	var batch []cells.Change
	for _, item := range one(at) {
		l, ok := e.d.linkRef(item, "link")
		if !ok {
			continue
		}
		where := path
		if at.Kind == yamlx.List {
			where += "." + l.spec.Name
		}
		to := &linkDecl{node: l.node, sound: l.sound, spec: cells.LinkSpec{Name: l.spec.Name, A: l.spec.A, B: l.spec.B, Stream: l.spec.Stream}}
		e.d.linkParams(to, []layer{{node: n, what: "set " + l.spec.Name}}, where, setLinkKeys)
		batch = append(batch, cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{
			Name: l.spec.Name, Both: to.spec.Both, AB: to.spec.AB, BA: to.spec.BA,
		}})
	}
	e.change(batch...)
}

func (e *entryReader) reset(n *yamlx.Node, _ string) {
	var batch []cells.Change
	for _, item := range one(n) {
		l, ok := e.d.linkRef(item, "reset")
		if ok && !l.spec.Stream {
			e.d.errorf(item, "reset: link %s carries frames: only a stream link has connections", l.spec.Name)
			ok = false
		}
		if ok {
			batch = append(batch, cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{
				Name: l.spec.Name, Both: []cells.Param{links.Break},
			}})
		}
	}
	e.change(batch...)
}

func (e *entryReader) partition(n *yamlx.Node, path string) {
	d, how, groups := e.d, "lost", n
	if n.Kind == yamlx.Map {
		if !d.object(n, "partition", partitionFields) {
			return
		}
		if v := n.Get("in-flight"); v != nil {
			if i, ok := d.oneOf(v, path+".in-flight", cutWords); ok {
				how = cutWords[i]
			}
		}
		if groups = n.Get("groups"); groups == nil {
			return
		}
	}
	if groups.Kind != yamlx.List || len(groups.Items) < 2 {
		d.errorf(groups, "partition: want two groups of cells or more, such as [[alice], [bob, carol]]")
		return
	}
	seen := make(map[cells.ID]bool)
	sel := &Select{Set: []cells.Param{{Name: "cut", Value: how}}}
	for _, g := range groups.Items {
		if g.Kind != yamlx.List || len(g.Items) == 0 {
			d.errorf(g, "partition: a group is a list of cells, such as [bob, carol]")
			continue
		}
		var ids []cells.ID
		for _, item := range g.Items {
			id, ok := d.cellRef(item, "cell")
			if ok && seen[id] {
				d.errorf(item, "partition: cell %s is in two places", id)
			}
			seen[id] = true
			ids = append(ids, id)
		}
		sel.Groups = append(sel.Groups, ids)
	}
	e.steps = append(e.steps, Step{Select: sel})
}

func (e *entryReader) flap(n *yamlx.Node, path string) {
	d := e.d
	if !d.object(n, "flap", flapFields) || n.Get("link") == nil {
		return
	}
	l, ok := d.linkRef(n.Get("link"), "link")
	if !ok {
		return
	}
	how, times := "lost", int64(1)
	if v := n.Get("in-flight"); v != nil {
		if i, ok := d.oneOf(v, path+".in-flight", cutWords); ok {
			how = cutWords[i]
		}
	}
	if v := n.Get("times"); v != nil {
		times, _ = d.count(v, path+".times", 1, StepsMax/2)
	}
	down, up := d.lasting(n.Get("down"), path+".down"), d.lasting(n.Get("up"), path+".up")
	if down > spanMax/StepsMax || up > spanMax/StepsMax {
		d.errorf(n, "flap: down and up are at most %s", time.Duration(spanMax/StepsMax))
		return
	}
	if int64(len(e.steps))+2*times > StepsMax {
		d.errorf(n, "flap: the entry comes to more than %d steps: every repeats without end", StepsMax)
		return
	}
	set := func(after time.Duration, value string) {
		e.steps = append(e.steps, Step{After: after, Ends: value == "no", Changes: []cells.Change{{Op: cells.SetLink, Link: cells.LinkSpec{
			Name: l.spec.Name, Both: []cells.Param{{Name: "cut", Value: value}},
		}}}})
	}
	for i := range times {
		begin := time.Duration(i) * (down + up)
		set(begin, how)
		set(begin+down, "no")
	}
}

func (e *entryReader) crash(n *yamlx.Node, _ string)  { e.setRun(one(n), "crash") }
func (e *entryReader) pause(n *yamlx.Node, _ string)  { e.setRun(one(n), "pause") }
func (e *entryReader) resume(n *yamlx.Node, _ string) { e.setRun(one(n), "resume") }

func (e *entryReader) setRun(list []*yamlx.Node, value string) {
	var batch []cells.Change
	for _, item := range list {
		if id, ok := e.d.cellRef(item, "cell"); ok {
			batch = append(batch, setCell(id, cells.Param{Name: cells.SetRun, Value: value}))
		}
	}
	e.change(batch...)
}

func setCell(id cells.ID, params ...cells.Param) cells.Change {
	return cells.Change{Op: cells.SetCell, Cell: cells.CellSpec{ID: id, Params: params}}
}

var stateWords = []string{"lost", "kept"}

func (e *entryReader) restart(n *yamlx.Node, path string) {
	value, who := "restart", n
	if n.Kind == yamlx.Map {
		if !e.d.object(n, "restart", restartFields) {
			return
		}
		if v := n.Get("state"); v != nil {
			if i, _ := e.d.oneOf(v, path+".state", stateWords); i == 1 {
				value = "restart-kept"
			}
		}
		if who = n.Get("cell"); who == nil {
			return
		}
	}
	e.setRun(one(who), value)
}

func (e *entryReader) clock(n *yamlx.Node, path string) {
	d := e.d
	if !d.object(n, "clock", clockActionFields) || n.Get("cell") == nil {
		return
	}
	var params []cells.Param
	for _, name := range []string{cells.SetStep, cells.SetOffset} {
		if v := n.Get(name); v != nil {
			if t, ok := d.span(v, path+"."+name, -spanMax); ok {
				params = append(params, cells.Param{Name: name, Value: span.format(int64(t))})
			}
		}
	}
	if v := n.Get(cells.SetDrift); v != nil {
		if x, ok := d.drift(v, path+".drift"); ok {
			params = append(params, cells.Param{Name: cells.SetDrift, Value: drift.format(int64(x))})
		}
	}
	if len(n.Pairs) < 2 {
		d.errorf(n, "clock: one of step, offset, drift is missing")
	}
	if id, ok := d.cellRef(n.Get("cell"), "cell"); ok {
		e.change(setCell(id, params...))
	}
}

func (e *entryReader) addCell(n *yamlx.Node, _ string) {
	if decl, ok := e.d.late[n].(*cellDecl); ok {
		e.change(cells.Change{Op: cells.AddCell, Cell: decl.spec})
	} else if n.Kind != yamlx.Map {
		e.d.errorf(n, "add-cell: want a map such as {name: dave, protocol: NAME}, this is %s", n.Kind)
	}
}

func (e *entryReader) addLink(n *yamlx.Node, _ string) {
	if decl, ok := e.d.late[n].(*linkDecl); ok {
		e.change(cells.Change{Op: cells.AddLink, Link: decl.spec})
	} else if n.Kind != yamlx.Map {
		e.d.errorf(n, "add-link: want a map such as {name: cd, between: [carol:p1, dave:p0]}, this is %s", n.Kind)
	}
}

func (e *entryReader) removeCell(n *yamlx.Node, _ string) {
	var batch []cells.Change
	for _, item := range one(n) {
		if id, ok := e.d.cellRef(item, "cell"); ok {
			batch = append(batch, cells.Change{Op: cells.RemoveCell, Cell: cells.CellSpec{ID: id}})
		}
	}
	e.change(batch...)
}

func (e *entryReader) removeLink(n *yamlx.Node, path string) {
	drain, who := false, n
	if n.Kind == yamlx.Map {
		if !e.d.object(n, "remove-link", removeLinkFields) {
			return
		}
		if v := n.Get("drain"); v != nil {
			drain, _ = e.d.bool(v, path+".drain")
		}
		if who = n.Get("link"); who == nil {
			return
		}
	}
	var batch []cells.Change
	for _, item := range one(who) {
		if l, ok := e.d.linkRef(item, "link"); ok {
			batch = append(batch, cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: l.spec.Name, Drain: drain}})
		}
	}
	e.change(batch...)
}

// apply gathers changes into one batch.
func (e *entryReader) apply(n *yamlx.Node, path string) {
	d := e.d
	if !d.object(n, "apply", applyFields) {
		return
	}
	var s Step
	if v := n.Get("version"); v != nil {
		k, _ := d.count(v, path+".version", 1, 1<<62)
		s.Version = uint64(k)
	}
	list := n.Get("changes")
	if list == nil {
		return
	}
	if list.Kind != yamlx.List || len(list.Items) == 0 {
		d.errorf(list, "apply: changes wants a list such as [{add-link: {…}}, {remove-cell: bob}]")
		return
	}
	var words []string
	for _, a := range actions {
		if a.change {
			words = append(words, a.key)
		}
	}
	for i, item := range list.Items {
		if item.Kind != yamlx.Map || len(item.Pairs) != 1 {
			d.errorf(item, "apply: a change is a map with one key%s", suggest.Hint("", words))
			continue
		}
		key, value := item.Pairs[0].Key, item.Pairs[0].Value
		if !slices.Contains(words, key.Text) {
			d.errorf(key, "apply: unknown change %s%s", suggest.Quoted(key.Text), suggest.Hint(key.Text, words))
			continue
		}
		if value.IsNull() {
			d.errorf(key, "apply: %s has no value", key.Text)
			continue
		}
		sub := entryReader{d: d}
		a := actions[slices.IndexFunc(actions, func(a action) bool { return a.is(key.Text) })]
		a.read(&sub, value, fmt.Sprintf("%s.changes[%d].%s", path, i, key.Text))
		e.fault = e.fault || a.fault
		for _, x := range sub.steps {
			if x.Select != nil {
				d.errorf(value, "apply: %s all: a batch names its links", key.Text)
			}
			s.Changes = append(s.Changes, x.Changes...)
		}
	}
	e.steps = append(e.steps, s)
}

func (e *entryReader) stopFaults(n *yamlx.Node, path string) {
	_, e.stop = e.d.oneOf(n, path, []string{"faults"})
	e.steps = append(e.steps, Step{}) // something to be due
}
