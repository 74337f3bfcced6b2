package links

import (
	"encoding/binary"
	"errors"
)

// SegmentKind says what a Segment is.
type SegmentKind uint8

// The kinds of segments; see the table in stream.go.
const (
	SegSYN    = SegmentKind(segSYN)    // N: the dialler's bound; Addr: what is dialled
	SegACK    = SegmentKind(segACK)    // N: the acceptor's bound
	SegData   = SegmentKind(segData)   // Data
	SegCredit = SegmentKind(segCredit) // N: how many bytes were handled
	SegFIN    = SegmentKind(segFIN)    //
	SegRST    = SegmentKind(segRST)    // Code: why, as cells.DownCode has it
)

// Segment is a message between the two ends of a connection of a stream link
// that leads outside, as it goes over a socket.
//
//	kind:4 forward:1 | code | dial | SYN: bound, address; ACK: bound; data: bytes; credit: bytes handled
//
// in the first byte, one byte, and varints without a sign.
type Segment struct {
	Kind    SegmentKind
	Forward bool   // from the end that has dialled
	Code    uint8  // RST
	Dial    uint32 // the how-manieth dial of the dialling end
	N       uint64 // SYN, ACK, credit
	Addr    string // SYN
	Data    []byte // data: at least a byte, at most SegmentMax
}

const segForward = 1 << 4

// AddrMax bounds the address of a dial that comes from outside.
const AddrMax = 255

// ErrSegment says that bytes are no segment, or one that does not fit.
var ErrSegment = errors.New("not a segment")

// Append writes a segment behind b.
func (s *Segment) Append(b []byte) []byte {
	head := byte(s.Kind)
	if s.Forward {
		head |= segForward
	}
	b = append(b, head, s.Code)
	b = binary.AppendUvarint(b, uint64(s.Dial))
	switch s.Kind {
	case SegSYN:
		b = binary.AppendUvarint(b, s.N)
		b = append(b, s.Addr...)
	case SegACK, SegCredit:
		b = binary.AppendUvarint(b, s.N)
	case SegData:
		b = append(b, s.Data...)
	}
	return b
}

// ParseSegment reads a segment; its Data is a part of b.
func ParseSegment(b []byte) (s Segment, err error) {
	if len(b) < 3 || b[0]&^(segForward|0xf) != 0 {
		return s, ErrSegment
	}
	s.Kind, s.Forward, s.Code = SegmentKind(b[0]&0xf), b[0]&segForward != 0, b[1]
	b = b[2:]
	number := func(most uint64) uint64 {
		v, k := binary.Uvarint(b)
		if k <= 0 || v > most {
			err, b = ErrSegment, nil
			return 0
		}
		b = b[k:]
		return v
	}
	s.Dial = uint32(number(1<<32 - 1))
	switch s.Kind {
	case SegSYN:
		s.N = number(BoundMax)
		s.Addr, b = string(b), nil
		if len(s.Addr) > AddrMax || !s.Forward {
			err = ErrSegment
		}
	case SegACK:
		s.N = number(BoundMax)
	case SegCredit:
		s.N = number(1 << 62)
	case SegData:
		if s.Data = b; len(b) == 0 || len(b) > SegmentMax {
			err = ErrSegment
		}
		b = nil
	case SegFIN, SegRST:
	default:
		err = ErrSegment
	}
	if len(b) > 0 {
		err = ErrSegment
	}
	return s, err
}
