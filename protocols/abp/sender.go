package abp

import (
	"time"

	"example.com/dsim/cells"
)

// triesOfGiveUp is after how many tries the canary GiveUp drops a message.
const triesOfGiveUp = 3

// maybeAccept takes the next message, if there is one, and nothing is in
// flight: first what commands asked for, then the cell's own.
func (p *cell) maybeAccept(e cells.Env) {
	if !p.up || p.sizes == nil || p.InFlight {
		return
	}
	switch {
	case len(p.Texts) > 0:
		text := p.Texts[0]
		p.Texts = p.Texts[1:]
		p.begin(int64(SizeMin + len(text)))
		p.Payload = append(p.Payload, text...)
	case p.Left > 0 && p.Due:
		p.Left--
		size := max(SizeMin, min(p.sizes.Sample(p.config.Size), p.limit))
		p.begin(size)
		p.Payload = appendPattern(p.Payload, p.Stream, p.Accepted, int(size-SizeMin))
		if gap := p.intervals.Sample(p.config.Interval); gap > 0 {
			p.Due = false
			e.Arm(timerInterval, time.Duration(gap))
		}
	default:
		return
	}
	e.Emit(KindContent, int64(p.Stream), contentHash(p.Payload))
	e.Emit(KindAccept, int64(p.Accepted), int64(len(p.Payload)))
	p.Accepted++
	p.Tries = 0
	p.InFlight = true
	p.transmit(e)
}

// begin starts the payload of the next message.
func (p *cell) begin(size int64) {
	if int64(cap(p.Payload)) < size {
		p.Payload = make([]byte, 0, size)
	}
	p.message = message{Stream: p.Stream, Number: p.Accepted}
	p.Payload, _ = messages.Append(p.Payload[:0], &p.message) // only a body can be too long
}

// current is the number of the message in flight.
func (p *cell) current() uint64 { return p.Accepted - 1 }

// transmit sends the message in flight, again if it was sent before.
func (p *cell) transmit(e cells.Env) {
	p.Tries++
	p.Sent++
	if p.Tries > 1 {
		p.Retransmitted++
		e.Emit(KindRetransmit, int64(p.current()), int64(p.Tries))
	} else {
		p.SentAt = e.Now()
	}
	p.send(e, kindData, p.Bit, p.Payload)
	e.Arm(timerRTO, p.config.RTO)
}

func (p *cell) send(e cells.Env, kind, bit uint8, payload []byte) {
	p.in = datagram{kind, bit, payload}
	frame, err := datagrams.Append(e.Buf(), &p.in)
	if err != nil {
		panic("abp: " + err.Error()) // kinds, bits and sizes are ours
	}
	e.Send(port, frame)
}

func (p *cell) handleRTO(e cells.Env) {
	switch {
	case !p.up || !p.InFlight:
	case p.config.Bug == GiveUp && p.Tries >= triesOfGiveUp:
		p.InFlight = false
		p.maybeAccept(e)
	default:
		p.transmit(e)
	}
}

// handleAck takes an acknowledgement of a bit: it is for the message in flight
// if it is the sender's own.
func (p *cell) handleAck(e cells.Env, bit uint8) {
	if !p.InFlight || bit != p.Bit && p.config.Bug != IgnoreAckBit {
		p.StaleAcks++
		return
	}
	if p.Tries == 1 { // of a message sent twice nobody knows which was answered
		p.RTT.add(e.Now().Sub(p.SentAt))
	}
	e.Disarm(timerRTO)
	p.Acked++
	p.Bit ^= 1
	p.InFlight = false
	p.maybeAccept(e)
}

// spans is what is kept of round trips.
type spans struct {
	Last, Min, Max time.Duration
	Count          uint64
}

func (s *spans) add(d time.Duration) {
	if s.Count == 0 || d < s.Min {
		s.Min = d
	}
	s.Last, s.Max = d, max(s.Max, d)
	s.Count++
}
