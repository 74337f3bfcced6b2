package links

import (
	"maps"
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Lookahead is the least time that a frame, or a segment, is on its way on a
// direction.
func (n *Network) lookahead(p cells.PortRef) time.Duration {
	plan := n.plan(p)
	d := plan.delay
	if j := plan.params.Jitter; j != nil {
		d += time.Duration(min(j.Min(), 0))
	}
	return max(d, 0)
}

// Partition shares the cells out among at most so many lanes, as evenly as the
// topology allows: what is joined by links faster than the window stays
// together. It gives each cell's lane, how many there are, and the lookahead
// between them; one lane if there is none. The longer the window, up to most,
// the better.
func (n *Network) Partition(lanes int, most time.Duration) (of []uint8, used int, window time.Duration) {
	count := n.host.Len()
	delays := n.delays(most)
	for i := len(delays) - 1; i >= 0 && delays[i] > 0; i-- {
		together := n.together(delays[i])
		if of, used = share(together, count, lanes, n); used > 1 {
			return of, used, n.Window(of, most)
		}
	}
	return make([]uint8, count), 1, 0
}

// Window is the lookahead between the lanes of a partition, at most most: 0 if
// a link between two of them has none.
func (n *Network) Window(of []uint8, most time.Duration) time.Duration {
	n.eachLink(func(p, q cells.PortRef) {
		if of[n.host.Cell(p)] != of[n.host.Cell(q)] {
			most = min(most, n.lookahead(p), n.lookahead(q))
		}
	})
	return most
}

// eachLink calls f with both ports of every link.
func (n *Network) eachLink(f func(p, q cells.PortRef)) {
	for i := 1; i < n.host.Ports(); i++ {
		p := cells.PortRef(i)
		if q := n.host.Port(p).Peer; p < q && q < cells.PortRef(n.host.Ports()) {
			f(p, q)
		}
	}
}

// delaysMax is how many different delays Partition tries.
const delaysMax = 16

// delays are the different least delays of links, ascending, the last most.
func (n *Network) delays(most time.Duration) []time.Duration {
	seen := map[time.Duration]bool{most: true}
	n.eachLink(func(p, q cells.PortRef) {
		seen[min(n.lookahead(p), n.lookahead(q), most)] = true
	})
	list := slices.Sorted(maps.Keys(seen))
	for len(list) > delaysMax { // every other, and the longest
		kept := list[:0]
		for i := range list {
			if (len(list)-1-i)%2 == 0 {
				kept = append(kept, list[i])
			}
		}
		list = kept
	}
	return list
}

// together joins the cells that links with less than a delay join: it gives
// each cell's representative.
func (n *Network) together(delay time.Duration) []cells.CellRef {
	of := make([]cells.CellRef, n.host.Len())
	for i := range of {
		of[i] = cells.CellRef(i)
	}
	find := func(c cells.CellRef) cells.CellRef {
		for of[c] != c {
			of[c] = of[of[c]]
			c = of[c]
		}
		return c
	}
	n.eachLink(func(p, q cells.PortRef) {
		if min(n.lookahead(p), n.lookahead(q)) < delay {
			a, b := find(n.host.Cell(p)), find(n.host.Cell(q))
			of[max(a, b)] = min(a, b)
		}
	})
	for i := range of {
		of[i] = find(cells.CellRef(i))
	}
	return of
}

// share cuts a walk over the topology into even pieces, of which no component
// is cut. A walk in depth first keeps subtrees of a tree together; the order of
// numbers, rows of a grid. The one with fewer links between lanes is taken.
func share(together []cells.CellRef, count, lanes int, n *Network) ([]uint8, int) {
	size := make([]int, count)
	for _, c := range together {
		size[c]++
	}
	for _, k := range size {
		if k > count/lanes+count/(4*lanes)+1 {
			return nil, 1 // a component would be more than a lane's part
		}
	}
	var best []uint8
	used, least := 1, -1
	for _, walk := range [][]cells.CellRef{n.byNumber(), n.depthFirst()} {
		of, u := pieces(walk, together, size, lanes)
		cut := 0
		n.eachLink(func(p, q cells.PortRef) {
			if of[n.host.Cell(p)] != of[n.host.Cell(q)] {
				cut++
			}
		})
		if least < 0 || cut < least {
			best, used, least = of, u, cut
		}
	}
	return best, used
}

func pieces(walk, together []cells.CellRef, size []int, lanes int) ([]uint8, int) {
	of := make([]uint8, len(together))
	placed := make([]bool, len(together))
	lane, taken := 0, 0
	for _, c := range walk {
		if r := together[c]; !placed[r] {
			if lane < lanes-1 && taken >= (lane+1)*len(together)/lanes {
				lane++
			}
			placed[r], of[r] = true, uint8(lane)
			taken += size[r]
		}
	}
	for c, r := range together {
		of[c] = of[r]
	}
	return of, lane + 1
}

func (n *Network) byNumber() []cells.CellRef {
	list := make([]cells.CellRef, n.host.Len())
	for i := range list {
		list[i] = cells.CellRef(i)
	}
	return list
}

// depthFirst walks over the topology from the cell with the least number.
func (n *Network) depthFirst() []cells.CellRef {
	seen := make([]bool, n.host.Len())
	var walk, stack []cells.CellRef
	for first := range seen {
		stack = append(stack, cells.CellRef(first))
		for len(stack) > 0 {
			c := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if seen[c] {
				continue
			}
			seen[c] = true
			walk = append(walk, c)
			for _, p := range n.host.PortsOf(c) {
				if q := n.host.Port(p).Peer; q != 0 && q < cells.PortRef(n.host.Ports()) && !seen[n.host.Cell(q)] {
					stack = append(stack, n.host.Cell(q))
				}
			}
		}
	}
	return walk
}

// Divide gives the cells to lanes; see [cells.Host.Divide]. Choices gives what
// takes a lane's choices.
func (n *Network) Divide(of []uint8, on []*des.Scheduler, sink func(int) des.Sink, publish func(int, des.Key, cells.Emission),
	choices func(int) des.ChoiceSink,
) {
	first := n.lanes[0]
	n.lanes = nil
	n.host.Divide(of, on, sink, publish, func(p cells.PortRef, was uint32) {
		if int(was) < len(first.exts) && first.exts[was] != nil {
			q := n.host.Port(p)
			l := n.of(p)
			for int(q.Ext) >= len(l.exts) {
				l.exts = append(l.exts, nil)
			}
			l.exts[q.Ext] = first.exts[was]
		}
	})
	for i, l := range n.lanes {
		l.choices = choices(i)
		l.mail = newMail(len(on))
	}
}

// mail is what one lane sends to others: in two boxes, of which one is being
// filled while the other is read.
type mail struct {
	turn     int
	boxes    [2][][]parcel // by receiver
	owed     [2][]cells.Frame
	earliest [2]clock.Time
}

func newMail(lanes int) *mail {
	m := &mail{earliest: [2]clock.Time{clock.Never, clock.Never}}
	for i := range m.boxes {
		m.boxes[i] = make([][]parcel, lanes)
	}
	return m
}

// ship sends what leaves for a port of another lane.
func (l *lane) ship(q *cells.PortRecord, e des.Event, item uint32) {
	p := parcel{event: e}
	if l.trace {
		p.cause = l.sched.Current()
	}
	f := cells.Frame(item)
	if link := l.rare(q).link; link != 0 && l.n.links[link-1].spec.Stream {
		p.stream, p.seg = true, l.segments[item]
		f = p.seg.frame
		l.segments[item].frame = 0
		l.freeSegment(item)
	}
	m := l.mail
	if f != 0 {
		// The buffer stays as it is until it was received: whoever else has a
		// reference may only read.
		p.data = l.on.Frames.Bytes(f)
		m.owed[m.turn] = append(m.owed[m.turn], f)
	}
	to := l.host.LaneOf(l.host.Cell(q.Peer))
	m.boxes[m.turn][to] = append(m.boxes[m.turn][to], p)
	m.earliest[m.turn] = min(m.earliest[m.turn], e.Time)
}

// Turn ends a window; see parallel.Site.
func (n *Network) Turn() {
	for _, l := range n.lanes {
		l.mail.turn = 1 - l.mail.turn
	}
}

// Sent is the earliest arrival of what a lane has sent to others since it has
// received.
func (n *Network) Sent(lane int) clock.Time {
	m := n.lanes[lane].mail
	return m.earliest[m.turn]
}

// Receive takes in what others have sent to a lane, and makes room for what it
// sends.
func (n *Network) Receive(lane int) {
	l := n.lanes[lane]
	l.clear()
	for _, from := range n.lanes {
		box := from.mail.boxes[1-from.mail.turn][lane]
		for i := range box {
			l.receive(&box[i])
		}
	}
}

func (l *lane) clear() {
	m := l.mail
	for _, f := range m.owed[m.turn] {
		l.on.Frames.Release(f)
	}
	m.owed[m.turn] = m.owed[m.turn][:0]
	for to := range m.boxes[m.turn] {
		clear(m.boxes[m.turn][to])
		m.boxes[m.turn][to] = m.boxes[m.turn][to][:0]
	}
	m.earliest[m.turn] = clock.Never
}

func (l *lane) receive(p *parcel) {
	var item uint32
	switch {
	case p.stream:
		if p.seg.frame != 0 {
			p.seg.frame = l.on.Frames.Copy(p.data)
		}
		item = l.keep(p.seg)
	default:
		item = uint32(l.on.Frames.Copy(p.data))
	}
	e := p.event
	if l.trace {
		item = l.takeOff(flight{item, p.cause})
	}
	e.Arg = uint64(item)
	l.sched.Push(e)
}
