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

// connections are those of one lane's cells.
type connections struct {
	ends      []*end // in the order of their making; nil once gone
	byPort    map[cells.PortRef]*end
	byConn    map[endKey]*end
	listeners map[listenKey]cells.PortRef
	dials     map[cells.CellRef]uint32
	segments  []segment
	freeSegs  []uint32
}

func newConnections() connections {
	return connections{
		byPort: make(map[cells.PortRef]*end), byConn: make(map[endKey]*end),
		listeners: make(map[listenKey]cells.PortRef), dials: make(map[cells.CellRef]uint32),
	}
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
	dir        cells.PortRef // it sends on
	open       bool
	finSent    bool
	finPending bool       // FIN has come behind data that waits to be joined
	answered   clock.Time // the acceptor's: when its slow ACK arrives; nothing it sends is earlier
	broken     uint8      // with finPending: the code of an RST that has come behind FIN
	peerBound  uint64     // how many bytes the other end may have queued
	arrived    uint64     // bytes, of an end whose other end is outside
	credited   uint64     // of them, told to the other end
	uncredited uint64     // handled, and the other end not told
	joined     []byte     // arrived, waiting for what it is joined with
	joinedAs   uint64     // the number of the segment that brought it
	index      int        // in connections.ends
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
func (l *lane) Listen(p cells.PortRef, addr string) {
	k := listenKey{l.on.Port(p).Cell(), addr}
	if _, ok := l.listeners[k]; ok {
		l.on.PostDown(p, cells.ErrInUse)
		return
	}
	l.listeners[k] = p
}

// Dial asks for a connection to "cell:address" over a stream link between the
// two cells.
func (l *lane) Dial(p cells.PortRef, addr string) {
	cell := l.on.Port(p).Cell()
	target, service, ok := strings.Cut(addr, ":")
	dir, found := l.n.streamTo(cell, cells.ID(target))
	if !ok || !found {
		l.on.PostDown(p, cells.ErrUnreachable)
		return
	}
	id := connID{cell, l.dials[cell]}
	l.dials[cell]++
	params := &l.n.plan(dir).params
	l.on.SetBound(p, params.Bound)
	l.on.SetPeer(p, addr)
	l.addEnd(&end{key: endKey{id, true}, port: p, dir: dir})
	l.on.PostLater(p, l.sched.Now().Add(params.ConnectTimeout), wakeConnect)
	l.transmit(dir, segment{kind: segSYN, forward: true, id: id, addr: service, n: uint64(params.Bound)}, 0)
}

// streamTo finds the oldest stream link from a cell to another, and the
// direction there.
func (n *Network) streamTo(from cells.CellRef, to cells.ID) (cells.PortRef, bool) {
	target, ok := n.host.Find(to)
	if !ok {
		return n.streamOut(from, to)
	}
	for _, i := range n.trunks[pair(from, target)] {
		if l := &n.links[i]; !l.drains && !l.left {
			for _, p := range l.port {
				if n.host.Cell(p) == from && n.host.Cell(n.host.Port(p).Peer) == target {
					return p, true
				}
			}
		}
	}
	return 0, false
}

// pair is two cells in the order of their numbers.
func pair(a, b cells.CellRef) [2]cells.CellRef { return [2]cells.CellRef{min(a, b), max(a, b)} }

func (l *lane) addEnd(e *end) {
	if len(l.ends) >= 64 && 2*len(l.byPort) < len(l.ends) {
		live := l.ends[:0]
		for _, x := range l.ends {
			if x != nil {
				x.index = len(live)
				live = append(live, x)
			}
		}
		clear(l.ends[len(live):])
		l.ends = live
	}
	e.index = len(l.ends)
	l.ends = append(l.ends, e)
	l.byPort[e.port] = e
	l.byConn[e.key] = e
}

func (l *lane) removeEnd(e *end) {
	delete(l.byPort, e.port)
	delete(l.byConn, e.key)
	l.ends[e.index] = nil
}

// Write cuts what a cell has sent on a stream into segments.
func (l *lane) Write(p cells.PortRef, f cells.Frame) {
	defer l.on.Frames.Release(f)
	e := l.byPort[p]
	if e == nil || e.finSent || !e.open {
		l.on.Drop(l.on.Port(p), cells.ReasonClosed)
		l.on.Uncount(p, len(l.on.Frames.Bytes(f)))
		return
	}
	data := l.on.Frames.Bytes(f)
	x := l.ext(l.host.Port(e.dir))
	if l.trace {
		name, _ := l.n.name(e.dir)
		l.on.Sent(p, name, x.segments, data)
	}
	for len(data) > 0 {
		k := l.cut(e.dir, x, len(data))
		part := l.on.Frames.Copy(data[:k])
		data = data[k:]
		l.transmit(e.dir, segment{kind: segData, forward: e.key.forward, id: e.key.id, frame: part}, k)
		if l.byPort[p] != e {
			return // a segment broke the connection
		}
	}
}

// cut draws the size of the next segment: often small, sometimes all there is.
func (l *lane) cut(dir cells.PortRef, x *ext, left int) int {
	p := &l.n.plan(dir).params
	most := min(left, p.Segment)
	if p.Recut == RecutNone {
		return most
	}
	word := l.chance(dir, x).stream.At(x.segments, 0)
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
func (l *lane) transmit(dir cells.PortRef, s segment, size int) {
	q := l.host.Port(dir)
	x := l.ext(q)
	plan := l.n.plan(dir)
	num := x.segments
	x.segments++
	if x.watched {
		l.sched.Touch()
	}
	v := l.judgeSegment(dir, x, plan, num, s.kind)
	if !v.Plain() {
		l.chosen(dir, q, num, &v)
		x.counts.Resets++
	}
	if v.Reset {
		x.vanished++
		l.freeFrame(s)
		e := l.byConn[endKey{s.id, s.forward}]
		l.removeEnd(e)
		l.on.PostDown(e.port, cells.ErrReset)
		l.reset(dir, s.id, s.forward, cells.ErrReset)
		return
	}
	if v.Refuse {
		s.code = cells.DownCode(cells.ErrRefused)
	}
	at, r, ok := l.pass(q, x, plan, size, &unbounded)
	held := !ok && plan.params.Cut == CutDrain // a stream loses nothing in its middle
	if !ok && !held {
		l.drop(dir, q, num, r)
		l.freeFrame(s)
		return
	}
	due := l.due(dir, x, plan, num, max(at, l.sched.Now()), 0)
	if e := l.byConn[endKey{s.id, s.forward}]; e != nil {
		if s.kind == segACK && plan.params.ConnectDelay != nil {
			wait := plan.params.ConnectDelay.Sample(l.chance(dir, x).stream.At(num, 2))
			e.answered = due.Add(time.Duration(max(wait, 0)))
		}
		due = max(due, e.answered) // others on the link do not wait for it
	}
	item := l.keep(s)
	if held {
		l.hold(dir, q, x, plan, heldFrame{n: num, item: item, late: due - l.sched.Now()})
		return
	}
	l.fly(dir, q, x, plan, num, 0, item, due)
}

func (l *lane) judgeSegment(dir cells.PortRef, x *ext, plan *plan, num uint64, k segmentKind) Verdict {
	if k != segSYN && k != segData {
		return Verdict{}
	}
	if l.n.opt.Serve != nil {
		name, _ := l.n.name(dir)
		v, _ := l.n.opt.Serve(name, num)
		return Verdict{Refuse: v.Refuse && k == segSYN, Reset: v.Reset && k == segData}
	}
	p := &plan.params
	return Verdict{
		Refuse: k == segSYN && p.Refuse.Num != 0 && p.Refuse.Hit(l.chance(dir, x).stream.At(num, 3)),
		Reset:  k == segData && p.Reset.Num != 0 && p.Reset.Hit(l.chance(dir, x).stream.At(num, 4)),
	}
}

func (l *lane) keep(s segment) uint32 {
	if k := len(l.freeSegs); k > 0 {
		i := l.freeSegs[k-1]
		l.freeSegs = l.freeSegs[:k-1]
		l.segments[i] = s
		return i
	}
	l.segments = append(l.segments, s)
	return uint32(len(l.segments) - 1)
}

func (l *lane) freeSegment(i uint32) {
	l.freeFrame(l.segments[i])
	l.segments[i] = segment{}
	l.freeSegs = append(l.freeSegs, i)
}

func (l *lane) freeFrame(s segment) {
	if s.frame != 0 {
		l.on.Frames.Release(s.frame)
	}
}

// arrive handles a segment at the far end of its direction, whose answer goes
// back from the port it has reached.
func (l *lane) arrive(from, back cells.PortRef, y *ext, num uint64, item uint32) {
	s := l.segments[item]
	l.segments[item].frame = 0
	l.freeSegment(item)
	y.segmentsIn++
	if l.trace {
		l.on.Record(des.Record{Op: des.OpTransit, Link: l.nameIn(back, l.host.Port(back)), A: int64(num), Text: segmentNames[s.kind]})
	}
	if s.kind == segSYN {
		l.syn(back, s)
		return
	}
	e := l.byConn[endKey{s.id, !s.forward}]
	if e == nil || e.dir != back {
		l.freeFrame(s)
		if s.kind != segRST {
			l.reset(back, s.id, !s.forward, cells.ErrReset)
		}
		return
	}
	switch s.kind {
	case segACK:
		e.open, e.peerBound = true, s.n
		l.on.Up(e.port)
	case segData:
		l.data(e, from, num, s.frame)
	case segCredit:
		l.on.Credit(e.port, s.n)
	case segFIN:
		l.fin(e, num)
	case segRST:
		if e.finPending { // the peer's end is told first: it came first
			e.broken = s.code
			l.on.PostLater(e.port, l.sched.Now(), wakeBroken)
			return
		}
		l.removeEnd(e)
		l.on.Down(e.port, cells.DownOf(s.code))
	}
}

var segmentNames = [...]string{"syn", "ack", "data", "credit", "fin", "rst"}

// syn accepts a connection, or refuses it.
func (l *lane) syn(back cells.PortRef, s segment) {
	cell := l.host.Cell(back)
	listener, ok := l.listeners[listenKey{cell, s.addr}]
	run := l.host.Run(cell)
	if !ok || s.code != 0 || run == cells.Crashed || run == cells.Removed || l.on.Over(listener) {
		l.reset(back, s.id, false, cells.ErrRefused)
		return
	}
	peer := l.diallerName(back, s.id.dialler)
	bound := l.n.plan(back).params.Bound
	p := l.on.Accept(listener, peer, bound)
	l.addEnd(&end{key: endKey{s.id, false}, port: p, dir: back, open: true, peerBound: s.n})
	l.transmit(back, segment{kind: segACK, id: s.id, n: uint64(bound)}, 0)
	l.on.Up(p)
}

// reset tells the other end that its connection is broken.
func (l *lane) reset(dir cells.PortRef, id connID, forward bool, why cells.DownError) {
	l.transmit(dir, segment{kind: segRST, forward: forward, id: id, code: cells.DownCode(why)}, 0)
}

// data hands a chunk to its cell, now or joined with the next.
func (l *lane) data(e *end, from cells.PortRef, num uint64, f cells.Frame) {
	if l.n.plan(from).params.Recut == RecutFull && len(e.joined) == 0 && l.joining(e.dir).At(num, 1)&3 == 0 {
		e.joined = append(e.joined, l.on.Frames.Bytes(f)...)
		e.joinedAs = num
		l.on.Frames.Release(f)
		l.on.PostLater(e.port, l.sched.Now().Add(joinWait), wakeJoined)
		return
	}
	if len(e.joined) > 0 {
		e.joined = append(e.joined, l.on.Frames.Bytes(f)...)
		l.on.Frames.Release(f)
		f = l.on.Frames.Copy(e.joined)
		e.joined = e.joined[:0]
	}
	l.hand(e, num, f)
}

// joining is the stream of chance of the direction that leads to a port, as its
// sender draws from it. What is joined is decided where it arrives.
func (l *lane) joining(to cells.PortRef) *des.Rand {
	q := l.host.Port(to)
	y := l.ext(q)
	if y.joins == nil {
		r := l.host.Seed().Rand("link "+l.nameIn(to, q), l.n.links[y.link-1].life, "stream")
		y.joins = &r
	}
	return y.joins
}

func (l *lane) hand(e *end, num uint64, f cells.Frame) {
	name, in := "", l.host.Port(e.dir)
	if l.trace {
		name = l.nameIn(e.dir, in)
	}
	if r, ok := l.on.Deliver(e.port, l.on.Port(e.port), f, name, num, 0); !ok {
		l.on.Miss(in, r)
		l.ext(in).unhanded++
	}
}

// fin tells a cell that its peer sends no more, behind all data.
func (l *lane) fin(e *end, num uint64) {
	if len(e.joined) > 0 {
		e.finPending = true
		f := l.on.Frames.Copy(e.joined)
		e.joined = nil
		l.on.PostLater(e.port, l.sched.Now(), wakeEOF)
		l.hand(e, num, f)
		return
	}
	l.on.Down(e.port, io.EOF)
}

// Wake does what was put off for a port.
func (l *lane) Wake(p cells.PortRef, code uint8) {
	e := l.byPort[p]
	if e == nil {
		return
	}
	switch code {
	case wakeConnect:
		if !e.open {
			l.removeEnd(e)
			l.reset(e.dir, e.key.id, true, cells.ErrReset)
			l.on.Down(p, cells.ErrTimeout)
		}
	case wakeJoined:
		if len(e.joined) > 0 {
			f := l.on.Frames.Copy(e.joined)
			e.joined = e.joined[:0]
			l.hand(e, e.joinedAs, f)
		}
	case wakeEOF:
		if e.finPending {
			e.finPending = false
			l.on.Down(p, io.EOF)
		}
	case wakeBroken:
		l.removeEnd(e)
		l.on.Down(p, cells.DownOf(e.broken))
	}
}

// Consumed counts what a cell has handled of a stream, and credits it to the
// sender once a quarter of the bound has come together.
func (l *lane) Consumed(p cells.PortRef, k int) {
	e := l.byPort[p]
	if e == nil {
		return
	}
	e.uncredited += uint64(k)
	if e.uncredited*4 < e.peerBound {
		return
	}
	credit := e.uncredited
	e.uncredited = 0
	e.credited += credit
	l.transmit(e.dir, segment{kind: segCredit, forward: e.key.forward, id: e.key.id, n: credit}, 0)
}

// CloseWrite half-closes a stream.
func (l *lane) CloseWrite(p cells.PortRef) {
	if e := l.byPort[p]; e != nil && e.open && !e.finSent {
		e.finSent = true
		l.transmit(e.dir, segment{kind: segFIN, forward: e.key.forward, id: e.key.id}, 0)
	}
}

// Close half-closes a stream and forgets this end of it, or closes a listener.
func (l *lane) Close(p cells.PortRef) {
	e := l.byPort[p]
	if e == nil {
		k := listenKey{l.on.Port(p).Cell(), l.on.Addr(p)}
		if q, ok := l.listeners[k]; ok && q == p {
			delete(l.listeners, k)
		}
		return
	}
	l.CloseWrite(p)
	if e := l.byPort[p]; e != nil {
		l.removeEnd(e)
	}
}

// Overflow breaks a stream whose cell has sent more than its bound holds.
func (l *lane) Overflow(p cells.PortRef) {
	if e := l.byPort[p]; e != nil {
		l.removeEnd(e)
		l.reset(e.dir, e.key.id, e.key.forward, cells.ErrReset)
	}
}

// breakAll ends every connection of a link at both ends.
func (n *Network) breakAll(ends *link, why cells.DownError) {
	for _, p := range ends.port {
		n.of(p).breakAll(p, why)
	}
}

// breakAll ends every connection that sends on a port of the lane.
func (l *lane) breakAll(dir cells.PortRef, why cells.DownError) {
	for _, e := range append([]*end(nil), l.ends...) {
		if e != nil && e.dir == dir {
			l.removeEnd(e)
			l.on.PostDown(e.port, why)
		}
	}
}

// crashed breaks the connections of a cell that is gone: its peers hear of it
// after the link's delay.
func (l *lane) crashed(cell cells.CellRef) {
	for _, e := range append([]*end(nil), l.ends...) {
		if e != nil && l.on.Port(e.port).Cell() == cell {
			l.removeEnd(e)
			l.reset(e.dir, e.key.id, e.key.forward, cells.ErrReset)
		}
	}
	for _, p := range l.host.PortsOf(cell) {
		k := listenKey{cell, l.on.Addr(p)}
		if q, ok := l.listeners[k]; ok && q == p {
			delete(l.listeners, k)
		}
	}
}
