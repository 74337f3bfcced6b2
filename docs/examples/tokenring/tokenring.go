// Package tokenring is an example: cells in a ring pass a token on, and whoever
// holds it may speak. A token that is lost is missed; then the cell of the
// lowest name makes a new one.
//
// A message is a kind, a number and, with a claim, a name. A token's number is
// greater with each hop, its upper half with each token that is made; a cell
// takes no token whose number it has passed, so that copies and tokens that were
// only late die out. Each cell has two ports: what comes in at one goes out at
// the other.
package tokenring

import (
	"encoding/binary"
	"time"

	"example.com/dsim/cells"
)

// Config is what a cell of the ring is made of.
type Config struct {
	Hold time.Duration `dsim:"hold" doc:"how long a cell keeps the token" default:"10ms" min:"1ms"`
	Miss time.Duration `dsim:"miss" doc:"silence after which the token is taken for lost" default:"1s" min:"1ms"`
	Bug  string        `dsim:"bug" doc:"a planted mistake" oneof:",take-any"`
}

// KindHold and KindPass are emitted when a cell takes the token and lets it go:
// which token it is, and how many hops it has made.
var (
	KindHold = cells.NewKind("hold", "token", "hop")
	KindPass = cells.NewKind("pass", "token", "hop")
)

// The timers of a cell, and the kinds of messages.
const (
	held cells.TimerID = iota
	missed

	token = 't'
	claim = 'c'
)

type cell struct {
	Config
	last    uint64     // the greatest number of a token so far
	out     cells.Port // where the token goes on
	holding bool
	holds   int64 // how often
}

// New makes a cell of the ring.
func New(c Config) (cells.Protocol, error) { return &cell{Config: c}, nil }

func (c *cell) Start(e cells.Env)                 { e.Arm(missed, c.Miss) }
func (c *cell) Up(cells.Env, cells.Port)          {}
func (c *cell) Down(cells.Env, cells.Port, error) {}

func (c *cell) Timer(e cells.Env, id cells.TimerID) {
	if id == missed {
		send(e, 0, claim, c.last, e.Self())
		e.Arm(missed, c.Miss)
		return
	}
	c.pass(e)
	send(e, c.out, token, c.last+1, "")
}

func (c *cell) Recv(e cells.Env, p cells.Port, b []byte) {
	if len(b) < 9 || p > 1 {
		return
	}
	number, name := binary.BigEndian.Uint64(b[1:]), cells.ID(b[9:])
	switch {
	case b[0] == token && (number > c.last || c.Bug == "take-any"):
		c.take(e, 1-p, number)
	case b[0] == claim && !c.holding && name < e.Self():
		send(e, 1-p, claim, max(number, c.last), name)
	case b[0] == claim && !c.holding && name == e.Self() && number >= c.last:
		c.take(e, 1-p, (number>>32+1)<<32) // nobody below us, and nobody has the token
	}
}

// take holds a token. One that is held already is older, and ends here.
func (c *cell) take(e cells.Env, out cells.Port, number uint64) {
	if c.holding {
		c.pass(e)
	}
	c.last, c.out, c.holding = number, out, true
	c.holds++
	e.Emit(KindHold, int64(number>>32), int64(uint32(number)))
	e.Arm(held, c.Hold)
	e.Arm(missed, c.Miss)
}

// pass lets the token go.
func (c *cell) pass(e cells.Env) {
	c.holding = false
	e.Emit(KindPass, int64(c.last>>32), int64(uint32(c.last)))
}

func send(e cells.Env, p cells.Port, kind byte, number uint64, name cells.ID) {
	b := binary.BigEndian.AppendUint64(append(e.Buf(), kind), number)
	e.Send(p, append(b, name...))
}

// AppendState shows what conditions can read: "c0.holds > 3".
func (c *cell) AppendState(a []cells.Attr) []cells.Attr {
	return append(a, cells.IntAttr("holds", c.holds), cells.IntAttr("token", int64(c.last>>32)), cells.BoolAttr("holding", c.holding))
}
