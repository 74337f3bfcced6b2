package tree

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// oracle judges that a transaction is executed at most once in each cell, also
// over crashes, and that what the root says of it is true: a reply counts no
// cell twice and none that did not execute it, and what is complete counts all
// that did.
type oracle struct {
	done  map[execution]*numbers
	tally map[transaction]*tally
	cells map[cells.ID]saidCells
}

type execution struct {
	cell cells.ID
	tree int64
}

type transaction struct{ tree, number int64 }

type tally struct {
	cells, sum uint64
	over       bool
}

// saidCells is a KindCells, which belongs to the next emission of its cell.
type saidCells struct {
	at         des.Key
	cells, sum int64
}

// numbers is a set of small numbers, and of others.
type numbers struct {
	small []uint64
	large map[int64]bool
}

// smallMax is what a set keeps as bits.
const smallMax = 1 << 16

// add puts n into the set, and reports whether it was not there.
func (s *numbers) add(n int64) bool {
	if n < 0 || n >= smallMax {
		if s.large[n] {
			return false
		}
		if s.large == nil {
			s.large = make(map[int64]bool)
		}
		s.large[n] = true
		return true
	}
	for int(n/64) >= len(s.small) {
		s.small = append(s.small, 0)
	}
	fresh := s.small[n/64]>>(n%64)&1 == 0
	s.small[n/64] |= 1 << (n % 64)
	return fresh
}

// NewOracle gives the oracle of tree/at-most-once.
func NewOracle() cells.Oracle {
	return &oracle{
		done: make(map[execution]*numbers), tally: make(map[transaction]*tally), cells: make(map[cells.ID]saidCells),
	}
}

// Kinds are what the oracle wants to see.
func (o *oracle) Kinds() []cells.Kind {
	return []cells.Kind{KindBegin, KindExecute, KindCells, KindComplete, KindPartial, KindTimedOut}
}

// Observe takes one emission.
func (o *oracle) Observe(at des.Key, m cells.Emission) error {
	t := transaction{m.A, m.B}
	switch m.Kind {
	case KindCells:
		o.cells[m.Cell] = saidCells{at, m.A, m.B}
		return nil
	case KindBegin:
		if o.tally[t] != nil {
			return fmt.Errorf("%s begins transaction %d of tree %#x again", m.Cell, m.B, uint64(m.A))
		}
		o.tally[t] = &tally{}
		return nil
	case KindExecute:
		return o.execute(m, t)
	}
	return o.result(at, m, t)
}

func (o *oracle) execute(m cells.Emission, t transaction) error {
	y := o.tally[t]
	if y == nil {
		return fmt.Errorf("%s executes transaction %d of tree %#x, which nobody has begun", m.Cell, m.B, uint64(m.A))
	}
	x := execution{m.Cell, m.A}
	done := o.done[x]
	if done == nil {
		done = &numbers{}
		o.done[x] = done
	}
	if !done.add(m.B) {
		return fmt.Errorf("%s executes transaction %d of tree %#x again", m.Cell, m.B, uint64(m.A))
	}
	y.cells++
	y.sum += cellHash(string(m.Cell))
	return nil
}

func (o *oracle) result(at des.Key, m cells.Emission, t transaction) error {
	what := fmt.Sprintf("%s says %s of transaction %d of tree %#x", m.Cell, m.Kind, m.B, uint64(m.A))
	y, said := o.tally[t], o.cells[m.Cell]
	delete(o.cells, m.Cell)
	switch {
	case y == nil:
		return fmt.Errorf("%s, which nobody has begun", what)
	case y.over:
		return fmt.Errorf("%s, again", what)
	case said.at != at:
		return fmt.Errorf("%s, and not of how many cells", what)
	}
	y.over = true
	got, sum := uint64(said.cells), uint64(said.sum)
	switch {
	case got > y.cells:
		return fmt.Errorf("%s in %d cells, it was executed in %d", what, got, y.cells)
	case got == y.cells && sum != y.sum:
		return fmt.Errorf("%s in %d cells, as many as executed it, but not the same", what, got)
	case got < y.cells && m.Kind == KindComplete:
		return fmt.Errorf("%s in %d cells, it was executed in %d", what, got, y.cells)
	}
	return nil
}

// Finish finds nothing more: that a transaction was never answered may be
// because its root crashed.
func (o *oracle) Finish() error { return nil }
