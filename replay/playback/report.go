package playback

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/site"
)

// Report says what a journal held, and whether it was reproduced.
type Report struct {
	Name    string `json:"journal"` // the file
	Site    string `json:"site"`
	Life    uint32 `json:"life"`
	Ring    bool   `json:"ring,omitempty"`
	Segment uint64 `json:"segment,omitempty"`
	Seed    string `json:"seed"`
	Build   string `json:"build"`

	Inputs  uint64 `json:"inputs"`  // played
	Refused uint64 `json:"refused"` // of them, answered by an error, as they were live
	Events  uint64 `json:"events"`
	Frames  uint64 `json:"frames_sent"` // by cells: frames, and writes to streams
	Bytes   uint64 `json:"bytes_sent"`
	Outs    uint64 `json:"frames_out"` // that left the site: frames, and segments of streams
	Emitted uint64 `json:"emissions"`
	Armed   uint64 `json:"timers_armed"`

	Marks      uint64      `json:"marks"`      // checkpoints compared
	Reproduced uint64      `json:"reproduced"` // of them, equal in all
	Difference *Difference `json:"difference,omitempty"`

	End    clock.Time `json:"end_ns"`           // as far as the journal goes
	Ended  bool       `json:"ended"`            // the journal has an end: the process was not killed
	Reason string     `json:"reason,omitempty"` // as its end says
	Stop   string     `json:"stop,omitempty"`   // why reading ended, if not at an end
	Failed string     `json:"failed,omitempty"` // what stopped the site for good
	Notes  []string   `json:"notes,omitempty"`
}

// Same reports whether every checkpoint was reproduced, and the journal could be
// read as far as it was written.
func (r *Report) Same() bool { return r.Difference == nil && r.Marks == r.Reproduced }

// Difference is where a played site is not what the live one was.
type Difference struct {
	At     clock.Time `json:"at_ns"`
	Inputs uint64     `json:"inputs"` // after so many of them
	Cell   cells.ID   `json:"cell,omitempty"`
	What   string     `json:"what"` // fold, state, cells, events, version
	Live   string     `json:"live"`
	Played string     `json:"played"`
	After  clock.Time `json:"after_ns"` // of the last checkpoint that agrees; 0 for none
}

// String says it on one line.
func (d *Difference) String() string {
	who := ""
	if d.Cell != "" {
		who = fmt.Sprintf("cell %s: ", d.Cell)
	}
	since := "since the start"
	if d.After > 0 {
		since = "since " + d.After.String()
	}
	return fmt.Sprintf("at %s, after %d inputs: %s%s is %s, live it was %s; they part %s", d.At, d.Inputs, who, d.What, d.Played, d.Live, since)
}

// compare finds the first thing in which a played checkpoint differs from the
// live one; nil if nothing does.
func compare(live, played *site.Checkpoint) *Difference {
	d := &Difference{At: live.At, Inputs: live.Inputs}
	apart := func(what string, l, p any) bool {
		d.What, d.Live, d.Played = what, fmt.Sprint(l), fmt.Sprint(p)
		return d.Live != d.Played
	}
	if apart("the time", live.At, played.At) || apart("the number of inputs", live.Inputs, played.Inputs) ||
		apart("the topology's version", live.Version, played.Version) || apart("the number of cells", len(live.Cells), len(played.Cells)) {
		return d
	}
	for i := range live.Cells {
		l, p := &live.Cells[i], &played.Cells[i]
		if apart("a cell", l.Cell, p.Cell) {
			return d
		}
		d.Cell = l.Cell
		if apart("the fold of what it did", hex(l.Fold), hex(p.Fold)) || apart("its state", hex(l.State), hex(p.State)) {
			return d
		}
	}
	d.Cell = ""
	if apart("the number of events", live.Events, played.Events) {
		return d
	}
	return nil
}

func hex(v uint64) string { return fmt.Sprintf("%016x", v) }

// count is a sink that counts what a site does, and passes it on.
type count struct {
	to     *Report
	behind des.Sink
}

func (c *count) Record(r *des.Record) {
	switch r.Op {
	case des.OpSend:
		c.to.Frames++
		c.to.Bytes += uint64(len(r.Data))
	case des.OpEmit:
		c.to.Emitted++
	case des.OpArm:
		c.to.Armed++
	}
	if c.behind != nil {
		c.behind.Record(r)
	}
}

// outs is an outlet that counts, and passes on.
type outs struct {
	to     *Report
	behind site.Outlet
}

func (o *outs) Out(link string, b []byte) {
	o.to.Outs++
	if o.behind != nil {
		o.behind.Out(link, b)
	}
}

func newReport(r *journal.Reader) Report {
	h := r.Header()
	return Report{Name: r.Name(), Site: h.Site, Life: h.Life, Ring: h.Ring, Segment: h.Segment, Seed: h.Seed.String(), Build: h.Build}
}
