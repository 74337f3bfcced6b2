package scenarios

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des/suggest"
	"example.com/dsim/scenarios/internal/expr"
	"example.com/dsim/scenarios/internal/yamlx"
)

// entries calls f for each entry of the timeline and the maps of its actions:
// itself, those of do, and those of apply.
func entries(n *yamlx.Node, f func(n *yamlx.Node, path string)) {
	if n == nil || n.Kind != yamlx.List {
		return
	}
	for i, item := range n.Items {
		path := entryPath("timeline", i, item)
		f(item, path)
		for j, sub := range listOf(item.Get("do")) {
			f(sub, fmt.Sprintf("%s.do[%d]", path, j))
			applied(sub, fmt.Sprintf("%s.do[%d]", path, j), f)
		}
		applied(item, path, f)
	}
}

func applied(n *yamlx.Node, path string, f func(n *yamlx.Node, path string)) {
	for j, sub := range listOf(n.Get("apply").Get("changes")) {
		f(sub, fmt.Sprintf("%s.apply.changes[%d]", path, j))
	}
}

func listOf(n *yamlx.Node) []*yamlx.Node {
	if n == nil || n.Kind != yamlx.List {
		return nil
	}
	return n.Items
}

// entryPath is how an entry of a list is addressed: by its name if it has one,
// so that entries before it do not move its draws.
func entryPath(section string, i int, n *yamlx.Node) string {
	if name := n.Get("name"); name != nil && name.Kind == yamlx.Scalar && nameRule.MatchString(name.Text) {
		return section + "." + name.Text
	}
	return fmt.Sprintf("%s[%d]", section, i)
}

// declareLate decodes the cells and links that the timeline adds, so that all
// that follows knows all names.
func (d *decoder) declareLate(n *yamlx.Node) {
	entries(n, func(item *yamlx.Node, path string) {
		add := item.Get("add-cell")
		if add == nil || add.Kind != yamlx.Map {
			return
		}
		name, ok := d.lateName(add, "add-cell")
		if !ok {
			return
		}
		decl := d.cell(add, add, cells.ID(name), path+".add-cell", addCellKeys, nil)
		d.late[add] = decl
		d.lateCells = append(d.lateCells, decl)
		if d.cells[decl.spec.ID] == nil {
			d.cells[decl.spec.ID] = decl
		}
	})
	entries(n, func(item *yamlx.Node, path string) {
		add := item.Get("add-link")
		if add == nil || add.Kind != yamlx.Map {
			return
		}
		name, ok := d.lateName(add, "add-link")
		if !ok {
			return
		}
		decl := d.link(add, add, name, path+".add-link", addLinkKeys, nil)
		d.late[add] = decl
		d.lateLinks = append(d.lateLinks, decl)
		if d.links[name] == nil {
			d.links[name] = decl
		}
	})
}

func (d *decoder) lateName(n *yamlx.Node, what string) (string, bool) {
	name := n.Get("name")
	if name == nil {
		d.errorf(n, "%s: name is missing", what)
		return "", false
	}
	text, ok := d.name(name, "name")
	if ok && text == "all" {
		d.errorf(name, `name "all": is taken`)
	}
	return text, ok
}

func (d *decoder) timeline(n *yamlx.Node) []Action {
	if n == nil {
		return nil
	}
	if n.Kind != yamlx.List {
		d.errorf(n, "timeline: want a list of entries such as {at: 1s, cut: ab}, this is %s", n.Kind)
		return nil
	}
	var out []Action
	names := make(map[string]bool)
	for i, item := range n.Items {
		a := Action{Path: entryPath("timeline", i, item), File: item.Pos.File, Line: item.Pos.Line}
		if item.Kind != yamlx.Map {
			d.errorf(item, "timeline: want an entry such as {at: 1s, cut: ab}, this is %s", item.Kind)
			continue
		}
		if v := item.Get("name"); v != nil {
			a.Name, _ = d.name(v, "name")
			if names[a.Name] {
				d.errorf(v, "name %s: an entry before has it", suggest.Quoted(a.Name))
			}
			names[a.Name] = true
		}
		a.Trigger = d.trigger(item, a.Path)
		e := entryReader{d: d, path: a.Path}
		e.actions(item, true)
		a.Steps, a.Fault, a.Stop = e.steps, e.fault, e.stop
		if len(a.Steps) > StepsMax {
			d.errorf(item, "timeline: the entry comes to %d steps, at most %d: every repeats without end", len(a.Steps), StepsMax)
		}
		if v := item.Get("fault"); v != nil {
			a.Fault, _ = d.bool(v, a.Path+".fault")
		}
		slices.SortStableFunc(a.Steps, func(x, y Step) int { return cmp.Compare(x.After, y.After) })
		if a.Stop && a.Trigger.Kind != At {
			d.errorf(item, "stop: faults: wants a time, with at")
		}
		out = append(out, a)
	}
	return out
}

