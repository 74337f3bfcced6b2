package cells

import (
	"errors"
	"fmt"

	"example.com/dsim/clock"
)

var errTooManyPorts = errors.New("cells: more listeners, dials and accepts than there are numbers")

// PortRef is a host's number for a port of any of its cells: below
// dynamicPorts for static ports, which belong to the site, and above for
// listeners, dials and accepts, which belong to a lane.
type PortRef uint32

// dynamicPorts is the first number of ports that come while the site runs.
const dynamicPorts PortRef = 1 << 31

// PortRecord is what host and network keep of one port: 56 bytes, in which the
// port is the sender's half of the direction that leads away from it and the
// receiver's half of the one that leads to it. It is written by the lane of its
// cell alone; Peer, Params and Alert change between events only, so that the
// other end may read them.
type PortRecord struct {
	TxFrames uint64     // given to the link; also the number of its next frame
	TxBytes  uint64     //
	LastTx   clock.Time //
	lastRx   clock.Time
	cell     CellRef
	Peer     PortRef // the other end of its link; 0 is none
	Ext      uint32  // of what few ports need; 0 is none
	rxFrames uint32  // the low half; see portExt
	rxBytes  uint32
	Params   uint16 // the network's number for the direction's parameters
	State    PortState
	flags    portFlags
}

type portFlags uint8

const (
	portStatic portFlags = 1 << iota
	portStream
	portTrunk  // the end of a stream link: carries connections, is none
	portLogged // an event log is kept
	portRemote // the other end of its link is in another lane
	portAlert  // the network has to look twice at what arrives from it
	portApart  // it does not lie with its cell's others: its number is in its extension
)

// Alert reports whether the network has asked to look twice at the direction
// that leads away from the port.
func (q *PortRecord) Alert() bool { return q.flags&portAlert != 0 }

// SetAlert asks for that.
func (q *PortRecord) SetAlert(on bool) { q.set(portAlert, on) }

// Odd reports whether the direction that leads away from the port asks for more
// than its parameters say: see Alert and Remote.
func (q *PortRecord) Odd() bool { return q.flags&(portAlert|portRemote) != 0 }

// Remote reports whether the other end of the port's link is in another lane.
func (q *PortRecord) Remote() bool { return q.flags&portRemote != 0 }

// Cell is whose port it is.
func (q *PortRecord) Cell() CellRef { return q.cell }

func (q *PortRecord) set(f portFlags, on bool) {
	q.flags &^= f
	if on {
		q.flags |= f
	}
}

func (q *PortRecord) stream() bool { return q.flags&portStream != 0 }
func (q *PortRecord) static() bool { return q.flags&portStatic != 0 }

// portExt is the rest of a port: streams have it, and static ports once
// something rare happens to them.
type portExt struct {
	num     Port   // with portApart
	name    string // of a static port that came after its cell
	peer    string // the other end's name, once somebody has asked
	bytes   uint64 // received: what the record's counter has no room for
	frames  uint64
	unsent  uint64 // given to no link, since there was none or it was closed
	unsentB uint64
	late    uint64 // delivered, and waiting with a paused cell or lost with it
	drops   *[ReasonsMax]uint64
	missed  *[ReasonsMax]uint64 // that arrived on it, and its cell could not take
	log     *eventLog
	earlier PortRef       // what the port was while it had another link
	before  *PortCounters // of a port that was thawed: what it had counted on other links

	// Streams.
	accepted bool
	over     bool // closed by its cell: no event follows
	told     bool // of its Down: hears no more
	shut     bool // its cell has called CloseWrite
	spilt    bool // more was sent than the bound holds: its Down is on the way
	high     bool // queued has been over half the bound since Drained
	listener Port
	bound    int64
	queued   int64 // stream bytes accepted and not yet credited
	addr     string
}

// writable reports whether a stream takes bytes from its cell.
func (q *PortRecord) writable(x *portExt) bool {
	return q.flags&(portStream|portTrunk) == portStream && !x.over && !x.shut && !x.spilt &&
		(q.State == PortUp || q.State == PortEOF)
}

// Port is the record of a port of any of the lane's cells, or of any static
// port.
func (l *Lane) Port(p PortRef) *PortRecord {
	if p >= dynamicPorts {
		return &l.dynamic[p&^dynamicPorts]
	}
	return &l.h.ports[p]
}

// ext is a port's extension, made on first use.
func (l *Lane) ext(q *PortRecord) *portExt {
	if q.Ext == 0 {
		l.Extend(q)
	}
	return l.exts[q.Ext]
}

// Extend makes the extension of a port of one of the lane's cells, whose number
// the network may use as its own.
func (l *Lane) Extend(q *PortRecord) uint32 {
	if q.Ext == 0 {
		q.Ext = uint32(len(l.exts))
		l.exts = append(l.exts, new(portExt))
	}
	return q.Ext
}

