package switchyard

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/stream"
)

// FabricConfig is what a fabric is made of.
type FabricConfig struct {
	Listen       string        `dsim:"listen" doc:"the service the fabric listens at" default:"switchyard"`
	Server       string        `dsim:"server" doc:"what the fabric calls itself" default:"switchyardd"`
	Limit        int           `dsim:"limit" doc:"how many bytes of frames may be queued for a client; frames beyond it are dropped" unit:"bytes" default:"49152"`
	Reap         bool          `dsim:"reap" doc:"whether endpoints go with the connection that created them" default:"false"`
	Age          time.Duration `dsim:"age" doc:"time after which a learned address is forgotten that was not heard of; 0 is never" default:"0s"`
	Capture      int           `dsim:"capture" doc:"how many frames are kept for capture and replay; 0 is none" default:"256"`
	CaptureBytes int           `dsim:"capture-bytes" doc:"how many bytes those frames have at most" unit:"bytes" default:"1048576"`
	Hello        time.Duration `dsim:"hello" doc:"time in which a client must say hello; 0 is for ever" default:"30s"`
	Connections  int           `dsim:"connections" doc:"how many connections there may be at one time" default:"16384"`
	Endpoints    int           `dsim:"endpoints" doc:"how many endpoints there may be" default:"4096"`
	FirstMAC     int           `dsim:"first-mac" doc:"the number of the first address it gives, 1 being 02:53:59:00:00:01; fabrics that are bridged need numbers far apart" default:"1"`
	Impair       []string      `dsim:"impair" doc:"impairments from the start, each as FROM TO and what happens: a b drop=10%; * is any endpoint"`
	Bug          string        `dsim:"bug" doc:"a mistake to be found by a test of the tests; never for anything else" oneof:",flood-source,count-twice" default:""`
}

// The mistakes a canary can be given.
const (
	FloodSource = "flood-source" // what is flooded goes to its source too
	CountTwice  = "count-twice"  // a frame that finds no room is counted twice
)

// Bounds of a fabric.
const (
	ConnectionsMax   = 1 << 20
	EndpointsMax     = 1 << 16
	MACsMax          = 1 << 16 // learned addresses, beside those that endpoints were created with
	SubscriptionsMax = 1 << 10 // of one connection
	CaptureMax       = 1 << 20 // frames
	LaterMax         = 1 << 16 // frames that wait: late copies, and replayed ones
	LaterBytesMax    = 1 << 26 // bytes of those
	sparesMax        = 1 << 8  // buffers that are kept between events, and no more with their clients

	autoMACsMax = 1<<24 - 1 // the number of the last address a fabric can give
)

// FabricDefaults is the FabricConfig that the tags describe.
func FabricDefaults() FabricConfig {
	return FabricConfig{
		Listen: Service, Server: "switchyardd", Limit: LimitDefault, Capture: 256, CaptureBytes: 1 << 20,
		Hello: 30 * time.Second, Connections: 16384, Endpoints: 4096, FirstMAC: 1,
	}
}

func (c *FabricConfig) check() error {
	switch {
	case c.Listen == "":
		return errors.New("listen: a fabric needs a service to listen at")
	case len(c.Server) > NameMax:
		return fmt.Errorf("server: want at most %d bytes", NameMax)
	case c.Limit < Overhead+eth.HeaderSize:
		return fmt.Errorf("limit %d: at least %d bytes are needed", c.Limit, Overhead+eth.HeaderSize)
	case c.Age < 0:
		return fmt.Errorf("age %s: must not be negative", c.Age)
	case c.Hello < 0:
		return fmt.Errorf("hello %s: must not be negative", c.Hello)
	case c.Capture < 0 || c.Capture > CaptureMax:
		return fmt.Errorf("capture %d: from 0 to %d are possible", c.Capture, CaptureMax)
	case c.CaptureBytes < 0:
		return fmt.Errorf("capture-bytes %d: must not be negative", c.CaptureBytes)
	case c.Connections < 1 || c.Connections > ConnectionsMax:
		return fmt.Errorf("connections %d: from 1 to %d are possible", c.Connections, ConnectionsMax)
	case c.Endpoints < 1 || c.Endpoints > EndpointsMax:
		return fmt.Errorf("endpoints %d: from 1 to %d are possible", c.Endpoints, EndpointsMax)
	case c.FirstMAC < 1 || c.FirstMAC > autoMACsMax:
		return fmt.Errorf("first-mac %d: from 1 to %d are possible", c.FirstMAC, autoMACsMax)
	case c.Bug != "" && c.Bug != FloodSource && c.Bug != CountTwice:
		return fmt.Errorf("bug %q: want %s, %s or none", c.Bug, FloodSource, CountTwice)
	}
	return nil
}

