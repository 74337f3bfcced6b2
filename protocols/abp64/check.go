package abp64

import (
	"fmt"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// OracleName is what scenarios call the oracle.
const OracleName = "abp64/counts-up"

// oracle holds the law: between the two ends of a pair, values are taken in
// turn, each once: 1 by the responder, 2 by the sender, 4 by the responder, and
// so on. Ends whose peer is not known are not judged.
type oracle struct {
	pairs map[string]*pair // by both names, and by each; looked up, never ranged over
}

type pair struct {
	responder bool   // takes the next value
	next      uint32 // which one it is
}

// NewOracle gives the oracle "abp64/counts-up", for any number of pairs.
func NewOracle() cells.Oracle { return &oracle{pairs: make(map[string]*pair)} }

// Kinds are the emissions the oracle reads.
func (o *oracle) Kinds() []cells.Kind { return []cells.Kind{KindPair, KindTake} }

// Observe takes one emission.
func (o *oracle) Observe(_ des.Key, m cells.Emission) error {
	self := string(m.Cell)
	if m.Kind == KindPair {
		if i := strings.LastIndexByte(m.Text, ':'); i >= 0 {
			both := min(self, m.Text[:i]) + " " + max(self, m.Text[:i])
			if o.pairs[both] == nil {
				o.pairs[both] = &pair{responder: true, next: 1}
			}
			o.pairs[self] = o.pairs[both]
		}
		return nil
	}
	p := o.pairs[self]
	if p == nil {
		return nil
	}
	v, responder := uint32(m.A), m.B != 0
	if responder != p.responder {
		return fmt.Errorf("%s takes %d, but it is the other end's turn, with %d", m.Cell, v, p.next)
	}
	if v != p.next {
		return fmt.Errorf("%s takes %d, the next is %d", m.Cell, v, p.next)
	}
	p.responder = !responder
	if p.next++; !responder {
		p.next++ // the sender adds one, and its transmitter another
	}
	return nil
}

// Finish finds nothing more.
func (o *oracle) Finish() error { return nil }
