package cells

import (
	"cmp"
	"slices"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

func (l *Lane) info(p PortRef, q *PortRecord) PortInfo {
	x := l.rare(q)
	i := PortInfo{
		Addr: x.addr, Listener: x.listener, Accepted: x.accepted,
		Stream: q.stream(), State: q.State,
	}
	if q.static() {
		i.Name = l.h.portName(p)
		if q.bound() {
			if x.peer == "" {
				x = l.ext(q)
				x.peer = l.h.net.PeerName(p)
			}
			i.Peer, i.MTU = x.peer, l.h.net.MTU(p)
		}
	} else {
		i.Peer = x.peer
	}
	if x.over || x.spilt {
		i.State = PortDown // by this very handler, perhaps
	}
	return i
}

// Counters are what one of a cell's ports has counted.
func (h *Host) Counters(ref CellRef, p PortRef) PortCounters {
	var c PortCounters
	var drops [ReasonsMax]uint64
	l := h.lane(ref)
	for at := p; ; {
		q := l.Port(at)
		x := l.rare(q)
		c.TxFrames += q.TxFrames + x.unsent
		c.TxBytes += q.TxBytes + x.unsentB
		c.RxFrames += uint64(q.rxFrames) + x.frames<<32
		c.RxBytes += uint64(q.rxBytes) + x.bytes<<32
		c.Last = max(c.Last, q.LastTx, q.lastRx)
		add(&drops, x.drops)
		if q.static() && q.Peer != 0 && q.Peer != Outside {
			add(&drops, h.Missed(q.Peer))
		}
		if b := x.before; b != nil {
			c.TxFrames += b.TxFrames
			c.TxBytes += b.TxBytes
			c.RxFrames += b.RxFrames
			c.RxBytes += b.RxBytes
			c.Last = max(c.Last, b.Last)
			for _, d := range b.Drops {
				if r, ok := ReasonNamed(d.Reason); ok {
					drops[r] += d.Count
				}
			}
		}
		if x.earlier == 0 {
			break
		}
		at = x.earlier
	}
	for r, n := range drops {
		if n > 0 {
			c.Drops = append(c.Drops, ReasonCount{Reason(r).String(), n})
		}
	}
	slices.SortFunc(c.Drops, func(a, b ReasonCount) int { return cmp.Compare(a.Reason, b.Reason) })
	return c
}

func add(to, more *[ReasonsMax]uint64) {
	if more != nil {
		for r, n := range more {
			to[r] += n
		}
	}
}

// Drops is how often a reason hit the frames that a static port has sent.
func (h *Host) Drops(p PortRef, r Reason) (n uint64) {
	q := &h.ports[p]
	if d := h.lane(q.cell).rare(q).drops; d != nil {
		n = d[r]
	}
	return n
}

// Status is a cell's part of a snapshot.
func (h *Host) Status(ref CellRef) CellStatus {
	c, l := &h.cells[ref], h.lane(ref)
	s := CellStatus{
		ID: h.Name(ref), Protocol: h.spec(ref).Protocol, Incarnation: c.incarnation(), Run: c.run, Fold: uint64(c.fold),
	}
	if c.protocol != nil {
		s.State = h.AppendState(ref, nil)
	}
	for i, p := range h.PortsOf(ref) {
		s.Ports = append(s.Ports, PortStatus{Port(i), l.info(p, l.Port(p)), h.Counters(ref, p)})
	}
	return s
}

// PortEvent is one entry of a port's event log.
type PortEvent struct {
	Time  clock.Time `json:"t_ns"`
	Op    string     `json:"kind"`
	Bytes int        `json:"bytes"`
	Note  string     `json:"note,omitempty"`
}

// eventLog is a ring of a port's last events.
type eventLog struct {
	ring []PortEvent
	n    uint64
}

// EventLogMax bounds the size of a port's event log.
const EventLogMax = 1 << 16

// KeepLog keeps the last size events of a cell's port from now on; 0 ends it.
func (h *Host) KeepLog(ref CellRef, p PortRef, size int) {
	l := h.lane(ref)
	q := l.Port(p)
	size = min(max(size, 0), EventLogMax)
	q.set(portLogged, size > 0)
	x := l.ext(q)
	x.log = nil
	if size > 0 {
		x.log = &eventLog{ring: make([]PortEvent, size)}
	}
}

// EventLog gives a cell's port's last events, oldest first; none unless they
// are kept.
func (h *Host) EventLog(ref CellRef, p PortRef) []PortEvent {
	l := h.lane(ref)
	log := l.rare(l.Port(p)).log
	if log == nil {
		return nil
	}
	k := uint64(len(log.ring))
	if log.n <= k {
		return slices.Clone(log.ring[:log.n])
	}
	at := log.n % k
	return append(slices.Clone(log.ring[at:]), log.ring[:at]...)
}

func (l *Lane) log(q *PortRecord, op des.Op, n int, note string) {
	log := l.rare(q).log
	log.ring[log.n%uint64(len(log.ring))] = PortEvent{l.sched.Now(), op.String(), n, note}
	log.n++
}
