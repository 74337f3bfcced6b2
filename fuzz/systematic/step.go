package systematic

import (
	"fmt"
	"time"

	"example.com/dsim/clock"
)

// frame is the address of a frame.
type frame struct {
	link string // the direction: "ab>"
	n    uint64
}

// act is what a step does.
type act uint8

const (
	deliver act = iota
	own         // the cell's own next event
	drop
	dup
	flip
)

var actNames = [...]string{deliver: "arrives", own: "own event", drop: "drop", dup: "dup", flip: "flip"}

// step is one choice.
type step struct {
	act   act
	cell  int   // whose event it is: of a frame, its receiver
	frame frame // of all but own
	bit   uint32
	at    clock.Time // when
}

// same reports whether two steps are the same choice.
func (s step) same(o step) bool {
	return s.act == o.act && s.cell == o.cell && s.frame == o.frame && s.bit == o.bit
}

// fault reports whether a step counts as one.
func (s step) fault() bool { return s.act >= drop }

// commutes reports whether two steps that can both be made now lead to the same
// runs in either order. Steps of different cells do: when each happens follows
// from what happened at its own cell. A loss is no event of any cell, so it
// commutes with all but what else might become of its frame.
func (s step) commutes(o step) bool {
	switch {
	case s.act != own && o.act != own && s.frame == o.frame:
		return false
	case s.act == drop || o.act == drop:
		return true
	}
	return s.cell != o.cell
}

// verdict is what the network is told of a step's frame, which would arrive at
// its earliest time by itself; "" for plain delivery.
func (s step) verdict(earliest clock.Time) string {
	text := ""
	switch s.act {
	case drop:
		return "drop:loss"
	case dup:
		text = "dup:1"
	case flip:
		text = fmt.Sprintf("flip:%d", s.bit)
	}
	return withLate(text, s.at.Sub(earliest))
}

func withLate(text string, late time.Duration) string {
	if late <= 0 {
		return text
	}
	if text != "" {
		text += " "
	}
	return text + "late:" + late.String()
}
