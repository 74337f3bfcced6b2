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
	link  string // Recv: the direction, while records are kept
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
func (l *Lane) post(ref CellRef, op des.Op, code uint8, num uint32) {
	l.postAt(l.sched.Now(), ref, op, code, num)
}

func (l *Lane) postAt(t clock.Time, ref CellRef, op des.Op, code uint8, num uint32) {
	c := &l.h.cells[ref]
	seq := c.seq
	c.seq++
	l.sched.At(t, des.MakeEntity(des.Cell, uint32(ref)), 0, seq, ownArg(op, code, c.incarnation(), num))
}

func (l *Lane) postUp(p PortRef) { l.post(l.Port(p).cell, des.OpUp, 0, uint32(p)) }

func (l *Lane) postDown(p PortRef, err error) {
	l.post(l.Port(p).cell, des.OpDown, DownCode(err), uint32(p))
}

// PostDown schedules a Down of a stream port for now, as the cell's own event.
func (l *Lane) PostDown(p PortRef, err error) { l.postDown(p, err) }

// PostLater asks for a call of the network's Wake for a port at a later time,
// unless its cell is gone by then. It is an event of the cell's own, but the
// cell does not hear of it.
func (l *Lane) PostLater(p PortRef, t clock.Time, code uint8) {
	l.postAt(t, l.Port(p).cell, des.OpTransit, code, uint32(p))
}

// Dispatch handles the events of cells' own: starts, timers, ports going up
// and down, parked events.
func (l *Lane) Dispatch(e des.Event) {
	ref := CellRef(e.Entity().Index())
	c := &l.h.cells[ref]
	if c.run == Removed || uint16(c.incarnation()) != uint16(e.Arg>>32) {
		return // of a life that is over
	}
	num := uint32(e.Arg)
	switch op := des.Op(e.Arg >> 56); op {
	case des.OpTimer:
		t := &c.ext.timers[num]
		t.armed = false
		if t.cause != nil {
			l.sched.Caused(*t.cause)
		}
		if c.calm() {
			l.timer(ref, c, num)
			return
		}
		l.take(ref, input{op: op, slot: num})
	case des.OpPark:
		l.unpark(ref)
	case des.OpTransit:
		if c.run != Crashed {
			l.carrier.Wake(PortRef(num), uint8(e.Arg>>48))
		}
	case des.OpStart:
		l.take(ref, input{op: op})
	default:
		l.take(ref, input{op: op, code: uint8(e.Arg >> 48), port: PortRef(num)})
	}
}

// timer lets a timer fire: handle, without what timers do not need.
func (l *Lane) timer(ref CellRef, c *cell, slot uint32) {
	id := c.ext.timers[slot].id
	l.cur, l.self = c, ref
	c.fold.Add2(uint64(des.OpTimer)<<56|uint64(id), uint64(l.sched.Now()))
	if l.sink != nil {
		r := l.begin(des.OpTimer)
		r.A, r.B = int64(id), int64(c.ext.timers[slot].deadline)
		l.hand()
	}
	l.op = des.OpTimer
	c.protocol.Timer(&l.env, id)
	l.op = 0
	l.drain()
	l.leave(c, ref)
}

// Arrive hands a frame to a port of one of the lane's cells, taking over the
// reference, if nothing about port, cell or lane asks for more; else it does
// nothing, and Deliver is to be called. This is the way of nearly all frames.
func (l *Lane) Arrive(p PortRef, q *PortRecord, f Frame) bool {
	c := &l.h.cells[q.cell]
	if q.State != PortUp || q.flags&(portStream|portLogged|portApart) != 0 || !c.calm() || l.sink != nil {
		return false
	}
	b := l.Frames.Bytes(f)
	now := l.sched.Now()
	q.rxFrames++
	q.rxBytes += uint32(len(b))
	q.lastRx = now
	if q.rxFrames == 0 || q.rxBytes < uint32(len(b)) {
		l.carry(q, uint32(len(b)))
	}
	num := Port(p - c.first)
	c.fold.Frame(uint64(des.OpRecv)<<56|uint64(num), uint64(now), b, l.h.opt.Full)
	l.cur, l.self = c, q.cell
	l.op, l.received = des.OpRecv, f
	c.protocol.Recv(&l.env, num, b[:len(b):len(b)]) // so that append copies
	l.op, l.received = 0, 0
	if len(l.effects) > 0 {
		l.drain()
	}
	l.cur = nil
	if c.flags&cellWatched != 0 {
		l.look(q.cell)
	}
	l.Frames.Release(f)
	return true
}

