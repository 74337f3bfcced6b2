// Package abp is the alternating bit protocol: messages go from a sender to a
// receiver exactly once and in order, over a link that loses, duplicates and
// corrupts frames but does not reorder them. It is a stop-and-wait protocol:
// one message is on the way at a time.
//
// A datagram is
//
//	byte 0    kind: 0 data, 1 acknowledgement
//	byte 1    the bit, 0 or 1
//	payload   data only: stream u64, message number u64, body; big endian
//	trailer   CRC-32 (IEEE) of all before it, big endian
//
// The sender:
//
//	state    event                    action                            next
//	idle     a message is there       accept it; send data(bit), arm    waiting
//	waiting  ack(bit)                 disarm; flip the bit              idle
//	waiting  ack(other bit)           count it as stale                 waiting
//	waiting  rto                      send data(bit) again, arm         waiting
//	waiting  port down                disarm                            waiting
//	waiting  port up                  send data(bit) again, arm         waiting
//	idle     ack                      count it as stale                 idle
//
// The receiver:
//
//	expects  event                    action                            expects
//	bit      data(bit)                deliver; send ack(bit)            other bit
//	bit      data(other bit)          count a duplicate; send ack(other bit)  bit
//
// Either: a datagram whose checksum, kind or size is wrong is counted and
// dropped. A link that goes down and comes up again changes neither bit.
//
// What it cannot survive, and is not meant to: a link that reorders, where an
// old acknowledgement passes for a new one; and a crash that loses the bit.
// A restart with kept state is survived. The oracle, [NewOracle], shows both.
//
// The protocol works on the first port of its cell. What a link does to its
// frames is left to package links.
package abp

import (
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// Config is what an abp cell is made of.
type Config struct {
	Role     string        `dsim:"role" doc:"what the cell does; both sends and receives on the same port" oneof:"sender,receiver,both" default:"both"`
	Messages uint64        `dsim:"messages" doc:"how many messages the sender sends by itself; a receiver is done when it has delivered as many" default:"0"`
	Size     des.Sampler   `dsim:"size" doc:"size of a message's payload; what is below 16 bytes, or above 60000 or what the port carries, is cut to that" unit:"bytes" default:"64"`
	Interval des.Sampler   `dsim:"interval" doc:"time from one message to the next; 0 is as fast as they are acknowledged" unit:"duration" default:"0s"`
	Delay    time.Duration `dsim:"delay" doc:"time from the cell's start to its first message" default:"0s"`
	RTO      time.Duration `dsim:"rto" doc:"time after which an unacknowledged message is sent again" default:"50ms"`
	Bug      string        `dsim:"bug" doc:"a mistake to be found by a test of the tests; never for anything else" oneof:",ignore-bit,ignore-ack-bit,no-checksum,give-up" default:""`
}

// The roles of a cell.
const (
	Sender   = "sender"
	Receiver = "receiver"
	Both     = "both"
)

// The mistakes a canary can be given.
const (
	IgnoreBit    = "ignore-bit"     // the receiver delivers whatever comes
	IgnoreAckBit = "ignore-ack-bit" // the sender takes any acknowledgement
	NoChecksum   = "no-checksum"    // corrupted datagrams are taken as they are
	GiveUp       = "give-up"        // the sender drops a message after three tries
)

// Defaults is the Config that the tags describe.
func Defaults() Config {
	return Config{Role: Both, Size: des.Constant(64), Interval: des.Constant(0), RTO: 50 * time.Millisecond}
}

// SizeMin and SizeMax bound the payload of a message.
const (
	SizeMin = 16 // stream and number
	SizeMax = 60_000
)

// check says what is wrong with a Config.
func (c *Config) check() error {
	if c.Size == nil {
		c.Size = des.Constant(64)
	}
	if c.Interval == nil {
		c.Interval = des.Constant(0)
	}
	switch {
	case c.Role != Sender && c.Role != Receiver && c.Role != Both:
		return fmt.Errorf("role %q: want sender, receiver or both", c.Role)
	case c.RTO <= 0:
		return fmt.Errorf("rto %s: must be more than 0", c.RTO)
	case c.Delay < 0:
		return fmt.Errorf("delay %s: must not be negative", c.Delay)
	case c.Size.Max() < SizeMin || c.Size.Min() > SizeMax:
		return fmt.Errorf("size %s: from %d to %d bytes are possible", c.Size, SizeMin, SizeMax)
	case c.Interval.Max() < 0:
		return fmt.Errorf("interval %s: must not be negative", c.Interval)
	}
	switch c.Bug {
	case "", IgnoreBit, IgnoreAckBit, NoChecksum, GiveUp:
		return nil
	}
	return fmt.Errorf("bug %q: want %s, %s, %s or %s, or none", c.Bug, IgnoreBit, IgnoreAckBit, NoChecksum, GiveUp)
}

// What an abp cell emits.
var (
	// KindAccept says that a message entered the sender, KindDeliver that it left the
	// receiver. A KindContent goes before either.
	KindAccept  = cells.NewKind("accept", "message", "bytes")
	KindDeliver = cells.NewKind("deliver", "message", "bytes")
	// KindContent tells the stream of the message in the next emission, and a hash of
	// all its bytes. A stream is one life of one sender.
	KindContent    = cells.NewKind("abp-content", "stream", "hash")
	KindRetransmit = cells.NewKind("retransmit", "message", "try")
	KindCorrupt    = cells.NewKind("corrupt", "bytes", "")
)

// The cell's one port, and its timers.
const (
	port          cells.Port    = 0
	timerRTO      cells.TimerID = 1
	timerInterval cells.TimerID = 2
)

// cell is an abp cell: a sender, a receiver, or both.
type cell struct {
	config   Config
	sends    bool
	receives bool

	up      bool
	limit   int64 // the largest payload the port carries
	in      datagram
	message message
	state   // what is kept over a restart

	sizes, intervals *cells.Rand
}

// New makes an abp cell.
func New(c Config) (cells.Protocol, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("abp: %w", err)
	}
	p := &cell{config: c, sends: c.Role != Receiver, receives: c.Role != Sender, limit: SizeMax}
	p.Left = c.Messages
	return p, nil
}

