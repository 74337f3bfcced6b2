package eth

import (
	"encoding/binary"
	"strconv"

	"example.com/dsim/protocols/wire"
)

// ICMPSize is the bytes in front of a message's payload.
const ICMPSize = 8

// MessageType is the type of an ICMP message.
type MessageType uint8

// Types of messages of RFC 792.
const (
	EchoReply   MessageType = 0
	Unreachable MessageType = 3
	EchoRequest MessageType = 8
	Exceeded    MessageType = 11
)

// String is the type's words, or its number.
func (t MessageType) String() string {
	switch t {
	case EchoReply:
		return "echo-reply"
	case Unreachable:
		return "unreachable"
	case EchoRequest:
		return "echo-request"
	case Exceeded:
		return "time-exceeded"
	}
	return strconv.Itoa(int(t))
}

// ICMP is a message of RFC 792. ID and Sequence mean that in an echo only; in
// others they are four bytes as they come.
type ICMP struct {
	Type     MessageType
	Code     uint8
	ID       uint16
	Sequence uint16
	Payload  []byte

	checksum uint16
}

var icmps = wire.NewLayout("icmp",
	wire.U8("type", func(m *ICMP) *MessageType { return &m.Type }),
	wire.U8("code", func(m *ICMP) *uint8 { return &m.Code }),
	wire.U16("checksum", func(m *ICMP) *uint16 { return &m.checksum }).Hex(),
	wire.U16("id", func(m *ICMP) *uint16 { return &m.ID }),
	wire.U16("sequence", func(m *ICMP) *uint16 { return &m.Sequence }),
	wire.Rest("payload", 0xffff-IPv4Size-ICMPSize, func(m *ICMP) *[]byte { return &m.Payload }),
)

// Parse reads the payload of an IPv4 packet.
func (m *ICMP) Parse(b []byte) error {
	if err := icmps.Decode(b, m); err != nil {
		return err
	}
	if s := sum(0).bytes(b); s.checksum() != 0 {
		want := (s + sum(^m.checksum)).checksum()
		return &wire.Error{Layout: "icmp", Field: "checksum", Offset: 2, Problem: wire.BadChecksum, Got: uint64(m.checksum), Want: uint64(want)}
	}
	return nil
}

// Append puts the message at the end of dst. It fails if it is longer than a
// packet holds.
func (m *ICMP) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	m.checksum = 0
	dst, err := icmps.Append(dst, m)
	if err != nil {
		return dst[:start], err
	}
	m.checksum = sum(0).bytes(dst[start:]).checksum()
	binary.BigEndian.PutUint16(dst[start+2:], m.checksum)
	return dst, nil
}
