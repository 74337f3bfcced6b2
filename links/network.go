package links

import (
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
	// them; nil to draw. What is not served is plain delivery. Where lanes run
	// side by side, it is called by all of them.
	Serve func(link string, n uint64) (Verdict, bool)
	// Out makes links with one end at a cell that is not of the host lead
	// outside: see outside.go. It takes what such a link's sending half has let
	// through, when it is due: a frame, or a segment of a stream link. The bytes
	// are valid during the call. nil: both ends of a link must be here.
	Out func(link string, b []byte)
}

// Network is the virtual network of one host, and its datacenter. A direction
// of a link has the number of the port that sends on it.
//
// What is needed while events run belongs to a lane (see [cells.Lane]); what is
// here is changed between events, or in acts of the timeline, only.
type Network struct {
	host  *cells.Host
	sched *des.Scheduler
	opt   Options

	links   []link
	blocks  []linkBlock
	plans   []*plan
	byText  map[string]uint16       // of plans
	own     map[cells.PortRef]*plan // of directions whose plan has no number
	byName  map[string]uint32       // of links that exist; looked up, never ranged over
	lives   map[string]uint32       // how often a link name was used before
	version version
	acts    uint64                        // calls from outside the run so far
	trunks  map[[2]cells.CellRef][]uint32 // stream links between two cells, oldest first
	lanes   []*lane
}

// link is two directions between two ports.
type link struct {
	spec   cells.LinkSpec
	names  [2]string         // of its directions
	life   uint32            // how often the name was used before
	ends   [2]cells.Endpoint // with the ports that were given to a stream link
	port   [2]cells.PortRef  // of A, of B
	ended  [2]bool           // by direction: nothing more arrives on it
	drains bool              // removed, but what was sent arrives
	left   bool              // removed
	far    uint8             // one more than the end that is outside; 0 is none
}

// gone reports whether nothing of the link is left.
func (l *link) gone() bool { return l.left && l.ended[0] && l.ended[1] }