// Deliver hands a frame, or a chunk of a stream, to a port of one of the lane's
// cells, taking over the reference. If the port cannot take it, it says why.
// The direction's name is for records, n and copy are for choices too.
func (l *Lane) Deliver(p PortRef, q *PortRecord, f Frame, link string, n uint64, copy uint8) (Reason, bool) {
	in := input{op: des.OpRecv, port: p, frame: f, n: n, copy: copy, link: link}
	return l.deliver(&l.h.cells[q.cell], p, q, in)
}

// arrived counts what a port takes in.
func (l *Lane) arrived(q *PortRecord, size int, now clock.Time) {
	q.rxFrames++
	q.rxBytes += uint32(size)
	q.lastRx = now
	l.carry(q, uint32(size))
}

// carry counts on where a port's counters have no more room, now that a frame
// of so many bytes was counted.
func (l *Lane) carry(q *PortRecord, size uint32) {
	if q.rxFrames == 0 {
		l.ext(q).frames++
	}
	if q.rxBytes < size {
		l.ext(q).bytes++
	}
}

func (l *Lane) deliver(c *cell, p PortRef, q *PortRecord, in input) (Reason, bool) {
	x := l.rare(q)
	r, miss := Reason(0), true
	switch {
	case c.run == Removed:
		r = ReasonRemoved
	case c.run == Crashed:
		r = ReasonDown
	case x.over, q.State != PortUp && q.State != PortEOF && !(q.stream() && q.State == PortDialling):
		r = ReasonClosed
		if q.static() && q.State == PortUnbound {
			r = ReasonNoLink
		}
	case !q.stream() && !c.calm() && len(c.ext.parked)-c.ext.next >= ParkedMax:
		r = ReasonHeld
	default:
		miss = false
	}
	if miss {
		if l.sink != nil {
			l.Record(des.Record{
				Op: des.OpMiss, Cell: string(l.h.Name(q.cell)), Link: in.link, Port: uint32(l.number(c, p, q)),
				A: int64(in.n), B: int64(in.copy), Text: r.String(), Data: l.Frames.Bytes(in.frame),
			})
		}
		l.Frames.Release(in.frame)
		return r, false
	}
	l.take(q.cell, in)
	return 0, true
}

// Up tells a cell that one of its stream ports is connected.
func (l *Lane) Up(p PortRef) { l.take(l.Port(p).cell, input{op: des.OpUp, port: p}) }

// Down tells a cell that one of its stream ports is over, or with io.EOF that
// the peer sends no more. A port that was told of either hears no more.
func (l *Lane) Down(p PortRef, err error) {
	l.take(l.Port(p).cell, input{op: des.OpDown, port: p, code: DownCode(err)})
}

// Accept makes a port for a connection that arrived at a listener; the caller
// prepares it and calls Up.
func (l *Lane) Accept(listener PortRef, peer string, bound int64) PortRef {
	from := l.Port(listener)
	x := l.rare(from)
	ref, q, y := l.newDynamic(from.cell)
	y.accepted, y.listener, y.addr, y.peer, y.bound = true, x.num, x.addr, peer, bound
	q.State = PortDialling // up when its event runs
	return ref
}

// Credit takes n bytes off what a stream port has queued.
func (l *Lane) Credit(p PortRef, n uint64) {
	l.take(l.Port(p).cell, input{op: des.OpCredit, port: p, n: n})
}

// take lets an event reach its cell: it runs now, waits while the cell is
// paused, or is dropped.
func (l *Lane) take(ref CellRef, in input) {
	c := &l.h.cells[ref]
	switch {
	case c.run == Crashed, c.run == Removed:
		if in.frame != 0 {
			l.Frames.Release(in.frame)
		}
	case !c.calm():
		l.park(ref, in)
	default:
		l.handle(ref, in)
	}
}

