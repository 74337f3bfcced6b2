package topology

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strconv"

	"example.com/dsim/des"
)

// Side is the side of the square that [Geometric] puts its nodes into.
const Side = 1_000_000

// Geometric is n nodes at random places of a square of Side by Side, joined
// where they are at most radius apart. What is not connected then is joined by
// the shortest links that do it. Nodes are of kind node, links of kind link or,
// of those, bridge. Places are drawn from the seed's stream for the name.
func Geometric(seed des.Seed, name string, n, radius int64) (*Graph, error) {
	if err := between("n", n, 1, NodesMax); err != nil {
		return nil, err
	}
	if err := between("radius", radius, 0, 2*Side); err != nil {
		return nil, err
	}
	b := newBuilder(n, 0)
	chance := seed.Rand("topology", 0, name+"/places")
	for i := range uint64(n) {
		x, _ := bits.Mul64(chance.At(i, 0), Side)
		y, _ := bits.Mul64(chance.At(i, 1), Side)
		b.node("n"+strconv.FormatUint(i, 10), "node", int64(x), int64(y))
	}
	links := 0
	whole := within(b.g.Nodes, radius, func(pair) bool {
		links++
		return links <= LinksMax
	})
	if !whole {
		return nil, fmt.Errorf("radius %d: more than %d links", radius, LinksMax)
	}
	b.g.Links = slices.Grow(b.g.Links, links)
	sets := newSets(int(n))
	within(b.g.Nodes, radius, func(p pair) bool {
		b.link("link", int(p.u), int(p.v))
		sets.join(p.u, p.v)
		return true
	})
	b.bridge(sets, radius)
	return b.done(), nil
}

// GeometricOfDegree is Geometric with the radius at which a node far from the
// border has so many links on average. Nodes near it have fewer.
func GeometricOfDegree(seed des.Seed, name string, n, degree int64) (*Graph, error) {
	if err := between("n", n, 2, NodesMax); err != nil {
		return nil, err
	}
	if err := between("degree", degree, 0, n-1); err != nil {
		return nil, err
	}
	// A circle of the radius holds degree of the n-1 others: πr² = Side²·degree/(n-1).
	hi, lo := bits.Mul64(uint64(degree)*113, Side*Side)
	square, _ := bits.Div64(hi, lo, 355*uint64(n-1))
	return Geometric(seed, name, n, int64(root(square)))
}

// root is the greatest number whose square is at most n.
func root(n uint64) uint64 {
	r := uint64(0)
	for bit := uint64(1) << 31; bit > 0; bit >>= 1 {
		if (r+bit)*(r+bit) <= n {
			r += bit
		}
	}
	return r
}

// pair are two nodes and the square of their distance.
type pair struct {
	u, v   int32
	square int64
}

// bridge joins what is apart, by the shortest links first (Kruskal 1956), among
// those that double the radius until all is joined.
func (b builder) bridge(sets *sets, radius int64) {
	for radius = max(radius, 1); sets.n > 1; {
		radius *= 2
		var apart []pair
		within(b.g.Nodes, radius, func(p pair) bool {
			if sets.find(p.u) != sets.find(p.v) {
				apart = append(apart, p)
			}
			return true
		})
		slices.SortFunc(apart, func(p, q pair) int {
			return cmp.Or(cmp.Compare(p.square, q.square), cmp.Compare(p.u, q.u), cmp.Compare(p.v, q.v))
		})
		for _, p := range apart {
			if sets.join(p.u, p.v) {
				b.link("bridge", int(p.u), int(p.v))
			}
		}
	}
}

// within calls f with every pair that is at most radius apart, until it says
// false, and reports whether it never did. The square is cut into smaller ones
// with sides of at least radius, so that only neighbouring ones are looked at.
func within(nodes []Node, radius int64, f func(pair) bool) bool {
	across := int64(root(uint64(len(nodes)))) + 1
	side := max(radius, Side/across, 1)
	across = Side/side + 1
	first := make([]int32, across*across+1)
	square := func(n *Node) int64 { return n.Y/side*across + n.X/side }
	for i := range nodes {
		first[square(&nodes[i])+1]++
	}
	for i := range across * across {
		first[i+1] += first[i]
	}
	in, next := make([]int32, len(nodes)), slices.Clone(first)
	for i := range nodes {
		s := square(&nodes[i])
		in[next[s]] = int32(i)
		next[s]++
	}
	for u := range nodes {
		cx, cy := nodes[u].X/side, nodes[u].Y/side
		for y := max(cy-1, 0); y <= min(cy+1, across-1); y++ {
			for _, v := range in[first[y*across+max(cx-1, 0)]:first[y*across+min(cx+1, across-1)+1]] {
				dx, dy := nodes[u].X-nodes[v].X, nodes[u].Y-nodes[v].Y
				if d := dx*dx + dy*dy; int(v) > u && d <= radius*radius && !f(pair{int32(u), v, d}) {
					return false
				}
			}
		}
	}
	return true
}

// sets are disjoint sets of nodes.
type sets struct {
	up []int32
	n  int // how many
}

func newSets(n int) *sets {
	s := &sets{up: make([]int32, n), n: n}
	for i := range s.up {
		s.up[i] = int32(i)
	}
	return s
}

func (s *sets) find(i int32) int32 {
	for s.up[i] != i {
		s.up[i] = s.up[s.up[i]]
		i = s.up[i]
	}
	return i
}

// join makes one set of two, and reports whether they were two.
func (s *sets) join(i, j int32) bool {
	i, j = s.find(i), s.find(j)
	if i == j {
		return false
	}
	s.up[max(i, j)] = min(i, j)
	s.n--
	return true
}

// BarabasiAlbert is a graph that grows to n nodes: the first m+1, of kind core,
// are all joined; each of the others, of kind node, is joined with m different
// ones before it, each chosen with a probability in proportion to its degree
// (Barabási, Albert 1999). Links are of kind core and link. There are
// m(m+1)/2 + (n-m-1)m of them. Choices are drawn from the seed's stream for
// the name.
func BarabasiAlbert(seed des.Seed, name string, n, m int64) (*Graph, error) {
	if err := between("n", n, 2, NodesMax); err != nil {
		return nil, err
	}
	if err := between("m", m, 1, n-1); err != nil {
		return nil, err
	}
	links := m*(m+1)/2 + (n-m-1)*m
	if err := bounded(n, links); err != nil {
		return nil, err
	}
	b := newBuilder(n, links)
	b.numbered(n, "node")
	ends := make([]int32, 0, 2*links) // each node as often as it has links
	for i := range int(m) + 1 {
		b.g.Nodes[i].Kind = "core"
		for j := range i {
			b.link("core", j, i)
			ends = append(ends, int32(j), int32(i))
		}
	}
	chance := seed.Rand("topology", 0, name+"/choices")
	chosen, chosenBy := make([]int32, 0, m), make([]int32, n)
	for i := int32(m) + 1; int64(i) < n; i++ {
		chosen = chosen[:0]
		for slot := uint32(0); int64(len(chosen)) < m; slot++ {
			k, _ := bits.Mul64(chance.At(uint64(i), slot), uint64(len(ends)))
			if j := ends[k]; chosenBy[j] != i {
				chosenBy[j] = i
				chosen = append(chosen, j)
			}
		}
		for _, j := range chosen {
			b.link("link", int(j), int(i))
			ends = append(ends, j, i)
		}
	}
	return b.done(), nil
}
