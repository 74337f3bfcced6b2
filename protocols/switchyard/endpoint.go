package switchyard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/stream"
)

// App is what rides on an endpoint. Its methods are called from the endpoint's
// handlers, with their Env, and may call the endpoint back.
type App interface {
	// Start is the first event of a life. The endpoint is not there yet; keep it
	// to send with.
	Start(e cells.Env, ep *Endpoint)
	// Ready says that the endpoint is created and subscribed: from now on frames
	// come, and Send works. It is said again after each reconnect.
	Ready(e cells.Env, me Identity)
	// Frame is a frame for the endpoint, which rules let pass: read-only, and
	// valid until return.
	Frame(e cells.Env, in Incoming)
	// Found answers Lookup: who has the name, or an error if nobody came to have
	// it in time.
	Found(e cells.Env, name string, who Identity, err error)
	// Lost says that the connection ended, or could not be made. Frames that
	// are sent until the next Ready are lost.
	Lost(e cells.Env, err error)
	// Timer is a timer of the app's own. Numbers from TimersMax on are the
	// endpoint's.
	Timer(e cells.Env, id cells.TimerID)
}

// Replier is an App that asks for more than frames and names: it gets the
// answers to what it asked for with Request, in order.
type Replier interface {
	Reply(e cells.Env, m Message)
}

// Incoming is a frame that came.
type Incoming struct {
	Endpoint uint32 // for whom
	Flags    uint32 // Promisc: it may be for somebody else
	Frame    []byte
}

// TimersMax bounds the timers of an App.
const TimersMax cells.TimerID = 255 << 24

// EndpointConfig is what an endpoint is made of. A field that is zero has the
// value of EndpointDefaults.
type EndpointConfig struct {
	Fabric     string        // where the fabric is, as cell:service
	Name       string        // of the endpoint; the cell's own name if empty
	MAC        eth.MAC       // the fabric gives one if zero
	Promisc    bool          // wants every frame
	Exclusive  bool          // a name that is taken is an error; else an endpoint left by an earlier life is taken over
	Wait       time.Duration // how long a name is looked up; 0 is without end
	Retry      time.Duration // between two look-ups of a name nobody has
	Backoff    time.Duration // before the first reconnect; then twice as long each time
	BackoffMax time.Duration
	Timeout    time.Duration // for an answer; then the connection is given up
	Limit      int           // bytes that may be queued on the connection; frames beyond it are dropped
}

// EndpointDefaults is what stands for zero fields.
func EndpointDefaults() EndpointConfig {
	return EndpointConfig{
		Fabric: "fabric:" + Service, Retry: 200 * time.Millisecond, Backoff: 100 * time.Millisecond, BackoffMax: 5 * time.Second,
		Timeout: 5 * time.Second, Limit: LimitDefault,
	}
}

// LimitDefault is how many bytes of frames may be queued on a connection: three
// quarters of what a stream holds, so that answers still find room.
const LimitDefault = 48 << 10

// Bounds of what an endpoint keeps.
const (
	LookupsMax  = 1024 // names looked up at one time
	RequestsMax = 1024 // questions without an answer
)

func (c *EndpointConfig) check() error {
	d := EndpointDefaults()
	if c.Fabric == "" {
		c.Fabric = d.Fabric
	}
	for _, x := range []struct {
		name string
		v    *time.Duration
		def  time.Duration
	}{{"retry", &c.Retry, d.Retry}, {"backoff", &c.Backoff, d.Backoff}, {"backoff-max", &c.BackoffMax, d.BackoffMax}, {"timeout", &c.Timeout, d.Timeout}, {"wait", &c.Wait, 0}} {
		if *x.v == 0 {
			*x.v = x.def
		}
		if *x.v < 0 {
			return fmt.Errorf("%s %s: must not be negative", x.name, *x.v)
		}
	}
	if c.Limit == 0 {
		c.Limit = d.Limit
	}
	switch {
	case c.Limit < Overhead+eth.HeaderSize:
		return fmt.Errorf("limit %d: at least %d bytes are needed", c.Limit, Overhead+eth.HeaderSize)
	case c.MAC.Multicast():
		return fmt.Errorf("mac %s: a group address is no endpoint's", c.MAC)
	case c.Name != "":
		return checkName(c.Name)
	}
	return nil
}

