package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
	"example.com/dsim/scenarios/internal/expr"
	"example.com/dsim/scenarios/internal/yamlx"
)

// Study is what a scenario is tried with, and what is measured; package study
// runs it.
type Study struct {
	Matrix  []Axis    // in the order of the file
	Repeat  int       // how many seeds for each point
	Measure []Measure // in the order of the file
}

// Axis is a value of the scenario, addressed as in BuildOptions.Set, and the
// texts it takes, ready to stand after "path=".
type Axis struct {
	Path   string
	Values []string
}

// The bounds of a study.
const (
	AxesMax    = 16
	ValuesMax  = 10_000 // of an axis
	RepeatMax  = 1_000_000
	MeasureMax = 100
)

// study decodes what the file wants to be studied.
func (d *decoder) study(n *yamlx.Node, expect []Expectation) *Study {
	if n == nil || !d.object(n, "study", studyFields) {
		return nil
	}
	s := &Study{Repeat: 1}
	if m := n.Get("matrix"); m != nil && m.Kind != yamlx.Map {
		d.errorf(m, "matrix: want a map of paths to values, such as {links.ab.loss: [0%%, 5%%]}, this is %s", m.Kind)
	} else if m != nil {
		for _, p := range m.Pairs {
			if values, ok := d.axisValues(p); ok {
				s.Matrix = append(s.Matrix, Axis{p.Key.Text, values})
			}
		}
		if len(s.Matrix) > AxesMax {
			d.errorf(m, "matrix: %d paths, at most %d", len(s.Matrix), AxesMax)
		}
	}
	if v := n.Get("repeat"); v != nil {
		if text, ok := d.plain(v, "repeat"); ok {
			k, err := parseCount(text)
			if err != nil || k < 1 || k > RepeatMax {
				d.errorf(v, "repeat %s: want a whole number between 1 and %d", suggest.Quoted(text), RepeatMax)
			}
			s.Repeat = int(k)
		}
	}
	if v := n.Get("measure"); v != nil {
		for i, item := range one(v) {
			if i >= MeasureMax {
				d.errorf(item, "measure: more than %d", MeasureMax)
				break
			}
			if m := d.measure(item, expect); m != nil {
				s.Measure = append(s.Measure, *m)
			}
		}
	}
	return s
}

// axisValues reads a list of values, {from: 1ms, to: 9ms, step: 2ms}, or
// 1ms..9ms/2ms.
func (d *decoder) axisValues(p yamlx.Pair) (values []string, ok bool) {
	n, what := p.Value, "matrix "+p.Key.Text
	switch {
	case n.IsNull():
		d.errorf(p.Key, "%s: has no value", what)
		return nil, false
	case n.Kind == yamlx.Map:
		if !d.object(n, what, rangeFields) {
			return nil, false
		}
		var ends []string
		for _, f := range rangeFields {
			text, ok := d.plain(n.Get(f.key), f.key)
			if !ok {
				return nil, false
			}
			ends = append(ends, text)
		}
		values, err := axisRange(ends[0], ends[1], ends[2])
		if err != nil {
			d.errorf(n, "%s: %v", what, err)
		}
		return values, err == nil
	}
	var texts []string
	for _, item := range one(n) {
		text, ok := d.plain(item, what)
		if !ok {
			return nil, false
		}
		if item.Quoted {
			text = strconv.Quote(text)
		}
		texts = append(texts, text)
	}
	values, err := expandAxis(texts)
	if err != nil {
		d.errorf(n, "%s: %v", what, err)
	}
	return values, err == nil
}

// ParseAxis reads "links.ab.loss=0%,5%,10%" or "cells.alice.rto=20ms..100ms/20ms".
// Commas within brackets and quotes belong to a value.
func ParseAxis(text string) (Axis, error) {
	path, list, ok := strings.Cut(text, "=")
	if !ok || path == "" || strings.TrimSpace(list) == "" {
		return Axis{}, fmt.Errorf("%s: want path=value,value,… or path=from..to/step", suggest.Quoted(text))
	}
	values, err := expandAxis(SplitList(list))
	if err != nil {
		return Axis{}, fmt.Errorf("%s: %w", path, err)
	}
	return Axis{path, values}, nil
}

// SplitList splits at commas that stand in no bracket and no quote.
func SplitList(text string) (parts []string) {
	depth, quote, from := 0, rune(0), 0
	for i, r := range text {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case strings.ContainsRune("([{", r):
			depth++
		case strings.ContainsRune(")]}", r):
			depth--
		case r == ',' && depth <= 0:
			parts = append(parts, strings.TrimSpace(text[from:i]))
			from = i + 1
		}
	}
	return append(parts, strings.TrimSpace(text[from:]))
}

