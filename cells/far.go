package cells

import "example.com/dsim/des"

// Far is a cell that stands for all that is not of this site: the far ends of
// links that lead outside are its ports. It has no protocol and no name, shows
// in no snapshot and no digest, and nothing ever happens to it. It is made on
// first use.
func (h *Host) Far() CellRef {
	if h.far == 0 {
		h.far = CellRef(len(h.cells)) + 1
		h.cells = append(h.cells, cell{run: Removed, first: PortRef(len(h.ports)), ext: new(cellExt)})
	}
	return h.far - 1
}

// IsFar reports whether a cell stands for the outside.
func (h *Host) IsFar(ref CellRef) bool { return h.far != 0 && ref == h.far-1 }

// Passed counts a frame that a far end has taken in: it has left the site.
func (l *Lane) Passed(q *PortRecord, size int) { l.arrived(q, size, l.sched.Now()) }

// Outstanding is how many bytes of a stream port are accepted and not credited.
func (l *Lane) Outstanding(p PortRef) uint64 {
	return uint64(max(l.rare(l.Port(p)).queued, 0))
}

// FoldState takes into f what a cell is now, beside what its own fold says it
// has been: its life, what its protocol shows and saves, its timers, its ports
// and what they have counted.
func (h *Host) FoldState(ref CellRef, f *des.Fold) {
	c, l := &h.cells[ref], h.lane(ref)
	f.Add2(uint64(c.run)<<32|uint64(c.incarnation()), c.seq)
	if c.protocol != nil {
		h.foldProtocol(ref, f)
	}
	if x := c.ext; x != nil {
		f.Add2(uint64(len(x.timers)), uint64(len(x.parked)-x.next))
		for i := range x.timers {
			if t := &x.timers[i]; t.armed || t.parked {
				f.Add2(uint64(t.id), t.seq)
				f.Add(uint64(t.deadline))
			}
		}
		for i := range x.rands {
			f.Text(x.rands[i].purpose)
			f.Add(x.rands[i].rand.Drawn())
		}
	}
	for _, p := range h.PortsOf(ref) {
		q := l.Port(p)
		n := h.Counters(ref, p)
		f.Add2(uint64(q.State)<<32|uint64(l.number(c, p, q)), uint64(l.rare(q).queued))
		f.Add2(n.TxFrames, n.TxBytes)
		f.Add2(n.RxFrames, n.RxBytes)
		f.Add(uint64(n.Last))
		for _, d := range n.Drops {
			f.Text(d.Reason)
			f.Add(d.Count)
		}
	}
}

func (h *Host) foldProtocol(ref CellRef, f *des.Fold) {
	for _, a := range h.AppendState(ref, nil) {
		f.Text(a.Name)
		f.Add2(uint64(a.Is), uint64(a.Int))
		f.Text(a.Text)
	}
	if d, ok := h.cells[ref].protocol.(Durable); ok {
		h.lane(ref).guard(ref, des.OpState, func() { f.Text(string(d.Save())) })
	}
}