// trigger decodes when an entry is due.
func (d *decoder) trigger(n *yamlx.Node, path string) Trigger {
	t := Trigger{Until: clock.Never}
	var given []string
	for _, key := range []string{"at", "every", "when"} {
		if n.Get(key) != nil {
			given = append(given, key)
		}
	}
	if len(given) != 1 {
		if len(given) == 0 {
			d.errorf(n, "timeline: when? one of at, every, when is missing")
		} else {
			d.errorf(n.Key(given[1]), "timeline: %s and %s: one of them", given[0], given[1])
		}
		return t
	}
	for _, key := range []string{"from", "until", "times"} {
		if k := n.Key(key); k != nil && given[0] == "at" {
			d.errorf(k, "timeline: %s: goes with every or when, not with at", key)
		}
	}
	switch given[0] {
	case "at":
		t.Kind = At
		at, _ := d.span(n.Get("at"), path+".at", 0)
		t.From = clock.Time(at)
		return t
	case "every":
		t.Kind = Every
		t.Every, _ = d.span(n.Get("every"), path+".every", 1)
		t.From = clock.Time(t.Every)
	case "when":
		t.Kind = When
		t.Times = 1
		t.Cond = d.condition(n.Get("when"), "when")
	}
	if v := n.Get("from"); v != nil {
		from, _ := d.span(v, path+".from", 0)
		t.From = clock.Time(from)
	}
	if v := n.Get("until"); v != nil {
		until, _ := d.span(v, path+".until", 0)
		t.Until = clock.Time(until)
		if t.Until < t.From {
			d.errorf(v, "until %s: is before the first time, %s", t.Until, t.From)
		}
	}
	if v := n.Get("times"); v != nil {
		k, _ := d.count(v, path+".times", 1, math.MaxInt64)
		t.Times = uint64(k)
	}
	return t
}

// condition compiles an expression. An error in it is told at the character it
// is about, where the expression stands on one line as it was written.
func (d *decoder) condition(n *yamlx.Node, what string) *Condition {
	text, ok := d.plain(n, what)
	if !ok {
		return nil
	}
	text = strings.TrimRight(text, "\n") // of a block
	c, err := compile(text, d.scope)
	if err == nil {
		return c
	}
	d.unsound(n, what, text, err)
	return nil
}

// unsound says what is wrong with an expression, where in it that is.
func (d *decoder) unsound(n *yamlx.Node, what, text string, err error) {
	pos := n.Pos
	var e *expr.Error
	is := errors.As(err, &e)
	if is && pos.Line > 0 && !strings.ContainsAny(text, "\n\\'\"") {
		pos.Column += e.Offset
		if n.Quoted {
			pos.Column++
		}
	} else if is && e.Offset > 0 {
		d.errs.add(pos, "%s: character %d: %v", what, e.Offset+1, err)
		return
	}
	d.errs.add(pos, "%s: %v", what, err)
}

// entryReader decodes the actions of one entry.
type entryReader struct {
	d     *decoder
	path  string
	steps []Step
	fault bool
	stop  bool
}

// action is something an entry can do.
type action struct {
	field
	fault  bool // it counts for `after: faults` where nothing else is said
	change bool // it can stand in apply
	read   func(e *entryReader, n *yamlx.Node, path string)
}

func (a action) is(key string) bool { return a.key == key }

// actions decodes the one action of an entry, or those of do.
func (e *entryReader) actions(n *yamlx.Node, top bool) {
	d := e.d
	var found []yamlx.Pair
	for _, p := range n.Pairs {
		key := p.Key.Text
		switch {
		case p.Value.IsNull():
			d.errorf(p.Key, "timeline: %s has no value", key)
		case top && isField(entryFields, key), key == "for", key == "cell":
		case key == "do" && top, isAction(key), d.cells[cells.ID(key)] != nil:
			found = append(found, p)
		default:
			known := append(actionWords(), "for", "cell")
			if top {
				known = append(append(known, "do"), keysOfFields(entryFields)...)
			}
			hint := suggest.Hint(key, append(slices.Clone(known), d.cellNames()...))
			d.errorf(p.Key, "timeline: unknown key %s: no action, and no cell%s", suggest.Quoted(key), hint)
			found = append(found, yamlx.Pair{})
		}
	}
	if len(found) != 1 {
		if len(found) == 0 {
			d.errorf(n, "timeline: what? an action is missing%s", suggest.Hint("", append(actionWords(), "do")))
		} else if found[1].Key != nil {
			d.errorf(found[1].Key, "timeline: a second action: an entry has one, or a list of them under do")
		}
		return
	}
	if found[0].Key == nil {
		return
	}
	e.action(n, found[0])
}

// action decodes one action, and what goes with it.
func (e *entryReader) action(n *yamlx.Node, p yamlx.Pair) {
	d, key := e.d, p.Key.Text
	if c := n.Key("cell"); c != nil && key != "command" {
		d.errorf(c, "timeline: cell: goes with command")
	}
	before := len(e.steps)
	path := e.path + "." + key
	switch i := slices.IndexFunc(actions, func(a action) bool { return a.is(key) }); {
	case key == "do":
		e.do(n, p.Value)
		return
	case key == "command":
		e.command(n.Get("cell"), p.Value, path)
	case i >= 0:
		actions[i].read(e, p.Value, path)
		e.fault = e.fault || actions[i].fault
		if slices.Contains(endings, key) {
			for j := before; j < len(e.steps); j++ {
				e.steps[j].Ends = true
			}
		}
	default:
		e.command(p.Key, p.Value, path)
	}
	if v := n.Get("for"); v != nil {
		e.undo(v, key, e.steps[before:])
	}
}

