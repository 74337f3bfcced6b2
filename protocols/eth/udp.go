package eth

import (
	"encoding/binary"

	"example.com/dsim/protocols/wire"
)

// UDPSize is the bytes of a UDP header.
const UDPSize = 8

// UDP is a datagram of RFC 768.
type UDP struct {
	Source      uint16
	Destination uint16
	Payload     []byte

	length   uint16
	checksum uint16
}

var udps = wire.NewLayout("udp",
	wire.U16("source", func(u *UDP) *uint16 { return &u.Source }),
	wire.U16("destination", func(u *UDP) *uint16 { return &u.Destination }),
	wire.U16("length", func(u *UDP) *uint16 { return &u.length }).Range(UDPSize, 0xffff),
	wire.U16("checksum", func(u *UDP) *uint16 { return &u.checksum }).Hex(),
)

// Parse reads the payload of an IPv4 packet between two IPs. What follows the
// datagram's length is padding; a checksum of 0 is none.
func (u *UDP) Parse(b []byte, source, destination IP) error {
	if _, err := udps.DecodePrefix(b, u); err != nil {
		return err
	}
	length := int(u.length)
	if length > len(b) {
		return &wire.Error{Layout: "udp", Field: "length", Offset: 4, Problem: wire.TooShort, Got: uint64(len(b)), Want: uint64(length)}
	}
	if u.checksum != 0 {
		if s := pseudo(source, destination, ProtocolUDP, length).bytes(b[:length]); s.checksum() != 0 {
			want := (s + sum(^u.checksum)).checksum()
			return &wire.Error{Layout: "udp", Field: "checksum", Offset: 6, Problem: wire.BadChecksum, Got: uint64(u.checksum), Want: uint64(want)}
		}
	}
	u.Payload = b[UDPSize:length:length]
	return nil
}

// Append puts the datagram at the end of dst, with the checksum that it has
// between two IPs. It fails for more than 65,535 bytes.
func (u *UDP) Append(dst []byte, source, destination IP) ([]byte, error) {
	start := len(dst)
	length := UDPSize + len(u.Payload)
	if length > 0xffff {
		return dst, &wire.Error{Layout: "udp", Field: "length", Offset: 4, Problem: wire.TooLarge, Got: uint64(length), Want: 0xffff}
	}
	u.length, u.checksum = uint16(length), 0
	dst, err := udps.Append(dst, u)
	if err != nil {
		return dst[:start], err
	}
	dst = append(dst, u.Payload...)
	u.checksum = pseudo(source, destination, ProtocolUDP, length).bytes(dst[start:]).checksum()
	if u.checksum == 0 {
		u.checksum = 0xffff // RFC 768: 0 would say that there is none
	}
	binary.BigEndian.PutUint16(dst[start+6:], u.checksum)
	return dst, nil
}
