package simrapid_test

import (
	"testing"

	"example.com/dsim/scenarios/simrapid"
	"example.com/dsim/scenarios/topology"
	"pgregory.net/rapid"
)

func TestShapesJoinAllCells(t *testing.T) {
	shapes := []struct {
		name     string
		of       simrapid.Shape
		least    int
		links    func(n int) int
		portsMax int // of a cell; 0 is no bound
	}{
		{"tree", simrapid.Tree, 1, func(n int) int { return n - 1 }, 0},
		{"ring", simrapid.Ring, 2, func(n int) int { return n }, 2},
		{"star", simrapid.Graph(topology.Star), 2, func(n int) int { return n - 1 }, 0},
		{"line", simrapid.Graph(topology.Line), 1, func(n int) int { return n - 1 }, 2},
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.SampledFrom(shapes).Draw(rt, "shape")
		n := rapid.IntRange(s.least, 12).Draw(rt, "n")
		pairs := s.of(rt, n)
		if len(pairs) != s.links(n) {
			rt.Fatalf("%s of %d: %d links", s.name, n, len(pairs))
		}
		group, ports := make([]int, n), make([]int, n)
		for i := range group {
			group[i] = i
		}
		for _, p := range pairs {
			ports[p[0]]++
			ports[p[1]]++
			from, to := group[p[0]], group[p[1]]
			for i := range group {
				if group[i] == from {
					group[i] = to
				}
			}
		}
		for i := range n {
			if group[i] != group[0] {
				rt.Fatalf("%s of %d: cell %d is not joined with cell 0", s.name, n, i)
			}
			if s.portsMax != 0 && ports[i] > s.portsMax {
				rt.Fatalf("%s of %d: cell %d has %d ports", s.name, n, i, ports[i])
			}
		}
	})
	if pairs := simrapid.Ring(nil, 1); pairs != nil {
		t.Errorf("a ring of one has links %v", pairs)
	}
}