// Endpoint is the client's side of one endpoint: it dials the fabric, says
// hello, creates its endpoint or takes over the one it had, subscribes, and dials
// again when the connection ends. It is the Protocol of a cell, or a part of one.
//
//	state        event                       action                       next
//	idle         start, back-off over        dial                         dialling
//	dialling     up                          HELLO                        greeting
//	greeting     WELCOME                     ENDPOINT_CREATE; LOOKUP      naming
//	                                         if it had an endpoint before
//	naming       CREATED, INFO of its own    SUBSCRIBE                    subscribing
//	naming       ERROR: name exists          ENDPOINT_LOOKUP              naming
//	naming       ERROR: no such endpoint     ENDPOINT_CREATE, same MAC    naming
//	naming       ERROR: mac exists           ENDPOINT_CREATE, as at first naming
//	subscribing  SUBSCRIBED                  Ready; look-ups again        ready
//	any          down, time-out, nonsense    Lost; back-off               idle
//
// There is one reader: frames go to the App as they come, and each control
// message answers the oldest question. An ERROR about a message that has no
// answer names it first, as "PACKET_OUT: …", and answers nothing.
type Endpoint struct {
	config EndpointConfig
	app    App
	chance *cells.Rand

	port     cells.Port
	state    endpointState
	split    *stream.Splitter
	session  uint64
	pending  []question
	wait     time.Duration // the next back-off
	me       Identity
	had      bool // me was this endpoint's on an earlier connection
	wanted   []lookup
	applied  applied
	mirrored map[string]uint32 // endpoints that rules mirror to, by name; 0 is asked for
	counts   endpointCounts
}

type endpointState uint8

const (
	idle endpointState = iota
	dialling
	greeting
	naming
	subscribing
	ready
	over // Quit
)

var endpointStates = [...]string{"idle", "dialling", "greeting", "naming", "subscribing", "ready", "over"}

type endpointCounts struct {
	dials, connects, breaks           uint64
	sent, received                    uint64
	lost, full, refused               uint64 // frames not sent: not ready, no room; refused by the fabric
	errors, unexpected                uint64
	dropped, counted, mirrors, missed uint64 // by rules; missed: a mirror that nobody was found for
}

// question is a control message that waits for its answer.
type question struct {
	asked Type
	app   bool   // by Request
	name  string // ENDPOINT_LOOKUP
}

// lookup is a name that is looked up for the App.
type lookup struct {
	name  string
	until clock.Time // clock.Never without an end
	asked bool       // the answer is on its way
}

// The timers of an endpoint.
const (
	timerDial   = TimersMax + iota // the back-off is over
	timerReply                     // the oldest question has waited too long
	timerLookup                    // names are looked up again
)

// NewEndpoint makes an endpoint on which app rides.
func NewEndpoint(c EndpointConfig, app App) (*Endpoint, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("switchyard: %w", err)
	}
	return &Endpoint{config: c, app: app, split: stream.NewSplitter(FramingOf())}, nil
}

// Identity is the endpoint as the fabric knows it; ok if it is ready.
func (p *Endpoint) Identity() (me Identity, ok bool) { return p.me, p.state == ready }

// Start dials.
func (p *Endpoint) Start(e cells.Env) {
	if p.config.Name == "" {
		p.config.Name = string(e.Self())
	}
	p.chance = e.Rand("switchyard")
	p.app.Start(e, p)
	p.dial(e)
}

func (p *Endpoint) dial(e cells.Env) {
	p.counts.dials++
	p.state = dialling
	p.port = e.Dial(p.config.Fabric)
}

// Owns reports whether a port is the endpoint's: a cell of several endpoints
// passes each its own events.
func (p *Endpoint) Owns(q cells.Port) bool { return p.connected() && q == p.port }

func (p *Endpoint) connected() bool { return p.state != idle && p.state != over }

// Up says hello.
func (p *Endpoint) Up(e cells.Env, q cells.Port) {
	if !p.Owns(q) || p.state != dialling {
		return
	}
	p.counts.connects++
	p.session = p.chance.N(sessionMax) + 1
	p.split.Reset()
	p.state = greeting
	e.Emit(KindSession, int64(p.session), 0)
	p.ask(e, question{asked: TypeHello}, 0, 0, encode(helloPayload{p.config.Name, p.session, []string{featureRules}}))
}

// ask sends a control message that is answered.
func (p *Endpoint) ask(e cells.Env, q question, endpoint, flags uint32, payload []byte) {
	p.pending = append(p.pending, q)
	if len(p.pending) == 1 {
		e.Arm(timerReply, p.config.Timeout)
	}
	e.Send(p.port, Message{q.asked, endpoint, flags, payload}.Append(e.Buf()))
}

// create asks for the endpoint, under the MAC it had if it had one.
func (p *Endpoint) create(e cells.Env) {
	req := createPayload{Name: p.config.Name}
	mac := p.config.MAC
	if p.had {
		mac = p.me.MAC
	}
	if mac != (eth.MAC{}) {
		req.MAC = mac.String()
	}
	p.ask(e, question{asked: TypeEndpointCreate}, 0, 0, encode(req))
}