// fabric is the switch in the middle.
type fabric struct {
	config FabricConfig

	listener  cells.Port
	listening bool
	clients   map[cells.Port]*client // looked up, never ranged over
	leaving   []*client              // those with something in out
	spare     [][]byte               // room for out
	silent    []*client              // have not said hello, oldest first; some have since, or are gone
	number    uint64                 // of the last connection

	endpoints []*endpoint // in the order of their numbers
	byName    map[string]*endpoint
	byID      map[uint32]*endpoint
	lastID    uint32
	autoMACs  uint32 // the number of the last address given
	macs      map[eth.MAC]*station
	taps      int    // promiscuous subscriptions
	lastSub   uint64 // the number of the last subscription

	impaired   map[pair]*Impairment
	paths      map[[2]uint32]*path
	left       bool // endpoints have gone since paths were last cleared of them
	later      laterHeap
	laterSeq   uint64
	laterBytes int // of the frames in later
	copied     []copied
	ring       ring
	counts     fabricCounts
}

// client is one connection.
type client struct {
	port    cells.Port
	number  uint64
	hello   hello
	greeted bool
	gone    bool
	since   clock.Time
	split   *stream.Splitter
	out     []byte // frames that leave when the event has been handled
	subs    []*subscription
	owned   []*endpoint // that it created
}

// endpoint is one name on the fabric.
type endpoint struct {
	id      uint32
	name    string
	mac     eth.MAC
	owner   uint64 // the number of the connection that created it
	subs    []*subscription
	macs    []eth.MAC // addresses that the table has here, and some it had
	removed bool
	ruled   ruled
	rx, tx  uint64 // frames from the fabric, and into it
}

// subscription is a connection that wants what comes for an endpoint.
type subscription struct {
	number  uint64
	client  *client
	to      *endpoint
	flags   uint32
	applied uint64 // the version of the rules that the client has said it applies
}

func (s *subscription) promisc() bool { return s.flags&Promisc != 0 }

// NewFabric makes a fabric.
func NewFabric(c FabricConfig) (cells.Protocol, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("switchyard: %w", err)
	}
	f := &fabric{
		config: c, clients: make(map[cells.Port]*client), byName: make(map[string]*endpoint), byID: make(map[uint32]*endpoint),
		macs: make(map[eth.MAC]*station), autoMACs: uint32(c.FirstMAC - 1), impaired: make(map[pair]*Impairment), paths: make(map[[2]uint32]*path),
	}
	for _, text := range c.Impair {
		if err := f.impairText(text); err != nil {
			return nil, fmt.Errorf("switchyard: impair: %w", err)
		}
	}
	return f, nil
}

// The timers of a fabric.
const (
	timerLater cells.TimerID = iota // the first of later is due
	timerHello                      // the oldest silent client has had its time
)

// Start listens.
func (f *fabric) Start(e cells.Env) {
	f.listener = e.Listen(f.config.Listen)
	f.listening = true
	e.Emit(KindBegun, 0, 0)
}

// Up is a connection that was accepted.
func (f *fabric) Up(e cells.Env, q cells.Port) {
	if info := e.Port(q); !info.Accepted || info.Listener != f.listener {
		return
	}
	if len(f.clients) >= f.config.Connections {
		f.counts.crowded++
		e.Close(q)
		return
	}
	f.number++
	c := &client{port: q, number: f.number, since: e.Now(), split: stream.NewSplitter(FramingOf())}
	f.clients[q] = c
	if f.config.Hello > 0 {
		if len(f.silent) > 2*f.config.Connections { // those who came and went since
			f.silent = slices.DeleteFunc(f.silent, func(c *client) bool { return c.gone || c.greeted })
		}
		f.silent = append(f.silent, c)
		if len(f.silent) == 1 {
			e.Arm(timerHello, f.config.Hello)
		}
	}
}

// Recv takes a chunk of a connection.
func (f *fabric) Recv(e cells.Env, q cells.Port, b []byte) {
	c := f.clients[q]
	if c == nil {
		return
	}
	c.split.Feed(b)
	f.messages(e, c)
	f.flushAll(e)
}

// messages handles what is complete.
func (f *fabric) messages(e cells.Env, c *client) {
	for !c.gone {
		frame, ok := c.split.Next()
		if !ok {
			break
		}
		m, err := ParseMessage(frame)
		if err != nil {
			f.hangUp(e, c, err.Error())
			return
		}
		f.handle(e, c, m)
	}
	var long *stream.Error
	if !c.gone && errors.As(c.split.Err(), &long) {
		f.hangUp(e, c, badLength(long.Size).Error())
	}
}

