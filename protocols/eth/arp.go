package eth

import (
	"strconv"

	"example.com/dsim/protocols/wire"
)

// ARPSize is the bytes of an ARP packet for IPv4 on Ethernet.
const ARPSize = 28

// Operation is what an ARP packet asks or answers.
type Operation uint16

// The operations: of RFC 826, which IP has which MAC, and of RFC 2390, the
// other way round.
const (
	Request        Operation = 1
	Reply          Operation = 2
	InverseRequest Operation = 8
	InverseReply   Operation = 9
)

// String is the operation's word, or its number.
func (o Operation) String() string {
	switch o {
	case Request:
		return "request"
	case Reply:
		return "reply"
	case InverseRequest:
		return "inverse-request"
	case InverseReply:
		return "inverse-reply"
	}
	return strconv.Itoa(int(o))
}

// ARP is an ARP packet for IPv4 on Ethernet; other kinds are refused.
type ARP struct {
	Operation Operation
	SenderMAC MAC
	SenderIP  IP
	TargetMAC MAC // zero in a request: it is what is asked for
	TargetIP  IP
}

// The format of RFC 826, with both kinds of addresses fixed.
var arps = wire.NewLayout("arp",
	wire.Literal[ARP]("hardware", "\x00\x01"), // Ethernet
	wire.Literal[ARP]("protocol", "\x08\x00"), // IPv4
	wire.Literal[ARP]("lengths", "\x06\x04"),
	wire.U16("operation", func(a *ARP) *Operation { return &a.Operation }),
	wire.Fixed("sender-mac", func(a *ARP) []byte { return a.SenderMAC[:] }),
	wire.Fixed("sender-ip", func(a *ARP) []byte { return a.SenderIP[:] }),
	wire.Fixed("target-mac", func(a *ARP) []byte { return a.TargetMAC[:] }),
	wire.Fixed("target-ip", func(a *ARP) []byte { return a.TargetIP[:] }),
)

// Parse reads the packet of an ARP frame; what follows it is padding.
func (a *ARP) Parse(b []byte) error {
	_, err := arps.DecodePrefix(b, a)
	return err
}

// Append puts the packet at the end of dst.
func (a *ARP) Append(dst []byte) ([]byte, error) { return arps.Append(dst, a) }
