package scenarios

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/links"
)

// written is one action of an entry as a file has it: its key and value, and
// how long it lasts.
type written struct {
	leafPair
	cell  string // of command
	after time.Duration
	span  time.Duration // for
	fault bool
}

// action gives an entry of the timeline. What ends a step is written as its
// `for`; steps at several times become entries of their own.
func (e *encoder) action(a *Action) ([]leaf, error) {
	if a.Stop {
		return []leaf{mapLeaf(leafPair{"at", textLeaf(timeText(a.Trigger.From))}, leafPair{"stop", textLeaf("faults")})}, nil
	}
	list, err := e.writtenSteps(a.Steps)
	if err != nil {
		return nil, err
	}
	var out []leaf
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].after == list[0].after {
			n++
		}
		m, err := entryLeaf(a, list[:n], len(out) == 0)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
		list = list[n:]
	}
	return out, nil
}

// writtenSteps takes steps together that belong together.
func (e *encoder) writtenSteps(steps []Step) ([]written, error) {
	if w, ok := flapOf(steps); ok {
		return []written{w}, nil
	}
	var list []written
	done := make([]bool, len(steps))
	for i := range steps {
		if done[i] {
			continue
		}
		w, err := e.step(&steps[i])
		if err != nil {
			return nil, err
		}
		if undo, ok := undoOf(&steps[i], w.key); ok {
			for j := i + 1; j < len(steps); j++ {
				undo.After = steps[j].After
				if !done[j] && undo.After > steps[i].After && reflect.DeepEqual(undo, steps[j]) {
					done[j], w.span = true, steps[j].After-steps[i].After
					break
				}
			}
		}
		w.after = steps[i].After
		list = append(list, w)
	}
	return list, nil
}

// undoOf is the step that ends one written under a key.
func undoOf(s *Step, key string) (Step, bool) {
	end, ok := undoing[key]
	if !ok {
		return Step{}, false
	}
	u := Step{Ends: true}
	for _, c := range s.Changes {
		if c.Op == cells.SetCell {
			c.Cell.Params = []cells.Param{end}
		} else {
			c.Link.Both, c.Link.AB, c.Link.BA = reset(c.Link.Both, end), reset(c.Link.AB, end), reset(c.Link.BA, end)
		}
		u.Changes = append(u.Changes, c)
	}
	if s.Select != nil {
		u.Select = &Select{s.Select.Groups, []cells.Param{end}}
	}
	return u, true
}

// flapOf recognises a link that is cut and healed again and again.
func flapOf(steps []Step) (written, bool) {
	if len(steps) < 4 || len(steps)%2 != 0 {
		return written{}, false
	}
	down, up := steps[1].After-steps[0].After, steps[2].After-steps[1].After
	for i := range steps {
		at := steps[0].After + time.Duration(i/2)*(down+up) + time.Duration(i%2)*down
		s, want := &steps[i], &steps[i%2]
		if s.After != at || s.Ends != (i%2 == 1) || s.Command != nil || s.Select != nil || s.Version != 0 ||
			len(s.Changes) != 1 || !reflect.DeepEqual(s.Changes, want.Changes) {
			return written{}, false
		}
	}
	cut, link, ok := cutOf(&steps[0].Changes[0])
	if heal, other, both := cutOf(&steps[1].Changes[0]); !ok || !both || cut == "no" || heal != "no" || other != link {
		return written{}, false
	}
	m := mapLeaf(leafPair{"link", textLeaf(link)}, leafPair{"down", textLeaf(spanText(down))}, leafPair{"up", textLeaf(spanText(up))},
		leafPair{"times", textLeaf(strconv.Itoa(len(steps) / 2))})
	if cut != "lost" {
		m.putText("in-flight", cut)
	}
	return written{leafPair: leafPair{"flap", m}, fault: true, after: steps[0].After}, true
}

// cutOf is the cut that a change sets, of both directions.
func cutOf(c *cells.Change) (how, link string, ok bool) {
	l := &c.Link
	if c.Op != cells.SetLink || len(l.Both) != 1 || l.Both[0].Name != "cut" || len(l.AB)+len(l.BA) > 0 {
		return "", "", false
	}
	return l.Both[0].Value, l.Name, true
}

