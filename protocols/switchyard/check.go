package switchyard

import (
	"fmt"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/eth"
)

// OracleName is what scenarios call the oracle.
const OracleName = "switchyard/delivery"

// oracle holds the law. It follows each connection from a client's hand to the
// fabric and back, and keeps tables of its own for each fabric:
//
//   - what a fabric takes from a connection is what its client sent there, in
//     that order, and nothing else;
//   - each frame goes to the subscriptions that the table of addresses says, in
//     the order of endpoints and then of subscriptions, each once, and to no
//     others; to a promiscuous one as it comes in, once;
//   - a copy that is late comes once, and one that was dropped never;
//   - what is replayed was there before;
//   - what a client gets from a connection is what the fabric put in, with the
//     endpoint and the flags of its subscription, in that order;
//   - a connection says hello once, numbers of endpoints only grow, and no
//     address is two endpoints'.
//
// It knows nothing of why a copy was dropped, doubled or late, nor of which
// rules fit: a fabric that says so is believed.
type oracle struct {
	lines   map[int64]*line         // by session; looked up, never ranged over
	fabrics map[cells.ID]*fabricLog // looked up, and ranged over by order
	order   []cells.ID
}

// line is one connection, by its session: what is on its way.
type line struct {
	session  int64
	client   cells.ID
	taken    bool    // a fabric has it
	sent     []int64 // by the client, and not yet in the fabric
	out      []int64 // by the fabric, and not yet at the client
	frames   int     // that came in
	received int
}

// fabricLog is the state of a fabric as its emissions tell it.
type fabricLog struct {
	conns   map[int64]*line // by number; nil for a client that tells no session
	eps     []*epLog        // in the order of numbers
	byID    map[int64]*epLog
	macs    map[int64]*epLog
	lastSub int64
	lastEp  int64
	late    map[lateLog]int
	seen    map[int64]bool // sums of frames that came in

	step stepLog
	from *epLog // where the frame came in
	line *line  // on which connection; nil for none that is known
	sum  int64
	dst  int64    // to which address it goes; 0 once it has gone to one
	to   []target // where it must still go
}

// stepLog is what must come next of a frame that comes in.
type stepLog uint8

const (
	stepNone   stepLog = iota
	stepFrame          // KindFrame, and then KindMACs
	stepMirror         // KindFrame, and then to one endpoint
	stepLost           // KindFrame, and then nowhere
	stepMACs
)

type epLog struct {
	id, mac int64
	subs    []*subLog
	rules   int64 // their version
}

type subLog struct {
	number  int64
	ep      *epLog
	conn    int64
	promisc bool
}

type lateLog struct{ ep, sum int64 }

// target is an endpoint on a frame's way.
type target struct {
	ep     *epLog
	taps   bool // promiscuous subscriptions see it here
	copies int  // for the others
	round  int
	next   int // of the subscriptions
}

// NewOracle gives the oracle "switchyard/delivery", for any number of fabrics.
func NewOracle() cells.Oracle {
	return &oracle{lines: make(map[int64]*line), fabrics: make(map[cells.ID]*fabricLog)}
}

// Kinds are the emissions the oracle reads.
func (o *oracle) Kinds() []cells.Kind {
	return []cells.Kind{
		KindSession, KindSent, KindReceived, KindBegun, KindHello, KindGone, KindEndpoint, KindRemoved, KindSubscribed, KindAged,
		KindIn, KindReplayed, KindMirror, KindFrame, KindMACs, KindImpaired, KindLate, KindOut, KindFull, KindBlocked, KindRules, KindApplied,
	}
}

// Observe takes one emission.
func (o *oracle) Observe(_ des.Key, m cells.Emission) error {
	switch m.Kind {
	case KindSession, KindSent, KindReceived:
		return o.client(m)
	case KindBegun:
		if o.fabrics[m.Cell] == nil {
			o.order = append(o.order, m.Cell)
		}
		o.fabrics[m.Cell] = newFabricLog()
		return nil
	}
	f := o.fabrics[m.Cell]
	if f == nil {
		return nil // KindApplied, at an endpoint
	}
	if err := f.observe(o, m); err != nil {
		return fmt.Errorf("%s: %w", m.Cell, err)
	}
	return nil
}

