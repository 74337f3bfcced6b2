package cells

import (
	"fmt"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Network carries what the cells of a Host send. Its methods are called while
// effects are drained; what it does in answer are later events, on which it
// calls the Host's inputs (Deliver, Up, Down, Accept, Credit).
//
// PortRef is the host's number for a port, unique over all cells.
type Network interface {
	Send(p PortRef, f Frame) // takes over the reference
	Write(p PortRef, f Frame)
	Listen(p PortRef, addr string)
	Dial(p PortRef, addr string)
	CloseWrite(p PortRef)
	Close(p PortRef)
	Overflow(p PortRef)         // breaks the stream off
	Consumed(p PortRef, n int)  // the cell has handled n bytes of a stream
	Wake(p PortRef, code uint8) // what PostLater asked for
}

// PortRef is a host's number for a port of any of its cells.
type PortRef uint32

// CellRef is a host's number for a cell. Numbers are never used twice.
type CellRef uint32

// Options are what a Host is made of beside its scheduler.
type Options struct {
	Seed des.Seed
	Ties des.Ties
	Full bool     // fold whole payloads, not their lengths and edges
	Sink des.Sink // of records; may be nil
}

// Host runs the cells of one scheduler: it turns events into calls of handlers
// and carries out the effects they ask for. It leaves to a Network where bytes
// go, and to the Scheduler what is next.
type Host struct {
	sched *des.Scheduler
	opt   Options
	net   Network

	cells  []cell
	ports  []port
	byName map[ID]CellRef // the running cell of a name; looked up, never ranged over

	Frames Frames // of everything on the way

	// The event being handled.
	env      env
	cur      *cell
	self     CellRef
	received Frame // what Recv was given, 0 outside Recv
	building Frame // what Buf gave, 0 if nothing
	effects  []effect
	texts    []string // of effects, by index

	rec      des.Record // reused
	attrs    []Attr     // reused
	emitters []emitter
}

type emitter struct {
	wants []bool // by kind
	f     func(des.Key, Emission)
}

// cell is what the host keeps of one cell.
type cell struct {
	id          ID
	spec        CellSpec
	protocol    Protocol
	renew       func() (Protocol, error) // a fresh protocol, for a restart
	kept        []byte                   // the state of a crashed Durable
	fold        des.Fold
	seq         uint64 // own events scheduled so far
	tieKey      uint64
	clock       clock.Clock
	incarnation uint32
	run         RunState
	began       bool      // Start has run in this life
	ports       []PortRef // by the cell's own numbers
	timers      []timer
	slots       map[TimerID]int // of timers, once there are many
	parked      []parked
	next        int // of parked: the next to run
	rands       []purposeRand
	watched     []watch
	watching    bool
}

type purposeRand struct {
	purpose string
	rand    *Rand
}

// NewHost gives a host without cells; it handles the scheduler's cell events.
func NewHost(s *des.Scheduler, opt Options) *Host {
	h := &Host{sched: s, opt: opt, byName: make(map[ID]CellRef)}
	h.env.h = h
	s.Handle(des.Cell, h)
	return h
}

// Connect sets the network. It is called once, before the first event.
func (h *Host) Connect(n Network) { h.net = n }

// Scheduler is what drives the host.
func (h *Host) Scheduler() *des.Scheduler { return h.sched }

// Seed is the root of all chance of the host's cells.
func (h *Host) Seed() des.Seed { return h.opt.Seed }

// Ties is how ties are broken.
func (h *Host) Ties() des.Ties { return h.opt.Ties }

// Add puts a cell into the host: its static ports exist, unbound, and its
// Start is scheduled for now. renew makes a fresh protocol, now and at every
// restart.
func (h *Host) Add(spec CellSpec, renew func() (Protocol, error)) (CellRef, error) {
	if ref, ok := h.byName[spec.ID]; ok && h.cells[ref].run != Removed {
		return 0, fmt.Errorf("cell %q: exists already", spec.ID)
	}
	p, err := renew()
	if err != nil {
		return 0, fmt.Errorf("cell %q: %w", spec.ID, err)
	}
	if len(h.cells) >= des.IndexMax {
		return 0, fmt.Errorf("cell %q: more than %d cells", spec.ID, des.IndexMax)
	}
	ref := CellRef(len(h.cells))
	c := cell{
		id: spec.ID, spec: spec, protocol: p, renew: renew, run: Running,
		tieKey: h.opt.Seed.Hash("tie", "cell", string(spec.ID)),
		clock:  clock.New(0),
	}
	c.clock.SetOffset(spec.Clock.Offset.Sub(0))
	if err := c.clock.SetDrift(h.sched.Now(), spec.Clock.Drift); err != nil {
		return 0, fmt.Errorf("cell %q: %w", spec.ID, err)
	}
	if old, ok := h.byName[spec.ID]; ok {
		c.incarnation = h.cells[old].incarnation + 1
	}
	h.cells = append(h.cells, c)
	h.byName[spec.ID] = ref
	for _, name := range spec.Ports {
		pr := h.newPort(ref)
		h.ports[pr].name = name
		h.ports[pr].static = true
		h.ports[pr].state = PortUnbound
	}
	h.post(ref, des.OpStart, 0, 0)
	return ref, nil
}

// Remove ends a cell: its timers are cleared, its number is never used again,
// and its fold stays in the digest. Its links must be gone already.
func (h *Host) Remove(ref CellRef) {
	c := &h.cells[ref]
	h.clearTimers(c)
	h.dropParked(c)
	c.run = Removed
	c.protocol = nil
	h.state(ref, "removed")
}

// Find gives the cell with a name; false if there is none now.
func (h *Host) Find(id ID) (CellRef, bool) {
	ref, ok := h.byName[id]
	if !ok || h.cells[ref].run == Removed {
		return 0, false
	}
	return ref, true
}

// Len is the number of cells that were ever added.
func (h *Host) Len() int { return len(h.cells) }

// Name is a cell's name.
func (h *Host) Name(ref CellRef) ID { return h.cells[ref].id }

// Run is what a cell is doing.
func (h *Host) Run(ref CellRef) RunState { return h.cells[ref].run }

// Fold is a cell's own summary of its inputs and effects.
func (h *Host) Fold(ref CellRef) des.Fold { return h.cells[ref].fold }

// Digest is the summary of all cells that were ever alive.
func (h *Host) Digest() des.Digest {
	var d des.Digest
	for i := range h.cells {
		d.AddCell(string(h.cells[i].id), h.cells[i].fold)
	}
	return d
}

// Protocol is a cell's protocol, nil if it was removed.
func (h *Host) Protocol(ref CellRef) Protocol { return h.cells[ref].protocol }

// AppendState appends what a cell's protocol shows of itself.
func (h *Host) AppendState(ref CellRef, to []Attr) []Attr {
	c := &h.cells[ref]
	if i, ok := c.protocol.(Inspector); ok {
		h.guard(c, des.OpState, func() { to = i.AppendState(to) })
	}
	return to
}

// Subscribe calls f with every emission of the given kinds, in the total order
// of events. f observes only.
func (h *Host) Subscribe(kinds []Kind, f func(des.Key, Emission)) {
	var e emitter
	for _, k := range kinds {
		for int(k) >= len(e.wants) {
			e.wants = append(e.wants, false)
		}
		e.wants[k] = true
	}
	e.f = f
	h.emitters = append(h.emitters, e)
}
