package cells

import (
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// ID is a cell's name, unique in its datacenter.
type ID string

// Port is a cell's own number for one of its ports: static ports from 0 in the
// order of their declaration, then listeners, dials and accepts as they come.
type Port uint32

// TimerID names a timer of a cell; protocols number their own.
type TimerID uint32

// Rand is a named stream of random numbers; see [des.Rand].
type Rand = des.Rand

// Protocol is a pure state machine. The host calls one method an event, one at
// a time, and carries out the effects the method asked for after it has
// returned.
type Protocol interface {
	// Start is the first event of a cell's life, and of each life after a
	// restart.
	Start(Env)
	// Up says that a port may be sent on. On a frame port it says nothing about
	// the peer; on a stream it says connected, or accepted.
	Up(Env, Port)
	// Recv hands over a frame, or any chunk of a stream. The bytes are
	// read-only and valid until return.
	Recv(Env, Port, []byte)
	// Timer fires at the time it was armed for, once.
	Timer(Env, TimerID)
	// Down says that a port can no longer be sent on; with io.EOF, that the
	// peer sends no more while Send works until Close.
	Down(Env, Port, error)
}

// Env is what a handler sees of the world. It is valid during the call only.
// Its verbs ask for effects; none calls back.
type Env interface {
	// Self is the cell's name.
	Self() ID
	// Now is the cell's own monotonic clock; in a timer, the time it was due.
	Now() clock.Time
	// Wall is the cell's own wall clock: it may be off, and be stepped.
	Wall() clock.Time
	// Port describes one of the cell's ports; the zero PortInfo if there is no
	// such port.
	Port(Port) PortInfo
	// Rand gives the cell's stream of random numbers for a purpose. Resolve it
	// in Start and keep it.
	Rand(purpose string) *Rand
	// Buf is the host's frame to build in: empty, with room for at least a
	// frame of 2,048 bytes. Once it was sent its bytes are no longer the
	// protocol's. A Send of it is not copied, unless it is short; each other Send
	// is.
	Buf() []byte
	// Send sends a frame, or bytes on a stream. It copies, except Buf's slice
	// and the whole slice being received. On a stream it is whole or nothing:
	// over the bound nothing is taken and the port goes Down with ErrOverflow.
	// On a frame port what cannot go is dropped and counted.
	Send(Port, []byte)
	// Queued is the number of bytes accepted on a stream and not yet credited,
	// what this handler has sent included; 0 on a frame port.
	Queued(Port) int
	// Arm arms a timer to fire d from now by the cell's own clock, at once if d
	// is not positive. Arming again replaces.
	Arm(TimerID, time.Duration)
	// Disarm disarms a timer; one that is not armed may be disarmed.
	Disarm(TimerID)
	// Listen opens a listener at an address of the cell's own, and Dial opens a
	// stream to a listener of a neighbour. Both give the port's number at once;
	// Up or Down follow.
	Listen(addr string) Port
	Dial(addr string) Port
	// CloseWrite sends what was accepted and then says that no more follows.
	CloseWrite(Port)
	// Close does the same and ends the port: no event follows for it.
	Close(Port)
	// Emit records something worth knowing: for oracles, conditions, traces.
	Emit(k Kind, a, b int64)
	// EmitText is Emit with words.
	EmitText(k Kind, text string)
}

// Commander is a Protocol that takes commands. Words come as the user wrote
// them; the answer is for people, an error says what is allowed.
type Commander interface {
	Command(env Env, args []string) (string, error)
}

// Inspector is a Protocol that shows its state. It appends and returns; it
// must not change anything. Names are stable: conditions are written on them.
type Inspector interface {
	AppendState([]Attr) []Attr
}

// Drainer is a Protocol that wants to know when a stream has room again:
// once, when Queued falls to a quarter of the bound after having been over
// half of it.
type Drainer interface {
	Drained(Env, Port)
}

// Durable is a Protocol whose whole state can be kept over a restart.
type Durable interface {
	Save() []byte
	Restore([]byte) error
}

// Resumer is a Durable that can go on in the middle of a life, in another
// process: what it saves is all it is, but for what it finds again by itself.
// Resume is called behind Restore, instead of Start and Up. It looks up streams
// of chance and how the ports are (Env.Rand, Env.Port), and asks for no effects.
type Resumer interface {
	Durable
	Resume(Env)
}

// Attr is one named value of a protocol's state: a number, or words.
type Attr struct {
	Name string
	Int  int64
	Text string // with IsText
	Is   AttrIs
}

// AttrIs says which value of an Attr holds.
type AttrIs uint8

const (
	IsInt AttrIs = iota
	IsText
	IsBool // Int is 0 or 1
)

// IntAttr, BoolAttr and TextAttr make attributes.
func IntAttr(name string, v int64) Attr { return Attr{Name: name, Int: v} }

// TextAttr makes an attribute of words.
func TextAttr(name, v string) Attr { return Attr{Name: name, Text: v, Is: IsText} }

// BoolAttr makes an attribute that is true or false.
func BoolAttr(name string, v bool) Attr {
	a := Attr{Name: name, Is: IsBool}
	if v {
		a.Int = 1
	}
	return a
}

// PortInfo describes a port to its protocol.
type PortInfo struct {
	Name     string    // static ports: as declared; others: empty
	Peer     string    // the other end, "bob:p0"; empty if not known
	Addr     string    // listeners and dials: the address given
	Listener Port      // accepted ports: the listener; valid if Accepted
	Accepted bool      //
	Stream   bool      //
	MTU      int       // frame ports: the greatest frame, 0 if there is no bound
	State    PortState //
}

// PortState is where a port is in its life. The zero PortState is no port.
type PortState uint8

const (
	PortUnbound   PortState = iota + 1 // declared, no link yet
	PortUp                             // may be sent on
	PortDialling                       // waiting for the peer's answer
	PortListening                      // accepts
	PortEOF                            // the peer sends no more; may be sent on
	PortDown                           // over; a static port may come up again
)

var portStateNames = [...]string{"none", "unbound", "up", "dialling", "listening", "eof", "down"}

// String is the state's word.
func (s PortState) String() string {
	if int(s) < len(portStateNames) {
		return portStateNames[s]
	}
	return "state?"
}
