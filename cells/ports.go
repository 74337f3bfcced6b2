package cells

import (
	"slices"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// port is what the host keeps of one port, of any kind.
type port struct {
	cell     CellRef
	num      Port
	state    PortState
	static   bool
	stream   bool
	accepted bool
	trunk    bool // the end of a stream link: carries connections, is none
	over     bool // closed by its cell: no event follows
	told     bool // of its Down: hears no more
	shut     bool // its cell has called CloseWrite
	spilt    bool // more was sent than the bound holds: its Down is on the way
	high     bool // queued has been over half the bound since Drained
	listener Port
	mtu      int32
	bound    int64
	queued   int64 // stream bytes accepted and not yet credited
	name     string
	addr     string
	peer     string

	txFrames, txBytes, rxFrames, rxBytes uint64
	last                                 clock.Time
	drops                                *[ReasonsMax]uint64
	log                                  *eventLog
}

func (h *Host) newPort(c CellRef) PortRef {
	ref := PortRef(len(h.ports))
	h.ports = append(h.ports, port{cell: c, num: Port(len(h.cells[c].ports))})
	h.cells[c].ports = append(h.cells[c].ports, ref)
	return ref
}

// writable reports whether a stream takes bytes from its cell.
func (q *port) writable() bool {
	return q.stream && !q.trunk && !q.over && !q.shut && !q.spilt && (q.state == PortUp || q.state == PortEOF)
}

// lookup finds a port by the cell's own number.
func (h *Host) lookup(c *cell, p Port) (PortRef, bool) {
	if int64(p) >= int64(len(c.ports)) {
		return 0, false
	}
	return c.ports[p], true
}

// StaticPort finds a cell's declared port by its name.
func (h *Host) StaticPort(ref CellRef, name string) (PortRef, bool) {
	for _, p := range h.cells[ref].ports {
		if h.ports[p].static && h.ports[p].name == name {
			return p, true
		}
	}
	return 0, false
}

// AddStaticPort declares one more port of a cell, for a link that names it.
func (h *Host) AddStaticPort(ref CellRef, name string) PortRef {
	p := h.newPort(ref)
	h.ports[p].name, h.ports[p].static, h.ports[p].state = name, true, PortUnbound
	h.cells[ref].spec.Ports = append(slices.Clone(h.cells[ref].spec.Ports), name)
	return p
}

// Bind joins a static port to a link and schedules its Up. A trunk, the end of
// a stream link, has none.
func (h *Host) Bind(p PortRef, peer string, mtu int, trunk bool) {
	q := &h.ports[p]
	q.peer, q.mtu, q.trunk, q.stream, q.over = peer, int32(mtu), trunk, trunk, false
	if trunk {
		q.state = PortUp
		return
	}
	q.state = PortUnbound // up when its event runs
	h.postUp(p)
}

// SetMTU changes what a static port can carry from now on.
func (h *Host) SetMTU(p PortRef, mtu int) { h.ports[p].mtu = int32(mtu) }

// Unbind takes a static port off its link and schedules its Down, if the cell
// has seen it up.
func (h *Host) Unbind(p PortRef, err error) {
	q := &h.ports[p]
	heard := q.state == PortUp && !q.trunk
	q.state, q.trunk, q.stream, q.peer = PortDown, false, false, ""
	if heard {
		h.postDown(p, err)
	}
}

// Cell is the cell of a port and Number the cell's own number for it.
func (h *Host) Cell(p PortRef) CellRef { return h.ports[p].cell }

// Number is the cell's own number for a port.
func (h *Host) Number(p PortRef) Port { return h.ports[p].num }

// State is where a port is in its life.
func (h *Host) State(p PortRef) PortState { return h.ports[p].state }

// SetBound sets how many bytes a stream port may have queued.
func (h *Host) SetBound(p PortRef, bound int64) { h.ports[p].bound = bound }

// SetPeer names the other end of a stream port.
func (h *Host) SetPeer(p PortRef, peer string) { h.ports[p].peer = peer }

// Drop counts a frame of port p that did not arrive.
func (h *Host) Drop(p PortRef, r Reason) { h.DropN(p, r, 1) }

// DropN counts k such frames.
func (h *Host) DropN(p PortRef, r Reason, k uint64) {
	q := &h.ports[p]
	if q.drops == nil {
		q.drops = new([ReasonsMax]uint64)
	}
	q.drops[r] += k
}

// FoldIn takes a word into the fold of a port's cell: what became of what it
// sent.
func (h *Host) FoldIn(p PortRef, word uint64) { h.cells[h.ports[p].cell].fold.Add(word) }

// Over reports whether the cell has closed a stream port.
func (h *Host) Over(p PortRef) bool { return h.ports[p].over }

// Addr is the address a listener or a dial was given.
func (h *Host) Addr(p PortRef) string { return h.ports[p].addr }

// PortsOf lists the ports of a cell in the order of its numbers.
func (h *Host) PortsOf(ref CellRef) []PortRef { return h.cells[ref].ports }

// Uncount takes n bytes off what a stream port has queued: they went nowhere.
func (h *Host) Uncount(p PortRef, n int) { h.ports[p].queued -= int64(n) }

// Peer names the other end of a port.
func (h *Host) Peer(p PortRef) string { return h.ports[p].peer }

// Drops is how often a reason hit the frames of a port.
func (h *Host) Drops(p PortRef, r Reason) uint64 {
	if d := h.ports[p].drops; d != nil {
		return d[r]
	}
	return 0
}

func (h *Host) info(p PortRef) PortInfo {
	q := &h.ports[p]
	i := PortInfo{
		Name: q.name, Peer: q.peer, Addr: q.addr, Listener: q.listener, Accepted: q.accepted,
		Stream: q.stream, MTU: int(q.mtu), State: q.state,
	}
	if q.over || q.spilt {
		i.State = PortDown // by this very handler, perhaps
	}
	return i
}

// Counters are what a port has counted.
func (h *Host) Counters(p PortRef) PortCounters {
	q := &h.ports[p]
	c := PortCounters{
		TxFrames: q.txFrames, TxBytes: q.txBytes, RxFrames: q.rxFrames, RxBytes: q.rxBytes, Last: q.last,
	}
	if q.drops != nil {
		for r, n := range q.drops {
			if n > 0 {
				c.Drops = append(c.Drops, ReasonCount{Reason(r).String(), n})
			}
		}
		slices.SortFunc(c.Drops, func(a, b ReasonCount) int { return compareStrings(a.Reason, b.Reason) })
	}
	return c
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Status is a cell's part of a snapshot.
func (h *Host) Status(ref CellRef) CellStatus {
	c := &h.cells[ref]
	s := CellStatus{
		ID: c.id, Protocol: c.spec.Protocol, Incarnation: c.incarnation, Run: c.run, Fold: uint64(c.fold),
	}
	if c.protocol != nil {
		s.State = h.AppendState(ref, nil)
	}
	for _, p := range c.ports {
		s.Ports = append(s.Ports, PortStatus{h.ports[p].num, h.info(p), h.Counters(p)})
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

// KeepLog keeps the last size events of a port from now on; 0 ends it.
func (h *Host) KeepLog(p PortRef, size int) {
	size = min(max(size, 0), EventLogMax)
	if size == 0 {
		h.ports[p].log = nil
		return
	}
	h.ports[p].log = &eventLog{ring: make([]PortEvent, size)}
}

// EventLog gives a port's last events, oldest first; none unless they are
// kept.
func (h *Host) EventLog(p PortRef) []PortEvent {
	l := h.ports[p].log
	if l == nil {
		return nil
	}
	k := uint64(len(l.ring))
	if l.n <= k {
		return slices.Clone(l.ring[:l.n])
	}
	at := l.n % k
	return append(slices.Clone(l.ring[at:]), l.ring[:at]...)
}

func (h *Host) log(q *port, op des.Op, n int, note string) {
	l := q.log
	l.ring[l.n%uint64(len(l.ring))] = PortEvent{h.sched.Now(), op.String(), n, note}
	l.n++
}
