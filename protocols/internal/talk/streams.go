package talk

import (
	"errors"
	"io"
	"maps"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Streams joins cells with streams. Chunks are cut, and events of different
// connections and directions ordered, as the test draws; timers wait until
// nothing else is left to do, or come in between.
type Streams struct {
	Draw   func(n int) int
	Oracle cells.Oracle
	Err    error // the oracle's first error
	Bound  int   // of bytes sent and not yet delivered, per direction
	Lose   int   // so many of 100 deliveries lose a byte: a broken network
	Server *Cell // who accepts; nil refuses

	now   clock.Time
	seq   uint64
	cells []*Cell
	conns []*conn
	// The ends by cell and port.
	ends map[end]*conn
}

type end struct {
	c *Cell
	p cells.Port
}

// conn is a connection; side 0 is the dialling one.
type conn struct {
	end    [2]end
	syn    bool // on its way to the server
	pipe   [2][]byte
	fin    [2]bool // no more is sent by this side
	told   [2]bool // fin was delivered to the other side
	closed [2]bool // no event for this side
	down   [2]error
}

// Add starts a cell.
func (s *Streams) Add(c *Cell) {
	if s.ends == nil {
		s.ends = map[end]*conn{}
	}
	s.cells = append(s.cells, c)
	c.Time = s.now
	c.sink = func(m cells.Emission) {
		if s.Oracle != nil && s.Err == nil && slices.Contains(s.Oracle.Kinds(), m.Kind) {
			s.Err = s.Oracle.Observe(des.Key{Time: s.now, Seq: s.seq}, m)
		}
	}
	c.open = func(c *Cell, p cells.Port, _ string) {
		k := &conn{end: [2]end{{c, p}}, syn: true}
		s.conns = append(s.conns, k)
		s.ends[k.end[0]] = k
	}
	c.closes = func(c *Cell, p cells.Port, whole bool) {
		if k, side := s.find(c, p); k != nil {
			k.fin[side] = true
			k.closed[side] = k.closed[side] || whole
		}
	}
	c.Start()
	s.after(c)
}

func (s *Streams) find(c *Cell, p cells.Port) (*conn, int) {
	k := s.ends[end{c, p}]
	if k == nil || k.end[0] == (end{c, p}) {
		return k, 0
	}
	return k, 1
}

// after takes what a cell sent.
func (s *Streams) after(c *Cell) {
	for _, b := range c.sends {
		k, side := s.find(c, b.port)
		if k == nil || k.down[side] != nil {
			continue
		}
		if len(k.pipe[side])+len(b.b) > s.Bound {
			s.reset(k, side, cells.ErrOverflow)
			continue
		}
		k.pipe[side] = append(k.pipe[side], b.b...)
	}
	c.sends, c.effects = nil, nil
}

// reset breaks a connection: the side hears err, the other one that it was
// reset.
func (s *Streams) reset(k *conn, side int, err error) {
	k.down[side], k.down[1-side] = err, cells.ErrReset
	k.pipe = [2][]byte{}
}

// Break resets a connection that is drawn, if there is one.
func (s *Streams) Break() {
	if len(s.conns) > 0 {
		if k := s.conns[s.Draw(len(s.conns))]; !k.syn && k.down[0] == nil {
			s.reset(k, 0, cells.ErrReset)
		}
	}
}

// Step does one of the things that can happen, and reports whether there was
// one.
func (s *Streams) Step() bool {
	var ready []func()
	for _, k := range s.conns {
		if k.syn {
			ready = append(ready, func() { s.accept(k) })
			continue
		}
		for side := range 2 {
			to := 1 - side
			switch {
			case k.closed[to] || k.told[side] && k.down[to] == nil:
			case k.down[to] != nil:
				ready = append(ready, func() { s.tell(k, to, k.down[to]) })
			case len(k.pipe[side]) > 0:
				ready = append(ready, func() { s.deliver(k, side) })
			case k.fin[side]:
				ready = append(ready, func() { k.told[side] = true; s.tell(k, to, io.EOF) })
			}
		}
	}
	for _, c := range s.cells {
		if id, ok := c.first(); ok && (len(ready) == 0 || s.Draw(4) == 0) {
			ready = append(ready, func() { s.now = max(s.now, c.Timers[id]); c.Fire(id); s.after(c) })
		}
	}
	if len(ready) == 0 {
		return false
	}
	s.seq++
	ready[s.Draw(len(ready))]()
	return true
}

// armed lists the timers that are armed, by number.
func (c *Cell) armed() []cells.TimerID { return slices.Sorted(maps.Keys(c.Timers)) }

// first is the timer of a cell that is due first.
func (c *Cell) first() (id cells.TimerID, ok bool) {
	for _, i := range c.armed() {
		if !ok || c.Timers[i] < c.Timers[id] {
			id, ok = i, true
		}
	}
	return id, ok
}

func (s *Streams) accept(k *conn) {
	k.syn = false
	if s.Server == nil {
		k.down[0], k.closed[1] = cells.ErrRefused, true
		return
	}
	listener := cells.Port(0)
	for p := range s.Server.next {
		if s.Server.Ports[p].State == cells.PortListening {
			listener = p
		}
	}
	k.end[1] = end{s.Server, s.Server.next}
	s.ends[k.end[1]] = k
	s.Server.Accept(listener)
	s.after(s.Server)
	k.end[0].c.Up(k.end[0].p)
	s.after(k.end[0].c)
}

func (s *Streams) deliver(k *conn, side int) {
	n := 1 + s.Draw(len(k.pipe[side]))
	b := k.pipe[side][:n]
	k.pipe[side] = k.pipe[side][n:]
	from, to := k.end[side], k.end[1-side]
	from.c.Bytes[from.p] -= n
	if s.Lose > 0 && s.Draw(100) < s.Lose {
		b = b[1:]
	}
	to.c.Time = s.now
	to.c.Recv(to.p, b)
	s.after(to.c)
}

func (s *Streams) tell(k *conn, side int, err error) {
	if !errors.Is(err, io.EOF) {
		k.closed[side] = true
	}
	to := k.end[side]
	to.c.Time = s.now
	to.c.Down(to.p, err)
	s.after(to.c)
}

// Run steps until nothing is left, the oracle objects or so many steps are
// done.
func (s *Streams) Run(steps int) {
	for range steps {
		if s.Err != nil || !s.Step() {
			return
		}
	}
}
