package cells

import (
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// timer is one of a cell's timers: a slot that stays with its id.
type timer struct {
	id       TimerID
	ref      des.TimerRef
	armed    bool       // in the queue
	parked   bool       // fired while its cell was paused, and waits
	seq      uint64     // of the last Arm: what tells a parked firing that it is stale
	deadline clock.Time // by the cell's own clock
}

// mapAbove is how many timers a cell has before they are found by map.
const mapAbove = 16

// slot finds the slot of a timer, making one on first use.
func (h *Host) slot(c *cell, id TimerID) int {
	if c.slots != nil {
		if i, ok := c.slots[id]; ok {
			return i
		}
	} else {
		for i := range c.timers {
			if c.timers[i].id == id {
				return i
			}
		}
	}
	c.timers = append(c.timers, timer{id: id, ref: h.sched.NewTimer()})
	i := len(c.timers) - 1
	switch {
	case c.slots != nil:
		c.slots[id] = i
	case len(c.timers) > mapAbove:
		c.slots = make(map[TimerID]int, 2*mapAbove)
		for j := range c.timers {
			c.slots[c.timers[j].id] = j
		}
	}
	return i
}

// arm schedules a timer for the least true time at which the cell's own clock
// has reached the deadline. Arming takes a new sequence each time.
func (h *Host) arm(ref CellRef, id TimerID, deadline clock.Time) {
	c := &h.cells[ref]
	i := h.slot(c, id)
	t := &c.timers[i]
	due := c.clock.Due(h.sched.Now(), deadline)
	if due == clock.Never {
		h.disarm(c, id)
		return
	}
	seq := c.seq
	c.seq++
	t.armed, t.parked, t.seq, t.deadline = true, false, seq, deadline
	rank := uint16(0)
	if h.opt.Ties == des.TiesShuffled {
		rank = TieRank(c.tieKey, seq)
	}
	h.sched.Arm(t.ref, due, des.MakeEntity(des.Cell, uint32(ref)), rank, seq,
		ownArg(des.OpTimer, 0, c.incarnation, uint32(i)))
}

func (h *Host) disarm(c *cell, id TimerID) {
	i := h.slot(c, id)
	t := &c.timers[i]
	t.parked = false
	if t.armed {
		t.armed = false
		h.sched.Disarm(t.ref)
	}
}

// clearTimers disarms all timers of a cell and gives them back.
func (h *Host) clearTimers(c *cell) {
	for i := range c.timers {
		h.sched.FreeTimer(c.timers[i].ref)
	}
	c.timers, c.slots = nil, nil
}

// rearm moves all armed timers to where a changed clock puts them.
func (h *Host) rearm(ref CellRef) {
	c := &h.cells[ref]
	for i := range c.timers {
		if t := c.timers[i]; t.armed {
			h.arm(ref, t.id, t.deadline)
		}
	}
}

// TieRank is the rank of an occurrence where ties are shuffled: 16 bits of a
// hash under a key that follows from seed and name.
func TieRank(key, n uint64) uint16 {
	h := (key ^ n) * 0x9e3779b97f4a7c15
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return uint16(h >> 48)
}
