package abp

import "example.com/dsim/cells"

// handleData takes data: it delivers the message if its bit is the expected
// one, and acknowledges the bit that came in any case, since the sender may not
// have heard the last acknowledgement.
func (p *cell) handleData(e cells.Env, frame []byte) {
	if messages.Decode(p.in.Payload, &p.message) != nil {
		p.dropCorrupt(e, frame)
		return
	}
	bit := p.in.Bit
	if bit == p.Expected || p.config.Bug == IgnoreBit {
		p.Expected = bit ^ 1
		p.Delivered++
		e.Emit(KindContent, int64(p.message.Stream), contentHash(p.in.Payload))
		e.Emit(KindDeliver, int64(p.message.Number), int64(len(p.in.Payload)))
	} else {
		p.Duplicates++
	}
	p.AcksSent++
	p.send(e, kindAck, bit, nil)
}
