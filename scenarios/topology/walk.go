package topology

// Degree is how many links a node has.
func (g *Graph) Degree(node int) int { return len(g.Ports(node)) }

// Distances are the numbers of links on the shortest ways from a node to each,
// -1 where there is none.
func (g *Graph) Distances(from int) []int32 {
	w := newWalk(g)
	w.from(from)
	return w.dist
}

// Components numbers the connected components in the order of their first
// nodes: which each node is in, and how many there are.
func (g *Graph) Components() (of []int32, n int) {
	w := newWalk(g)
	of = make([]int32, len(g.Nodes))
	for i := range of {
		of[i] = -1
	}
	for i := range of {
		if of[i] >= 0 {
			continue
		}
		w.queue = append(w.queue[:0], int32(i))
		of[i] = int32(n)
		for k := 0; k < len(w.queue); k++ {
			for _, p := range g.Ports(int(w.queue[k])) {
				if of[p.Peer] < 0 {
					of[p.Peer] = int32(n)
					w.queue = append(w.queue, p.Peer)
				}
			}
		}
		n++
	}
	return of, n
}

// Connected reports whether there is a way between any two nodes.
func (g *Graph) Connected() bool {
	_, n := g.Components()
	return n <= 1
}

// Diameter is the greatest distance between two nodes that reach each other.
// It walks the graph once from each node: a graph of 10,000 nodes takes a
// second, and the square of that for more.
func (g *Graph) Diameter() int {
	w := newWalk(g)
	most := int32(0)
	for i := range g.Nodes {
		most = max(most, w.from(i))
	}
	return int(most)
}

// walk is a breadth-first search whose room is used again.
type walk struct {
	g     *Graph
	dist  []int32
	queue []int32
}

func newWalk(g *Graph) *walk {
	return &walk{g: g, dist: make([]int32, len(g.Nodes)), queue: make([]int32, 0, len(g.Nodes))}
}

// from finds all distances from a node, and gives the greatest.
func (w *walk) from(node int) int32 {
	for i := range w.dist {
		w.dist[i] = -1
	}
	w.dist[node] = 0
	w.queue = append(w.queue[:0], int32(node))
	far := int32(0)
	for k := 0; k < len(w.queue); k++ {
		far = w.dist[w.queue[k]]
		for _, p := range w.g.Ports(int(w.queue[k])) {
			if w.dist[p.Peer] < 0 {
				w.dist[p.Peer] = far + 1
				w.queue = append(w.queue, p.Peer)
			}
		}
	}
	return far
}