// entryLeaf is one entry: its trigger, and its actions.
func entryLeaf(a *Action, list []written, first bool) (leaf, error) {
	m := mapLeaf()
	t, after := &a.Trigger, list[0].after
	from, until := t.From.Add(after), t.Until
	if until != clock.Never {
		until = until.Add(after)
	}
	switch t.Kind {
	case At:
		m.putText("at", timeText(from))
	case Every:
		m.putText("every", spanText(t.Every))
		if from != clock.Time(t.Every) {
			m.putText("from", timeText(from))
		}
	case When:
		if after != 0 {
			return m, fmt.Errorf("a step %s after a condition can only be written as the end of another", after)
		}
		m.putText("when", t.Cond.Text)
		if from != 0 {
			m.putText("from", timeText(from))
		}
	}
	if t.Kind != At && until != clock.Never {
		m.putText("until", timeText(until))
	}
	if t.Times != 0 && !(t.Kind == When && t.Times == 1) {
		m.putText("times", strconv.FormatUint(t.Times, 10))
	}
	if a.Name != "" && first {
		m.putText("name", a.Name)
	}
	fault := false
	items := leaf{kind: 'l'}
	for _, w := range list {
		fault = fault || w.fault
		item := mapLeaf()
		if w.cell != "" {
			item.putText("cell", w.cell)
		}
		item.put(w.key, w.value)
		if w.span > 0 {
			item.putText("for", spanText(w.span))
		}
		items.items = append(items.items, item)
	}
	if len(list) == 1 {
		m.pairs = append(m.pairs, items.items[0].pairs...)
	} else {
		m.put("do", items)
	}
	if fault != a.Fault {
		m.putText("fault", strconv.FormatBool(a.Fault))
	}
	return m, nil
}

// step is one step as an action.
func (e *encoder) step(s *Step) (written, error) {
	switch {
	case s.Command != nil:
		return commandOf(s.Command), nil
	case s.Select != nil:
		return selectOf(s)
	case len(s.Changes) == 0:
		return written{}, errors.New("a step without a change")
	}
	if s.Version == 0 {
		if w, ok := e.batch(s); ok {
			return w, nil
		}
	}
	m := mapLeaf()
	if s.Version != 0 {
		m.putText("version", strconv.FormatUint(s.Version, 10))
	}
	changes := leaf{kind: 'l'}
	fault := false
	for i := range s.Changes {
		w, ok := e.batch(&Step{Changes: s.Changes[i : i+1], Ends: s.Ends})
		if !ok {
			w, ok = e.batch(&Step{Changes: s.Changes[i : i+1], Ends: true})
		}
		if !ok {
			return written{}, fmt.Errorf("%s: no action does that", changeText(s.Changes[i]))
		}
		fault = fault || w.fault
		changes.items = append(changes.items, mapLeaf(w.leafPair))
	}
	m.put("changes", changes)
	return written{leafPair: leafPair{"apply", m}, fault: fault}, nil
}

func commandOf(c *Command) written {
	value := textLeaf(joinWords(c.Args))
	if back, err := splitWords(value.text); err != nil || !slices.Equal(back, c.Args) {
		value = leaf{kind: 'l'}
		for _, a := range c.Args {
			value.items = append(value.items, textLeaf(a))
		}
	}
	name := string(c.Cell)
	reserved := []string{"do", "for", "cell", "command"}
	if isAction(name) || isField(entryFields, name) || slices.Contains(reserved, name) {
		return written{leafPair: leafPair{"command", value}, cell: name}
	}
	return written{leafPair: leafPair{name, value}}
}

func selectOf(s *Step) (written, error) {
	set := s.Select.Set
	if len(set) != 1 || set[0].Name != "cut" || len(s.Changes) > 0 {
		return written{}, fmt.Errorf("%s: no action does that", s)
	}
	how := set[0].Value
	switch {
	case s.Select.Groups == nil && how == "no" && s.Ends:
		return written{leafPair: leafPair{"heal", textLeaf("all")}, fault: true}, nil
	case s.Select.Groups == nil || how == "no":
		return written{}, fmt.Errorf("%s: no action does that by itself", s)
	}
	groups := leaf{kind: 'l'}
	for _, g := range s.Select.Groups {
		ids := leaf{kind: 'l'}
		for _, id := range g {
			ids.items = append(ids.items, textLeaf(string(id)))
		}
		groups.items = append(groups.items, ids)
	}
	if how != "lost" {
		groups = mapLeaf(leafPair{"groups", groups}, leafPair{"in-flight", textLeaf(how)})
	}
	return written{leafPair: leafPair{"partition", groups}, fault: true}, nil
}

// batch is a batch as one action, if there is one that does it.
func (e *encoder) batch(s *Step) (w written, ok bool) {
	list := s.Changes
	first := &list[0]
	for i := range list {
		if list[i].Op != first.Op {
			return w, false
		}
	}
	switch first.Op {
	case cells.AddCell:
		if len(list) == 1 && !s.Ends {
			name := leafPair{"name", textLeaf(string(first.Cell.ID))}
			return written{leafPair: leafPair{"add-cell", e.cell(&first.Cell, []leafPair{name})}}, true
		}
	case cells.AddLink:
		if len(list) == 1 && !s.Ends {
			name := leafPair{"name", textLeaf(first.Link.Name)}
			return written{leafPair: leafPair{"add-link", e.link(&first.Link, []leafPair{name})}}, true
		}
	case cells.RemoveCell:
		return written{leafPair: leafPair{"remove-cell", wordsLeaf(cellNamesOf(list))}}, !s.Ends
	case cells.RemoveLink:
		return removeLinkOf(s)
	case cells.SetCell:
		return setCellOf(s)
	case cells.SetLink:
		return e.setLinkOf(s)
	}
	return w, false
}