// rare is a port's extension, nil if it has none.
func (l *Lane) rare(q *PortRecord) *portExt { return l.exts[q.Ext] }

// newStatic declares one more static port of a cell.
func (h *Host) newStatic(ref CellRef) PortRef {
	c := &h.cells[ref]
	p := PortRef(len(h.ports))
	if p >= Outside {
		panic("cells: more ports than there are numbers")
	}
	h.ports = append(h.ports, PortRecord{cell: ref, State: PortUnbound, flags: portStatic})
	if (c.ext == nil || c.ext.refs == nil) && p == c.first+PortRef(c.ports) {
		c.ports++
		return p
	}
	x := c.apart()
	q := &h.ports[p]
	q.flags |= portApart
	h.lane(ref).ext(q).num = Port(len(x.refs))
	x.refs = append(x.refs, p)
	return p
}

// newDynamic gives a cell a port that it opens while it runs.
func (l *Lane) newDynamic(ref CellRef) (PortRef, *PortRecord, *portExt) {
	c := &l.h.cells[ref]
	if len(l.dynamic) >= 1<<30 {
		l.sched.Fail(errTooManyPorts)
	}
	p := dynamicPorts | PortRef(len(l.dynamic))
	l.dynamic = append(l.dynamic, PortRecord{cell: ref, flags: portStream | portApart})
	q := &l.dynamic[len(l.dynamic)-1]
	x := l.ext(q)
	all := c.apart()
	x.num = Port(len(all.refs))
	all.refs = append(all.refs, p)
	return p, q, x
}

// number is a cell's own number for one of its ports.
func (l *Lane) number(c *cell, p PortRef, q *PortRecord) Port {
	if q.flags&portApart != 0 {
		return l.rare(q).num
	}
	return Port(p - c.first)
}

// Number is a cell's own number for one of its ports.
func (l *Lane) Number(p PortRef) Port {
	q := l.Port(p)
	return l.number(&l.h.cells[q.cell], p, q)
}

// lookup finds a port by the cell's own number.
func (l *Lane) lookup(c *cell, p Port) (PortRef, *PortRecord, bool) {
	if !c.has(p) {
		return 0, nil, false
	}
	ref := c.ref(p)
	return ref, l.Port(ref), true
}

// StaticPort finds a cell's declared port by its name.
func (h *Host) StaticPort(ref CellRef, name string) (PortRef, bool) {
	c, l := &h.cells[ref], h.lane(ref)
	for i := range c.len() {
		p := c.ref(Port(i))
		if q := l.Port(p); q.static() && h.portName(p) == name {
			return p, true
		}
	}
	return 0, false
}

// portName is the name of a static port, empty for others.
func (h *Host) portName(p PortRef) string {
	if p >= dynamicPorts {
		return ""
	}
	q := &h.ports[p]
	l := h.lane(q.cell)
	if x := l.rare(q); x.name != "" {
		return x.name
	}
	return h.spec(q.cell).Ports[l.number(&h.cells[q.cell], p, q)]
}

// Unqualified is the name of a static port among its cell's.
func (h *Host) Unqualified(p PortRef) string { return h.portName(p) }

// PortName is "cell:port", the name of a static port among all.
func (h *Host) PortName(p PortRef) string {
	return Endpoint{Cell: h.Name(h.ports[p].cell), Port: h.portName(p)}.String()
}

// AddStaticPort declares one more port of a cell, for a link that names it.
func (h *Host) AddStaticPort(ref CellRef, name string) PortRef {
	p := h.newStatic(ref)
	h.lane(ref).ext(&h.ports[p]).name = name
	return p
}

// Bind joins a static port to a link, with the port at the other end, and
// schedules its Up. A trunk, the end of a stream link, has none. It gives the
// number of the port from now on: a port that had a link before begins anew, so
// that the frames it has sent are counted for each link, and what is still on
// its way keeps the number it was sent under.
func (h *Host) Bind(p PortRef, trunk bool) PortRef {
	q := &h.ports[p]
	ref := q.cell
	if q.Peer != 0 || q.TxFrames > 0 || q.State == PortDown {
		p, q = h.begin(p)
	}
	q.set(portTrunk, trunk)
	q.set(portStream, trunk)
	if trunk {
		q.State = PortUp
		h.lane(ref).ext(q)
		return p
	}
	q.State = PortUnbound // up when its event runs
	h.lane(ref).postUp(p)
	return p
}

// Outside is the peer of a port that is joined to something that is no port of
// the host: a socket, or a test.
const Outside = dynamicPorts - 1

// BindOut joins a static port to something outside the host; see Bind.
func (h *Host) BindOut(p PortRef) PortRef {
	p = h.Bind(p, false)
	h.ports[p].Peer = Outside
	return p
}

// Join tells the two ends of a link of each other.
func (h *Host) Join(a, b PortRef) {
	h.ports[a].Peer, h.ports[b].Peer = b, a
	h.remote(a)
	h.remote(b)
}