func newFabricLog() *fabricLog {
	return &fabricLog{
		conns: make(map[int64]*line), byID: make(map[int64]*epLog), macs: make(map[int64]*epLog),
		late: make(map[lateLog]int), seen: make(map[int64]bool),
	}
}

// client takes what the client's end of a connection says.
func (o *oracle) client(m cells.Emission) error {
	l := o.lines[m.A]
	if m.Kind == KindSession && m.B == 0 {
		if l != nil {
			return fmt.Errorf("%s: session %d is that of %s", m.Cell, m.A, l.client)
		}
		o.lines[m.A] = &line{session: m.A, client: m.Cell}
		return nil
	}
	switch {
	case l == nil || l.client != m.Cell:
		return fmt.Errorf("%s: %s in session %d, which it did not begin", m.Cell, m.Kind, m.A)
	case m.Kind == KindSent:
		l.sent = append(l.sent, m.B)
	case m.Kind == KindReceived:
		l.received++
		if len(l.out) == 0 {
			return fmt.Errorf("%s: frame %d of the connection was received, but none is on its way", m.Cell, l.received)
		}
		if l.out[0] != m.B {
			return fmt.Errorf("%s: frame %d of the connection is not the one that was sent, or for another endpoint", m.Cell, l.received)
		}
		l.out = l.out[1:]
	}
	return nil
}

func (f *fabricLog) observe(o *oracle, m cells.Emission) error {
	switch m.Kind {
	case KindFrame, KindMACs:
		return f.enter(m)
	case KindImpaired:
		return f.impaired(m.A, m.B)
	case KindOut, KindFull, KindBlocked:
		return f.put(m)
	case KindAged:
		if m.A == f.dst { // the frame is for it: it is found to be too old when it is looked up
			f.to = f.to[:0]
			if err := f.aged(m.A); err != nil {
				return err
			}
			f.aim()
			return nil
		}
	}
	if err := f.done(); err != nil {
		return err
	}
	switch m.Kind {
	case KindHello, KindGone, KindSubscribed, KindEndpoint, KindRemoved, KindAged, KindRules, KindApplied:
		return f.control(o, m)
	case KindLate:
		p, k := f.byID[m.A], lateLog{m.A, m.B}
		if p == nil || f.late[k] == 0 {
			return fmt.Errorf("a late copy for endpoint %d that nothing was kept for", m.A)
		}
		f.late[k]--
		f.sum, f.line = m.B, nil
		f.to = append(f.to, target{ep: p, copies: 1})
	case KindIn:
		l, known := f.conns[m.A]
		if !known {
			return fmt.Errorf("a frame on connection %d, which is not there", m.A)
		}
		f.line, f.from, f.step = l, f.byID[m.B], stepFrame
		if m.B == 0 {
			f.step = stepLost
		} else if f.from == nil {
			return fmt.Errorf("a frame from endpoint %d, which is not there", m.B)
		}
	case KindMirror:
		l, known := f.conns[m.A]
		p := f.byID[m.B]
		if !known && m.A > 0 || p == nil {
			return fmt.Errorf("a mirrored frame on connection %d for endpoint %d: one of them is not there", m.A, m.B)
		}
		f.line, f.from, f.step = l, p, stepMirror
		if m.A == 0 { // by the fabric itself
			f.sum = -1
		}
	case KindReplayed:
		if f.from = f.byID[m.A]; f.from == nil {
			return fmt.Errorf("a replayed frame of endpoint %d, which is not there", m.A)
		}
		f.line, f.step = nil, stepFrame
		f.sum = -1 // KindFrame is held against what was seen
	}
	return nil
}

