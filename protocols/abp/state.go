package abp

import (
	"encoding/json"
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
)

// state is all of a cell that a restart with kept state keeps.
type state struct {
	// The sender's.
	Began    bool // Stream is chosen
	Stream   uint64
	Bit      uint8
	InFlight bool
	Payload  []byte     // of the message in flight
	Tries    uint64     // to send it
	SentAt   clock.Time // its first try
	Texts    [][]byte   // messages commanded and not yet accepted
	Left     uint64     // own messages not yet accepted
	Due      bool       // the interval since the last has passed
	RTT      spans

	Accepted, Sent, Retransmitted, Acked, StaleAcks uint64

	// The receiver's.
	Expected                        uint8
	Delivered, Duplicates, AcksSent uint64

	// Both.
	CorruptDropped, Stray uint64
}

// Save gives the whole state.
func (p *cell) Save() []byte {
	b, err := json.Marshal(&p.state)
	if err != nil {
		panic("abp: " + err.Error())
	}
	return b
}

// Restore takes a state that Save gave.
func (p *cell) Restore(b []byte) error {
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("abp: kept state: %w", err)
	}
	if s.Bit > 1 || s.Expected > 1 || len(s.Payload) > SizeMax || s.InFlight && (len(s.Payload) < SizeMin || s.Accepted == 0) {
		return fmt.Errorf("abp: kept state: a bit, or the message in flight, is none")
	}
	p.state = s
	return nil
}

// done reports whether the sender has nothing left to do, and the receiver has
// what it waits for.
func (p *cell) done() bool {
	if p.sends && (p.Left > 0 || len(p.Texts) > 0 || p.InFlight) {
		return false
	}
	return !p.receives || p.Delivered >= p.config.Messages
}

// AppendState shows the cell's counters and bits.
func (p *cell) AppendState(a []cells.Attr) []cells.Attr {
	a = append(a,
		cells.TextAttr("role", p.config.Role),
		cells.BoolAttr("up", p.up),
		cells.BoolAttr("done", p.done()))
	if p.sends {
		a = append(a,
			cells.IntAttr("bit", int64(p.Bit)),
			cells.BoolAttr("in_flight", p.InFlight),
			cells.IntAttr("waiting", int64(p.Left)+int64(len(p.Texts))),
			cells.IntAttr("accepted", int64(p.Accepted)),
			cells.IntAttr("sent", int64(p.Sent)),
			cells.IntAttr("retransmitted", int64(p.Retransmitted)),
			cells.IntAttr("acked", int64(p.Acked)),
			cells.IntAttr("stale_acks", int64(p.StaleAcks)),
			cells.IntAttr("rtt_ns", int64(p.RTT.Last)),
			cells.IntAttr("rtt_min_ns", int64(p.RTT.Min)),
			cells.IntAttr("rtt_max_ns", int64(p.RTT.Max)))
	}
	if p.receives {
		a = append(a,
			cells.IntAttr("expected_bit", int64(p.Expected)),
			cells.IntAttr("delivered", int64(p.Delivered)),
			cells.IntAttr("duplicates", int64(p.Duplicates)),
			cells.IntAttr("acks_sent", int64(p.AcksSent)))
	}
	return append(a,
		cells.IntAttr("corrupt_dropped", int64(p.CorruptDropped)),
		cells.IntAttr("stray", int64(p.Stray)))
}