// handle folds and records an event, calls the handler and drains its effects.
func (l *Lane) handle(ref CellRef, in input) {
	c := &l.h.cells[ref]
	if !l.admit(c, &in) {
		if in.frame != 0 {
			l.Frames.Release(in.frame)
		}
		return
	}
	l.cur, l.self = c, ref
	l.note(c, &in)
	l.op, l.taking = in.op, in.frame
	l.call(c, &in)
	l.op, l.taking = 0, 0
	l.drain()
	l.leave(c, ref)
	if in.frame != 0 {
		if l.Port(in.port).stream() {
			l.carrier.Consumed(in.port, len(l.Frames.Bytes(in.frame)))
		}
		l.Frames.Release(in.frame)
	}
}

func (l *Lane) leave(c *cell, ref CellRef) {
	l.cur = nil
	if c.flags&cellWatched != 0 {
		l.look(ref)
	}
}

// admit applies what an event does to the host's own state, and reports
// whether the protocol is to hear of it. Every test is on state that inputs
// and effects alone determine.
func (l *Lane) admit(c *cell, in *input) bool {
	switch in.op {
	case des.OpStart:
		c.flags |= cellBegan
		return true
	case des.OpTimer:
		return true
	}
	q := l.Port(in.port)
	x := l.rare(q)
	if x.over {
		return false
	}
	switch in.op {
	case des.OpUp:
		if q.static() && (q.State != PortUnbound || q.Peer == 0) || !q.static() && q.State != PortDialling {
			return false
		}
		q.State = PortUp
	case des.OpDown:
		if !q.static() && !q.down(x, in.code) { // of a static port, Unbind has set the state
			return false
		}
	case des.OpRecv:
		if q.stream() && q.State == PortDown {
			return false // broken by an event that waited before it
		}
		l.arrived(q, len(l.Frames.Bytes(in.frame)), l.sched.Now())
	case des.OpCredit:
		if q.State == PortDown {
			return false
		}
		x.queued -= int64(in.n)
	}
	if x.log != nil {
		n := 0
		if in.frame != 0 {
			n = len(l.Frames.Bytes(in.frame))
		}
		note := ""
		if in.op == des.OpDown {
			note = DownOf(in.code).Error()
		}
		l.log(q, in.op, n, note)
	}
	return true
}

// down ends a port, or the peer's half of it, and reports whether its cell is
// to hear of it: a cell hears one Down of a stream, and io.EOF is one.
func (q *PortRecord) down(x *portExt, code uint8) bool {
	first := !x.told
	x.told = true
	switch {
	case code != codeEOF:
		q.State = PortDown
		x.queued = 0
	case first && q.State != PortDown:
		q.State = PortEOF
	}
	return first
}

// note folds and records an event before its handler runs.
func (l *Lane) note(c *cell, in *input) {
	now := uint64(l.sched.Now())
	var num Port
	if in.op != des.OpStart && in.op != des.OpTimer {
		num = l.number(c, in.port, l.Port(in.port))
	}
	word := uint64(in.op)<<56 | uint64(in.code)<<48 | uint64(num)
	switch in.op {
	case des.OpRecv:
		c.fold.Frame(word, now, l.Frames.Bytes(in.frame), l.h.opt.Full)
	case des.OpTimer:
		c.fold.Add2(word|uint64(c.ext.timers[in.slot].id), now)
	case des.OpStart:
		c.fold.Add2(word|uint64(c.incarnation()), now)
	default:
		c.fold.Add2(word, now)
		if in.op == des.OpCredit {
			c.fold.Add(in.n)
		}
	}
	if l.sink != nil {
		l.recordInput(c, in, num)
	}
}

func (l *Lane) recordInput(c *cell, in *input, num Port) {
	r := l.begin(in.op)
	r.Port = uint32(num)
	switch in.op {
	case des.OpStart:
		r.A = int64(c.incarnation())
	case des.OpTimer:
		t := &c.ext.timers[in.slot]
		r.A, r.B = int64(t.id), int64(t.deadline)
	case des.OpRecv:
		r.Data = l.Frames.Bytes(in.frame)
		r.Link, r.A, r.B = in.link, int64(in.n), int64(in.copy)
	case des.OpDown:
		r.A = int64(in.code)
	case des.OpCredit:
		r.A = int64(in.n)
	}
	l.hand()
}

