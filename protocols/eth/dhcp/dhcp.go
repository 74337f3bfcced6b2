// Package dhcp is the format of messages with which hosts are given addresses:
// RFC 2131, and of the options of RFC 2132 those that carry on the conversation
// and those that a host cannot do without. Other options are passed over, and
// none is looked for in the fields of a server's name and of a boot file. When a
// message is sent and what it means is left to servers and clients.
package dhcp

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/wire"
)

// UDP ports of servers and clients.
const (
	ServerPort = 67
	ClientPort = 68
)

// Sizes of messages: up to the options, and the least that some relays and
// servers take, which is filled up with zeros, RFC 1542, section 2.1.
const (
	fixedSize = 240
	sizeMin   = 300
	sizeMax   = 1472 // a datagram on Ethernet
)

// Type is what a message is, option 53.
type Type uint8

// The types of messages of RFC 2131, section 3.1.
const (
	Discover Type = 1 // C: who has an address for me?
	Offer    Type = 2 // S: I have
	Request  Type = 3 // C: give me that one, or: may I keep mine?
	Decline  Type = 4 // C: somebody uses it already
	Ack      Type = 5 // S: it is yours
	Nak      Type = 6 // S: it is not
	Release  Type = 7 // C: I need it no more
	Inform   Type = 8 // C: I have an address, tell me the rest
)

var typeNames = [...]string{"", "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM"}

