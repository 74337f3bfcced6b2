package links

import (
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// Options are what a Network is made of beside its host.
type Options struct {
	// Make makes the protocol of a cell from its specification.
	Make func(cells.CellSpec) (cells.Protocol, error)
	// Choices takes every verdict that is not plain delivery; may be nil.
	Choices des.ChoiceSink
	// Serve gives the verdicts of an earlier run by address, instead of drawing
	// them; nil to draw. What is not served is plain delivery.
	Serve func(link string, n uint64) (Verdict, bool)
}

// Network is the virtual network of one host, and its datacenter.
type Network struct {
	host  *cells.Host
	sched *des.Scheduler
	opt   Options

	links   []link
	dirs    []direction
	out     []int32           // by port: the direction it sends on, plus 1
	byName  map[string]uint32 // of links that exist; looked up, never ranged over
	lives   map[string]uint32 // how often a link name was used before
	version version
	acts    uint64 // calls from outside the run so far

	ends      []*end // of connections, in the order of their making; nil once gone
	byPort    map[cells.PortRef]*end
	byConn    map[endKey]*end
	listeners map[listenKey]cells.PortRef
	dials     map[cells.CellRef]uint32
	trunks    map[[2]cells.CellRef][]uint32 // the directions of stream links from one cell to another
	segments  []segment
	freeSegs  []uint32

	flips []uint32 // reused by judge
}

// link is two directions between two ports.
type link struct {
	spec   cells.LinkSpec
	ends   [2]cells.Endpoint // with the ports that were given to a stream link
	dir    [2]uint32         // from A, from B
	gone   bool
	drains bool // removed, but what was sent arrives
}

// direction is one way of a link. It is written by the sender's side, but for
// the counters of what arrived.
type direction struct {
	name   string
	index  uint32 // in Network.dirs
	link   uint32
	from   cells.PortRef
	to     cells.PortRef
	params Params
	chance *chance
	tieKey uint64

	frames  uint64 // sent so far: the next frame's number
	epoch   uint16 // of what is on the way; older is lost
	flying  int    // on the way in this epoch
	lastDue clock.Time
	ifc     stage
	channel stage
	held    []heldFrame
	watched bool
	ended   bool // its link was removed, and nothing more arrives

	geometric *des.Geometric // of params.BER; nil without
	counts    Counts
}

// Counts are what one direction of a link has counted.
type Counts struct {
	Sent       uint64
	Delivered  uint64                   // copies included
	Dropped    uint64                   // for any reason
	Lost       uint64                   // dropped by chance: loss and burst
	Corrupted  uint64                   // frames with flipped bits
	Flips      uint64                   // bits
	Duplicated uint64                   // copies
	Reordered  uint64                   // frames made late
	Queue      uint64                   // dropped at a full queue or buffer
	Resets     uint64                   // connections broken, connects refused
	Reasons    [cells.ReasonsMax]uint64 // dropped, by reason
}

// heldFrame waits on a held direction.
type heldFrame struct {
	n    uint64
	copy uint8
	item uint32 // frame, or segment
	sent bool   // was on the way already: arrives at once when released
	late clock.Time
}

// stage is a transmitter with a queue: an interface, or a channel.
type stage struct {
	busy  clock.Time // until when it transmits
	queue []waiting  // in the order of finish; a ring from head
	head  int
	bytes uint64
}

type waiting struct {
	finish clock.Time
	bytes  uint64
}

// New gives a network without links, and connects it to the host.
func New(h *cells.Host, opt Options) *Network {
	n := &Network{
		host: h, sched: h.Scheduler(), opt: opt,
		byName: make(map[string]uint32), lives: make(map[string]uint32),
		byPort: make(map[cells.PortRef]*end), byConn: make(map[endKey]*end),
		listeners: make(map[listenKey]cells.PortRef), dials: make(map[cells.CellRef]uint32),
		trunks: make(map[[2]cells.CellRef][]uint32),
	}
	h.Connect(n)
	n.sched.Handle(des.Direction, n)
	return n
}

// Host is the host of the network's cells.
func (n *Network) Host() *cells.Host { return n.host }

// directionOf is the direction a port sends on, nil if it has no link.
func (n *Network) directionOf(p cells.PortRef) *direction {
	if int(p) >= len(n.out) || n.out[p] == 0 {
		return nil
	}
	return &n.dirs[n.out[p]-1]
}

// Send carries a frame from a port: through the verdict of chance, interface
// and channel, to an event at its due time.
func (n *Network) Send(p cells.PortRef, f cells.Frame) {
	d := n.directionOf(p)
	if d == nil {
		n.host.Sent(p, "", 0, n.host.Frames.Bytes(f))
		n.host.Drop(p, cells.ReasonNoLink)
		n.host.Frames.Release(f)
		return
	}
	num := d.frames
	d.frames++
	d.counts.Sent++
	data := n.host.Frames.Bytes(f)
	n.host.Sent(p, d.name, num, data)
	if d.watched {
		n.sched.Touch()
	}
	var v Verdict
	if n.opt.Serve != nil {
		v = n.served(d, num, len(data))
	} else if d.chance != nil {
		v = d.judge(num, len(data), n.flips)
		n.flips = v.Flips[:0]
	}
	if !v.Plain() {
		n.chosen(d, num, &v)
	}
	at, reason, ok := n.pass(d, len(data))
	switch {
	case !ok:
	case v.Drop:
		reason, ok = v.Reason, false
	case len(v.Flips) > 0:
		d.counts.Corrupted++
		d.counts.Flips += uint64(len(v.Flips))
		if d.params.FCS {
			reason, ok = cells.ReasonFCS, false
			break
		}
		f = n.host.Frames.Private(f)
		flip(n.host.Frames.Bytes(f), v.Flips)
	}
	if !ok {
		n.drop(d, num, reason)
		n.host.Frames.Release(f)
		return
	}
	due := n.due(d, num, at, v.Late)
	for c := uint8(1); c <= v.Copies; c++ {
		d.counts.Duplicated++
		n.host.Frames.Retain(f)
		n.fly(d, num, c, uint32(f), due)
	}
	if v.Late > 0 {
		d.counts.Reordered++
	}
	n.fly(d, num, 0, uint32(f), due)
}

// chosen records a verdict that is not plain delivery.
func (n *Network) chosen(d *direction, num uint64, v *Verdict) {
	n.host.FoldIn(d.from, num<<8|1)
	v.fold(func(word uint64) { n.host.FoldIn(d.from, word) })
	text := ""
	if n.opt.Choices != nil {
		text = v.String()
		n.opt.Choices.Choose(&des.Choice{At: n.sched.Current(), What: "verdict", Where: d.name, N: num, Value: text})
	}
	if n.host.Tracing() {
		if text == "" {
			text = v.String()
		}
		n.host.Record(des.Record{
			Op: des.OpVerdict, Cell: string(n.host.Name(n.host.Cell(d.from))),
			Link: d.name, Port: uint32(n.host.Number(d.from)), A: int64(num), Text: text,
		})
	}
}

// served is an earlier run's verdict on a frame. One that does not fit the
// frame is cut to it; the comparison of the runs shows it.
func (n *Network) served(d *direction, num uint64, size int) Verdict {
	v, ok := n.opt.Serve(d.name, num)
	if !ok {
		return Verdict{}
	}
	for i, b := range v.Flips {
		if uint64(b) >= 8*uint64(size) {
			v.Flips = v.Flips[:i]
			break
		}
	}
	return v
}

// drop counts and records a frame that goes no further.
func (n *Network) drop(d *direction, num uint64, r cells.Reason) {
	n.host.Drop(d.from, r)
	n.host.FoldIn(d.from, num<<8|uint64(r)<<1)
	d.dropped(r, 1)
	if r != cells.ReasonLoss && r != cells.ReasonBurst && n.host.Tracing() {
		n.host.Record(des.Record{
			Op: des.OpVerdict, Cell: string(n.host.Name(n.host.Cell(d.from))),
			Link: d.name, Port: uint32(n.host.Number(d.from)), A: int64(num), Text: "drop:" + r.String(),
		})
	}
}

func (d *direction) dropped(r cells.Reason, k uint64) {
	d.counts.Dropped += k
	d.counts.Reasons[r] += k
	switch r {
	case cells.ReasonLoss, cells.ReasonBurst:
		d.counts.Lost += k
	case cells.ReasonQueue, cells.ReasonBuffer:
		d.counts.Queue += k
	}
}

// pass takes a frame through what decides without chance: the link's maximum,
// a cut, the interface and the channel. It gives the time at which the last
// bit has left the channel.
func (n *Network) pass(d *direction, size int) (clock.Time, cells.Reason, bool) {
	p := &d.params
	now := n.sched.Now()
	switch {
	case p.MTU > 0 && size > p.MTU:
		return 0, cells.ReasonMTU, false
	case p.Cut == CutLost || p.Cut == CutDrain:
		return 0, cells.ReasonCut, false
	case n.links[d.link].drains:
		return 0, cells.ReasonRemoved, false
	}
	at := now
	queue, buffer := p.Queue, p.Buffer
	if n.links[d.link].spec.Stream {
		queue, buffer = Bound{}, Bound{} // a stream's queue is its own bound: what was accepted waits
	}
	channel, reason := queue, cells.ReasonQueue
	if p.Speed != 0 {
		if !d.ifc.admit(now, size, queue) {
			return 0, cells.ReasonQueue, false
		}
		at = d.ifc.transmit(now, size, p.Speed)
		channel, reason = buffer, cells.ReasonBuffer
	}
	if p.Rate != 0 {
		if !d.channel.admit(at, size, channel) {
			return 0, reason, false
		}
		at = d.channel.transmit(at, size, p.Rate)
	}
	return at, 0, true
}

// due is when a frame arrives that has left the channel at a time.
func (n *Network) due(d *direction, num uint64, at clock.Time, late time.Duration) clock.Time {
	p := &d.params
	due := at.Add(p.Delay)
	if p.Jitter != nil {
		j := p.Jitter.Sample(d.chance.jitter.At(num, 0))
		due = max(due.Add(time.Duration(j)), at)
	}
	if late > 0 {
		return due.Add(late) // and does not hold followers back
	}
	return d.inOrder(due)
}

// inOrder keeps a due time from overtaking those before it, if the direction
// is FIFO.
func (d *direction) inOrder(due clock.Time) clock.Time {
	d.lastDue = max(d.lastDue, due)
	if d.params.FIFO {
		return d.lastDue
	}
	return due
}

// fly puts one copy of a frame, or a segment, on the way, or holds it.
func (n *Network) fly(d *direction, num uint64, copy uint8, item uint32, due clock.Time) {
	if d.params.Cut == CutHold {
		n.hold(d, heldFrame{n: num, copy: copy, item: item, late: due - n.sched.Now()})
		return
	}
	d.flying++
	rank := uint16(0)
	if n.host.Ties() == des.TiesShuffled {
		rank = cells.TieRank(d.tieKey, uint64(due))
	}
	n.sched.At(due, des.MakeEntity(des.Direction, d.index), rank, num<<8|uint64(copy), uint64(d.epoch)<<32|uint64(item))
}

// FrameNumber is the number of the frame, or segment, whose arrival at the end
// of a direction an event is.
func FrameNumber(k des.Key) uint64 { return k.Seq >> 8 }

// hold keeps a frame of a held direction until its release.
func (n *Network) hold(d *direction, h heldFrame) {
	stream := n.links[d.link].spec.Stream
	if !stream && uint64(len(d.held)) >= d.params.Hold {
		n.drop(d, h.n, cells.ReasonHeld)
		n.host.Frames.Release(cells.Frame(h.item))
		return
	}
	d.held = append(d.held, h)
}

// Dispatch handles what arrives at the far ends of directions.
func (n *Network) Dispatch(e des.Event) {
	d := &n.dirs[e.Entity().Index()]
	item := uint32(e.Arg)
	stream := n.links[d.link].spec.Stream
	if uint16(e.Arg>>32) != d.epoch {
		n.free(stream, item) // lost on the way; counted when that was decided
		return
	}
	d.flying--
	num, copy := e.Seq>>8, uint8(e.Seq)
	if d.params.Cut == CutHold {
		n.hold(d, heldFrame{n: num, copy: copy, item: item, sent: true})
		return
	}
	if d.watched {
		n.sched.Touch()
	}
	if stream {
		n.arrive(d, num, item)
	} else {
		n.deliver(d, num, copy, cells.Frame(item))
	}
	// A handler may not change the topology, so d is still the direction.
	if n.links[d.link].drains && d.flying == 0 {
		n.drained(d)
	}
}

func (n *Network) deliver(d *direction, num uint64, copy uint8, f cells.Frame) {
	r, ok := n.host.Deliver(d.to, f, d.name, num, copy)
	if ok {
		d.counts.Delivered++
		return
	}
	n.host.Drop(d.from, r)
	d.dropped(r, 1)
}

func (n *Network) free(stream bool, item uint32) {
	if stream {
		n.freeSegment(item)
		return
	}
	n.host.Frames.Release(cells.Frame(item))
}

// lose forgets everything on the way and held on a direction.
func (n *Network) lose(d *direction, r cells.Reason) {
	lost := uint64(d.flying + len(d.held))
	d.epoch++
	d.flying = 0
	for _, h := range d.held {
		n.free(n.links[d.link].spec.Stream, h.item)
	}
	d.held = nil
	d.lastDue = 0 // there is nothing left to overtake
	if lost > 0 {
		n.host.DropN(d.from, r, lost)
		d.dropped(r, lost)
	}
}

// release lets what was held go on, in frame order: what was on the way
// arrives now, ahead of what is on the way still; what was sent since sets out
// now, behind it.
func (n *Network) release(d *direction) {
	held := d.held
	d.held = nil
	sortHeld(held)
	for _, h := range held {
		due := n.sched.Now()
		if !h.sent {
			due = d.inOrder(due.Add(time.Duration(h.late)))
		}
		n.fly(d, h.n, h.copy, h.item, due)
	}
}

// admit reports whether a queue has room for one more frame at an instant.
func (s *stage) admit(now clock.Time, size int, b Bound) bool {
	for s.head < len(s.queue) && s.queue[s.head].finish <= now {
		s.bytes -= s.queue[s.head].bytes
		s.head++
	}
	if s.head > 64 && s.head*2 > len(s.queue) {
		s.queue = append(s.queue[:0], s.queue[s.head:]...)
		s.head = 0
	}
	return (b.Frames == 0 || uint64(len(s.queue)-s.head) < b.Frames) &&
		(b.Bytes == 0 || s.bytes+uint64(size) <= b.Bytes)
}

// transmit puts a frame behind those that wait, and gives the time at which
// its last bit has left.
func (s *stage) transmit(at clock.Time, size int, rate uint64) clock.Time {
	s.busy = max(s.busy, at).Add(transmission(size, rate))
	s.queue = append(s.queue, waiting{s.busy, uint64(size)})
	s.bytes += uint64(size)
	return s.busy
}
