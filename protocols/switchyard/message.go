package switchyard

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"example.com/dsim/protocols/stream"
)

// Version is the version of the protocol in every message.
const Version = 1

// Sizes of messages, in bytes. A message is a length of four bytes, which does
// not count itself, a header, and a payload.
const (
	HeaderSize = 12
	PayloadMax = 64 << 10
	MessageMax = HeaderSize + PayloadMax // the greatest length
	lengthSize = 4
)

// Overhead is what a message takes of a stream beside its payload.
const Overhead = lengthSize + HeaderSize

// FramingOf is how messages lie in a stream.
func FramingOf() stream.Framing { return stream.Prefix32(MessageMax) }

// Promisc is the flag of a subscription that wants every frame.
const Promisc = 1 << 0

// Mirrored is the flag of a PACKET_IN that a rule has mirrored, for clients that
// apply rules: no rule mirrors it again, or two that mirror to each other would
// never come to an end.
const Mirrored = 1 << 1

// Type says what a message is. Numbers below 40, and Error, are those of every
// Switchyard; those from 40 on are ours, and nobody gets one who did not ask.
type Type uint16

// The types of messages. C is a client, F the fabric.
const (
	TypeHello           Type = 1  // C: {"client_name"}; the first one
	TypeWelcome         Type = 2  // F: {"server", "version"}
	TypeEndpointCreate  Type = 10 // C: {"name", "mac"?}
	TypeEndpointCreated Type = 11 // F: {"endpoint_id", "name", "mac"}
	TypeEndpointLookup  Type = 12 // C: {"name"}
	TypeEndpointInfo    Type = 13 // F: as created
	TypeSubscribe       Type = 20 // C: endpoint and flags of the header decide
	TypeSubscribed      Type = 21 // F: {}; endpoint and flags as asked for
	TypePacketOut       Type = 30 // C: a frame from an endpoint
	TypePacketIn        Type = 31 // F: a frame for an endpoint
	TypeImpairSet       Type = 40 // C: {"from"?, "to"?, "set"}
	TypeOK              Type = 41 // F: {} or what was done
	TypeCaptureGet      Type = 42 // C: {"from"?, "max"?}
	TypeCaptureData     Type = 43 // F: {"frames", "next"}
	TypeStatsGet        Type = 44 // C: {"from"?}
	TypeStats           Type = 45 // F: {"counters", "endpoints", "next"}
	TypeRuleSet         Type = 46 // C: {"endpoint", "version", "rules"}
	TypeRules           Type = 47 // F: {"version", "rules"}, for the header's endpoint, unasked
	TypeRulesApplied    Type = 48 // C: {"version"}; no answer
	TypeReplay          Type = 49 // C: {"scale"?, "from"?, "to"?}
	TypeMirror          Type = 50 // C: a frame for the header's endpoint alone; no answer
	TypeError           Type = 100
)

var typeNames = map[Type]string{
	TypeHello: "HELLO", TypeWelcome: "WELCOME", TypeEndpointCreate: "ENDPOINT_CREATE", TypeEndpointCreated: "ENDPOINT_CREATED",
	TypeEndpointLookup: "ENDPOINT_LOOKUP", TypeEndpointInfo: "ENDPOINT_INFO", TypeSubscribe: "SUBSCRIBE", TypeSubscribed: "SUBSCRIBED",
	TypePacketOut: "PACKET_OUT", TypePacketIn: "PACKET_IN", TypeImpairSet: "IMPAIR_SET", TypeOK: "OK", TypeCaptureGet: "CAPTURE_GET",
	TypeCaptureData: "CAPTURE_DATA", TypeStatsGet: "STATS_GET", TypeStats: "STATS", TypeRuleSet: "RULE_SET", TypeRules: "RULES",
	TypeRulesApplied: "RULES_APPLIED", TypeReplay: "REPLAY", TypeMirror: "MIRROR", TypeError: "ERROR",
}

// String is the type's name, its number if it has none.
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return strconv.Itoa(int(t))
}

// Message is one message without its length and version.
type Message struct {
	Type     Type
	Endpoint uint32
	Flags    uint32
	Payload  []byte
}

// Append puts a message at the end of dst as it goes into the stream. A
// payload of more than PayloadMax bytes is a mistake of the caller.
func (m Message) Append(dst []byte) []byte {
	if len(m.Payload) > PayloadMax {
		panic("switchyard: a payload of " + strconv.Itoa(len(m.Payload)) + " bytes")
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(HeaderSize+len(m.Payload)))
	dst = binary.BigEndian.AppendUint16(dst, Version)
	dst = binary.BigEndian.AppendUint16(dst, uint16(m.Type))
	dst = binary.BigEndian.AppendUint32(dst, m.Endpoint)
	dst = binary.BigEndian.AppendUint32(dst, m.Flags)
	return append(dst, m.Payload...)
}

// ParseMessage reads what follows the length. The payload aliases b.
func ParseMessage(b []byte) (Message, error) {
	if len(b) < HeaderSize {
		return Message{}, badLength(int64(len(b)))
	}
	if v := binary.BigEndian.Uint16(b); v != Version {
		return Message{}, fmt.Errorf("protocol version mismatch: %d != %d", v, Version)
	}
	return Message{
		Type:     Type(binary.BigEndian.Uint16(b[2:])),
		Endpoint: binary.BigEndian.Uint32(b[4:]),
		Flags:    binary.BigEndian.Uint32(b[8:]),
		Payload:  b[HeaderSize:],
	}, nil
}

func badLength(n int64) error {
	return fmt.Errorf("bad message: a length of %d: from %d to %d are possible", n, HeaderSize, MessageMax)
}

// String shows a message in one line, for traces and people.
func (m Message) String() string {
	s := fmt.Sprintf("%s endpoint=%d flags=%#x", m.Type, m.Endpoint, m.Flags)
	switch m.Type {
	case TypePacketOut, TypePacketIn, TypeMirror:
		return fmt.Sprintf("%s frame=%x", s, m.Payload)
	}
	return fmt.Sprintf("%s %q", s, m.Payload)
}
