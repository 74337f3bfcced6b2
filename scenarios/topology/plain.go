package topology

import "strconv"

// Line is n nodes in a row. Its ends are of kind end, the others inner; links
// are of kind link. Its diameter is n-1.
func Line(n int64) (*Graph, error) {
	if err := between("n", n, 1, NodesMax); err != nil {
		return nil, err
	}
	b := newBuilder(n, n-1)
	for i := range n {
		kind := "inner"
		if i == 0 || i == n-1 {
			kind = "end"
		}
		b.node("n"+strconv.FormatInt(i, 10), kind, i*Step, 0)
	}
	for i := range int(n - 1) {
		b.link("link", i, i+1)
	}
	return b.done(), nil
}

// Ring is n nodes, at least 3, of kind node, in a circle; links are of kind
// link. Its diameter is n/2.
func Ring(n int64) (*Graph, error) {
	if err := between("n", n, 3, NodesMax); err != nil {
		return nil, err
	}
	b := newBuilder(n, n)
	b.numbered(n, "node")
	for i := range int(n) {
		b.link("link", i, (i+1)%int(n))
	}
	return b.done(), nil
}

// Star is n nodes, at least 2: n0 of kind hub in the middle, and the others of
// kind leaf; links are of kind spoke.
func Star(n int64) (*Graph, error) {
	if err := between("n", n, 2, NodesMax); err != nil {
		return nil, err
	}
	b := newBuilder(n, n-1)
	b.node("n0", "hub", 0, 0)
	for i := range n - 1 {
		x, y := onCircle(i, n-1)
		b.node("n"+strconv.FormatInt(i+1, 10), "leaf", x, y)
		b.link("spoke", 0, int(i)+1)
	}
	return b.done(), nil
}

// Mesh is n nodes of kind node, each joined with each; links are of kind link.
// There are n(n-1)/2 of them.
func Mesh(n int64) (*Graph, error) {
	if err := between("n", n, 1, NodesMax); err != nil {
		return nil, err
	}
	links := n * (n - 1) / 2
	if err := bounded(n, links); err != nil {
		return nil, err
	}
	b := newBuilder(n, links)
	b.numbered(n, "node")
	for i := range int(n) {
		for j := i + 1; j < int(n); j++ {
			b.link("link", i, j)
		}
	}
	return b.done(), nil
}
