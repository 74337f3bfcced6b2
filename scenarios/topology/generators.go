package topology

import (
	"fmt"

	"example.com/dsim/des"
)

// Generator makes graphs from numbers, as scenarios ask for them.
type Generator struct {
	Name      string // "fat-tree"
	Doc       string // one line
	Params    []Param
	NodeKinds []string // that its nodes may have
	LinkKinds []string
	make      func(v []int64, seed des.Seed, name string) (*Graph, error)
}

// Param is a number that a generator is given.
type Param struct {
	Name     string
	Doc      string
	Min, Max int64 // further bounds are the generator's own
	// Or is the parameter that may be given in place of this one; one of the
	// two must be.
	Or string
}

var cellsParam = Param{Name: "n", Doc: "how many cells", Min: 1, Max: NodesMax}

// generators are in the order in which a reader is told of them.
var generators = []Generator{
	{
		"line", "cells in a row",
		[]Param{cellsParam},
		[]string{"end", "inner"},
		[]string{"link"},
		func(v []int64, _ des.Seed, _ string) (*Graph, error) { return Line(v[0]) },
	},
	{
		"ring", "cells in a circle",
		[]Param{cellsParam},
		[]string{"node"},
		[]string{"link"},
		func(v []int64, _ des.Seed, _ string) (*Graph, error) { return Ring(v[0]) },
	},
	{
		"star", "n0 in the middle, joined with all others",
		[]Param{cellsParam},
		[]string{"hub", "leaf"},
		[]string{"spoke"},
		func(v []int64, _ des.Seed, _ string) (*Graph, error) { return Star(v[0]) },
	},
	{
		"grid", "rows and columns, each cell joined with those next to it",
		[]Param{{Name: "rows", Doc: "how many rows", Min: 1, Max: NodesMax}, {Name: "cols", Doc: "how many columns", Min: 1, Max: NodesMax}},
		[]string{"corner", "border", "inner"},
		[]string{"row", "column"},
		func(v []int64, _ des.Seed, _ string) (*Graph, error) { return Grid(v[0], v[1]) },
	},
	{
		"torus", "a grid whose rows and columns are rings",
		[]Param{{Name: "rows", Doc: "how many rows", Min: 3, Max: NodesMax}, {Name: "cols", Doc: "how many columns", Min: 3, Max: NodesMax}},
		[]string{"node"},
		[]string{"row", "column"},
		func(v []int64, _ des.Seed, _ string) (*Graph, error) { return Torus(v[0], v[1]) },
	},
	{
		"tree", "a root, its children, theirs, and so on",
		[]Param{{Name: "depth", Doc: "levels below the root", Min: 0, Max: NodesMax - 1}, {Name: "fan-out", Doc: "children of each cell", Min: 1, Max: NodesMax - 1}},
		[]string{"root", "inner", "leaf"},
		[]string{"inner", "leaf"},
		func(v []int64, _ des.Seed, _ string) (*Graph, error) { return Tree(v[0], v[1]) },
	},
	{
		"mesh", "each cell joined with each",
		[]Param{cellsParam},
		[]string{"node"},
		[]string{"link"},
		func(v []int64, _ des.Seed, _ string) (*Graph, error) { return Mesh(v[0]) },
	},
	{
		"fat-tree", "core, aggregating and edge switches of k ports, and hosts",
		[]Param{{Name: "k", Doc: "ports of a switch, an even number", Min: 2, Max: 1024}},
		[]string{"core", "agg", "edge", "host"},
		[]string{"core-agg", "agg-edge", "edge-host"},
		func(v []int64, _ des.Seed, _ string) (*Graph, error) { return FatTree(v[0]) },
	},
	{
		"geometric", "cells at random places of a square, joined where they are near, and made one by bridges",
		[]Param{
			cellsParam,
			{Name: "radius", Doc: "how far a link reaches; the square's side is 1000000", Min: 0, Max: 2 * Side, Or: "degree"},
			{Name: "degree", Doc: "how many links a cell has on average", Min: 0, Max: NodesMax, Or: "radius"},
		},
		[]string{"node"},
		[]string{"link", "bridge"},
		func(v []int64, seed des.Seed, name string) (*Graph, error) {
			if v[1] < 0 {
				return GeometricOfDegree(seed, name, v[0], v[2])
			}
			return Geometric(seed, name, v[0], v[1])
		},
	},
	{
		"barabasi-albert", "a graph that grows: cells join those that have many links already",
		[]Param{
			{Name: "n", Doc: "how many cells", Min: 2, Max: NodesMax},
			{Name: "m", Doc: "how many links a new cell makes", Min: 1, Max: NodesMax - 1},
		},
		[]string{"core", "node"},
		[]string{"core", "link"},
		func(v []int64, seed des.Seed, name string) (*Graph, error) {
			return BarabasiAlbert(seed, name, v[0], v[1])
		},
	},
}

// Generators are all generators. The list must not be changed.
func Generators() []Generator { return generators }

// Make makes a graph from a value for each of Params, -1 where another one
// stands for it. Random graphs follow from the seed and the name.
func (g *Generator) Make(values []int64, seed des.Seed, name string) (*Graph, error) {
	if len(values) != len(g.Params) {
		return nil, fmt.Errorf("%s: %d values, want %d", g.Name, len(values), len(g.Params))
	}
	graph, err := g.make(values, seed, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.Name, err)
	}
	return graph, nil
}
