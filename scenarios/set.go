package scenarios

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/dsim/des/suggest"
	"example.com/dsim/scenarios/internal/yamlx"
)

var indexRule = regexp.MustCompile(`^(.*)\[(\d{1,6})\]$`)

// override puts a value into the tree, by "path=value". What the path leads
// through must be there; its last name may be new, and then is checked like
// everything else. So a setting can be added, and a misspelt cell cannot.
func (d *decoder) override(root *yamlx.Node, set string) {
	pos := yamlx.Pos{File: "--set " + set}
	path, text, ok := strings.Cut(set, "=")
	if !ok || path == "" {
		d.errs.add(pos, "want path=value, such as links.ab.loss=5%%")
		return
	}
	value, errs := yamlx.Parse(pos.File, []byte(text))
	if len(errs) > 0 {
		if strings.TrimSpace(text) != "" {
			d.errs.add(pos, "value: %s", errs[0].Msg)
			return
		}
		value = &yamlx.Node{Kind: yamlx.Scalar, Quoted: true}
	}
	value.Move(pos)
	names := splitPath(path)
	at := root
	for i, name := range names {
		last := i == len(names)-1
		if at.Kind == yamlx.List {
			j, err := strconv.Atoi(name)
			if k := slices.IndexFunc(at.Items, func(n *yamlx.Node) bool { v := n.Get("name"); return v != nil && v.Text == name }); err != nil && k >= 0 {
				j, err = k, nil
			}
			if err != nil || j < 0 || j >= len(at.Items) {
				d.errs.add(pos, "%s: no entry %s; there are %d", strings.Join(names[:i], "."), suggest.Quoted(name), len(at.Items))
				return
			}
			if last {
				at.Items[j] = value
			}
			at = at.Items[j]
			continue
		}
		if at.Kind != yamlx.Map {
			d.errs.add(pos, "%s: is a plain value, it has no %s", strings.Join(names[:i], "."), suggest.Quoted(name))
			return
		}
		key := &yamlx.Node{Pos: pos, Kind: yamlx.Scalar, Text: name}
		if rest := strings.Join(names[i:], "."); !last && at.Get(rest) != nil {
			key.Text = rest // "burst.enter" written as one key
			last = true
		}
		next := at.Get(key.Text)
		switch {
		case last:
			at.Put(key, value)
			return
		case next == nil && mayBegin(names, i):
			next = &yamlx.Node{Pos: pos, Kind: yamlx.Map}
			at.Put(key, next)
		case next == nil:
			d.errs.add(pos, "%s: there is no %s%s", d.pathName(names[:i]), suggest.Quoted(name), suggest.Hint(name, keysOf(at)))
			return
		}
		at = next
	}
}

// mayBegin reports whether the i-th name of a path may be a map that is not
// there yet: sections of settings, and groups of parameters.
func mayBegin(names []string, i int) bool {
	switch i {
	case 0:
		return names[0] == "run" || names[0] == "defaults" || names[0] == "study"
	case 1:
		return names[0] == "defaults"
	case 2:
		return names[0] == "links" || names[0] == "cells" || names[0] == "defaults"
	}
	return names[0] == "links"
}

func (d *decoder) pathName(names []string) string {
	if len(names) == 0 {
		return "scenario"
	}
	return strings.Join(names, ".")
}

// splitPath splits at dots, and takes timeline[3] for timeline.3.
func splitPath(path string) (names []string) {
	for _, p := range strings.Split(path, ".") {
		var indices []string
		for m := indexRule.FindStringSubmatch(p); m != nil; m = indexRule.FindStringSubmatch(p) {
			p = m[1]
			indices = append([]string{m[2]}, indices...)
		}
		names = append(append(names, p), indices...)
	}
	return names
}

func keysOf(n *yamlx.Node) (keys []string) {
	for _, p := range n.Pairs {
		keys = append(keys, p.Key.Text)
	}
	return keys
}
