package echo

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// OracleName is what scenarios call the oracle.
const OracleName = "echo/prefix"

// oracle holds the law. A connection's bytes pass four stages: sent by the
// client, received by the server, sent by the server, received by the client.
// At each, what has passed is a prefix of what has passed the one before; and
// where an end is told that its peer ended in good order, it has received all
// that the peer sent. Each end hears of at most one end of its peer and one
// break, and of nothing after a break, or after it closed.
type oracle struct {
	conns map[int64]*connection // by id; looked up, never ranged over
	last  map[cells.ID]mark     // what the next sum of a cell belongs to
}

// mark is a place in a connection.
type mark struct {
	c     *connection
	stage int
}

var stages = [...]string{"sent by the client", "received by the server", "sent by the server", "received by the client"}

type connection struct {
	cells [2]cells.ID // of the sides; empty while the side is not up
	pos   [4]uint64   // by stage
	final [4]bool     // pos is the last
	sums  []sum       // of the first stage, by position; those all stages have passed are dropped
	eof   [2]bool     // the side was told of its peer's end
	over  [2]bool     // the side was told of a break, or closed
}

type sum struct {
	pos  uint64
	hash int64
}

// NewOracle gives the oracle "echo/prefix", for any number of connections.
func NewOracle() cells.Oracle {
	return &oracle{conns: make(map[int64]*connection), last: make(map[cells.ID]mark)}
}

// Kinds are the emissions the oracle reads.
func (o *oracle) Kinds() []cells.Kind {
	return []cells.Kind{KindUp, KindSent, KindReceived, KindSum, KindDown, KindClose}
}

// Observe takes one emission.
func (o *oracle) Observe(_ des.Key, m cells.Emission) error {
	if m.Kind == KindSum {
		at := o.last[m.Cell]
		if at.c == nil {
			return fmt.Errorf("%s: a sum of no connection", m.Cell)
		}
		return at.c.sum(at.stage, m.A, m.B != 0)
	}
	c := o.conns[m.A]
	if m.Kind == KindUp {
		if c == nil {
			c = &connection{}
			o.conns[m.A] = c
		}
		side := int(m.B & 1)
		if c.cells[side] != "" {
			return fmt.Errorf("connection %d: %s is up, %s was already", m.A, m.Cell, c.cells[side])
		}
		if side == serverSide && c.cells[clientSide] == "" {
			return fmt.Errorf("connection %d: up at %s, but nobody dialled it", m.A, m.Cell)
		}
		c.cells[side] = m.Cell
		return nil
	}
	if c == nil && m.Kind == KindDown {
		return nil // a dial that failed
	}
	side := clientSide
	switch {
	case c != nil && c.cells[clientSide] == m.Cell:
	case c != nil && c.cells[serverSide] == m.Cell:
		side = serverSide
	default:
		return fmt.Errorf("connection %d: %s has none of that id", m.A, m.Cell)
	}
	if err := c.observe(o, side, m); err != nil {
		return fmt.Errorf("connection %d of %s: %w", m.A, c.cells[clientSide], err)
	}
	return nil
}

func (c *connection) observe(o *oracle, side int, m cells.Emission) error {
	if c.over[side] {
		return fmt.Errorf("%s: %s after the connection was over there", m.Cell, m.Kind)
	}
	switch m.Kind {
	case KindClose:
		c.over[side] = true
	case KindDown:
		switch {
		case m.B != int64(eof):
			c.over[side] = true
		case c.eof[side]:
			return fmt.Errorf("%s: told twice that the peer ended", m.Cell)
		}
		c.eof[side] = c.eof[side] || m.B == int64(eof)
	case KindSent, KindReceived:
		stage := 0
		switch {
		case side == serverSide && m.Kind == KindReceived:
			stage = 1
		case side == serverSide:
			stage = 2
		case m.Kind == KindReceived:
			stage = 3
		}
		o.last[m.Cell] = mark{c, stage}
		return c.move(stage, uint64(m.B))
	}
	return nil
}

// move takes a new position of a stage.
func (c *connection) move(stage int, pos uint64) error {
	switch {
	case pos < c.pos[stage]:
		return fmt.Errorf("%d bytes %s, after %d before", pos, stages[stage], c.pos[stage])
	case c.final[stage] && pos > c.pos[stage]:
		return fmt.Errorf("%d bytes %s, after it ended at %d", pos, stages[stage], c.pos[stage])
	case stage > 0 && pos > c.pos[stage-1]:
		return fmt.Errorf("%d bytes %s, but only %d %s", pos, stages[stage], c.pos[stage-1], stages[stage-1])
	}
	c.pos[stage] = pos
	return nil
}

// sum takes the hash of all bytes up to a stage's position.
func (c *connection) sum(stage int, hash int64, final bool) error {
	pos := c.pos[stage]
	received := stage == 1 || stage == 3
	if final && received && (!c.final[stage-1] || c.pos[stage-1] != pos) {
		return fmt.Errorf("ended after %d bytes %s, but %d were %s", pos, stages[stage], c.pos[stage-1], stages[stage-1])
	}
	c.final[stage] = c.final[stage] || final
	if stage == 0 {
		c.sums = append(c.sums, sum{pos, hash})
		return nil
	}
	for _, s := range c.sums {
		if s.pos == pos && s.hash != hash {
			return fmt.Errorf("the first %d bytes %s are not those the client sent", pos, stages[stage])
		}
	}
	if stage == 3 {
		for len(c.sums) > 0 && c.sums[0].pos < pos {
			c.sums = c.sums[1:]
		}
	}
	return nil
}

// Finish finds nothing more: a run may end with connections open.
func (o *oracle) Finish() error { return nil }
