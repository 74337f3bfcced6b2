package echo

import (
	"encoding/binary"
	"errors"
	"io"

	"example.com/dsim/cells"
)

// eof is the code of a peer's end.
var eof = cells.DownCode(io.EOF)

// skipped is the position of the byte that the canary SkipByte leaves out.
const skipped = 100

// server sends back what it gets.
type server struct {
	config Config
	conns  map[cells.Port]*served // looked up, never ranged over
	free   []*served

	listener         cells.Port
	listening        bool
	accepted, resets uint64
	overruns, ended  uint64
	overflows        uint64
	received, sent   uint64
}

// served is one connection of a server.
type served struct {
	header [headerSize]byte
	got    int   // bytes of header
	id     int64 // once the header is whole
	in     track
	out    track
}

// Start listens.
func (p *server) Start(e cells.Env) {
	p.listener = e.Listen(p.config.Listen)
	p.listening = true
}

// Up is a connection that was accepted.
func (p *server) Up(e cells.Env, q cells.Port) {
	if info := e.Port(q); !info.Accepted || info.Listener != p.listener {
		return
	}
	c := &served{}
	if n := len(p.free); n > 0 {
		c, p.free = p.free[n-1], p.free[:n-1]
	}
	*c = served{in: track{kind: KindReceived}, out: track{kind: KindSent}}
	p.accepted++
	p.conns[q] = c
}

// Recv sends back what came, whole or not at all. The first bytes wait until
// they are the whole id.
func (p *server) Recv(e cells.Env, q cells.Port, b []byte) {
	c := p.conns[q]
	if c == nil {
		return
	}
	p.received += uint64(len(b))
	if c.got < headerSize {
		n := copy(c.header[c.got:], b)
		if c.got += n; c.got < headerSize {
			return
		}
		c.id = int64(binary.BigEndian.Uint64(c.header[:]))
		e.Emit(KindUp, c.id, serverSide)
		b = append(append(e.Buf(), c.header[:]...), b[n:]...)
	}
	c.in.advance(e, c.id, b)
	if !p.config.Impolite && e.Queued(q)+len(b) > p.config.Limit {
		p.overruns++
		p.close(e, q, c)
		return
	}
	if at := c.out.pos; p.config.Bug == SkipByte && at <= skipped && skipped < at+uint64(len(b)) {
		b = append(b[:skipped-at:skipped-at], b[skipped-at+1:]...)
	}
	p.sent += uint64(len(b))
	c.out.advance(e, c.id, b)
	e.Send(q, b)
}

// close ends a connection after what was sent.
func (p *server) close(e cells.Env, q cells.Port, c *served) {
	if c.got == headerSize {
		c.out.end(e, c.id)
		e.Emit(KindClose, c.id, serverSide)
	}
	p.forget(q, c)
	e.Close(q)
}

func (p *server) forget(q cells.Port, c *served) {
	delete(p.conns, q)
	p.free = append(p.free, c)
}

// Down ends a connection, or the listener.
func (p *server) Down(e cells.Env, q cells.Port, err error) {
	if q == p.listener {
		p.listening = false
		return
	}
	c := p.conns[q]
	if c == nil {
		return
	}
	code := cells.DownCode(err)
	if c.got == headerSize {
		e.Emit(KindDown, c.id, int64(code))
	}
	switch {
	case code == eof:
		p.ended++
		if c.got == headerSize {
			c.in.end(e, c.id)
		}
		p.close(e, q, c)
		return
	case errors.Is(err, cells.ErrOverflow):
		p.overflows++
	default:
		p.resets++
	}
	p.forget(q, c)
}

// Timer has nothing to do.
func (p *server) Timer(cells.Env, cells.TimerID) {}

// AppendState shows the server's counters, over all connections.
func (p *server) AppendState(a []cells.Attr) []cells.Attr {
	return append(a,
		cells.TextAttr("role", p.config.Role),
		cells.BoolAttr("listening", p.listening),
		cells.IntAttr("accepted", int64(p.accepted)),
		cells.IntAttr("open", int64(len(p.conns))),
		cells.IntAttr("ended", int64(p.ended)),
		cells.IntAttr("resets", int64(p.resets)),
		cells.IntAttr("overflows", int64(p.overflows)),
		cells.IntAttr("overruns", int64(p.overruns)),
		cells.IntAttr("received", int64(p.received)),
		cells.IntAttr("sent", int64(p.sent)))
}
