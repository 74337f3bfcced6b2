package cells

import (
	"errors"
	"fmt"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// A site at rest, with nothing on its way but timers, can be written down whole
// and go on somewhere else. Package replay/site does so for rings of recordings.

// FrozenCell is everything a cell is.
type FrozenCell struct {
	Spec        CellSpec
	Run         RunState
	Incarnation uint32
	Began       bool
	Fold        des.Fold
	Seq         uint64
	State       []byte // what its protocol has saved
	Kept        []byte // of a crashed cell: what a restart with kept state begins with
	Clock       clock.Frozen
	OwnClock    bool // it is not true time
	Timers      []FrozenTimer
	Rands       []FrozenRand
	Ports       []FrozenPort
}

// FrozenTimer is one of a cell's timers.
type FrozenTimer struct {
	ID       TimerID
	Armed    bool
	Seq      uint64
	Deadline clock.Time
}

// FrozenRand is one of a cell's streams of chance.
type FrozenRand struct {
	Purpose string
	Drawn   uint64
}

// FrozenPort is everything a static port is and has counted.
type FrozenPort struct {
	Name               string
	State              PortState
	TxFrames, TxBytes  uint64 // on its link
	RxFrames, RxBytes  uint64
	LastTx, LastRx     clock.Time
	Unsent, UnsentSize uint64
	Drops, Missed      []uint64 // by reason; nil for none
	Before             PortCounters
}

// ErrNotAtRest says that a site, or a cell, cannot be frozen now; a while later
// it may be.
var ErrNotAtRest = errors.New("not at rest")

// Freeze gives everything a cell is. Its protocol must be a Resumer, and must
// have opened no streams.
func (h *Host) Freeze(ref CellRef) (f FrozenCell, err error) {
	c, l := &h.cells[ref], h.lane(ref)
	d, ok := c.protocol.(Resumer)
	switch {
	case c.run != Running && c.run != Crashed || !c.calm() && c.run == Running:
		return f, fmt.Errorf("cell %q: %w: it is %s, or works off what waited", h.Name(ref), ErrNotAtRest, c.run)
	case !ok:
		return f, fmt.Errorf("cell %q: protocol %q cannot go on in the middle of a life", h.Name(ref), h.spec(ref).Protocol)
	}
	x := c.extension()
	f = FrozenCell{
		Spec: *h.spec(ref), Run: c.run, Incarnation: x.incarnation, Began: c.flags&cellBegan != 0, Fold: c.fold, Seq: c.seq,
		Kept: x.kept, Clock: x.clock.Freeze(), OwnClock: c.flags&cellClock != 0,
	}
	if !l.guard(ref, des.OpState, func() { f.State = d.Save() }) {
		return f, l.sched.Err()
	}
	for i := range x.timers {
		t := &x.timers[i]
		f.Timers = append(f.Timers, FrozenTimer{t.id, t.armed, t.seq, t.deadline})
	}
	for i := range x.rands {
		f.Rands = append(f.Rands, FrozenRand{x.rands[i].purpose, x.rands[i].rand.Drawn()})
	}
	for _, p := range h.PortsOf(ref) {
		if p >= dynamicPorts {
			return f, fmt.Errorf("cell %q: has had streams, whose state is in two places", h.Name(ref))
		}
		f.Ports = append(f.Ports, h.FreezePort(p))
	}
	return f, nil
}

// Armed is how many of a cell's timers are in the queue.
func (h *Host) Armed(ref CellRef) (n int) {
	if x := h.cells[ref].ext; x != nil {
		for i := range x.timers {
			if x.timers[i].armed {
				n++
			}
		}
	}
	return n
}

// FreezePort gives everything a static port is.
func (h *Host) FreezePort(p PortRef) FrozenPort {
	q := &h.ports[p]
	x := h.lane(q.cell).rare(q)
	f := FrozenPort{
		Name: h.portName(p), State: q.State, TxFrames: q.TxFrames, TxBytes: q.TxBytes,
		RxFrames: uint64(q.rxFrames) + x.frames<<32, RxBytes: uint64(q.rxBytes) + x.bytes<<32,
		LastTx: q.LastTx, LastRx: q.lastRx, Unsent: x.unsent, UnsentSize: x.unsentB,
	}
	if x.drops != nil {
		f.Drops = append(f.Drops, x.drops[:]...)
	}
	if x.missed != nil {
		f.Missed = append(f.Missed, x.missed[:]...)
	}
	if x.earlier != 0 {
		f.Before = h.Counters(q.cell, x.earlier)
	} else if x.before != nil {
		f.Before = *x.before
	}
	return f
}

// Thaw makes a cell what a frozen one was. The cell has been added with the same
// specification, and its links laid; what that has scheduled is gone already, and
// Silence has kept it from hearing of it.
func (h *Host) Thaw(ref CellRef, f *FrozenCell) error {
	c, l := &h.cells[ref], h.lane(ref)
	x := c.extension()
	d, ok := c.protocol.(Resumer)
	if !ok {
		return fmt.Errorf("cell %q: protocol %q cannot go on in the middle of a life", h.Name(ref), f.Spec.Protocol)
	}
	if err := d.Restore(f.State); err != nil {
		return fmt.Errorf("cell %q: restore: %w", h.Name(ref), err)
	}
	c.run, c.fold, c.seq = f.Run, f.Fold, f.Seq
	c.flags = 0
	if f.Began {
		c.flags |= cellBegan
	}
	if f.OwnClock {
		c.flags |= cellClock
	}
	x.incarnation, x.kept, x.clock = f.Incarnation, f.Kept, f.Clock.Thaw()
	for _, r := range f.Rands {
		stream := h.opt.Seed.Rand("cell "+string(f.Spec.ID), x.incarnation, r.Purpose)
		stream.Skip(r.Drawn)
		x.rands = append(x.rands, purposeRand{r.Purpose, &stream})
	}
	for _, t := range f.Timers {
		i := l.slot(x, t.ID)
		if t.Armed { // under the sequence it had
			now := c.seq
			c.seq = t.Seq
			l.arm(ref, t.ID, t.Deadline)
			c.seq = now
		}
		x.timers[i].seq, x.timers[i].deadline = t.Seq, t.Deadline
	}
	if len(f.Ports) != len(h.PortsOf(ref)) {
		return fmt.Errorf("cell %q: has %d ports, was frozen with %d", h.Name(ref), len(h.PortsOf(ref)), len(f.Ports))
	}
	for i := range f.Ports {
		h.ThawPort(c.ref(Port(i)), &f.Ports[i])
	}
	return l.resume(ref, c, d)
}

// resume gives a protocol the Env it goes on with.
func (l *Lane) resume(ref CellRef, c *cell, d Resumer) error {
	if c.run != Running {
		return nil
	}
	if !l.guard(ref, des.OpState, func() {
		l.cur, l.self = c, ref
		d.Resume(&l.env)
	}) {
		return l.sched.Err()
	}
	if len(l.effects) > 0 {
		l.discard()
		return fmt.Errorf("cell %q: protocol %q asks for effects as it resumes", l.h.Name(ref), l.h.spec(ref).Protocol)
	}
	return nil
}

// Silence keeps a cell from hearing of anything until Thaw.
func (h *Host) Silence(ref CellRef) { h.cells[ref].run = Removed }

// ThawPort makes a static port what a frozen one was.
func (h *Host) ThawPort(p PortRef, f *FrozenPort) {
	q := &h.ports[p]
	q.State = f.State
	q.TxFrames, q.TxBytes, q.LastTx, q.lastRx = f.TxFrames, f.TxBytes, f.LastTx, f.LastRx
	q.rxFrames, q.rxBytes = uint32(f.RxFrames), uint32(f.RxBytes)
	x := h.lane(q.cell).ext(q)
	x.frames, x.bytes, x.unsent, x.unsentB = f.RxFrames>>32, f.RxBytes>>32, f.Unsent, f.UnsentSize
	x.drops, x.missed = reasons(f.Drops), reasons(f.Missed)
	if f.Before.TxFrames|f.Before.RxFrames != 0 || f.Before.Last != 0 || len(f.Before.Drops) > 0 {
		before := f.Before
		x.before = &before
	}
}

func reasons(list []uint64) *[ReasonsMax]uint64 {
	if len(list) != int(ReasonsMax) {
		return nil
	}
	return (*[ReasonsMax]uint64)(append([]uint64(nil), list...))
}
