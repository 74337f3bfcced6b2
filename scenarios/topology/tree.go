package topology

import (
	"fmt"
	"strconv"
)

// Tree is a node n0 of kind root with fan-out children, each of these with as
// many, down to a depth: at 0 there is the root alone. What has no children is
// of kind leaf, the rest inner; names are in the order of levels. Links are of
// the kind of their lower end. Its diameter is twice the depth.
func Tree(depth, fanOut int64) (*Graph, error) {
	if err := between("depth", depth, 0, NodesMax-1); err != nil {
		return nil, err
	}
	if err := between("fan-out", fanOut, 1, NodesMax-1); err != nil {
		return nil, err
	}
	nodes, level := int64(1), int64(1)
	for range depth {
		level *= fanOut // of two factors of at most 2^20
		nodes += level
		if err := bounded(nodes, 0); err != nil {
			return nil, err
		}
	}
	b := newBuilder(nodes, nodes-1)
	width := level * Step // of the whole picture: leaves are a Step apart
	b.node("n0", "root", width/2-Step/2, 0)
	parent, count := 0, int64(1)
	for d := range depth {
		kind := "inner"
		if d == depth-1 {
			kind = "leaf"
		}
		count *= fanOut
		for i := range count {
			x := (2*i+1)*width/(2*count) - Step/2
			child := b.node("n"+strconv.Itoa(len(b.g.Nodes)), kind, x, (d+1)*Step)
			b.link(kind, parent, child)
			if (i+1)%fanOut == 0 {
				parent++
			}
		}
	}
	return b.done(), nil
}

// FatTree is the network of a data centre of switches with k ports, k even: in
// each of k pods k/2 aggregating switches joined with k/2 edge switches, each
// of which has k/2 hosts, and (k/2)² core switches, each joined with every pod
// (Al-Fares, Loukissas, Vahdat 2008, section 3). Nodes are of kind core, agg,
// edge and host, links of kind core-agg, agg-edge and edge-host. It has k³/4
// hosts, 5k²/4 switches and 3k³/4 links; its diameter is 6.
func FatTree(k int64) (*Graph, error) {
	if err := between("k", k, 2, 1024); err != nil {
		return nil, err
	}
	if k%2 != 0 {
		return nil, fmt.Errorf("k %d: must be even", k)
	}
	half := k / 2
	nodes, links := k*k*k/4+5*k*k/4, 3*k*k*k/4
	if err := bounded(nodes, links); err != nil {
		return nil, err
	}
	b := newBuilder(nodes, links)
	width := k * half * half * Step // hosts are a Step apart
	for i := range half * half {
		b.node("core"+strconv.FormatInt(i, 10), "core", (2*i+1)*width/(2*half*half)-Step/2, 0)
	}
	for pod := range k {
		b.pod(pod, half)
	}
	return b.done(), nil
}

// pod adds a pod of a fat tree. Aggregating switch a has the core switches
// from a·k/2 to (a+1)·k/2-1.
func (b builder) pod(pod, half int64) {
	name := "p" + strconv.FormatInt(pod, 10) + "-"
	number := func(i int64) string { return strconv.FormatInt(i, 10) }
	left := pod * half * half * Step
	middle := func(i int64) int64 { return left + i*half*Step + (half-1)*Step/2 }
	first := len(b.g.Nodes)
	for a := range half {
		i := b.node(name+"agg"+number(a), "agg", middle(a), 2*Step)
		for c := range half {
			b.link("core-agg", int(a*half+c), i)
		}
	}
	for e := range half {
		i := b.node(name+"edge"+number(e), "edge", middle(e), 4*Step)
		for a := range int(half) {
			b.link("agg-edge", first+a, i)
		}
	}
	for e := range half {
		for h := range half {
			i := b.node(name+"e"+number(e)+"-h"+number(h), "host", left+(e*half+h)*Step, 6*Step)
			b.link("edge-host", first+int(half+e), i)
		}
	}
}
