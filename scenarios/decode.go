package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/des/suggest"
	"example.com/dsim/scenarios/internal/expr"
	"example.com/dsim/scenarios/internal/yamlx"
)

// decoder turns a tree into a Scenario. It goes on after an error, so that all
// of a file's errors are found at once.
type decoder struct {
	errs    errorList
	reg     *Registry
	seed    des.Seed
	served  map[string]string
	options map[string]Option

	kinds     map[string]*kindSet // "cells" and "links"
	cells     map[cells.ID]*cellDecl
	links     map[string]*linkDecl
	late      map[*yamlx.Node]any // declarations in the timeline, by their node
	lateCells []*cellDecl         // the same, in the order of the file
	lateLinks []*linkDecl
	scope     *expr.Scope

	generated []*generated      // the topologies
	nodes     map[cells.ID]made // their cells
	edgesOf   map[string]made   // their links
	places    []Place

	numbered int64 // ports given by their number
}

func newDecoder(opt BuildOptions) *decoder {
	return &decoder{
		reg: opt.Registry, seed: opt.Seed, served: opt.Served, options: make(map[string]Option),
		nodes: make(map[cells.ID]made), edgesOf: make(map[string]made),
		cells: make(map[cells.ID]*cellDecl), links: make(map[string]*linkDecl), late: make(map[*yamlx.Node]any),
		kinds: map[string]*kindSet{"cells": {}, "links": {}},
	}
}

func (d *decoder) errorf(n *yamlx.Node, format string, args ...any) {
	d.errs.add(n.Pos, format, args...)
}

// scenario decodes the whole file.
func (d *decoder) scenario(root *yamlx.Node, sc *Scenario) {
	if !d.object(root, "scenario", scenarioFields) {
		return
	}
	if v, ok := d.text(root.Get("version"), "version", count); ok && v != "1" {
		d.errorf(root.Get("version"), "version %s: this is a reader of version 1", suggest.Quoted(v))
	}
	if n := root.Get("name"); n != nil {
		sc.Name, _ = d.plain(n, "name")
		if sc.Name == "" || len(sc.Name) > nameMax {
			d.errorf(n, "name: want 1 to %d bytes of text", nameMax)
		}
	}
	if n := root.Get("seed"); n != nil {
		if text, ok := d.plain(n, "seed"); ok {
			if _, err := des.ParseSeed(text); err != nil {
				d.errorf(n, "%v", err)
			}
		}
	}
	d.decodeKinds(root)
	section := func(key string) *yamlx.Node {
		if n := root.Get(key); !n.IsNull() {
			return n
		}
		return nil
	}
	if root.Get("cells") == nil && root.Get("topology") == nil {
		d.errorf(root, "scenario: cells is missing: the cells by name, or a topology")
	}
	d.topologies(section("topology"))
	d.decodeCells(section("cells"))
	d.decodeLinks(section("links"))
	d.declareLate(section("timeline"))
	d.roots(section("roots"))
	d.assignPorts()
	d.makeScope()
	sc.Initial, sc.Layout = d.initial(), d.places
	sc.Timeline = d.timeline(section("timeline"))
	sc.StopFault = stopFault(sc.Timeline)
	sc.Expect = d.expectations(section("expect"))
	sc.Fails = d.fails(root.Get("fails"), sc.Expect)
	sc.Run = d.run(section("run"))
	sc.Study = d.study(section("study"), sc.Expect)
	sc.Explore = d.explore(section("explore"))
	d.checkFaultsEnd(sc)
}

// nameMax bounds texts that are printed as titles.
const nameMax = 200

// object checks that n is a map with known keys, each with a value, and with
// those that must be there.
func (d *decoder) object(n *yamlx.Node, what string, fields []field) bool {
	if n.Kind != yamlx.Map {
		d.errorf(n, "%s: want a map, this is %s", what, n.Kind)
		return false
	}
	for _, p := range n.Pairs {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == p.Key.Text })
		if i < 0 {
			d.errorf(p.Key, "%s: unknown key %s%s", what, suggest.Quoted(p.Key.Text), suggest.Hint(p.Key.Text, keysOfFields(fields)))
			continue
		}
		if p.Value.IsNull() {
			d.errorf(p.Key, "%s: %s has no value", what, p.Key.Text)
		}
	}
	for _, f := range fields {
		if f.required && n.Get(f.key) == nil {
			d.errorf(n, "%s: %s is missing: %s", what, f.key, f.doc)
		}
	}
	return true
}

func keysOfFields(fields []field) (keys []string) {
	for _, f := range fields {
		keys = append(keys, f.key)
	}
	return keys
}

