package echo

import (
	"errors"
	"time"

	"example.com/dsim/cells"
)

// client dials and sends.
type client struct {
	config Config
	calls  []call
	byPort map[cells.Port]int // the call of a port; looked up, never ranged over

	chunks, pauses, ids *cells.Rand

	dialled, connected, failed, resets, overflows, finished, over uint64
	sent, echoed                                                  uint64
}

// call is one of a client's connections, over all its dials.
type call struct {
	port  cells.Port
	id    int64
	state callState
	out   track
	in    track
	next  int  // size of the next chunk, 0 if none is drawn
	pause bool // between chunks
	eof   bool // CloseWrite was called
}

type callState uint8

const (
	callIdle callState = iota
	callDialling
	callOpen
	callOver // done, or failed for good
)

// The timers of call i are 2i for its pause and 2i+1 for its next dial.
func timerPause(i int) cells.TimerID  { return cells.TimerID(2 * i) }
func timerRedial(i int) cells.TimerID { return cells.TimerID(2*i + 1) }

// burst bounds the chunks of one event, also of a client that does not ask for
// room.
const burst = 256

// Start dials.
func (p *client) Start(e cells.Env) {
	p.chunks, p.pauses, p.ids = e.Rand("chunk"), e.Rand("pause"), e.Rand("connection")
	for i := range p.calls {
		p.dial(e, i)
	}
}

func (p *client) dial(e cells.Env, i int) {
	p.dialled++
	c := &p.calls[i]
	*c = call{
		port: e.Dial(p.config.Dial), state: callDialling, id: int64(p.ids.Uint64() >> 1),
		out: track{kind: KindSent}, in: track{kind: KindReceived},
	}
	p.byPort[c.port] = i
}

// find is the call of a port that is in use.
func (p *client) find(q cells.Port) (int, *call) {
	if i, ok := p.byPort[q]; ok {
		return i, &p.calls[i]
	}
	return 0, nil
}

// Up begins to send on a connection.
func (p *client) Up(e cells.Env, q cells.Port) {
	i, c := p.find(q)
	if c == nil || c.state != callDialling {
		return
	}
	p.connected++
	c.state = callOpen
	e.Emit(KindUp, c.id, clientSide)
	p.pump(e, i)
}

// Recv takes an echo.
func (p *client) Recv(e cells.Env, q cells.Port, b []byte) {
	i, c := p.find(q)
	if c == nil {
		return
	}
	p.echoed += uint64(len(b))
	c.in.advance(e, c.id, b)
	p.pump(e, i)
}

// Timer ends a pause, or dials again.
func (p *client) Timer(e cells.Env, id cells.TimerID) {
	i := int(id / 2)
	if i >= len(p.calls) {
		return
	}
	if id == timerRedial(i) {
		p.dial(e, i)
		return
	}
	p.calls[i].pause = false
	p.pump(e, i)
}

// pump sends what there is room for, and closes when it is time.
func (p *client) pump(e cells.Env, i int) {
	c := &p.calls[i]
	if c.state != callOpen {
		return
	}
	for range burst {
		if c.pause || c.out.pos >= p.config.Bytes {
			break
		}
		if c.next == 0 {
			n := p.chunks.Sample(p.config.Chunk)
			n = min(n, int64(p.config.Window), int64(p.config.Limit), int64(p.config.Bytes-c.out.pos))
			c.next = int(max(n, 1))
		}
		if !p.config.Impolite && !p.room(e, c) {
			return
		}
		b := appendContent(e.Buf(), c.id, c.out.pos, c.next)
		c.next = 0
		p.sent += uint64(len(b))
		c.out.advance(e, c.id, b)
		e.Send(c.port, b)
		if gap := p.pauses.Sample(p.config.Pause); gap > 0 {
			c.pause = true
			e.Arm(timerPause(i), time.Duration(gap))
		}
	}
	if c.out.pos >= p.config.Bytes {
		p.maybeClose(e, c)
	}
}

// room reports whether the next chunk may be sent now. If not, an echo is on
// its way, whose arrival asks again: with nothing on the way there is room,
// whatever has not been credited yet.
func (p *client) room(e cells.Env, c *call) bool {
	if c.in.pos >= c.out.pos {
		return true
	}
	away := c.out.pos - c.in.pos
	return away+uint64(c.next) <= uint64(p.config.Window) && e.Queued(c.port)+c.next <= p.config.Limit
}

// maybeClose ends a connection on which all is sent.
func (p *client) maybeClose(e cells.Env, c *call) {
	switch {
	case p.config.Close == Half && !c.eof:
		c.eof = true
		c.out.end(e, c.id)
		e.CloseWrite(c.port)
	case p.config.Close == Full, p.config.Close == Echoed && c.in.pos >= c.out.pos:
		c.out.end(e, c.id)
		p.finish(e, c)
	}
}

// finish closes a connection whose work is done.
func (p *client) finish(e cells.Env, c *call) {
	p.finished++
	p.forget(c)
	e.Emit(KindClose, c.id, clientSide)
	e.Close(c.port)
}

func (p *client) forget(c *call) {
	p.over++
	c.state = callOver
	delete(p.byPort, c.port)
}

// Down ends a connection: in good order, if the server has sent its last byte.
func (p *client) Down(e cells.Env, q cells.Port, err error) {
	i, c := p.find(q)
	if c == nil {
		return
	}
	e.Disarm(timerPause(i))
	e.Emit(KindDown, c.id, int64(cells.DownCode(err)))
	if cells.DownCode(err) == eof {
		c.in.end(e, c.id)
		if c.out.pos >= p.config.Bytes && c.in.pos == c.out.pos {
			p.finish(e, c)
			return
		}
		// The server ended before the client did.
		p.forget(c)
		e.Emit(KindClose, c.id, clientSide)
		e.Close(c.port)
	} else {
		p.forget(c)
	}
	switch {
	case errors.Is(err, cells.ErrOverflow):
		p.overflows++
	case errors.Is(err, cells.ErrRefused), errors.Is(err, cells.ErrUnreachable), errors.Is(err, cells.ErrTimeout):
		p.failed++
	default:
		p.resets++
	}
	if p.config.Redial > 0 {
		p.over--
		e.Arm(timerRedial(i), p.config.Redial)
	}
}

// AppendState shows the client's counters, over all connections.
func (p *client) AppendState(a []cells.Attr) []cells.Attr {
	return append(a,
		cells.TextAttr("role", p.config.Role),
		cells.BoolAttr("done", p.over == uint64(len(p.calls))),
		cells.IntAttr("dialled", int64(p.dialled)),
		cells.IntAttr("connected", int64(p.connected)),
		cells.IntAttr("open", int64(len(p.byPort))),
		cells.IntAttr("finished", int64(p.finished)),
		cells.IntAttr("failed", int64(p.failed)),
		cells.IntAttr("resets", int64(p.resets)),
		cells.IntAttr("overflows", int64(p.overflows)),
		cells.IntAttr("sent", int64(p.sent)),
		cells.IntAttr("echoed", int64(p.echoed)))
}