// handle takes one message.
func (f *fabric) handle(e cells.Env, c *client, m Message) {
	if !c.greeted {
		f.handleHello(e, c, m)
		return
	}
	switch m.Type {
	case TypePacketOut:
		f.handlePacket(e, c, m)
	case TypeMirror:
		f.handleMirror(e, c, m)
	case TypeEndpointCreate:
		f.handleCreate(e, c, m)
	case TypeEndpointLookup:
		f.handleLookup(e, c, m)
	case TypeSubscribe:
		f.handleSubscribe(e, c, m)
	case TypeImpairSet:
		f.handleImpair(e, c, m)
	case TypeCaptureGet:
		f.handleCapture(e, c, m)
	case TypeReplay:
		f.handleReplay(e, c, m)
	case TypeStatsGet:
		f.handleStats(e, c, m)
	case TypeRuleSet:
		f.handleRuleSet(e, c, m)
	case TypeRulesApplied:
		f.handleApplied(e, c, m)
	default:
		f.refuse(e, c, errUnknownType+m.Type.number())
	}
}

// number is the type's number.
func (t Type) number() string { return strconv.Itoa(int(t)) }

// refuse answers with an ERROR.
func (f *fabric) refuse(e cells.Env, c *client, text string) {
	f.counts.errors++
	f.answer(e, c, Message{TypeError, 0, 0, encode(errorPayload{text})})
}

// answer sends a control message. Who asks and never reads runs into the bound
// of the stream, and loses the connection.
func (f *fabric) answer(e cells.Env, c *client, m Message) {
	f.flush(e, c)
	e.Send(c.port, m.Append(e.Buf()))
}

// queued is how many bytes are on their way to a client.
func (f *fabric) queued(e cells.Env, c *client) int { return e.Queued(c.port) + len(c.out) }

// queue lets a message leave with others when the event has been handled: a
// chunk may bring many frames, and each of them goes to many.
func (f *fabric) queue(c *client, m Message) {
	if len(c.out) == 0 {
		f.leaving = append(f.leaving, c)
		if last := len(f.spare) - 1; last >= 0 {
			c.out, f.spare = f.spare[last], f.spare[:last]
		}
	}
	c.out = m.Append(c.out)
}

// flush sends what is queued for a client.
func (f *fabric) flush(e cells.Env, c *client) {
	if len(c.out) > 0 {
		e.Send(c.port, c.out)
		if len(f.spare) < sparesMax {
			f.spare = append(f.spare, c.out[:0])
		}
		c.out = nil
	}
}

// flushAll sends all that is queued, to each client in the order in which there
// was something for it first.
func (f *fabric) flushAll(e cells.Env) {
	for i, c := range f.leaving {
		f.flush(e, c)
		f.leaving[i] = nil
	}
	f.leaving = f.leaving[:0]
}

// hangUp answers with an ERROR and closes the connection.
func (f *fabric) hangUp(e cells.Env, c *client, text string) {
	f.refuse(e, c, text)
	f.counts.hungUp++
	f.leave(e, c, 0)
	e.Close(c.port)
}

// leave ends a connection at the fabric's side: its subscriptions go, and with
// reap its endpoints.
func (f *fabric) leave(e cells.Env, c *client, code uint8) {
	c.gone = true
	delete(f.clients, c.port)
	if c.greeted {
		e.Emit(KindGone, int64(c.number), int64(code))
	}
	for _, s := range c.subs {
		s.to.unsubscribe(s)
		if s.promisc() {
			f.taps--
		}
	}
	c.subs = nil
	if f.config.Reap {
		for _, p := range c.owned {
			f.remove(e, p)
		}
	}
	c.owned = nil
}

// Down ends a connection, or the listener.
func (f *fabric) Down(e cells.Env, q cells.Port, err error) {
	if q == f.listener {
		f.listening = false
		return
	}
	c := f.clients[q]
	if c == nil {
		return
	}
	if c.split.Pending() > 0 {
		f.counts.half++ // in the middle of a message
	}
	switch {
	case errors.Is(err, io.EOF):
		f.counts.ended++
		e.Close(q)
	case errors.Is(err, cells.ErrOverflow):
		f.counts.overflows++
	default:
		f.counts.resets++
	}
	f.leave(e, c, cells.DownCode(err))
}

// Timer lets late frames arrive, or hangs up on clients that said nothing.
func (f *fabric) Timer(e cells.Env, id cells.TimerID) {
	switch id {
	case timerLater:
		f.arrivals(e)
		f.flushAll(e)
	case timerHello:
		f.hushed(e)
	}
}

// hushed hangs up on those who have been silent for too long.
func (f *fabric) hushed(e cells.Env) {
	for len(f.silent) > 0 {
		c := f.silent[0]
		if !c.gone && !c.greeted {
			if left := c.since.Add(f.config.Hello).Sub(e.Now()); left > 0 {
				e.Arm(timerHello, left)
				return
			}
			f.hangUp(e, c, errNoHello+"nothing")
		}
		f.silent[0] = nil
		f.silent = f.silent[1:]
	}
}
