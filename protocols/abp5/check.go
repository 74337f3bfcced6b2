package abp5

import (
	"fmt"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// OracleName is what scenarios call the oracle.
const OracleName = "abp5/counts-up"

// oracle holds the law: between the two ends of a pair, values are taken in
// turn, each one more than the last and each once. After the client has started
// anew, either the server takes 0, or the client goes on with what the server
// kept. Ends whose peer is not known are not judged.
type oracle struct {
	pairs map[string]*pair // by both names, and by each; looked up, never ranged over
}

type pair struct {
	server bool   // who takes the next value
	next   uint32 // which one it is
	reset  bool   // the client started anew, and has not taken a value since
	kept   bool   // the server has taken a value: last
	last   uint32
}

// NewOracle gives the oracle "abp5/counts-up", for any number of pairs.
func NewOracle() cells.Oracle { return &oracle{pairs: make(map[string]*pair)} }

// Kinds are the emissions the oracle reads.
func (o *oracle) Kinds() []cells.Kind { return []cells.Kind{KindPair, KindTake, KindReset} }

// Observe takes one emission.
func (o *oracle) Observe(_ des.Key, m cells.Emission) error {
	self := string(m.Cell)
	switch m.Kind {
	case KindPair:
		if i := strings.LastIndexByte(m.Text, ':'); i >= 0 {
			both := min(self, m.Text[:i]) + " " + max(self, m.Text[:i])
			if o.pairs[both] == nil {
				o.pairs[both] = &pair{server: true}
			}
			o.pairs[self] = o.pairs[both]
		}
	case KindReset:
		if p := o.pairs[self]; p != nil {
			p.reset = true
		}
	case KindTake:
		if p := o.pairs[self]; p != nil {
			return p.take(m.Cell, uint32(m.A), m.B != 0)
		}
	}
	return nil
}

func (p *pair) take(by cells.ID, v uint32, server bool) error {
	switch {
	case server == p.server && v == p.next:
	case p.reset && server && v == 0:
	case p.reset && !server && p.kept && v == p.last+1:
	case server != p.server:
		return fmt.Errorf("%s takes %d, but it is the other end's turn, with %d", by, v, p.next)
	default:
		return fmt.Errorf("%s takes %d, the next is %d", by, v, p.next)
	}
	if server {
		p.kept, p.last = true, v
		if v == 0 {
			p.reset = false
		}
	} else {
		p.reset = false
	}
	p.server, p.next = !server, v+1
	return nil
}

// Finish finds nothing more.
func (o *oracle) Finish() error { return nil }
