// Package abp5 is the alternating bit protocol of five bytes that the DDL
// emulator spoke over UDP in January 2025: two ends count a number up between
// them, ping and pong.
//
// A datagram is
//
//	byte 0-3  value, big endian
//	byte 4    the bit
//
// Both ends keep the packet they send, and the bit they expect:
//
//	           value  send bit  expected bit
//	client     0      0         0
//	server     0      1         0
//
//	event                              action
//	client: port up                    send (value, send bit)
//	either: received bit = expected    take the value; flip both bits; value = received + 1; send
//	either: received bit ≠ expected    send the current packet again
//	client: nothing received for 1 s   back to the first state; send
//
// There is no checksum: a flipped bit in a value counts as it is, and the
// count goes wrong. Since every packet is answered, a duplicated packet doubles
// the traffic for good. Nor is an answer later than the client's time-out
// survived, reordering, or a crash of either end that loses its state; the
// oracle, [NewOracle], shows these. Loss costs the time-out, and may start the
// count anew. For a protocol that carries messages see package abp.
package abp5

import (
	"encoding/json"
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/wire"
)

// Config is what an abp5 cell is made of.
type Config struct {
	Role    string        `dsim:"role" doc:"which end the cell is; the client begins" oneof:"client,server" default:"server"`
	Timeout time.Duration `dsim:"timeout" doc:"silence after which the client starts anew" default:"1s"`
	Limit   uint64        `dsim:"limit" doc:"value at which the client stops; 0 is never" default:"0"`
	Bug     string        `dsim:"bug" doc:"a mistake to be found by a test of the tests; never for anything else" oneof:",ignore-bit" default:""`
}

// The roles of a cell, and the mistake a canary can be given.
const (
	Client    = "client"
	Server    = "server"
	IgnoreBit = "ignore-bit" // every packet is taken
)

// Defaults is the Config that the tags describe.
func Defaults() Config { return Config{Role: Server, Timeout: time.Second} }

// What an abp5 cell emits.
var (
	// KindPair names the peer, when the port comes up.
	KindPair = cells.NewKind("abp5-pair", "", "")
	// KindTake is a value that was taken; server is 1 at the server.
	KindTake = cells.NewKind("abp5-take", "value", "server")
	// KindReset is the client's time-out; value is what it had.
	KindReset = cells.NewKind("abp5-reset", "value", "")
)

const (
	port         cells.Port    = 0
	timerSilence cells.TimerID = 1
)

// packet is the datagram.
type packet struct {
	Value uint32
	Bit   uint8
}

var packets = wire.NewLayout("abp5",
	wire.U32("value", func(p *packet) *uint32 { return &p.Value }),
	wire.U8("bit", func(p *packet) *uint8 { return &p.Bit }),
)

type cell struct {
	config Config
	up     bool
	in     packet
	state
}

// state is all of a cell that a restart with kept state keeps.
type state struct {
	Current  packet // what is sent
	Expected uint8
	Last     uint32 // taken
	Done     bool   // the limit was reached

	Sent, Taken, Repeated, Resets, Malformed uint64
}

// New makes an abp5 cell.
func New(c Config) (cells.Protocol, error) {
	switch {
	case c.Role != Client && c.Role != Server:
		return nil, fmt.Errorf("abp5: role %q: want client or server", c.Role)
	case c.Timeout <= 0:
		return nil, fmt.Errorf("abp5: timeout %s: must be more than 0", c.Timeout)
	case c.Limit > 1<<32-1:
		return nil, fmt.Errorf("abp5: limit %d: values have 32 bits", c.Limit)
	case c.Bug != "" && c.Bug != IgnoreBit:
		return nil, fmt.Errorf("abp5: bug %q: want %s or none", c.Bug, IgnoreBit)
	}
	p := &cell{config: c}
	p.reset()
	return p, nil
}

func (p *cell) client() bool { return p.config.Role == Client }

// reset goes back to the first state; counters stay.
func (p *cell) reset() {
	p.Current, p.Expected = packet{}, 0
	if !p.client() {
		p.Current.Bit = 1
	}
}

// Start has nothing to do: the client begins when its port is up.
func (p *cell) Start(cells.Env) {}

// Up lets the client send.
func (p *cell) Up(e cells.Env, q cells.Port) {
	if q != port {
		return
	}
	p.up = true
	e.EmitText(KindPair, e.Port(q).Peer)
	if p.client() && !p.Done {
		p.send(e)
		e.Arm(timerSilence, p.config.Timeout)
	}
}

// Resume goes on in the middle of a life.
func (p *cell) Resume(e cells.Env) { p.up = e.Port(port).State == cells.PortUp }

// Down stops the client's timer.
func (p *cell) Down(e cells.Env, q cells.Port, _ error) {
	if q != port {
		return
	}
	p.up = false
	if p.client() {
		e.Disarm(timerSilence)
	}
}

// Recv takes a packet and answers it.
func (p *cell) Recv(e cells.Env, q cells.Port, b []byte) {
	if q != port || p.Done {
		return
	}
	if packets.Decode(b, &p.in) != nil {
		p.Malformed++
		return
	}
	if p.in.Bit == p.Expected || p.config.Bug == IgnoreBit {
		p.take(e)
	} else {
		p.Repeated++
	}
	if p.Done {
		e.Disarm(timerSilence)
		return
	}
	p.send(e)
	if p.client() {
		e.Arm(timerSilence, p.config.Timeout)
	}
}

func (p *cell) take(e cells.Env) {
	p.Taken++
	p.Last = p.in.Value
	p.Current.Value = p.in.Value + 1
	p.Current.Bit ^= 1
	p.Expected ^= 1
	server := int64(1)
	if p.client() {
		server = 0
		p.Done = p.config.Limit > 0 && uint64(p.Last) >= p.config.Limit
	}
	e.Emit(KindTake, int64(p.Last), server)
}

// Timer is the client's: the server was silent.
func (p *cell) Timer(e cells.Env, _ cells.TimerID) {
	if !p.up || p.Done {
		return
	}
	e.Emit(KindReset, int64(p.Current.Value), 0)
	p.Resets++
	p.reset()
	p.send(e)
	e.Arm(timerSilence, p.config.Timeout)
}

func (p *cell) send(e cells.Env) {
	p.Sent++
	b, err := packets.Append(e.Buf(), &p.Current)
	if err != nil {
		panic("abp5: " + err.Error()) // every value and bit can be sent
	}
	e.Send(port, b)
}

// AppendState shows the count and the bits.
func (p *cell) AppendState(a []cells.Attr) []cells.Attr {
	return append(a,
		cells.TextAttr("role", p.config.Role),
		cells.BoolAttr("up", p.up),
		cells.BoolAttr("done", p.Done),
		cells.IntAttr("value", int64(p.Current.Value)),
		cells.IntAttr("bit", int64(p.Current.Bit)),
		cells.IntAttr("expected_bit", int64(p.Expected)),
		cells.IntAttr("sent", int64(p.Sent)),
		cells.IntAttr("taken", int64(p.Taken)),
		cells.IntAttr("repeated", int64(p.Repeated)),
		cells.IntAttr("resets", int64(p.Resets)),
		cells.IntAttr("malformed", int64(p.Malformed)))
}

// Save gives the whole state.
func (p *cell) Save() []byte {
	b, err := json.Marshal(&p.state)
	if err != nil {
		panic("abp5: " + err.Error())
	}
	return b
}

// Restore takes a state that Save gave.
func (p *cell) Restore(b []byte) error {
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("abp5: kept state: %w", err)
	}
	p.state = s
	return nil
}