// String is the type's word.
func (t Type) String() string {
	if int(t) < len(typeNames) && t > 0 {
		return typeNames[t]
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// Op says who sends a message.
type Op uint8

// The senders.
const (
	FromClient Op = 1
	FromServer Op = 2
)

// Numbers of options.
const (
	optionPad    = 0
	optionMask   = 1
	optionRouter = 3
	optionDNS    = 6
	optionHost   = 12
	optionAsked  = 50
	optionLease  = 51
	optionType   = 53
	optionServer = 54
	optionText   = 56
	optionT1     = 58
	optionT2     = 59
	optionEnd    = 255
)

// Forever is a lease without an end.
const Forever = 0xffffffff

// Message is a message and those of its options that are understood. An option
// that is zero, or empty, is not there.
type Message struct {
	Op        Op
	ID        uint32 // of the conversation: the client draws it, the server repeats it
	Seconds   uint16 // since the client began
	Broadcast bool   // the client cannot be reached at its IP yet
	Client    eth.IP // the address a client has: bound, renewing or rebinding
	Yours     eth.IP // the address a server gives
	Next      eth.IP // the server of a boot file
	Relay     eth.IP
	MAC       eth.MAC // of the client

	Type   Type
	Asked  eth.IP // the address a client asks for
	Server eth.IP // which server is spoken to, or speaks
	Lease  uint32 // in seconds
	Renew  uint32 // T1, in seconds from the ACK
	Rebind uint32 // T2
	Mask   eth.IP
	Router eth.IP
	DNS    eth.IP
	Host   string // the client's name
	Text   string // why not, of a NAK

	options []byte
}

// RFC 2131, section 2.
var messages = wire.NewLayout("dhcp",
	wire.U8("op", func(m *Message) *Op { return &m.Op }).Range(1, 2),
	wire.Literal[Message]("hardware", "\x01\x06"), // Ethernet, six bytes
	wire.Reserved[Message]("hops", 1),
	wire.U32("id", func(m *Message) *uint32 { return &m.ID }).Hex(),
	wire.U16("seconds", func(m *Message) *uint16 { return &m.Seconds }),
	wire.Bits("flags", 2, wire.Flag("broadcast", 15, func(m *Message) *bool { return &m.Broadcast })),
	wire.Fixed("client", func(m *Message) []byte { return m.Client[:] }),
	wire.Fixed("yours", func(m *Message) []byte { return m.Yours[:] }),
	wire.Fixed("next", func(m *Message) []byte { return m.Next[:] }),
	wire.Fixed("relay", func(m *Message) []byte { return m.Relay[:] }),
	wire.Fixed("mac", func(m *Message) []byte { return m.MAC[:] }),
	wire.Reserved[Message]("mac-padding", 10),
	wire.Reserved[Message]("server-name", 64),
	wire.Reserved[Message]("boot-file", 128),
	wire.Literal[Message]("cookie", "\x63\x82\x53\x63"),
	wire.Rest("options", sizeMax-fixedSize, func(m *Message) *[]byte { return &m.options }),
)

// Parse reads a message. It fails without a type, which makes it one of BOOTP,
// and if an option is cut off or of a wrong size.
func (m *Message) Parse(b []byte) error {
	*m = Message{}
	if err := messages.Decode(b, m); err != nil {
		return err
	}
	options := m.options
	m.options = nil
	for len(options) > 0 && options[0] != optionEnd {
		if options[0] == optionPad {
			options = options[1:]
			continue
		}
		number := options[0]
		if len(options) < 2 || len(options) < 2+int(options[1]) {
			return fmt.Errorf("dhcp: option %d ends in the middle", number)
		}
		size := int(options[1])
		if err := m.option(number, options[2:2+size]); err != nil {
			return err
		}
		options = options[2+size:]
	}
	if m.Type == 0 {
		return fmt.Errorf("dhcp: a message without a type")
	}
	return nil
}

// option takes one option. Of lists of addresses the first counts.
func (m *Message) option(number byte, b []byte) error {
	switch number {
	case optionType:
		if len(b) != 1 || b[0] == 0 {
			return wrongSize(number, b)
		}
		m.Type = Type(b[0])
	case optionLease, optionT1, optionT2:
		if len(b) != 4 {
			return wrongSize(number, b)
		}
		*m.seconds(number) = binary.BigEndian.Uint32(b)
	case optionRouter, optionDNS:
		if len(b) == 0 || len(b)%4 != 0 {
			return wrongSize(number, b)
		}
		*m.address(number) = eth.IP(b[:4])
	case optionMask, optionAsked, optionServer:
		if len(b) != 4 {
			return wrongSize(number, b)
		}
		*m.address(number) = eth.IP(b)
	case optionHost:
		m.Host = string(b)
	case optionText:
		m.Text = string(b)
	}
	return nil
}

func wrongSize(number byte, b []byte) error {
	return fmt.Errorf("dhcp: option %d of %d bytes: %x", number, len(b), b)
}

func (m *Message) seconds(number byte) *uint32 {
	switch number {
	case optionLease:
		return &m.Lease
	case optionT1:
		return &m.Renew
	}
	return &m.Rebind
}

func (m *Message) address(number byte) *eth.IP {
	switch number {
	case optionMask:
		return &m.Mask
	case optionRouter:
		return &m.Router
	case optionDNS:
		return &m.DNS
	case optionAsked:
		return &m.Asked
	}
	return &m.Server
}

// Append puts the message at the end of dst: its type, then the other options
// in the order of their numbers. Texts are cut off after 255 bytes.
func (m *Message) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	dst, err := messages.Append(dst, m)
	if err != nil {
		return dst, err
	}
	dst = append(dst, optionType, 1, byte(m.Type))
	for _, number := range []byte{optionMask, optionRouter, optionDNS, optionHost, optionAsked, optionLease, optionServer, optionText, optionT1, optionT2} {
		switch number {
		case optionHost:
			dst = appendText(dst, number, m.Host)
		case optionText:
			dst = appendText(dst, number, m.Text)
		case optionLease, optionT1, optionT2:
			if v := *m.seconds(number); v != 0 {
				dst = binary.BigEndian.AppendUint32(append(dst, number, 4), v)
			}
		default:
			if a := *m.address(number); a != (eth.IP{}) {
				dst = append(append(dst, number, 4), a[:]...)
			}
		}
	}
	dst = append(dst, optionEnd)
	for len(dst)-start < sizeMin {
		dst = append(dst, optionPad)
	}
	return dst, nil
}

func appendText(dst []byte, number byte, s string) []byte {
	if s == "" {
		return dst
	}
	s = s[:min(len(s), 255)]
	return append(append(dst, number, byte(len(s))), s...)
}

// Reply is the beginning of a server's answer: of the same conversation, to the
// same client.
func (m *Message) Reply(t Type, server eth.IP) Message {
	return Message{Op: FromServer, ID: m.ID, Broadcast: m.Broadcast, Relay: m.Relay, MAC: m.MAC, Type: t, Server: server}
}

// String is the message in one line, as "ACK 02:53:59:00:00:02 yours 10.0.0.100
// server 10.0.0.4 lease 60 s".
func (m *Message) String() string {
	s := m.Type.String() + " " + m.MAC.String()
	for _, f := range []struct {
		name string
		a    eth.IP
	}{{"has", m.Client}, {"asks", m.Asked}, {"yours", m.Yours}, {"server", m.Server}} {
		if f.a != (eth.IP{}) {
			s += " " + f.name + " " + f.a.String()
		}
	}
	switch {
	case m.Lease == Forever:
		s += " lease for ever"
	case m.Lease != 0:
		s += " lease " + strconv.FormatUint(uint64(m.Lease), 10) + " s"
	}
	if m.Text != "" {
		s += " " + strconv.Quote(m.Text)
	}
	return s
}
