// Package ping is the handbook's example: one cell asks, one answers. A question
// is one byte, its number; the answer is the same. Without one it is asked again.
package ping

import (
	"time"

	"example.com/dsim/cells"
)

// Config is what a ping cell is made of.
type Config struct {
	Asks  bool          `dsim:"asks" doc:"whether the cell asks; else it answers" default:"false"`
	Every time.Duration `dsim:"every" doc:"time from one question to the next" default:"100ms"`
}

// KindAnswer is emitted for each answer: to which question, and after how long.
var KindAnswer = cells.NewKind("answer", "question", "ns")

const next cells.TimerID = 1

type cell struct {
	Config
	number         byte  // of the question that is open
	asked, answers int64 // when it was asked; how many had an answer
}

// New makes a ping cell.
func New(c Config) (cells.Protocol, error) { return &cell{Config: c}, nil }

func (c *cell) Start(cells.Env)                   {}
func (c *cell) Down(cells.Env, cells.Port, error) {}

func (c *cell) Up(e cells.Env, p cells.Port) {
	if c.Asks {
		c.Timer(e, next)
	}
}

func (c *cell) Timer(e cells.Env, _ cells.TimerID) {
	c.asked = int64(e.Now())
	e.Send(0, append(e.Buf(), c.number))
	e.Arm(next, c.Every)
}

func (c *cell) Recv(e cells.Env, p cells.Port, b []byte) {
	switch {
	case !c.Asks:
		e.Send(p, b) // the whole slice goes back: nothing is copied
	case len(b) == 1 && b[0] == c.number:
		c.number++
		c.answers++
		e.Emit(KindAnswer, int64(b[0]), int64(e.Now())-c.asked)
	}
}

// AppendState shows what conditions can read: "alice.answers > 0".
func (c *cell) AppendState(a []cells.Attr) []cells.Attr {
	return append(a, cells.IntAttr("answers", c.answers))
}
