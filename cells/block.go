package cells

import (
	"fmt"

	"example.com/dsim/des"
)

// Block is many cells that differ in their number only: what a generator of
// topologies makes. Nothing is kept of each but the cell itself; names are
// found by arithmetic.
type Block struct {
	Cells int      // how many
	Spec  CellSpec // of each, but for its ID
	// Make makes the protocol of the i-th, now and at every restart.
	Make func(i int) (Protocol, error)
	// Named is the name of the i-th, and Find its inverse.
	Named func(i int) ID
	Find  func(ID) (i int, ok bool)

	first CellRef
}

// Name is the name of one of the block's cells.
func (b *Block) Name(ref CellRef) ID { return b.Named(int(ref - b.first)) }

// AddBlock puts all cells of a block into the host. Their clocks show true time.
func (h *Host) AddBlock(b Block) (first CellRef, err error) {
	if b.Cells < 1 || len(h.cells)+b.Cells > des.IndexMax {
		return 0, fmt.Errorf("block of %d cells: must be 1 to %d with those there are", b.Cells, des.IndexMax)
	}
	if b.Spec.Clock != (ClockSpec{}) {
		return 0, fmt.Errorf("block of %d cells: clocks must show true time", b.Cells)
	}
	if _, there := h.Find(b.Named(0)); there {
		return 0, fmt.Errorf("cell %q: exists already", b.Named(0))
	}
	b.first = CellRef(len(h.cells))
	ports := len(b.Spec.Ports)
	at := PortRef(len(h.ports))
	h.cells = grow(h.cells, b.Cells)
	h.ports = grow(h.ports, b.Cells*ports)
	h.blocks = append(h.blocks, b)
	for i := range b.Cells {
		p, err := b.Make(i)
		if err != nil {
			return 0, fmt.Errorf("cell %q: %w", b.Named(i), err)
		}
		ref := b.first + CellRef(i)
		h.cells[ref] = cell{protocol: p, run: Running, first: at, ports: uint32(ports), block: uint32(len(h.blocks))}
		for range ports {
			h.ports[at] = PortRecord{cell: ref, State: PortUnbound, flags: portStatic}
			at++
		}
		h.lanes[0].post(ref, des.OpStart, 0, 0)
	}
	return b.first, nil
}

// grow makes room for exactly n more, so that a large world has no slack.
func grow[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s[:len(s)+n]
	}
	t := make([]T, len(s)+n)
	copy(t, s)
	return t
}

// block is the block of a cell that is in one.
func (h *Host) block(ref CellRef) *Block { return &h.blocks[h.cells[ref].block-1] }

// inBlock finds a cell by its name among the blocks.
func (h *Host) inBlock(id ID) (CellRef, bool) {
	for k := range h.blocks {
		if i, ok := h.blocks[k].Find(id); ok {
			return h.blocks[k].first + CellRef(i), true
		}
	}
	return 0, false
}

// Numbered names the cells of a block prefix0, prefix1, and so on.
func Numbered(prefix string, n int) (named func(int) ID, find func(ID) (int, bool)) {
	named = func(i int) ID { return ID(fmt.Sprintf("%s%d", prefix, i)) }
	find = func(id ID) (int, bool) {
		var i int
		s := string(id)
		if len(s) <= len(prefix) || s[:len(prefix)] != prefix {
			return 0, false
		}
		for _, d := range s[len(prefix):] {
			if d < '0' || d > '9' || i > n {
				return 0, false
			}
			i = 10*i + int(d-'0')
		}
		return i, i < n && string(named(i)) == s
	}
	return named, find
}
