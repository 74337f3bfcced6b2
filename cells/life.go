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
func (h *Host) park(ref CellRef, in input) {
	c := &h.cells[ref]
	p := parked{in: in}
	if in.op == des.OpTimer {
		t := &c.timers[in.slot]
		t.parked = true
		p.seq = t.seq
	}
	c.parked = append(c.parked, p)
	h.Record(des.Record{Op: des.OpPark, Cell: string(c.id), A: int64(in.op)})
	if c.run == Running {
		h.post(ref, des.OpPark, 0, 0)
	}
}

// unpark runs the oldest parked event. One of its own events stands in the
// queue for each.
func (h *Host) unpark(ref CellRef) {
	c := &h.cells[ref]
	if c.run != Running || c.next >= len(c.parked) {
		return // paused again, or crashed, before its turn
	}
	p := c.parked[c.next]
	c.parked[c.next] = parked{}
	c.next++
	if c.next == len(c.parked) {
		c.parked, c.next = c.parked[:0], 0
	}
	if p.in.op == des.OpTimer {
		t := &c.timers[p.in.slot]
		if !t.parked || t.seq != p.seq {
			return // armed again since, or disarmed, by an event before it
		}
		t.parked = false
	}
	h.handle(ref, p.in)
}

func (h *Host) dropParked(c *cell) {
	for _, p := range c.parked[c.next:] {
		if p.in.frame != 0 {
			h.Frames.Release(p.in.frame)
		}
	}
	c.parked, c.next = nil, 0
}

func (h *Host) state(ref CellRef, what string) {
	c := &h.cells[ref]
	c.fold.Add(uint64(des.OpState) << 56)
	c.fold.Add(uint64(h.sched.Now()))
	c.fold.Text(what)
	h.Record(des.Record{Op: des.OpState, Cell: string(c.id), Text: what})
}

// Crash ends a cell's life: its timers are gone and what reaches it is
// dropped, until Restart. The state of a Durable is put aside for a restart
// that keeps it. Its stream connections are the network's to break.
func (h *Host) Crash(ref CellRef) error {
	c := &h.cells[ref]
	if c.run != Running && c.run != Paused {
		return fmt.Errorf("cell %q: cannot crash, it is %s", c.id, c.run)
	}
	c.kept = nil
	if d, ok := c.protocol.(Durable); ok && !h.guard(c, des.OpState, func() { c.kept = append([]byte{}, d.Save()...) }) {
		return h.sched.Err()
	}
	h.clearTimers(c)
	h.dropParked(c)
	c.run = Crashed
	for _, p := range c.ports {
		switch q := &h.ports[p]; {
		case q.trunk:
		case q.static && q.state == PortUp:
			q.state = PortUnbound
		case !q.static:
			q.state, q.over, q.queued = PortDown, true, 0
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
	c := &h.cells[ref]
	c.protocol, c.kept = p, nil
	c.incarnation++
	c.rands = nil
	c.run, c.began = Running, false
	if kept {
		h.state(ref, "restart-kept")
	} else {
		h.state(ref, "restart")
	}
	h.post(ref, des.OpStart, 0, 0)
	for _, p := range c.ports {
		if q := &h.ports[p]; q.static && !q.trunk && q.state == PortUnbound && q.peer != "" {
			h.postUp(p)
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
		return nil, fmt.Errorf("cell %q: cannot restart, it is %s", c.id, c.run)
	}
	p, err := c.renew()
	if err != nil {
		return nil, fmt.Errorf("cell %q: %w", c.id, err)
	}
	if !kept {
		return p, nil
	}
	d, ok := p.(Durable)
	if !ok || c.kept == nil {
		return nil, fmt.Errorf("cell %q: protocol %q cannot keep its state", c.id, c.spec.Protocol)
	}
	if err := d.Restore(slices.Clone(c.kept)); err != nil {
		return nil, fmt.Errorf("cell %q: restore: %w", c.id, err)
	}
	return p, nil
}

// Pause stops a cell: what reaches it waits for Resume.
func (h *Host) Pause(ref CellRef) error {
	c := &h.cells[ref]
	if c.run != Running {
		return fmt.Errorf("cell %q: cannot pause, it is %s", c.id, c.run)
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
		return fmt.Errorf("cell %q: cannot resume, it is %s", c.id, c.run)
	}
	c.run = Running
	h.state(ref, "resume")
	for range c.parked[c.next:] {
		h.post(ref, des.OpPark, 0, 0)
	}
	return nil
}

// SetDrift changes how fast a cell's clock runs, from now on. Armed timers
// keep their deadlines by that clock.
func (h *Host) SetDrift(ref CellRef, d clock.Drift) error {
	c := &h.cells[ref]
	if err := c.clock.SetDrift(h.sched.Now(), d); err != nil {
		return fmt.Errorf("cell %q: %w", c.id, err)
	}
	h.state(ref, fmt.Sprintf("drift %d ppb", int64(d)))
	h.rearm(ref)
	return nil
}

// StepClock moves a cell's wall clock.
func (h *Host) StepClock(ref CellRef, d time.Duration) {
	h.cells[ref].clock.Step(d)
	h.state(ref, "step "+d.String())
}

// OffsetClock puts a cell's wall clock at a distance from its own time.
func (h *Host) OffsetClock(ref CellRef, d time.Duration) {
	h.cells[ref].clock.SetOffset(d)
	h.state(ref, "offset "+d.String())
}