// control takes what changes the tables.
func (f *fabricLog) control(o *oracle, m cells.Emission) error {
	switch m.Kind {
	case KindHello:
		return f.hello(o, m.A, m.B)
	case KindGone:
		delete(f.conns, m.A)
		for _, p := range f.eps {
			p.subs = slices.DeleteFunc(p.subs, func(s *subLog) bool { return s.conn == m.A })
		}
	case KindEndpoint:
		if m.A <= f.lastEp {
			return fmt.Errorf("endpoint %d is created after endpoint %d", m.A, f.lastEp)
		}
		if p := f.macs[m.B]; p != nil {
			return fmt.Errorf("endpoint %d is created with an address of endpoint %d", m.A, p.id)
		}
		p := &epLog{id: m.A, mac: m.B}
		f.lastEp = m.A
		f.eps = append(f.eps, p)
		f.byID[p.id] = p
		f.learn(m.B, p)
	case KindRemoved:
		return f.remove(m.A)
	case KindSubscribed:
		p := f.byID[m.A]
		if _, known := f.conns[m.B>>1]; p == nil || !known {
			return fmt.Errorf("connection %d subscribes to endpoint %d: one of them is not there", m.B>>1, m.A)
		}
		f.lastSub++
		s := &subLog{number: f.lastSub, ep: p, conn: m.B >> 1, promisc: m.B&1 != 0}
		p.subs = append(p.subs, s)
	case KindAged:
		return f.aged(m.A)
	case KindRules, KindApplied:
		p := f.byID[m.A]
		switch {
		case p == nil:
			return fmt.Errorf("rules for endpoint %d, which is not there", m.A)
		case m.Kind == KindRules && m.B <= p.rules:
			return fmt.Errorf("version %d of the rules of endpoint %d, after version %d", m.B, m.A, p.rules)
		case m.Kind == KindApplied && m.B > p.rules:
			return fmt.Errorf("version %d of the rules of endpoint %d applied, which has only version %d", m.B, m.A, p.rules)
		}
		p.rules = max(p.rules, m.B)
	}
	return nil
}

// aged forgets an address, which must be one that was learned.
func (f *fabricLog) aged(mac int64) error {
	p := f.macs[mac]
	if p == nil || p.mac == mac {
		return fmt.Errorf("address %012x is forgotten, which is not one that was learned", mac)
	}
	delete(f.macs, mac)
	return nil
}

func (f *fabricLog) hello(o *oracle, conn, session int64) error {
	if _, known := f.conns[conn]; known {
		return fmt.Errorf("connection %d says hello twice", conn)
	}
	l := o.lines[session]
	if l != nil && l.taken {
		return fmt.Errorf("connection %d has the session of another", conn)
	}
	if l != nil {
		l.taken = true
	}
	f.conns[conn] = l
	return nil
}

func (f *fabricLog) remove(id int64) error {
	p := f.byID[id]
	if p == nil {
		return fmt.Errorf("endpoint %d is removed, which is not there", id)
	}
	delete(f.byID, id)
	f.eps = slices.DeleteFunc(f.eps, func(q *epLog) bool { return q == p })
	for mac, q := range f.macs { //dsim:sorted what is deleted does not depend on the order
		if q == p {
			delete(f.macs, mac)
		}
	}
	return nil
}

func (f *fabricLog) learn(mac int64, p *epLog) {
	if _, known := f.macs[mac]; known || len(f.macs) < MACsMax || mac == p.mac {
		f.macs[mac] = p
	}
}

// enter takes a frame's sum, and then where it goes.
func (f *fabricLog) enter(m cells.Emission) error {
	if m.Kind == KindMACs {
		if f.step != stepMACs {
			return fmt.Errorf("the addresses of a frame that did not come in")
		}
		f.step = stepNone
		f.route(m.A, m.B)
		return nil
	}
	step := f.step
	f.step = stepNone
	if step == stepNone || step == stepMACs {
		return fmt.Errorf("a frame that did not come in")
	}
	if f.sum == -1 && !f.seen[m.A] {
		return fmt.Errorf("a frame that the fabric sends again was never seen before")
	}
	f.sum = m.A
	if l := f.line; l != nil {
		l.frames++
		if len(l.sent) == 0 || l.sent[0] != m.A {
			return fmt.Errorf("frame %d on the connection of %s is not what was sent next there", l.frames, l.client)
		}
		l.sent = l.sent[1:]
	}
	switch step {
	case stepFrame:
		f.step = stepMACs
		f.seen[m.A] = true
	case stepMirror:
		f.to = append(f.to, target{ep: f.from, copies: 1})
	}
	return nil
}

