package links

import (
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// lane carries the frames of the cells of one [cells.Lane].
type lane struct {
	n     *Network
	host  *cells.Host
	on    *cells.Lane
	sched *des.Scheduler
	slow  bool // frames meet more than their plan: records, served verdicts, shuffled ties
	plain bool // records are all that frames meet more
	exts  []*ext
	trace bool

	flights     []flight // while records are kept
	freeFlights []uint32
	names       []string // of directions of blocks, by port, while records are kept
	flips       []uint32 // reused by judge
	wire        []byte   // reused by leave
	choices     des.ChoiceSink
	mail        *mail // to other lanes; nil where there are none

	connections
}

// ext is the rest of what is kept of a port: of the sender's half of the
// direction that leads away from it, and of the receiver's half of the one that
// leads to it.
type ext struct {
	link    uint32 // in Network.links, 1 up; 0 for a link of a block
	watched bool   // a condition reads the direction's counts
	tied    bool   // tieKey is made
	tieKey  uint64
	chance  *chance

	lastDue  clock.Time
	ifc      stage
	channel  stage
	held     []heldFrame // sent while the direction was held
	segments uint64      // sent: the next segment's number
	vanished uint64      // segments that were never on their way
	counts   Counts      // what cannot be had from other counters

	// The receiver's half.
	lostBefore uint64      // frames with lower numbers were lost on their way
	heldIn     []heldFrame // arrived while the direction was held
	segmentsIn uint64      // delivered
	unhanded   uint64      // of them, chunks that their cell could not take
	awaited    uint64      // with a link that drains: what is still to arrive
	joins      *des.Rand   // the stream of the incoming direction's chance
}

// nobody is the ext of ports that have none.
var nobody ext

// flight is a frame on its way, while records are kept: what sent it is known.
type flight struct {
	item  uint32
	cause des.Key
}

func newLane(n *Network, on *cells.Lane) *lane {
	l := &lane{
		n: n, host: n.host, on: on, sched: on.Scheduler(), trace: on.Tracing(), choices: n.opt.Choices,
		connections: newConnections(),
	}
	l.plain = l.trace && n.opt.Serve == nil && n.host.Ties() == des.TiesFIFO
	l.slow = l.trace || n.opt.Serve != nil || n.host.Ties() == des.TiesShuffled
	l.sched.Handle(des.Direction, l)
	return l
}

// rare is the rest of what is kept of one of the lane's ports. It must not be
// written where there is none.
func (l *lane) rare(q *cells.PortRecord) *ext {
	if int(q.Ext) < len(l.exts) && l.exts[q.Ext] != nil {
		return l.exts[q.Ext]
	}
	return &nobody
}

func (l *lane) ext(q *cells.PortRecord) *ext {
	if k := int(q.Ext); k != 0 && k < len(l.exts) && l.exts[k] != nil {
		return l.exts[k]
	}
	return l.extend(q)
}

func (l *lane) extend(q *cells.PortRecord) *ext {
	k := int(l.on.Extend(q))
	for k >= len(l.exts) {
		l.exts = append(l.exts, nil)
	}
	if l.exts[k] == nil {
		l.exts[k] = new(ext)
	}
	return l.exts[k]
}

// Send carries a frame from a port: through the verdict of chance, interface
// and channel, to an event at its due time.
func (l *lane) Send(p cells.PortRef, q *cells.PortRecord, f cells.Frame, size int) {
	now := l.sched.Now()
	num := q.TxFrames
	q.TxFrames = num + 1
	q.TxBytes += uint64(size)
	q.LastTx = now
	if q.Params == planOwn || l.slow || q.Odd() {
		l.send(p, q, l.n.plan(p), num, f)
		return
	}
	plan := l.n.plans[q.Params]
	due := now
	switch {
	case plan.what == 0 && q.Ext == 0:
		due = due.Add(plan.delay)
	case plan.what&^forPace == 0 && plan.speed.bps == 0:
		x := l.ext(q)
		if plan.what != 0 {
			var ok bool
			if due, ok = x.channel.take(now, size, &plan.params.Queue, &plan.rate); !ok {
				l.drop(p, q, num, cells.ReasonQueue)
				l.on.Frames.Release(f)
				return
			}
		}
		due = x.inOrder(plan, due.Add(plan.delay))
	default:
		l.send(p, q, plan, num, f)
		return
	}
	l.sched.At(due, des.MakeEntity(des.Direction, uint32(p)), 0, num<<8, uint64(f))
}

func (l *lane) send(p cells.PortRef, q *cells.PortRecord, plan *plan, num uint64, f cells.Frame) {
	data := l.on.Frames.Bytes(f)
	if plan.what == 0 && q.Ext == 0 && l.plain && !q.Odd() {
		l.on.Sent(p, l.blockName(p), num, data)
		at := l.sched.Now().Add(plan.delay)
		l.sched.Push(l.sched.Event(at, des.MakeEntity(des.Direction, uint32(p)), 0, num<<8, uint64(l.arg(uint32(f)))))
		return
	}
	x := l.ext(q)
	if l.trace {
		l.on.Sent(p, l.nameOut(p, x), num, data)
	}
	if x.watched {
		l.sched.Touch()
	}
	at, reason, ok := l.pass(q, x, plan, len(data), &plan.params.Queue)
	if plan.what&forChance != 0 || l.n.opt.Serve != nil {
		v := l.verdict(p, x, plan, num, len(data))
		if !v.Plain() {
			l.chosen(p, q, num, &v)
			l.apply(p, q, x, plan, num, f, &v, at, reason, ok)
			return
		}
	}
	if !ok {
		l.drop(p, q, num, reason)
		l.on.Frames.Release(f)
		return
	}
	l.fly(p, q, x, plan, num, 0, uint32(f), l.due(p, x, plan, num, at, 0))
}

// apply carries out a verdict that is not plain delivery.
func (l *lane) apply(p cells.PortRef, q *cells.PortRecord, x *ext, plan *plan, num uint64, f cells.Frame, v *Verdict,
	at clock.Time, reason cells.Reason, ok bool,
) {
	switch {
	case !ok:
	case v.Drop:
		reason, ok = v.Reason, false
	case len(v.Flips) > 0:
		x.counts.Corrupted++
		x.counts.Flips += uint64(len(v.Flips))
		if plan.params.FCS {
			reason, ok = cells.ReasonFCS, false
			break
		}
		f = l.on.Frames.Private(f)
		flip(l.on.Frames.Bytes(f), v.Flips)
	}
	if !ok {
		l.drop(p, q, num, reason)
		l.on.Frames.Release(f)
		return
	}
	due := l.due(p, x, plan, num, at, v.Late)
	for c := uint8(1); c <= v.Copies; c++ {
		x.counts.Duplicated++
		l.on.Frames.Retain(f)
		l.fly(p, q, x, plan, num, c, uint32(f), due)
	}
	if v.Late > 0 {
		x.counts.Reordered++
	}
	l.fly(p, q, x, plan, num, 0, uint32(f), due)
}

// verdict is what chance, or an earlier run, does to a frame.
func (l *lane) verdict(p cells.PortRef, x *ext, plan *plan, num uint64, size int) Verdict {
	if l.n.opt.Serve != nil {
		return l.served(p, num, size)
	}
	v := l.judge(l.chance(p, x), plan, num, size)
	l.flips = v.Flips[:0]
	return v
}

// chance is the streams of a direction, made on first use.
func (l *lane) chance(p cells.PortRef, x *ext) *chance {
	if x.chance == nil {
		name, life := l.n.name(p)
		x.chance = newChance(l.host.Seed(), name, life)
	}
	return x.chance
}

// chosen records a verdict that is not plain delivery.
func (l *lane) chosen(p cells.PortRef, q *cells.PortRecord, num uint64, v *Verdict) {
	l.on.FoldIn(q, num<<8|1)
	v.fold(func(word uint64) { l.on.FoldIn(q, word) })
	if l.choices == nil && !l.trace {
		return
	}
	name, _ := l.n.name(p)
	text := v.String()
	if l.choices != nil {
		l.choices.Choose(&des.Choice{At: l.sched.Current(), What: "verdict", Where: name, N: num, Value: text})
	}
	if l.trace {
		l.record(p, q, name, num, text)
	}
}

func (l *lane) record(p cells.PortRef, q *cells.PortRecord, name string, num uint64, text string) {
	l.on.Record(des.Record{
		Op: des.OpVerdict, Cell: string(l.host.Name(q.Cell())),
		Link: name, Port: uint32(l.host.Number(p)), A: int64(num), Text: text,
	})
}

// served is an earlier run's verdict on a frame. One that does not fit the
// frame is cut to it; the comparison of the runs shows it.
func (l *lane) served(p cells.PortRef, num uint64, size int) Verdict {
	name, _ := l.n.name(p)
	v, ok := l.n.opt.Serve(name, num)
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
func (l *lane) drop(p cells.PortRef, q *cells.PortRecord, num uint64, r cells.Reason) {
	l.on.Drop(q, r)
	l.on.FoldIn(q, num<<8|uint64(r)<<1)
	if r != cells.ReasonLoss && r != cells.ReasonBurst && l.trace {
		name, _ := l.n.name(p)
		l.record(p, q, name, num, "drop:"+r.String())
	}
}

// pass takes a frame through what decides without chance: the link's maximum,
// a cut, the interface and the channel. It gives the time at which the last
// bit has left the channel.
func (l *lane) pass(q *cells.PortRecord, x *ext, plan *plan, size int, queue *Bound) (clock.Time, cells.Reason, bool) {
	at := l.sched.Now()
	if plan.what&forLimits != 0 {
		switch p := &plan.params; {
		case p.MTU > 0 && size > p.MTU:
			return 0, cells.ReasonMTU, false
		case p.Cut == CutLost || p.Cut == CutDrain:
			return 0, cells.ReasonCut, false
		}
	}
	if q.Alert() && x.link != 0 && l.n.links[x.link-1].drains {
		return 0, cells.ReasonRemoved, false
	}
	var ok bool
	reason := cells.ReasonQueue
	if plan.speed.bps != 0 {
		if at, ok = x.ifc.take(at, size, queue, &plan.speed); !ok {
			return 0, reason, false
		}
		if queue != &unbounded {
			queue = &plan.params.Buffer
		}
		reason = cells.ReasonBuffer
	}
	if plan.rate.bps != 0 {
		if at, ok = x.channel.take(at, size, queue, &plan.rate); !ok {
			return 0, reason, false
		}
	}
	return at, 0, true
}

// unbounded is the queue of a stream's transmitter: what was accepted waits,
// and the stream has a bound of its own.
var unbounded Bound

// due is when a frame arrives that has left the channel at a time.
func (l *lane) due(p cells.PortRef, x *ext, plan *plan, num uint64, at clock.Time, late time.Duration) clock.Time {
	due := at.Add(plan.delay)
	if plan.what&forJitter != 0 {
		j := plan.params.Jitter.Sample(l.chance(p, x).jitter.At(num, 0))
		due = max(due.Add(time.Duration(j)), at)
	}
	if late > 0 {
		return due.Add(late) // and does not hold followers back
	}
	return x.inOrder(plan, due)
}

// inOrder keeps a due time from overtaking those before it, if the direction
// is FIFO.
func (x *ext) inOrder(plan *plan, due clock.Time) clock.Time {
	x.lastDue = max(x.lastDue, due)
	if plan.fifo {
		return x.lastDue
	}
	return due
}

// fly puts one copy of a frame, or a segment, on the way, or holds it.
func (l *lane) fly(p cells.PortRef, q *cells.PortRecord, x *ext, plan *plan, num uint64, copy uint8, item uint32, due clock.Time) {
	if plan.what&forLimits != 0 && plan.params.Cut == CutHold {
		l.hold(p, q, x, plan, heldFrame{n: num, copy: copy, item: item, late: due - l.sched.Now()})
		return
	}
	if !q.Remote() {
		l.land(p, x, num, copy, item, due)
		return
	}
	l.ship(q, l.event(p, x, num, copy, 0, due), item)
}

// land schedules the arrival of what has a lane's number, at a port of the same
// lane.
func (l *lane) land(p cells.PortRef, x *ext, num uint64, copy uint8, item uint32, due clock.Time) {
	l.sched.Push(l.event(p, x, num, copy, l.arg(item), due))
}

// arg is the argument of an arrival: what arrives or, while records are kept,
// the flight it is on.
func (l *lane) arg(item uint32) uint32 {
	if l.trace {
		return l.takeOff(flight{item, l.sched.Current()})
	}
	return item
}

// release lets what has arrived at a held direction arrive at last, in the act
// that releases it: before what is due at this instant, and was sent later. An
// act from outside comes after all that; what it releases comes after it.
func (l *lane) release(p cells.PortRef, x *ext, h *heldFrame) {
	if l.sched.Current().Entity.Class() != des.Timeline {
		l.land(p, x, h.n, h.copy, h.item, l.sched.Now())
		return
	}
	rank := l.rank(p, x, l.sched.Now())
	l.sched.Push(l.sched.Beside(des.MakeEntity(des.Direction, uint32(p)), rank, h.n<<8|uint64(h.copy), uint64(l.arg(h.item))))
}

func (l *lane) event(p cells.PortRef, x *ext, num uint64, copy uint8, arg uint32, due clock.Time) des.Event {
	return l.sched.Event(due, des.MakeEntity(des.Direction, uint32(p)), l.rank(p, x, due), num<<8|uint64(copy), uint64(arg))
}

// rank is the place of a direction's arrivals among what is due at an instant.
func (l *lane) rank(p cells.PortRef, x *ext, due clock.Time) uint16 {
	if l.host.Ties() != des.TiesShuffled {
		return 0
	}
	return cells.TieRank(l.tieKey(p, x), uint64(due))
}

func (l *lane) tieKey(p cells.PortRef, x *ext) uint64 {
	if !x.tied {
		name, _ := l.n.name(p)
		x.tieKey, x.tied = l.host.Seed().Hash("tie", "link", name), true
	}
	return x.tieKey
}

func (l *lane) takeOff(f flight) uint32 {
	if k := len(l.freeFlights); k > 0 {
		i := l.freeFlights[k-1]
		l.freeFlights = l.freeFlights[:k-1]
		l.flights[i] = f
		return i
	}
	l.flights = append(l.flights, f)
	return uint32(len(l.flights) - 1)
}

// hold keeps a frame of a held direction until its release.
func (l *lane) hold(p cells.PortRef, q *cells.PortRecord, x *ext, plan *plan, h heldFrame) {
	if !l.n.stream(p) && uint64(len(x.held)) >= plan.params.Hold {
		l.drop(p, q, h.n, cells.ReasonHeld)
		l.on.Frames.Release(cells.Frame(h.item))
		return
	}
	x.held = append(x.held, h)
}

// Dispatch handles what arrives at the far ends of directions.
func (l *lane) Dispatch(e des.Event) {
	from := cells.PortRef(e.Entity().Index())
	item := uint32(e.Arg)
	if l.trace {
		f := &l.flights[item]
		l.sched.Caused(f.cause)
		l.freeFlights = append(l.freeFlights, item)
		item = f.item
	}
	s := l.host.Port(from)
	if s.Alert() {
		l.arrival(from, s, e, item)
		return
	}
	l.deliver(s, e, cells.Frame(item))
}

func (l *lane) deliver(s *cells.PortRecord, e des.Event, f cells.Frame) {
	to := s.Peer
	q := l.host.Port(to)
	if l.on.Arrive(to, q, f) {
		return
	}
	name := ""
	if l.trace {
		name = l.nameIn(to, q)
	}
	if r, ok := l.on.Deliver(to, q, f, name, e.Seq>>8, uint8(e.Seq)); !ok {
		l.on.Miss(q, r)
	}
}

// nameOut is the name of the direction that one of the lane's ports sends on.
func (l *lane) nameOut(p cells.PortRef, x *ext) string {
	if x.link != 0 {
		link := &l.n.links[x.link-1]
		return link.names[link.side(p)]
	}
	return l.blockName(p)
}

// nameIn is the name of the direction that leads to one of the lane's ports.
func (l *lane) nameIn(to cells.PortRef, q *cells.PortRecord) string {
	if k := l.rare(q).link; k != 0 {
		link := &l.n.links[k-1]
		return link.names[1-link.side(to)]
	}
	return l.blockName(q.Peer)
}

// arrival looks twice at what arrives.
func (l *lane) arrival(from cells.PortRef, s *cells.PortRecord, e des.Event, item uint32) {
	q := l.host.Port(s.Peer)
	y := l.ext(q)
	var link *link
	if y.link != 0 {
		link = &l.n.links[y.link-1]
	}
	stream := link != nil && link.spec.Stream
	num := e.Seq >> 8
	if num < y.lostBefore {
		l.free(stream, item) // lost on the way; counted when that was decided
		return
	}
	if l.n.plan(from).params.Cut == CutHold {
		y.heldIn = append(y.heldIn, heldFrame{n: num, copy: uint8(e.Seq), item: item})
		return
	}
	if y.watched {
		l.sched.Touch()
	}
	switch {
	case link != nil && link.far != 0 && l.host.IsFar(q.Cell()):
		l.leave(link, q, y, item)
	case stream:
		l.arrive(from, s.Peer, y, num, item)
	default:
		l.deliver(s, e, cells.Frame(item))
	}
	if link != nil && link.drains {
		if y.awaited--; y.awaited == 0 {
			l.n.drained(link, link.side(from))
		}
	}
}

func (l *lane) free(stream bool, item uint32) {
	if stream {
		l.freeSegment(item)
		return
	}
	l.on.Frames.Release(cells.Frame(item))
}