func (h *Host) remote(p PortRef) {
	q := &h.ports[p]
	q.set(portRemote, h.cells[q.cell].lane != h.cells[h.ports[q.Peer].cell].lane)
}

// begin gives a static port a record of its own for its next link.
func (h *Host) begin(p PortRef) (PortRef, *PortRecord) {
	ref := h.ports[p].cell
	c, l := &h.cells[ref], h.lane(ref)
	x := c.apart()
	fresh := PortRef(len(h.ports))
	h.ports = append(h.ports, PortRecord{cell: ref, State: PortUnbound, flags: portStatic | portApart})
	old, q := &h.ports[p], &h.ports[fresh]
	y := l.ext(q)
	y.num, y.name, y.earlier = l.number(c, p, old), h.portName(p), p
	if was := l.rare(old); was.log != nil {
		y.log, was.log = was.log, nil
		q.flags |= portLogged
		old.flags &^= portLogged
	}
	x.refs[y.num] = fresh
	return fresh, q
}

// Unbind takes a static port off its link and schedules its Down, if the cell
// has seen it up.
func (h *Host) Unbind(p PortRef, err error) {
	q := &h.ports[p]
	heard := q.State == PortUp && q.flags&portTrunk == 0
	q.State = PortDown
	q.flags &^= portTrunk | portStream
	if heard {
		h.lane(q.cell).postDown(p, err)
	}
}

// Port is the record of a static port.
func (h *Host) Port(p PortRef) *PortRecord { return &h.ports[p] }

// Cell is the cell of a static port.
func (h *Host) Cell(p PortRef) CellRef { return h.ports[p].cell }

// Number is the cell's own number for a static port.
func (h *Host) Number(p PortRef) Port {
	q := &h.ports[p]
	return h.lane(q.cell).number(&h.cells[q.cell], p, q)
}

// Ports is how many static ports there are, 0 for none among them.
func (h *Host) Ports() int { return len(h.ports) }

// PortsOf lists the ports of a cell in the order of its numbers.
func (h *Host) PortsOf(ref CellRef) []PortRef {
	c := &h.cells[ref]
	if c.ext != nil && c.ext.refs != nil {
		return c.ext.refs
	}
	list := make([]PortRef, c.ports)
	for i := range list {
		list[i] = c.first + PortRef(i)
	}
	return list
}

// bound reports whether a static port has a link.
func (q *PortRecord) bound() bool { return q.Peer != 0 && q.State != PortDown }

// DropN counts k frames that a static port has sent and that did not arrive.
func (h *Host) DropN(p PortRef, r Reason, k uint64) {
	h.lane(h.ports[p].cell).DropN(&h.ports[p], r, k)
}

// Drop counts a frame that one of the lane's ports has sent and that did not
// arrive.
func (l *Lane) Drop(q *PortRecord, r Reason) { l.DropN(q, r, 1) }

// DropN counts k such frames.
func (l *Lane) DropN(q *PortRecord, r Reason, k uint64) { count(&l.ext(q).drops, r, k) }

// Miss counts a frame that arrived at one of the lane's ports and that its cell
// could not take.
func (l *Lane) Miss(q *PortRecord, r Reason) { count(&l.ext(q).missed, r, 1) }

func count(c **[ReasonsMax]uint64, r Reason, k uint64) {
	if *c == nil {
		*c = new([ReasonsMax]uint64)
	}
	(*c)[r] += k
}

// Missed is how often frames that arrived at a static port could not be taken,
// by reason; nil if never.
func (h *Host) Missed(p PortRef) *[ReasonsMax]uint64 {
	q := &h.ports[p]
	return h.lane(q.cell).rare(q).missed
}

// Arrived is how many frames a static port has taken in.
func (h *Host) Arrived(p PortRef) uint64 {
	q := &h.ports[p]
	x := h.lane(q.cell).rare(q)
	return uint64(q.rxFrames) + x.frames<<32 + x.late
}

// FoldIn takes a word into the fold of a port's cell: what became of what it
// sent.
func (l *Lane) FoldIn(q *PortRecord, word uint64) { l.h.cells[q.cell].fold.Add(word) }

// BindNew joins a port that has never had a link to one, by the cell's own
// number for it, and schedules its Up; see Bind.
func (h *Host) BindNew(ref CellRef, num Port) (PortRef, error) {
	if int64(ref) >= int64(len(h.cells)) || !h.cells[ref].has(num) {
		return 0, fmt.Errorf("cell %d has no port %d", ref, num)
	}
	p := h.cells[ref].ref(num)
	if p >= dynamicPorts || h.ports[p].State != PortUnbound || h.ports[p].Peer != 0 {
		return 0, fmt.Errorf("port %s has a link already", h.PortName(p))
	}
	return h.Bind(p, false), nil
}
