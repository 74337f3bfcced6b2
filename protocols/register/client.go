package register

import (
	"time"

	"example.com/dsim/cells"
)

// client does one operation after the other.
type client struct {
	config                   Config
	in                       message
	keys, choices, intervals *cells.Rand
	up                       []bool // by replica

	state    clientState
	write    bool
	out      message // what is asked: session, phase and key stand in every answer
	best     message // the greatest version among the values
	value    uint64  // to be written
	answered []bool  // in this phase
	answers  int

	begun, reads, writes, retransmitted, stale, corrupt uint64
}

type clientState uint8

const (
	idle clientState = iota
	asking
	storing
)

var stateNames = [...]string{"idle", "asking", "storing"}

const (
	timerInterval cells.TimerID = iota
	timerRTO
)

// Start draws a session and waits for the first interval.
func (p *client) Start(e cells.Env) {
	p.keys, p.choices, p.intervals = e.Rand("key"), e.Rand("write"), e.Rand("interval")
	p.out.Session = e.Rand("session").Uint64() | 1 // no writer is 0
	p.pause(e)
}

func (p *client) pause(e cells.Env) {
	if p.begun < p.config.Operations {
		e.Arm(timerInterval, time.Duration(max(p.intervals.Sample(p.config.Interval), 0)))
	}
}

// Up lets a replica be asked; what it has missed is sent at the next rto.
func (p *client) Up(_ cells.Env, q cells.Port) {
	if int64(q) < int64(len(p.up)) {
		p.up[q] = true
	}
}

// Down stops asking a replica.
func (p *client) Down(_ cells.Env, q cells.Port, _ error) {
	if int64(q) < int64(len(p.up)) {
		p.up[q] = false
	}
}

// Timer begins an operation, or asks again.
func (p *client) Timer(e cells.Env, id cells.TimerID) {
	switch {
	case id == timerInterval && p.state == idle:
		p.begin(e)
	case id == timerRTO && p.state != idle:
		p.ask(e, true)
	}
}

// begin invokes the next operation.
func (p *client) begin(e cells.Env) {
	p.begun++
	p.out.Key = uint16(p.keys.N(uint64(p.config.Keys)))
	p.write = p.choices.Hit(p.config.Writes)
	p.value = 0
	if p.write { // a value that nobody else writes, nor this client in another life
		p.value = p.out.Session<<32>>1 | p.begun
	}
	e.Emit(KindInvoke, p.operation(), int64(p.value))
	p.best = message{}
	p.out.Version, p.out.Value = version{}, 0
	p.enter(e, asking, kindQuery)
}

func (p *client) operation() int64 {
	a := int64(p.out.Key) << 1
	if p.write {
		a |= 1
	}
	return a
}

// enter begins a phase.
func (p *client) enter(e cells.Env, s clientState, kind uint8) {
	p.state = s
	p.out.Kind = kind
	p.out.Phase++
	clear(p.answered)
	p.answers = 0
	p.ask(e, false)
}

// ask sends to all replicas that have not answered in this phase.
func (p *client) ask(e cells.Env, again bool) {
	for q, up := range p.up {
		if !up || p.answered[q] {
			continue
		}
		if again {
			p.retransmitted++
		}
		send(e, cells.Port(q), &p.out)
	}
	e.Arm(timerRTO, p.config.RTO)
}

// Recv takes an answer. One that came before, or late, or from nobody who was
// asked, is stale.
func (p *client) Recv(e cells.Env, q cells.Port, b []byte) {
	m := &p.in
	switch {
	case messages.Decode(b, m) != nil || m.Kind != kindValue && m.Kind != kindStored || m.Version.Stamp >= stampMax:
		p.corrupt++ // no stamp can be greater than the greatest
		return
	case int64(q) >= int64(len(p.answered)) || p.answered[q] || p.state == idle ||
		m.Session != p.out.Session || m.Phase != p.out.Phase || m.Key != p.out.Key || (m.Kind == kindValue) != (p.state == asking):
		p.stale++
		return
	}
	p.answered[q] = true
	p.answers++
	if p.state == asking && p.best.Version.less(m.Version) {
		p.best = *m
	}
	if p.answers < p.config.Quorum {
		return
	}
	if p.state == storing || !p.write && p.config.Reads == OnePhase {
		p.finish(e)
		return
	}
	p.out.Version, p.out.Value = p.best.Version, p.best.Value
	if p.write {
		p.out.Version, p.out.Value = version{p.best.Version.Stamp + 1, p.out.Session}, p.value
	}
	p.enter(e, storing, kindStore)
}

// finish returns from the operation.
func (p *client) finish(e cells.Env) {
	e.Disarm(timerRTO)
	p.state = idle
	value := p.value
	if p.write {
		p.writes++
	} else {
		p.reads++
		value = p.best.Value
	}
	e.Emit(KindReturn, p.operation(), int64(value))
	p.pause(e)
}

// AppendState shows the client's counters.
func (p *client) AppendState(a []cells.Attr) []cells.Attr {
	return append(a,
		cells.TextAttr("role", p.config.Role),
		cells.TextAttr("state", stateNames[p.state]),
		cells.BoolAttr("done", p.state == idle && p.begun >= p.config.Operations),
		cells.IntAttr("begun", int64(p.begun)),
		cells.IntAttr("returned", int64(p.reads+p.writes)),
		cells.IntAttr("reads", int64(p.reads)),
		cells.IntAttr("writes", int64(p.writes)),
		cells.IntAttr("retransmitted", int64(p.retransmitted)),
		cells.IntAttr("stale", int64(p.stale)),
		cells.IntAttr("corrupt_dropped", int64(p.corrupt)))
}
