package conform

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
)

// puppet is one cell, run from what reached it.
type puppet struct {
	id       cells.ID
	c        *checker
	spec     cells.CellSpec
	protocol cells.Protocol
	clock    clock.Clock
	offset   clock.Time // of the site's instant 0
	entity   des.Entity
	life     uint32
	started  bool
	crashed  bool
	paused   bool
	waiting  int  // events that were parked, and have not run
	ended    bool // the cell was removed, or its process is gone
	keep     []byte
	kept     bool // the next start is with what was kept

	ports  []port // static ones first
	rands  map[string]*cells.Rand
	timers map[cells.TimerID]*timer
	arms   uint64

	// Of the event that is being run.
	now     clock.Time // true
	by      des.Record
	effects []effect
	buf     []byte
}

type timer struct {
	deadline clock.Time // by the cell's clock
	due      clock.Time
	by       des.Key
	arm      uint64
}

// effect is one that the protocol asked for.
type effect struct {
	op   des.Op
	port cells.Port
	a, b int64
	kind string
	text string
	data []byte
	goes bool // Send on a stream: it was taken
}

// begin gives a cell its specification, and a life.
func (p *puppet) begin(spec cells.CellSpec, at, offset clock.Time) {
	*p = puppet{id: p.id, c: p.c, spec: spec, offset: offset, arms: p.arms, life: p.life}
	p.clock = clock.New(spec.Clock.Offset.Sub(0))
	_ = p.clock.SetDrift(at-offset, spec.Clock.Drift)
	p.timers = map[cells.TimerID]*timer{}
	for _, name := range spec.Ports {
		p.ports = append(p.ports, port{info: cells.PortInfo{Name: name, State: cells.PortUnbound}, static: true})
	}
}

func (p *puppet) end() {
	p.ended = true
	clear(p.timers)
}

// live reports whether an alarm is that of a timer that is armed.
func (p *puppet) live(a alarm) bool {
	t := p.timers[a.id]
	return t != nil && t.arm == a.arm && !p.ended
}

// local is the cell's clock.
func (p *puppet) local() clock.Time { return p.clock.Now(p.now - p.offset) }

// park takes an event that reached a cell that is paused, or still works off
// what reached it when it was.
func (p *puppet) park(r *des.Record) *Violation {
	if !p.paused && p.waiting == 0 {
		return violation(r, "something waits for a cell that is not paused")
	}
	if des.Op(r.A) == des.OpTimer {
		for _, t := range p.timers { // it fires when the cell goes on
			if t.due <= r.Key.Time {
				t.arm = 0
			}
		}
	}
	p.waiting++
	return nil
}

// state takes what was done to the cell from outside.
func (p *puppet) state(r *des.Record) *Violation {
	p.now = r.Key.Time
	word, rest, _ := strings.Cut(r.Text, " ")
	switch word {
	case "crash":
		p.crash()
	case "restart", "restart-kept":
		if !p.crashed {
			return violation(r, "a cell that has not crashed starts again")
		}
		p.kept = word == "restart-kept"
		p.life++
		p.started = false
	case "pause":
		p.paused = true
	case "resume":
		p.paused = false
	case "drift":
		ppb, err := strconv.ParseInt(strings.TrimSuffix(rest, " ppb"), 10, 64)
		if err != nil || p.clock.SetDrift(p.now-p.offset, clock.Drift(ppb)) != nil {
			return violation(r, "the clock cannot run so")
		}
		p.rearm()
	case "step", "offset":
		d, err := time.ParseDuration(rest)
		if err != nil {
			return violation(r, "the clock cannot be set so")
		}
		if word == "step" {
			p.clock.Step(d)
		} else {
			p.clock.SetOffset(d)
		}
	default:
		return violation(r, "nothing does that to a cell")
	}
	return nil
}