// side is which of a link's directions a port sends on.
func (l *link) side(p cells.PortRef) int {
	if l.port[1] == p {
		return 1
	}
	return 0
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

// New gives a network without links, and connects it to the host.
func New(h *cells.Host, opt Options) *Network {
	n := &Network{
		host: h, sched: h.Scheduler(), opt: opt,
		byText: make(map[string]uint16), own: make(map[cells.PortRef]*plan),
		byName: make(map[string]uint32), lives: make(map[string]uint32),
		trunks: make(map[[2]cells.CellRef][]uint32),
	}
	n.internAs(unlinked, Params{}) // 0
	h.Connect(n)
	return n
}

// Host is the host of the network's cells.
func (n *Network) Host() *cells.Host { return n.host }

// Join gives what carries one lane's frames.
func (n *Network) Join(on *cells.Lane) cells.Carrier {
	l := newLane(n, on)
	n.lanes = append(n.lanes, l)
	return l
}

// of is the lane that writes the sender's half of a direction.
func (n *Network) of(p cells.PortRef) *lane { return n.laneOf(n.host.Cell(p)) }

func (n *Network) laneOf(c cells.CellRef) *lane { return n.host.Of(c).Carrier().(*lane) }

// ext is the rest of what is kept of a port, made on first use.
func (n *Network) ext(p cells.PortRef) *ext { return n.of(p).ext(n.host.Port(p)) }

// linkOf is the link of a port, and which of its directions the port sends on.
// A link of a block has no place in the table of links: its name is found by
// arithmetic.
func (n *Network) linkOf(p cells.PortRef) (*link, int) {
	x := n.of(p).rare(n.host.Port(p))
	if x.link == 0 {
		return nil, 0
	}
	l := &n.links[x.link-1]
	return l, l.side(p)
}

// name is the name of the direction that a port sends on, such as "ab>", and
// how often it was used before.
func (n *Network) name(p cells.PortRef) (string, uint32) {
	if l, k := n.linkOf(p); l != nil {
		return l.names[k], l.life
	}
	return n.of(p).blockName(p), 0
}

// PeerName names the other end of a port's link. One that leads outside to a cell
// without a name has none: nobody has said who that is.
func (n *Network) PeerName(p cells.PortRef) string {
	if l, k := n.linkOf(p); l != nil {
		e := [2]*cells.Endpoint{&l.spec.B, &l.spec.A}[k]
		if e.Cell == "" {
			return ""
		}
		return e.String()
	}
	return n.host.PortName(n.host.Port(p).Peer)
}

// MTU is the longest frame that a port's link carries.
func (n *Network) MTU(p cells.PortRef) int { return n.plan(p).params.MTU }

// plan is what a direction does.
func (n *Network) plan(p cells.PortRef) *plan {
	if k := n.host.Port(p).Params; k != planOwn {
		return n.plans[k]
	}
	return n.own[p]
}

// FrameNumber is the number of the frame, or segment, whose arrival at the end
// of a direction an event is.
func FrameNumber(k des.Key) uint64 { return k.Seq >> 8 }

// heldFrame waits on a held direction.
type heldFrame struct {
	n    uint64
	copy uint8
	item uint32     // frame, or segment
	late clock.Time // of what was sent while it was held: how long it is on the way
}

// flying is how many frames, or segments, are on the way of a direction.
func (n *Network) flying(p cells.PortRef) uint64 {
	q := n.host.Port(p)
	x, y := n.of(p).rare(q), n.of(q.Peer).rare(n.host.Port(q.Peer))
	c := n.counts(p)
	return c.Sent + c.Duplicated + y.unhanded - c.Delivered - c.Dropped - x.vanished - uint64(len(x.held)+len(y.heldIn))
}

// counts adds up what both ends of a direction have counted.
func (n *Network) counts(p cells.PortRef) Counts {
	c := n.SentHalf(p)
	if q := n.host.Port(p).Peer; q != 0 {
		in := n.ArrivedHalf(q)
		c.add(&in)
	}
	return c
}

// SentHalf is what the sending end of a direction has counted, by the port that
// sends.
func (n *Network) SentHalf(p cells.PortRef) Counts {
	q := n.host.Port(p)
	x := n.of(p).rare(q)
	c := x.counts
	c.Sent = q.TxFrames + x.segments
	for r := cells.ReasonMTU; r < cells.ReasonsMax; r++ {
		c.Reasons[r] = n.host.Drops(p, r)
	}
	c.total()
	return c
}

// ArrivedHalf is what the receiving end of a direction has counted, by the port
// that receives.
func (n *Network) ArrivedHalf(q cells.PortRef) (c Counts) {
	c.Delivered = n.host.Arrived(q) + n.of(q).rare(n.host.Port(q)).segmentsIn
	if missed := n.host.Missed(q); missed != nil {
		c.Reasons = *missed
	}
	c.total()
	return c
}

// total fills in what follows from the reasons.
func (c *Counts) total() {
	for _, k := range c.Reasons {
		c.Dropped += k
	}
	c.Lost = c.Reasons[cells.ReasonLoss] + c.Reasons[cells.ReasonBurst]
	c.Queue = c.Reasons[cells.ReasonQueue] + c.Reasons[cells.ReasonBuffer]
}

// lose forgets everything on the way and held on a direction.
func (n *Network) lose(p cells.PortRef, r cells.Reason) {
	q := n.host.Port(p)
	from, to := n.of(p), n.of(q.Peer)
	lost := n.flying(p)
	x, y := from.ext(q), to.ext(n.host.Port(q.Peer))
	lost += uint64(len(x.held) + len(y.heldIn))
	stream := n.stream(p)
	for _, h := range x.held {
		from.free(stream, h.item)
	}
	for _, h := range y.heldIn {
		to.free(stream, h.item)
	}
	x.held, y.heldIn = nil, nil
	y.lostBefore = q.TxFrames + x.segments
	x.lastDue = 0 // there is nothing left to overtake
	if lost > 0 {
		n.host.DropN(p, r, lost)
	}
	n.alert(p)
}

// release lets what was held go on, in frame order: what was on the way
// arrives now, ahead of what is on the way still; what was sent since sets out
// now, behind it.
func (n *Network) release(p cells.PortRef) {
	q := n.host.Port(p)
	from, to := n.of(p), n.of(q.Peer)
	x, y := from.ext(q), to.ext(n.host.Port(q.Peer))
	was, held := y.heldIn, x.held
	y.heldIn, x.held = nil, nil
	sortHeld(was)
	sortHeld(held)
	now := n.sched.Now()
	for i := range was {
		to.release(p, x, &was[i])
	}
	plan := n.plan(p)
	for _, h := range held {
		from.fly(p, q, x, plan, h.n, h.copy, h.item, x.inOrder(plan, now.Add(duration(int64(h.late)))))
	}
}

// stream reports whether a port is the end of a stream link.
func (n *Network) stream(p cells.PortRef) bool {
	l, _ := n.linkOf(p)
	return l != nil && l.spec.Stream
}

// alert says whether the far end of a direction has to look twice at what
// arrives.
func (n *Network) alert(p cells.PortRef) {
	q := n.host.Port(p)
	x, lost := n.of(p).rare(q), uint64(0)
	if q.Peer != 0 {
		lost = n.of(q.Peer).rare(n.host.Port(q.Peer)).lostBefore
	}
	l, _ := n.linkOf(p)
	q.SetAlert(lost > 0 || x.watched || n.plan(p).params.Cut == CutHold || l != nil && (l.spec.Stream || l.drains || l.far != 0))
}
