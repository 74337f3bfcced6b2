// Package abp64 is the alternating bit protocol of 64-byte frames that
// ABPVerilog speaks in hardware. A sender counts a number up by what a
// responder answers.
//
// A frame is
//
//	byte 0-3    value, big endian
//	byte 4-62   zeros, not looked at
//	byte 63     the bit, in the least significant bit; the others are 0 and not looked at
//
// A transmitter adds one to the value it is given, so what lies on the wire is
// one more than what an end holds. The sender is the hardware's transmitter:
//
//	state     event                 action                              next
//	start     port up               value 0, bit 1; send                waiting
//	waiting   frame, bit = own      take the value; value = received + 1;
//	                                flip the bit; send                  waiting
//	waiting   frame, other bit      nothing                             waiting
//	waiting   1200 cycles of 8 ns   send again                          waiting
//
// The hardware's responder was never finished; this one does what the sender
// needs of it:
//
//	expects   event                 action                              expects
//	bit       frame, bit            take the value; send it back with
//	                                the same bit                        other bit
//	bit       frame, other bit      send the last answer again          bit
//
// So the values on the wire are 1, answered by 2, then 4, answered by 5, and so
// on. Frames that do not have 64 bytes are counted and dropped.
//
// There is no checksum: a flipped bit in a value counts as it is, and the count
// goes wrong. Reordering, and a crash that loses a bit, are not survived. The
// oracle, [NewOracle], shows these. Over links slower than the hardware's,
// raise the time-out: 9.6 µs is less than most round trips. For a protocol that
// carries messages see package abp.
package abp64

import (
	"encoding/json"
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/wire"
)

// Config is what an abp64 cell is made of.
type Config struct {
	Role  string        `dsim:"role" doc:"which end the cell is; the sender begins" oneof:"sender,responder" default:"responder"`
	RTO   time.Duration `dsim:"rto" doc:"time after which an unanswered frame is sent again" default:"9.6µs"`
	Limit uint64        `dsim:"limit" doc:"answer at which the sender stops; 0 is never" default:"0"`
	Bug   string        `dsim:"bug" doc:"a mistake to be found by a test of the tests; never for anything else" oneof:",ignore-bit" default:""`
}

// The roles of a cell, and the mistake a canary can be given.
const (
	Sender    = "sender"
	Responder = "responder"
	IgnoreBit = "ignore-bit" // every frame is taken
)

// Timeout is the hardware's: 1200 cycles of 8 ns.
const Timeout = 1200 * 8 * time.Nanosecond

// Defaults is the Config that the tags describe.
func Defaults() Config { return Config{Role: Responder, RTO: Timeout} }

// What an abp64 cell emits.
var (
	// KindPair names the peer, when the port comes up.
	KindPair = cells.NewKind("abp64-pair", "", "")
	// KindTake is a value that was taken; responder is 1 at the responder.
	KindTake = cells.NewKind("abp64-take", "value", "responder")
)

const (
	port     cells.Port    = 0
	timerRTO cells.TimerID = 1
)

// frame is what goes over the wire.
type frame struct {
	Value uint32
	Bit   uint8
}

var frames = wire.NewLayout("abp64",
	wire.U32("value", func(f *frame) *uint32 { return &f.Value }),
	wire.Reserved[frame]("zeros", 59),
	wire.Bits("last", 1, wire.Part("bit", 0, 1, func(f *frame) *uint8 { return &f.Bit })),
)

type cell struct {
	config Config
	up     bool
	in     frame
	state
}

// state is all of a cell that a restart with kept state keeps.
type state struct {
	Current  frame // on the wire
	Expected uint8
	Began    bool // there is a Current
	Last     uint32
	Done     bool // the limit was reached

	Sent, Taken, Retransmitted, Unexpected, Malformed uint64
}

