package eth

import (
	"strconv"

	"example.com/dsim/protocols/wire"
)

// HeaderSize is the bytes in front of what a frame carries.
const HeaderSize = 14

// FrameMax bounds the frames this package makes and takes: what an IPv4 packet
// of the greatest length needs.
const FrameMax = HeaderSize + 0xffff

// EtherType says what a frame carries. Below 0x600 it is a length, of IEEE
// 802.3, and no type.
type EtherType uint16

// Types of frames.
const (
	TypeIPv4 EtherType = 0x0800
	TypeARP  EtherType = 0x0806
	TypeVLAN EtherType = 0x8100
	TypeIPv6 EtherType = 0x86dd
)

// typeMin is the least number that is a type.
const typeMin EtherType = 0x600

// String is the type's name, or its number.
func (t EtherType) String() string {
	switch t {
	case TypeIPv4:
		return "ipv4"
	case TypeARP:
		return "arp"
	case TypeVLAN:
		return "vlan"
	case TypeIPv6:
		return "ipv6"
	}
	if t < typeMin {
		return "length " + strconv.Itoa(int(t))
	}
	return "0x" + strconv.FormatUint(0x10000|uint64(t), 16)[1:]
}

// Frame is an Ethernet frame, version II: without preamble, padding and frame
// check sequence.
type Frame struct {
	Destination MAC
	Source      MAC
	Type        EtherType
	Payload     []byte
}

var frames = wire.NewLayout("ethernet",
	wire.Fixed("destination", func(f *Frame) []byte { return f.Destination[:] }),
	wire.Fixed("source", func(f *Frame) []byte { return f.Source[:] }),
	wire.U16("type", func(f *Frame) *EtherType { return &f.Type }).Hex(),
	wire.Rest("payload", FrameMax-HeaderSize, func(f *Frame) *[]byte { return &f.Payload }),
)

// Parse reads a frame, whose bytes the payload shares.
func (f *Frame) Parse(b []byte) error { return frames.Decode(b, f) }

// Append puts the frame at the end of dst. It fails if the payload is longer
// than 65,535 bytes.
func (f *Frame) Append(dst []byte) ([]byte, error) { return frames.Append(dst, f) }
