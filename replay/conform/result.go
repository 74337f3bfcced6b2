package conform

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
)

// Options are what a trace is judged by.
type Options struct {
	// Make makes the protocol of a cell.
	Make func(cells.CellSpec) (cells.Protocol, error)
	Seed des.Seed
	// Changes are the batches that the trace does not hold itself: of a virtual
	// run the first, of a live run all, in the order of time.
	Changes []Change
	// Resolve gives the batch that a record of the timeline stands for, for the
	// links there are; nil, false if it is none. It may be nil.
	Resolve func(text string, now cells.Snapshot) ([]cells.Change, bool)
	// Live says that sites are apart: real wires lie between them.
	Live bool
	// WireLoss allows real wires to lose frames without a word.
	WireLoss bool
}

// Change is a batch that was applied, or the end of a process.
type Change struct {
	At     clock.Time
	Cells  map[cells.ID]bool // whom it reached; nil for all
	Batch  []cells.Change
	Offset clock.Time // of these cells' own instant 0
	Ends   bool       // the cells were not there any more: their process had ended
}

// Result is what a trace was found to be.
type Result struct {
	Records   uint64     `json:"records"`
	Events    uint64     `json:"events"`
	Effects   uint64     `json:"effects"` // compared
	Frames    uint64     `json:"frames"`  // that arrived, and were followed from their send
	Timers    uint64     `json:"timers"`  // that fired when they were due
	Cells     int        `json:"cells"`
	End       clock.Time `json:"end_ns"`
	Violation *Violation `json:"violation,omitempty"`
}

// Violation is the first event that the simulator cannot have produced.
type Violation struct {
	Key    des.Key    `json:"-"`
	At     clock.Time `json:"at_ns"`
	Event  string     `json:"event"`  // the key's name
	Record uint64     `json:"record"` // its number in the trace; of one that is missing, of the one that shows it
	Cell   string     `json:"cell,omitempty"`
	Link   string     `json:"link,omitempty"` // the direction
	Why    string     `json:"why"`
}

// String says it on one line.
func (v *Violation) String() string {
	who := ""
	switch {
	case v.Cell != "":
		who = ", cell " + v.Cell
	case v.Link != "":
		who = ", link " + v.Link
	}
	return fmt.Sprintf("at %s, event %s%s: %s", v.At, v.Event, who, v.Why)
}

func violation(r *des.Record, format string, args ...any) *Violation {
	return &Violation{Key: r.Key, At: r.Key.Time, Event: replay.FormatKey(r.Key), Cell: r.Cell, Link: r.Link, Why: fmt.Sprintf(format, args...)}
}