// Start opens a stream of messages, unless the cell goes on with one it kept.
func (p *cell) Start(e cells.Env) {
	if !p.sends {
		return
	}
	p.sizes, p.intervals = e.Rand("size"), e.Rand("interval")
	if !p.Began {
		p.Began = true
		p.Stream = e.Rand("stream").Uint64()
		e.Arm(timerInterval, p.config.Delay)
		return
	}
	p.Due = true // timers are not kept
}

// Up says that the port may be sent on.
func (p *cell) Up(e cells.Env, q cells.Port) {
	if q != port {
		return
	}
	p.bind(e)
	p.up = true
	if p.InFlight {
		p.transmit(e)
		return
	}
	p.maybeAccept(e)
}

// bind finds out what the port is.
func (p *cell) bind(e cells.Env) {
	i := e.Port(port)
	p.up, p.limit = i.State == cells.PortUp, SizeMax
	if i.MTU > 0 {
		p.limit = max(SizeMin, min(SizeMax, int64(i.MTU)-overhead))
	}
}

// Resume goes on in the middle of a life.
func (p *cell) Resume(e cells.Env) {
	if p.sends {
		p.sizes, p.intervals = e.Rand("size"), e.Rand("interval")
	}
	p.bind(e)
}

// Down says that the port may not be sent on; what is in flight waits.
func (p *cell) Down(e cells.Env, q cells.Port, _ error) {
	if q != port {
		return
	}
	p.up = false
	if p.InFlight {
		e.Disarm(timerRTO)
	}
}

// Recv takes a datagram.
func (p *cell) Recv(e cells.Env, q cells.Port, b []byte) {
	if q != port {
		return
	}
	layout := datagrams
	if p.config.Bug == NoChecksum {
		layout = unchecked
	}
	if layout.Decode(b, &p.in) != nil {
		p.dropCorrupt(e, b)
		return
	}
	switch {
	case p.in.Kind == kindAck && p.sends:
		p.handleAck(e, p.in.Bit)
	case p.in.Kind == kindData && p.receives:
		p.handleData(e, b)
	default:
		p.Stray++
	}
}

func (p *cell) dropCorrupt(e cells.Env, b []byte) {
	p.CorruptDropped++
	e.Emit(KindCorrupt, int64(len(b)), 0)
}

// Timer fires for a message that was not acknowledged, or for the next one.
func (p *cell) Timer(e cells.Env, id cells.TimerID) {
	switch id {
	case timerRTO:
		p.handleRTO(e)
	case timerInterval:
		p.Due = true
		p.maybeAccept(e)
	}
}
