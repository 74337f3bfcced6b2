package links

import (
	"io"
	"math/bits"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// A connection is a small transport over a stream link: it is opened by SYN
// and ACK, carries data and credits, is half-closed by FIN and broken by RST.
//
//	dialler                         acceptor
//	Dial        SYN ->              listener? Accept, Up : RST refused
//	Up          <- ACK
//	Send        DATA ->             Recv, any chunks
//	Queued falls <- CREDIT          once a quarter of the bound was handled
//	CloseWrite  FIN ->              Down(io.EOF)
//	Close       FIN, and forgets    what still comes is answered by RST
//	overflow    RST ->              Down(ErrReset)
//
// The link below never loses or reorders a segment unless it is cut: a
// connection over a cut link is held up (hold, drain), or broken (lost).

type segmentKind uint8

const (
	segSYN segmentKind = iota
	segACK
	segData
	segCredit
	segFIN
	segRST
)

// segment is one message between the two ends of a connection.
type segment struct {
	kind    segmentKind
	forward bool // from the dialling end
	code    uint8
	id      connID
	frame   cells.Frame // data
	n       uint64      // credit: bytes; SYN, ACK: the bound of the end that sends it
	addr    string      // SYN
}

// connID names a connection: the cell that dialled, and its how-manieth dial
// that was.
type connID struct {
	dialler cells.CellRef
	n       uint32
}

type endKey struct {
	id      connID
	forward bool // the dialling end
}

type listenKey struct {
	cell cells.CellRef
	addr string
}

// end is one end of a connection.
type end struct {
	key        endKey
	port       cells.PortRef
	dir        uint32 // it sends on
	open       bool
	finSent    bool
	finPending bool       // FIN has come behind data that waits to be joined
	answered   clock.Time // the acceptor's: when its slow ACK arrives; nothing it sends is earlier
	broken     uint8      // with finPending: the code of an RST that has come behind FIN
	peerBound  uint64     // how many bytes the other end may have queued
	uncredited uint64     // handled, and the other end not told
	joined     []byte     // arrived, waiting for what it is joined with
	joinedAs   uint64     // the number of the segment that brought it
	index      int        // in Network.ends
}

// The codes of Wake.
const (
	wakeConnect = iota + 1 // the dial has waited long enough
	wakeJoined             // joined data has waited long enough
	wakeEOF                // the end of the stream, behind data
	wakeBroken             // the break of the connection, behind the end of the stream
)

// joinWait is how long a chunk waits for the next to be joined with.
const joinWait = 100 * time.Microsecond

// Listen opens a listener, or tells its cell that the address is in use.
func (n *Network) Listen(p cells.PortRef, addr string) {
	k := listenKey{n.host.Cell(p), addr}
	if _, ok := n.listeners[k]; ok {
		n.host.PostDown(p, cells.ErrInUse)
		return
	}
	n.listeners[k] = p
}

// Dial asks for a connection to "cell:address" over a stream link between the
// two cells.
func (n *Network) Dial(p cells.PortRef, addr string) {
	cell := n.host.Cell(p)
	target, service, ok := strings.Cut(addr, ":")
	dir, found := n.streamTo(cell, cells.ID(target))
	if !ok || !found {
		n.host.PostDown(p, cells.ErrUnreachable)
		return
	}
	id := connID{cell, n.dials[cell]}
	n.dials[cell]++
	d := &n.dirs[dir]
	n.host.SetBound(p, d.params.Bound)
	n.host.SetPeer(p, addr)
	n.addEnd(&end{key: endKey{id, true}, port: p, dir: dir})
	n.host.PostLater(p, n.sched.Now().Add(d.params.ConnectTimeout), wakeConnect)
	n.transmit(dir, segment{kind: segSYN, forward: true, id: id, addr: service, n: uint64(d.params.Bound)}, 0)
}

// streamTo finds the oldest stream link from a cell to another, and the
// direction there.
func (n *Network) streamTo(from cells.CellRef, to cells.ID) (uint32, bool) {
	target, ok := n.host.Find(to)
	if !ok {
		return 0, false
	}
	key := [2]cells.CellRef{from, target}
	list := n.trunks[key]
	for len(list) > 0 {
		if l := &n.links[n.dirs[list[0]].link]; !l.gone && !l.drains {
			n.trunks[key] = list
			return list[0], true
		}
		list = list[1:]
	}
	delete(n.trunks, key)
	return 0, false
}

func (n *Network) addEnd(e *end) {
	if len(n.ends) >= 64 && 2*len(n.byPort) < len(n.ends) {
		live := n.ends[:0]
		for _, x := range n.ends {
			if x != nil {
				x.index = len(live)
				live = append(live, x)
			}
		}
		clear(n.ends[len(live):])
		n.ends = live
	}
	e.index = len(n.ends)
	n.ends = append(n.ends, e)
	n.byPort[e.port] = e
	n.byConn[e.key] = e
}

func (n *Network) removeEnd(e *end) {
	delete(n.byPort, e.port)
	delete(n.byConn, e.key)
	n.ends[e.index] = nil
}

// Write cuts what a cell has sent on a stream into segments.
func (n *Network) Write(p cells.PortRef, f cells.Frame) {
	defer n.host.Frames.Release(f)
	e := n.byPort[p]
	if e == nil || e.finSent || !e.open {
		n.host.Drop(p, cells.ReasonClosed)
		n.host.Uncount(p, len(n.host.Frames.Bytes(f)))
		return
	}
	data := n.host.Frames.Bytes(f)
	d := &n.dirs[e.dir]
	n.host.Sent(p, d.name, d.frames, data)
	for len(data) > 0 {
		k := n.cut(d, len(data))
		part := n.host.Frames.Copy(data[:k])
		data = data[k:]
		n.transmit(e.dir, segment{kind: segData, forward: e.key.forward, id: e.key.id, frame: part}, k)
		if n.byPort[p] != e {
			return // a segment broke the connection
		}
		d = &n.dirs[e.dir]
	}
}

// cut draws the size of the next segment: often small, sometimes all there is.
func (n *Network) cut(d *direction, left int) int {
	most := min(left, d.params.Segment)
	if d.params.Recut == RecutNone {
		return most
	}
	word := d.chance.stream.At(d.frames, 0)
	switch word & 7 {
	case 0:
		return 1
	case 1, 2:
		return most
	}
	k, _ := bits.Mul64(word&^7, uint64(most))
	return int(k) + 1
}

// transmit sends one segment on a direction.
func (n *Network) transmit(dir uint32, s segment, size int) {
	d := &n.dirs[dir]
	num := d.frames
	d.frames++
	d.counts.Sent++
	if d.watched {
		n.sched.Touch()
	}
	v := n.judgeSegment(d, num, s.kind)
	if !v.Plain() {
		n.chosen(d, num, &v)
		d.counts.Resets++
	}
	if v.Reset {
		n.freeFrame(s)
		e := n.byConn[endKey{s.id, s.forward}]
		n.removeEnd(e)
		n.host.PostDown(e.port, cells.ErrReset)
		n.reset(dir, s.id, s.forward, cells.ErrReset)
		return
	}
	if v.Refuse {
		s.code = cells.DownCode(cells.ErrRefused)
	}
	at, r, ok := n.pass(d, size)
	held := !ok && d.params.Cut == CutDrain // a stream loses nothing in its middle
	if !ok && !held {
		n.drop(d, num, r)
		n.freeFrame(s)
		return
	}
	due := n.due(d, num, max(at, n.sched.Now()), 0)
	if e := n.byConn[endKey{s.id, s.forward}]; e != nil {
		if s.kind == segACK && d.params.ConnectDelay != nil {
			wait := d.params.ConnectDelay.Sample(d.chance.stream.At(num, 2))
			e.answered = due.Add(time.Duration(max(wait, 0)))
		}
		due = max(due, e.answered) // others on the link do not wait for it
	}
	item := n.keep(s)
	if held {
		n.hold(d, heldFrame{n: num, item: item, late: due - n.sched.Now()})
		return
	}
	n.fly(d, num, 0, item, due)
}

func (n *Network) judgeSegment(d *direction, num uint64, k segmentKind) Verdict {
	if k != segSYN && k != segData {
		return Verdict{}
	}
	if n.opt.Serve != nil {
		v, _ := n.opt.Serve(d.name, num)
		return Verdict{Refuse: v.Refuse && k == segSYN, Reset: v.Reset && k == segData}
	}
	p := &d.params
	return Verdict{
		Refuse: k == segSYN && p.Refuse.Num != 0 && p.Refuse.Hit(d.chance.stream.At(num, 3)),
		Reset:  k == segData && p.Reset.Num != 0 && p.Reset.Hit(d.chance.stream.At(num, 4)),
	}
}

func (n *Network) keep(s segment) uint32 {
	if k := len(n.freeSegs); k > 0 {
		i := n.freeSegs[k-1]
		n.freeSegs = n.freeSegs[:k-1]
		n.segments[i] = s
		return i
	}
	n.segments = append(n.segments, s)
	return uint32(len(n.segments) - 1)
}

func (n *Network) freeSegment(i uint32) {
	n.freeFrame(n.segments[i])
	n.segments[i] = segment{}
	n.freeSegs = append(n.freeSegs, i)
}

func (n *Network) freeFrame(s segment) {
	if s.frame != 0 {
		n.host.Frames.Release(s.frame)
	}
}

// arrive handles a segment at the far end of its direction.
func (n *Network) arrive(d *direction, num uint64, item uint32) {
	s := n.segments[item]
	n.segments[item].frame = 0
	n.freeSegment(item)
	d.counts.Delivered++
	back := n.backOf(d)
	if n.host.Tracing() {
		n.host.Record(des.Record{Op: des.OpTransit, Link: d.name, A: int64(num), Text: segmentNames[s.kind]})
	}
	if s.kind == segSYN {
		n.syn(d, back, s)
		return
	}
	e := n.byConn[endKey{s.id, !s.forward}]
	if e == nil {
		n.freeFrame(s)
		if s.kind != segRST {
			n.reset(back, s.id, !s.forward, cells.ErrReset)
		}
		return
	}
	switch s.kind {
	case segACK:
		e.open, e.peerBound = true, s.n
		n.host.Up(e.port)
	case segData:
		n.data(e, d, num, s.frame)
	case segCredit:
		n.host.Credit(e.port, s.n)
	case segFIN:
		n.fin(e, d, num)
	case segRST:
		if e.finPending { // the peer's end is told first: it came first
			e.broken = s.code
			n.host.PostLater(e.port, n.sched.Now(), wakeBroken)
			return
		}
		n.removeEnd(e)
		n.host.Down(e.port, cells.DownOf(s.code))
	}
}

var segmentNames = [...]string{"syn", "ack", "data", "credit", "fin", "rst"}

// backOf is the direction opposite to d.
func (n *Network) backOf(d *direction) uint32 {
	l := &n.links[d.link]
	if &n.dirs[l.dir[0]] == d {
		return l.dir[1]
	}
	return l.dir[0]
}

// syn accepts a connection, or refuses it.
func (n *Network) syn(d *direction, back uint32, s segment) {
	cell := n.host.Cell(d.to)
	listener, ok := n.listeners[listenKey{cell, s.addr}]
	run := n.host.Run(cell)
	if !ok || s.code != 0 || run == cells.Crashed || run == cells.Removed || n.host.Over(listener) {
		n.reset(back, s.id, false, cells.ErrRefused)
		return
	}
	peer := string(n.host.Name(s.id.dialler))
	bound := n.dirs[back].params.Bound
	p := n.host.Accept(listener, peer, bound)
	n.addEnd(&end{key: endKey{s.id, false}, port: p, dir: back, open: true, peerBound: s.n})
	n.transmit(back, segment{kind: segACK, id: s.id, n: uint64(bound)}, 0)
	n.host.Up(p)
}

// reset tells the other end that its connection is broken.
func (n *Network) reset(dir uint32, id connID, forward bool, why cells.DownError) {
	n.transmit(dir, segment{kind: segRST, forward: forward, id: id, code: cells.DownCode(why)}, 0)
}

// data hands a chunk to its cell, now or joined with the next.
func (n *Network) data(e *end, d *direction, num uint64, f cells.Frame) {
	if d.params.Recut == RecutFull && len(e.joined) == 0 && d.chance.stream.At(num, 1)&3 == 0 {
		e.joined = append(e.joined, n.host.Frames.Bytes(f)...)
		e.joinedAs = num
		n.host.Frames.Release(f)
		n.host.PostLater(e.port, n.sched.Now().Add(joinWait), wakeJoined)
		return
	}
	if len(e.joined) > 0 {
		e.joined = append(e.joined, n.host.Frames.Bytes(f)...)
		n.host.Frames.Release(f)
		f = n.host.Frames.Copy(e.joined)
		e.joined = e.joined[:0]
	}
	n.hand(e, d, num, f)
}

func (n *Network) hand(e *end, d *direction, num uint64, f cells.Frame) {
	if r, ok := n.host.Deliver(e.port, f, d.name, num, 0); !ok {
		n.host.Drop(d.from, r)
	}
}

// fin tells a cell that its peer sends no more, behind all data.
func (n *Network) fin(e *end, d *direction, num uint64) {
	if len(e.joined) > 0 {
		e.finPending = true
		f := n.host.Frames.Copy(e.joined)
		e.joined = nil
		n.host.PostLater(e.port, n.sched.Now(), wakeEOF)
		n.hand(e, d, num, f)
		return
	}
	n.host.Down(e.port, io.EOF)
}

// Wake does what was put off for a port.
func (n *Network) Wake(p cells.PortRef, code uint8) {
	e := n.byPort[p]
	if e == nil {
		return
	}
	switch code {
	case wakeConnect:
		if !e.open {
			n.removeEnd(e)
			n.reset(e.dir, e.key.id, true, cells.ErrReset)
			n.host.Down(p, cells.ErrTimeout)
		}
	case wakeJoined:
		if len(e.joined) > 0 {
			f := n.host.Frames.Copy(e.joined)
			e.joined = e.joined[:0]
			in := n.backOf(&n.dirs[e.dir])
			n.hand(e, &n.dirs[in], e.joinedAs, f)
		}
	case wakeEOF:
		if e.finPending {
			e.finPending = false
			n.host.Down(p, io.EOF)
		}
	case wakeBroken:
		n.removeEnd(e)
		n.host.Down(p, cells.DownOf(e.broken))
	}
}

// Consumed counts what a cell has handled of a stream, and credits it to the
// sender once a quarter of the bound has come together.
func (n *Network) Consumed(p cells.PortRef, k int) {
	e := n.byPort[p]
	if e == nil {
		return
	}
	e.uncredited += uint64(k)
	if e.uncredited*4 < e.peerBound {
		return
	}
	credit := e.uncredited
	e.uncredited = 0
	n.transmit(e.dir, segment{kind: segCredit, forward: e.key.forward, id: e.key.id, n: credit}, 0)
}

// CloseWrite half-closes a stream.
func (n *Network) CloseWrite(p cells.PortRef) {
	if e := n.byPort[p]; e != nil && e.open && !e.finSent {
		e.finSent = true
		n.transmit(e.dir, segment{kind: segFIN, forward: e.key.forward, id: e.key.id}, 0)
	}
}

// Close half-closes a stream and forgets this end of it, or closes a listener.
func (n *Network) Close(p cells.PortRef) {
	e := n.byPort[p]
	if e == nil {
		k := listenKey{n.host.Cell(p), n.host.Addr(p)}
		if q, ok := n.listeners[k]; ok && q == p {
			delete(n.listeners, k)
		}
		return
	}
	n.CloseWrite(p)
	if e := n.byPort[p]; e != nil {
		n.removeEnd(e)
	}
}

// Overflow breaks a stream whose cell has sent more than its bound holds.
func (n *Network) Overflow(p cells.PortRef) {
	if e := n.byPort[p]; e != nil {
		n.removeEnd(e)
		n.reset(e.dir, e.key.id, e.key.forward, cells.ErrReset)
	}
}

// breakAll ends every connection of a link at both ends.
func (n *Network) breakAll(link uint32, why cells.DownError) {
	for _, e := range append([]*end(nil), n.ends...) {
		if e != nil && n.dirs[e.dir].link == link {
			n.removeEnd(e)
			n.host.PostDown(e.port, why)
		}
	}
}

// crashed breaks the connections of a cell that is gone: its peers hear of it
// after the link's delay.
func (n *Network) crashed(cell cells.CellRef) {
	for _, e := range append([]*end(nil), n.ends...) {
		if e != nil && n.host.Cell(e.port) == cell {
			n.removeEnd(e)
			n.reset(e.dir, e.key.id, e.key.forward, cells.ErrReset)
		}
	}
	for _, p := range n.host.PortsOf(cell) {
		k := listenKey{cell, n.host.Addr(p)}
		if q, ok := n.listeners[k]; ok && q == p {
			delete(n.listeners, k)
		}
	}
}
