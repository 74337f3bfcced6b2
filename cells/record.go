package cells

import "example.com/dsim/des"

// Record writes a record of the network's own under the current event.
func (l *Lane) Record(r des.Record) {
	if l.sink == nil {
		return
	}
	l.rec = r
	l.rec.Key = l.sched.Current()
	l.rec.Cause = l.sched.Cause()
	l.hand()
}

// effect writes a record under the event being handled, of the cell that
// handles it.
func (l *Lane) effect(r des.Record) {
	if l.sink == nil {
		return
	}
	r.Cell = l.name(l.self)
	l.Record(r)
}

// begin is effect for what happens all the time: the record is made where it
// stays. The caller completes it and calls hand. There must be a sink.
func (l *Lane) begin(op des.Op) *des.Record {
	r := &l.rec
	r.Key, r.Cause, r.Op, r.Cell = l.sched.Current(), l.sched.Cause(), op, l.name(l.self)
	r.Link, r.Port, r.Kind, r.A, r.B, r.Text = "", 0, "", 0, 0, "" // Data is nil
	return r
}

// hand gives the record to the sink.
func (l *Lane) hand() {
	l.sink.Record(&l.rec)
	l.rec.Data = nil
}

// name is the name of one of the lane's cells. Those of blocks are kept once
// they have been made: a record says one for each thing that happens.
func (l *Lane) name(ref CellRef) string {
	if c := &l.h.cells[ref]; c.ext != nil && c.ext.id != "" {
		return string(c.ext.id)
	}
	for int(ref) >= len(l.names) {
		l.names = append(l.names, make([]string, len(l.h.cells)-len(l.names))...)
	}
	if l.names[ref] == "" {
		l.names[ref] = string(l.h.Name(ref))
	}
	return l.names[ref]
}
