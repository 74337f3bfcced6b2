package tokenring

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// oracle judges that a token is in one place at a time: one cell at most holds
// it, and no hop of it is made twice. While a token is thought lost and is only
// late there may be two in the ring, but they are different ones: what is
// written under a token's number is written by one cell at a time.
//
// This is so while links lose, copy, delay and reorder as they like. It is not
// promised once the cell of the lowest name has lost its memory.
type oracle struct{ tokens map[int64]*place }

// place is where a token is.
type place struct {
	holder cells.ID // empty while it is under way
	hop    int64
}

// NewOracle makes the oracle of "ring/one-place".
func NewOracle() cells.Oracle { return &oracle{make(map[int64]*place)} }

func (o *oracle) Kinds() []cells.Kind { return []cells.Kind{KindHold, KindPass} }

func (o *oracle) Observe(_ des.Key, e cells.Emission) error {
	at := o.tokens[e.A]
	switch {
	case at == nil:
		o.tokens[e.A] = &place{e.Cell, e.B}
	case e.Kind == KindPass:
		at.holder = ""
	case at.holder != "":
		return fmt.Errorf("%s takes token %d, which %s holds", e.Cell, e.A, at.holder)
	case e.B <= at.hop:
		return fmt.Errorf("%s takes token %d at hop %d, it has made hop %d", e.Cell, e.A, e.B, at.hop)
	default:
		at.holder, at.hop = e.Cell, e.B
	}
	return nil
}

func (o *oracle) Finish() error { return nil }
