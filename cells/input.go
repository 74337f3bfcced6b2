package cells

import (
	"fmt"
	"runtime/debug"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// input is one event on its way to a cell.
type input struct {
	op    des.Op
	code  uint8 // Down: the reason
	copy  uint8 // Recv: which copy of a duplicated frame
	port  PortRef
	slot  uint32 // Timer
	frame Frame  // Recv
	n     uint64 // Recv: the frame's number; Credit: bytes
	link  string // Recv: the direction
}

// PanicError says that a handler panicked. The handler's effects were
// discarded.
type PanicError struct {
	Cell  ID
	Op    des.Op
	Value string
	Stack string
}

// Error names the cell, the event and the panic's value.
func (e *PanicError) Error() string {
	return fmt.Sprintf("cell %s: panic in %s: %s", e.Cell, e.Op, e.Value)
}

// The argument of a cell's own event: op:8 code:8 life:16 number:32.
func ownArg(op des.Op, code uint8, incarnation, num uint32) uint64 {
	return uint64(op)<<56 | uint64(code)<<48 | uint64(uint16(incarnation))<<32 | uint64(num)
}

// post schedules an event of a cell's own for now.
func (h *Host) post(ref CellRef, op des.Op, code uint8, num uint32) {
	c := &h.cells[ref]
	seq := c.seq
	c.seq++
	h.sched.At(h.sched.Now(), des.MakeEntity(des.Cell, uint32(ref)), 0, seq, ownArg(op, code, c.incarnation, num))
}

func (h *Host) postUp(p PortRef) { h.post(h.ports[p].cell, des.OpUp, 0, uint32(p)) }

func (h *Host) postDown(p PortRef, err error) {
	h.post(h.ports[p].cell, des.OpDown, DownCode(err), uint32(p))
}

// PostDown schedules a Down of a stream port for now, as the cell's own event.
func (h *Host) PostDown(p PortRef, err error) { h.postDown(p, err) }

// PostLater asks for a call of the network's Wake for a port at a later time,
// unless its cell is gone by then. It is an event of the cell's own, but the
// cell does not hear of it.
func (h *Host) PostLater(p PortRef, t clock.Time, code uint8) {
	ref := h.ports[p].cell
	c := &h.cells[ref]
	seq := c.seq
	c.seq++
	h.sched.At(t, des.MakeEntity(des.Cell, uint32(ref)), 0, seq, ownArg(des.OpTransit, code, c.incarnation, uint32(p)))
}

// Dispatch handles the events of cells' own: starts, timers, ports going up
// and down, parked events.
func (h *Host) Dispatch(e des.Event) {
	ref := CellRef(e.Entity().Index())
	c := &h.cells[ref]
	in := input{op: des.Op(e.Arg >> 56), code: uint8(e.Arg >> 48)}
	num := uint32(e.Arg)
	switch {
	case c.run == Removed, uint16(c.incarnation) != uint16(e.Arg>>32):
		return // of a life that is over
	case in.op == des.OpPark:
		h.unpark(ref)
		return
	case in.op == des.OpTransit:
		if c.run != Crashed {
			h.net.Wake(PortRef(num), in.code)
		}
		return
	case in.op == des.OpTimer:
		in.slot = num
		c.timers[num].armed = false
	case in.op != des.OpStart:
		in.port = PortRef(num)
	}
	h.take(ref, in)
}

// Deliver hands a frame, or a chunk of a stream, to a port, taking over the
// reference. If the port cannot take it, it says why; the sender's counters
// are the network's business.
func (h *Host) Deliver(p PortRef, f Frame, link string, n uint64, copy uint8) (Reason, bool) {
	q := &h.ports[p]
	c := &h.cells[q.cell]
	r, miss := Reason(0), true
	switch {
	case c.run == Removed:
		r = ReasonRemoved
	case c.run == Crashed:
		r = ReasonDown
	case q.over, q.state != PortUp && q.state != PortEOF && !(q.stream && q.state == PortDialling):
		r = ReasonClosed
		if q.static && q.state == PortUnbound {
			r = ReasonNoLink
		}
	case !q.stream && c.busy() && len(c.parked)-c.next >= ParkedMax:
		r = ReasonHeld
	default:
		miss = false
	}
	if miss {
		if h.opt.Sink != nil {
			h.Record(des.Record{
				Op: des.OpMiss, Cell: string(c.id), Link: link, Port: uint32(q.num),
				A: int64(n), B: int64(copy), Text: r.String(), Data: h.Frames.Bytes(f),
			})
		}
		h.Frames.Release(f)
		return r, false
	}
	h.take(q.cell, input{op: des.OpRecv, port: p, frame: f, n: n, copy: copy, link: link})
	return 0, true
}

// Up tells a cell that one of its stream ports is connected.
func (h *Host) Up(p PortRef) { h.take(h.ports[p].cell, input{op: des.OpUp, port: p}) }

// Down tells a cell that one of its stream ports is over, or with io.EOF that
// the peer sends no more. A port that was told of either hears no more.
func (h *Host) Down(p PortRef, err error) {
	h.take(h.ports[p].cell, input{op: des.OpDown, port: p, code: DownCode(err)})
}

// Accept makes a port for a connection that arrived at a listener; the caller
// prepares it and calls Up.
func (h *Host) Accept(listener PortRef, peer string, bound int64) PortRef {
	l := h.ports[listener]
	ref := h.newPort(l.cell)
	q := &h.ports[ref]
	q.stream, q.accepted, q.listener, q.addr, q.peer, q.bound = true, true, l.num, l.addr, peer, bound
	q.state = PortDialling // up when its event runs
	return ref
}

// Credit takes n bytes off what a stream port has queued.
func (h *Host) Credit(p PortRef, n uint64) {
	h.take(h.ports[p].cell, input{op: des.OpCredit, port: p, n: n})
}

// busy reports whether events must wait: the cell is paused, or still works
// off what came while it was.
func (c *cell) busy() bool { return c.run == Paused || c.next < len(c.parked) }

// take lets an event reach its cell: it runs now, waits while the cell is
// paused, or is dropped.
func (h *Host) take(ref CellRef, in input) {
	c := &h.cells[ref]
	switch {
	case c.run == Crashed, c.run == Removed:
		if in.frame != 0 {
			h.Frames.Release(in.frame)
		}
	case c.busy():
		h.park(ref, in)
	default:
		h.handle(ref, in)
	}
}

// handle folds and records an event, calls the handler and drains its effects.
func (h *Host) handle(ref CellRef, in input) {
	c := &h.cells[ref]
	if !h.admit(c, &in) {
		if in.frame != 0 {
			h.Frames.Release(in.frame)
		}
		return
	}
	h.cur, h.self = c, ref
	h.note(c, &in)
	if h.call(c, &in) {
		h.drain()
	} else {
		h.discard()
	}
	h.leave(ref)
	if in.frame != 0 {
		if h.ports[in.port].stream {
			h.net.Consumed(in.port, len(h.Frames.Bytes(in.frame)))
		}
		h.Frames.Release(in.frame)
	}
}

func (h *Host) leave(ref CellRef) {
	h.cur = nil
	if h.cells[ref].watching {
		h.look(ref)
	}
}

// admit applies what an event does to the host's own state, and reports
// whether the protocol is to hear of it. Every test is on state that inputs
// and effects alone determine.
func (h *Host) admit(c *cell, in *input) bool {
	switch in.op {
	case des.OpStart:
		c.began = true
		return true
	case des.OpTimer:
		return true
	}
	q := &h.ports[in.port]
	if q.over {
		return false
	}
	switch in.op {
	case des.OpUp:
		if q.static && (q.state != PortUnbound || q.peer == "") || !q.static && q.state != PortDialling {
			return false
		}
		q.state = PortUp
	case des.OpDown:
		if !q.static && !q.down(in.code) { // of a static port, Unbind has set the state
			return false
		}
	case des.OpRecv:
		if q.stream && q.state == PortDown {
			return false // broken by an event that waited before it
		}
		q.rxFrames++
		q.rxBytes += uint64(len(h.Frames.Bytes(in.frame)))
		q.last = h.sched.Now()
	case des.OpCredit:
		if q.state == PortDown {
			return false
		}
		q.queued -= int64(in.n)
	}
	if q.log != nil {
		n := 0
		if in.frame != 0 {
			n = len(h.Frames.Bytes(in.frame))
		}
		note := ""
		if in.op == des.OpDown {
			note = DownOf(in.code).Error()
		}
		h.log(q, in.op, n, note)
	}
	return true
}

// down ends a port, or the peer's half of it, and reports whether its cell is
// to hear of it: a cell hears one Down of a stream, and io.EOF is one.
func (q *port) down(code uint8) bool {
	first := !q.told
	q.told = true
	switch {
	case code != codeEOF:
		q.state = PortDown
		q.queued = 0
	case first && q.state != PortDown:
		q.state = PortEOF
	}
	return first
}

// note folds and records an event before its handler runs.
func (h *Host) note(c *cell, in *input) {
	var num Port
	if in.op != des.OpStart && in.op != des.OpTimer {
		num = h.ports[in.port].num
	}
	c.fold.Add(uint64(in.op)<<56 | uint64(in.code)<<48 | uint64(num))
	c.fold.Add(uint64(h.sched.Now()))
	switch in.op {
	case des.OpStart:
		c.fold.Add(uint64(c.incarnation))
	case des.OpTimer:
		c.fold.Add(uint64(c.timers[in.slot].id))
	case des.OpRecv:
		c.fold.Bytes(h.Frames.Bytes(in.frame), h.opt.Full)
	case des.OpCredit:
		c.fold.Add(in.n)
	}
	if h.opt.Sink != nil {
		h.recordInput(c, in, num)
	}
}

func (h *Host) recordInput(c *cell, in *input, num Port) {
	r := des.Record{Op: in.op, Port: uint32(num)}
	switch in.op {
	case des.OpStart:
		r.A = int64(c.incarnation)
	case des.OpTimer:
		t := &c.timers[in.slot]
		r.A, r.B = int64(t.id), int64(t.deadline)
	case des.OpRecv:
		r.Data = h.Frames.Bytes(in.frame)
		r.Link, r.A, r.B = in.link, int64(in.n), int64(in.copy)
	case des.OpDown:
		r.A = int64(in.code)
	case des.OpCredit:
		r.A = int64(in.n)
	}
	h.effect(r)
}

// call runs the handler, and reports whether it returned.
func (h *Host) call(c *cell, in *input) (ok bool) {
	defer h.recovered(c, in.op, &ok)
	var num Port
	if in.op != des.OpStart && in.op != des.OpTimer {
		num = h.ports[in.port].num
	}
	e := &h.env
	switch in.op {
	case des.OpStart:
		c.protocol.Start(e)
	case des.OpUp:
		c.protocol.Up(e, num)
	case des.OpRecv:
		h.received = in.frame
		b := h.Frames.Bytes(in.frame)
		c.protocol.Recv(e, num, b[:len(b):len(b)]) // so that append copies
		h.received = 0
	case des.OpTimer:
		c.protocol.Timer(e, c.timers[in.slot].id)
	case des.OpDown:
		c.protocol.Down(e, num, DownOf(in.code))
	case des.OpCredit:
		h.drained(c, e, in.port)
	}
	return true
}

// drained calls Drained when a stream's queue has fallen far enough.
func (h *Host) drained(c *cell, e *env, p PortRef) {
	q := &h.ports[p]
	if !q.high || q.queued > q.bound/4 || q.state == PortDown {
		return
	}
	q.high = false
	if d, ok := c.protocol.(Drainer); ok {
		h.effect(des.Record{Op: des.OpDrained, Port: uint32(q.num)})
		c.fold.Add(uint64(des.OpDrained))
		d.Drained(e, q.num)
	}
}

// recovered turns a panic of a handler into the verdict of the run.
func (h *Host) recovered(c *cell, op des.Op, ok *bool) {
	if *ok {
		return
	}
	v := recover()
	h.received = 0
	err := &PanicError{Cell: c.id, Op: op, Value: fmt.Sprint(v), Stack: string(debug.Stack())}
	h.Record(des.Record{Op: des.OpPanic, Cell: string(c.id), Text: err.Value})
	h.sched.Fail(err)
}

// guard calls code of a protocol, and reports whether it returned.
func (h *Host) guard(c *cell, op des.Op, f func()) (ok bool) {
	defer h.recovered(c, op, &ok)
	f()
	return true
}

// Command gives a cell's protocol a command, inside the current event.
func (h *Host) Command(ref CellRef, args []string) (answer string, err error) {
	c := &h.cells[ref]
	if c.run != Running {
		return "", fmt.Errorf("cell %q: %s, takes no commands", c.id, c.run)
	}
	p, ok := c.protocol.(Commander)
	if !ok {
		return "", fmt.Errorf("cell %q: protocol %q takes no commands", c.id, c.spec.Protocol)
	}
	h.cur, h.self = c, ref
	c.fold.Add(uint64(des.OpCommand) << 56)
	c.fold.Add(uint64(h.sched.Now()))
	for _, a := range args {
		c.fold.Text(a)
	}
	h.effect(des.Record{Op: des.OpCommand, Text: joinWords(args)})
	if !h.guard(c, des.OpCommand, func() { answer, err = p.Command(&h.env, args) }) {
		h.discard()
		h.leave(ref)
		return "", h.sched.Err()
	}
	r := des.Record{Op: des.OpAnswer, Text: answer}
	if err != nil {
		r.A, r.Text = 1, err.Error()
	}
	c.fold.Text(r.Text)
	h.effect(r)
	h.drain()
	h.leave(ref)
	return answer, err
}

func joinWords(args []string) string {
	s := ""
	for i, a := range args {
		if i > 0 {
			s += " "
		}
		s += a
	}
	return s
}