// call runs the handler.
func (l *Lane) call(c *cell, in *input) {
	var num Port
	if in.op != des.OpStart && in.op != des.OpTimer {
		num = l.number(c, in.port, l.Port(in.port))
	}
	e := &l.env
	switch in.op {
	case des.OpStart:
		c.protocol.Start(e)
	case des.OpUp:
		c.protocol.Up(e, num)
	case des.OpRecv:
		l.received = in.frame
		b := l.Frames.Bytes(in.frame)
		c.protocol.Recv(e, num, b[:len(b):len(b)])
		l.received = 0
	case des.OpTimer:
		c.protocol.Timer(e, c.ext.timers[in.slot].id)
	case des.OpDown:
		c.protocol.Down(e, num, DownOf(in.code))
	case des.OpCredit:
		l.drained(c, e, in.port)
	}
}

// drained calls Drained when a stream's queue has fallen far enough.
func (l *Lane) drained(c *cell, e *env, p PortRef) {
	q := l.Port(p)
	x := l.ext(q)
	if !x.high || x.queued > x.bound/4 || q.State == PortDown {
		return
	}
	x.high = false
	if d, ok := c.protocol.(Drainer); ok {
		l.effect(des.Record{Op: des.OpDrained, Port: uint32(x.num)})
		c.fold.Add(uint64(des.OpDrained))
		d.Drained(e, x.num)
	}
}

// recovered turns a panic of a handler into the verdict of the run: its effects
// are discarded. A panic of the engine's own goes on.
func (l *Lane) recovered(v any) bool {
	if l.op == 0 {
		return false
	}
	err := &PanicError{Cell: l.h.Name(l.self), Op: l.op, Value: fmt.Sprint(v), Stack: string(debug.Stack())}
	frame := max(l.taking, l.received) // they are one, or one of them is none
	l.op, l.taking, l.received = 0, 0, 0
	l.effect(des.Record{Op: des.OpPanic, Text: err.Value})
	l.sched.Fail(err)
	l.discard()
	if c := l.cur; c != nil {
		l.leave(c, l.self)
	}
	if frame != 0 {
		l.Frames.Release(frame)
	}
	return true
}

// guard calls code of a protocol outside an event of its own, and reports
// whether it returned.
func (l *Lane) guard(ref CellRef, op des.Op, f func()) (ok bool) {
	c, self, was, taking := l.cur, l.self, l.op, l.taking
	defer func() {
		if !ok {
			l.self, l.op, l.taking = ref, op, 0
			l.recovered(recover())
		}
		l.cur, l.self, l.op, l.taking = c, self, was, taking
	}()
	f()
	return true
}

// Command gives a cell's protocol a command, inside the current event.
func (h *Host) Command(ref CellRef, args []string) (answer string, err error) {
	c, l := &h.cells[ref], h.lane(ref)
	if c.run != Running {
		return "", fmt.Errorf("cell %q: %s, takes no commands", h.Name(ref), c.run)
	}
	p, ok := c.protocol.(Commander)
	if !ok {
		return "", fmt.Errorf("cell %q: protocol %q takes no commands", h.Name(ref), h.spec(ref).Protocol)
	}
	l.cur, l.self = c, ref
	c.fold.Add2(uint64(des.OpCommand)<<56, uint64(l.sched.Now()))
	for _, a := range args {
		c.fold.Text(a)
	}
	l.effect(des.Record{Op: des.OpCommand, Text: joinWords(args)})
	if !l.guard(ref, des.OpCommand, func() { answer, err = p.Command(&l.env, args) }) {
		l.leave(c, ref)
		return "", l.sched.Err()
	}
	r := des.Record{Op: des.OpAnswer, Text: answer}
	if err != nil {
		r.A, r.Text = 1, err.Error()
	}
	c.fold.Text(r.Text)
	l.effect(r)
	l.drain()
	l.leave(c, ref)
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