func (p *puppet) crash() {
	p.crashed, p.paused, p.started, p.waiting = true, false, false, 0
	if d, ok := p.protocol.(cells.Durable); ok {
		p.keep = slices.Clone(d.Save())
	}
	clear(p.timers)
	for i := range p.ports {
		q := &p.ports[i]
		switch {
		case !q.static:
			q.info.State, q.over, q.queued = cells.PortDown, true, 0
		case q.info.State == cells.PortUp && !q.info.Stream:
			q.info.State = cells.PortUnbound
		}
	}
}

// rearm finds out anew when timers are due.
func (p *puppet) rearm() {
	ids := make([]cells.TimerID, 0, len(p.timers))
	for id := range p.timers {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		p.set(id, p.timers[id].deadline, p.timers[id].by)
	}
}

func (p *puppet) set(id cells.TimerID, deadline clock.Time, by des.Key) {
	p.arms++
	due := p.clock.Due(p.now-p.offset, deadline) + p.offset
	p.timers[id] = &timer{deadline, due, by, p.arms}
	p.c.alarms.add(alarm{due, p, id, p.arms})
}

// event runs what reached the cell, and wants the effects that follow it in the
// trace. It says how many records that are.
func (p *puppet) event(group []des.Record) (int, *Violation) {
	r := &group[0]
	p.now, p.by, p.effects = r.Key.Time, *r, p.effects[:0]
	if r.Key.Entity.Class() == des.Cell {
		p.entity = r.Key.Entity
	}
	switch {
	case p.paused:
		return 0, violation(r, "the cell is paused")
	case r.Op == des.OpStart:
		if v := p.start(r); v != nil {
			return 0, v
		}
	case p.crashed || !p.started:
		return 0, violation(r, "the cell does not run")
	}
	if r.Op != des.OpCommand && r.Op != des.OpDrained {
		p.waiting = max(p.waiting-1, 0)
	}
	call, v := p.admit(r)
	if v != nil {
		return 0, v
	}
	panicked := p.guard(call)
	n := p.extent(group)
	return n, p.compare(group[1:n], r, panicked)
}

// extent is how many records belong to an event: up to the next thing that
// reached a cell. A Down may be the effect of a Send that was over the bound.
func (p *puppet) extent(group []des.Record) int {
	k := 0
	for n := 1; n < len(group); n++ {
		r := &group[n]
		switch {
		case network(r.Op):
			continue
		case r.Cell != string(p.id), r.Op == des.OpState, r.Op == des.OpMiss, r.Op == des.OpPark:
			return n
		case r.Op.Event() && (k >= len(p.effects) || p.effects[k].op != r.Op):
			return n
		}
		k++
	}
	return len(group)
}

// network reports whether a record is of what a link did.
func network(op des.Op) bool {
	return op == des.OpVerdict || op == des.OpTransit || op == des.OpChange
}

// start makes the protocol of a life.
func (p *puppet) start(r *des.Record) *Violation {
	if p.started {
		return violation(r, "the cell runs already")
	}
	if life := uint32(r.A); life < p.life {
		return violation(r, "it is life %d of the cell, and it had life %d before", life, p.life)
	}
	made, err := p.c.opt.Make(p.spec)
	if err != nil {
		return violation(r, "its protocol cannot be made: %v", err)
	}
	if p.kept {
		d, ok := made.(cells.Durable)
		if !ok || d.Restore(slices.Clone(p.keep)) != nil {
			return violation(r, "its state cannot be kept")
		}
	}
	p.protocol, p.rands, p.life = made, map[string]*cells.Rand{}, uint32(r.A)
	p.started, p.crashed, p.kept, p.keep = true, false, false, nil
	return nil
}

