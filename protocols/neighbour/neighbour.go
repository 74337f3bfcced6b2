// Package neighbour is the link protocol: two cells at the ends of a link find
// out that the other is there, and that it is gone. It is a layer under any
// other protocol: it wraps the frame ports of its cell, and the [cells.Protocol]
// above sees Up when a neighbour is there, Down when it is silent or has begun
// anew, and in between what the neighbour's upper protocol sent.
//
//	cell, err := neighbour.New(neighbour.Defaults(), upper)
//
// Datagrams are text. Of the ends of a link, that with the lower "cell:port",
// as text, is the client: the lower by [cells.PortInfo], which is who the link
// is to, not by what somebody calls himself. Where nobody has said who that is, as
// on a real interface, a port is open: it asks, and is the server of whoever asks
// it with a lower name, until it has lost him.
//
//	datagram              who             when
//	AREYOUTHERE <portid>  client          when a link comes up, then every 500 ms for 10 s; again 1 s later
//	YESIAM <portid>       server          in answer
//	HEARTBEAT             both            every 250 ms, once connected
//	anything else         upper protocol  once connected
//
// A portid is "cell:port" of the sender. There are two readings.
//
// The plain one is that table. The server is connected when it is asked, the
// client when it is answered. A port that has heard nothing for one and a half
// heartbeats, looked at as often, is closed and deaf for a second, then begins
// again. A server that is connected does not answer again.
//
//	state         event                                action                 next
//	disconnected  port up, or 1 s has passed           client: ask            handshaking
//	handshaking   client: 500 ms have passed           ask                    handshaking
//	handshaking   client: 10 s have passed             -                      disconnected
//	handshaking   client: YESIAM                       Up                     connected
//	handshaking   server: AREYOUTHERE                  answer, Up             connected
//	connected     250 ms have passed                   HEARTBEAT              connected
//	connected     silence                              Down                   disconnected
//	any           port down                            Down, if connected     disconnected
//
// Ours, the default, survives loss, and tells one life of a neighbour from the
// next. It adds two numbers to the datagrams, at their ends: the client's of
// this attempt, and the server's of its answer. Both together are a session:
//
//	AREYOUTHERE <portid> <attempt>            the client asks
//	YESIAM <portid> <attempt> <answer>        the server answers, as often as it is asked
//	AREYOUTHERE <portid> <attempt> <answer>   the client confirms; only now the server is connected
//
// An answer with another number, or a question with another attempt, says that
// the neighbour has begun anew: the upper protocol hears Down and then Up. So
// no session outlives a crash at either end, however fast, and no end is up
// for long while the other cannot hear it. A heartbeat may be missed as often
// as the tolerance says: a port is lost after tolerance and a half heartbeats.
//
// With Reliable, what the upper protocols send is repeated until acknowledged,
// and arrives once and in order for as long as the session lasts; see
// reliable.go.
//
// Ours relies on links that keep the order of frames; what was sent in an old
// session arrives before the datagrams that begin the next. Stream ports are
// not touched. What the upper protocol means is left to it.
package neighbour

import (
	"errors"
	"fmt"
	"time"

	"example.com/dsim/cells"
)

// The readings.
const (
	Ours  = "ours"
	Plain = "plain"
)

// Config is what a link protocol is made of.
type Config struct {
	Reading   string        // Ours or Plain
	Ask       time.Duration // from one AREYOUTHERE to the next
	GiveUp    time.Duration // how long they are repeated
	Retry     time.Duration // how long a port that was given up, or lost, is left alone
	Heartbeat time.Duration // from one HEARTBEAT to the next
	Tolerance uint64        // ours: how many heartbeats in a row may be missed
	Reliable  bool          // ours: what is sent above arrives once and in order
	RTO       time.Duration // reliable: how long to wait for an acknowledgement
}