// plain is the text of a value that cannot be drawn.
func (d *decoder) plain(n *yamlx.Node, what string) (string, bool) {
	switch {
	case n == nil || n.IsNull(): // complained about where its key was checked
		return "", false
	case distributionOf(n) != nil:
		d.errorf(n, "%s: cannot be drawn, want a plain value", what)
		return "", false
	case n.Kind != yamlx.Scalar:
		d.errorf(n, "%s: want a plain value, this is %s", what, n.Kind)
		return "", false
	case !n.Quoted && strings.Count(n.Text, "(") > strings.Count(n.Text, ")"):
		d.errorf(n, "%s %s: a comma within { } ends the value; write all of it in quotes", what, suggest.Quoted(n.Text))
		return "", false
	}
	return n.Text, true
}

// text is the text of a value, drawn if it is a distribution.
func (d *decoder) text(n *yamlx.Node, path string, kind quantity) (string, bool) {
	if distributionOf(n) != nil {
		return d.draw(n, path, kind)
	}
	return d.plain(n, lastName(path))
}

// parsed is a value read by parse, drawn if it is a distribution.
func parsed[T any](d *decoder, n *yamlx.Node, path string, kind quantity, parse func(string) (T, error)) (v T, ok bool) {
	text, ok := d.text(n, path, kind)
	if !ok {
		return v, false
	}
	v, err := parse(text)
	if err != nil {
		var zero T // not what was out of range: somebody may count to it
		d.errorf(n, "%s %v", lastName(path), err)
		return zero, false
	}
	return v, true
}

// span is a span of time of at least lo.
func (d *decoder) span(n *yamlx.Node, path string, lo time.Duration) (time.Duration, bool) {
	return parsed(d, n, path, span, func(s string) (time.Duration, error) {
		ns, err := des.ParseDuration(s)
		switch {
		case err != nil:
			return 0, err
		case ns < int64(lo):
			return 0, fmt.Errorf("%s: must be at least %s", suggest.Quoted(s), des.FormatDuration(int64(lo)))
		case clock.Time(ns) > des.TimeMax:
			return 0, fmt.Errorf("%s: must be at most %s", suggest.Quoted(s), des.FormatDuration(int64(des.TimeMax)))
		}
		return time.Duration(ns), nil
	})
}

// count is a whole number between lo and hi.
func (d *decoder) count(n *yamlx.Node, path string, lo, hi int64) (int64, bool) {
	return parsed(d, n, path, count, func(s string) (int64, error) {
		v, err := parseCount(s)
		if err == nil && (v < lo || v > hi) {
			err = fmt.Errorf("%s: must lie between %d and %d", suggest.Quoted(s), lo, hi)
		}
		return v, err
	})
}

// oneOf is the index of a word.
func (d *decoder) oneOf(n *yamlx.Node, path string, words []string) (int, bool) {
	return parsed(d, n, path, anyText, func(s string) (int, error) {
		i := slices.Index(words, s)
		if i < 0 {
			return 0, fmt.Errorf("%s: not allowed%s", suggest.Quoted(s), suggest.Hint(s, words))
		}
		return i, nil
	})
}

func (d *decoder) bool(n *yamlx.Node, path string) (bool, bool) {
	return parsed(d, n, path, truth, func(s string) (bool, error) {
		if s != "true" && s != "false" {
			return false, fmt.Errorf("%s: want true or false", suggest.Quoted(s))
		}
		return s == "true", nil
	})
}

// name is a name as cells, links, ports and kinds have it.
func (d *decoder) name(n *yamlx.Node, what string) (string, bool) {
	text, ok := d.plain(n, what)
	if ok && !nameRule.MatchString(text) {
		d.errorf(n, "%s %s: %s", what, suggest.Quoted(text), nameAllowed)
		return "", false
	}
	return text, ok
}

// one is a list's items, or a plain value as a list of one.
func one(n *yamlx.Node) []*yamlx.Node {
	if n.Kind == yamlx.List {
		return n.Items
	}
	return []*yamlx.Node{n}
}

// lastName is what errors call the value at a path.
func lastName(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '.' || path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

func (d *decoder) run(n *yamlx.Node) RunSpec {
	r := RunSpec{Reaction: time.Millisecond}
	if n == nil || !d.object(n, "run", runFields) {
		return r
	}
	if v := n.Get("until"); v != nil {
		t, _ := d.span(v, "run.until", 1)
		r.Until = clock.Time(t)
	}
	if v := n.Get("reaction"); v != nil {
		r.Reaction, _ = d.span(v, "run.reaction", 1)
	}
	if v := n.Get("ties"); v != nil {
		i, _ := d.oneOf(v, "run.ties", tieWords)
		r.Shuffled = i == 1
	}
	if v := n.Get("events"); v != nil {
		k, _ := d.count(v, "run.events", 1, int64(des.EventsMax))
		r.Events = uint64(k)
	}
	if v := n.Get("delta"); v != nil {
		k, _ := d.count(v, "run.delta", 1, 65_535)
		r.Delta = uint16(k)
	}
	if v := n.Get("stop"); v != nil {
		i, _ := d.oneOf(v, "run.stop", stopWords)
		r.NoStop = i == 1
	}
	return r
}