// admit does what an event does to the cell before its protocol hears of it, and
// gives what the protocol is told.
func (p *puppet) admit(r *des.Record) (func(), *Violation) {
	e := (*env)(p)
	n := cells.Port(r.Port)
	switch r.Op {
	case des.OpStart:
		return func() { p.protocol.Start(e) }, nil
	case des.OpTimer:
		return p.fire(r)
	case des.OpCommand:
		words := strings.Split(r.Text, " ")
		return func() { p.command(words) }, nil
	case des.OpUp:
		if v := p.up(r); v != nil {
			return nil, v
		}
		return func() { p.protocol.Up(e, n) }, nil
	}
	q := p.port(n)
	if q == nil {
		return nil, violation(r, "the cell has no port %d", n)
	}
	if q.vanished != nil && r.Op != des.OpDown {
		return nil, q.vanished
	}
	q.vanished = nil
	switch r.Op {
	case des.OpRecv:
		if q.over || q.info.State != cells.PortUp && q.info.State != cells.PortEOF && q.info.State != cells.PortDialling {
			return nil, violation(r, "port %d takes nothing: it is %s", n, q.info.State)
		}
		data := bytes.Clone(r.Data)
		return func() { p.protocol.Recv(e, n, data) }, nil
	case des.OpDown:
		return p.down(r, q), nil
	case des.OpCredit:
		if q.queued -= r.A; q.queued < 0 {
			return nil, violation(r, "%d bytes of port %d are credited, more than were queued", r.A, n)
		}
		return func() {}, nil
	case des.OpDrained:
		if !q.high || q.queued > q.bound/4 {
			return nil, violation(r, "the queue of port %d has not fallen to a quarter", n)
		}
		q.high = false
		d, ok := p.protocol.(cells.Drainer)
		if !ok {
			return nil, violation(r, "the protocol does not ask for that")
		}
		return func() { d.Drained(e, n) }, nil
	}
	return nil, violation(r, "nothing of a cell is called %s", r.Op)
}

// fire takes a timer, which must be due now.
func (p *puppet) fire(r *des.Record) (func(), *Violation) {
	id := cells.TimerID(r.A)
	t := p.timers[id]
	switch {
	case t == nil:
		return nil, violation(r, "timer %d fires and is not armed", id)
	case clock.Time(r.B)-p.offset != t.deadline:
		return nil, violation(r, "timer %d fires for %s, it is armed for %s", id, clock.Time(r.B)-p.offset, t.deadline)
	case t.due > p.now:
		return nil, violation(r, "timer %d fires %s before it is due", id, t.due.Sub(p.now))
	case t.due < p.now && t.arm != 0:
		return nil, violation(r, "timer %d fires %s after it was due", id, p.now.Sub(t.due))
	}
	delete(p.timers, id)
	p.c.res.Timers++
	return func() { p.protocol.Timer((*env)(p), id) }, nil
}

func (p *puppet) command(words []string) {
	c, ok := p.protocol.(cells.Commander)
	if !ok {
		return
	}
	answer, err := c.Command((*env)(p), words)
	x := effect{op: des.OpAnswer, text: answer}
	if err != nil {
		x.a, x.text = 1, err.Error()
	}
	p.effects = slices.Insert(p.effects, 0, x)
}

// guard calls a handler, and gives the words of its panic.
func (p *puppet) guard(call func()) (text string) {
	defer func() {
		if x := recover(); x != nil {
			text = fmt.Sprint(x)
			p.effects = p.effects[:0]
		}
	}()
	call()
	return ""
}

// compare wants the effects of the protocol to be those of the trace.
func (p *puppet) compare(records []des.Record, r *des.Record, panicked string) *Violation {
	k := 0
	for i := range records {
		e := &records[i]
		if network(e.Op) {
			if e.Op == des.OpVerdict {
				if v := p.c.world.verdict(e); v != nil {
					return v
				}
			}
			continue
		}
		if e.Op == des.OpPanic {
			if panicked == "" || e.Text != panicked {
				return violation(e, "the protocol does not panic so here: %q", panicked)
			}
			return nil
		}
		for k < len(p.effects) && p.vanishes(&p.effects[k], e) {
			k++
		}
		if k == len(p.effects) {
			return violation(e, "the protocol does not %s here", describe(e))
		}
		if v := p.same(&p.effects[k], e); v != nil {
			return v
		}
		k++
		p.c.res.Effects++
	}
	for k < len(p.effects) && p.vanishes(&p.effects[k], &des.Record{Key: r.Key, Cell: r.Cell}) {
		k++
	}
	if k < len(p.effects) {
		x := p.effects[k]
		return violation(r, "the protocol does %s here, and the trace does not have it", x.String())
	}
	if panicked != "" {
		return violation(r, "the protocol panics here: %s", panicked)
	}
	return nil
}

