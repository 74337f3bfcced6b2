package wire_test

import (
	"hash/fnv"

	"example.com/dsim/protocols/wire"
)

// The layouts of the tests are packets the library is meant for.

// header is the first part of a DECnet short data packet (Routing 2.0.0): flag
// bits and little-endian node addresses of area and number.
type header struct {
	ReturnRequested, Returning bool
	DestinationArea            uint8
	Destination                uint16
	SourceArea                 uint8
	Source                     uint16
	Visits                     uint8
	Segment                    []byte
}

var short = wire.NewLayout("short",
	wire.Bits("flags", 1,
		wire.Part("type", 0, 3, func(*header) *uint8 { return new(uint8) }).Const(2),
		wire.Flag("rqr", 3, func(h *header) *bool { return &h.ReturnRequested }),
		wire.Flag("rts", 4, func(h *header) *bool { return &h.Returning }),
	).Strict(),
	wire.Bits("destination", 2,
		wire.Part("destination", 0, 10, func(h *header) *uint16 { return &h.Destination }),
		wire.Part("area", 10, 6, func(h *header) *uint8 { return &h.DestinationArea }),
	).LE(),
	wire.Bits("source", 2,
		wire.Part("source", 0, 10, func(h *header) *uint16 { return &h.Source }).Range(1, 1023),
		wire.Part("area", 10, 6, func(h *header) *uint8 { return &h.SourceArea }).Range(1, 63),
	).LE(),
	wire.Bits("forward", 1, wire.Part("visits", 0, 6, func(h *header) *uint8 { return &h.Visits })),
	wire.Rest("segment", 570, func(h *header) *[]byte { return &h.Segment }),
)

// lan is DECnet on Ethernet: a counted message, the frame padded to 60 bytes.
type lan struct {
	Destination, Source [6]byte
	Message             []byte
}

var onLAN = wire.NewLayout("lan",
	wire.Fixed("destination", func(l *lan) []byte { return l.Destination[:] }),
	wire.Fixed("source", func(l *lan) []byte { return l.Source[:] }),
	wire.Literal[lan]("ethertype", "\x60\x03"),
	wire.Counted("message", 2, 1498, func(l *lan) *[]byte { return &l.Message }).LE().Min(1),
	wire.Pad[lan](60, 1514).With(0x42),
)

// every has one of each field.
type every struct {
	Byte    uint8
	Kind    kind
	Word    uint16
	Three   uint32
	Long    uint32
	Huge    uint64
	Mode    uint8
	On      bool
	Name    []byte
	Address [4]byte
	Body    []byte
}

type kind uint16

var all = wire.NewLayout("every",
	wire.U8("byte", func(e *every) *uint8 { return &e.Byte }).Range(3, 200),
	wire.U16("kind", func(e *every) *kind { return &e.Kind }).LE().Enum(wire.Named{Value: 1, Name: "one"}, wire.Named{Value: 0x100, Name: "many"}),
	wire.U16("word", func(e *every) *uint16 { return &e.Word }).Const(0xbeef),
	wire.U24("three", func(e *every) *uint32 { return &e.Three }),
	wire.U32("long", func(e *every) *uint32 { return &e.Long }).LE().Hex(),
	wire.U64("huge", func(e *every) *uint64 { return &e.Huge }),
	wire.Bits("bits", 2,
		wire.Part("mode", 1, 4, func(e *every) *uint8 { return &e.Mode }).Names("", "slow", "fast"),
		wire.Flag("on", 15, func(e *every) *bool { return &e.On }),
	),
	wire.Reserved[every]("reserved", 2),
	wire.Reserved[every]("zero", 1).Checked(),
	wire.Counted("name", 1, 20, func(e *every) *[]byte { return &e.Name }),
	wire.Fixed("address", func(e *every) []byte { return e.Address[:] }),
	wire.Rest("body", 100, func(e *every) *[]byte { return &e.Body }).Min(1),
	wire.CRC32[every]("crc").LE(),
	wire.Sum[every]("fnv", 2, func(b []byte) uint64 {
		h := fnv.New32a()
		h.Write(b)
		return uint64(h.Sum32() & 0xffff)
	}),
)