// Recv takes a chunk of the stream.
func (p *Endpoint) Recv(e cells.Env, q cells.Port, b []byte) {
	if !p.Owns(q) {
		return
	}
	p.split.Feed(b)
	for {
		frame, ok := p.split.Next()
		if !ok {
			break
		}
		m, err := ParseMessage(frame)
		if err != nil {
			p.giveUp(e, err)
			return
		}
		if err := p.handle(e, m); err != nil {
			p.giveUp(e, err)
			return
		}
		if !p.Owns(q) { // the App has ended it
			p.split.Reset()
			return
		}
	}
	if err := p.split.Err(); err != nil {
		p.giveUp(e, err)
	}
}

// handle takes one message. Its error ends the connection.
func (p *Endpoint) handle(e cells.Env, m Message) error {
	switch m.Type {
	case TypePacketIn:
		p.frame(e, m)
		return nil
	case TypeRules:
		return p.handleRules(e, m)
	case TypeError:
		if text := ParseError(m.Payload); AnswersNothing(text) {
			p.counts.refused++
			if strings.HasPrefix(text, errNoMirror) {
				clear(p.mirrored) // who has the name now is asked with the next frame
			}
			return nil
		}
	}
	if len(p.pending) == 0 {
		p.counts.unexpected++
		return fmt.Errorf("%s answers nothing", m.Type)
	}
	q := p.pending[0]
	p.pending = slices.Delete(p.pending, 0, 1)
	if len(p.pending) > 0 {
		e.Arm(timerReply, p.config.Timeout)
	} else {
		e.Disarm(timerReply)
	}
	if q.app {
		p.app.(Replier).Reply(e, m)
		return nil
	}
	if m.Type == TypeError {
		p.counts.errors++
		return p.failed(e, q, ParseError(m.Payload))
	}
	return p.answered(e, q, m)
}

// answers are what questions are answered with.
var answers = map[Type]Type{
	TypeHello: TypeWelcome, TypeEndpointCreate: TypeEndpointCreated, TypeEndpointLookup: TypeEndpointInfo, TypeSubscribe: TypeSubscribed,
}

// answered takes an answer that is no error.
func (p *Endpoint) answered(e cells.Env, q question, m Message) error {
	if m.Type != answers[q.asked] {
		p.counts.unexpected++
		return fmt.Errorf("%s is answered with %s", q.asked, m.Type)
	}
	switch {
	case q.asked == TypeHello:
		p.state = naming
		if p.had {
			p.ask(e, question{asked: TypeEndpointLookup}, 0, 0, encode(lookupPayload{p.config.Name}))
		} else {
			p.create(e)
		}
	case q.asked == TypeSubscribe:
		p.begin(e)
	default:
		who, err := ParseIdentity(m.Payload)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Type, err)
		}
		if q.name != "" {
			p.found(e, q.name, who)
			return nil
		}
		p.me, p.had, p.state = who, true, subscribing
		flags := uint32(0)
		if p.config.Promisc {
			flags = Promisc
		}
		p.ask(e, question{asked: TypeSubscribe}, who.Endpoint, flags, encode(subscribePayload{who.Endpoint, p.config.Promisc}))
	}
	return nil
}

// begin is the end of the beginning: the endpoint is there.
func (p *Endpoint) begin(e cells.Env) {
	p.state = ready
	p.wait = 0
	e.Emit(KindSession, int64(p.session), int64(p.me.Endpoint))
	port := p.port
	p.app.Ready(e, p.me)
	if p.Owns(port) {
		p.lookAgain(e)
	}
}

// failed takes an ERROR. What the fabric calls the mistake is part of its
// protocol: there are no numbers.
func (p *Endpoint) failed(e cells.Env, q question, text string) error {
	switch {
	case q.name != "":
		p.missing(e, q.name)
		return nil
	case q.asked == TypeEndpointCreate && text == errNameExists+p.config.Name && !p.config.Exclusive:
		p.ask(e, question{asked: TypeEndpointLookup}, 0, 0, encode(lookupPayload{p.config.Name}))
		return nil
	case q.asked == TypeEndpointLookup && text == errNoEndpoint+p.config.Name:
		p.create(e)
		return nil
	case q.asked == TypeEndpointCreate && p.had && p.me.MAC != p.config.MAC && text == errMACExists+p.me.MAC.String():
		// A fabric that was begun anew has given the address to somebody else.
		p.had = false
		p.create(e)
		return nil
	}
	return errors.New(text)
}

// giveUp ends a connection that is of no use.
func (p *Endpoint) giveUp(e cells.Env, err error) {
	e.Close(p.port)
	p.ended(e, err)
}

