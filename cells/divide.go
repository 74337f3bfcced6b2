package cells

import "example.com/dsim/des"

// Divide gives each cell of a host to the lane that lanes names, by the cell's
// number: lane i runs on the i-th scheduler, and the host's own keeps the
// timeline. Nothing may have happened yet. Moved is called for every port whose
// extension has moved, with what its number was.
//
// Sink gives what takes the records of a lane, nil for none; publish what takes
// its emissions.
func (h *Host) Divide(lanes []uint8, on []*des.Scheduler, sink func(int) des.Sink, publish func(int, des.Key, Emission),
	moved func(p PortRef, was uint32),
) {
	first := h.lanes[0]
	for i := range on {
		l := newLane(h, uint8(i), on[i])
		l.sink = sink(i)
		l.publish = func(k des.Key, e Emission) { publish(i, k, e) }
		if i == 0 {
			h.lanes = h.lanes[:0:0]
		}
		h.lanes = append(h.lanes, l)
	}
	for _, l := range h.lanes {
		l.carrier = h.net.Join(l)
	}
	for ref := range h.cells {
		h.cells[ref].lane = lanes[ref]
	}
	for p := PortRef(1); int(p) < len(h.ports); p++ {
		q := &h.ports[p]
		if was := q.Ext; was != 0 {
			l := h.lane(q.cell)
			q.Ext = uint32(len(l.exts))
			l.exts = append(l.exts, first.exts[was])
			moved(p, was)
		}
		if q.Peer != 0 && q.Peer != Outside {
			h.remote(p)
		}
	}
	h.sched.Divide(func(e des.Event) *des.Scheduler {
		switch e.Entity().Class() {
		case des.Cell:
			return on[lanes[e.Entity().Index()]]
		case des.Direction:
			return on[lanes[h.ports[h.ports[e.Entity().Index()].Peer].cell]]
		}
		return nil
	})
}

// Lanes is how many lanes the host has, and Lane the i-th.
func (h *Host) Lanes() int { return len(h.lanes) }

// Lane is one of the host's lanes.
func (h *Host) Lane(i int) *Lane { return h.lanes[i] }

// LaneOf is the number of a cell's lane.
func (h *Host) LaneOf(ref CellRef) int { return int(h.cells[ref].lane) }