// New makes an abp64 cell.
func New(c Config) (cells.Protocol, error) {
	switch {
	case c.Role != Sender && c.Role != Responder:
		return nil, fmt.Errorf("abp64: role %q: want sender or responder", c.Role)
	case c.RTO <= 0:
		return nil, fmt.Errorf("abp64: rto %s: must be more than 0", c.RTO)
	case c.Limit > 1<<32-1:
		return nil, fmt.Errorf("abp64: limit %d: values have 32 bits", c.Limit)
	case c.Bug != "" && c.Bug != IgnoreBit:
		return nil, fmt.Errorf("abp64: bug %q: want %s or none", c.Bug, IgnoreBit)
	}
	return &cell{config: c, state: state{Expected: 1}}, nil
}

func (p *cell) sender() bool { return p.config.Role == Sender }

// Start has nothing to do: the sender begins when its port is up.
func (p *cell) Start(cells.Env) {}

// Up lets the sender send.
func (p *cell) Up(e cells.Env, q cells.Port) {
	if q != port {
		return
	}
	p.up = true
	e.EmitText(KindPair, e.Port(q).Peer)
	if !p.sender() || p.Done {
		return
	}
	if p.Began {
		p.Retransmitted++
	} else {
		p.hold(0, 1)
	}
	p.send(e)
}

// Resume goes on in the middle of a life.
func (p *cell) Resume(e cells.Env) { p.up = e.Port(port).State == cells.PortUp }

// Down stops the sender's timer.
func (p *cell) Down(e cells.Env, q cells.Port, _ error) {
	if q != port {
		return
	}
	p.up = false
	if p.sender() {
		e.Disarm(timerRTO)
	}
}

// hold gives the transmitter a value and a bit; it adds one.
func (p *cell) hold(value uint32, bit uint8) {
	p.Began = true
	p.Current = frame{value + 1, bit}
}

// Recv takes a frame.
func (p *cell) Recv(e cells.Env, q cells.Port, b []byte) {
	switch {
	case q != port || p.Done:
		return
	case frames.Decode(b, &p.in) != nil:
		p.Malformed++
		return
	case p.in.Bit == p.Expected || p.config.Bug == IgnoreBit:
		p.take(e)
	default:
		p.Unexpected++
		if !p.sender() && p.Began {
			p.Retransmitted++
			p.send(e)
		}
	}
}

func (p *cell) take(e cells.Env) {
	p.Taken++
	p.Last = p.in.Value
	p.Expected = p.in.Bit ^ 1
	if !p.sender() {
		e.Emit(KindTake, int64(p.Last), 1)
		p.hold(p.Last, p.in.Bit)
		p.send(e)
		return
	}
	e.Emit(KindTake, int64(p.Last), 0)
	if p.Done = p.config.Limit > 0 && uint64(p.Last) >= p.config.Limit; p.Done {
		e.Disarm(timerRTO)
		return
	}
	p.hold(p.Last+1, p.in.Bit^1)
	p.send(e)
}

// Timer is the sender's: no answer came.
func (p *cell) Timer(e cells.Env, _ cells.TimerID) {
	if !p.up || p.Done {
		return
	}
	p.Retransmitted++
	p.send(e)
}

func (p *cell) send(e cells.Env) {
	p.Sent++
	b, err := frames.Append(e.Buf(), &p.Current)
	if err != nil {
		panic("abp64: " + err.Error()) // every value and bit can be sent
	}
	e.Send(port, b)
	if p.sender() {
		e.Arm(timerRTO, p.config.RTO)
	}
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
		cells.IntAttr("retransmitted", int64(p.Retransmitted)),
		cells.IntAttr("unexpected", int64(p.Unexpected)),
		cells.IntAttr("malformed", int64(p.Malformed)))
}

// Save gives the whole state.
func (p *cell) Save() []byte {
	b, err := json.Marshal(&p.state)
	if err != nil {
		panic("abp64: " + err.Error())
	}
	return b
}

// Restore takes a state that Save gave.
func (p *cell) Restore(b []byte) error {
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("abp64: kept state: %w", err)
	}
	if s.Current.Bit > 1 || s.Expected > 1 {
		return fmt.Errorf("abp64: kept state: a bit is none")
	}
	p.state = s
	return nil
}
