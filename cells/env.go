package cells

import (
	"math"
	"slices"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// effect is one verb of an Env, appended by a handler and carried out after
// it.
type effect struct {
	op   des.Op
	kind Kind
	port Port
	a, b int64 // Send: the frame, and one of the codes below; texts: index
}

// What was found out about a Send when it was called.
const (
	sendOpen   = iota
	sendNoPort // the cell has no such port
	sendClosed // the stream takes no more
)

// env is the host's Env. There is one, for the handler that is running.
type env struct{ h *Host }

var _ Env = (*env)(nil)

func (e *env) Self() ID { return e.h.cur.id }

func (e *env) Now() clock.Time { return e.h.cur.clock.Now(e.h.sched.Now()) }

func (e *env) Wall() clock.Time { return e.h.cur.clock.Wall(e.h.sched.Now()) }

func (e *env) Port(p Port) PortInfo {
	ref, ok := e.h.lookup(e.h.cur, p)
	if !ok {
		return PortInfo{}
	}
	return e.h.info(ref)
}

func (e *env) Rand(purpose string) *Rand {
	c := e.h.cur
	for i := range c.rands {
		if c.rands[i].purpose == purpose {
			return c.rands[i].rand
		}
	}
	r := e.h.opt.Seed.Rand("cell "+string(c.id), c.incarnation, purpose)
	c.rands = append(c.rands, purposeRand{purpose, &r})
	return &r
}

func (e *env) Buf() []byte {
	h := e.h
	if h.building == 0 {
		h.building = h.Frames.New(0)
	}
	return h.Frames.Bytes(h.building)[:0]
}

func (e *env) Send(p Port, b []byte) {
	h := e.h
	ref, ok := h.lookup(h.cur, p)
	if !ok {
		h.effects = append(h.effects, effect{op: des.OpSend, port: p, a: int64(h.frameOf(b)), b: sendNoPort})
		return
	}
	code := int64(sendOpen)
	if q := &h.ports[ref]; q.stream {
		switch {
		case !q.writable():
			code = sendClosed
		case q.queued+int64(len(b)) > q.bound:
			q.spilt = true
			h.effects = append(h.effects, effect{op: des.OpDown, port: p})
			return
		default:
			q.queued += int64(len(b))
			q.high = q.high || q.queued > q.bound/2
		}
	}
	h.effects = append(h.effects, effect{op: des.OpSend, port: p, a: int64(h.frameOf(b)), b: code})
}

// frameOf gives a frame with the content of b: without a copy if b is what Buf
// gave, or the whole of what is being received.
func (h *Host) frameOf(b []byte) Frame {
	if cap(b) > 0 {
		first := &b[:1][0]
		if f := h.building; f != 0 {
			if own := h.Frames.Bytes(f); cap(own) >= len(b) && first == &own[:1][0] {
				h.building = 0
				return h.Frames.take(f, len(b))
			}
		}
		if f := h.received; f != 0 {
			if own := h.Frames.Bytes(f); len(own) == len(b) && len(b) > 0 && first == &own[0] {
				h.Frames.Retain(f)
				return f
			}
		}
	}
	return h.Frames.Copy(b)
}

func (e *env) Queued(p Port) int {
	if ref, ok := e.h.lookup(e.h.cur, p); ok {
		return int(min(e.h.ports[ref].queued, math.MaxInt32))
	}
	return 0
}

func (e *env) Arm(id TimerID, d time.Duration) {
	deadline := e.Now().Add(max(d, 0))
	e.h.effects = append(e.h.effects, effect{op: des.OpArm, a: int64(id), b: int64(deadline)})
}

func (e *env) Disarm(id TimerID) {
	e.h.effects = append(e.h.effects, effect{op: des.OpDisarm, a: int64(id)})
}

func (e *env) Listen(addr string) Port { return e.open(des.OpListen, PortListening, addr) }

func (e *env) Dial(addr string) Port { return e.open(des.OpDial, PortDialling, addr) }

func (e *env) open(op des.Op, s PortState, addr string) Port {
	h := e.h
	ref := h.newPort(h.self)
	q := &h.ports[ref]
	q.state, q.stream, q.addr = s, true, addr
	h.effects = append(h.effects, effect{op: op, port: q.num, a: h.text(addr)})
	return q.num
}

func (e *env) CloseWrite(p Port) {
	h := e.h
	if ref, ok := h.lookup(h.cur, p); ok && h.ports[ref].writable() {
		h.ports[ref].shut = true
	}
	h.effects = append(h.effects, effect{op: des.OpCloseWrite, port: p})
}

func (e *env) Close(p Port) {
	h := e.h
	if ref, ok := h.lookup(h.cur, p); ok && h.ports[ref].stream && !h.ports[ref].static {
		h.ports[ref].over = true
	}
	h.effects = append(h.effects, effect{op: des.OpClose, port: p})
}

func (e *env) Emit(k Kind, a, b int64) {
	e.h.effects = append(e.h.effects, effect{op: des.OpEmit, kind: k, a: a, b: b})
}

func (e *env) EmitText(k Kind, text string) {
	e.h.effects = append(e.h.effects, effect{op: des.OpEmit, kind: k, a: e.h.text(text), port: 1})
}

func (h *Host) text(s string) int64 {
	h.texts = append(h.texts, s)
	return int64(len(h.texts) - 1)
}

// drain carries out the effects of the handler that has returned, in the order
// of its calls.
func (h *Host) drain() {
	for i := 0; i < len(h.effects); i++ {
		h.carryOut(&h.effects[i])
	}
	h.forget()
}

// forget makes room for the effects of the next handler. A frame that was
// built and not sent goes back.
func (h *Host) forget() {
	h.effects = h.effects[:0]
	if len(h.texts) > 0 {
		clear(h.texts)
		h.texts = h.texts[:0]
	}
	if h.building != 0 {
		h.Frames.Release(h.building)
		h.building = 0
	}
}

// discard forgets the effects of a handler that panicked.
func (h *Host) discard() {
	for _, f := range h.effects {
		if f.op == des.OpSend {
			h.Frames.Release(Frame(f.a))
		}
	}
	h.forget()
}

func (h *Host) carryOut(f *effect) {
	c := h.cur
	c.fold.Add(uint64(f.op)<<56 | uint64(f.port))
	switch f.op {
	case des.OpSend:
		h.send(f)
	case des.OpArm:
		c.fold.Add(uint64(f.a))
		c.fold.Add(uint64(f.b))
		if h.opt.Sink != nil {
			h.effect(des.Record{Op: f.op, A: f.a, B: f.b})
		}
		h.arm(h.self, TimerID(f.a), clock.Time(f.b))
	case des.OpDisarm:
		c.fold.Add(uint64(f.a))
		if h.opt.Sink != nil {
			h.effect(des.Record{Op: f.op, A: f.a})
		}
		h.disarm(c, TimerID(f.a))
	case des.OpEmit:
		h.emit(f)
	default:
		h.stream(f)
	}
}

func (h *Host) send(f *effect) {
	frame := Frame(f.a)
	data := h.Frames.Bytes(frame)
	h.cur.fold.Bytes(data, h.opt.Full)
	if f.b == sendNoPort {
		h.effect(des.Record{Op: f.op, Port: uint32(f.port), Data: data, Text: ReasonNoPort.String()})
		h.Frames.Release(frame)
		return
	}
	ref := h.cur.ports[f.port]
	q := &h.ports[ref]
	q.txFrames++
	q.txBytes += uint64(len(data))
	q.last = h.sched.Now()
	if q.log != nil {
		h.log(q, des.OpSend, len(data), "")
	}
	var r Reason
	switch {
	case f.b == sendClosed:
		r = ReasonClosed
	case q.stream:
		h.net.Write(ref, frame)
		return
	case q.state != PortUp:
		r = ReasonNoLink
	default:
		h.net.Send(ref, frame)
		return
	}
	h.effect(des.Record{Op: f.op, Port: uint32(f.port), Data: data, Text: r.String()})
	h.Drop(ref, r)
	h.Frames.Release(frame)
}

// Sent records that a frame went out on a link direction as its n-th. The
// network calls it first of all when it is given a frame.
func (h *Host) Sent(p PortRef, link string, n uint64, data []byte) {
	if h.opt.Sink != nil {
		h.effect(des.Record{Op: des.OpSend, Port: uint32(h.ports[p].num), Link: link, A: int64(n), Data: data})
	}
}

func (h *Host) emit(f *effect) {
	c := h.cur
	e := Emission{Cell: c.id, Kind: f.kind}
	c.fold.Text(f.kind.String())
	if f.port == 1 {
		e.Text = h.texts[f.a]
		c.fold.Text(e.Text)
	} else {
		e.A, e.B = f.a, f.b
		c.fold.Add(uint64(f.a))
		c.fold.Add(uint64(f.b))
	}
	if h.opt.Sink != nil {
		h.effect(des.Record{Op: f.op, Kind: f.kind.String(), A: e.A, B: e.B, Text: e.Text})
	}
	for i := range h.emitters {
		if m := &h.emitters[i]; int(f.kind) < len(m.wants) && m.wants[f.kind] {
			m.f(h.sched.Current(), e)
		}
	}
}

// stream carries out the verbs of streams.
func (h *Host) stream(f *effect) {
	text := ""
	if f.op == des.OpListen || f.op == des.OpDial {
		text = h.texts[f.a]
		h.cur.fold.Text(text)
	}
	h.effect(des.Record{Op: f.op, Port: uint32(f.port), Text: text})
	ref, ok := h.lookup(h.cur, f.port)
	if !ok || !h.ports[ref].stream || h.ports[ref].static {
		return
	}
	q := &h.ports[ref]
	switch f.op {
	case des.OpListen:
		h.net.Listen(ref, text)
	case des.OpDial:
		h.net.Dial(ref, text)
	case des.OpCloseWrite:
		if q.shut {
			h.net.CloseWrite(ref)
		}
	case des.OpClose:
		h.net.Close(ref)
		q.state = PortDown
	case des.OpDown:
		q.state = PortDown
		h.net.Overflow(ref)
		h.postDown(ref, ErrOverflow)
	}
}

// effect writes a record under the event being handled.
func (h *Host) effect(r des.Record) {
	if h.opt.Sink == nil {
		return
	}
	h.rec = r
	h.rec.Key = h.sched.Current()
	h.rec.Cause = h.sched.Cause()
	if h.cur != nil {
		h.rec.Cell = string(h.cur.id)
	}
	h.opt.Sink.Record(&h.rec)
	h.rec.Data = nil
}

// Record writes a record of the network's own under the current event.
func (h *Host) Record(r des.Record) {
	if h.opt.Sink == nil {
		return
	}
	h.rec = r
	h.rec.Key = h.sched.Current()
	h.rec.Cause = h.sched.Cause()
	h.opt.Sink.Record(&h.rec)
	h.rec.Data = nil
}

// Tracing reports whether records are kept, so that callers can spare
// themselves the work of making them.
func (h *Host) Tracing() bool { return h.opt.Sink != nil }

// watch is one attribute whose changes matter to a condition.
type watch struct {
	name string
	last Attr
	ok   bool
}

// Watch asks that the end of an instant be announced (des.Scheduler.Touch)
// whenever an attribute of a cell has changed. It reports whether the cell
// shows such an attribute now.
func (h *Host) Watch(ref CellRef, name string) bool {
	c := &h.cells[ref]
	i := slices.IndexFunc(c.watched, func(w watch) bool { return w.name == name })
	if i < 0 {
		c.watched = append(c.watched, watch{name: name})
		i = len(c.watched) - 1
	}
	c.watching = true
	h.look(ref)
	return h.cells[ref].watched[i].ok
}

// Value is an attribute of a cell as of its last event.
func (h *Host) Value(ref CellRef, name string) (Attr, bool) {
	for _, w := range h.cells[ref].watched {
		if w.name == name {
			return w.last, w.ok
		}
	}
	return Attr{}, false
}

// look reads the watched attributes of a cell after one of its events.
func (h *Host) look(ref CellRef) {
	c := &h.cells[ref]
	if c.protocol == nil {
		return
	}
	h.attrs = h.AppendState(ref, h.attrs[:0])
	for i := range c.watched {
		w := &c.watched[i]
		for j := range h.attrs {
			if a := &h.attrs[j]; a.Name == w.name {
				if !w.ok || *a != w.last {
					w.last, w.ok = *a, true
					h.sched.Touch()
				}
				break
			}
		}
	}
}
