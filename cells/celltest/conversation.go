package celltest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Options are what a conversation is made of beside its protocol. The zero
// Options give a cell "cell" with one frame port.
type Options struct {
	ID       cells.ID // "cell" if empty
	Protocol string
	Params   []cells.Param
	Ports    []Port // one, "p0", if empty
	Seed     uint64
	Bound    int64                            // of streams, in bytes; 64 KiB if 0
	Sink     des.Sink                         // of all records, beside the conversation's own; may be nil
	Renew    func() cells.Protocol            // makes the protocol of the life after Restart
	Ready    func(*cells.Host, cells.CellRef) // called before the first event; may be nil
}

// Port is a static port of the cell.
type Port struct {
	Name string
	Peer string // "peer:NAME" if empty
	MTU  int    // 0 is no limit
}

// Unnamed is the Peer of a port whose other end nobody has named.
const Unnamed = "?"

// Conversation is one cell under test, and what it has asked for.
type Conversation struct {
	t      testing.TB
	opt    Options
	sched  *des.Scheduler
	host   *cells.Host
	cell   cells.CellRef
	wire   wire
	acts   uint64 // inputs so far
	event  des.Key
	asked  []Effect // since the last Want
	armed  map[cells.TimerID]bool
	lines  []string    // of the conversation so far
	panics bool        // a handler is wanted to panic
	spent  cells.Frame // what was received last, overwritten
}

// linesKept is how much of a conversation a message shows.
const linesKept = 60