// expandAxis puts the values of a range in its place, and wants each value once.
func expandAxis(texts []string) (values []string, err error) {
	for _, text := range texts {
		from, rest, isRange := strings.Cut(text, "..")
		if !isRange || strings.HasPrefix(text, `"`) {
			values = append(values, text)
			continue
		}
		to, step, ok := strings.Cut(rest, "/")
		if !ok {
			return nil, fmt.Errorf("range %s: wants a step, as in 20ms..100ms/20ms", suggest.Quoted(text))
		}
		part, err := axisRange(from, to, step)
		if err != nil {
			return nil, err
		}
		values = append(values, part...)
	}
	if len(values) == 0 || len(values) > ValuesMax {
		return nil, fmt.Errorf("%d values: want 1 to %d", len(values), ValuesMax)
	}
	seen := make(map[string]bool)
	for _, v := range values {
		if seen[v] {
			return nil, fmt.Errorf("%s is there twice", suggest.Quoted(v))
		}
		seen[v] = true
	}
	return values, nil
}

// axisRange are the values from, from+step, … up to to, which is one of them
// if the steps reach it.
func axisRange(from, to, step string) (values []string, err error) {
	g := drawing{}
	ends, err := g.numbers(from, to, step)
	if err != nil {
		return nil, err
	}
	lo, hi, by := ends[0], ends[1], ends[2]
	switch {
	case by <= 0:
		return nil, fmt.Errorf("step %s: must be greater than 0", step)
	case hi < lo:
		return nil, fmt.Errorf("%s is less than %s: a range goes up", to, from)
	case uint64(hi)-uint64(lo) >= uint64(by)*ValuesMax && (uint64(hi)-uint64(lo))/uint64(by) >= ValuesMax:
		return nil, fmt.Errorf("%s..%s/%s: more than %d values", from, to, step, ValuesMax)
	}
	for i := range (uint64(hi)-uint64(lo))/uint64(by) + 1 {
		values = append(values, g.kind.format(int64(uint64(lo)+i*uint64(by))))
	}
	values[0] = strings.TrimSpace(from) // as it was written: 0%, not 0
	return values, nil
}

// Measure is a number that is read off a run when it is over.
type Measure struct {
	Text  string
	word  string  // one of measureWords, or
	met   string  // an expectation, by its path, or
	watch []Watch // what is read, for
	prog  *expr.Program
}

// measureWords are measures that no cell shows and no link counts. Times are in
// seconds.
var measureWords = []string{"end", "events", "pass"}

// metPrefix begins the measure of the time at which an expectation was met.
const metPrefix = "met:"

// measure reads what is measured: a number as conditions have it, a word, or
// met: and an expectation.
func (d *decoder) measure(n *yamlx.Node, expect []Expectation) *Measure {
	text, ok := d.plain(n, "measure")
	if !ok {
		return nil
	}
	m := &Measure{Text: text}
	if slices.Contains(measureWords, text) {
		m.word = text
		return m
	}
	if name, is := strings.CutPrefix(text, metPrefix); is {
		var names []string
		for i := range expect {
			if e := &expect[i]; e.Name == name || e.Path == name {
				m.met = e.Path
			}
			names = append(names, expect[i].Name)
		}
		if m.met == "" {
			d.errorf(n, "measure: no expectation %s%s", suggest.Quoted(name), suggest.Hint(name, names))
		}
		return m
	}
	prog, err := expr.CompileNumber(text, d.scope)
	if err != nil {
		d.unsound(n, "measure", text, err)
		return nil
	}
	m.prog, m.watch = prog, watches(prog)
	return m
}

// Measure reads a number off the world whose result r is; false if there is
// none: the expectation was not met, the cell is not there any more, or the
// expression has no value, such as a quotient by 0.
func (w *World) Measure(m *Measure, r *Result) (float64, bool) {
	switch m.word {
	case "end":
		return float64(r.End) / 1e9, true
	case "events":
		return float64(r.Events), true
	case "pass":
		if r.Verdict == Pass {
			return 1, true
		}
		return 0, true
	}
	if m.met != "" {
		for _, e := range r.Expect {
			if e.Path == m.met && e.Met != nil {
				return float64(*e.Met) / 1e9, true
			}
		}
		return 0, false
	}
	values := make([]expr.Value, len(m.watch))
	for i := range m.watch {
		q := &m.watch[i]
		if q.Cell == "" {
			values[i] = stage{w}.Read(q, Value{}).v
			continue
		}
		k, ok := slices.BinarySearchFunc(r.Cells, q.Cell, func(c CellState, id cells.ID) int { return cmp.Compare(c.ID, id) })
		if !ok {
			return 0, false
		}
		for _, a := range r.Cells[k].Attrs {
			if a.Name == q.Attr {
				values[i] = AttrOf(a).v
			}
		}
	}
	n, err := m.prog.EvalNumber(values)
	return float64(n), err == nil
}
