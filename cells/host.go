package cells

import (
	"fmt"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Network carries what the cells of a Host send.
type Network interface {
	// Join gives what carries the frames of one lane's cells. It is called once
	// for each lane, before the lane's first event.
	Join(*Lane) Carrier
	// PeerName names the port at the other end of a port's link, "bob:p0".
	PeerName(PortRef) string
	// MTU is the longest frame that a port's link carries, 0 if there is no bound.
	MTU(PortRef) int
}

// Carrier carries what the cells of one lane send. Its methods are called while
// effects are drained; what it does in answer are later events, on which it
// calls the lane's inputs (Deliver, Up, Down, Accept, Credit).
type Carrier interface {
	// Send takes over the reference to a frame of so many bytes.
	Send(p PortRef, q *PortRecord, f Frame, size int)
	Write(p PortRef, f Frame)
	Listen(p PortRef, addr string)
	Dial(p PortRef, addr string)
	CloseWrite(p PortRef)
	Close(p PortRef)
	Overflow(p PortRef)         // breaks the stream off
	Consumed(p PortRef, n int)  // the cell has handled n bytes of a stream
	Wake(p PortRef, code uint8) // what PostLater asked for
}

// CellRef is a host's number for a cell. Numbers are never used twice.
type CellRef uint32

// Options are what a Host is made of beside its scheduler.
type Options struct {
	Seed des.Seed
	Ties des.Ties
	Full bool     // fold whole payloads, not their lengths and edges
	Sink des.Sink // of records; may be nil
	// Lives are the first incarnations of cells that have lived before, in
	// another process: what they draw is not what they drew then.
	Lives map[ID]uint32
}

// Host runs the cells of one site: it turns events into calls of handlers and
// carries out the effects they ask for. It leaves to a Network where bytes go,
// and to the Scheduler what is next.
//
// What is needed while events run belongs to a [Lane], of which there is one
// unless the site is divided among several. What is here is changed between
// events, or in acts of the timeline, only.
type Host struct {
	sched *des.Scheduler
	opt   Options
	net   Network

	cells  []cell
	ports  []PortRecord // of static ports; 0 is none
	blocks []Block      // of cells that share what they are made of
	byName map[ID]CellRef
	far    CellRef // one more than the cell that stands for the outside; 0 is none
	lanes  []*Lane

	subscriptions []subscription
	rec           des.Record // reused
}

// NewHost gives a host without cells; it handles the scheduler's cell events.
func NewHost(s *des.Scheduler, opt Options) *Host {
	h := &Host{sched: s, opt: opt, byName: make(map[ID]CellRef), ports: make([]PortRecord, 1)}
	h.lanes = []*Lane{newLane(h, 0, s)}
	h.lanes[0].sink = opt.Sink
	return h
}

// Connect sets the network. It is called once, before the first event.
func (h *Host) Connect(n Network) {
	h.net = n
	for _, l := range h.lanes {
		l.carrier = n.Join(l)
	}
}

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
	x := &cellExt{id: spec.ID, spec: spec, renew: renew, clock: clock.New(0)}
	c := cell{protocol: p, run: Running, ext: x, first: PortRef(len(h.ports))}
	x.clock.SetOffset(spec.Clock.Offset.Sub(0))
	if err := x.clock.SetDrift(h.sched.Now(), spec.Clock.Drift); err != nil {
		return 0, fmt.Errorf("cell %q: %w", spec.ID, err)
	}
	if spec.Clock != (ClockSpec{}) {
		c.flags |= cellClock
	}
	x.incarnation = h.opt.Lives[spec.ID]
	if old, ok := h.byName[spec.ID]; ok {
		x.incarnation = h.cells[old].incarnation() + 1
	}
	h.cells = append(h.cells, c)
	h.byName[spec.ID] = ref
	for range spec.Ports {
		h.newStatic(ref)
	}
	h.lane(ref).post(ref, des.OpStart, 0, 0)
	return ref, nil
}

