package conform

import (
	"bytes"
	"math"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// env is what the protocol of a puppet sees: what it would see in a world.
type env puppet

var _ cells.Env = (*env)(nil)

// port is one of the cell's.
type port struct {
	info   cells.PortInfo
	static bool
	over   bool // closed by the cell
	shut   bool // half of it
	spilt  bool // a Send went over the bound
	told   bool // the cell was told of its end
	high   bool // the queue was over half the bound
	bound  int64
	queued int64

	vanished *Violation // unless the next thing it hears is that it is down
}

func (p *puppet) port(n cells.Port) *port {
	if int64(n) >= int64(len(p.ports)) {
		return nil
	}
	return &p.ports[n]
}

// writable reports whether bytes may be sent on a stream.
func (q *port) writable() bool {
	return (q.info.State == cells.PortUp || q.info.State == cells.PortEOF) && !q.over && !q.shut && !q.spilt
}

func (e *env) Self() cells.ID { return e.id }

func (e *env) Now() clock.Time { return (*puppet)(e).local() }

func (e *env) Wall() clock.Time { return e.clock.Wall(e.now - e.offset) }

func (e *env) Port(n cells.Port) cells.PortInfo {
	p := (*puppet)(e)
	q := p.port(n)
	if q == nil {
		return cells.PortInfo{}
	}
	i := q.info
	if q.static {
		i.Peer, i.MTU = p.c.world.peer(p, n)
	}
	if q.over || q.spilt {
		i.State = cells.PortDown
	}
	return i
}

func (e *env) Rand(purpose string) *cells.Rand {
	if r := e.rands[purpose]; r != nil {
		return r
	}
	r := e.c.opt.Seed.Rand("cell "+string(e.id), e.life, purpose)
	e.rands[purpose] = &r
	return &r
}

func (e *env) Buf() []byte {
	if cap(e.buf) == 0 {
		e.buf = make([]byte, 0, 2048)
	}
	return e.buf[:0]
}

func (e *env) do(x effect) { e.effects = append(e.effects, x) }

func (e *env) Send(n cells.Port, b []byte) {
	goes := false
	if q := (*puppet)(e).port(n); q != nil && q.info.Stream && !q.static && q.writable() {
		if q.queued+int64(len(b)) > q.bound {
			q.spilt = true
			e.do(effect{op: des.OpDown, port: n})
			return
		}
		q.queued += int64(len(b))
		q.high = q.high || q.queued > q.bound/2
		goes = true
	}
	e.do(effect{op: des.OpSend, port: n, data: bytes.Clone(b), goes: goes})
}

// sends reports whether something that was sent on a port goes anywhere.
func (p *puppet) sends(x *effect) bool {
	q := p.port(x.port)
	switch {
	case q == nil:
		return false
	case q.info.Stream:
		return x.goes
	}
	return q.info.State == cells.PortUp
}

func (e *env) Queued(n cells.Port) int {
	if q := (*puppet)(e).port(n); q != nil {
		return int(min(q.queued, math.MaxInt32))
	}
	return 0
}

func (e *env) Arm(id cells.TimerID, d time.Duration) {
	e.do(effect{op: des.OpArm, a: int64(id), b: int64(e.Now().Add(max(d, 0)))})
}

func (e *env) Disarm(id cells.TimerID) { e.do(effect{op: des.OpDisarm, a: int64(id)}) }

func (e *env) Listen(addr string) cells.Port {
	return e.open(des.OpListen, cells.PortListening, addr)
}

func (e *env) Dial(addr string) cells.Port { return e.open(des.OpDial, cells.PortDialling, addr) }

func (e *env) open(op des.Op, s cells.PortState, addr string) cells.Port {
	n := cells.Port(len(e.ports))
	q := port{info: cells.PortInfo{Addr: addr, Stream: true, State: s}}
	if op == des.OpDial {
		q.info.Peer = addr
		q.bound = e.c.world.bound(e.id, cells.ID(strings.SplitN(addr, ":", 2)[0]))
	}
	e.ports = append(e.ports, q)
	e.do(effect{op: op, port: n, text: addr})
	return n
}

func (e *env) CloseWrite(n cells.Port) {
	if q := (*puppet)(e).port(n); q != nil && q.info.Stream && q.writable() {
		q.shut = true
	}
	e.do(effect{op: des.OpCloseWrite, port: n})
}

func (e *env) Close(n cells.Port) {
	if q := (*puppet)(e).port(n); q != nil && q.info.Stream && !q.static {
		q.over = true
	}
	e.do(effect{op: des.OpClose, port: n})
}

func (e *env) Emit(k cells.Kind, a, b int64) {
	e.do(effect{op: des.OpEmit, kind: k.String(), a: a, b: b})
}

func (e *env) EmitText(k cells.Kind, text string) {
	e.do(effect{op: des.OpEmit, kind: k.String(), text: text})
}

// up takes a port that comes up: a static one that has a link, a dial, or one
// that was accepted, which is new.
func (p *puppet) up(r *des.Record) *Violation {
	n := cells.Port(r.Port)
	if int64(n) == int64(len(p.ports)) {
		p.ports = append(p.ports, p.accepted(r))
	}
	q := p.port(n)
	switch {
	case q == nil:
		return violation(r, "the cell has no port %d", n)
	case q.static && q.info.State == cells.PortUnbound && p.c.world.linked(p, n):
	case !q.static && q.info.State == cells.PortDialling:
	default:
		return violation(r, "port %d comes up, and it is %s", n, q.info.State)
	}
	q.info.State = cells.PortUp
	return nil
}

// accepted is the port of a connection that arrived. What it was dialled by says
// at which listener.
func (p *puppet) accepted(r *des.Record) port {
	q := port{info: cells.PortInfo{Stream: true, State: cells.PortDialling, Accepted: true}}
	want := ""
	if list := p.c.dials[r.Cause]; len(list) > 0 {
		_, want, _ = strings.Cut(list[0].addr, ":")
		q.info.Peer = string(list[0].from)
		q.bound = p.c.world.bound(p.id, list[0].from)
		if p.c.dials[r.Cause] = list[1:]; len(list) == 1 {
			delete(p.c.dials, r.Cause)
		}
	}
	for i := range p.ports {
		if x := &p.ports[i]; x.info.State == cells.PortListening && !x.over && (want == "" || x.info.Addr == want) {
			q.info.Listener, q.info.Addr = cells.Port(i), x.info.Addr
			break
		}
	}
	return q
}

// down takes a port that goes down, or whose peer sends no more.
func (p *puppet) down(r *des.Record, q *port) func() {
	err := cells.DownOf(uint8(r.A))
	n := cells.Port(r.Port)
	if q.static {
		if q.info.State == cells.PortUp && !q.info.Stream {
			q.info.State = cells.PortDown // a link that has drained
		}
	} else {
		first := !q.told
		q.told = true
		switch {
		case r.A != int64(cells.DownCode(endOfStream)):
			q.info.State, q.queued = cells.PortDown, 0
		case first && q.info.State != cells.PortDown:
			q.info.State = cells.PortEOF
		}
	}
	return func() { p.protocol.Down((*env)(p), n, err) }
}
