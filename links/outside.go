package links

import (
	"errors"
	"fmt"

	"example.com/dsim/cells"
)

// A link that leads outside has one end at a cell of the host and the other
// somewhere else: in another process, or on another machine. Its sending half is
// here, with all that the link does to what is sent; what it lets through is
// given to Options.Out when it is due. What arrives from outside is given to
// [Network.Arrive]: it has met the other side's half already.
//
// On a stream link what goes out and comes in are the segments of its
// connections, so that streams behave alike wherever their ends are.

// far finds which end of a link leads outside, as its number plus 1: 0 if both
// are here, or neither is.
func (p *planner) far(ends [2]cells.Endpoint) uint8 {
	if p.n.opt.Out == nil || p.hasCell(ends[0].Cell) == p.hasCell(ends[1].Cell) {
		return 0
	}
	if p.hasCell(ends[0].Cell) {
		return 2
	}
	return 1
}

// place is the cell whose port an end is, and the port's name there.
func (n *Network) place(e cells.Endpoint, far bool) (cells.CellRef, string) {
	if far {
		return n.host.Far(), e.String()
	}
	ref, _ := n.host.Find(e.Cell)
	return ref, e.Port
}

// ErrNoLink says that nothing can arrive on a link: there is none of the name,
// or it does not lead outside.
var ErrNoLink = errors.New("no link of that name leads outside")

// findOut finds a link that leads outside.
func (n *Network) findOut(name string) (*link, error) {
	i, ok := n.byName[name]
	if !ok || n.links[i].far == 0 {
		return nil, fmt.Errorf("link %q: %w", name, ErrNoLink)
	}
	return &n.links[i], nil
}

// Arrive takes what has arrived from outside on a link, inside the current
// event. What is no segment on a stream link is an error, and so is a link that
// is not there: both are the outside's fault, and harm nothing.
func (n *Network) Arrive(name string, b []byte) error {
	l, err := n.findOut(name)
	if err != nil {
		return err
	}
	from := l.port[l.far-1]
	s := n.host.Port(from)
	on := n.of(s.Peer)
	q := n.host.Port(s.Peer)
	if on.rare(q).watched {
		n.sched.Touch()
	}
	if l.spec.Stream {
		return on.arriveOut(l, from, b)
	}
	num := s.TxFrames
	s.TxFrames++
	s.TxBytes += uint64(len(b))
	f := on.on.Frames.Copy(b)
	if on.on.Arrive(s.Peer, q, f) {
		return nil
	}
	if r, ok := on.on.Deliver(s.Peer, q, f, l.names[l.far-1], num, 0); !ok {
		on.on.Miss(q, r)
	}
	return nil
}

// Break breaks all connections of a stream link that leads outside, inside the
// current event: what carried it has lost what was on the way.
func (n *Network) Break(name string) error {
	l, err := n.findOut(name)
	if err != nil {
		return err
	}
	if l.spec.Stream {
		n.breakAll(l, cells.ErrReset)
	}
	return nil
}

// leave hands what has reached a far end to the outside.
func (l *lane) leave(link *link, q *cells.PortRecord, y *ext, item uint32) {
	if !link.spec.Stream {
		f := cells.Frame(item)
		b := l.on.Frames.Bytes(f)
		l.on.Passed(q, len(b))
		l.n.opt.Out(link.spec.Name, b)
		l.on.Frames.Release(f)
		return
	}
	y.segmentsIn++
	s := l.segments[item]
	l.wire = l.appendSegment(l.wire[:0], &s)
	l.freeSegment(item)
	l.n.opt.Out(link.spec.Name, l.wire)
}

func (l *lane) appendSegment(b []byte, s *segment) []byte {
	out := Segment{Kind: SegmentKind(s.kind), Forward: s.forward, Code: s.code, Dial: s.id.n, N: s.n, Addr: s.addr}
	if s.frame != 0 {
		out.Data = l.on.Frames.Bytes(s.frame)
	}
	return out.Append(b)
}

// outsider is the number that stands for the cell outside a link in the names of
// connections: no cell has it.
func outsider(from cells.PortRef) cells.CellRef { return 1<<31 | cells.CellRef(from) }

// arriveOut takes a segment from outside.
func (l *lane) arriveOut(link *link, from cells.PortRef, b []byte) error {
	in, err := ParseSegment(b)
	if err != nil {
		return fmt.Errorf("link %q: %w", link.spec.Name, err)
	}
	s, data := segment{kind: segmentKind(in.Kind), forward: in.Forward, code: in.Code, n: in.N, addr: in.Addr}, in.Data
	s.id.n = in.Dial
	here := l.host.Port(from).Peer
	if s.id.dialler = l.host.Cell(here); s.forward {
		s.id.dialler = outsider(from)
	}
	y := l.ext(l.host.Port(here))
	num := l.ext(l.host.Port(from)).segments
	l.ext(l.host.Port(from)).segments++
	e := l.byConn[endKey{s.id, !s.forward}]
	switch {
	case s.kind == segSYN && e != nil:
		return fmt.Errorf("link %q: dial %d: %w: it is open", link.spec.Name, s.id.n, ErrSegment)
	case e != nil && !e.agrees(l, &s, len(data)):
		l.removeEnd(e)
		l.on.PostDown(e.port, cells.ErrReset)
		l.reset(e.dir, e.key.id, e.key.forward, cells.ErrReset)
		return fmt.Errorf("link %q: dial %d: %w: more than its bound", link.spec.Name, s.id.n, ErrSegment)
	}
	if s.kind == segData {
		s.frame = l.on.Frames.Copy(data)
	}
	l.arrive(from, here, y, num, l.keep(s))
	return nil
}

// agrees reports whether a segment from outside keeps to the bounds that a
// connection has: what arrives is at most what may be queued, and what is
// credited was sent.
func (e *end) agrees(l *lane, s *segment, size int) bool {
	switch s.kind {
	case segACK:
		return !e.open && e.key.forward
	case segData:
		e.arrived += uint64(size)
		return e.open && e.arrived-e.credited <= e.peerBound
	case segCredit:
		return s.n <= l.on.Outstanding(e.port)
	}
	return true
}

// streamOut finds the oldest stream link from a cell to one outside.
func (n *Network) streamOut(from cells.CellRef, to cells.ID) (cells.PortRef, bool) {
	if n.opt.Out == nil {
		return 0, false
	}
	for _, i := range n.trunks[pair(from, n.host.Far())] {
		l := &n.links[i]
		if l.drains || l.left || l.far == 0 || l.ends[l.far-1].Cell != to {
			continue
		}
		return l.port[2-l.far], true
	}
	return 0, false
}

// diallerName names the cell that has dialled.
func (l *lane) diallerName(back cells.PortRef, dialler cells.CellRef) string {
	if dialler < 1<<31 {
		return string(l.host.Name(dialler))
	}
	link, k := l.n.linkOf(back)
	return string(link.ends[1-k].Cell)
}
