package links

import (
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/cells"
)

// Block is many links that differ in their ends only: what a generator of
// topologies makes. Nothing is kept of each but its two ports; names are found
// by arithmetic.
type Block struct {
	Links int // how many
	// Ends gives the ports that the i-th joins, as their cells and the cells'
	// own numbers for them. Each port has no link yet, and as the first ends of
	// the block's links they come in ascending order.
	Ends func(i int) (a cells.CellRef, ap cells.Port, b cells.CellRef, bp cells.Port)
	// Named is the name of the i-th, and Find its inverse.
	Named func(i int) string
	Find  func(string) (i int, ok bool)
	// Params of both directions.
	Params []cells.Param
}

type linkBlock struct {
	Block
	first []cells.PortRef // of A, ascending
}

// AddBlock adds all links of a block.
func (n *Network) AddBlock(b Block) error {
	params := Defaults()
	if err := params.setAll(b.Params, nil, false); err != nil {
		return fmt.Errorf("block of %d links: %w", b.Links, err)
	}
	k, made := n.intern(params)
	if k == planOwn {
		return fmt.Errorf("block of %d links: more than %d kinds of links", b.Links, planOwn)
	}
	kept := linkBlock{Block: b, first: make([]cells.PortRef, 0, b.Links)}
	for i := range b.Links {
		ac, ap, bc, bp := b.Ends(i)
		p, err := n.host.BindNew(ac, ap)
		if err != nil {
			return fmt.Errorf("link %q: %w", b.Named(i), err)
		}
		q, err := n.host.BindNew(bc, bp)
		if err != nil {
			return fmt.Errorf("link %q: %w", b.Named(i), err)
		}
		if i > 0 && p <= kept.first[i-1] {
			return fmt.Errorf("link %q: comes after %q, but its first port does not", b.Named(i), b.Named(i-1))
		}
		kept.first = append(kept.first, p)
		n.host.Join(p, q)
		for _, end := range [2]cells.PortRef{p, q} {
			n.host.Port(end).Params = k
			if made.what != 0 {
				n.ext(end)
			}
		}
	}
	n.blocks = append(n.blocks, kept)
	return nil
}

// blockName is the name of the direction of a block's link that a port sends
// on, empty if it has none.
func (n *Network) blockName(p cells.PortRef) string {
	for k := range n.blocks {
		b := &n.blocks[k]
		if i, ok := slices.BinarySearch(b.first, p); ok {
			return b.Named(i) + ">"
		}
		if i, ok := slices.BinarySearch(b.first, n.host.Port(p).Peer); ok {
			return b.Named(i) + "<"
		}
	}
	return ""
}

// blockName is Network.blockName. While records are kept, a name is made once:
// each lane keeps those that it asked for.
func (l *lane) blockName(p cells.PortRef) string {
	if !l.trace {
		return l.n.blockName(p)
	}
	for int(p) >= len(l.names) {
		l.names = append(l.names, make([]string, int(p)+1-len(l.names))...)
	}
	if l.names[p] == "" {
		l.names[p] = l.n.blockName(p)
	}
	return l.names[p]
}

// inBlock finds the first port of a block's link by the link's name. A link
// that was adopted is in no block.
func (n *Network) inBlock(name string) (cells.PortRef, bool) {
	for k := range n.blocks {
		if i, ok := n.blocks[k].Find(name); ok {
			p := n.blocks[k].first[i]
			l, _ := n.linkOf(p)
			return p, l == nil
		}
	}
	return 0, false
}

// adopt makes the link of a block that a port is an end of one that stands for
// itself, so that it may be changed and removed. Nothing else changes.
func (n *Network) adopt(p cells.PortRef) (uint32, bool) {
	if l, _ := n.linkOf(p); l != nil || p >= cells.PortRef(n.host.Ports()) || n.host.Port(p).Peer == 0 {
		return 0, false
	}
	name := n.blockName(p)
	if strings.HasSuffix(name, "<") {
		p = n.host.Port(p).Peer
	}
	name = name[:len(name)-1]
	l := link{names: [2]string{name + ">", name + "<"}, port: [2]cells.PortRef{p, n.host.Port(p).Peer}}
	for k, end := range l.port {
		l.ends[k] = cells.Endpoint{Cell: n.host.Name(n.host.Cell(end)), Port: n.host.Unqualified(end)}
	}
	l.spec = cells.LinkSpec{Name: name, A: l.ends[0], B: l.ends[1]}
	index := uint32(len(n.links))
	n.links = append(n.links, l)
	n.byName[name] = index
	n.lives[name] = 1
	for _, end := range l.port {
		n.ext(end).link = index + 1
	}
	return index, true
}

// blockStatus appends the status of all links of blocks.
func (n *Network) blockStatus(to []cells.LinkStatus) []cells.LinkStatus {
	for k := range n.blocks {
		b := &n.blocks[k]
		for i, p := range b.first {
			if l, _ := n.linkOf(p); l != nil {
				continue // it stands for itself
			}
			q := n.host.Port(p).Peer
			to = append(to, cells.LinkStatus{
				Name: b.Named(i), Ends: [2]string{n.host.PortName(p), n.host.PortName(q)},
				AB: n.plan(p).params.Changed(), BA: n.plan(q).params.Changed(),
			})
		}
	}
	return to
}
