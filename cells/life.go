package cells

import (
	"fmt"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// parked is an event that reached a paused cell.
type parked struct {
	in       input
	deadline clock.Time
}

// ParkedMax bounds the events that wait for a paused cell. Frames beyond it
// are dropped; what streams may hold is bounded by themselves.
const ParkedMax = 1 << 16

// park keeps an event for a paused cell. While a resumed cell still works off
// what was kept, later events queue up behind.
func (h *Host) park(ref CellRef, in input) {
	c := &h.cells[ref]
	if in.op == des.OpRecv && !h.ports[in.port].stream && len(c.parked)-c.next >= ParkedMax {
		h.Record(des.Record{Op: des.OpMiss, Cell: string(c.id), Link: in.link, Port: uint32(h.ports[in.port].num),
			A: int64(in.n), B: int64(in.copy), Text: ReasonHeld.String(), Data: h.Frames.Bytes(in.frame)})
		h.Frames.Release(in.frame)
		return
	}
	p := parked{in: in}
	if in.op == des.OpTimer {
		p.deadline = c.timers[in.slot].deadline
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
		// Armed again since, or disarmed, by an event before it: it is stale.
		t := &c.timers[p.in.slot]
		if t.armed || t.deadline != p.deadline {
			return
		}
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
	if d, ok := c.protocol.(Durable); ok {
		c.kept = append([]byte{}, d.Save()...)
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
	c := &h.cells[ref]
	if err := h.CanRestart(ref, kept); err != nil {
		return err
	}
	p, err := c.renew()
	if err != nil {
		return fmt.Errorf("cell %q: %w", c.id, err)
	}
	if kept {
		if err := p.(Durable).Restore(c.kept); err != nil {
			return fmt.Errorf("cell %q: restore: %w", c.id, err)
		}
	}
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
	c := &h.cells[ref]
	if c.run != Crashed {
		return fmt.Errorf("cell %q: cannot restart, it is %s", c.id, c.run)
	}
	if _, ok := c.protocol.(Durable); kept && !ok {
		return fmt.Errorf("cell %q: protocol %q cannot keep its state", c.id, c.spec.Protocol)
	}
	return nil
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
