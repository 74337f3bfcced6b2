// Package topology makes graphs: who is joined with whom in a world of many
// cells.
//
// A generator is a function such as [Grid] or [FatTree] that gives a [Graph]:
// nodes with names, kinds and places, and links with names, kinds and ends.
//
//	g, err := topology.Grid(10, 10)
//	fmt.Println(g.Nodes[23].Name, g.Degree(23), g.Diameter()) // r2c3 4 18
//
// The same graphs are made from numbers by name, as scenarios ask for them, by
// a [Generator] of [Generators].
//
// # Names
//
// A node of most graphs is n and its index: n0, n1, … Nodes of [Grid] and
// [Torus] are r and the row, c and the column: r2c3. Those of [FatTree] are
// core0, p1-agg0, p1-edge0 and p1-e0-h1: pod 1, edge 0, host 1. Those of
// [Read] are called what the list calls them. A prefix, see [Graph.Prefixed],
// stands before all names of a graph. A link is named after its ends, with a
// hyphen between: n0-n1, r2c3-r2c4, core0-p1-agg0; with a prefix it is the
// prefix that stands once: west-n0-n1.
//
// # Order and ports
//
// Generated links are in the order of their ends, and the first end is the
// node that comes first; links that were read are in the order of the list.
// Port k of a node is the k-th of its links: so in generated graphs ports are
// in the order of neighbours. In a grid they are, as far as they are there,
// up, left, right, down.
//
// # Connectedness
//
// Every graph but one that was read is connected. [Geometric] joins what the
// radius leaves apart by links of a kind of their own.
//
// # Chance
//
// [Geometric] and [BarabasiAlbert] draw from streams that the seed and a name
// key, by address: node i's draws are the same however many nodes follow. No
// float is used anywhere, so a graph is the same on every machine.
//
// # Leaves to others
//
// What a node runs and what a link does to frames is left to package
// scenarios; drawing pictures of places, to who shows runs.
package topology