// vanishes reports whether a Send is one that leaves no record: on a stream whose
// connection is broken already, of which the cell hears next. That it does is
// wanted later.
func (p *puppet) vanishes(x *effect, e *des.Record) bool {
	if x.op != des.OpSend || !x.goes || e.Op == des.OpSend && uint32(x.port) == e.Port && bytes.Equal(x.data, e.Data) {
		return false
	}
	q := p.port(x.port)
	q.queued -= int64(len(x.data))
	if q.vanished == nil {
		q.vanished = violation(&p.by, "the protocol does %s here, and the trace does not have it", x.String())
		q.vanished.Record = p.c.first
	}
	return true
}

// same wants one effect to be what a record says, and does it.
func (p *puppet) same(x *effect, e *des.Record) *Violation {
	data := x.op != des.OpSend || bytes.Equal(x.data, e.Data)
	a, b := x.a == e.A, x.b == e.B
	switch x.op {
	case des.OpSend:
		a, b = true, true
	case des.OpArm:
		b = x.b == e.B-int64(p.offset)
	}
	text := x.text == e.Text
	if x.op == des.OpSend {
		text = (e.Text == "") == p.sends(x)
	}
	if x.op != e.Op || uint32(x.port) != e.Port || !a || !b || !data || !text || x.kind != e.Kind {
		return violation(e, "the trace has %s, the protocol does %s", describe(e), x.String())
	}
	switch x.op {
	case des.OpArm:
		p.set(cells.TimerID(x.a), clock.Time(x.b), e.Key)
	case des.OpDisarm:
		delete(p.timers, cells.TimerID(x.a))
	case des.OpSend:
		return p.c.world.send(e, p)
	case des.OpDial:
		p.c.dials[e.Key] = append(p.c.dials[e.Key], dial{p.id, e.Text})
	}
	return nil
}

// String is the effect for people.
func (x *effect) String() string {
	return describe(&des.Record{Op: x.op, Port: uint32(x.port), A: x.a, B: x.b, Kind: x.kind, Text: x.text, Data: x.data})
}

// describe is an effect for people.
func describe(r *des.Record) string {
	switch r.Op {
	case des.OpSend:
		return strings.TrimSpace(fmt.Sprintf("send %d bytes on port %d (%s) %s", len(r.Data), r.Port, edges(r.Data), r.Text))
	case des.OpArm:
		return fmt.Sprintf("arm timer %d for %s", r.A, clock.Time(r.B))
	case des.OpDisarm:
		return fmt.Sprintf("disarm timer %d", r.A)
	case des.OpEmit:
		if r.Text != "" {
			return fmt.Sprintf("emit %s %q", r.Kind, r.Text)
		}
		return fmt.Sprintf("emit %s %d %d", r.Kind, r.A, r.B)
	case des.OpAnswer:
		return fmt.Sprintf("answer %q", r.Text)
	}
	return strings.TrimSpace(fmt.Sprintf("%s on port %d %s", r.Op, r.Port, r.Text))
}

func edges(b []byte) string {
	if len(b) <= 24 {
		return fmt.Sprintf("%x", b)
	}
	return fmt.Sprintf("%x…%x", b[:12], b[len(b)-8:])
}

// key is for messages.
func key(k des.Key) string { return replay.FormatKey(k) }
