package site

import (
	"example.com/dsim/cells"
	"example.com/dsim/clock"
)

// Kind says what an input is.
type Kind uint8

// The kinds of inputs.
const (
	// Frame is bytes that arrived at the end of a half link: a frame or, on a
	// stream link, a segment. Link and Data count.
	Frame Kind = iota + 1
	// Broken says that what carries a stream link broke and lost what was on the
	// way: its connections are reset. Link counts.
	Broken
	// Command is a command for a cell: Cell and Args count.
	Command
	// Apply is a batch of changes of the topology: Version and Batch count.
	Apply
	// Mark is time that went by without an input, and a checkpoint.
	Mark
)

var kindNames = [...]string{"input?", "frame", "broken", "command", "apply", "mark"}

// String is the kind's word.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[0]
}

// Input is whatever reaches a site from outside its scheduler. Everything due at
// or before At has happened before it; what it causes at once happens before
// the next input, even one of the same time.
type Input struct {
	At      clock.Time // by the site's clock; not before that of the input before
	Kind    Kind
	Link    string // the link's name
	Data    []byte // read only, valid during the call
	Cell    cells.ID
	Args    []string
	Version uint64
	Batch   []cells.Change
}

// CellMark is one cell's part of a checkpoint.
type CellMark struct {
	Cell cells.ID `json:"cell"`
	// Fold is of all the cell's inputs and effects so far, whole payloads
	// included: every frame sent, every Emit, every timer armed.
	Fold uint64 `json:"fold,string"`
	// State is of what the cell is now: its run state, incarnation, what its
	// protocol shows and saves, its armed timers, its ports and their counters.
	State uint64 `json:"state,string"`
}

// Checkpoint is the complete state of a site, as hashes.
type Checkpoint struct {
	At      clock.Time `json:"at_ns"`
	Inputs  uint64     `json:"inputs"` // so far, this one included
	Events  uint64     `json:"events"`
	Version uint64     `json:"version"` // of the topology
	Cells   []CellMark `json:"cells"`   // in the order of names
}
