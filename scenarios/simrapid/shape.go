package simrapid

import (
	"example.com/dsim/scenarios/topology"
	"pgregory.net/rapid"
)

// Shape gives the pairs of cells that are joined, by their numbers, for a world
// of n cells. Ports are numbered as links come: a cell's first link is at p0.
type Shape func(rt *rapid.T, n int) [][2]int

// Tree joins each cell with one before it; the smallest is a line.
func Tree(rt *rapid.T, n int) (pairs [][2]int) {
	for i := 1; i < n; i++ {
		pairs = append(pairs, [2]int{i - 1 - rapid.IntRange(0, i-1).Draw(rt, "back"), i})
	}
	return pairs
}

// Ring joins each cell with the next and the last with the first, so that each
// has two ports, p0 and p1. Two cells are joined by two links; one by none.
func Ring(_ *rapid.T, n int) (pairs [][2]int) {
	for i := range n {
		if n > 1 {
			pairs = append(pairs, [2]int{i, (i + 1) % n})
		}
	}
	return pairs
}

// Graph is a shape that package topology makes of a number of nodes, such as
// topology.Star; the plan must not ask for fewer than it takes.
func Graph(of func(n int64) (*topology.Graph, error)) Shape {
	return func(rt *rapid.T, n int) (pairs [][2]int) {
		g, err := of(int64(n))
		if err != nil {
			rt.Fatalf("a graph of %d cells: %v", n, err)
		}
		for _, l := range g.Links {
			pairs = append(pairs, [2]int{int(l.Ends[0].Node), int(l.Ends[1].Node)})
		}
		return pairs
	}
}