// Remove ends a cell: its timers are cleared, its number is never used again,
// and its fold stays in the digest. Its links must be gone already.
func (h *Host) Remove(ref CellRef) {
	c := &h.cells[ref]
	h.lane(ref).end(c)
	c.run = Removed
	c.protocol = nil
	h.state(ref, "removed")
}

// Find gives the cell with a name; false if there is none now.
func (h *Host) Find(id ID) (CellRef, bool) {
	ref, ok := h.byName[id]
	if !ok {
		ref, ok = h.inBlock(id)
	}
	if !ok || h.cells[ref].run == Removed {
		return 0, false
	}
	return ref, true
}

// Len is the number of cells that were ever added.
func (h *Host) Len() int { return len(h.cells) }

// Name is a cell's name.
func (h *Host) Name(ref CellRef) ID {
	if c := &h.cells[ref]; c.ext != nil && c.ext.id != "" {
		return c.ext.id
	}
	return h.block(ref).Name(ref)
}

// spec is what a cell is made of.
func (h *Host) spec(ref CellRef) *CellSpec {
	if c := &h.cells[ref]; c.block == 0 {
		return &c.ext.spec
	}
	return &h.block(ref).Spec
}

// Run is what a cell is doing.
func (h *Host) Run(ref CellRef) RunState { return h.cells[ref].run }

// Fold is a cell's own summary of its inputs and effects.
func (h *Host) Fold(ref CellRef) des.Fold { return h.cells[ref].fold }

// Digest is the summary of all cells that were ever alive.
func (h *Host) Digest() des.Digest {
	var d des.Digest
	for i := range h.cells {
		if h.IsFar(CellRef(i)) {
			continue
		}
		d.AddCell(string(h.Name(CellRef(i))), h.cells[i].fold)
	}
	return d
}

// Protocol is a cell's protocol, nil if it was removed.
func (h *Host) Protocol(ref CellRef) Protocol { return h.cells[ref].protocol }

// AppendState appends what a cell's protocol shows of itself.
func (h *Host) AppendState(ref CellRef, to []Attr) []Attr {
	return h.lane(ref).appendState(ref, to)
}

// FramesInUse is the number of frames that somebody holds, for leak tests.
func (h *Host) FramesInUse() int {
	n := 0
	for _, l := range h.lanes {
		n += l.FramesInUse()
	}
	return n
}

// Record writes a record of the site's own under the current event.
func (h *Host) Record(r des.Record) {
	if h.opt.Sink == nil {
		return
	}
	h.rec = r
	h.rec.Key = h.sched.Current()
	h.rec.Cause = h.sched.Cause()
	h.opt.Sink.Record(&h.rec)
	h.rec.Data = nil
}

// Tracing reports whether records are kept, so that callers can spare
// themselves the work of making them.
func (h *Host) Tracing() bool { return h.opt.Sink != nil }

// subscription is who wants which emissions.
type subscription struct {
	wants []bool // by kind
	f     func(des.Key, Emission)
}

// Subscribe calls f with every emission of the given kinds, in the total order
// of events. f observes only.
func (h *Host) Subscribe(kinds []Kind, f func(des.Key, Emission)) {
	var s subscription
	for _, k := range kinds {
		for int(k) >= len(s.wants) {
			s.wants = append(s.wants, false)
		}
		s.wants[k] = true
	}
	s.f = f
	h.subscriptions = append(h.subscriptions, s)
}

// Wanted reports whether anybody has subscribed to a kind.
func (h *Host) wanted(k Kind) bool {
	for i := range h.subscriptions {
		if s := &h.subscriptions[i]; int(k) < len(s.wants) && s.wants[k] {
			return true
		}
	}
	return false
}

// Publish hands an emission to those who subscribed to its kind.
func (h *Host) Publish(key des.Key, e Emission) {
	for i := range h.subscriptions {
		if s := &h.subscriptions[i]; int(e.Kind) < len(s.wants) && s.wants[e.Kind] {
			s.f(key, e)
		}
	}
}
