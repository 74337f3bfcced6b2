package abp

import (
	"encoding/binary"

	"example.com/dsim/des"
	"example.com/dsim/protocols/wire"
)

// datagram is what goes over the link.
type datagram struct {
	Kind    uint8
	Bit     uint8
	Payload []byte // data: a message
}

const (
	kindData = 0
	kindAck  = 1
)

// overhead is what a datagram adds to its payload.
const overhead = 6

var datagrams = layout(wire.CRC32[datagram]("crc"))

// unchecked is for the canary that takes corrupted datagrams.
var unchecked = layout(wire.CRC32[datagram]("crc").Ignored())

func layout(crc wire.Field[datagram]) *wire.Layout[datagram] {
	return wire.NewLayout("abp",
		wire.U8("kind", func(d *datagram) *uint8 { return &d.Kind }).Names("data", "ack"),
		wire.U8("bit", func(d *datagram) *uint8 { return &d.Bit }).Range(0, 1),
		wire.Rest("payload", SizeMax, func(d *datagram) *[]byte { return &d.Payload }),
		crc,
	)
}

// message is the payload of data. Its stream and number let an oracle follow
// it from end to end.
type message struct {
	Stream uint64
	Number uint64
	Body   []byte
}

var messages = wire.NewLayout("message",
	wire.U64("stream", func(m *message) *uint64 { return &m.Stream }).Hex(),
	wire.U64("number", func(m *message) *uint64 { return &m.Number }),
	wire.Rest("body", SizeMax-SizeMin, func(m *message) *[]byte { return &m.Body }),
)

// Print shows a datagram in one line, for traces and people.
func Print(b []byte) string {
	var d datagram
	var m message
	if err := datagrams.Decode(b, &d); err != nil {
		return err.Error()
	}
	if d.Kind == kindData && messages.Decode(d.Payload, &m) == nil {
		return "abp kind=data bit=" + string('0'+d.Bit) + messages.Print(&m)[len(messages.Name()):]
	}
	return datagrams.Print(&d)
}

// appendPattern appends n bytes that follow from a message's stream and number
// alone.
func appendPattern(dst []byte, stream, number uint64, n int) []byte {
	var word [8]byte
	for i := uint64(0); n > 0; i++ {
		f := des.Fold(stream)
		f.Add(number)
		f.Add(i)
		binary.LittleEndian.PutUint64(word[:], uint64(f))
		k := min(n, len(word))
		dst = append(dst, word[:k]...)
		n -= k
	}
	return dst
}

// contentHash is a hash of all bytes of a payload.
func contentHash(payload []byte) int64 {
	var f des.Fold
	f.Frame(0, 0, payload, true)
	return int64(f)
}
