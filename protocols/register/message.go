package register

import (
	"example.com/dsim/cells"
	"example.com/dsim/protocols/wire"
)

// message is what goes over a link.
type message struct {
	Kind    uint8
	Session uint64
	Phase   uint32
	Key     uint16
	Version version
	Value   uint64
}

const (
	kindQuery = iota
	kindValue
	kindStore
	kindStored
)

// version orders values: by stamp, and where two writers took the same, by
// their sessions.
type version struct{ Stamp, Writer uint64 }

func (v version) less(w version) bool {
	return v.Stamp < w.Stamp || v.Stamp == w.Stamp && v.Writer < w.Writer
}

var messages = wire.NewLayout("register",
	wire.U8("kind", func(m *message) *uint8 { return &m.Kind }).Names("query", "value", "store", "stored"),
	wire.U64("session", func(m *message) *uint64 { return &m.Session }).Hex(),
	wire.U32("phase", func(m *message) *uint32 { return &m.Phase }),
	wire.U16("key", func(m *message) *uint16 { return &m.Key }),
	wire.U64("stamp", func(m *message) *uint64 { return &m.Version.Stamp }).Range(0, stampMax),
	wire.U64("writer", func(m *message) *uint64 { return &m.Version.Writer }).Hex(),
	wire.U64("value", func(m *message) *uint64 { return &m.Value }).Hex(),
	wire.CRC32[message]("crc"),
)

// stampMax bounds stamps, so that one greater is always one.
const stampMax = 1<<63 - 1

// Print shows a message in one line, for traces and people.
func Print(b []byte) string {
	var m message
	if err := messages.Decode(b, &m); err != nil {
		return err.Error()
	}
	return messages.Print(&m)
}

func send(e cells.Env, p cells.Port, m *message) {
	b, err := messages.Append(e.Buf(), m)
	if err != nil {
		panic("register: " + err.Error()) // all values are ours, or were decoded
	}
	e.Send(p, b)
}
