package cells

import (
	"fmt"
	"slices"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// parked is an event that reached a paused cell.
type parked struct {
	in  input
	seq uint64 // Timer: of the Arm that it fired for
}

// ParkedMax bounds the events that wait for a paused cell. Frames beyond it
// are dropped; what streams may hold is bounded by themselves.
const ParkedMax = 1 << 16

// park keeps an event for a paused cell. While a resumed cell still works off
// what was kept, later events queue up behind.
func (l *Lane) park(ref CellRef, in input) {
	c := &l.h.cells[ref]
	x := c.extension()
	p := parked{in: in}
	switch in.op {
	case des.OpTimer:
		t := &x.timers[in.slot]
		t.parked = true
		p.seq = t.seq
	case des.OpRecv:
		l.late(in.port, 1)
	}
	x.parked = append(x.parked, p)
	l.Record(des.Record{Op: des.OpPark, Cell: string(l.h.Name(ref)), A: int64(in.op)})
	if c.run == Running {
		l.post(ref, des.OpPark, 0, 0)
	}
}

// late counts a frame that has arrived, and that its cell has not taken in.
func (l *Lane) late(p PortRef, n int64) {
	if q := l.Port(p); !q.stream() {
		l.ext(q).late += uint64(n)
	}
}

// unpark runs the oldest parked event. One of its own events stands in the
// queue for each.
func (l *Lane) unpark(ref CellRef) {
	c := &l.h.cells[ref]
	x := c.extension()
	if c.run != Running || x.next >= len(x.parked) {
		return // paused again, or crashed, before its turn
	}
	p := x.parked[x.next]
	x.parked[x.next] = parked{}
	x.next++
	if x.next == len(x.parked) {
		x.parked, x.next = x.parked[:0], 0
		c.flags &^= cellWaiting
	}
	switch p.in.op {
	case des.OpTimer:
		t := &x.timers[p.in.slot]
		if !t.parked || t.seq != p.seq {
			return // armed again since, or disarmed, by an event before it
		}
		t.parked = false
	case des.OpRecv:
		l.late(p.in.port, -1)
	}
	l.handle(ref, p.in)
}

func (l *Lane) dropParked(c *cell, x *cellExt) {
	for _, p := range x.parked[x.next:] {
		if p.in.frame != 0 {
			l.Frames.Release(p.in.frame)
		}
	}
	x.parked, x.next = nil, 0
	c.flags &^= cellWaiting
}

// end gives back what a cell has whose life is over.
func (l *Lane) end(c *cell) {
	if c.ext != nil {
		l.clearTimers(c.ext)
		l.dropParked(c, c.ext)
	}
}

func (h *Host) state(ref CellRef, what string) {
	c := &h.cells[ref]
	c.fold.Add2(uint64(des.OpState)<<56, uint64(h.sched.Now()))
	c.fold.Text(what)
	h.Record(des.Record{Op: des.OpState, Cell: string(h.Name(ref)), Text: what})
}

// Crash ends a cell's life: its timers are gone and what reaches it is
// dropped, until Restart. The state of a Durable is put aside for a restart
// that keeps it. Its stream connections are the network's to break.
func (h *Host) Crash(ref CellRef) error {
	c, l := &h.cells[ref], h.lane(ref)
	if c.run != Running && c.run != Paused {
		return fmt.Errorf("cell %q: cannot crash, it is %s", h.Name(ref), c.run)
	}
	x := c.extension()
	x.kept = nil
	if d, ok := c.protocol.(Durable); ok && !l.guard(ref, des.OpState, func() { x.kept = append([]byte{}, d.Save()...) }) {
		return l.sched.Err()
	}
	l.end(c)
	c.run = Crashed
	for _, p := range h.PortsOf(ref) {
		switch q := l.Port(p); {
		case q.flags&portTrunk != 0:
		case q.static() && q.State == PortUp:
			q.State = PortUnbound
		case !q.static():
			y := l.ext(q)
			q.State, y.over, y.queued = PortDown, true, 0
		}
	}
	h.state(ref, "crash")
	return nil
}

// Restart begins a new life: a fresh protocol, with the state of the crashed
// one if kept; Start, then Up for each port that has a link.
func (h *Host) Restart(ref CellRef, kept bool) error {
	p, err := h.revived(ref, kept)
	if err != nil {
		return err
	}
	c, l := &h.cells[ref], h.lane(ref)
	x := c.extension()
	c.protocol, x.kept = p, nil
	x.incarnation++
	x.rands = nil
	c.run = Running
	c.flags &^= cellBegan
	if kept {
		h.state(ref, "restart-kept")
	} else {
		h.state(ref, "restart")
	}
	l.post(ref, des.OpStart, 0, 0)
	for _, p := range h.PortsOf(ref) {
		if q := l.Port(p); q.static() && q.flags&portTrunk == 0 && q.State == PortUnbound && q.Peer != 0 {
			l.postUp(p)
		}
	}
	return nil
}

// CanRestart says why a cell cannot be restarted, nil if it can.
func (h *Host) CanRestart(ref CellRef, kept bool) error {
	_, err := h.revived(ref, kept)
	return err
}

// CanKeep reports whether a cell's protocol can keep its state over a restart.
func (h *Host) CanKeep(ref CellRef) bool {
	_, ok := h.cells[ref].protocol.(Durable)
	return ok
}

// revived makes the protocol of a crashed cell's next life.
func (h *Host) revived(ref CellRef, kept bool) (Protocol, error) {
	c := &h.cells[ref]
	if c.run != Crashed {
		return nil, fmt.Errorf("cell %q: cannot restart, it is %s", h.Name(ref), c.run)
	}
	p, err := h.renew(ref)
	if err != nil {
		return nil, fmt.Errorf("cell %q: %w", h.Name(ref), err)
	}
	if !kept {
		return p, nil
	}
	d, ok := p.(Durable)
	if !ok || c.ext.kept == nil {
		return nil, fmt.Errorf("cell %q: protocol %q cannot keep its state", h.Name(ref), h.spec(ref).Protocol)
	}
	if err := d.Restore(slices.Clone(c.ext.kept)); err != nil {
		return nil, fmt.Errorf("cell %q: restore: %w", h.Name(ref), err)
	}
	return p, nil
}

func (h *Host) renew(ref CellRef) (Protocol, error) {
	if h.cells[ref].block == 0 {
		return h.cells[ref].ext.renew()
	}
	b := h.block(ref)
	return b.Make(int(ref - b.first))
}

// Pause stops a cell: what reaches it waits for Resume.
func (h *Host) Pause(ref CellRef) error {
	c := &h.cells[ref]
	if c.run != Running {
		return fmt.Errorf("cell %q: cannot pause, it is %s", h.Name(ref), c.run)
	}
	c.run = Paused
	h.state(ref, "pause")
	return nil
}

// Resume lets a paused cell go on: what waited runs now, in the order of its
// keys.
func (h *Host) Resume(ref CellRef) error {
	c := &h.cells[ref]
	if c.run != Paused {
		return fmt.Errorf("cell %q: cannot resume, it is %s", h.Name(ref), c.run)
	}
	c.run = Running
	h.state(ref, "resume")
	x := c.extension()
	if x.next < len(x.parked) {
		c.flags |= cellWaiting
	}
	for range x.parked[x.next:] {
		h.lane(ref).post(ref, des.OpPark, 0, 0)
	}
	return nil
}

// SetDrift changes how fast a cell's clock runs, from now on. Armed timers
// keep their deadlines by that clock.
func (h *Host) SetDrift(ref CellRef, d clock.Drift) error {
	x := h.clock(ref)
	if err := x.clock.SetDrift(h.sched.Now(), d); err != nil {
		return fmt.Errorf("cell %q: %w", h.Name(ref), err)
	}
	h.state(ref, fmt.Sprintf("drift %d ppb", int64(d)))
	h.lane(ref).rearm(ref, x)
	return nil
}

// StepClock moves a cell's wall clock.
func (h *Host) StepClock(ref CellRef, d time.Duration) {
	h.clock(ref).clock.Step(d)
	h.state(ref, "step "+d.String())
}

// OffsetClock puts a cell's wall clock at a distance from its own time.
func (h *Host) OffsetClock(ref CellRef, d time.Duration) {
	h.clock(ref).clock.SetOffset(d)
	h.state(ref, "offset "+d.String())
}

// clock is what keeps a cell's clock, which is not true time from now on.
func (h *Host) clock(ref CellRef) *cellExt {
	h.cells[ref].flags |= cellClock
	return h.cells[ref].extension()
}
