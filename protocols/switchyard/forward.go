package switchyard

import (
	"fmt"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/protocols/eth"
)

// station is where an address was heard of last.
type station struct {
	at    *endpoint
	heard clock.Time
}

// station finds who has an address. One that is too old is forgotten; the
// address an endpoint was created with stays as long as it is there.
func (f *fabric) station(e cells.Env, mac eth.MAC) *station {
	s := f.macs[mac]
	if s == nil || f.config.Age == 0 || s.at.mac == mac || e.Now().Sub(s.heard) < f.config.Age {
		return s
	}
	delete(f.macs, mac)
	s.at.forget(mac)
	f.counts.aged++
	e.Emit(KindAged, int64(mac.Uint64()), 0)
	return nil
}

func (p *endpoint) forget(mac eth.MAC) {
	if i := slices.Index(p.macs, mac); i >= 0 {
		p.macs = slices.Delete(p.macs, i, i+1)
	}
}

// learn notes that an address was heard of at an endpoint.
func (f *fabric) learn(e cells.Env, mac eth.MAC, p *endpoint) {
	if !mac.Station() {
		return
	}
	s := f.macs[mac]
	switch {
	case s == nil && len(f.macs) >= MACsMax && mac != p.mac: // an endpoint's own is bounded by the endpoints
		f.counts.unlearned++
		return
	case s == nil:
		s = &station{}
		f.macs[mac] = s
		f.counts.learned++
	case s.at != p:
		s.at.forget(mac)
		f.counts.moved++
	}
	if s.at != p {
		s.at = p
		p.macs = append(p.macs, mac)
	}
	s.heard = e.Now()
}

// handlePacket takes a frame. It may come from another connection than the one
// that created the endpoint: that is allowed, and counted.
func (f *fabric) handlePacket(e cells.Env, c *client, m Message) {
	p := f.byID[m.Endpoint]
	switch {
	case p == nil:
		f.refuse(e, c, fmt.Sprintf("%s%d", errUnknownSource, m.Endpoint))
		f.lose(e, c, m.Payload)
		return
	case len(m.Payload) < eth.HeaderSize:
		f.refuse(e, c, errBadFrame+errShortFrame)
		f.lose(e, c, m.Payload)
		return
	}
	if p.owner != c.number {
		f.counts.foreign++
	}
	f.counts.frames++
	e.Emit(KindIn, int64(c.number), int64(p.id))
	sum := f.seen(e, m.Payload)
	f.capture(e, p, m.Payload)
	f.forward(e, p, m.Payload, sum)
	f.mirror(e)
}

// lose notes a frame that goes nowhere.
func (f *fabric) lose(e cells.Env, c *client, frame []byte) {
	f.counts.misplaced++
	e.Emit(KindIn, int64(c.number), 0)
	f.seen(e, frame)
}

func (f *fabric) seen(e cells.Env, frame []byte) int64 {
	sum := Sum(frame)
	e.Emit(KindFrame, sum, int64(len(frame)))
	return sum
}

// handleMirror takes a frame for one endpoint, whatever its addresses say, of
// which nothing is learned.
func (f *fabric) handleMirror(e cells.Env, c *client, m Message) {
	p := f.byID[m.Endpoint]
	switch {
	case p == nil:
		f.refuse(e, c, fmt.Sprintf("%s%d", errNoMirror, m.Endpoint))
	case len(m.Payload) < eth.HeaderSize:
		f.refuse(e, c, errBadMirror+errShortFrame)
		p = nil
	}
	if p == nil {
		f.lose(e, c, m.Payload)
		return
	}
	f.counts.mirrored++
	e.Emit(KindMirror, int64(c.number), int64(p.id))
	f.arrive(e, p, m.Payload, f.seen(e, m.Payload), mirrored)
}

// coming is how a copy comes to an endpoint.
type coming uint8

const (
	entering coming = iota // as it enters the fabric: who sees everything sees it here
	again                  // late, or doubled
	mirrored               // by a rule: no other mirrors it
)

// forward lets a frame go where it must: first what the tables say, then to
// each endpoint in the order of numbers. What promiscuous subscriptions see is
// the frame as it came in.
func (f *fabric) forward(e cells.Env, from *endpoint, frame []byte, sum int64) {
	dst, src := eth.MAC(frame[:6]), eth.MAC(frame[6:12])
	e.Emit(KindMACs, int64(dst.Uint64()), int64(src.Uint64()))
	from.tx++
	f.learn(e, src, from)
	var to *endpoint
	if dst != eth.Broadcast {
		if s := f.station(e, dst); s != nil {
			to = s.at
		}
	}
	if to != nil {
		f.counts.unicast++
		if f.taps == 0 {
			f.pass(e, from, to, frame, sum)
			return
		}
	} else {
		f.counts.flooded++
	}
	for _, p := range f.endpoints {
		if p == to || to == nil && (p != from || f.config.Bug == FloodSource) {
			f.pass(e, from, p, frame, sum)
		} else {
			f.tap(e, p, frame, sum)
		}
	}
}

// tap shows a frame to the promiscuous subscriptions of an endpoint.
func (f *fabric) tap(e cells.Env, p *endpoint, frame []byte, sum int64) {
	for _, s := range p.subs {
		if s.promisc() {
			f.offer(e, s, s.flags, frame, sum)
		}
	}
}

// pass lets a copy of a frame go to an endpoint that it is for.
func (f *fabric) pass(e cells.Env, from, to *endpoint, frame []byte, sum int64) {
	f.counts.copies++
	now := 1
	if len(f.impaired) > 0 {
		now = f.impair(e, from, to, frame, sum)
	}
	if now == 0 {
		f.tap(e, to, frame, sum)
		return
	}
	f.arrive(e, to, frame, sum, entering)
	for range now - 1 {
		f.arrive(e, to, frame, sum, again)
	}
}

// arrive brings a copy to the subscriptions of an endpoint; to those that see
// everything only if it is just coming in.
func (f *fabric) arrive(e cells.Env, to *endpoint, frame []byte, sum int64, how coming) {
	f.counts.arrived++
	to.rx++
	if len(to.subs) == 0 {
		f.counts.swallowed++
	}
	for _, s := range to.subs {
		flags := s.flags
		if how == mirrored && s.client.hello.rules {
			flags |= Mirrored
		}
		switch {
		case s.promisc() && how != entering:
		case s.promisc() || f.admit(e, s, frame, sum, how):
			f.offer(e, s, flags, frame, sum)
		}
	}
}

// offer puts a frame into the queue of a subscription's connection, if it has
// room there.
func (f *fabric) offer(e cells.Env, s *subscription, flags uint32, frame []byte, sum int64) {
	f.counts.offered++
	n := Overhead + len(frame)
	if f.queued(e, s.client)+n > f.config.Limit {
		f.counts.full++
		if f.config.Bug == CountTwice {
			f.counts.full++
		}
		e.Emit(KindFull, int64(s.number), sum)
		return
	}
	f.counts.delivered++
	e.Emit(KindOut, int64(s.number), sum)
	f.queue(s.client, Message{TypePacketIn, s.to.id, flags, frame})
}