func cellNamesOf(list []cells.Change) (names []string) {
	for i := range list {
		names = append(names, string(list[i].Cell.ID))
	}
	return names
}

func linkNamesOf(list []cells.Change) (names []string) {
	for i := range list {
		names = append(names, list[i].Link.Name)
	}
	return names
}

func removeLinkOf(s *Step) (w written, ok bool) {
	drain := s.Changes[0].Link.Drain
	for i := range s.Changes {
		if s.Changes[i].Link.Drain != drain {
			return w, false
		}
	}
	value := wordsLeaf(linkNamesOf(s.Changes))
	if drain {
		value = mapLeaf(leafPair{"link", value}, leafPair{"drain", textLeaf("true")})
	}
	return written{leafPair: leafPair{"remove-link", value}}, !s.Ends
}

func setCellOf(s *Step) (w written, ok bool) {
	params := s.Changes[0].Cell.Params
	for i := range s.Changes {
		if !slices.Equal(s.Changes[i].Cell.Params, params) {
			return w, false
		}
	}
	names := wordsLeaf(cellNamesOf(s.Changes))
	if len(params) == 1 && params[0].Name == cells.SetRun {
		key := params[0].Value
		if key == "restart-kept" {
			key, names = "restart", mapLeaf(leafPair{"cell", names}, leafPair{"state", textLeaf("kept")})
		}
		return written{leafPair: leafPair{key, names}, fault: true}, s.Ends == slices.Contains(endings, key)
	}
	if len(s.Changes) != 1 || s.Ends || len(params) == 0 {
		return w, false
	}
	m := mapLeaf(leafPair{"cell", names})
	for _, p := range params {
		if p.Name != cells.SetStep && p.Name != cells.SetOffset && p.Name != cells.SetDrift {
			return w, false
		}
		m.putText(p.Name, p.Value)
	}
	return written{leafPair: leafPair{"clock", m}, fault: true}, true
}

func (e *encoder) setLinkOf(s *Step) (w written, ok bool) {
	w.fault = true
	first := &s.Changes[0].Link
	for i := range s.Changes {
		l := &s.Changes[i].Link
		if !slices.Equal(l.Both, first.Both) || !slices.Equal(l.AB, first.AB) || !slices.Equal(l.BA, first.BA) {
			return w, false
		}
	}
	names := wordsLeaf(linkNamesOf(s.Changes))
	if len(first.Both) == 1 && len(first.AB)+len(first.BA) == 0 && first.Both[0] == links.Break {
		w.leafPair = leafPair{"reset", names}
		return w, !s.Ends
	}
	if p, direction, is := cutSide(s.Changes); is && s.Ends == (p == "no") {
		where := func(more ...leafPair) leaf {
			if direction == "" && len(more) == 0 {
				return names
			}
			m := mapLeaf(leafPair{"link", names})
			if direction != "" {
				m.putText("direction", direction)
			}
			m.pairs = append(m.pairs, more...)
			return m
		}
		switch {
		case p == "no":
			w.leafPair = leafPair{"heal", where()}
		case p == "hold":
			w.leafPair = leafPair{"hold", where()}
		case p == "lost":
			w.leafPair = leafPair{"cut", where()}
		case len(s.Changes) == 1:
			w.leafPair = leafPair{"cut", where(leafPair{"in-flight", textLeaf(p)})}
		default:
			return w, false
		}
		return w, true
	}
	if s.Ends {
		return w, false
	}
	m := sidesLeaf(mapLeaf(leafPair{"link", names}), &cells.LinkSpec{Both: first.Both, AB: first.AB, BA: first.BA}, nil)
	w.leafPair = leafPair{"set", m}
	return w, len(m.pairs) > 1
}

// cutSide is the cut that changes set, and the direction if it is one.
func cutSide(list []cells.Change) (how, direction string, ok bool) {
	l := &list[0].Link
	one := func(p []cells.Param) bool { return len(p) == 1 && p[0].Name == "cut" }
	switch both, ab, ba := len(l.Both), len(l.AB), len(l.BA); {
	case one(l.Both) && ab+ba == 0:
		return l.Both[0].Value, "", true
	case one(l.AB) && both+ba == 0 && len(list) == 1:
		return l.AB[0].Value, "a->b", true
	case one(l.BA) && both+ab == 0 && len(list) == 1:
		return l.BA[0].Value, "b->a", true
	}
	return "", "", false
}