func (e *entryReader) do(n, list *yamlx.Node) {
	d := e.d
	if k := n.Key("for"); k != nil {
		d.errorf(k, "timeline: for: goes with an action, not with do")
	}
	if list.Kind != yamlx.List || len(list.Items) == 0 {
		d.errorf(list, "timeline: do wants a list of actions such as [{cut: ab}, {crash: bob}]")
		return
	}
	path := e.path
	for i, item := range list.Items {
		if item.Kind != yamlx.Map {
			d.errorf(item, "timeline: do wants actions such as {cut: ab}, this is %s", item.Kind)
			continue
		}
		e.path = fmt.Sprintf("%s.do[%d]", path, i)
		e.actions(item, false)
	}
	e.path = path
}

// endings are the actions that end a fault.
var endings = []string{"heal", "release", "restart", "resume"}

// undoing says what ends an action that lasts `for` a while.
var undoing = map[string]cells.Param{
	"cut": {Name: "cut", Value: "no"}, "hold": {Name: "cut", Value: "no"}, "partition": {Name: "cut", Value: "no"},
	"crash": {Name: cells.SetRun, Value: "restart"}, "pause": {Name: cells.SetRun, Value: "resume"},
}

// undo adds the end of steps.
func (e *entryReader) undo(n *yamlx.Node, key string, steps []Step) {
	end, ok := undoing[key]
	if !ok {
		e.d.errorf(n, "timeline: for: goes with cut, hold, partition, crash and pause")
		return
	}
	after, ok := e.d.span(n, e.path+".for", 1)
	if !ok {
		return
	}
	for _, s := range slices.Clone(steps) {
		u := Step{After: s.After + after, Ends: true}
		for _, c := range s.Changes {
			switch {
			case c.Op == cells.SetCell:
				c.Cell.Params = []cells.Param{end}
			default:
				c.Link.Both, c.Link.AB, c.Link.BA = reset(c.Link.Both, end), reset(c.Link.AB, end), reset(c.Link.BA, end)
			}
			u.Changes = append(u.Changes, c)
		}
		if s.Select != nil {
			u.Select = &Select{s.Select.Groups, []cells.Param{end}}
		}
		e.steps = append(e.steps, u)
	}
}

func reset(list []cells.Param, to cells.Param) []cells.Param {
	if list == nil {
		return nil
	}
	return []cells.Param{to}
}

func (e *entryReader) command(cell, n *yamlx.Node, path string) {
	if cell == nil {
		e.d.errorf(n, `timeline: command: to whom? {cell: alice, command: "send m0"}`)
		return
	}
	id, ok := e.d.cellRef(cell, "cell")
	if !ok {
		return
	}
	var words []string
	if n.Kind == yamlx.List {
		for i, item := range n.Items {
			w, ok := e.d.text(item, fmt.Sprintf("%s[%d]", path, i), anyText)
			if !ok {
				return
			}
			words = append(words, w)
		}
	} else {
		text, ok := e.d.text(n, path, anyText)
		if !ok {
			return
		}
		var err error
		if words, err = splitWords(text); err != nil {
			e.d.errorf(n, "%v", err)
			return
		}
	}
	if len(words) == 0 {
		e.d.errorf(n, "command: no words")
		return
	}
	e.steps = append(e.steps, Step{Command: &Command{id, words}})
}

func (e *entryReader) change(list ...cells.Change) {
	e.steps = append(e.steps, Step{Changes: list})
}

// stopFault is when faults end by declaration.
func stopFault(list []Action) clock.Time {
	t := clock.Never
	for _, a := range list {
		if a.Stop {
			t = min(t, a.Trigger.From)
		}
	}
	return t
}

// checkFaultsEnd refuses an expectation that waits for the last fault where
// nothing says which that is.
func (d *decoder) checkFaultsEnd(sc *Scenario) {
	if sc.StopFault != clock.Never {
		return
	}
	waits := slices.ContainsFunc(sc.Expect, func(e Expectation) bool { return e.AfterFaults })
	for _, a := range sc.Timeline {
		open := a.Trigger.Kind == When || a.Trigger.Kind == Every && a.Trigger.Times == 0 && a.Trigger.Until == clock.Never
		if waits && a.Fault && open {
			d.errs.add(yamlx.Pos{File: a.File, Line: a.Line, Column: 1},
				"%s: a fault without an end, and an expectation waits for the last fault; add {at: TIME, stop: faults}", a.Path)
			return
		}
	}
}

// lasting is how long a part of a flap lasts. That it is missing was said.
func (d *decoder) lasting(n *yamlx.Node, path string) time.Duration {
	if n == nil {
		return 0
	}
	t, _ := d.span(n, path, 1)
	return t
}