// Defaults is the Config of the tables above, in our reading.
func Defaults() Config {
	return Config{
		Reading: Ours, Ask: 500 * time.Millisecond, GiveUp: 10 * time.Second, Retry: time.Second,
		Heartbeat: 250 * time.Millisecond, Tolerance: 3, RTO: 100 * time.Millisecond,
	}
}

// TimeMax and ToleranceMax bound the times and the tolerance of a Config.
const (
	TimeMax      = time.Hour
	ToleranceMax = 1000
)

func (c *Config) check() error {
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"ask", c.Ask}, {"give-up", c.GiveUp}, {"retry", c.Retry}, {"heartbeat", c.Heartbeat}, {"rto", c.RTO}} {
		if d.d < time.Microsecond || d.d > TimeMax {
			return fmt.Errorf("%s %s: must be from 1us to %s", d.name, d.d, TimeMax)
		}
	}
	switch {
	case c.Reading != Ours && c.Reading != Plain:
		return fmt.Errorf("reading %q: want %s or %s", c.Reading, Ours, Plain)
	case c.Reading == Ours && (c.Tolerance < 1 || c.Tolerance > ToleranceMax):
		return fmt.Errorf("tolerance %d: must be from 1 to %d", c.Tolerance, ToleranceMax)
	case c.Reading == Plain && c.Reliable:
		return fmt.Errorf("reading plain: repeats nothing, so it cannot be reliable")
	}
	return nil
}

// Silence is after how long without a datagram a port is lost: one and a half
// heartbeats in the plain reading, which tolerates none that is missed.
func (c *Config) Silence() time.Duration {
	if c.Reading == Plain {
		return c.Heartbeat * 3 / 2
	}
	return c.Heartbeat*time.Duration(c.Tolerance) + c.Heartbeat/2
}

// What a link protocol emits: which port, to which neighbour, and why not.
var (
	KindConnected    = cells.NewKind("link-connected", "", "")
	KindDisconnected = cells.NewKind("link-disconnected", "", "")
)

// Why an upper protocol hears Down, beside what the port itself goes down for.
var (
	ErrSilent  = errors.New("silent")
	ErrAnew    = errors.New("began anew")
	ErrBacklog = errors.New("more waits to be acknowledged than is kept")
)

// layer is the link protocol of a cell.
type layer struct {
	config  Config
	upper   cells.Protocol
	silence time.Duration
	timers  *cells.Layer
	view    view
	ports   []port // by number; those of streams are idle
	rand    *cells.Rand
	texts   [][]byte // free, of what waits to be acknowledged
	Counters
}

// Counters are what a link protocol has counted.
type Counters struct {
	Asks, Answers, Heartbeats uint64 // sent
	Opened, Lost, Anew        uint64 // sessions
	Resent, Repeats           uint64 // reliable: sent again; received again
	Stray                     uint64 // datagrams that nobody waited for, or that are none
}

// New makes a cell of an upper protocol and the link protocol under it. The
// upper protocol's timers must be less than 2^24.
func New(c Config, upper cells.Protocol) (cells.Protocol, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("link protocol: %w", err)
	}
	l := &layer{config: c, upper: upper, silence: c.Silence(), timers: cells.NewLayer("link", 1)}
	l.view.l = l
	if _, ok := upper.(cells.Durable); ok {
		return &durable{l}, nil
	}
	return l, nil
}

// over gives the upper protocol's Env for the event that e is for.
func (l *layer) over(e cells.Env) cells.Env {
	l.view.Env = e
	return &l.view
}

// Start begins a life.
func (l *layer) Start(e cells.Env) {
	l.rand = e.Rand("link")
	l.upper.Start(l.over(e))
}

