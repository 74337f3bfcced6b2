// Package talk lets the tests of protocols talk to them: a [Cell] calls the
// handlers of one protocol and keeps what they ask for, a [World] joins cells
// with links that lose, duplicate, corrupt and reorder, as the test draws.
package talk

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Cell is a protocol and the Env of its handlers. What a handler asks for is
// kept as lines:
//
//	send 0 0001feff    arm 1 50ms    disarm 1    emit deliver message=3 bytes=16
//	listen 1 echo      dial 2 server:echo        closewrite 2    close 2
type Cell struct {
	T           testing.TB
	P           cells.Protocol
	Name        cells.ID
	Time        clock.Time
	Incarnation uint32
	Ports       map[cells.Port]cells.PortInfo
	Bytes       map[cells.Port]int // what Queued says
	Timers      map[cells.TimerID]clock.Time
	Emitted     []cells.Emission // all of them

	effects []string
	sends   []sent
	sink    func(cells.Emission)
	open    func(c *Cell, p cells.Port, addr string) // of Dial, in a World
	closes  func(c *Cell, p cells.Port, whole bool)
	rands   map[string]*cells.Rand
	next    cells.Port
}

type sent struct {
	port cells.Port
	b    []byte
}

// NewCell gives a cell with one frame port, 0, that is not up. It fails the
// test if New's error is not nil.
func NewCell(t testing.TB, name cells.ID) func(cells.Protocol, error) *Cell {
	return func(p cells.Protocol, err error) *Cell {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return &Cell{
			T: t, P: p, Name: name, next: 1,
			Ports:  map[cells.Port]cells.PortInfo{0: {Name: "p0", Peer: "peer:p0"}},
			Bytes:  map[cells.Port]int{},
			Timers: map[cells.TimerID]clock.Time{},
			rands:  map[string]*cells.Rand{},
		}
	}
}

// Start, Up, Recv, Fire, Down and Drained are the events.
func (c *Cell) Start() { c.P.Start(c) }

// Up brings a port up.
func (c *Cell) Up(p cells.Port) {
	info := c.Ports[p]
	info.State = cells.PortUp
	c.Ports[p] = info
	c.P.Up(c, p)
}

// Recv hands over a copy, which is overwritten after the call: protocols must
// not keep it, and must not write to it.
func (c *Cell) Recv(p cells.Port, b []byte) {
	given := slices.Clone(b)
	c.P.Recv(c, p, given)
	if !slices.Equal(given, b) {
		c.T.Errorf("%s wrote to the bytes it received", c.Name)
	}
	for i := range given {
		given[i] = 0xdb
	}
}

// Fire lets time go on to a timer, which must be armed.
func (c *Cell) Fire(id cells.TimerID) {
	c.T.Helper()
	due, ok := c.Timers[id]
	if !ok {
		c.T.Fatalf("%s: timer %d is not armed", c.Name, id)
	}
	delete(c.Timers, id)
	c.Time = max(c.Time, due)
	c.P.Timer(c, id)
}

// Down takes a port down.
func (c *Cell) Down(p cells.Port, err error) { c.P.Down(c, p, err) }

// Want checks what was asked for since the last Want: all of it, in order.
func (c *Cell) Want(why string, effects ...string) {
	c.T.Helper()
	if !slices.Equal(c.effects, effects) {
		c.T.Fatalf("%s: %s:\ngot  %s\nwant %s", c.Name, why, strings.Join(c.effects, "\n     "), strings.Join(effects, "\n     "))
	}
	c.effects = nil
}

// Take gives what was asked for since the last Want or Take.
func (c *Cell) Take() []string {
	e := c.effects
	c.effects = nil
	return e
}

// Attr is a number of the protocol's state; it fails the test if there is none.
func (c *Cell) Attr(name string) int64 {
	c.T.Helper()
	for _, a := range c.P.(cells.Inspector).AppendState(nil) {
		if a.Name == name {
			return a.Int
		}
	}
	c.T.Fatalf("%s has no attribute %s", c.Name, name)
	return 0
}

// Accept makes a port as a connection to a listener does, and brings it up.
func (c *Cell) Accept(listener cells.Port) cells.Port {
	p := c.next
	c.next++
	c.Ports[p] = cells.PortInfo{Stream: true, Accepted: true, Listener: listener, Addr: c.Ports[listener].Addr}
	c.Up(p)
	return p
}

func (c *Cell) note(format string, args ...any) {
	c.effects = append(c.effects, fmt.Sprintf(format, args...))
}

// Self and the methods that follow are the Env.
func (c *Cell) Self() cells.ID { return c.Name }

func (c *Cell) Now() clock.Time  { return c.Time }
func (c *Cell) Wall() clock.Time { return c.Time }

func (c *Cell) Port(p cells.Port) cells.PortInfo { return c.Ports[p] }

func (c *Cell) Rand(purpose string) *cells.Rand {
	if c.rands[purpose] == nil {
		r := des.SeedOf(1).Rand(string(c.Name), c.Incarnation, purpose)
		c.rands[purpose] = &r
	}
	return c.rands[purpose]
}

func (c *Cell) Buf() []byte { return make([]byte, 0, 2048) }

func (c *Cell) Send(p cells.Port, b []byte) {
	c.note("send %d %x", p, b)
	c.sends = append(c.sends, sent{p, slices.Clone(b)})
	if c.Ports[p].Stream {
		c.Bytes[p] += len(b)
	}
}

func (c *Cell) Queued(p cells.Port) int { return c.Bytes[p] }

func (c *Cell) Arm(id cells.TimerID, d time.Duration) {
	c.note("arm %d %s", id, d)
	c.Timers[id] = c.Time.Add(max(d, 0))
}

func (c *Cell) Disarm(id cells.TimerID) {
	c.note("disarm %d", id)
	delete(c.Timers, id)
}

func (c *Cell) Listen(addr string) cells.Port {
	return c.newPort("listen", addr, cells.PortListening)
}

func (c *Cell) Dial(addr string) cells.Port { return c.newPort("dial", addr, cells.PortDialling) }

func (c *Cell) newPort(verb, addr string, s cells.PortState) cells.Port {
	p := c.next
	c.next++
	c.Ports[p] = cells.PortInfo{Addr: addr, Stream: true, State: s}
	c.note("%s %d %s", verb, p, addr)
	if c.open != nil && s == cells.PortDialling {
		c.open(c, p, addr)
	}
	return p
}

func (c *Cell) CloseWrite(p cells.Port) {
	c.note("closewrite %d", p)
	if c.closes != nil {
		c.closes(c, p, false)
	}
}

func (c *Cell) Close(p cells.Port) {
	c.note("close %d", p)
	if c.closes != nil {
		c.closes(c, p, true)
	}
}

func (c *Cell) Emit(k cells.Kind, a, b int64) {
	c.emit(cells.Emission{Cell: c.Name, Kind: k, A: a, B: b})
}

func (c *Cell) EmitText(k cells.Kind, text string) {
	c.emit(cells.Emission{Cell: c.Name, Kind: k, Text: text})
}

func (c *Cell) emit(m cells.Emission) {
	line := "emit " + m.Kind.String()
	a, b := m.Kind.Values()
	if a != "" {
		line += fmt.Sprintf(" %s=%d", a, m.A)
	}
	if b != "" {
		line += fmt.Sprintf(" %s=%d", b, m.B)
	}
	if m.Text != "" {
		line += fmt.Sprintf(" %q", m.Text)
	}
	c.effects = append(c.effects, line)
	c.Emitted = append(c.Emitted, m)
	if c.sink != nil {
		c.sink(m)
	}
}
