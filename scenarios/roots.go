package scenarios

import (
	"cmp"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
	"example.com/dsim/scenarios/internal/yamlx"
)

// rootParam is the parameter of protocols that roots decides.
const rootParam = "root"

// roots gives each cell whose protocol has a parameter root its value: true to
// those that are listed, or to so many of the first cells: spread evenly over
// their names, or drawn. Cells that the timeline adds root nothing, unless they
// are listed.
func (d *decoder) roots(n *yamlx.Node) {
	if n == nil {
		return
	}
	var able []*cellDecl
	for _, c := range d.allCells() {
		if c.proto == nil {
			return // its protocol is wrong, which was said
		}
		if p := c.proto.param(rootParam); p != nil && p.kind == truth {
			able = append(able, c)
		}
	}
	if len(able) == 0 {
		d.errorf(n, "roots: no cell's protocol has a parameter %s that is true or false", rootParam)
		return
	}
	for _, c := range able {
		if slices.ContainsFunc(c.spec.Params, func(p cells.Param) bool { return p.Name == rootParam }) {
			d.errorf(n, "roots: cell %s has %s already: one of them decides", c.spec.ID, rootParam)
			return
		}
	}
	chosen, ok := d.chooseRoots(n, able)
	if !ok {
		return
	}
	for _, c := range able {
		d.setRoot(c, chosen[c.spec.ID])
	}
}

// chooseRoots reads which cells are roots.
func (d *decoder) chooseRoots(n *yamlx.Node, able []*cellDecl) (map[cells.ID]bool, bool) {
	chosen := make(map[cells.ID]bool)
	if n.Kind == yamlx.List {
		for _, item := range n.Items {
			id, ok := d.cellRef(item, "roots")
			if !ok {
				return nil, false
			}
			switch {
			case chosen[id]:
				d.errorf(item, "roots: cell %s is in the list twice", id)
			case !slices.ContainsFunc(able, func(c *cellDecl) bool { return c.spec.ID == id }):
				d.errorf(item, "roots: cell %s: protocol %s has no parameter %s", id, d.cells[id].spec.Protocol, rootParam)
			}
			chosen[id] = true
		}
		return chosen, true
	}
	var first []cells.ID
	for _, c := range able {
		if c.initial {
			first = append(first, c.spec.ID)
		}
	}
	slices.SortFunc(first, func(a, b cells.ID) int { return cmp.Or(naturally(string(a), string(b)), cmp.Compare(a, b)) })
	number, path, drawn := n, "roots", false
	if n.Kind == yamlx.Map && distributionOf(n) == nil {
		if !d.object(n, "roots", rootsFields) || n.Get("drawn") == nil {
			return nil, false
		}
		number, path, drawn = n.Get("drawn"), "roots.drawn", true
	}
	k, ok := d.count(number, path, 0, int64(len(first)))
	if !ok {
		return nil, false
	}
	if drawn {
		chance := d.seed.Rand("roots", 0, "cells")
		for i := range k { // the first k of a shuffle
			j := chance.Int64(i, int64(len(first))-1)
			first[i], first[j] = first[j], first[i]
			chosen[first[i]] = true
		}
		return chosen, true
	}
	for i := range k {
		chosen[first[i*int64(len(first))/k]] = true
	}
	return chosen, true
}

// setRoot adds the parameter in the order of the protocol's Config, and makes
// the protocol anew.
func (d *decoder) setRoot(c *cellDecl, root bool) {
	text := "false"
	if root {
		text = "true"
	}
	at := func(name string) int {
		return slices.IndexFunc(c.proto.params, func(x param) bool { return x.name == name })
	}
	params := append(slices.Clone(c.spec.Params), cells.Param{Name: rootParam, Value: text})
	slices.SortStableFunc(params, func(a, b cells.Param) int { return at(a.Name) - at(b.Name) })
	c.spec.Params = params
	made, err := c.proto.make(params)
	if err != nil {
		d.errorf(c.node, "cell %s: root %s: %v", suggest.Quoted(string(c.spec.ID)), text, err)
		return
	}
	c.made = made
}