// Up says that a port has a link; whether a neighbour is at its other end is
// found out now.
func (l *layer) Up(e cells.Env, n cells.Port) {
	info := e.Port(n)
	if info.Stream {
		l.upper.Up(l.over(e), n)
		return
	}
	for len(l.ports) <= int(n) {
		l.ports = append(l.ports, port{})
	}
	p := &l.ports[n]
	*p = port{num: n, up: true, name: info.Name, own: string(e.Self()) + ":" + info.Name, attr: "link." + info.Name}
	p.peer = info.Peer
	p.open = p.peer == ""
	if !p.open && p.own > p.peer {
		p.role = server
	}
	l.begin(e, p)
}

// Down says that a port has no link any more.
func (l *layer) Down(e cells.Env, n cells.Port, err error) {
	p := l.port(n)
	if p == nil {
		l.upper.Down(l.over(e), n, err)
		return
	}
	l.disconnect(e, p, err)
	env := l.timers.Over(e)
	for k := range timersOfPort {
		env.Disarm(p.timer(k))
	}
	p.up = false
}

// Recv takes a datagram, or a chunk of a stream.
func (l *layer) Recv(e cells.Env, n cells.Port, b []byte) {
	if p := l.port(n); p != nil {
		l.datagram(e, p, b)
		return
	}
	l.upper.Recv(l.over(e), n, b)
}

// port is a frame port that is up, else nil.
func (l *layer) port(n cells.Port) *port {
	if int64(n) < int64(len(l.ports)) && l.ports[n].up {
		return &l.ports[n]
	}
	return nil
}

// Timer fires a timer of a port's, or of the upper protocol.
func (l *layer) Timer(e cells.Env, id cells.TimerID) {
	id, mine := l.timers.In(id)
	if !mine {
		l.upper.Timer(l.over(e), id)
		return
	}
	p := l.port(cells.Port(id / timersOfPort))
	if p == nil {
		return
	}
	switch id % timersOfPort {
	case timerTick:
		l.tick(e, p)
	case timerSilence:
		l.listen(e, p)
	case timerRTO:
		l.resend(e, p)
	}
}

// Drained passes on that a stream has room again.
func (l *layer) Drained(e cells.Env, n cells.Port) {
	if d, ok := l.upper.(cells.Drainer); ok {
		d.Drained(l.over(e), n)
	}
}

// Command passes a command to the upper protocol.
func (l *layer) Command(e cells.Env, args []string) (string, error) {
	c, ok := l.upper.(cells.Commander)
	if !ok {
		return "", fmt.Errorf("the protocol above the link protocol takes no commands")
	}
	return c.Command(l.over(e), args)
}

// durable is a link protocol under a protocol that can keep its state. Its own
// is not kept: a restart begins new sessions.
type durable struct{ *layer }

// Save gives the upper protocol's state.
func (d *durable) Save() []byte { return d.upper.(cells.Durable).Save() }

// Restore takes a state that Save gave.
func (d *durable) Restore(b []byte) error { return d.upper.(cells.Durable).Restore(b) }

// view is the Env of the upper protocol.
type view struct {
	cells.Env
	l *layer
}

// Port describes a port as its neighbour has introduced itself. A port whose
// neighbour is not there is not up.
func (v *view) Port(n cells.Port) cells.PortInfo {
	info := v.Env.Port(n)
	p := v.l.port(n)
	if p == nil {
		return info
	}
	info.State = cells.PortUnbound
	if p.state == connected {
		info.State, info.Peer = cells.PortUp, p.peer
	}
	if v.l.config.Reliable && info.MTU > 0 {
		info.MTU = max(info.MTU-numberRoom, 1)
	}
	return info
}

// Send sends to the neighbour, if there is one; else the frame is dropped.
func (v *view) Send(n cells.Port, b []byte) {
	p := v.l.port(n)
	switch {
	case p == nil:
		v.Env.Send(n, b)
	case p.state != connected:
		v.l.Stray++
	case v.l.config.Reliable:
		v.l.submit(v.Env, p, b)
	default:
		v.Env.Send(n, b)
	}
}

// number draws a number of a session: not 0, which is none.
func (l *layer) number() uint64 { return max(l.rand.Uint64(), 1) }
