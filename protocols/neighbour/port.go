package neighbour

import (
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
)

// state is where a port is with its neighbour.
type state uint8

const (
	disconnected state = iota
	handshaking
	connected
)

var stateNames = [...]string{"disconnected", "handshaking", "connected"}

// role is which end of a link a port is.
type role uint8

const (
	client role = iota
	server
)

// port is one frame port.
type port struct {
	num       cells.Port
	up        bool
	open      bool // who is at the other end, and so the role, is told by him alone
	state     state
	role      role
	name      string // "p0"
	own, peer string // "alice:p0"
	attr      string // "link.p0"
	attempt   uint64 // of the client
	answer    uint64 // of the server
	since     clock.Time
	heard     clock.Time // the last datagram
	channel              // reliable: what is sent and received
}

// The timers of a port.
const (
	timerTick    cells.TimerID = iota // what is next to be done
	timerSilence                      // whether anything was heard
	timerRTO                          // reliable: whether it was acknowledged
	timersOfPort
)

func (p *port) timer(which cells.TimerID) cells.TimerID {
	return cells.TimerID(p.num)*timersOfPort + which
}

func (l *layer) arm(e cells.Env, p *port, which cells.TimerID, d time.Duration) {
	l.timers.Over(e).Arm(p.timer(which), d)
}

// begin makes an attempt at a session: a client asks, a server waits.
func (l *layer) begin(e cells.Env, p *port) {
	p.since = e.Now()
	if p.role == server {
		p.state = disconnected
		if l.config.Reading == Plain {
			p.state = handshaking
		}
		return
	}
	p.state = handshaking
	if l.config.Reading == Ours {
		p.attempt, p.answer = l.number(), 0
	}
	l.ask(e, p)
	l.arm(e, p, timerTick, l.config.Ask)
}

// tick does what a port does from time to time.
func (l *layer) tick(e cells.Env, p *port) {
	switch {
	case p.state == connected:
		l.Heartbeats++
		e.Send(p.num, heartbeat)
		l.arm(e, p, timerTick, l.config.Heartbeat)
	case p.state == disconnected:
		l.begin(e, p)
	case p.role == server:
	case e.Now().Sub(p.since) >= l.config.GiveUp:
		p.state = disconnected
		l.arm(e, p, timerTick, l.config.Retry)
	default:
		l.ask(e, p)
		l.arm(e, p, timerTick, l.config.Ask)
	}
}

// listen finds out whether a neighbour has been silent for too long. The plain
// reading looks at fixed distances, ours when the time is over.
func (l *layer) listen(e cells.Env, p *port) {
	limit := l.silence
	switch p.state {
	case disconnected:
		return
	case handshaking: // a server whose client does not confirm
		limit = l.config.GiveUp
	}
	silent := e.Now().Sub(p.heard)
	switch {
	case silent < limit && l.config.Reading == Plain:
		l.arm(e, p, timerSilence, limit)
	case silent < limit:
		l.arm(e, p, timerSilence, limit-silent)
	default:
		l.leave(e, p)
	}
}

// leave gives a neighbour up, and leaves the port alone for a while.
func (l *layer) leave(e cells.Env, p *port) {
	if p.state == connected {
		l.Lost++
	}
	err := ErrSilent
	if p.backlog() >= backlogMax {
		err = ErrBacklog
	}
	l.disconnect(e, p, err)
	if p.open {
		p.role = client // until the next one asks
	}
	if p.role != server || l.config.Reading == Plain {
		l.arm(e, p, timerTick, l.config.Retry)
	} else {
		l.timers.Over(e).Disarm(p.timer(timerTick))
	}
	l.timers.Over(e).Disarm(p.timer(timerSilence))
}

// connect says that the neighbour is there.
func (l *layer) connect(e cells.Env, p *port) {
	p.state = connected
	p.heard = e.Now()
	l.Opened++
	l.arm(e, p, timerTick, l.config.Heartbeat)
	l.arm(e, p, timerSilence, l.silence)
	e.EmitText(KindConnected, p.name+" "+p.peer)
	l.upper.Up(l.over(e), p.num)
}

// disconnect says that the neighbour is not there, if it was.
func (l *layer) disconnect(e cells.Env, p *port, err error) {
	was := p.state
	p.state = disconnected
	if was != connected {
		return
	}
	p.begin(l)
	l.timers.Over(e).Disarm(p.timer(timerRTO))
	e.EmitText(KindDisconnected, p.name+" "+p.peer+": "+err.Error())
	l.upper.Down(l.over(e), p.num, err)
}
