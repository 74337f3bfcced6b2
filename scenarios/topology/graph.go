package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// The bounds of a graph.
const (
	NodesMax = 1 << 20
	LinksMax = 1 << 22
	NameMax  = 63 // bytes, as cells and links have it
)

// Graph is who is joined with whom. It does not change once it is made.
type Graph struct {
	Nodes []Node
	Links []Link

	first []int32 // where the ports of a node begin in ports; one more at the end
	ports []Port
}

// Node is a place for a cell.
type Node struct {
	Name string
	Kind string // what it is in the graph: "corner", "leaf", "core", …
	// X and Y are where a picture has the node: X to the right, Y downward,
	// neighbours of regular graphs at least Step apart.
	X, Y int64
}

// Step is the distance between neighbours in the pictures of regular graphs.
const Step = 1000

// Link joins two nodes.
type Link struct {
	Name string
	Kind string
	Ends [2]End // of generated links, the node that comes first in Nodes is first
}

// End is an end of a link: a node by its index, and the number of its port.
type End struct {
	Node int32
	Port int32
}

// PortName is what the port of an end is called: p0, p1, …
func (e End) PortName() string { return "p" + strconv.Itoa(int(e.Port)) }

// Port is what a port leads to.
type Port struct {
	Link int32 // by its index
	Peer int32 // the node at the other end
}

// Ports are the ports of a node, in their order. They must not be changed.
func (g *Graph) Ports(node int) []Port { return g.ports[g.first[node]:g.first[node+1]] }

// Prefixed is the graph with a text before all names of nodes and links.
func (g *Graph) Prefixed(prefix string) (*Graph, error) {
	if prefix == "" {
		return g, nil
	}
	p := &Graph{Nodes: slices.Clone(g.Nodes), Links: slices.Clone(g.Links), first: g.first, ports: g.ports}
	for i := range p.Nodes {
		p.Nodes[i].Name = prefix + p.Nodes[i].Name
		if err := checkName("node", p.Nodes[i].Name); err != nil {
			return nil, err
		}
	}
	for i := range p.Links {
		p.Links[i].Name = prefix + p.Links[i].Name
		if err := checkName("link", p.Links[i].Name); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// checkName says what is wrong with a name that cells and links cannot have.
func checkName(what, name string) error {
	ok := name != "" && len(name) <= NameMax && name[0] != '-'
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
	}
	if !ok {
		return fmt.Errorf("%s %.80q: want letters, digits, _ and -, at most %d, not beginning with -", what, name, NameMax)
	}
	return nil
}

// builder collects a graph.
type builder struct{ g *Graph }

func newBuilder(nodes, links int64) builder {
	return builder{&Graph{Nodes: make([]Node, 0, nodes), Links: make([]Link, 0, links)}}
}

func (b builder) node(name, kind string, x, y int64) int {
	b.g.Nodes = append(b.g.Nodes, Node{name, kind, x, y})
	return len(b.g.Nodes) - 1
}

// numbered adds n nodes n0, n1, … on a circle, the first at the top.
func (b builder) numbered(n int64, kind string) {
	for i := range n {
		x, y := onCircle(i, n)
		b.node("n"+strconv.FormatInt(i, 10), kind, x, y)
	}
}

func (b builder) link(kind string, u, v int) {
	b.g.Links = append(b.g.Links, Link{Kind: kind, Ends: [2]End{{Node: int32(min(u, v))}, {Node: int32(max(u, v))}}})
}

// done puts the links in order, names them, and numbers the ports.
func (b builder) done() *Graph {
	slices.SortFunc(b.g.Links, func(x, y Link) int {
		return cmp.Or(cmp.Compare(x.Ends[0].Node, y.Ends[0].Node), cmp.Compare(x.Ends[1].Node, y.Ends[1].Node))
	})
	for i := range b.g.Links {
		l := &b.g.Links[i]
		l.Name = b.g.Nodes[l.Ends[0].Node].Name + "-" + b.g.Nodes[l.Ends[1].Node].Name
	}
	b.g.number()
	return b.g
}

// number numbers the ports: those of a node in the order of links.
func (g *Graph) number() {
	g.first = make([]int32, len(g.Nodes)+1)
	for i := range g.Links {
		for _, e := range g.Links[i].Ends {
			g.first[e.Node+1]++
		}
	}
	for i := range g.Nodes {
		g.first[i+1] += g.first[i]
	}
	g.ports = make([]Port, 2*len(g.Links))
	next := slices.Clone(g.first)
	for i := range g.Links {
		ends := &g.Links[i].Ends
		for side := range ends {
			node := ends[side].Node
			ends[side].Port = next[node] - g.first[node]
			g.ports[next[node]] = Port{Link: int32(i), Peer: ends[1-side].Node}
			next[node]++
		}
	}
}

// between says so if a number of a generator is out of its bounds.
func between(name string, v, lo, hi int64) error {
	if v < lo || v > hi {
		return fmt.Errorf("%s %d: must lie between %d and %d", name, v, lo, hi)
	}
	return nil
}

// bounded says so if a graph would be too large.
func bounded(nodes, links int64) error {
	switch {
	case nodes > NodesMax:
		return fmt.Errorf("%d nodes: at most %d", nodes, NodesMax)
	case links > LinksMax:
		return fmt.Errorf("%d links: at most %d", links, LinksMax)
	}
	return nil
}
