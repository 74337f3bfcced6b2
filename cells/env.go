package cells

import (
	"math"
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

// env is the lane's Env. There is one, for the handler that is running.
type env struct{ l *Lane }

var _ Env = (*env)(nil)

func (e *env) Self() ID { return e.l.h.Name(e.l.self) }

func (e *env) Now() clock.Time { return e.l.cur.now(e.l.sched.Now()) }

func (e *env) Wall() clock.Time {
	c, now := e.l.cur, e.l.sched.Now()
	if c.flags&cellClock == 0 {
		return now
	}
	return c.ext.clock.Wall(now)
}

func (e *env) Port(p Port) PortInfo {
	ref, q, ok := e.l.lookup(e.l.cur, p)
	if !ok {
		return PortInfo{}
	}
	return e.l.info(ref, q)
}

func (e *env) Rand(purpose string) *Rand {
	x := e.l.cur.extension()
	for i := range x.rands {
		if x.rands[i].purpose == purpose {
			return x.rands[i].rand
		}
	}
	r := e.l.h.opt.Seed.Rand("cell "+string(e.Self()), x.incarnation, purpose)
	x.rands = append(x.rands, purposeRand{purpose, &r})
	return &r
}

func (e *env) Buf() []byte {
	l := e.l
	if l.building == 0 {
		l.building = l.Frames.New(frameRoom)
	}
	return l.Frames.Bytes(l.building)[:0]
}

func (e *env) Send(p Port, b []byte) {
	l := e.l
	code := int64(sendOpen)
	if c := l.cur; c.ext == nil && uint32(p) < c.ports {
		if q := &l.h.ports[c.first+PortRef(p)]; q.stream() {
			code = sendClosed // the end of a stream link takes no bytes itself
		}
	} else if !c.has(p) {
		code = sendNoPort
	} else if q := l.Port(c.ref(p)); q.stream() {
		x := l.ext(q)
		switch {
		case !q.writable(x):
			code = sendClosed
		case x.queued+int64(len(b)) > x.bound:
			x.spilt = true
			l.effects = append(l.effects, effect{op: des.OpDown, port: p})
			return
		default:
			x.queued += int64(len(b))
			x.high = x.high || x.queued > x.bound/2
		}
	}
	l.effects = append(l.effects, effect{op: des.OpSend, port: p, a: int64(l.frameOf(b)), b: code})
}

// frameOf gives a frame with the content of b: without a copy if b is what Buf
// gave, or the whole of what is being received. What was built and is short is
// copied all the same: a buffer of its size is kept in its stead, and the one
// to build in stays at hand.
func (l *Lane) frameOf(b []byte) Frame {
	if len(b) > 0 {
		first := &b[0]
		if f := l.building; f != 0 && len(b) > frameRooms[0] {
			if own := l.Frames.Bytes(f)[:1]; first == &own[0] && cap(own) >= len(b) {
				l.building = 0
				return l.Frames.take(f, len(b))
			}
		}
		if f := l.received; f != 0 {
			if own := l.Frames.Bytes(f); len(own) == len(b) && first == &own[0] {
				l.Frames.Retain(f)
				return f
			}
		}
	}
	return l.Frames.Copy(b)
}

func (e *env) Queued(p Port) int {
	if _, q, ok := e.l.lookup(e.l.cur, p); ok {
		return int(min(e.l.rare(q).queued, math.MaxInt32))
	}
	return 0
}

func (e *env) Arm(id TimerID, d time.Duration) {
	deadline := e.Now().Add(max(d, 0))
	e.l.effects = append(e.l.effects, effect{op: des.OpArm, a: int64(id), b: int64(deadline)})
}

func (e *env) Disarm(id TimerID) {
	e.l.effects = append(e.l.effects, effect{op: des.OpDisarm, a: int64(id)})
}

func (e *env) Listen(addr string) Port { return e.open(des.OpListen, PortListening, addr) }

func (e *env) Dial(addr string) Port { return e.open(des.OpDial, PortDialling, addr) }

func (e *env) open(op des.Op, s PortState, addr string) Port {
	l := e.l
	_, q, x := l.newDynamic(l.self)
	q.State, x.addr = s, addr
	l.effects = append(l.effects, effect{op: op, port: x.num, a: l.text(addr)})
	return x.num
}

func (e *env) CloseWrite(p Port) {
	l := e.l
	if _, q, ok := l.lookup(l.cur, p); ok && q.stream() {
		if x := l.ext(q); q.writable(x) {
			x.shut = true
		}
	}
	l.effects = append(l.effects, effect{op: des.OpCloseWrite, port: p})
}

func (e *env) Close(p Port) {
	l := e.l
	if _, q, ok := l.lookup(l.cur, p); ok && q.stream() && !q.static() {
		l.ext(q).over = true
	}
	l.effects = append(l.effects, effect{op: des.OpClose, port: p})
}

func (e *env) Emit(k Kind, a, b int64) {
	e.l.effects = append(e.l.effects, effect{op: des.OpEmit, kind: k, a: a, b: b})
}

func (e *env) EmitText(k Kind, text string) {
	e.l.effects = append(e.l.effects, effect{op: des.OpEmit, kind: k, a: e.l.text(text), port: 1})
}

func (l *Lane) text(s string) int64 {
	l.texts = append(l.texts, s)
	return int64(len(l.texts) - 1)
}