// New begins a conversation with a protocol. Nothing has happened yet: Start
// is the first event.
func New(t testing.TB, p cells.Protocol, opt Options) *Conversation {
	t.Helper()
	if opt.ID == "" {
		opt.ID = "cell"
	}
	if len(opt.Ports) == 0 {
		opt.Ports = []Port{{Name: "p0"}}
	}
	if opt.Bound == 0 {
		opt.Bound = 64 << 10
	}
	c := &Conversation{t: t, opt: opt, armed: make(map[cells.TimerID]bool)}
	c.wire = wire{c: c, peers: make(map[cells.PortRef]Port), number: make(map[cells.PortRef]uint64)}
	c.sched = des.NewScheduler(des.Config{})
	c.host = cells.NewHost(c.sched, cells.Options{Seed: des.SeedOf(opt.Seed), Full: true, Sink: c})
	c.host.Connect(&c.wire)
	spec := cells.CellSpec{ID: opt.ID, Protocol: opt.Protocol, Params: opt.Params}
	for _, q := range opt.Ports {
		spec.Ports = append(spec.Ports, q.Name)
	}
	lives := 0
	ref, err := c.host.Add(spec, func() (cells.Protocol, error) {
		if lives++; lives == 1 {
			return p, nil
		}
		if opt.Renew == nil {
			return nil, fmt.Errorf("the conversation has no Renew")
		}
		return opt.Renew(), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.cell = ref
	if opt.Ready != nil {
		opt.Ready(c.host, ref)
	}
	return c
}

// Record takes what happens: the conversation is its host's sink.
func (c *Conversation) Record(r *des.Record) {
	c.wire.record(r)
	if c.opt.Sink != nil {
		c.opt.Sink.Record(r)
	}
}

// Host is the host of the cell, for what has no verb here; Cell is its number.
func (c *Conversation) Host() *cells.Host { return c.host }

// Cell is the cell's number in the Host.
func (c *Conversation) Cell() cells.CellRef { return c.cell }

func (c *Conversation) lane() *cells.Lane { return c.host.Of(c.cell) }

// Now is the time, which is the cell's own too.
func (c *Conversation) Now() clock.Time { return c.sched.Now() }

// Start runs the cell's Start.
func (c *Conversation) Start() {
	c.t.Helper()
	c.settle()
}

// Up brings a static port up, or says that a dialled one is connected.
func (c *Conversation) Up(p cells.Port) {
	c.t.Helper()
	if int(p) < len(c.opt.Ports) {
		q := c.opt.Ports[p]
		switch q.Peer {
		case "":
			q.Peer = "peer:" + q.Name
		case Unnamed:
			q.Peer = ""
		}
		c.act(func() { c.wire.peers[c.host.BindOut(c.port(p))] = q })
		return
	}
	c.act(func() { c.lane().Up(c.port(p)) })
}

// Accept makes a connection at a listener and brings it up.
func (c *Conversation) Accept(listener cells.Port, peer string) cells.Port {
	c.t.Helper()
	var ref cells.PortRef
	c.act(func() {
		ref = c.lane().Accept(c.port(listener), peer, c.opt.Bound)
		c.lane().Up(ref)
	})
	return c.lane().Number(ref)
}

// Recv hands over a frame, or a chunk of a stream. It fails the test if the
// protocol writes to it, and overwrites it afterwards, so that a protocol that
// keeps it is found out.
func (c *Conversation) Recv(p cells.Port, b []byte) {
	c.t.Helper()
	l := c.lane()
	f := l.Frames.Copy(b)
	deliver := func() {
		ref := c.port(p)
		q := l.Port(ref)
		if r, ok := l.Deliver(ref, q, f, "wire>", 0, 0); !ok {
			l.Miss(q, r)
		}
	}
	if c.host.Run(c.cell) != cells.Running { // it waits, or goes nowhere
		c.act(deliver)
		return
	}
	l.Frames.Retain(f)
	c.act(deliver)
	got := l.Frames.Bytes(f)
	if !bytes.Equal(got, b) {
		c.fail("the protocol wrote to the bytes it received:\n got %s\nwant %s", dump(got), dump(b))
	}
	for i := range got {
		got[i] = poison
	}
	if c.spent != 0 {
		l.Frames.Release(c.spent)
	}
	c.spent = f // the next Recv must not overwrite it with something sensible
}

// poison is what received bytes are overwritten with.
const poison = 0xdb

// Down takes a static port off its link, or ends a stream; io.EOF ends the
// peer's half of it.
func (c *Conversation) Down(p cells.Port, err error) {
	c.t.Helper()
	ref := c.port(p)
	c.act(func() {
		if int(p) < len(c.opt.Ports) {
			c.host.Unbind(ref, err)
		} else {
			c.lane().Down(ref, err)
		}
	})
}

// Credit says that n bytes of a stream have left.
func (c *Conversation) Credit(p cells.Port, n int) {
	c.t.Helper()
	c.act(func() { c.lane().Credit(c.port(p), uint64(n)) })
}

// Command gives the cell a command.
func (c *Conversation) Command(args ...string) (answer string, err error) {
	c.t.Helper()
	c.act(func() { answer, err = c.host.Command(c.cell, args) })
	return answer, err
}

// Crash, Restart, Pause and Resume do to the cell what they say. A Restart
// needs the option Renew.
func (c *Conversation) Crash() { c.t.Helper(); c.change(func() error { return c.host.Crash(c.cell) }) }

// Restart begins the cell's next life, with the state of the last if kept.
func (c *Conversation) Restart(kept bool) {
	c.t.Helper()
	c.change(func() error { return c.host.Restart(c.cell, kept) })
}

// Pause lets what reaches the cell wait.
func (c *Conversation) Pause() { c.t.Helper(); c.change(func() error { return c.host.Pause(c.cell) }) }

// Resume lets what has waited reach the cell.
func (c *Conversation) Resume() {
	c.t.Helper()
	c.change(func() error { return c.host.Resume(c.cell) })
}

func (c *Conversation) change(f func() error) {
	c.t.Helper()
	c.act(func() {
		if err := f(); err != nil {
			c.fail("%v", err)
		}
	})
}

// Advance lets time go on; timers that are due fire.
func (c *Conversation) Advance(d time.Duration) {
	c.t.Helper()
	c.say(fmt.Sprintf("… %s", d))
	if err := c.sched.RunUntil(c.Now().Add(d)); err != nil {
		c.fail("%v", err)
	}
}

// AdvanceToTimer lets time go on to the next timer, which must be armed, and
// gives how long that was.
func (c *Conversation) AdvanceToTimer() time.Duration {
	c.t.Helper()
	next := c.sched.Next()
	if next == clock.Never {
		c.fail("no timer is armed")
	}
	d := next.Sub(c.Now())
	c.Advance(d)
	return d
}

// Armed reports whether a timer is armed.
func (c *Conversation) Armed(id cells.TimerID) bool { return c.armed[id] }

// Info describes a port.
func (c *Conversation) Info(p cells.Port) cells.PortInfo {
	c.t.Helper()
	return c.host.Status(c.cell).Ports[p].Info
}

// Counters are what a port has counted.
func (c *Conversation) Counters(p cells.Port) cells.PortCounters {
	c.t.Helper()
	return c.host.Counters(c.cell, c.port(p))
}

// State is a number that the protocol shows of itself; a truth is 0 or 1.
func (c *Conversation) State(name string) int64 {
	c.t.Helper()
	return c.attr(name).Int
}

// StateText is words that the protocol shows of itself.
func (c *Conversation) StateText(name string) string {
	c.t.Helper()
	return c.attr(name).Text
}

func (c *Conversation) attr(name string) cells.Attr {
	c.t.Helper()
	var names []string
	for _, a := range c.host.AppendState(c.cell, nil) {
		if a.Name == name {
			return a
		}
		names = append(names, a.Name)
	}
	c.fail("the protocol shows no %q, only %s", name, strings.Join(names, ", "))
	return cells.Attr{}
}

// Want checks what was asked for since the last Want: all of it, in order.
func (c *Conversation) Want(why string, effects ...Effect) {
	c.t.Helper()
	got := c.Take()
	fits := len(got) == len(effects)
	for i := 0; fits && i < len(got); i++ {
		fits = effects[i].fits(got[i])
	}
	if !fits {
		c.fail("%s:\n got %s\nwant %s", why, lines(got), lines(effects))
	}
}

// WantSome checks that all of these were asked for since the last Want, in
// this order; what else was is forgotten.
func (c *Conversation) WantSome(why string, effects ...Effect) {
	c.t.Helper()
	got := c.Take()
	i := 0
	for _, g := range got {
		if i < len(effects) && effects[i].fits(g) {
			i++
		}
	}
	if i < len(effects) {
		c.fail("%s: no %s\n got %s\nwant in it %s", why, effects[i], lines(got), lines(effects))
	}
}

// Idle checks that nothing was asked for since the last Want.
func (c *Conversation) Idle(why string) {
	c.t.Helper()
	c.Want(why)
}

// Take gives what was asked for since the last Want, and forgets it.
func (c *Conversation) Take() []Effect {
	got := c.asked
	c.asked = nil
	return got
}

// WantPanic runs verbs during which a handler must panic, which is the end of
// the conversation, and gives the panic.
func (c *Conversation) WantPanic(why string, verbs func()) *cells.PanicError {
	c.t.Helper()
	c.panics = true
	verbs()
	c.panics = false
	var err *cells.PanicError
	if !errors.As(c.sched.Err(), &err) {
		c.fail("%s: no handler panicked", why)
	}
	return err
}

func lines(effects []Effect) string {
	if len(effects) == 0 {
		return "nothing"
	}
	all := make([]string, len(effects))
	for i, e := range effects {
		all[i] = e.String()
	}
	return strings.Join(all, "\n     ")
}

// act hands an input to the host and lets the cell handle it.
func (c *Conversation) act(f func()) {
	c.t.Helper()
	if c.sched.Err() != nil {
		c.fail("the conversation is over: %v", c.sched.Err())
	}
	c.acts++
	c.sched.Act(des.MakeEntity(des.Input, 0), c.acts, f)
	c.settle()
}

// settle lets everything happen that is due.
func (c *Conversation) settle() {
	c.t.Helper()
	if err := c.sched.RunUntil(c.Now()); err != nil && !c.panics {
		c.fail("%v", err)
	}
}

func (c *Conversation) port(p cells.Port) cells.PortRef {
	c.t.Helper()
	ports := c.host.PortsOf(c.cell)
	if int(p) >= len(ports) {
		c.fail("the cell has no port %d", p)
	}
	return ports[p]
}

func (c *Conversation) say(line string) {
	c.lines = append(c.lines, fmt.Sprintf("%-10s %s", c.Now(), line))
	if len(c.lines) > 2*linesKept {
		c.lines = append(c.lines[:0], c.lines[linesKept:]...)
	}
}

// fail ends the test and shows the conversation.
func (c *Conversation) fail(format string, args ...any) {
	c.t.Helper()
	kept := c.lines[max(0, len(c.lines)-linesKept):]
	c.t.Fatalf("%s: %s\nthe conversation so far:\n%s", c.opt.ID, fmt.Sprintf(format, args...), strings.Join(kept, "\n"))
}
