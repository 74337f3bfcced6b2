package eth

import (
	"encoding/binary"
	"errors"
	"strconv"

	"example.com/dsim/protocols/wire"
)

// Sizes of a header, without options and with as many as there may be.
const (
	IPv4Size    = 20
	ipv4SizeMax = 60
)

// TTL is the time to live of packets made here, in hops.
const TTL = 64

// ErrFragment says that an IPv4 packet is a part of one: nothing here puts them
// together again.
var ErrFragment = errors.New("ipv4: is a fragment, and fragments are not put together here")

// Protocol is the number of what an IPv4 packet carries.
type Protocol uint8

// Protocols on IPv4.
const (
	ProtocolICMP Protocol = 1
	ProtocolTCP  Protocol = 6
	ProtocolUDP  Protocol = 17
)

// String is the protocol's name, or its number.
func (p Protocol) String() string {
	switch p {
	case ProtocolICMP:
		return "icmp"
	case ProtocolTCP:
		return "tcp"
	case ProtocolUDP:
		return "udp"
	}
	return strconv.Itoa(int(p))
}

// IPv4 is a packet of RFC 791 that is whole: no fragment.
type IPv4 struct {
	Service     uint8 // type of service
	ID          uint16
	Fragment    uint16 // flags and offset: at most DontFragment
	TTL         uint8
	Protocol    Protocol
	Source      IP
	Destination IP
	Options     []byte // as they are, up to 40 bytes; none is obeyed
	Payload     []byte

	words    uint8  // of the header
	length   uint16 // of header and payload
	checksum uint16
}

// DontFragment is the one flag of Fragment that a whole packet may have.
const DontFragment = 0x4000

// RFC 791, section 3.1, up to the options.
var ipv4s = wire.NewLayout("ipv4",
	wire.Bits("version", 1,
		wire.Part("version", 4, 4, func(p *IPv4) *uint8 { return &p.words }).Const(4),
		wire.Part("words", 0, 4, func(p *IPv4) *uint8 { return &p.words }).Range(IPv4Size/4, ipv4SizeMax/4),
	),
	wire.U8("service", func(p *IPv4) *uint8 { return &p.Service }),
	wire.U16("length", func(p *IPv4) *uint16 { return &p.length }).Range(IPv4Size, 0xffff),
	wire.U16("id", func(p *IPv4) *uint16 { return &p.ID }),
	wire.U16("fragment", func(p *IPv4) *uint16 { return &p.Fragment }).Hex(),
	wire.U8("ttl", func(p *IPv4) *uint8 { return &p.TTL }),
	wire.U8("protocol", func(p *IPv4) *Protocol { return &p.Protocol }),
	wire.U16("checksum", func(p *IPv4) *uint16 { return &p.checksum }).Hex(),
	wire.Fixed("source", func(p *IPv4) []byte { return p.Source[:] }),
	wire.Fixed("destination", func(p *IPv4) []byte { return p.Destination[:] }),
)

// Parse reads the packet of an IPv4 frame; what follows its length is padding.
func (p *IPv4) Parse(b []byte) error {
	if _, err := ipv4s.DecodePrefix(b, p); err != nil {
		return err
	}
	header, length := 4*int(p.words), int(p.length)
	switch {
	case length > len(b):
		return &wire.Error{Layout: "ipv4", Field: "length", Offset: 2, Problem: wire.TooShort, Got: uint64(len(b)), Want: uint64(length)}
	case header > length:
		return &wire.Error{Layout: "ipv4", Field: "length", Offset: 2, Problem: wire.OutOfRange, Got: uint64(length), Want: uint64(header)}
	}
	if s := sum(0).bytes(b[:header]); s.checksum() != 0 {
		want := (s + sum(^p.checksum)).checksum()
		return &wire.Error{Layout: "ipv4", Field: "checksum", Offset: 10, Problem: wire.BadChecksum, Got: uint64(p.checksum), Want: uint64(want)}
	}
	p.Options, p.Payload = b[IPv4Size:header:header], b[header:length:length]
	if p.Fragment&^DontFragment != 0 {
		return ErrFragment
	}
	return nil
}

// appendHeader puts the header of a packet with so many bytes of payload at the
// end of dst.
func (p *IPv4) appendHeader(dst []byte, payload int) ([]byte, error) {
	options := len(p.Options)
	if options%4 != 0 || options > ipv4SizeMax-IPv4Size {
		return dst, &wire.Error{Layout: "ipv4", Field: "options", Offset: IPv4Size, Problem: wire.OutOfRange, Got: uint64(options), Want: uint64(min(options/4*4, ipv4SizeMax-IPv4Size))}
	}
	length := IPv4Size + options + payload
	if length > 0xffff {
		return dst, &wire.Error{Layout: "ipv4", Field: "length", Offset: 2, Problem: wire.TooLarge, Got: uint64(length), Want: 0xffff}
	}
	if p.Fragment&^DontFragment != 0 {
		return dst, ErrFragment
	}
	p.words, p.length, p.checksum = uint8((IPv4Size+options)/4), uint16(length), 0
	start := len(dst)
	dst, err := ipv4s.Append(dst, p)
	if err != nil {
		return dst, err
	}
	dst = append(dst, p.Options...)
	p.checksum = sum(0).bytes(dst[start:]).checksum()
	binary.BigEndian.PutUint16(dst[start+10:], p.checksum)
	return dst, nil
}

// Append puts header and payload at the end of dst, with length and checksum as
// they must be. It fails for more than 65,535 bytes, options that are not whole
// words, and fragments.
func (p *IPv4) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	dst, err := p.appendHeader(dst, len(p.Payload))
	if err != nil {
		return dst[:start], err
	}
	return append(dst, p.Payload...), nil
}
