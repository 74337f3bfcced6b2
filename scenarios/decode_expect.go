package scenarios

import (
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
	"example.com/dsim/scenarios/internal/yamlx"
)

// expectMax bounds what is looked at after each change.
const expectMax = 1000

func (d *decoder) expectations(n *yamlx.Node) []Expectation {
	if n == nil {
		return nil
	}
	if n.Kind != yamlx.List {
		d.errorf(n, "expect: want a list such as [{always: PROPERTY}], this is %s", n.Kind)
		return nil
	}
	if len(n.Items) > expectMax {
		d.errorf(n, "expect: %d expectations, at most %d", len(n.Items), expectMax)
		return nil
	}
	var out []Expectation
	for i, item := range n.Items {
		if !d.object(item, "expect", expectFields) {
			continue
		}
		e := Expectation{Path: entryPath("expect", i, item), File: item.Pos.File, Line: item.Pos.Line}
		d.expectation(item, &e)
		if j := slices.IndexFunc(out, func(o Expectation) bool { return o.Name == e.Name && e.Name != "" }); j >= 0 && item.Get("name") != nil {
			d.errorf(item.Get("name"), "name %s: an expectation before has it", suggest.Quoted(e.Name))
		}
		out = append(out, e)
	}
	return out
}

func (d *decoder) expectation(n *yamlx.Node, e *Expectation) {
	for m, word := range modes {
		if word == "" || n.Get(word) == nil {
			continue
		}
		if e.Mode != 0 {
			d.errorf(n.Key(word), "expect: %s and %s: one of them", e.Mode, word)
			return
		}
		e.Mode = Mode(m)
	}
	if e.Mode == 0 {
		d.errorf(n, "expect: what? one of %s is missing", strings.Join(modes[1:], ", "))
		return
	}
	what := n.Get(e.Mode.String())
	if text, ok := d.plain(what, e.Mode.String()); ok && propertyRule.MatchString(text) {
		d.property(what, text, e)
	} else if ok && e.Mode == Settled {
		d.errorf(what, "settled %s: takes a structural property; a condition goes with eventually", suggest.Quoted(text))
	} else if ok {
		e.Cond = d.condition(what, e.Mode.String())
		e.Name = strings.TrimRight(text, "\n")
	}
	if v := n.Get("name"); v != nil {
		e.Name, _ = d.plain(v, "name")
	}
	for _, key := range []string{"within", "after"} {
		if k := n.Key(key); k != nil && e.Mode != Eventually && e.Mode != Settled {
			d.errorf(k, "expect: %s: goes with eventually and settled, not with %s", key, e.Mode)
		}
	}
	if e.Mode == Settled && n.Get("within") == nil {
		d.errorf(n, "expect: settled: within is missing: how long the site may take to settle")
	}
	if v := n.Get("within"); v != nil {
		e.Within, _ = d.span(v, e.Path+".within", 1)
	}
	if v := n.Get("after"); v != nil {
		i, _ := d.oneOf(v, e.Path+".after", afterWords)
		e.AfterFaults = i == 1
	}
}

// property takes a property. Most are judged by their oracle from the beginning
// to the end, which is what always means; structural ones once all is settled.
func (d *decoder) property(n *yamlx.Node, text string, e *Expectation) {
	e.Property, e.Name = text, text
	p, ok := d.reg.Property(text)
	if !ok {
		d.errorf(n, "no property %s%s", suggest.Quoted(text), suggest.Hint(text, d.reg.propertyNames()))
		return
	}
	switch _, structural := p.New().(cells.Surveyor); {
	case structural && e.Mode != Settled:
		d.errorf(n, "%s %s: a structural property is judged once all is settled: write settled, and within", e.Mode, text)
	case structural:
	case e.Mode != Always:
		d.errorf(n, "%s %s: a property is judged as a whole, write always; %s takes a condition such as bob.delivered > 0", e.Mode, text, e.Mode)
	}
}

// fails is the one expectation that is meant to fail, or a property that every
// run is judged by.
func (d *decoder) fails(n *yamlx.Node, list []Expectation) string {
	text, ok := d.plain(n, "fails")
	if !ok {
		return ""
	}
	if slices.Contains(builtins, text) {
		return text
	}
	var names []string
	for _, e := range list {
		if e.Property == text || e.Name == text {
			return text
		}
		names = append(names, e.Name)
	}
	if _, is := d.reg.Property(text); !is && propertyRule.MatchString(text) {
		names = append(names, d.reg.propertyNames()...)
	}
	d.errorf(n, "fails: nothing under expect is called %s%s", suggest.Quoted(text), suggest.Hint(text, names))
	return text
}