// route finds where a frame must go.
func (f *fabricLog) route(dst, src int64) {
	if isStation(src) {
		f.learn(src, f.from)
	}
	f.dst = dst
	f.aim()
}

// aim lists where the frame must go as the table says now.
func (f *fabricLog) aim() {
	var to *epLog
	if f.dst != int64(eth.Broadcast.Uint64()) {
		to = f.macs[f.dst]
	}
	for _, p := range f.eps {
		t := target{ep: p, taps: true}
		if p == to || to == nil && p != f.from {
			t.copies = 1
		}
		if len(p.subs) > 0 || t.copies > 0 {
			f.to = append(f.to, t)
		}
	}
}

// isStation reports whether an address is one station's.
func isStation(mac int64) bool { return mac != 0 && mac>>40&1 == 0 }

// sub is the subscription that a copy goes to next at an endpoint, nil if it
// has been to all.
func (t *target) sub() *subLog {
	for ; t.round == 0 || t.round < t.copies; t.round++ {
		for ; t.next < len(t.ep.subs); t.next++ {
			s := t.ep.subs[t.next]
			if s.promisc && t.taps && t.round == 0 || !s.promisc && t.round < t.copies {
				return s
			}
		}
		t.next = 0
	}
	return nil
}

// next is the subscription that the frame goes to next, nil if there is none.
func (f *fabricLog) next() *subLog {
	for len(f.to) > 0 {
		if s := f.to[0].sub(); s != nil {
			return s
		}
		f.to = f.to[1:]
	}
	return nil
}

// impaired takes how many copies arrive, now and later, at the endpoint whose
// turn it is.
func (f *fabricLog) impaired(id, copies int64) error {
	f.dst = 0
	now, later := int(copies&0xff), int(copies>>8)
	for len(f.to) > 0 && f.to[0].ep.id != id {
		if s := f.to[0].sub(); s != nil {
			return fmt.Errorf("a copy for endpoint %d is impaired before subscription %d has its own", id, s.number)
		}
		f.to = f.to[1:]
	}
	if len(f.to) == 0 || f.to[0].copies != 1 || f.to[0].next > 0 || f.to[0].round > 0 || now+later > 2 {
		return fmt.Errorf("a copy for endpoint %d is impaired, which the frame is not for", id)
	}
	f.to[0].copies = now
	if later > 0 {
		f.late[lateLog{id, f.sum}] += later
	}
	return nil
}

// put takes what becomes of a frame at one subscription.
func (f *fabricLog) put(m cells.Emission) error {
	f.dst = 0
	s := f.next()
	switch {
	case s == nil:
		return fmt.Errorf("subscription %d gets a frame that is not for it", m.A)
	case s.number != m.A:
		return fmt.Errorf("subscription %d gets a frame, which is subscription %d's first", m.A, s.number)
	case m.B != f.sum:
		return fmt.Errorf("subscription %d gets another frame than the one that came in", m.A)
	case m.Kind == KindBlocked && (s.promisc || s.ep.rules == 0):
		return fmt.Errorf("a frame for subscription %d is blocked, which no rules are for", m.A)
	}
	f.to[0].next++
	if m.Kind != KindOut {
		return nil
	}
	if l := f.conns[s.conn]; l != nil {
		flags := uint32(0)
		if s.promisc {
			flags = Promisc
		}
		l.out = append(l.out, sumIn(m.B, uint32(s.ep.id), flags))
	}
	return nil
}

// done demands that the last frame has gone to all it is for.
func (f *fabricLog) done() error {
	f.dst = 0
	if f.step != stepNone {
		return fmt.Errorf("a frame came in of which nothing more was said")
	}
	if s := f.next(); s != nil {
		return fmt.Errorf("subscription %d of endpoint %d never got a frame that is for it", s.number, s.ep.id)
	}
	return nil
}

// Finish demands it of the last frames.
func (o *oracle) Finish() error {
	for _, id := range o.order {
		if err := o.fabrics[id].done(); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return nil
}