// ended waits for the next connection.
func (p *Endpoint) ended(e cells.Env, err error) {
	p.counts.breaks++
	p.state = idle
	p.pending = p.pending[:0]
	p.split.Reset()
	for i := range p.wanted {
		p.wanted[i].asked = false
	}
	clear(p.mirrored)
	e.Disarm(timerReply)
	e.Disarm(timerLookup)
	if p.wait == 0 {
		p.wait = p.config.Backoff
	}
	// Clients that lost their fabric together come back one by one.
	e.Arm(timerDial, time.Duration(p.chance.Int64(int64(p.wait/2), int64(p.wait))))
	p.wait = min(2*p.wait, max(p.config.BackoffMax, p.config.Backoff))
	p.app.Lost(e, err)
}

// Down ends the connection, or the attempt to make one.
func (p *Endpoint) Down(e cells.Env, q cells.Port, err error) {
	if !p.Owns(q) {
		return
	}
	if errors.Is(err, io.EOF) {
		e.Close(q)
	}
	p.ended(e, err)
}

// Drained has nothing to do: a frame that found no room is gone.
func (p *Endpoint) Drained(cells.Env, cells.Port) {}

// Timer takes the endpoint's timers, and passes on the App's.
func (p *Endpoint) Timer(e cells.Env, id cells.TimerID) {
	switch {
	case id < TimersMax:
		p.app.Timer(e, id)
	case id == timerDial && p.state == idle:
		p.dial(e)
	case id == timerReply && p.connected():
		p.giveUp(e, cells.ErrTimeout)
	case id == timerLookup && p.state == ready:
		p.lookAgain(e)
	}
}

// Quit ends the endpoint for good: what was sent still goes.
func (p *Endpoint) Quit(e cells.Env) {
	for id := timerDial; id <= timerLookup; id++ {
		e.Disarm(id)
	}
	if p.connected() {
		e.Close(p.port)
	}
	p.state = over
}

// Send sends a frame, which may have been built in Buf, and reports whether it
// could: not without a connection, nor beyond what may be queued. A frame has at
// least the 14 bytes of its header.
func (p *Endpoint) Send(e cells.Env, frame []byte) bool {
	return p.out(e, TypePacketOut, p.me.Endpoint, nil, frame)
}

// out sends a frame in two parts. The second may lie in Buf.
func (p *Endpoint) out(e cells.Env, t Type, endpoint uint32, head, body []byte) bool {
	n := len(head) + len(body)
	switch {
	case p.state != ready || n < eth.HeaderSize || n > PayloadMax:
		p.counts.lost++
		return false
	case e.Queued(p.port)+Overhead+n > p.config.Limit:
		p.counts.full++
		return false
	}
	b := slices.Grow(e.Buf(), Overhead+n)[:Overhead+n]
	copy(b[Overhead+len(head):], body) // first: it may be in the way of the rest
	copy(b[Overhead:], head)
	Message{Type: t, Endpoint: endpoint}.putHeader(b, n)
	if t == TypePacketOut {
		p.counts.sent++
	}
	e.Emit(KindSent, int64(p.session), Sum(b[Overhead:]))
	e.Send(p.port, b)
	return true
}

// putHeader writes length and header in front of a payload of n bytes.
func (m Message) putHeader(b []byte, n int) {
	binary.BigEndian.PutUint32(b, uint32(HeaderSize+n))
	binary.BigEndian.PutUint16(b[4:], Version)
	binary.BigEndian.PutUint16(b[6:], uint16(m.Type))
	binary.BigEndian.PutUint32(b[8:], m.Endpoint)
	binary.BigEndian.PutUint32(b[12:], m.Flags)
}

// Request asks the fabric something; a Replier gets the answer. It reports
// whether it could be asked.
func (p *Endpoint) Request(e cells.Env, m Message) bool {
	_, replies := p.app.(Replier)
	if p.state != ready || !replies || len(p.pending) >= RequestsMax || len(m.Payload) > PayloadMax {
		return false
	}
	p.ask(e, question{asked: m.Type, app: true}, m.Endpoint, m.Flags, m.Payload)
	return true
}

// frame passes a frame on, if the rules of the endpoint let it.
func (p *Endpoint) frame(e cells.Env, m Message) {
	if len(m.Payload) < eth.HeaderSize { // what is no frame no App must look at
		p.counts.unexpected++
		return
	}
	p.counts.received++
	e.Emit(KindReceived, int64(p.session), sumIn(Sum(m.Payload), m.Endpoint, m.Flags&^Mirrored))
	if m.Endpoint == p.me.Endpoint && m.Flags&Promisc == 0 && !p.admit(e, m) {
		return
	}
	if p.state == ready {
		p.app.Frame(e, Incoming{m.Endpoint, m.Flags, m.Payload})
	}
}
