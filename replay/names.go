package replay

import (
	"strconv"

	"example.com/dsim/des"
)

// names are what people call the entities of a run: cells and directions of
// links. Records tell them.
type names map[des.Entity]string

// note takes a record's cell or link. A direction's effects are those of the
// cell it reached, so there the event alone tells.
func (n names) note(r *des.Record) {
	e := r.Key.Entity
	switch {
	case r.Op == des.OpMark:
	case e.Class() == des.Cell && r.Cell != "":
		n[e] = r.Cell
	case e.Class() == des.Direction && r.Op.Event() && r.Link != "":
		n[e] = r.Link
	}
}

func (n names) noteAll(lists ...[]des.Record) names {
	for _, l := range lists {
		for i := range l {
			n.note(&l[i])
		}
	}
	return n
}

// event is the exact name of an event, and whose it is:
// "43324936:0:0:dir:0:2560 (ab>)".
func (n names) event(k des.Key) string {
	s := FormatKey(k)
	if who := n[k.Entity]; who != "" {
		s += " (" + who + ")"
	}
	return s
}

// place is an event with its time for people: "43.3ms, event
// 43324936:0:0:dir:0:2560 (ab>)".
func (n names) place(k des.Key) string {
	if k.IsZero() {
		return "the start"
	}
	return k.Time.String() + ", event " + n.event(k)
}

// frameNumber is the number of a record's frame, "#12", for records that have
// one.
func frameNumber(r *des.Record) string {
	if r.Link == "" {
		return ""
	}
	switch r.Op {
	case des.OpSend, des.OpRecv, des.OpVerdict, des.OpMiss:
		return "#" + strconv.FormatInt(r.A, 10)
	}
	return ""
}
